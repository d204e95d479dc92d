"""Merges that write staged rows range by range of their keys."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from pysqlsync_engine.data.load_options import LoadMode
from pysqlsync_engine.data.load_report import Counts
from pysqlsync_engine.dialect.mysql import ranges
from pysqlsync_engine.dialect.mysql.pool import connect, open_pool
from pysqlsync_engine.dialect.mysql.session import MySQLSession
from pysqlsync_engine.model.constraint_types import UniqueConstraint
from pysqlsync_engine.model.data_types import (
    SqlBinary,
    SqlCharacter,
    SqlDate,
    SqlDecimal,
    SqlFloat,
    SqlInteger,
    SqlLabel,
    SqlTimestamp,
    SqlType,
)
from pysqlsync_engine.model.id_types import LocalId
from pysqlsync_engine.model.object_types import Table
from tests.row_tables import column, store, table
from tests.servers import Server

SOME_DAY = date(2024, 2, 27)
SOME_TIME = datetime(2024, 10, 27, 0, 59, 59, 999_990)

KEYS: dict[str, tuple[str, SqlType, Callable[[int], Any]]] = {
    "integer": ("bigint", SqlInteger(8), lambda n: (n - 300) * 7),
    "text of any case": (
        "varchar(20) COLLATE utf8mb4_general_ci",
        SqlCharacter(20),
        lambda n: f"{'kK'[n % 2]}ey {n:03d}",
    ),
    "text that is not ASCII": ("varchar(20) COLLATE utf8mb4_bin", SqlCharacter(20), lambda n: f"'\\{chr(0xE0 + n)}"),
    "bytes": ("binary(4)", SqlBinary(4, fixed=True), lambda n: bytes([255 - n % 256, n // 256, 92, 39])),
    "decimal": ("decimal(20,5)", SqlDecimal(20, 5), lambda n: Decimal(n - 300) / 1000 + Decimal("1e14")),
    "date": ("date", SqlDate(), lambda n: SOME_DAY + timedelta(days=n)),
    "clock": ("datetime(6)", SqlTimestamp(6), lambda n: SOME_TIME + timedelta(microseconds=n)),
    "moment": (
        "timestamp(6)",
        SqlTimestamp(6, with_time_zone=True),
        lambda n: (SOME_TIME + timedelta(minutes=n)).replace(tzinfo=UTC),
    ),
}
ROWS = 600


@pytest.fixture
async def session(mysql: Server, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[MySQLSession]:
    async with connect(mysql.parameters) as one:
        if one.capabilities.version.product != "MySQL":
            pytest.skip("rows are added and updated by one statement")
    monkeypatch.setattr(ranges, "RANGE_ROWS", 25)
    # one of several, which update and insert
    async with open_pool(mysql.parameters, min_size=1, max_size=2) as pool, pool.acquire() as session:
        yield session


async def counter(session: MySQLSession, *names: str) -> int:
    listed = ", ".join(f"'{name}'" for name in names)
    found = await session.fetch(f"SHOW SESSION STATUS WHERE variable_name IN ({listed})")
    return sum(int(value) for _, value in found)


def notes(key: str, *columns: Any, **attributes: Any) -> Table:
    return table("notes", *columns, column("note", SqlInteger(4)), key=key, **attributes)


def fields_of(keys: Sequence[Any]) -> dict[str, Any]:
    return {"id": type(keys[0]), "note": int}


@pytest.mark.parametrize("kind", KEYS)
async def test_ranges_of_any_type_have_each_row_once(session: MySQLSession, kind: str) -> None:
    spelled, data_type, make = KEYS[kind]
    await session.execute(
        f"CREATE TABLE notes (id {spelled} NOT NULL PRIMARY KEY, note int NOT NULL) CHARACTER SET utf8mb4"
    )
    keys = [make(number) for number in range(ROWS)]
    target, fields = notes("id", column("id", data_type)), fields_of(keys)
    await store(session, target, LoadMode.INSERT, fields, [(key, 0) for key in keys[::2]])
    inserts = await counter(session, "Com_insert_select")
    reads = await counter(session, "Handler_read_next", "Handler_read_rnd_next")
    report = await store(session, target, LoadMode.UPSERT, fields, [(key, 1) for key in reversed(keys)])
    assert report.counts == Counts(inserted=ROWS // 2, updated=ROWS // 2)
    assert await session.fetch("SELECT count(*), sum(note) FROM notes") == [(ROWS, ROWS)]
    assert await counter(session, "Com_insert_select") - inserts == ROWS // 25
    # to read all rows for each range takes 24 times as many
    assert await counter(session, "Handler_read_next", "Handler_read_rnd_next") - reads < 10 * ROWS


async def test_rows_of_one_value_are_in_one_range(session: MySQLSession) -> None:
    await session.execute("CREATE TABLE notes (a int, b int, note int NOT NULL, PRIMARY KEY (a, b))")
    target, fields = (
        notes("a b", column("a", SqlInteger(4)), column("b", SqlInteger(4))),
        {"a": int, "b": int, "note": int},
    )
    # the first value alone has more rows than a range, the next two have together, and the last one has fewer
    rows = [(a, b, 1) for a, count in ((1, 40), (2, 10), (3, 20), (4, 5)) for b in range(count)]
    await store(session, target, LoadMode.INSERT, fields, [(a, b, 0) for a, b, _ in rows if b % 3 == 0])
    inserts = await counter(session, "Com_insert_select")
    report = await store(session, target, LoadMode.UPSERT, fields, rows)
    existing = sum(b % 3 == 0 for _, b, _ in rows)
    assert report.counts == Counts(inserted=len(rows) - existing, updated=existing)
    assert await session.fetch("SELECT a, b, note FROM notes ORDER BY a, b") == rows
    assert await counter(session, "Com_insert_select") - inserts == 3


LABELS = tuple(f"{number:02d}" for number in reversed(range(100)))
"""In an order that they do not have as text."""

OTHERS: dict[str, tuple[str, SqlType, Sequence[Any]]] = {
    "another key": ("int", SqlInteger(4), range(100)),
    "labels": (f"enum({', '.join(map(repr, LABELS))})", SqlLabel(LABELS), LABELS),
    "numbers with a fraction": ("double", SqlFloat(8), [number / 8 for number in range(100)]),
}


@pytest.mark.parametrize("kind", OTHERS)
async def test_rows_are_written_at_once_where_ranges_are_not_those_of_the_server(
    session: MySQLSession, kind: str
) -> None:
    spelled, data_type, keys = OTHERS[kind]
    await session.execute(f"CREATE TABLE notes (id {spelled} NOT NULL PRIMARY KEY, note int NOT NULL UNIQUE)")
    unique = (UniqueConstraint(LocalId("note"), (LocalId("note"),)),) if kind == "another key" else ()
    target, fields = notes("id", column("id", data_type), constraints=unique), fields_of(keys)
    rows = [(key, number) for number, key in enumerate(keys)]
    await store(session, target, LoadMode.INSERT, fields, rows[50:])
    # each new row has what a row of a later range has until that is updated
    given = [(key, note + 50) for key, note in rows]
    inserts = await counter(session, "Com_insert_select")
    report = await store(session, target, LoadMode.UPSERT, fields, reversed(given))
    assert report.counts == Counts(inserted=50, updated=50)
    assert await session.fetch("SELECT * FROM notes ORDER BY id") == given
    assert await counter(session, "Com_insert_select") - inserts == 1
