"""What becomes of streams when connections break, processes are killed, rows are locked and disks are full."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import signal
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from pysqlsync_engine.base import (
    Atomicity,
    ConnectionPool,
    DatabaseSource,
    LoadMode,
    LoadOptions,
    OnError,
    OnFailure,
    PartialLoadError,
    Retries,
    StreamJob,
    StreamsError,
    UncertainCommitError,
)
from pysqlsync_engine.data.batches import BatchSource
from pysqlsync_engine.data.sources import Fields
from pysqlsync_engine.errors import LoadError, RowError, StatementError
from pysqlsync_engine.model.data_types import SqlInteger
from pysqlsync_engine.model.object_types import Table
from pysqlsync_engine.session import Row
from pysqlsync_engine.streams import RECOGNIZED
from tests.failing_streams import (
    BUSY,
    BY_VERSION,
    FIELDS,
    ITEMS_SQL,
    SENT_BYTES,
    WAITING,
    Expected,
    SlowSource,
    at_hand,
    check,
    connected,
    items_table,
    observed,
    pooled,
    settle,
    stored,
    until,
)
from tests.proxy import Direction, proxied
from tests.row_tables import column, located, table
from tests.servers import Server

ONCE = Retries(attempts=1)
SOON = Retries(wait_initial_s=0.01, wait_max_s=0.2)
OFFSETS = 30
SEED = 20240229

LOGS_SQL = "CREATE TABLE logs (line int NOT NULL)"
LOGS = table("logs", column("line", SqlInteger(4)), key="")
LINES = Fields(("line",), (int,))
INSERT = LoadOptions(LoadMode.INSERT)

COMMIT = re.compile(rb"COMMIT(?!TED)")
"""Ends a transaction, and is no level of isolation."""


@pytest.mark.parametrize("retries", [ONCE, SOON], ids=["once", "again"])
async def test_a_connection_that_breaks_anywhere_leaves_all_rows_or_none(database: Server, retries: Retries) -> None:
    expected = Expected(SEED)
    async with observed(database) as connection, proxied(database) as (proxy, reached), pooled(reached) as pool:
        target = items_table(connection)
        for _ in range(2):
            proxy.arm()
            rows = expected.next_rows(300, 450)
            await pool.load(target, at_hand(rows), options=BY_VERSION)
            expected.add(rows)
        passed = dict(proxy.passed)
        for _ in range(OFFSETS):
            async with pool.connection():
                # so that it is not broken while it is being opened
                pass
            way = expected.random.choice(list(Direction))
            proxy.arm({way: expected.random.randrange(1, int(passed[way] * 0.97))})
            rows = expected.next_rows(300, 450)
            error = await failure(pool, target, rows, retries)
            assert error is None or (retries is ONCE and error.is_lost)
            is_stored = error is None
            if isinstance(error, UncertainCommitError):
                await until(connection.session, BUSY[database.dialect], 0)
                is_stored = any(row[2] == expected.version + 1 for row in await stored(connection.session))
            if is_stored:
                expected.add(rows)
            assert proxy.broken == 1
            await check(connection, expected)
        await settle(connection.session)


async def failure(pool: ConnectionPool, target: Table, rows: list[Row], retries: Retries) -> StatementError | None:
    """:returns: What went wrong while the rows were sent; `None` if they are stored."""
    try:
        report = await pool.load(target, at_hand(rows), options=BY_VERSION, retries=retries)
    except StatementError as error:
        return error
    assert report.rows == len(rows)
    return None


async def test_a_commit_whose_answer_is_lost_is_recognized(database: Server) -> None:
    async with observed(database) as connection, proxied(database) as (proxy, reached), pooled(reached) as pool:
        await connection.session.execute(LOGS_SQL)
        logs = located(LOGS, connection.session)
        await pool.load(logs, BatchSource(LINES, [[(1,)]]), options=INSERT)
        proxy.arm(swallow=COMMIT)
        # without a key, rows that were sent again would be there twice; and these could not be read again
        report = await pool.load(logs, BatchSource(LINES, iter([[(2,), (3,)]])), options=INSERT)
        assert proxy.broken == 1
        assert await connection.session.fetch("SELECT line FROM logs ORDER BY line") == [(1,), (2,), (3,)]
        assert (report.rows, report.counts.inserted, report.attempts, report.repeated) == (2, 2, 1, False)
        assert RECOGNIZED in report.notes
        await settle(connection.session)


async def test_a_commit_whose_answer_is_lost_is_recognized_by_the_name_of_its_batch(database: Server) -> None:
    named = replace(INSERT, stream="logs", batch="2024-02-29")
    other = replace(named, batch="2024-02-28")
    async with observed(database) as connection, proxied(database) as (proxy, reached), pooled(reached) as pool:
        await connection.session.execute(LOGS_SQL)
        logs = located(LOGS, connection.session)
        await pool.load(logs, BatchSource(LINES, []), options=other)
        proxy.arm(swallow=COMMIT)
        with pytest.raises(UncertainCommitError, match="whether the stream was committed is not known") as caught:
            await pool.load(logs, BatchSource(LINES, [[(1,)]]), options=named, retries=ONCE)
        assert caught.value.report.counts.inserted == 1
        again = await pool.load(logs, BatchSource(LINES, [[(1,)]]), options=named, retries=ONCE)
        assert (again.repeated, again.rows) == (True, 0)
        assert await connection.session.fetch("SELECT line FROM logs") == [(1,)]


async def test_a_commit_is_uncertain_if_nobody_can_be_asked(database: Server) -> None:
    async with observed(database) as connection, proxied(database) as (proxy, reached), pooled(reached) as pool:
        await connection.session.execute(LOGS_SQL)
        logs = located(LOGS, connection.session)
        await pool.load(logs, BatchSource(LINES, [[(0,)]]), options=INSERT)
        proxy.arm(swallow=COMMIT, then_refuse=True)
        with pytest.raises(UncertainCommitError) as caught:
            await pool.load(logs, BatchSource(LINES, [[(1,)]]), options=INSERT, retries=replace(SOON, attempts=3))
        assert caught.value.report.rows == 1
        assert await connection.session.fetch("SELECT line FROM logs ORDER BY line") == [(0,), (1,)]


async def test_rows_that_can_be_read_once_are_not_sent_again(database: Server) -> None:
    async with observed(database) as connection, proxied(database) as (proxy, reached), pooled(reached) as pool:
        expected = Expected(SEED)
        rows = expected.next_rows(300, 450)
        proxy.arm({Direction.TO_SERVER: 6000})
        with pytest.raises(
            LoadError, match=r"lost.*the source can be read once only, so the stream was not sent again"
        ):
            await pool.load(items_table(connection), BatchSource(FIELDS, iter([rows])), options=BY_VERSION)
        await check(connection, expected)
        await settle(connection.session)


async def test_a_source_that_loses_its_own_connection_is_read_again(database: Server) -> None:
    async with observed(database) as connection, proxied(database) as (proxy, reached), pooled(database) as pool:
        expected, target = Expected(SEED), items_table(connection)
        rows = expected.next_rows(2000, 2000, width=300)
        expected.add(rows)
        await pool.load(target, at_hand(rows), options=BY_VERSION)
        await connection.session.execute(ITEMS_SQL.replace("items", "copies"))
        copies = replace(target, name=replace(target.name, name="copies"))
        source = DatabaseSource(lambda: connected(reached), FIELDS, table=target, page_rows=500)
        proxy.arm({Direction.TO_CLIENT: 300_000})
        report = await pool.load(copies, source, options=INSERT, retries=SOON)
        assert (proxy.broken, report.attempts, report.rows) == (1, 2, 2000)
        assert await connection.session.fetch("SELECT id, label, version FROM copies ORDER BY id") == expected.listed()
        await settle(connection.session)


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sends batches as they come, so that each is a part of the stream."""
    monkeypatch.setattr("pysqlsync_engine.data.batches.MAX_BATCH_BYTES", 1)


@pytest.mark.usefixtures("small_batches")
async def test_a_stream_in_parts_is_sent_again_where_rows_may_be_stored_twice(database: Server) -> None:
    in_parts = replace(BY_VERSION, atomicity=Atomicity.CHUNK, chunk_bytes=1)
    async with observed(database) as connection, proxied(database) as (proxy, reached), pooled(reached) as pool:
        expected, target = Expected(SEED), items_table(connection)
        rows = expected.next_rows(40, 80, width=300)
        proxy.arm({Direction.TO_SERVER: 15_000})
        report = await pool.load(target, at_hand(rows), options=in_parts, retries=SOON)
        expected.add(rows)
        assert (proxy.broken, report.attempts, report.rows) == (1, 2, 40)
        await check(connection, expected)
        await settle(connection.session)


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("batch", [None, "monday"])
async def test_rows_of_a_stream_in_parts_are_set_aside_once(database: Server, batch: str | None) -> None:
    in_parts = replace(BY_VERSION, atomicity=Atomicity.CHUNK, chunk_bytes=1, on_error=OnError.QUARANTINE, batch=batch)
    async with observed(database) as connection, proxied(database) as (proxy, reached), pooled(reached) as pool:
        target = items_table(connection)
        rows: list[Row] = [(key, None if key % 5 == 0 else "x" * 300, 1) for key in range(1, 41)]
        # an earlier stream, whose rejected rows stay
        await pool.load(target, at_hand([(50, None, 1)]), options=replace(in_parts, batch=None))
        proxy.arm({Direction.TO_SERVER: 20_000})
        report = await pool.load(target, at_hand(rows), options=in_parts, retries=SOON)
        assert (proxy.broken, report.attempts, report.rows, report.rejected) == (1, 2, 40, 8)
        await settle(connection.session)
        assert [row[0] for row in await stored(connection.session)] == [key for key in range(1, 41) if key % 5]
        rejected = await connection.session.fetch("SELECT record FROM items__rejected ORDER BY id")
        assert [int(json.loads(record)["id"]) for (record,) in rejected] == [50, 5, 10, 15, 20, 25, 30, 35, 40]


@pytest.mark.usefixtures("small_batches")
async def test_a_stream_in_parts_tells_what_stays_where_rows_may_not_be_stored_twice(database: Server) -> None:
    in_parts = replace(INSERT, atomicity=Atomicity.CHUNK, chunk_bytes=1)
    async with observed(database) as connection, proxied(database) as (proxy, reached), pooled(reached) as pool:
        rows = Expected(SEED).next_rows(40, 80, width=300)
        proxy.arm({Direction.TO_SERVER: 15_000})
        with pytest.raises(PartialLoadError, match=r"rows of the stream stay, the next part failed: .*lost") as caught:
            await pool.load(items_table(connection), at_hand(rows), options=in_parts)
        await settle(connection.session)
        found = await stored(connection.session)
        assert found == sorted(rows[: len(found)])
        # whether the last part is stored may not be known
        assert 0 < caught.value.report.rows <= len(found)


async def test_writers_with_keys_in_different_orders_all_finish(database: Server) -> None:
    async with observed(database) as connection, pooled(database, size=8) as pool:
        expected = Expected(SEED)
        jobs: list[StreamJob] = []
        for writer in range(8):
            rows = [(key, f"of {writer}", 1) for key in expected.random.sample(range(400), 400)]
            jobs.append(StreamJob(f"writer {writer}", items_table(connection), SlowSource(rows), BY_VERSION))
        reports = await pool.load_all(jobs, connections=8, retries=SOON)
        assert list(reports) == [job.name for job in jobs]
        assert {report.rows for report in reports.values()} == {400}
        found = await stored(connection.session)
        assert [row[0] for row in found] == list(range(400))
        # each writer has all rows, so those of the last one to commit are there, and none of another
        assert len({row[1] for row in found}) == 1
        mark = await connection.read_watermark("items", items_table(connection))
        assert mark is not None
        assert (mark.value, mark.rows) == (1, 3200)
        await settle(connection.session)


async def test_transactions_that_cannot_be_serialized_are_sent_again(postgresql: Server) -> None:
    async with observed(postgresql) as connection:
        database = postgresql.parameters.database
        await connection.session.execute(f"ALTER DATABASE {database} SET default_transaction_isolation = serializable")
        async with pooled(postgresql, size=4) as pool:
            jobs = [
                StreamJob(f"writer {writer}", items_table(connection), SlowSource(rows, wait_s=0.01), BY_VERSION)
                for writer in range(4)
                for rows in [[(key, f"of {writer}", 1) for key in range(200)]]
            ]
            reports = await pool.load_all(jobs, connections=4, retries=SOON)
        await connection.session.execute(f"ALTER DATABASE {database} RESET default_transaction_isolation")
        assert max(report.attempts for report in reports.values()) > 1
        found = await stored(connection.session)
        assert [row[0] for row in found] == list(range(200))
        assert len({row[1] for row in found}) == 1


async def test_the_victim_of_a_deadlock_is_sent_again(database: Server) -> None:
    async with observed(database) as connection, connected(database) as other, pooled(database) as pool:
        session, expected = connection.session, Expected(SEED)
        rows = [(key, "old", 1) for key in range(100)]
        await pool.load(items_table(connection), at_hand(rows), options=BY_VERSION)
        expected.add(rows)
        rows = [(key, "new", 2) for key in range(100)]
        await session.execute("CREATE TABLE ballast (id int PRIMARY KEY)")
        if database.dialect == "postgresql":
            # who looks for a deadlock first is its victim
            await session.execute("SET deadlock_timeout = '20s'")
        async with session.transaction():
            # of two transactions, the one with fewer changes is given up by some servers
            numbers = ", ".join(f"({number})" for number in range(2000))
            await session.execute(f"INSERT INTO ballast VALUES {numbers}")
            await session.execute("UPDATE items SET label = 'locked' WHERE id = 90")
            stream = asyncio.create_task(
                pool.load(items_table(connection), SlowSource(rows), options=BY_VERSION, retries=SOON)
            )
            await until(other.session, WAITING[database.dialect], 1)
            await session.execute("UPDATE items SET label = 'locked' WHERE id = 1")
        report = await stream
        expected.add(rows)
        assert report.attempts == 2
        await check(connection, expected)
        await settle(connection.session)


async def test_the_failure_of_one_stream_leaves_the_others_alone(database: Server) -> None:
    async with observed(database) as connection, pooled(database, size=2) as pool:
        jobs = [
            StreamJob(f"stream {number}", items_table(connection), at_hand(rows))
            for number, rows in enumerate([[(1, "a", 1)], [(2, None, 1)], [(3, "c", 1)], [(4, "d", 2**40)]])
        ]
        with pytest.raises(StreamsError, match=r"2 of 4 streams failed: stream \d, stream \d") as caught:
            await pool.load_all(jobs, connections=2)
        assert sorted(caught.value.failed) == ["stream 1", "stream 3"]
        assert list(caught.value.reports) == ["stream 0", "stream 2"]
        assert all(isinstance(error, RowError) for error in caught.value.exceptions)
        assert caught.value.failed["stream 1"].__notes__ == ["in stream 'stream 1'"]
        assert await stored(connection.session) == [(1, "a", 1), (3, "c", 1)]


async def test_the_failure_of_one_stream_cancels_the_others_on_request(
    database: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pysqlsync_engine.data.batches.MAX_BATCH_BYTES", SENT_BYTES)
    async with observed(database) as connection, pooled(database, size=2) as pool:
        target = items_table(connection)
        endless = SlowSource([(number, "x", 1) for number in range(20_000)], wait_s=0.01)
        jobs = [
            StreamJob("endless", target, endless),
            StreamJob("bad", target, SlowSource([(-1, None, 1)], wait_s=0.2)),
            StreamJob("never", target, at_hand([(50_000, "x", 1)])),
        ]
        with pytest.raises(StreamsError, match="1 of 3 streams failed: bad") as caught:
            await pool.load_all(jobs, connections=2, on_failure=OnFailure.CANCEL)
        assert caught.value.reports == {}
        await settle(connection.session)
        assert await stored(connection.session) == []
        # the connections can be used again
        report = await pool.load_all(jobs[2:])
        assert report["never"].affected == 1


async def test_streams_of_one_name_are_refused(database: Server) -> None:
    async with observed(database) as connection, pooled(database) as pool:
        job = StreamJob("same", items_table(connection), at_hand([(1, "a", 1)]))
        with pytest.raises(ValueError, match="names must be different; got several of same"):
            await pool.load_all([job, job])
        assert await stored(connection.session) == []


async def test_a_stream_without_a_right_to_a_journal_is_stored_all_the_same(postgresql: Server) -> None:
    async with observed(postgresql) as connection:
        session, role = connection.session, f"rows_{secrets.token_hex(4)}"
        await session.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'x'")
        await session.execute(f"GRANT ALL ON items TO {role}")
        await session.execute(f"GRANT USAGE ON SCHEMA public TO {role}")
        limited = replace(postgresql, parameters=replace(postgresql.parameters, username=role, password="x"))
        try:
            async with pooled(limited) as pool:
                report = await pool.load(items_table(connection), at_hand([(1, "a", 1)]))
            (note,) = [note for note in report.notes if "journal" in note]
            assert note.startswith(
                "a commit could not be recognized after a lost connection: journal of streams: permission"
            )
            assert await stored(session) == [(1, "a", 1)]
        finally:
            await session.execute(f"DROP OWNED BY {role}")
            await session.execute(f"DROP ROLE {role}")


@pytest.mark.parametrize("sent", [1, 20])
async def test_a_loader_that_is_killed_leaves_nothing_and_its_stream_can_be_sent_again(
    database: Server, sent: int
) -> None:
    async with observed(database) as connection, pooled(database) as pool:
        expected = Expected(SEED)
        rows = expected.next_rows(200, 300)
        await pool.load(items_table(connection), at_hand(rows), options=BY_VERSION)
        expected.add(rows)
        rows = expected.next_rows(2000, 3000)
        await kill_loader(database, rows, sent)
        await check(connection, expected)
        await settle(connection.session)
        await pool.load(items_table(connection), at_hand(rows), options=BY_VERSION)
        expected.add(rows)
        await check(connection, expected)


async def kill_loader(server: Server, rows: list[Row], sent: int) -> None:
    """Let another process load the rows, and kill it when it has sent so many batches."""
    parameters = {**asdict(server.parameters), "ssl": None}
    task = json.dumps({"server": server.name, "parameters": parameters, "rows": rows})
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.loader_process",
        cwd=Path(__file__).parent.parent,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(task.encode() + b"\n")
    await process.stdin.drain()
    line = b""
    while line != f"sent {sent}\n".encode():
        line = await process.stdout.readline()
        assert line, "the loader ended by itself"
    process.send_signal(signal.SIGKILL)
    assert await process.wait() == -signal.SIGKILL
