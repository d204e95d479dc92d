"""What streams into MySQL and MariaDB lock, and what becomes of rows that others add meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from pysqlsync_engine.data.load_options import History, LoadMode, OnDuplicate, OnError
from pysqlsync_engine.data.load_report import Counts
from pysqlsync_engine.dialect.mysql import ranges
from pysqlsync_engine.dialect.mysql.pool import connect, open_pool
from pysqlsync_engine.dialect.mysql.session import MySQLSession
from pysqlsync_engine.model.data_types import SqlCharacter, SqlDate, SqlInteger
from tests.failing_streams import WAITING, until
from tests.row_tables import column, store, table
from tests.servers import Server

NOTES = table("notes", column("id", SqlInteger(4)), column("note", SqlCharacter(20)), column("size", SqlInteger(4)))
FIELDS = {"id": int, "note": str, "size": int}
AT_THE_GATE = "SELECT count(*) FROM information_schema.processlist WHERE db = database() AND state = 'User lock'"


PASS_GATE = "SET @gate = GET_LOCK(CONCAT('gate ', database()), 20), @gate = RELEASE_LOCK(CONCAT('gate ', database()))"
"""What a trigger waits with while the gate is closed; other tests may use the same server."""


async def close_gate(session: MySQLSession) -> None:
    assert await session.fetch("SELECT GET_LOCK(CONCAT('gate ', database()), 0)") == [(1,)]


async def open_gate(session: MySQLSession) -> None:
    assert await session.fetch("SELECT RELEASE_LOCK(CONCAT('gate ', database()))") == [(1,)]


@pytest.fixture
async def session(mysql: Server) -> AsyncIterator[MySQLSession]:
    async with connect(mysql.parameters) as session:
        await session.execute(
            "CREATE TABLE notes (id int PRIMARY KEY, note varchar(20) NOT NULL, size int NOT NULL) CHARACTER SET utf8mb4"
        )
        yield session


async def watch(session: MySQLSession, name: str) -> None:
    """Let triggers write down the isolation of each transaction that changes row 1."""
    await session.execute("CREATE TABLE levels (level varchar(20) NOT NULL)")
    for event in ("INSERT", "UPDATE", "DELETE"):
        row = "OLD" if event == "DELETE" else "NEW"
        # the server shows what it has seen before, unless nobody has asked for a while
        await session.execute(
            f"CREATE TRIGGER on_{event.lower()} BEFORE {event} ON {name} FOR EACH ROW IF {row}.id = 1 THEN DO SLEEP(0.15);"
            " INSERT INTO levels SELECT trx_isolation_level FROM information_schema.innodb_trx"
            " WHERE trx_mysql_thread_id = connection_id(); END IF"
        )


async def levels(session: MySQLSession) -> list[str]:
    found = await session.fetch("SELECT DISTINCT level FROM levels")
    await session.execute("DELETE FROM levels")
    return [level for (level,) in found]


@pytest.mark.parametrize("on_error", OnError)
async def test_gaps_between_rows_are_not_locked_where_nothing_depends_on_them(
    session: MySQLSession, on_error: OnError
) -> None:
    await watch(session, "notes")
    rows = [(number, "a", number) for number in range(5)]
    for mode in (LoadMode.INSERT, LoadMode.UPSERT, LoadMode.DELETE):
        fields = {"id": int} if mode is LoadMode.DELETE else FIELDS
        # rows that are the same would not be written
        given = [(number, note + mode.value[0], size)[: len(fields)] for number, note, size in rows]
        await store(session, NOTES, mode, fields, given, on_error=on_error)
        assert await levels(session) == ["READ COMMITTED"], mode
    # the session is as it was
    async with session.transaction():
        await session.fetch("SELECT id FROM notes")
        await session.execute("INSERT INTO notes VALUES (1, 'mine', 1)")
    assert await levels(session) == ["REPEATABLE READ"]


async def test_gaps_are_locked_where_rows_count_that_are_not_there(session: MySQLSession) -> None:
    await session.execute("INSERT INTO notes VALUES (1, 'a', 1), (2, 'b', 2)")
    await watch(session, "notes")
    for mode in (LoadMode.MIRROR, LoadMode.REPLACE):
        await store(session, NOTES, mode, FIELDS, [(1, mode.value[:9], 1), (3, "c", 3)])
        assert await levels(session) == ["REPEATABLE READ"], mode
    newest = {"on_duplicate": OnDuplicate.HIGHEST, "version": "size"}
    await store(session, NOTES, LoadMode.UPSERT, FIELDS, [(1, "new", 2), (4, "d", 4)], **newest)
    assert await levels(session) == ["REPEATABLE READ"]
    await store(session, NOTES, LoadMode.UPSERT, {"id": int, "note": str}, [(1, "part")])
    assert await levels(session) == ["REPEATABLE READ"]


async def test_gaps_are_locked_where_versions_are_kept(session: MySQLSession) -> None:
    await session.execute(
        "CREATE TABLE prices (id int, price int NOT NULL, valid_from date, valid_to date, PRIMARY KEY (id, valid_from))"
    )
    await watch(session, "prices")
    prices = table(
        "prices",
        column("id", SqlInteger(4)),
        column("price", SqlInteger(4)),
        column("valid_from", SqlDate()),
        column("valid_to", SqlDate(), nullable=True),
        key="id valid_from",
    )
    kept = {"history": History(current=None)}
    await store(session, prices, LoadMode.HISTORY, {"id": int, "price": int}, [(1, 10)], **kept)
    assert await levels(session) == ["REPEATABLE READ"]


async def test_a_transaction_of_the_caller_stays_as_it_is(session: MySQLSession) -> None:
    await watch(session, "notes")
    await session.execute("INSERT INTO notes VALUES (1, 'a', 1)")
    async with session.transaction():
        report = await store(session, NOTES, LoadMode.UPSERT, FIELDS, [(1, "b", 1), (2, "c", 2)])
    assert report.counts == Counts(inserted=1, updated=1)
    assert await levels(session) == ["REPEATABLE READ"]


async def test_streams_that_add_rows_side_by_side_do_not_wait_for_each_other(
    session: MySQLSession, mysql: Server
) -> None:
    """Pages are split while rows on them are locked, where servers pass locks on to gaps."""
    old = [(number, "x" * 20, 0) for number in range(0, 40_000, 4)]
    await store(session, NOTES, LoadMode.INSERT, FIELDS, old)
    # the first stream waits at the end of its merge, where a trigger stops it
    await session.execute(
        f"CREATE TRIGGER gate BEFORE INSERT ON notes FOR EACH ROW IF NEW.id = 39997 THEN {PASS_GATE}; END IF"
    )
    await close_gate(session)

    def rows(rest: int) -> list[tuple[int, str, int]]:
        # every other row that exists, and a new one beside each
        updated = range(0 if rest == 1 else 4, 40_000, 8)
        return [(number, "y" * 20, rest) for number in sorted([*updated, *range(rest, 40_000, 4)])]

    async with (
        open_pool(mysql.parameters, min_size=2, max_size=2) as pool,
        pool.acquire() as first,
        pool.acquire() as second,
    ):
        held = asyncio.create_task(store(first, NOTES, LoadMode.UPSERT, FIELDS, rows(1)))
        await until(session, AT_THE_GATE, 1)
        await second.execute("SET SESSION innodb_lock_wait_timeout = 5")
        report = await store(second, NOTES, LoadMode.UPSERT, FIELDS, rows(2))
        assert report.counts == Counts(inserted=10_000, updated=5_000)
        assert not held.done()
        await open_gate(session)
        assert (await held).counts == Counts(inserted=10_000, updated=5_000)
    assert await session.fetch("SELECT size, count(*) FROM notes GROUP BY size ORDER BY size") == [
        (1, 15_000),
        (2, 15_000),
    ]


@pytest.mark.parametrize("is_committed", [True, False], ids=["committed", "under way"])
async def test_a_row_that_another_session_adds_meanwhile_is_updated(
    session: MySQLSession, mysql: Server, *, is_committed: bool
) -> None:
    if session.capabilities.version.product != "MySQL":
        pytest.skip("rows are added and updated by one statement")
    await session.execute("INSERT INTO notes VALUES (1, 'a', 1)")
    await session.execute(f"CREATE TRIGGER gate BEFORE UPDATE ON notes FOR EACH ROW {PASS_GATE}")
    rows = [(1, "one", 1), (2, "two", 2), (3, "three", 3)]
    await close_gate(session)
    async with open_pool(mysql.parameters, min_size=1, max_size=2) as pool, pool.acquire() as other:
        stream = asyncio.create_task(store(other, NOTES, LoadMode.UPSERT, FIELDS, rows))
        # rows that exist are about to be updated, others have been found missing
        await until(session, AT_THE_GATE, 1)
        await session.execute("START TRANSACTION")
        await session.execute("INSERT INTO notes VALUES (2, 'theirs', 0)")
        if is_committed:
            await session.execute("COMMIT")
        await open_gate(session)
        if not is_committed:
            await until(session, WAITING["mysql"], 1)
            await session.execute("COMMIT")
        report = await stream
    assert report.counts == Counts(inserted=1, updated=2)
    assert await session.fetch("SELECT * FROM notes ORDER BY id") == rows


async def test_ranges_are_undone_if_another_session_adds_a_row_of_a_later_one(
    session: MySQLSession, mysql: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    if session.capabilities.version.product != "MySQL":
        pytest.skip("rows are added and updated by one statement")
    monkeypatch.setattr(ranges, "RANGE_ROWS", 2)
    await session.execute("INSERT INTO notes VALUES (1, 'a', 1), (3, 'c', 1)")
    await session.execute(
        f"CREATE TRIGGER gate BEFORE UPDATE ON notes FOR EACH ROW IF NEW.id = 3 THEN {PASS_GATE}; END IF"
    )
    rows = [(1, "one", 1), (2, "two", 2), (3, "three", 3), (4, "four", 4)]
    await close_gate(session)
    async with open_pool(mysql.parameters, min_size=1, max_size=2) as pool, pool.acquire() as other:
        stream = asyncio.create_task(store(other, NOTES, LoadMode.UPSERT, FIELDS, rows))
        # the first two are written, and one of the others is known to be there
        await until(session, AT_THE_GATE, 1)
        await session.execute("INSERT INTO notes VALUES (4, 'theirs', 0)")
        await open_gate(session)
        report = await stream
        statements = await other.fetch("SHOW SESSION STATUS LIKE 'Com_insert_select'")
    assert report.counts == Counts(inserted=1, updated=3)
    assert await session.fetch("SELECT * FROM notes ORDER BY id") == rows
    # one for each range, and one for all
    assert statements == [("Com_insert_select", "3")]


@pytest.mark.parametrize(
    ("mode", "options"),
    [
        (LoadMode.UPSERT, {}),
        (LoadMode.UPSERT, {"on_duplicate": OnDuplicate.HIGHEST, "version": "size"}),
        (LoadMode.DELETE, {}),
        (LoadMode.MIRROR, {}),
    ],
)
async def test_rows_are_found_by_key_in_a_table_that_the_server_takes_for_empty(
    session: MySQLSession, mysql: Server, mode: LoadMode, options: dict[str, Any]
) -> None:
    await session.execute("ALTER TABLE notes STATS_PERSISTENT = 1, STATS_AUTO_RECALC = 0")
    count = 20_000
    await store(session, NOTES, LoadMode.INSERT, FIELDS, [(number, "a", 1) for number in range(count)])
    await session.execute(
        "UPDATE mysql.innodb_table_stats SET n_rows = 0, clustered_index_size = 1 WHERE database_name = database()"
    )
    await session.execute("FLUSH TABLES notes")
    fields = {"id": int} if mode is LoadMode.DELETE else FIELDS
    rows = [(number, "b", 2)[: len(fields)] for number in range(0, 2 * count, 2)]
    async with open_pool(mysql.parameters, min_size=1, max_size=2) as pool, pool.acquire() as other:
        # to read the table for each row takes longer
        async with asyncio.timeout(20):
            report = await store(other, NOTES, mode, fields, rows, **options)
    half = count // 2
    expected = {
        LoadMode.UPSERT: Counts(inserted=half, updated=half),
        LoadMode.DELETE: Counts(deleted=half),
        LoadMode.MIRROR: Counts(inserted=half, updated=half, deleted=half),
    }
    assert report.counts == expected[mode]
