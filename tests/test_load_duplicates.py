"""Streams with several rows of a key: which one is stored, or that none is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from pysqlsync_engine.data.batches import MAX_BATCH_ROWS
from pysqlsync_engine.data.load_options import History, LoadMode, OnDuplicate
from pysqlsync_engine.data.load_report import Counts
from pysqlsync_engine.errors import RowError
from pysqlsync_engine.model.data_types import SqlCharacter, SqlInteger, SqlTimestamp
from pysqlsync_engine.session import Row, Session
from tests.row_tables import column, dialect_of, open_session, store, table
from tests.servers import Server

ITEMS = table(
    "items",
    column("id", SqlInteger(4)),
    column("version", SqlInteger(4), nullable=True),
    column("label", SqlCharacter(40), nullable=True),
    column("note", SqlCharacter(9), nullable=True),
)

FIELDS = {"id": int, "version": int, "label": str}

HIGHEST: dict[str, Any] = {"on_duplicate": OnDuplicate.HIGHEST, "version": "version"}

MERGING = [LoadMode.UPSERT, LoadMode.MIRROR, LoadMode.REPLACE]


@pytest.fixture
async def session(database: Server) -> AsyncIterator[Session]:
    async with open_session(database) as session:
        await session.execute(
            "CREATE TABLE items (id int PRIMARY KEY, version int, label varchar(40), note varchar(9))"
        )
        yield session


async def items(session: Session) -> list[Row]:
    return await session.fetch("SELECT id, version, label FROM items ORDER BY id")


@pytest.mark.parametrize("mode", MERGING)
async def test_the_last_row_of_a_key_is_stored(session: Session, mode: LoadMode) -> None:
    rows = [(key, turn, f"{key} in {turn}") for turn in range(20) for key in range(50)]
    rows.sort(key=lambda row: (row[0] * 7919 + row[1] * 104_729) % 1009)
    expected = {row[0]: row for row in rows}
    report = await store(session, ITEMS, mode, FIELDS, rows)
    assert await items(session) == [expected[key] for key in range(50)]
    assert report.counts == Counts(inserted=50, superseded=950)


@pytest.mark.parametrize("mode", MERGING)
async def test_the_last_row_is_the_last_one_of_all_batches(session: Session, mode: LoadMode) -> None:
    rows = [(number % 1000, number, "x" * (number % 37)) for number in range(2 * MAX_BATCH_ROWS + 5)]
    report = await store(session, ITEMS, mode, FIELDS, rows)
    assert await items(session) == sorted(rows[-1000:])
    assert report.counts.superseded == len(rows) - 1000


@pytest.mark.parametrize("mode", [LoadMode.INSERT, *MERGING])
async def test_several_rows_of_a_key_are_refused_if_that_is_asked_for(session: Session, mode: LoadMode) -> None:
    await session.execute("INSERT INTO items VALUES (70, 7, 'old', NULL)")
    rows = [(1, 1, "a"), (2, 1, "b"), (3, 1, "c"), (2, 1, "b"), (1, 1, "a")]
    with pytest.raises(RowError) as caught:
        await store(session, ITEMS, mode, FIELDS, rows, on_duplicate=OnDuplicate.ERROR)
    assert (caught.value.row, caught.value.column) == (4, "id")
    assert await items(session) == [(70, 7, "old")]
    report = await store(session, ITEMS, mode, FIELDS, rows[:3], on_duplicate=OnDuplicate.ERROR)
    assert report.counts.inserted == 3


async def test_the_row_with_the_highest_version_is_stored(session: Session) -> None:
    rows = [
        (1, 5, "a"),
        (1, 9, "b"),
        (1, 7, "c"),
        (2, None, "d"),
        (2, 1, "e"),
        (3, 4, "f"),
        (3, 4, "g"),
        (4, None, "h"),
    ]
    report = await store(session, ITEMS, LoadMode.UPSERT, FIELDS, rows, **HIGHEST)
    assert await items(session) == [(1, 9, "b"), (2, 1, "e"), (3, 4, "g"), (4, None, "h")]
    assert report.counts == Counts(inserted=4, superseded=4)


async def test_an_older_version_than_that_of_the_table_is_not_stored(session: Session) -> None:
    await store(session, ITEMS, LoadMode.INSERT, FIELDS, [(1, 5, "a"), (2, 5, "b"), (3, 5, "c"), (4, None, "d")])
    rows = [(1, 4, "older"), (2, 5, "same"), (3, 6, "newer"), (4, 1, "first"), (5, 1, "new")]
    report = await store(session, ITEMS, LoadMode.UPSERT, FIELDS, rows, **HIGHEST)
    assert await items(session) == [(1, 5, "a"), *rows[1:]]
    assert report.counts == Counts(inserted=1, updated=3, superseded=1)
    # whatever the order in which streams arrive
    report = await store(session, ITEMS, LoadMode.UPSERT, FIELDS, [(2, None, "?"), (3, 5, "late")], **HIGHEST)
    assert report.counts == Counts(superseded=2)
    assert await items(session) == [(1, 5, "a"), *rows[1:]]


async def test_versions_and_changes_are_told_apart(session: Session) -> None:
    await store(session, ITEMS, LoadMode.INSERT, FIELDS, [(1, 5, "a"), (2, 5, "b"), (3, 5, "c")])
    rows = [(1, 5, "a"), (2, 4, "older"), (3, 6, "newer"), (1, 3, "older"), (4, 1, "new")]
    report = await store(session, ITEMS, LoadMode.UPSERT, FIELDS, rows, only_changed=True, **HIGHEST)
    assert report.counts == Counts(inserted=1, updated=1, unchanged=1, superseded=2)
    assert await items(session) == [(1, 5, "a"), (2, 5, "b"), (3, 6, "newer"), (4, 1, "new")]


async def test_versions_are_compared_where_columns_are_missing(session: Session) -> None:
    await session.execute("CREATE TABLE parts (id int PRIMARY KEY, version int, label varchar(40) NOT NULL)")
    parts = table(
        "parts",
        column("id", SqlInteger(4)),
        column("version", SqlInteger(4), nullable=True),
        column("label", SqlCharacter(40)),
    )
    await session.execute("INSERT INTO parts VALUES (1, 5, 'a'), (2, 5, 'b')")
    fields = {"id": int, "version": int}
    report = await store(session, parts, LoadMode.UPSERT, fields, [(1, 4), (2, 6), (2, 5)], **HIGHEST)
    assert report.counts == Counts(updated=1, superseded=2)
    assert await session.fetch("SELECT id, version, label FROM parts ORDER BY id") == [(1, 5, "a"), (2, 6, "b")]


async def test_a_replacement_takes_the_highest_version_of_the_stream_alone(session: Session) -> None:
    await session.execute("INSERT INTO items VALUES (1, 99, 'old', NULL)")
    report = await store(session, ITEMS, LoadMode.REPLACE, FIELDS, [(1, 5, "a"), (1, 4, "b")], **HIGHEST)
    assert await items(session) == [(1, 5, "a")]
    assert report.counts == Counts(inserted=1, deleted=1, superseded=1)


async def test_a_history_has_one_version_for_several_rows_of_a_stream(session: Session) -> None:
    moment = {"postgresql": "timestamp(6)", "mysql": "datetime(6)"}[dialect_of(session)]
    await session.execute(
        f"CREATE TABLE facts (id int, valid_from {moment}, valid_to {moment} NULL, version int,"
        " PRIMARY KEY (id, valid_from))"
    )
    facts = table(
        "facts",
        column("id", SqlInteger(4)),
        column("valid_from", SqlTimestamp(6)),
        column("valid_to", SqlTimestamp(6), nullable=True),
        column("version", SqlInteger(4), nullable=True),
        key="id valid_from",
    )
    start = datetime(2024, 1, 1)

    async def keep(day: int, *rows: Row, **options: Any) -> Counts:
        options["history"] = History(at=start + timedelta(days=day))
        return (await store(session, facts, LoadMode.HISTORY, {"id": int, "version": int}, rows, **options)).counts

    assert await keep(0, (1, 5), (1, 9), (1, 7)) == Counts(inserted=1, superseded=2)
    assert await keep(1, (1, 9), (1, 3), **HIGHEST) == Counts(updated=1, superseded=1)
    assert await keep(2, (1, 8), **HIGHEST) == Counts(superseded=1)
    with pytest.raises(RowError) as caught:
        await keep(3, (2, 1), (1, 1), (2, 1), on_duplicate=OnDuplicate.ERROR)
    assert caught.value.row == 3
    assert await session.fetch("SELECT version FROM facts ORDER BY valid_from") == [(7,), (9,)]


async def test_a_composite_key_is_a_duplicate_as_a_whole(session: Session) -> None:
    await session.execute("CREATE TABLE grades (a varchar(9), b int, grade int, PRIMARY KEY (b, a))")
    grades = table(
        "grades",
        column("a", SqlCharacter(9)),
        column("b", SqlInteger(4)),
        column("grade", SqlInteger(4), nullable=True),
        key="b a",
    )
    fields = {"grade": int, "a": str, "b": int}
    rows = [(1, "x", 1), (2, "x", 2), (3, "y", 1), (4, "x", 1), (5, "y", 2)]
    with pytest.raises(RowError) as caught:
        await store(session, grades, LoadMode.UPSERT, fields, rows, on_duplicate=OnDuplicate.ERROR)
    assert (caught.value.row, caught.value.column) == (4, None)
    report = await store(session, grades, LoadMode.UPSERT, fields, rows)
    assert report.counts == Counts(inserted=4, superseded=1)
    found = await session.fetch("SELECT grade, a, b FROM grades ORDER BY grade")
    assert found == [(2, "x", 2), (3, "y", 1), (4, "x", 1), (5, "y", 2)]
