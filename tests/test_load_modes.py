"""What each mode does with the rows of a stream, and how it counts them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from pysqlsync_engine.data.batches import BatchSource
from pysqlsync_engine.data.load_options import History, LoadMode, LoadOptions, OnDuplicate, Watermark
from pysqlsync_engine.data.load_report import Counts
from pysqlsync_engine.data.sources import Fields
from pysqlsync_engine.data.target import choose_target
from pysqlsync_engine.data.ways import choose_way
from pysqlsync_engine.errors import LoadError, RowError
from pysqlsync_engine.model.data_types import (
    SqlBoolean,
    SqlCharacter,
    SqlDecimal,
    SqlInteger,
    SqlJson,
    SqlTimestamp,
)
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.object_types import ForeignKeyConstraint, Lookup
from pysqlsync_engine.session import Row, Session
from tests.row_tables import LOADERS, PEOPLE, PEOPLE_SQL, column, dialect_of, located, open_session, store, table
from tests.servers import Server

ALL = {"id": int, "name": str, "born": date, "points": int}

MOMENT = {"postgresql": "timestamp(6)", "mysql": "datetime(6)"}


@pytest.fixture
async def session(database: Server) -> AsyncIterator[Session]:
    async with open_session(database) as session:
        await session.execute(PEOPLE_SQL)
        yield session


def person(number: int, points: int = 1, born: date | None = None) -> Row:
    return (number, f"name {number}", born, points)


async def people(session: Session) -> list[Row]:
    return await session.fetch("SELECT id, name, born, points FROM people ORDER BY id")


async def test_an_upsert_counts_what_it_inserts_and_updates(session: Session) -> None:
    await store(session, PEOPLE, LoadMode.INSERT, ALL, [person(1), person(2)])
    rows = [person(3), person(2, 9), person(1), person(3, 5), person(4)]
    report = await store(session, PEOPLE, LoadMode.UPSERT, ALL, rows)
    assert report.counts == Counts(inserted=2, updated=2, superseded=1)
    assert (report.rows, report.affected) == (5, 4)
    assert await people(session) == [person(1), person(2, 9), person(3, 5), person(4)]


async def test_an_insert_and_a_delete_count_rows_of_the_table(session: Session) -> None:
    inserted = await store(session, PEOPLE, LoadMode.INSERT, ALL, [person(1), person(2)])
    assert inserted.counts == Counts(inserted=2)
    deleted = await store(session, PEOPLE, LoadMode.DELETE, {"id": int}, [(2,), (5,)])
    assert deleted.counts == Counts(deleted=1)


async def test_columns_that_are_not_named_are_counted_alike(session: Session) -> None:
    await store(session, PEOPLE, LoadMode.INSERT, ALL, [person(1), person(2, born=date(2000, 1, 1))])
    fields = {"id": int, "name": str, "points": int}
    report = await store(session, PEOPLE, LoadMode.UPSERT, fields, [(2, "b", 3), (3, "c", 3), (3, "d", 4)])
    assert report.counts == Counts(inserted=1, updated=1, superseded=1)
    # of these, no new row could be made
    report = await store(session, PEOPLE, LoadMode.UPSERT, {"id": int, "points": int}, [(2, 7), (1, 8), (2, 9)])
    assert report.counts == Counts(updated=2, superseded=1)
    assert await people(session) == [person(1, 8), (2, "b", date(2000, 1, 1), 9), (3, "d", None, 4)]


async def test_keys_alone_that_exist_are_unchanged(session: Session) -> None:
    await session.execute("CREATE TABLE tags (id int PRIMARY KEY, note varchar(9))")
    tags = table("tags", column("id", SqlInteger(4)), column("note", SqlCharacter(9), nullable=True))
    await session.execute("INSERT INTO tags VALUES (1, 'kept')")
    report = await store(session, tags, LoadMode.UPSERT, {"id": int}, [(1,), (2,), (2,)])
    assert report.counts == Counts(inserted=1, unchanged=1, superseded=1)


async def test_rows_that_are_unchanged_are_counted_and_left_alone(session: Session) -> None:
    await store(session, PEOPLE, LoadMode.INSERT, ALL, [person(n) for n in range(100)])
    rows = [person(n, 2 if n in {7, 8} else 1, date(2000, 1, 1) if n == 9 else None) for n in range(101)]
    report = await store(session, PEOPLE, LoadMode.UPSERT, ALL, rows, only_changed=True)
    assert report.counts == Counts(inserted=1, updated=3, unchanged=97)
    assert await people(session) == rows
    report = await store(session, PEOPLE, LoadMode.UPSERT, ALL, rows[::-1], only_changed=True)
    assert report.counts == Counts(unchanged=101)
    report = await store(session, PEOPLE, LoadMode.UPSERT, ALL, [person(9)], only_changed=True)
    assert report.counts == Counts(updated=1)
    assert (await people(session))[9] == person(9)


async def test_the_last_row_of_a_key_tells_whether_it_is_changed(session: Session) -> None:
    await store(session, PEOPLE, LoadMode.INSERT, ALL, [person(1), person(2)])
    rows = [person(1, 5), person(2), person(2, 6), person(1)]
    report = await store(session, PEOPLE, LoadMode.UPSERT, ALL, rows, only_changed=True)
    assert report.counts == Counts(updated=1, unchanged=1, superseded=2)
    assert await people(session) == [person(1), person(2, 6)]


async def test_only_columns_that_are_named_tell_whether_a_row_is_changed(session: Session) -> None:
    await store(session, PEOPLE, LoadMode.INSERT, ALL, [person(1, 5, date(2000, 1, 1)), person(2)])
    fields = {"id": int, "points": int}
    report = await store(session, PEOPLE, LoadMode.UPSERT, fields, [(1, 5), (2, 3)], only_changed=True)
    assert report.counts == Counts(updated=1, unchanged=1)
    assert await people(session) == [person(1, 5, date(2000, 1, 1)), person(2, 3)]


async def test_text_that_a_collation_takes_for_equal_is_changed(session: Session) -> None:
    await session.execute("CREATE TABLE words (id int PRIMARY KEY, word varchar(20), price numeric(8, 2))")
    words = table(
        "words",
        column("id", SqlInteger(4)),
        column("word", SqlCharacter(20), nullable=True),
        column("price", SqlDecimal(8, 2), nullable=True),
    )
    fields = {"id": int, "word": str}
    await store(session, words, LoadMode.INSERT, fields, [(1, "cafe"), (2, "a"), (3, "b"), (4, None)])
    rows = [(1, "café"), (2, "A"), (3, "b "), (4, "")]
    report = await store(session, words, LoadMode.UPSERT, fields, rows, only_changed=True)
    assert report.counts == Counts(updated=4)
    assert await session.fetch("SELECT id, word FROM words ORDER BY id") == rows


async def test_documents_are_compared_too(session: Session) -> None:
    await session.execute("CREATE TABLE docs (id int PRIMARY KEY, doc json)")
    docs = table("docs", column("id", SqlInteger(4)), column("doc", SqlJson(binary=False), nullable=True))
    fields = {"id": int, "doc": dict[str, Any]}
    await store(session, docs, LoadMode.INSERT, fields, [(1, {"a": 1}), (2, {"b": [1, "x"]}), (3, None)])
    rows: list[Row] = [(1, {"a": 2}), (2, {"b": [1, "x"]}), (3, {})]
    report = await store(session, docs, LoadMode.UPSERT, fields, rows, only_changed=True)
    assert report.counts == Counts(updated=2, unchanged=1)


REPLACEMENT = [person(3, 7), person(1), person(3, 8)]


async def test_replacing_leaves_the_rows_of_the_stream_and_no_others(session: Session) -> None:
    await store(session, PEOPLE, LoadMode.INSERT, ALL, [person(1, 5, date(2000, 1, 1)), person(2)])
    report = await store(session, PEOPLE, LoadMode.REPLACE, ALL, REPLACEMENT)
    assert report.counts == Counts(inserted=2, deleted=2, superseded=1)
    assert await people(session) == [person(1), person(3, 8)]
    fields = {"id": int, "name": str, "points": int}
    await store(session, PEOPLE, LoadMode.INSERT, ALL, [person(9, born=date(2000, 1, 1))])
    await store(session, PEOPLE, LoadMode.REPLACE, fields, [(9, "i", 1)])
    assert await people(session) == [(9, "i", None, 1)]


async def test_replacing_works_without_a_key(session: Session) -> None:
    await session.execute("CREATE TABLE log (line varchar(9))")
    log = table("log", column("line", SqlCharacter(9)), key="")
    await store(session, log, LoadMode.INSERT, {"line": str}, [("a",), ("b",)])
    report = await store(session, log, LoadMode.REPLACE, {"line": str}, [("c",), ("c",)])
    assert report.counts == Counts(inserted=2, deleted=2)
    assert await session.fetch("SELECT line FROM log") == [("c",), ("c",)]


@pytest.mark.parametrize("mode", [LoadMode.REPLACE, LoadMode.MIRROR])
async def test_rows_that_refer_to_others_are_not_taken_along(session: Session, mode: LoadMode) -> None:
    await store(session, PEOPLE, LoadMode.INSERT, ALL, [person(1, 5, date(2000, 1, 1)), person(2)])
    await session.execute(
        "CREATE TABLE pets (id int PRIMARY KEY, owner int NOT NULL,"
        " CONSTRAINT pets_owner_fkey FOREIGN KEY (owner) REFERENCES people (id) ON DELETE CASCADE)"
    )
    await session.execute("INSERT INTO pets VALUES (10, 1), (20, 2)")
    fields = {"id": int, "name": str, "points": int}
    report = await store(session, PEOPLE, mode, fields, [(1, "Ann", 6), (3, "Cid", 7)])
    assert report.counts == Counts(inserted=1, updated=1, deleted=1)
    born = None if mode is LoadMode.REPLACE else date(2000, 1, 1)
    assert await people(session) == [(1, "Ann", born, 6), (3, "Cid", None, 7)]
    assert await session.fetch("SELECT id FROM pets") == [(10,)]


async def test_a_mirror_deletes_what_the_stream_lacks(session: Session) -> None:
    await store(session, PEOPLE, LoadMode.INSERT, ALL, [person(n) for n in range(5)])
    rows = [person(2), person(3, 9), person(7), person(2, 4)]
    report = await store(session, PEOPLE, LoadMode.MIRROR, ALL, rows)
    assert report.counts == Counts(inserted=1, updated=2, deleted=3, superseded=1)
    assert await people(session) == [person(2, 4), person(3, 9), person(7)]
    report = await store(session, PEOPLE, LoadMode.MIRROR, ALL, rows[1:], only_changed=True)
    assert report.counts == Counts(unchanged=3)


async def test_a_unique_value_may_go_from_a_row_that_is_missing_to_another(session: Session) -> None:
    await store(session, PEOPLE, LoadMode.INSERT, ALL, [person(5), person(6)])
    for mode in (LoadMode.MIRROR, LoadMode.REPLACE):
        report = await store(session, PEOPLE, mode, ALL, [(1, "name 6", None, 1), (5, "name 5", None, 1)])
        assert report.rows == 2
        assert await people(session) == [(1, "name 6", None, 1), person(5)]
        await store(session, PEOPLE, mode, ALL, [person(5), person(6)])


async def test_a_mirror_can_mark_rows_as_deleted(session: Session) -> None:
    moment = MOMENT[dialect_of(session)]
    await session.execute(f"CREATE TABLE items (id int PRIMARY KEY, name varchar(9) NOT NULL, gone {moment} NULL)")
    items = table(
        "items",
        column("id", SqlInteger(4)),
        column("name", SqlCharacter(9)),
        column("gone", SqlTimestamp(6), nullable=True),
    )
    fields = {"id": int, "name": str}
    shown = "SELECT id, name, gone IS NOT NULL FROM items ORDER BY id"
    await store(session, items, LoadMode.INSERT, fields, [(1, "a"), (2, "b"), (3, "c")])

    async def mirror(*rows: Row) -> Counts:
        return (await store(session, items, LoadMode.MIRROR, fields, rows, deleted_at="gone", only_changed=True)).counts

    assert await mirror((1, "a"), (4, "d")) == Counts(inserted=1, unchanged=1, deleted=2)
    assert await session.fetch(shown) == [(1, "a", False), (2, "b", True), (3, "c", True), (4, "d", False)]
    ((marked,),) = await session.fetch("SELECT gone FROM items WHERE id = 2")
    assert abs(marked - datetime.now(UTC).replace(tzinfo=None)) < timedelta(hours=1)
    assert await mirror((1, "a"), (2, "b")) == Counts(updated=1, unchanged=1, deleted=1)
    assert await session.fetch(shown) == [(1, "a", False), (2, "b", False), (3, "c", True), (4, "d", True)]


@pytest.mark.parametrize("mode", [LoadMode.REPLACE, LoadMode.MIRROR])
async def test_an_empty_stream_empties_a_table_only_if_that_is_permitted(session: Session, mode: LoadMode) -> None:
    await store(session, PEOPLE, LoadMode.INSERT, ALL, [person(1), person(2)])
    with pytest.raises(LoadError, match="allow_empty=True"):
        await store(session, PEOPLE, mode, ALL, [])
    assert len(await people(session)) == 2
    report = await store(session, PEOPLE, mode, ALL, [], allow_empty=True)
    assert report.counts == Counts(deleted=2)
    assert await people(session) == []


@pytest.mark.parametrize("mode", [LoadMode.REPLACE, LoadMode.MIRROR])
async def test_what_fails_leaves_the_rows_as_they_were(session: Session, database: Server, mode: LoadMode) -> None:
    await store(session, PEOPLE, LoadMode.INSERT, ALL, [person(1), person(2)])

    def cut_off() -> Iterator[Row]:
        yield person(7)
        raise OSError("the file is cut off")

    with pytest.raises(OSError, match="cut off"):
        await store(session, PEOPLE, mode, ALL, cut_off())
    with pytest.raises(RowError) as caught:
        await store(session, PEOPLE, mode, ALL, [person(5), person(6), person(7, 100)])
    assert caught.value.row == 3
    async with open_session(database) as other:
        assert await people(other) == [person(1), person(2)]


PRICES = table(
    "prices",
    column("id", SqlInteger(4)),
    column("valid_from", SqlTimestamp(6)),
    column("valid_to", SqlTimestamp(6), nullable=True),
    column("is_current", SqlBoolean()),
    column("price", SqlInteger(4)),
    column("note", SqlCharacter(9), nullable=True),
    key="id valid_from",
)

DAY = [datetime(2024, 1, number) for number in range(1, 9)]


@pytest.fixture
async def prices(session: Session) -> Session:
    moment = MOMENT[dialect_of(session)]
    await session.execute(
        f"CREATE TABLE prices (id int, valid_from {moment}, valid_to {moment} NULL, is_current boolean NOT NULL,"
        " price int NOT NULL, note varchar(9), PRIMARY KEY (id, valid_from))"
    )
    return session


async def versions(session: Session) -> list[tuple[Any, ...]]:
    rows = await session.fetch("SELECT id, valid_from, valid_to, is_current, price FROM prices ORDER BY id, valid_from")
    return [(key, start, end, bool(current), price) for key, start, end, current, price in rows]


async def keep(session: Session, at: datetime | None, rows: list[Row], **options: Any) -> Counts:
    history = History(current="is_current", at=at, **options)
    return (await store(session, PRICES, LoadMode.HISTORY, {"id": int, "price": int}, rows, history=history)).counts


async def test_a_history_keeps_every_version(prices: Session) -> None:
    assert await keep(prices, DAY[0], [(1, 10), (2, 20), (1, 11)]) == Counts(inserted=2, superseded=1)
    await prices.execute("UPDATE prices SET note = 'kept' WHERE id = 1")
    assert await keep(prices, DAY[1], [(1, 12), (2, 20), (3, 30)]) == Counts(inserted=1, updated=1, unchanged=1)
    assert await versions(prices) == [
        (1, DAY[0], DAY[1], False, 11),
        (1, DAY[1], None, True, 12),
        (2, DAY[0], None, True, 20),
        (3, DAY[1], None, True, 30),
    ]
    assert await prices.fetch("SELECT note FROM prices WHERE id = 1") == [("kept",), ("kept",)]
    # the same stream again changes nothing
    assert await keep(prices, DAY[2], [(1, 12), (2, 20), (3, 30)]) == Counts(unchanged=3)
    assert len(await versions(prices)) == 4


async def test_a_version_of_the_same_moment_takes_its_place(prices: Session) -> None:
    await keep(prices, DAY[0], [(1, 10)])
    assert await keep(prices, DAY[0], [(1, 11)]) == Counts(updated=1)
    assert await versions(prices) == [(1, DAY[0], None, True, 11)]


async def test_a_version_cannot_begin_before_the_one_in_force(prices: Session) -> None:
    await keep(prices, DAY[3], [(1, 10), (2, 20)])
    with pytest.raises(RowError, match="later version is in force") as caught:
        await keep(prices, DAY[2], [(1, 10), (3, 30), (2, 21)])
    assert caught.value.row == 3
    assert len(await versions(prices)) == 2


async def test_versions_of_missing_rows_end_if_that_is_asked_for(prices: Session) -> None:
    await keep(prices, DAY[0], [(1, 10), (2, 20)])
    assert await keep(prices, DAY[1], [(1, 10)]) == Counts(unchanged=1)
    assert await keep(prices, DAY[1], [(1, 10)], closes_missing=True) == Counts(unchanged=1, deleted=1)
    assert await keep(prices, DAY[2], [(2, 20), (1, 10)], closes_missing=True) == Counts(inserted=1, unchanged=1)
    assert await versions(prices) == [
        (1, DAY[0], None, True, 10),
        (2, DAY[0], DAY[1], False, 20),
        (2, DAY[2], None, True, 20),
    ]


async def test_a_history_takes_the_time_of_the_transaction(prices: Session) -> None:
    await keep(prices, None, [(1, 10)])
    await keep(prices, None, [(1, 11)])
    first, second = await versions(prices)
    assert first[2] == second[1] > first[1]
    assert (first[3], second[2], second[3]) == (False, None, True)


async def test_a_history_does_not_break_where_two_write_it(prices: Session, database: Server) -> None:
    await keep(prices, DAY[0], [(number, 0) for number in range(50)])
    async with open_session(database) as other:
        for turn, one in enumerate((prices, other) * 2, start=1):
            await keep(one, DAY[turn], [(number, turn) for number in range(50)][:: (-1) ** turn])
    found = await versions(prices)
    assert len(found) == 250
    assert [row for row in found if row[3]] == [(number, DAY[4], None, True, 4) for number in range(50)]


@pytest.mark.parametrize(
    "mode", [LoadMode.UPSERT, LoadMode.DELETE, LoadMode.REPLACE, LoadMode.MIRROR, LoadMode.HISTORY]
)
async def test_labels_are_looked_up_in_every_mode(session: Session, mode: LoadMode) -> None:
    moment = MOMENT[dialect_of(session)]
    await session.execute("CREATE TABLE states (id int PRIMARY KEY, value varchar(9) UNIQUE NOT NULL)")
    await session.execute("INSERT INTO states VALUES (10, 'open'), (20, 'shut'), (30, 'ajar')")
    history = mode is LoadMode.HISTORY
    await session.execute(
        f"CREATE TABLE doors (state int NOT NULL, number int NOT NULL, width int, valid_from {moment} NOT NULL"
        f" DEFAULT '2000-01-01', valid_to {moment} NULL, PRIMARY KEY (state, number, valid_from),"
        " CONSTRAINT doors_state_fkey FOREIGN KEY (state) REFERENCES states (id))"
    )
    lookup = Lookup(LocalId("state"), QualifiedId("public", "states"))
    reference = ForeignKeyConstraint(
        LocalId("doors_state_fkey"), (LocalId("state"),), QualifiedId("public", "states"), (LocalId("id"),)
    )
    doors = table(
        "doors",
        column("state", SqlInteger(4)),
        column("number", SqlInteger(4)),
        column("width", SqlInteger(4), nullable=True),
        column("valid_from", SqlTimestamp(6), default="'2000-01-01'"),
        column("valid_to", SqlTimestamp(6), nullable=True),
        key="state number valid_from" if history else "state number",
        lookups=(lookup,),
        constraints=(reference,),
    )
    if not history:
        await session.execute(
            f"ALTER TABLE doors DROP {PRIMARY_KEY[dialect_of(session)]}, ADD PRIMARY KEY (state, number)"
        )
    await session.execute("INSERT INTO doors (state, number, width) VALUES (10, 1, 5), (20, 1, 6), (30, 1, 7)")
    options = {"history": History(at=DAY[0], closes_missing=True)} if history else {}
    rows = [("shut", 1, 8), ("open", 2, 9), ("shut", 1, 9)]
    await store(session, doors, mode, {"state": str, "number": int, "width": int}, rows, **options)
    found = await session.fetch("SELECT state, number, width FROM doors WHERE valid_to IS NULL ORDER BY 1, 2")
    kept, new = [(10, 1, 5), (30, 1, 7)], [(10, 2, 9), (20, 1, 9)]
    expected = {LoadMode.UPSERT: sorted(kept + new), LoadMode.DELETE: kept}
    assert found == expected.get(mode, new)


PRIMARY_KEY = {"postgresql": "CONSTRAINT doors_pkey", "mysql": "PRIMARY KEY"}


async def watermark(session: Session, mode: LoadMode, rows: list[Row], field: str) -> str | None:
    """:returns: What a store tells of a stream, without a journal."""
    options = LoadOptions(mode, watermark=Watermark("s", column=field))
    fields = Fields(tuple(ALL), tuple(ALL.values()))
    target = choose_target(located(PEOPLE, session), fields, options)
    opened = LOADERS[dialect_of(session)](session.capabilities).open(target)
    await opened.prepare(session)
    parts = choose_way(BatchSource(fields, [rows]), None, target, opened).parts()
    async with session.transaction():
        outcome = await opened.store(session, parts)
        await session.execute("DELETE FROM people WHERE id < 100")
    return outcome.watermark


@pytest.mark.parametrize("mode", [LoadMode.INSERT, LoadMode.UPSERT, LoadMode.MIRROR, LoadMode.REPLACE])
async def test_a_watermark_is_the_highest_value_of_its_column(session: Session, mode: LoadMode) -> None:
    await session.execute("INSERT INTO people VALUES (100, 'old', '2020-01-01', 50)")
    rows = [person(1, 5, date(2001, 1, 1)), person(2, 9), person(3, 7, date(2000, 1, 1))]
    for field, highest in (("born", "2001-01-01"), ("points", "9"), ("id", "3"), ("name", "name 3")):
        assert await watermark(session, mode, rows, field) == highest
    assert await watermark(session, mode, [person(1)], "born") is None


@pytest.mark.parametrize("mode", [LoadMode.UPSERT, LoadMode.MIRROR])
async def test_the_highest_version_wins_in_both_modes(session: Session, mode: LoadMode) -> None:
    await store(session, PEOPLE, LoadMode.INSERT, ALL, [person(1, 5), person(2, 5), person(3, 5)])
    rows = [person(1, 9), person(1, 7), person(2, 4), (3, "same", None, 5), person(4, 1)]
    report = await store(session, PEOPLE, mode, ALL, rows, on_duplicate=OnDuplicate.HIGHEST, version="points")
    assert report.counts == Counts(inserted=1, updated=2, superseded=2)
    assert await people(session) == [person(1, 9), person(2, 5), (3, "same", None, 5), person(4, 1)]
