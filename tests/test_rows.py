"""Streams of rows into real tables: what stays, what is refused, and what the refusal says."""

from __future__ import annotations

import asyncio
import re
import resource
from collections.abc import AsyncIterator, Iterator
from datetime import date
from typing import Any

import pytest

from pysqlsync_engine.data.batches import MAX_BATCH_ROWS
from pysqlsync_engine.data.load_options import LoadMode
from pysqlsync_engine.errors import RowError, StatementError
from pysqlsync_engine.model.data_types import SqlCharacter, SqlInteger
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.object_types import ForeignKeyConstraint, IdentityMode
from pysqlsync_engine.session import Row, Session
from tests.row_tables import PEOPLE, PEOPLE_SQL, column, dialect_of, open_session, quoted, shown, store, table
from tests.servers import Server

ALL = {"id": int, "name": str, "born": date, "points": int}

EVERY_MODE = [LoadMode.INSERT, LoadMode.UPSERT]

IDLE = {
    "postgresql": "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'"
    " AND datname = current_database()",
    "mysql": "SELECT count(*) FROM information_schema.innodb_trx x JOIN information_schema.processlist p"
    " ON p.id = x.trx_mysql_thread_id WHERE p.db = database()",
}
"""Counts the transactions that nobody works on in the database."""


@pytest.fixture
async def session(database: Server) -> AsyncIterator[Session]:
    async with open_session(database) as session:
        await session.execute(PEOPLE_SQL)
        yield session


async def people(session: Session) -> list[Row]:
    return await session.fetch("SELECT id, name, born, points FROM people ORDER BY id")


def person(number: int, **changes: Any) -> Row:
    return tuple({"id": number, "name": f"name {number}", "born": None, "points": 1, **changes}.values())


async def test_insert_stores_the_rows_and_counts_them(session: Session) -> None:
    rows = [(1, "Ann", date(2000, 2, 29), 5), (2, "Bob", None, 7)]
    report = await store(session, PEOPLE, LoadMode.INSERT, ALL, rows)
    assert await people(session) == rows
    assert (report.table, report.mode, report.rows, report.affected) == (
        shown(session, "people"),
        LoadMode.INSERT,
        2,
        2,
    )
    assert report.batches == 1
    assert report.seconds > 0


async def test_upsert_inserts_new_rows_and_updates_those_that_exist(session: Session) -> None:
    await store(session, PEOPLE, LoadMode.INSERT, ALL, [person(1), person(2)])
    report = await store(session, PEOPLE, LoadMode.UPSERT, ALL, [person(2, points=9), person(3)])
    assert await people(session) == [person(1), person(2, points=9), person(3)]
    assert (report.rows, report.affected) == (2, 2)


async def test_upsert_keeps_columns_that_were_not_named(session: Session) -> None:
    await store(session, PEOPLE, LoadMode.INSERT, ALL, [(1, "Ann", date(2000, 1, 1), 5)])
    report = await store(session, PEOPLE, LoadMode.UPSERT, {"name": str, "id": int}, [("Eve", 1)])
    assert await people(session) == [(1, "Eve", date(2000, 1, 1), 5)]
    assert report.affected == 1


async def test_upsert_of_a_new_row_needs_every_column_without_a_default(session: Session) -> None:
    await store(session, PEOPLE, LoadMode.INSERT, ALL, [person(1)])
    with pytest.raises(RowError, match=r"people\.points: row 3: (null value|.*doesn't have a default)") as caught:
        await store(session, PEOPLE, LoadMode.UPSERT, {"id": int, "name": str}, [(1, "x"), (1, "y"), (2, "z")])
    assert (caught.value.column, caught.value.row) == ("points", 3)
    assert await people(session) == [person(1)]


async def test_upsert_of_keys_alone_inserts_what_is_missing(session: Session) -> None:
    await session.execute("CREATE TABLE tags (id int PRIMARY KEY, note text)")
    tags = table("tags", column("id", SqlInteger(4)), column("note", SqlCharacter(), nullable=True))
    await session.execute("INSERT INTO tags VALUES (1, 'kept')")
    report = await store(session, tags, LoadMode.UPSERT, {"id": int}, [(1,), (2,), (2,)])
    assert await session.fetch("SELECT * FROM tags ORDER BY id") == [(1, "kept"), (2, None)]
    assert (report.rows, report.affected) == (3, 1)


async def test_the_last_row_of_a_key_wins(session: Session) -> None:
    rows = [person(number % 10, name=f"{number % 10} in {number}", points=number // 10) for number in range(500)]
    report = await store(session, PEOPLE, LoadMode.UPSERT, ALL, rows)
    assert await people(session) == rows[-10:]
    assert (report.rows, report.affected) == (500, 10)


async def test_delete_removes_the_rows_of_the_keys(session: Session) -> None:
    await store(session, PEOPLE, LoadMode.INSERT, ALL, [person(1), person(2), person(3)])
    report = await store(session, PEOPLE, LoadMode.DELETE, {"id": int}, [(3,), (1,), (1,), (99,)])
    assert await people(session) == [person(2)]
    assert (report.rows, report.affected) == (4, 2)


async def test_a_composite_key_is_matched_by_all_its_columns(session: Session) -> None:
    await session.execute("CREATE TABLE grades (b int, a varchar(9), grade int NOT NULL, PRIMARY KEY (a, b))")
    grades = table(
        "grades", column("b", SqlInteger(4)), column("a", SqlCharacter(9)), column("grade", SqlInteger(4)), key="a b"
    )
    fields = {"grade": int, "a": str, "b": int}
    await store(session, grades, LoadMode.UPSERT, fields, [(1, "x", 1), (2, "x", 2), (3, "y", 1), (4, "x", 1)])
    assert await session.fetch("SELECT a, b, grade FROM grades ORDER BY a, b") == [
        ("x", 1, 4),
        ("x", 2, 2),
        ("y", 1, 3),
    ]
    await store(session, grades, LoadMode.DELETE, {"b": int, "a": str}, [(1, "x")])
    assert await session.fetch("SELECT a, b FROM grades ORDER BY a, b") == [("x", 2), ("y", 1)]


@pytest.mark.parametrize("mode", [LoadMode.INSERT, LoadMode.UPSERT, LoadMode.DELETE])
async def test_no_rows_are_no_error(session: Session, mode: LoadMode) -> None:
    report = await store(session, PEOPLE, mode, ALL, [])
    assert (report.rows, report.affected, report.batches, report.rows_per_second) == (0, 0, 0, 0.0)


@pytest.mark.parametrize("mode", EVERY_MODE)
async def test_rows_may_come_from_an_asynchronous_source(session: Session, mode: LoadMode) -> None:
    async def source() -> AsyncIterator[Row]:
        for number in range(1000):
            if number % 100 == 0:
                await asyncio.sleep(0)
            yield person(number)

    report = await store(session, PEOPLE, mode, ALL, source())
    assert report.rows == 1000
    assert await people(session) == [person(number) for number in range(1000)]


@pytest.mark.parametrize("mode", EVERY_MODE)
async def test_a_source_that_fails_leaves_nothing(session: Session, database: Server, mode: LoadMode) -> None:
    def source() -> Iterator[Row]:
        yield from (person(number) for number in range(MAX_BATCH_ROWS + 10))
        raise OSError("the file is cut off")

    with pytest.raises(OSError, match="the file is cut off"):
        await store(session, PEOPLE, mode, ALL, source())
    assert await people(session) == []
    async with open_session(database) as other:
        assert await other.fetch(IDLE[database.dialect]) == [(0,)]


async def test_a_source_is_closed_when_a_row_is_refused(session: Session) -> None:
    closed: list[str] = []

    def numbers() -> Iterator[Row]:
        try:
            for number in range(10 * MAX_BATCH_ROWS):
                yield person(number, points=None)
        finally:
            closed.append("sync")

    async def async_numbers() -> AsyncIterator[Row]:
        try:
            for row in numbers():
                yield row
        finally:
            closed.append("async")

    for source in (numbers(), async_numbers()):
        with pytest.raises(RowError):
            await store(session, PEOPLE, LoadMode.UPSERT, ALL, source)
        del source
    assert closed[0] == "sync"
    assert "async" in closed


NULL_REFUSED = "violates not-null constraint|NULL supplied to NOT NULL column"

BAD_ROWS: list[tuple[dict[str, Any], str | None, str]] = [
    ({"points": "7"}, "points", "cannot encode str as integer: '7'"),
    ({"points": 1.0}, "points", "cannot encode float as integer: 1.0"),
    ({"points": True}, "points", "cannot encode bool as integer: True"),
    ({"points": 40_000}, "points", "expected an integer of 16 bits, -32768 to 32767; got: 40000"),
    ({"points": 100}, None, "people_points_check"),
    ({"points": None}, "points", NULL_REFUSED),
    ({"name": "x" * 21}, "name", "expected at most 20 characters; got 21: 'xxx"),
    ({"name": "x" * 20 + " "}, "name", "expected at most 20 characters; got 21: 'xxx"),
    ({"name": "\ud800"}, "name", "lone surrogate cannot be stored as text: '.ud800'"),
    ({"name": b"bytes"}, "name", "cannot encode bytes as text: b'bytes'"),
    ({"name": "name 1"}, "name", "people_name_key"),
    ({"born": "2000-01-01"}, "born", "cannot encode str as date: '2000-01-01'"),
    ({"id": None}, "id", NULL_REFUSED),
]


@pytest.mark.parametrize("mode", EVERY_MODE)
async def test_a_bad_row_is_named_and_nothing_of_the_stream_stays(session: Session, mode: LoadMode) -> None:
    for changes, name, reason in BAD_ROWS:
        rows = [person(number) for number in range(1, 400)]
        rows[299] = person(300, **changes)
        with pytest.raises(RowError) as caught:
            await store(session, PEOPLE, mode, ALL, rows)
        assert (caught.value.table, caught.value.column, caught.value.row) == (shown(session, "people"), name, 300)
        assert re.search(reason, str(caught.value))
        assert await people(session) == []


@pytest.mark.parametrize("mode", EVERY_MODE)
async def test_the_number_of_a_bad_row_is_exact_after_many_batches(session: Session, mode: LoadMode) -> None:
    bad = MAX_BATCH_ROWS + 77

    def source(**changes: Any) -> Iterator[Row]:
        return (person(n, **(changes if n in {bad, bad + 5} else {})) for n in range(1, 2 * MAX_BATCH_ROWS))

    for changes in ({"points": None}, {"points": "x"}, {"points": 100}):
        with pytest.raises(RowError) as caught:
            await store(session, PEOPLE, mode, ALL, source(**changes))
        assert caught.value.row == bad


@pytest.mark.parametrize("mode", EVERY_MODE)
@pytest.mark.parametrize("row", [(1, "x", None), (1, "x", None, 1, 1), ()])
async def test_a_row_has_as_many_values_as_there_are_fields(session: Session, mode: LoadMode, row: Row) -> None:
    with pytest.raises(RowError, match=rf"people: row 2: expected 4 values; got {len(row)}"):
        await store(session, PEOPLE, mode, ALL, [person(5), row])


async def test_a_row_without_conversions_has_as_many_values_as_there_are_fields(session: Session) -> None:
    await session.execute("CREATE TABLE words (a text, b text)")
    words = table(
        "words", column("a", SqlCharacter(), nullable=True), column("b", SqlCharacter(), nullable=True), key=""
    )
    with pytest.raises(RowError, match=r"words: row 2: expected 2 values; got 3"):
        await store(session, words, LoadMode.INSERT, {"a": str, "b": str}, [("1", "2"), ("1", "2", "3")])


async def test_inserting_a_key_that_exists_names_the_row(session: Session) -> None:
    await store(session, PEOPLE, LoadMode.INSERT, ALL, [person(7)])
    with pytest.raises(RowError, match=r"(?i)duplicate") as caught:
        await store(session, PEOPLE, LoadMode.INSERT, ALL, [person(6), person(7, name="other")])
    assert (caught.value.row, caught.value.column) == (2, "id")


@pytest.mark.parametrize("changes", [{"name": "x" * 30}, {"points": "secret"}, {"points": 100}, {"name": "name 1"}])
@pytest.mark.parametrize("mode", EVERY_MODE)
async def test_redacted_values_are_not_shown(session: Session, mode: LoadMode, changes: dict[str, Any]) -> None:
    rows = [person(1), person(2, **changes)]
    with pytest.raises(RowError) as caught:
        await store(session, PEOPLE, mode, ALL, rows, redact_values=True)
    assert caught.value.row == 2
    for value in changes.values():
        assert str(value) not in str(caught.value).replace("row 2", "")
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("mode", EVERY_MODE)
async def test_shown_values_are_short(session: Session, mode: LoadMode) -> None:
    with pytest.raises(RowError) as caught:
        await store(session, PEOPLE, mode, ALL, [person(1, name="x" * 1_000_000)])
    assert len(str(caught.value)) < 200


MISUSES: list[tuple[dict[str, Any], LoadMode, type[Exception], str]] = [
    ({}, LoadMode.INSERT, ValueError, "no fields are named"),
    ({"id": int, "nope": int}, LoadMode.INSERT, ValueError, "no column 'nope'; columns: id, name, born, points"),
    ({"name": str}, LoadMode.UPSERT, ValueError, "add id"),
    ({"name": str}, LoadMode.DELETE, ValueError, "add id"),
    ({"id": str}, LoadMode.UPSERT, TypeError, "people.id: expected fields of type int for a column of type"),
    ({"id": bool}, LoadMode.UPSERT, TypeError, "got bool"),
    ({"id": float}, LoadMode.UPSERT, TypeError, "got float"),
]


@pytest.mark.parametrize(("fields", "mode", "error", "message"), MISUSES)
async def test_fields_that_do_not_fit_are_refused_before_anything_is_read(
    session: Session, fields: dict[str, Any], mode: LoadMode, error: type[Exception], message: str
) -> None:
    def source() -> Iterator[Row]:
        raise AssertionError("the source was read")
        yield ()

    with pytest.raises(error, match=message):
        await store(session, PEOPLE, mode, fields, source())


async def test_a_table_without_a_key_can_only_be_appended_to(session: Session) -> None:
    await session.execute("CREATE TABLE log (line text)")
    log = table("log", column("line", SqlCharacter()), key="")
    await store(session, log, LoadMode.INSERT, {"line": str}, [("a",), ("a",)])
    assert await session.fetch("SELECT line FROM log") == [("a",), ("a",)]
    with pytest.raises(ValueError, match="without a primary key; insert them instead"):
        await store(session, log, LoadMode.UPSERT, {"line": str}, [("a",)])


REFERENCE = ForeignKeyConstraint(
    LocalId("pets_owner_fkey"), (LocalId("owner"),), QualifiedId("public", "people"), (LocalId("id"),)
)

PETS = table(
    "pets", column("id", SqlInteger(4)), column("owner", SqlInteger(4), nullable=True), constraints=(REFERENCE,)
)

PETS_SQL = "CREATE TABLE pets (id int PRIMARY KEY, owner int, CONSTRAINT pets_owner_fkey FOREIGN KEY (owner) REFERENCES people (id))"


@pytest.mark.parametrize("mode", EVERY_MODE)
async def test_a_row_that_refers_to_nothing_is_named(session: Session, mode: LoadMode) -> None:
    await session.execute(PETS_SQL)
    await store(session, PEOPLE, LoadMode.INSERT, ALL, [person(1)])
    rows: list[Row] = [(number, 1) for number in range(100, 0, -1)]
    rows[40], rows[60], rows[50] = (60, 5), (40, 6), (50, None)
    with pytest.raises(RowError, match=r"pets_owner_fkey.*: '5'") as caught:
        await store(session, PETS, mode, {"id": int, "owner": int}, rows)
    assert (caught.value.row, caught.value.column) == (41, "owner")
    assert await session.fetch("SELECT count(*) FROM pets") == [(0,)]


@pytest.mark.parametrize("mode", EVERY_MODE)
async def test_a_row_may_refer_to_a_later_row_of_the_same_stream(session: Session, mode: LoadMode) -> None:
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
    fields = {"id": int, "boss": int}
    await store(session, staff, mode, fields, [(1, 2), (2, 3), (3, None)])
    with pytest.raises(RowError) as caught:
        await store(session, staff, mode, fields, [(11, 12), (12, 99), (13, None)])
    assert (caught.value.row, caught.value.column) == (2, "boss")


async def test_a_row_that_others_refer_to_is_not_deleted(session: Session) -> None:
    await session.execute(PETS_SQL)
    await store(session, PEOPLE, LoadMode.INSERT, ALL, [person(number) for number in range(10)])
    await store(session, PETS, LoadMode.INSERT, {"id": int, "owner": int}, [(1, 7)])
    with pytest.raises(RowError, match="pets_owner_fkey") as caught:
        await store(session, PEOPLE, LoadMode.DELETE, {"id": int}, [(3,), (7,), (4,)])
    assert caught.value.row == 2
    assert len(await people(session)) == 10


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


async def test_a_trigger_that_refuses_a_row_is_located(session: Session) -> None:
    for statement in TRIGGER[dialect_of(session)]:
        await session.execute(statement)
    rows = [person(number, points=13 if number in {123, 456} else 1) for number in range(1, 1000)]
    with pytest.raises(RowError, match="unlucky") as caught:
        await store(session, PEOPLE, LoadMode.UPSERT, ALL, rows)
    assert caught.value.row == 123


@pytest.mark.parametrize("mode", [LoadMode.UPSERT, LoadMode.DELETE])
async def test_streams_with_the_same_keys_in_other_orders_do_not_deadlock(
    session: Session, database: Server, mode: LoadMode
) -> None:
    numbers = list(range(3000))
    await store(session, PEOPLE, LoadMode.INSERT, ALL, map(person, numbers))
    fields = {"id": int, "name": str} if mode is LoadMode.UPSERT else {"id": int}

    async def run(order: list[int]) -> None:
        async with open_session(database) as other:
            rows = (person(number)[: len(fields)] for number in order)
            await store(other, PEOPLE, mode, fields, rows)

    await asyncio.gather(*(run(numbers[:: 1 if index % 2 else -1]) for index in range(4)))
    assert len(await people(session)) == (3000 if mode is LoadMode.UPSERT else 0)


COUNTERS = {
    IdentityMode.ALWAYS: "int GENERATED ALWAYS AS IDENTITY",
    IdentityMode.BY_DEFAULT: "int GENERATED BY DEFAULT AS IDENTITY",
    IdentityMode.SERIAL: "serial",
}


@pytest.mark.parametrize("identity", COUNTERS)
@pytest.mark.parametrize("mode", EVERY_MODE)
async def test_given_numbers_are_not_given_again_by_the_server(
    session: Session, mode: LoadMode, identity: IdentityMode
) -> None:
    counter = COUNTERS[identity]
    if dialect_of(session) == "mysql":
        if identity is not IdentityMode.BY_DEFAULT:
            pytest.skip("the server has one kind of counter")
        counter = "int AUTO_INCREMENT"
    name = quoted(session, "my docs")
    await session.execute(f"CREATE TABLE {name} (id {counter} PRIMARY KEY, title varchar(9) NOT NULL)")
    default = f"nextval('{name}_id_seq')" if identity is IdentityMode.SERIAL else None
    docs = table(
        "my docs", column("id", SqlInteger(4), identity=identity, default=default), column("title", SqlCharacter(9))
    )
    await store(session, docs, mode, {"id": int, "title": str}, [(5, "a"), (3, "b")])
    await store(session, docs, LoadMode.INSERT, {"title": str}, [("c",)])
    assert await session.fetch(f"SELECT id, title FROM {name} ORDER BY id") == [(3, "b"), (5, "a"), (6, "c")]
    await store(session, docs, mode, {"id": int, "title": str}, [(1, "d")])
    await store(session, docs, LoadMode.INSERT, {"title": str}, [("e",)])
    assert await session.fetch(f"SELECT max(id) FROM {name} WHERE title = 'e'") == [(7,)]


async def test_a_stream_inside_a_transaction_of_the_caller_is_undone_alone(session: Session) -> None:
    async with session.transaction():
        await store(session, PEOPLE, LoadMode.UPSERT, ALL, [person(1)])
        with pytest.raises(RowError):
            await store(session, PEOPLE, LoadMode.UPSERT, ALL, [person(2), person(3, points=100)])
        await store(session, PEOPLE, LoadMode.UPSERT, ALL, [person(4)])
    assert await people(session) == [person(1), person(4)]


async def test_a_missing_table_is_not_blamed_on_a_row(session: Session) -> None:
    absent = table("absent", column("id", SqlInteger(4)))
    for mode in (LoadMode.INSERT, LoadMode.UPSERT, LoadMode.DELETE):
        with pytest.raises(StatementError, match=r"(does not|doesn't) exist"):
            await store(session, absent, mode, {"id": int}, [(1,)])


async def test_cancelling_a_stream_leaves_nothing(session: Session) -> None:
    started = asyncio.Event()

    async def endless() -> AsyncIterator[Row]:
        number = 0
        while True:
            number += 1
            if number == 100_000:
                started.set()
                await asyncio.sleep(60)
            yield person(number)

    task = asyncio.create_task(store(session, PEOPLE, LoadMode.UPSERT, ALL, endless()))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await people(session) == []


@pytest.mark.parametrize("mode", EVERY_MODE)
async def test_memory_does_not_grow_with_the_stream(session: Session, mode: LoadMode) -> None:
    await session.execute("CREATE TABLE notes (id int PRIMARY KEY, note text NOT NULL)")
    notes = table("notes", column("id", SqlInteger(4)), column("note", SqlCharacter()))
    fields = {"id": int, "note": str}

    async def load_rows(count: int) -> int:
        await session.execute("TRUNCATE notes")
        rows = ((number, f"{number:01000d}") for number in range(count))
        report = await store(session, notes, mode, fields, rows)
        assert report.affected == count
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    before = await load_rows(10_000)
    after = await load_rows(40_000)
    # 40 MB were sent; in kilobytes
    assert after - before < 16_000


async def test_a_row_does_not_update_another_one_that_has_its_unique_values(session: Session) -> None:
    await store(session, PEOPLE, LoadMode.INSERT, ALL, [person(1, name="Ann"), person(2, name="Bob")])
    with pytest.raises(RowError) as caught:
        await store(session, PEOPLE, LoadMode.UPSERT, ALL, [person(4), person(3, name="Bob", points=7)])
    assert caught.value.row == 2
    assert await people(session) == [person(1, name="Ann"), person(2, name="Bob")]
    with pytest.raises(RowError) as caught:
        await store(session, PEOPLE, LoadMode.UPSERT, ALL, [person(4), person(1, name="Bob", points=7)])
    assert caught.value.row == 2
    assert await people(session) == [person(1, name="Ann"), person(2, name="Bob")]


async def test_only_the_last_row_of_a_key_has_to_be_right(session: Session) -> None:
    rows = [person(1, name="x"), person(2, name="x"), person(1, name="y", points=3)]
    await store(session, PEOPLE, LoadMode.UPSERT, ALL, rows)
    assert await people(session) == [rows[2], rows[1]]
