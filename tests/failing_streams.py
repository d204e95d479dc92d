"""A table for tests of streams that fail, the rows that it should have, and what a failure must not leave behind."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field

from pysqlsync_engine.base import ConnectionContext, ConnectionPool, LoadOptions, Watermark
from pysqlsync_engine.data.batches import BatchSource
from pysqlsync_engine.data.sources import Batches, Fields, Window
from pysqlsync_engine.factory import get_dialect
from pysqlsync_engine.model.data_types import SqlCharacter, SqlInteger
from pysqlsync_engine.model.object_types import Table
from pysqlsync_engine.session import Row, Session
from tests.row_tables import column, dialect_of, located, table
from tests.servers import Server

ITEMS_SQL = "CREATE TABLE items (id int PRIMARY KEY, label varchar(400) NOT NULL, version int NOT NULL)"
ITEMS = table(
    "items", column("id", SqlInteger(4)), column("label", SqlCharacter(400)), column("version", SqlInteger(4))
)
FIELDS = Fields(("id", "label", "version"), (int, str, int))
STREAM = "items"
BY_VERSION = LoadOptions(watermark=Watermark(STREAM, "version"))

BUSY = {
    "postgresql": "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state <> 'idle'"
    " AND pid <> pg_backend_pid()",
    "mysql": "SELECT count(*) FROM information_schema.processlist WHERE db = database() AND command NOT IN ('Sleep', 'Killed')"
    " AND id <> connection_id()",
}
"""Counts the sessions of others in the database that are at work; `Killed` is one that sleeps since its statement was ended."""

WORKING = {
    "postgresql": "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND xact_start IS NOT NULL"
    " AND pid <> pg_backend_pid() AND backend_type = 'client backend'",
    "mysql": "SELECT count(*) FROM information_schema.innodb_trx x JOIN information_schema.processlist p"
    " ON p.id = x.trx_mysql_thread_id WHERE p.db = database() AND p.id <> connection_id()",
}
"""Counts the transactions of others in the database, whether or not somebody works on them."""

STAGING = {
    "postgresql": r"SELECT count(*) FROM pg_class WHERE relname LIKE 'pysqlsync\_%' AND relkind = 'r'",
    "mysql": r"SELECT count(*) FROM information_schema.tables WHERE table_schema = database()"
    r" AND table_name LIKE 'pysqlsync\_%' AND table_name NOT LIKE 'pysqlsync\_\_%'",
}
"""Counts the staging tables in the database that anybody can see."""

WAITING = {
    "postgresql": "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
    "mysql": "SELECT count(*) FROM information_schema.innodb_trx x JOIN information_schema.processlist p"
    " ON p.id = x.trx_mysql_thread_id WHERE p.db = database() AND x.trx_state = 'LOCK WAIT'",
}
"""Counts the sessions that wait for a lock of another."""

SENT_BYTES = 2000
"""Bound of batches for tests in which a stream is to be under way: about as much as 50 rows have."""

SETTLE_TIMEOUT_S = 20.0

TURN_S = {"postgresql": 0.01, "mysql": 0.12}
"""How long to wait before a server is asked for its transactions: some answer what they have just answered, for a tenth of a second."""


@dataclass
class Expected:
    """
    The rows that the table should have, and the watermark of its stream.

    :param seed: Of what is random.
    """

    seed: int
    rows: dict[int, Row] = field(default_factory=dict[int, Row])
    version: int = 0

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)  # noqa: S311 - the same in each run

    def next_rows(self, count: int, most: int, *, width: int = 20) -> list[Row]:
        """:returns: Rows of the next version with `count` of the keys below `most`, in no order."""
        version = self.version + 1
        return [(key, f"{key} {version} ".ljust(width, "x"), version) for key in self.random.sample(range(most), count)]

    def add(self, rows: Sequence[Row]) -> None:
        self.rows |= {row[0]: row for row in rows}
        self.version += 1

    def listed(self) -> list[Row]:
        return [self.rows[key] for key in sorted(self.rows)]


@dataclass
class SlowSource:
    """
    A source that can be read again, and lets others have a turn between its batches.

    :param told_at: Number of the batch before which `told` is set, from 0.
    """

    rows: Sequence[Row]
    size: int = 50
    wait_s: float = 0.0
    fields: Fields = FIELDS
    told_at: int = -1
    told: asyncio.Event = field(default_factory=asyncio.Event)

    def batches(self, window: Window | None) -> Batches:
        del window
        return self._batches()

    async def _batches(self) -> AsyncIterator[Sequence[Row]]:
        for start in range(0, len(self.rows), self.size):
            await asyncio.sleep(self.wait_s)
            if start >= self.told_at * self.size >= 0:
                self.told.set()
            yield self.rows[start : start + self.size]


def at_hand(rows: Sequence[Row]) -> BatchSource:
    return BatchSource(FIELDS, [rows])


def connected(server: Server) -> AbstractAsyncContextManager[ConnectionContext]:
    return get_dialect(server.dialect).create_connection(server.parameters)


@asynccontextmanager
async def observed(server: Server) -> AsyncGenerator[ConnectionContext]:
    """A connection of the test's own, and the table."""
    async with connected(server) as connection:
        await connection.session.execute(ITEMS_SQL)
        yield connection


@asynccontextmanager
async def pooled(server: Server, *, size: int = 1) -> AsyncGenerator[ConnectionPool]:
    """A pool with one open connection."""
    engine = get_dialect(server.dialect)
    async with engine.create_pool(server.parameters, min_size=1, max_size=size) as pool:
        yield pool


def items_table(connection: ConnectionContext) -> Table:
    return located(ITEMS, connection.session)


async def stored(session: Session) -> list[Row]:
    return await session.fetch("SELECT id, label, version FROM items ORDER BY id")


async def until(session: Session, query: str, count: int) -> None:
    """Wait until a query counts so many; fail if it never does."""
    deadline = time.monotonic() + SETTLE_TIMEOUT_S
    while (found := await session.fetch(query)) != [(count,)]:
        assert time.monotonic() < deadline, f"still {found} after {SETTLE_TIMEOUT_S} s: {query}"
        await asyncio.sleep(TURN_S[dialect_of(session)])


async def settle(session: Session) -> None:
    """Wait until no other session has a transaction open; fail if one keeps it, or if a staging table stays."""
    dialect = dialect_of(session)
    await until(session, BUSY[dialect], 0)
    await asyncio.sleep(TURN_S[dialect])
    await until(session, WORKING[dialect], 0)
    await until(session, STAGING[dialect], 0)


def differences(found: Sequence[Row], expected: Expected) -> str:
    """:returns: What a table lacks, and what it has besides."""
    present = set(found)
    missing = [row for row in expected.listed() if row not in present]
    extra = [row for row in found if expected.rows.get(row[0]) != row]
    return (
        f"{len(found)} rows, {len(missing)} are missing, {len(extra)} should not be there;"
        f" the first of them: {missing[:3]}, {extra[:3]}"
    )


async def check(connection: ConnectionContext, expected: Expected) -> None:
    """Check that the table has exactly these rows, and that the watermark is that of the rows, when nobody is at work any more."""
    await until(connection.session, BUSY[dialect_of(connection.session)], 0)
    found = await stored(connection.session)
    assert found == expected.listed(), differences(found, expected)
    mark = await connection.read_watermark(STREAM, items_table(connection))
    assert (0 if mark is None else mark.value) == expected.version
