"""What becomes of streams when the server itself dies, or its disk is full."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Generator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pysqlsync_engine.base import LoadMode, Retries
from pysqlsync_engine.errors import StatementError
from tests.failing_streams import (
    BY_VERSION,
    ITEMS_SQL,
    SENT_BYTES,
    Expected,
    SlowSource,
    at_hand,
    check,
    connected,
    items_table,
    observed,
    pooled,
    settle,
)
from tests.killable import KillableServer, killable, small_disk
from tests.servers import Server, ServerMissingError

SEED = 20240229

PATIENT = Retries(attempts=200, timeout_s=60, wait_initial_s=0.05, wait_max_s=0.3)


@pytest.fixture(scope="module", params=["postgresql-system", "mariadb-system", "mysql-system"])
def mortal(request: pytest.FixtureRequest) -> Iterator[KillableServer]:
    """A server that may be killed."""
    with contextlib.ExitStack() as stack, or_skipped(request):
        yield stack.enter_context(killable(request.param))


@contextlib.contextmanager
def or_skipped(request: pytest.FixtureRequest) -> Generator[None, None, None]:
    """Skip the test if something that it needs is missing; fail where nothing may be."""
    try:
        yield
    except ServerMissingError as error:
        if request.config.getoption("--require-servers"):
            pytest.fail(f"missing: {error}", pytrace=False)
        pytest.skip(str(error))


@contextlib.contextmanager
def database_of(mortal: KillableServer) -> Generator[Server, None, None]:
    with mortal.server.database() as server:
        if server.dialect == "postgresql":
            # servers for tests forget commits when they die, unless they are told not to
            mortal.server.execute(f"ALTER DATABASE {server.parameters.database} SET synchronous_commit = on")
        yield server


@pytest.mark.parametrize("sent", [1, 25])
async def test_a_stream_is_stored_when_the_server_that_died_is_back(
    mortal: KillableServer, sent: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pysqlsync_engine.data.batches.MAX_BATCH_BYTES", SENT_BYTES)
    with database_of(mortal) as database:
        expected = Expected(SEED)
        async with observed(database) as connection:
            target = items_table(connection)
        async with pooled(database) as pool:
            rows = expected.next_rows(200, 300)
            await pool.load(target, at_hand(rows), options=BY_VERSION)
            expected.add(rows)
            rows = expected.next_rows(2000, 3000)
            source = SlowSource(rows, wait_s=0.01, told_at=sent)
            stream = asyncio.create_task(pool.load(target, source, options=BY_VERSION, retries=PATIENT))
            await source.told.wait()
            mortal.kill()
            # it is not there when the stream is sent again
            await asyncio.sleep(0.2)
            mortal.start()
            report = await stream
            expected.add(rows)
            assert report.attempts > 1
        async with connected(database) as connection:
            await check(connection, expected)
            await settle(connection.session)


async def test_a_server_that_logs_statements_takes_rows(mortal: KillableServer) -> None:
    """Such a one refuses to write in transactions that lock no gaps between rows."""
    if mortal.server.name.startswith("postgresql"):
        pytest.skip("the server logs no statements")
    options = ["--log-bin", "--binlog-format=STATEMENT", "--server-id=1"]
    if mortal.server.name.startswith("mysql"):
        # else no temporary table is allowed in a transaction
        options += ["--gtid-mode=OFF", "--enforce-gtid-consistency=OFF"]
    mortal.kill()
    mortal.start(options)
    try:
        with database_of(mortal) as database:
            await upsert_logged(database)
    finally:
        mortal.kill()
        mortal.start()


async def upsert_logged(database: Server) -> None:
    expected = Expected(SEED)
    async with observed(database) as connection, pooled(database) as pool:
        assert await connection.session.fetch("SELECT @@log_bin, @@binlog_format") == [(1, "STATEMENT")]
        for _ in range(2):
            rows = expected.next_rows(200, 300)
            await pool.load(items_table(connection), at_hand(rows), options=BY_VERSION)
            expected.add(rows)
        await check(connection, expected)


async def test_a_full_disk_leaves_the_rows_as_they_were(mortal: KillableServer, request: pytest.FixtureRequest) -> None:
    place = mortal.directory / "disk"
    with contextlib.ExitStack() as stack:
        with or_skipped(request):
            stack.enter_context(small_disk(place, "6m"))
        if mortal.server.name.startswith("mysql"):
            mortal.kill()
            mortal.start([f"--innodb-directories={place}"])
        with database_of(mortal) as database:
            await fill_disk(database, place)


async def fill_disk(database: Server, place: Path) -> None:
    expected, ballast = Expected(SEED), place / "ballast"
    ballast.write_bytes(bytes(256 * 1024))
    async with connected(database) as connection, pooled(database) as pool:
        session = connection.session
        if database.dialect == "postgresql":
            await session.execute(f"CREATE TABLESPACE small LOCATION '{place}'")
            await session.execute(f"{ITEMS_SQL} TABLESPACE small")
        else:
            await session.execute(f"{ITEMS_SQL} DATA DIRECTORY = '{place}'")
        target = items_table(connection)
        rows = expected.next_rows(200, 300)
        await pool.load(target, at_hand(rows), options=BY_VERSION)
        expected.add(rows)
        rows = expected.next_rows(30_000, 40_000, width=390)
        for mode in (LoadMode.UPSERT, LoadMode.REPLACE):
            with pytest.raises(StatementError, match=r"No space left on device|is full|error 28|Errcode: 28"):
                await pool.load(target, at_hand(rows), options=replace(BY_VERSION, mode=mode))
            await check(connection, expected)
            await settle(session)
        ballast.unlink()
        if database.dialect == "postgresql":
            # what was rolled back takes room until then
            await session.execute("VACUUM items")
        rows = expected.next_rows(200, 300)
        await pool.load(target, at_hand(rows), options=BY_VERSION)
        expected.add(rows)
        await check(connection, expected)
        if database.dialect == "postgresql":
            await session.execute("DROP TABLE items")
            await session.execute("DROP TABLESPACE small")
