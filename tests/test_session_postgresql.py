"""Sessions and pools on real servers: settings, errors, transactions, locks, lost connections."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import traceback
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from pysqlsync_engine.dialect.postgresql.session import PostgreSQLSession, connect, open_pool
from pysqlsync_engine.errors import ConnectError, LockTimeoutError, StatementError
from pysqlsync_engine.model.id_types import QualifiedId
from pysqlsync_engine.parameters import ConnectionParameters, SSLMode
from tests.servers import Server


@pytest.fixture
async def session(postgresql: Server) -> AsyncIterator[PostgreSQLSession]:
    async with connect(postgresql.parameters) as session:
        yield session


async def count(session: PostgreSQLSession, table: str) -> int:
    ((number,),) = await session.fetch(f"SELECT count(*) FROM {table}")
    return number


async def in_transaction(session: PostgreSQLSession, *statements: str) -> None:
    async with session.transaction():
        for statement in statements:
            await session.execute(statement)


@pytest.fixture
async def tcp_parameters(postgresql: Server) -> AsyncIterator[ConnectionParameters]:
    """The same database by way of TCP: the servers of the tests listen on a socket of the file system only."""
    if not postgresql.parameters.host.startswith("/"):
        yield replace(postgresql.parameters, ssl=None)
        return
    path = f"{postgresql.parameters.host}/.s.PGSQL.{postgresql.parameters.port or 5432}"

    relays: list[asyncio.Task[None]] = []

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while chunk := await reader.read(65536):
                writer.write(chunk)
                await writer.drain()
        except OSError:
            # either side may hang up at any time
            return
        finally:
            writer.close()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream, downstream = await asyncio.open_unix_connection(path)
        await asyncio.gather(forward(reader, downstream), forward(upstream, writer))

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        relays.append(asyncio.create_task(relay(reader, writer)))

    async with await asyncio.start_server(accept, "127.0.0.1", 0) as server:
        port: int = server.sockets[0].getsockname()[1]
        yield replace(postgresql.parameters, host="127.0.0.1", port=port)
    await asyncio.gather(*relays)


async def test_a_session_has_settings_that_do_not_depend_on_the_server(session: PostgreSQLSession) -> None:
    names = ("timezone", "standard_conforming_strings", "application_name", "jit")
    rows = await session.fetch("SELECT current_setting(name) FROM unnest($1::text[]) name", list(names))
    assert rows == [("UTC",), ("on",), ("pysqlsync",), ("off",)]


async def test_capabilities_are_those_of_the_server(session: PostgreSQLSession, postgresql: Server) -> None:
    assert session.capabilities == postgresql.capabilities


async def test_execute_returns_the_number_of_rows_that_changed(session: PostgreSQLSession) -> None:
    assert await session.execute("CREATE TABLE t (a int)") == 0
    assert await session.execute("INSERT INTO t SELECT generate_series(1, 5)") == 5
    assert await session.execute("UPDATE t SET a = a + $1 WHERE a > 2", 10) == 3
    assert await session.execute("SELECT * FROM t") == 0
    assert await session.execute("DELETE FROM t WHERE a = 0") == 0


async def test_fetch_returns_tuples(session: PostgreSQLSession) -> None:
    rows = await session.fetch("SELECT 1, 'a'::text")
    assert rows == [(1, "a")]
    assert type(rows[0]) is tuple


async def test_a_refused_statement_tells_what_the_server_said(session: PostgreSQLSession) -> None:
    await session.execute("CREATE TABLE t (a int NOT NULL, CONSTRAINT positive CHECK (a > 0))")
    with pytest.raises(StatementError, match="violates check constraint") as caught:
        await session.execute("INSERT INTO t VALUES ($1)", -1)
    assert caught.value.sqlstate == "23514"
    assert caught.value.constraint == "positive"
    assert caught.value.statement == "INSERT INTO t VALUES ($1)"
    with pytest.raises(StatementError) as caught:
        await session.execute("INSERT INTO t VALUES (NULL)")
    assert (caught.value.sqlstate, caught.value.column) == ("23502", "a")


async def test_a_value_that_the_driver_refuses_is_a_statement_error(session: PostgreSQLSession) -> None:
    with pytest.raises(StatementError):
        await session.fetch("SELECT $1::int", "text")


async def test_a_transaction_inside_another_is_a_savepoint(session: PostgreSQLSession) -> None:
    await session.execute("CREATE TABLE t (a int)")
    async with session.transaction():
        await session.execute("INSERT INTO t VALUES (1)")
        with pytest.raises(StatementError):
            await in_transaction(session, "INSERT INTO t VALUES (2)", "SELECT 1 / 0")
        await session.execute("INSERT INTO t VALUES (3)")
    assert await session.fetch("SELECT a FROM t ORDER BY a") == [(1,), (3,)]


async def test_an_error_undoes_the_transaction(session: PostgreSQLSession) -> None:
    await session.execute("CREATE TABLE t (a int)")

    async def fail() -> None:
        async with session.transaction():
            await session.execute("INSERT INTO t VALUES (1)")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await count(session, "t") == 0


async def test_a_constraint_that_fails_at_commit_is_a_statement_error(session: PostgreSQLSession) -> None:
    await session.execute("CREATE TABLE t (a int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
    with pytest.raises(StatementError) as caught:
        async with session.transaction():
            await session.execute("INSERT INTO t VALUES (1), (1)")
    assert caught.value.sqlstate == "23505"
    assert await count(session, "t") == 0


async def test_cancellation_leaves_a_clean_session(session: PostgreSQLSession) -> None:
    await session.execute("CREATE TABLE t (a int)")

    async def work() -> None:
        async with session.transaction():
            await session.execute("INSERT INTO t VALUES (1)")
            await session.fetch("SELECT pg_sleep(60)")

    task = asyncio.create_task(work())
    await asyncio.sleep(0.2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await count(session, "t") == 0


async def test_the_schema_lock_is_held_by_one_session(session: PostgreSQLSession, postgresql: Server) -> None:
    async with connect(postgresql.parameters) as other, session.transaction():
        await session.lock_schema("canvas", timeout_s=5)
        with pytest.raises(LockTimeoutError, match=r"lock 'canvas': another session has held it for 0\.05 s"):
            async with other.transaction():
                await other.lock_schema("canvas", timeout_s=0.05)
        async with other.transaction():
            await other.lock_schema("another", timeout_s=0.05)


async def test_the_schema_lock_bounds_the_wait_for_other_locks(session: PostgreSQLSession, postgresql: Server) -> None:
    await session.execute("CREATE TABLE t (a int)")
    async with connect(postgresql.parameters) as reader, reader.transaction():
        await reader.fetch("SELECT * FROM t")

        async def alter() -> None:
            async with session.transaction():
                await session.lock_schema("x", timeout_s=0.05)
                await session.execute("ALTER TABLE t ADD b int")

        with pytest.raises(LockTimeoutError):
            await alter()
    ((timeout,),) = await session.fetch("SHOW lock_timeout")
    assert timeout == "0"


async def test_the_schema_lock_needs_a_transaction(session: PostgreSQLSession) -> None:
    with pytest.raises(RuntimeError, match="open one first"):
        await session.lock_schema("x", timeout_s=1)


async def test_types_that_are_made_after_connecting_can_be_copied(session: PostgreSQLSession) -> None:
    async def copy(value: object) -> None:
        async def batches() -> AsyncIterator[list[tuple[object]]]:
            yield [(value,)]

        await session.copy(QualifiedId(None, "t"), ["a"], batches())

    await session.execute("CREATE TYPE state AS ENUM ('on', 'off')")
    await session.execute("CREATE TYPE point_in_time AS (at timestamp, state state)")
    await session.execute("CREATE TABLE t (a point_in_time)")
    await copy((None, "on"))
    await session.execute("ALTER TYPE state ADD VALUE 'broken'")
    await copy((None, "broken"))
    await session.execute("ALTER TYPE point_in_time ADD ATTRIBUTE note text")
    await copy((None, "off", "later"))
    rows = await session.fetch("SELECT (a).state, (a).note FROM t")
    assert [tuple(row) for row in rows] == [("on", None), ("broken", None), ("off", "later")]


async def test_a_column_that_another_session_alters_is_sent_as_it_is_now(
    session: PostgreSQLSession, postgresql: Server
) -> None:
    async def batches() -> AsyncIterator[list[tuple[int]]]:
        yield [(7,)]

    await session.execute("CREATE TABLE t (a int)")
    await session.copy(QualifiedId("public", "t"), ["a"], batches())
    async with connect(postgresql.parameters) as other:
        await other.execute("ALTER TABLE t ALTER a TYPE bigint")
    await session.copy(QualifiedId("public", "t"), ["a"], batches())
    assert await session.fetch("SELECT a FROM t") == [(7,), (7,)]


async def test_a_copy_tells_the_number_of_the_refused_row(session: PostgreSQLSession) -> None:
    async def batches() -> AsyncIterator[list[tuple[int | None]]]:
        yield [(1,), (2,)]
        yield [(3,), (None,)]

    await session.execute('CREATE TABLE "odd, line 9" (a int NOT NULL)')
    with pytest.raises(StatementError) as caught:
        await session.copy(QualifiedId(None, "odd, line 9"), ["a"], batches())
    assert (caught.value.row, caught.value.column) == (4, "a")


async def test_what_a_source_raises_is_not_disguised(session: PostgreSQLSession) -> None:
    async def batches() -> AsyncIterator[list[tuple[int]]]:
        yield [(1,)]
        raise ValueError("the source is broken")

    await session.execute("CREATE TABLE t (a int)")
    with pytest.raises(ValueError, match="the source is broken"):
        await session.copy(QualifiedId(None, "t"), ["a"], batches())


async def test_a_pool_replaces_a_session_that_was_lost(postgresql: Server) -> None:
    async with open_pool(postgresql.parameters, min_size=0, max_size=1) as pool:
        async with pool.acquire() as session:
            ((number,),) = await session.fetch("SELECT pg_backend_pid()")
            async with connect(postgresql.parameters) as other:
                await other.fetch("SELECT pg_terminate_backend($1)", number)
            with pytest.raises(StatementError):
                await session.fetch("SELECT 1")
            with pytest.raises(StatementError, match="connection to the server was lost"):
                await session.fetch("SELECT 1")
        async with pool.acquire() as session:
            assert await session.fetch("SELECT 1") == [(1,)]


async def test_a_pool_resets_a_session_that_is_given_back(postgresql: Server) -> None:
    async with open_pool(postgresql.parameters, min_size=1, max_size=1) as pool:
        async with pool.acquire() as session:
            await session.execute("SET timezone = 'Asia/Tokyo'")
            await session.execute("BEGIN")
        async with pool.acquire() as session:
            assert await session.fetch("SHOW timezone") == [("UTC",)]
            await session.execute("CREATE TABLE t (a int)")
        async with pool.acquire() as session:
            assert await count(session, "t") == 0


async def test_a_transaction_on_a_lost_connection_reports_the_loss(postgresql: Server) -> None:
    async with connect(postgresql.parameters) as session, connect(postgresql.parameters) as other:

        async def lose() -> None:
            async with session.transaction():
                ((number,),) = await session.fetch("SELECT pg_backend_pid()")
                await other.fetch("SELECT pg_terminate_backend($1)", number)
                await session.fetch("SELECT pg_sleep(10)")

        with pytest.raises(StatementError):
            await lose()


async def test_a_statement_may_not_take_longer_than_permitted(postgresql: Server) -> None:
    async with connect(replace(postgresql.parameters, command_timeout_s=0.1)) as session:
        with pytest.raises(StatementError, match="no answer within command_timeout_s"):
            await session.fetch("SELECT pg_sleep(60)")
        assert await session.fetch("SELECT 1") == [(1,)]


SECRET = "correct horse battery staple"


def refused(parameters: ConnectionParameters, name: str) -> ConnectionParameters:
    cases = {
        "database": replace(parameters, database="absent"),
        "port": replace(parameters, host="127.0.0.1", port=1),
        "name": replace(parameters, host="absent.invalid"),
        "socket": replace(parameters, host="/tmp/absent"),  # noqa: S108 - it is not there
    }
    return cases[name]


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("database", ["database 'absent'", "does not exist", "create the database"]),
        ("port", ["127.0.0.1:1", "check host name and port"]),
        ("name", ["absent.invalid", "check host name and port"]),
        ("socket", ["/tmp/absent", "check host name and port"]),  # noqa: S108 - it is not there
    ],
)
async def test_a_refused_connection_says_why_and_what_to_do(postgresql: Server, case: str, words: list[str]) -> None:
    with pytest.raises(ConnectError) as caught:
        async with connect(refused(postgresql.parameters, case)):
            pass
    for word in words:
        assert word in str(caught.value)


async def test_a_wrong_password_is_refused_and_never_shown(postgresql: Server) -> None:
    async with connect(postgresql.parameters) as session:
        await session.execute("CREATE ROLE test_login LOGIN PASSWORD 'another'")
        try:
            parameters = replace(postgresql.parameters, username="test_login", password=SECRET)
            with pytest.raises(ConnectError) as caught:
                async with connect(parameters):
                    pass
        finally:
            await session.execute("DROP ROLE test_login")
    assert SECRET not in str(caught.value)
    told = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    assert SECRET not in "".join(told.format())


@pytest.mark.parametrize("mode", [SSLMode.REQUIRE, SSLMode.VERIFY_CA, SSLMode.VERIFY_FULL])
async def test_a_server_without_tls_is_refused(tcp_parameters: ConnectionParameters, mode: SSLMode) -> None:
    with pytest.raises(ConnectError, match="the server does not offer TLS"):
        async with connect(replace(tcp_parameters, ssl=mode)):
            pass


@pytest.mark.parametrize("mode", [None, SSLMode.DISABLE, SSLMode.PREFER])
async def test_a_local_server_may_go_without_tls(tcp_parameters: ConnectionParameters, mode: SSLMode | None) -> None:
    async with connect(replace(tcp_parameters, ssl=mode)) as session:
        assert await session.fetch("SELECT 1") == [(1,)]


def test_a_missing_driver_is_named_with_the_command_that_installs_it(tmp_path: Path) -> None:
    (tmp_path / "asyncpg.py").write_text("raise ImportError('not installed')\n")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from pysqlsync_engine.errors import DialectError\n"
        "try:\n    import pysqlsync_engine.dialect.postgresql\n"
        "except DialectError as error:\n    print(error)\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == (
        "dialect 'postgresql': its driver is not installed; pip install 'pysqlsync-dagster[postgresql]'"
    )
