"""Streams with rows that cannot be stored: these are set aside with a reason, and the others are stored."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import pytest

from pysqlsync_engine.data.load_options import History, LoadMode, OnDuplicate, OnError
from pysqlsync_engine.data.load_report import Counts, LoadReport
from pysqlsync_engine.errors import LoadError
from pysqlsync_engine.model.data_types import SqlCharacter, SqlDate, SqlInteger, SqlTimestamp
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.object_types import (
    CheckConstraint,
    ForeignKeyConstraint,
    Lookup,
    Table,
    UniqueConstraint,
)
from pysqlsync_engine.session import Row, Session
from tests.row_tables import PEOPLE_SQL, column, dialect_of, open_session, quoted, store, table
from tests.servers import Server

CHECK = CheckConstraint(LocalId("people_points_check"), "points < 100", columns=(LocalId("points"),))

PEOPLE = table(
    "people",
    column("id", SqlInteger(4)),
    column("name", SqlCharacter(20)),
    column("born", SqlDate(), nullable=True),
    column("points", SqlInteger(2)),
    constraints=(CHECK, UniqueConstraint(LocalId("people_name_key"), (LocalId("name"),))),
)

ALL = {"id": int, "name": str, "born": date, "points": int}

STORING = [LoadMode.INSERT, LoadMode.UPSERT, LoadMode.REPLACE, LoadMode.MIRROR]


@pytest.fixture
async def session(database: Server) -> AsyncIterator[Session]:
    async with open_session(database) as session:
        await session.execute(PEOPLE_SQL)
        yield session


def person(number: int, **changes: Any) -> Row:
    return tuple({"id": number, "name": f"name {number}", "born": None, "points": 1, **changes}.values())


async def people(session: Session) -> list[Row]:
    return await session.fetch("SELECT id, name, born, points FROM people ORDER BY id")


async def lenient(
    session: Session,
    target: Table,
    mode: LoadMode,
    fields: dict[str, Any],
    rows: list[Row] | Iterator[Row],
    **options: Any,
) -> LoadReport:
    return await store(session, target, mode, fields, rows, on_error=OnError.QUARANTINE, **options)


async def rejected(session: Session, name: str = "people__rejected") -> list[tuple[int, str | None, str]]:
    """:returns: Number, column and reason of each row that was set aside."""
    number, place = quoted(session, "row_number"), quoted(session, name)
    rows = await session.fetch(f"SELECT {number}, column_name, reason FROM {place} ORDER BY id")
    return [(number, at, reason) for number, at, reason in rows]


BAD: dict[int, dict[str, Any]] = {
    20: {"points": "seven"},
    40: {"points": None},
    60: {"points": 40_000},
    80: {"points": 100},
    100: {"name": "x" * 21},
    120: {"name": "\ud800"},
    140: {"born": "2000-01-01"},
    160: {"id": None},
    180: {"name": "name 3"},
}

COLUMNS = {
    20: "points",
    40: "points",
    60: "points",
    80: "points",
    100: "name",
    120: "name",
    140: "born",
    160: "id",
    180: "name",
}


@pytest.mark.parametrize("mode", STORING)
async def test_bad_rows_are_set_aside_and_the_others_are_stored(session: Session, mode: LoadMode) -> None:
    rows = [person(number, **BAD.get(number, {})) for number in range(1, 201)]
    report = await lenient(session, PEOPLE, mode, ALL, rows)
    assert report.counts == Counts(inserted=191, rejected=9)
    assert (report.rows, report.rejected) == (200, 9)
    assert await people(session) == [row for number, row in enumerate(rows, 1) if number not in BAD]
    found = await rejected(session)
    assert {number: at for number, at, _ in found} == COLUMNS
    assert len(found) == 9
    assert all(reason for _, _, reason in found)


async def test_a_rejected_row_is_kept_with_its_values_and_where_it_came_from(session: Session) -> None:
    rows = [person(1), person(2, points="bad"), person(3, points=100, born=date(2000, 1, 1))]
    await lenient(session, PEOPLE, LoadMode.UPSERT, ALL, rows)
    row_number = quoted(session, "row_number")
    records = await session.fetch(f"SELECT {row_number}, record, rejected_at FROM people__rejected ORDER BY id")
    assert [number for number, _, _ in records] == [2, 3]
    assert json.loads(records[0][1]) == {"id": "2", "name": "name 2", "born": None, "points": "bad"}
    assert json.loads(records[1][1]) == {"id": "3", "name": "name 3", "born": "2000-01-01", "points": "100"}
    assert all(moment is not None for _, _, moment in records)


async def test_a_stream_without_bad_rows_is_as_any_other(session: Session) -> None:
    await store(session, PEOPLE, LoadMode.INSERT, ALL, [person(1), person(2)])
    rows = [person(2, points=5), person(3), person(2, points=6)]
    report = await lenient(session, PEOPLE, LoadMode.UPSERT, ALL, rows)
    assert report.counts == Counts(inserted=1, updated=1, superseded=1)
    assert await people(session) == [person(1), person(2, points=6), person(3)]
    assert await rejected(session) == []


@pytest.mark.parametrize("mode", STORING)
async def test_too_many_bad_rows_let_the_stream_fail(session: Session, mode: LoadMode) -> None:
    rows = [person(number, points=None if number % 10 == 0 else 1) for number in range(1, 51)]
    with pytest.raises(LoadError, match="max_rejects=4"):
        await lenient(session, PEOPLE, mode, ALL, rows, max_rejects=4)
    assert await people(session) == []
    assert await rejected(session) == []
    report = await lenient(session, PEOPLE, mode, ALL, rows, max_rejects=5)
    assert report.rejected == 5
    with pytest.raises(LoadError, match="max_rejects=0"):
        await lenient(session, PEOPLE, LoadMode.UPSERT, ALL, [person(1, points="x")], max_rejects=0)


async def test_a_check_of_columns_that_the_stream_lacks_does_not_count_other_bad_rows_twice(session: Session) -> None:
    # nobody knows which columns it is about, so it is asked, in vain
    blind = replace(CHECK, name=LocalId("people_born_check"), expression="born > '1900-01-01'", columns=())
    people_of_age = replace(PEOPLE, constraints=(*PEOPLE.constraints, blind))
    fields = {name: ALL[name] for name in ("id", "name", "points")}
    rows: list[Row] = [(1, "Ada", 1), (2, "Bob", None), (3, "Ada", 3), (4, "Cy", 100), (5, "Di", 5)]
    report = await lenient(session, people_of_age, LoadMode.UPSERT, fields, rows, max_rejects=3)
    assert report.counts == Counts(inserted=2, rejected=3)
    assert sorted(await rejected(session)) == sorted(set(await rejected(session)))
    assert sorted((number, at) for number, at, _ in await rejected(session)) == [
        (2, "points"),
        (3, "name"),
        (4, "points"),
    ]


PETS_SQL = """
    CREATE TABLE pets (
        id int PRIMARY KEY, owner int, CONSTRAINT pets_owner_fkey FOREIGN KEY (owner) REFERENCES people (id)
    )
"""

PETS = table(
    "pets",
    column("id", SqlInteger(4)),
    column("owner", SqlInteger(4), nullable=True),
    constraints=(
        ForeignKeyConstraint(
            LocalId("pets_owner_fkey"), (LocalId("owner"),), QualifiedId("public", "people"), (LocalId("id"),)
        ),
    ),
)


@pytest.mark.parametrize("mode", STORING)
async def test_rows_that_refer_to_nothing_are_set_aside(session: Session, mode: LoadMode) -> None:
    await session.execute(PETS_SQL)
    await store(session, PEOPLE, LoadMode.INSERT, ALL, [person(1), person(2)])
    rows = [(number, [1, 2, None, 5][number % 4]) for number in range(1000)]
    report = await lenient(session, PETS, mode, {"id": int, "owner": int}, rows)
    assert report.counts == Counts(inserted=750, rejected=250)
    assert await session.fetch("SELECT count(*) FROM pets") == [(750,)]
    found = await rejected(session, "pets__rejected")
    assert [number for number, _, _ in found] == [number + 1 for number in range(1000) if number % 4 == 3]
    assert {at for _, at, _ in found} == {"owner"}


@pytest.mark.parametrize("mode", STORING)
async def test_rows_that_refer_to_rejected_rows_are_set_aside_too(session: Session, mode: LoadMode) -> None:
    own = ForeignKeyConstraint(
        LocalId("staff_boss_fkey"), (LocalId("boss"),), QualifiedId("public", "staff"), (LocalId("id"),)
    )
    await session.execute(
        "CREATE TABLE staff (id int PRIMARY KEY, boss int,"
        " CONSTRAINT staff_boss_fkey FOREIGN KEY (boss) REFERENCES staff (id))"
    )
    staff = table(
        "staff", column("id", SqlInteger(4)), column("boss", SqlInteger(4), nullable=True), constraints=(own,)
    )
    # 5 -> 4 -> 99, which is missing; 2 -> 3 and 3 -> none
    rows: list[Row] = [(5, 4), (2, 3), (4, 99), (3, None), (6, 5)]
    report = await lenient(session, staff, mode, {"id": int, "boss": int}, rows)
    assert await session.fetch("SELECT id FROM staff ORDER BY id") == [(2,), (3,)]
    assert report.counts == Counts(inserted=2, rejected=3)
    assert sorted(number for number, _, _ in await rejected(session, "staff__rejected")) == [1, 3, 5]


async def test_a_key_that_exists_is_set_aside_by_an_insert(session: Session) -> None:
    await store(session, PEOPLE, LoadMode.INSERT, ALL, [person(1), person(2)])
    rows = [person(2, name="other"), person(3), person(3, name="again"), person(4)]
    report = await lenient(session, PEOPLE, LoadMode.INSERT, ALL, rows)
    assert report.counts == Counts(inserted=2, rejected=2)
    assert await people(session) == [person(number) for number in range(1, 5)]
    assert [(number, at) for number, at, _ in await rejected(session)] == [(1, "id"), (3, "id")]


@pytest.mark.parametrize("mode", [LoadMode.UPSERT, LoadMode.REPLACE, LoadMode.MIRROR])
async def test_further_rows_of_a_key_are_set_aside_if_that_is_asked_for(session: Session, mode: LoadMode) -> None:
    rows = [person(1), person(2), person(1, points=5), person(1, points=6)]
    report = await lenient(session, PEOPLE, mode, ALL, rows, on_duplicate=OnDuplicate.ERROR)
    assert report.counts == Counts(inserted=2, rejected=2)
    assert await people(session) == rows[:2]


async def test_unique_values_of_other_rows_are_set_aside(session: Session) -> None:
    await store(session, PEOPLE, LoadMode.INSERT, ALL, [person(1), person(2)])
    rows = [person(3, name="name 1"), person(4, name="new"), person(5, name="new"), person(2, points=7)]
    report = await lenient(session, PEOPLE, LoadMode.UPSERT, ALL, rows)
    assert report.counts == Counts(inserted=1, updated=1, rejected=2)
    assert await people(session) == [person(1), person(2, points=7), person(4, name="new")]
    assert sorted((number, at) for number, at, _ in await rejected(session)) == [(1, "name"), (3, "name")]


async def test_unknown_labels_are_set_aside(session: Session) -> None:
    await session.execute("CREATE TABLE states (id int PRIMARY KEY, value varchar(9) UNIQUE NOT NULL)")
    await session.execute("INSERT INTO states VALUES (10, 'open'), (20, 'shut')")
    await session.execute("CREATE TABLE doors (id int PRIMARY KEY, state int)")
    lookup = Lookup(LocalId("state"), QualifiedId("public", "states"))
    doors = table(
        "doors", column("id", SqlInteger(4)), column("state", SqlInteger(4), nullable=True), lookups=(lookup,)
    )
    rows = [(1, "open"), (2, "ajar"), (3, None), (4, "shut")]
    report = await lenient(session, doors, LoadMode.UPSERT, {"id": int, "state": str}, rows)
    assert report.counts == Counts(inserted=3, rejected=1)
    assert await session.fetch("SELECT id, state FROM doors ORDER BY id") == [(1, 10), (3, None), (4, 20)]
    ((record,),) = await session.fetch("SELECT record FROM doors__rejected")
    assert json.loads(record) == {"id": "2", "state": "ajar"}


TRIGGER = {
    "postgresql": [
        (
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
            " $$BEGIN IF NEW.points = 13 THEN RAISE 'unlucky'; END IF; RETURN NEW; END$$"
        ),
        "CREATE TRIGGER refuse BEFORE INSERT ON people FOR EACH ROW EXECUTE FUNCTION refuse()",
    ],
    "mysql": [
        (
            "CREATE TRIGGER refuse BEFORE INSERT ON people FOR EACH ROW"
            " IF NEW.points = 13 THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'unlucky'; END IF"
        )
    ],
}


@pytest.mark.parametrize("mode", STORING)
async def test_what_only_the_server_knows_is_found_row_by_row(session: Session, mode: LoadMode) -> None:
    for statement in TRIGGER[dialect_of(session)]:
        await session.execute(statement)
    bad = {17, 400, 401, 999}
    rows = [person(number, points=13 if number in bad else 1) for number in range(1, 1000)]
    report = await lenient(session, PEOPLE, mode, ALL, rows)
    assert report.counts == Counts(inserted=995, rejected=4)
    assert {number for number, _, _ in await rejected(session)} == bad
    assert {row[0] for row in await people(session)} == set(range(1, 1000)) - bad
    assert all("unlucky" in reason for _, _, reason in await rejected(session))


async def test_a_mirror_keeps_rows_whose_new_values_are_bad(session: Session) -> None:
    await store(session, PEOPLE, LoadMode.INSERT, ALL, [person(1), person(2), person(3)])
    # the server finds it, so that its key is known
    report = await lenient(session, PEOPLE, LoadMode.MIRROR, ALL, [person(1), person(2, points=100)])
    assert report.counts == Counts(updated=1, deleted=1, rejected=1)
    assert await people(session) == [person(1), person(2)]


async def test_a_mirror_deletes_nothing_if_keys_of_bad_rows_are_not_known(session: Session) -> None:
    await store(session, PEOPLE, LoadMode.INSERT, ALL, [person(1), person(2), person(3)])
    report = await lenient(session, PEOPLE, LoadMode.MIRROR, ALL, [person(1, points=7), (None, "x", "bad", "bad")])
    assert report.counts == Counts(updated=1, rejected=1)
    assert await people(session) == [person(1, points=7), person(2), person(3)]
    assert any("were kept" in note for note in report.notes)


async def test_rows_that_others_refer_to_are_not_deleted_and_the_others_are(session: Session) -> None:
    await session.execute(PETS_SQL)
    await store(session, PEOPLE, LoadMode.INSERT, ALL, [person(number) for number in range(10)])
    await store(session, PETS, LoadMode.INSERT, {"id": int, "owner": int}, [(1, 7)])
    report = await lenient(session, PEOPLE, LoadMode.DELETE, {"id": int}, [(3,), (7,), (4,)])
    assert report.counts == Counts(deleted=2, rejected=1)
    assert len(await people(session)) == 8
    assert [number for number, _, _ in await rejected(session)] == [2]


async def test_new_rows_without_a_value_that_they_need_are_set_aside(session: Session) -> None:
    await store(session, PEOPLE, LoadMode.INSERT, ALL, [person(1)])
    report = await lenient(session, PEOPLE, LoadMode.UPSERT, {"id": int, "name": str}, [(1, "x"), (2, "y"), (1, "z")])
    assert report.counts == Counts(updated=1, superseded=1, rejected=1)
    assert await people(session) == [person(1, name="z")]
    assert [(number, at) for number, at, _ in await rejected(session)] == [(2, "points")]


async def test_a_failing_stream_leaves_no_rejected_rows(session: Session) -> None:
    def rows() -> Iterator[Row]:
        yield from (person(number, points="x" if number == 5 else 1) for number in range(70_000))
        raise OSError("the file is cut off")

    with pytest.raises(OSError, match="cut off"):
        await lenient(session, PEOPLE, LoadMode.UPSERT, ALL, rows())
    assert await people(session) == []
    assert await rejected(session) == []


async def test_the_name_of_the_table_for_rejected_rows_is_never_too_long(session: Session) -> None:
    name = "t" * 60
    await session.execute(f"CREATE TABLE {name} (id int PRIMARY KEY)")
    long = table(name, column("id", SqlInteger(4)))
    report = await lenient(session, long, LoadMode.UPSERT, {"id": int}, [(1,), ("x",)])
    assert report.counts == Counts(inserted=1, rejected=1)
    (note,) = report.notes
    place = note.removeprefix("rejected rows are in ").rpartition(".")[2]
    assert place.endswith("__rejected")
    assert [number for number, _, _ in await rejected(session, place)] == [2]


async def test_a_history_does_not_end_versions_of_rows_that_are_set_aside(session: Session) -> None:
    moment = {"postgresql": "timestamp(6)", "mysql": "datetime(6)"}[dialect_of(session)]
    await session.execute(
        f"CREATE TABLE prices (id int, valid_from {moment}, valid_to {moment} NULL, price int NOT NULL,"
        " PRIMARY KEY (id, valid_from))"
    )
    prices = table(
        "prices",
        column("id", SqlInteger(4)),
        column("valid_from", SqlTimestamp(6)),
        column("valid_to", SqlTimestamp(6), nullable=True),
        column("price", SqlInteger(4)),
        key="id valid_from",
    )
    fields, shown = {"id": int, "price": int}, "SELECT id, price, valid_to IS NULL FROM prices ORDER BY id, valid_from"

    async def keep(day: int, *rows: Row) -> LoadReport:
        history = History(at=datetime(2024, 1, day), closes_missing=True)
        return await lenient(session, prices, LoadMode.HISTORY, fields, list(rows), history=history)

    await keep(1, (1, 10), (2, 20), (3, 30))
    # of the second row the server says what is wrong, so that its key is known
    report = await keep(2, (1, 11), (2, None))
    assert report.counts == Counts(updated=1, deleted=1, rejected=1)
    assert await session.fetch(shown) == [(1, 10, False), (1, 11, True), (2, 20, True), (3, 30, False)]
    report = await keep(3, (1, "x"), (2, 21))
    assert report.counts == Counts(updated=1, rejected=1)
    assert any("were kept" in note for note in report.notes)


async def test_streams_that_begin_at_once_share_one_table_of_rejected_rows(session: Session, database: Server) -> None:
    async def run(number: int) -> LoadReport:
        async with open_session(database) as other:
            return await lenient(other, PEOPLE, LoadMode.UPSERT, ALL, [person(number), person(-number, points="x")])

    reports = await asyncio.gather(*(run(number) for number in range(1, 5)))
    assert sum((report.counts for report in reports), Counts()) == Counts(inserted=4, rejected=4)
    assert len(await rejected(session)) == 4
