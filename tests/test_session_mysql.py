"""Sessions and pools on real servers of MySQL and MariaDB: settings, errors, transactions, locks, lost connections."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
import traceback
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pysqlsync_engine.dialect.mysql.driver import MySQLConnection, TransportError, open_connection
from pysqlsync_engine.dialect.mysql.pool import connect, open_pool
from pysqlsync_engine.dialect.mysql.session import MySQLSession
from pysqlsync_engine.errors import ConnectError, LockTimeoutError, StatementError
from pysqlsync_engine.model.id_types import QualifiedId
from pysqlsync_engine.parameters import ConnectionParameters, SSLMode
from tests.servers import Server, differs

SECRET = "correct horse battery staple"
T = QualifiedId(None, "t")


@pytest.fixture
async def session(mysql: Server) -> AsyncIterator[MySQLSession]:
    async with connect(mysql.parameters) as session:
        yield session


async def batches(*rows: tuple[Any, ...]) -> AsyncIterator[list[tuple[Any, ...]]]:
    yield list(rows)


async def test_a_session_has_settings_that_do_not_depend_on_the_server(session: MySQLSession) -> None:
    ((mode, zone, charset),) = await session.fetch("SELECT @@sql_mode, @@time_zone, @@character_set_client")
    assert (zone, charset) == ("+00:00", "utf8mb4")
    assert "STRICT_ALL_TABLES" in mode
    assert "ANSI_QUOTES" not in mode
    assert "NO_BACKSLASH_ESCAPES" not in mode


async def test_capabilities_are_those_of_the_server(session: MySQLSession, mysql: Server) -> None:
    ((character_set, collation),) = await session.fetch("SELECT @@character_set_database, @@collation_database")
    assert session.capabilities == replace(mysql.capabilities, collation=(character_set, collation))


async def test_values_of_statements_arrive_as_they_are(session: MySQLSession) -> None:
    values = [None, True, -7, 0.1, Decimal("1.50"), "it's \\ \0 % 𝄞", b"\x00\xff'\\", date(2024, 2, 29)]
    places = ", ".join(["%s"] * len(values))
    assert await session.fetch(f"SELECT {places}, '%%'", *values) == [
        (None, 1, -7, 0.1, Decimal("1.50"), "it's \\ \0 % 𝄞", b"\x00\xff'\\", "2024-02-29", "%")
    ]
    await session.execute("CREATE TABLE t (a datetime(6), b time(6))")
    await session.execute("INSERT INTO t VALUES (%s, %s)", datetime(2024, 1, 1, tzinfo=UTC), -timedelta(hours=30.5))
    assert await session.fetch("SELECT * FROM t") == [(datetime(2024, 1, 1), -timedelta(hours=30.5))]
    with pytest.raises(TypeError, match="cannot send object"):
        await session.fetch("SELECT %s", object())


async def test_one_statement_is_one_statement(session: MySQLSession) -> None:
    await session.execute("CREATE TABLE t (a int)")
    with pytest.raises(StatementError, match="syntax"):
        await session.execute("SELECT 1; DROP TABLE t")
    assert await session.fetch("SELECT * FROM t") == []


async def test_execute_returns_the_number_of_rows_that_matched(session: MySQLSession) -> None:
    assert await session.execute("CREATE TABLE t (a int)") == 0
    assert await session.execute("INSERT INTO t VALUES (1), (2), (3)") == 3
    assert await session.execute("UPDATE t SET a = 3 WHERE a > 1") == 2
    assert await session.execute("SELECT * FROM t") == 0


async def test_a_refused_statement_tells_what_the_server_said(session: MySQLSession) -> None:
    await session.execute("CREATE TABLE t (a int NOT NULL, CONSTRAINT positive CHECK (a > 0), UNIQUE KEY once (a))")
    for value, constraint in ((-1, "positive"), (5, "once")):
        with pytest.raises(StatementError) as caught:
            await session.execute("INSERT INTO t VALUES (%s), (%s)", value, value)
        assert caught.value.constraint == constraint
        assert caught.value.statement == "INSERT INTO t VALUES (%s), (%s)"
    with pytest.raises(StatementError) as caught:
        await session.execute("INSERT INTO t VALUES (NULL)")
    assert (caught.value.sqlstate, caught.value.column) == ("23000", "a")


async def test_a_transaction_inside_another_is_a_savepoint(session: MySQLSession) -> None:
    await session.execute("CREATE TABLE t (a int)")

    async def fail() -> None:
        async with session.transaction():
            await session.execute("INSERT INTO t VALUES (2)")
            await session.execute("SELECT nonsense")

    async with session.transaction():
        await session.execute("INSERT INTO t VALUES (1)")
        with pytest.raises(StatementError):
            await fail()
        await session.execute("INSERT INTO t VALUES (3)")
    assert await session.fetch("SELECT a FROM t ORDER BY a") == [(1,), (3,)]


async def test_a_temporary_table_does_not_end_a_transaction(session: MySQLSession) -> None:
    await session.execute("CREATE TABLE t (a int)")

    async def fail() -> None:
        async with session.transaction():
            await session.execute("INSERT INTO t VALUES (1)")
            await session.execute("CREATE TEMPORARY TABLE s (a int) AS SELECT a FROM t")
            await session.execute("DROP TEMPORARY TABLE s")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await session.fetch("SELECT * FROM t") == []


async def test_cancellation_stops_the_statement_and_leaves_a_clean_session(session: MySQLSession) -> None:
    await session.execute("CREATE TABLE t (a int)")

    async def work() -> None:
        async with session.transaction():
            await session.execute("INSERT INTO t VALUES (1)")
            await session.fetch("SELECT SLEEP(60)")

    task = asyncio.create_task(work())
    await asyncio.sleep(0.2)
    task.cancel()
    started = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await session.fetch("SELECT * FROM t") == []
    assert time.monotonic() - started < 10


async def test_a_statement_may_not_take_longer_than_permitted(mysql: Server) -> None:
    async with connect(replace(mysql.parameters, command_timeout_s=0.2)) as session:
        with pytest.raises(StatementError, match="no answer within command_timeout_s"):
            await session.fetch("SELECT SLEEP(60)")
        assert await session.fetch("SELECT 1") == [(1,)]


async def test_the_schema_lock_is_held_by_one_session_until_the_end(session: MySQLSession, mysql: Server) -> None:
    async with connect(mysql.parameters) as other:
        async with session.transaction():
            await session.lock_schema("canvas", timeout_s=5)
            # which commits the transaction of the server
            await session.execute("CREATE TABLE t (a int)")
            with pytest.raises(LockTimeoutError, match=r"lock 'canvas': another session has held it for 0\.05 s"):
                async with other.transaction():
                    await other.lock_schema("canvas", timeout_s=0.05)
            async with other.transaction():
                await other.lock_schema("another", timeout_s=0.05)
        async with other.transaction():
            await other.lock_schema("canvas", timeout_s=0.05)
    with pytest.raises(RuntimeError, match="open one first"):
        await session.lock_schema("x", timeout_s=1)


async def test_the_schema_lock_bounds_the_wait_for_other_locks(session: MySQLSession, mysql: Server) -> None:
    await session.execute("CREATE TABLE t (a int)")
    before = await session.fetch("SELECT @@lock_wait_timeout")
    async with connect(mysql.parameters) as reader, reader.transaction():
        await reader.fetch("SELECT * FROM t")

        async def alter() -> None:
            async with session.transaction():
                await session.lock_schema("x", timeout_s=1)
                await session.execute("ALTER TABLE t ADD b int")

        with pytest.raises(LockTimeoutError):
            await alter()
    assert await session.fetch("SELECT @@lock_wait_timeout") == before


async def test_a_server_gets_no_file_that_was_not_offered(mysql: Server, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("1\n")
    connection: MySQLConnection = await open_connection(mysql.parameters)
    try:
        await connection.run("CREATE TABLE t (a int)")
        ask = f"LOAD DATA LOCAL INFILE '{tmp_path}/secret' INTO TABLE t"
        with pytest.raises(TransportError, match="a file that was not offered"):
            await connection.run(ask)
        connection = await open_connection(mysql.parameters)
        with pytest.raises(TransportError, match="a file that was not offered"):
            await connection.load(lambda _: ask, [b"7\n"])
        assert connection.closed
        connection = await open_connection(mysql.parameters)
        assert (await connection.run("SELECT * FROM t"))[1] == []
    finally:
        await connection.say_goodbye()


async def test_a_pool_replaces_a_session_that_was_lost(mysql: Server) -> None:
    async with open_pool(mysql.parameters, min_size=0, max_size=1) as pool:
        async with pool.acquire() as session:
            ((number,),) = await session.fetch("SELECT connection_id()")
            async with connect(mysql.parameters) as other:
                await other.execute(f"KILL {number}")
            with pytest.raises(StatementError, match="connection to the server was lost"):
                await session.fetch("SELECT 1")
        async with pool.acquire() as session:
            assert await session.fetch("SELECT 1") == [(1,)]


async def test_a_pool_resets_a_session_that_is_given_back(mysql: Server) -> None:
    async with open_pool(mysql.parameters, min_size=1, max_size=1) as pool:
        async with pool.acquire() as session:
            await session.execute("CREATE TABLE t (a int)")
            await session.execute("SET time_zone = '+09:00', sql_mode = ''")
            await session.execute("CREATE TEMPORARY TABLE s (a int)")
            await session.execute("BEGIN")
            await session.execute("INSERT INTO t VALUES (1)")
        async with pool.acquire() as session:
            assert await session.fetch("SELECT @@time_zone, @@sql_mode LIKE '%%STRICT_ALL%%'", *()) == [("+00:00", 1)]
            assert await session.fetch("SELECT * FROM t") == []
            with pytest.raises(StatementError):
                await session.fetch("SELECT * FROM s")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"database": "absent"}, ["database 'absent'", "create the database"]),
        ({"host": "127.0.0.1", "port": 1}, ["127.0.0.1:1", "check host name and port"]),
        ({"host": "/tmp/absent"}, ["/tmp/absent", "check host name and port"]),  # noqa: S108 - it is not there
    ],
)
async def test_a_refused_connection_says_why_and_what_to_do(
    mysql: Server, changes: dict[str, Any], words: list[str]
) -> None:
    with pytest.raises(ConnectError) as caught:
        async with connect(replace(mysql.parameters, **changes)):
            pass
    for word in words:
        assert word in str(caught.value)


async def test_a_wrong_password_is_refused_and_never_shown(mysql: Server) -> None:
    with pytest.raises(ConnectError, match="check user name and password") as caught:
        async with connect(replace(mysql.parameters, password=SECRET)):
            pass
    told = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    assert SECRET not in "".join(told.format())


@differs("mysql", raises=pytest.fail.Exception, reason="it makes a certificate of its own")
async def test_a_server_without_tls_is_refused(mysql: Server) -> None:
    with pytest.raises(ConnectError, match="the server does not offer TLS"):
        async with connect(replace(mysql.parameters, ssl=SSLMode.REQUIRE)):
            pass


def parameters_of(mysql: Server, mode: SSLMode) -> ConnectionParameters:
    return replace(mysql.parameters, ssl=mode)


@differs("mariadb", raises=ConnectError, reason="it has no certificate")
async def test_a_server_with_tls_is_spoken_to_in_secret(mysql: Server) -> None:
    async with connect(parameters_of(mysql, SSLMode.REQUIRE)) as session:
        ((_, cipher),) = await session.fetch("SHOW SESSION STATUS LIKE 'Ssl_cipher'")
        assert cipher


async def test_a_certificate_that_nobody_vouches_for_is_refused(mysql: Server) -> None:
    with pytest.raises(ConnectError, match=r"certificate was not accepted|does not offer TLS"):
        async with connect(parameters_of(mysql, SSLMode.VERIFY_FULL)):
            pass


def test_a_missing_driver_is_named_with_the_command_that_installs_it(tmp_path: Path) -> None:
    (tmp_path / "aiomysql.py").write_text("raise ImportError('not installed')\n")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from pysqlsync_engine.errors import DialectError\n"
        "try:\n    import pysqlsync_engine.dialect.mysql\n"
        "except DialectError as error:\n    print(error)\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == (
        "dialect 'mysql': its driver is not installed; pip install 'pysqlsync-dagster[mysql]'"
    )
