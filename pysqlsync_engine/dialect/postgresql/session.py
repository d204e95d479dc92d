"""Connections to PostgreSQL, by way of asyncpg; the only file that knows the driver."""

from __future__ import annotations

import asyncio
import hashlib
import math
import re
import ssl
import time
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterable, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from pysqlsync_engine.capabilities import Capabilities, ServerVersion
from pysqlsync_engine.dialect.postgresql.capabilities import capabilities_of
from pysqlsync_engine.errors import ConnectError, DialectError, LockTimeoutError, StatementError
from pysqlsync_engine.model.id_types import QualifiedId
from pysqlsync_engine.parameters import ConnectionParameters, SSLMode
from pysqlsync_engine.session import Row

try:
    import asyncpg  # pyright: ignore[reportMissingTypeStubs]
except ImportError as error:
    raise DialectError(
        "dialect 'postgresql': its driver is not installed; pip install 'pysqlsync-dagster[postgresql]'"
    ) from error

# the driver has no type information of its own
_driver: Any = asyncpg

DEFAULT_PORT = 5432

CLOSE_TIMEOUT_S = 10.0
"""How long a server may take to say good-bye before the connection is cut."""

SERVER_SETTINGS = {
    "application_name": "pysqlsync",
    "timezone": "UTC",
    "standard_conforming_strings": "on",
    # every statement is run once and most are short: compiling them costs more than it saves
    "jit": "off",
}
"""
Sent when a connection is opened, so that they also outlive a reset.

PgBouncer has to be told `ignore_startup_parameters = jit`.
"""

COUNTED = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE", "COPY"})
"""Command tags whose number counts rows of a table that were changed; https://www.postgresql.org/docs/current/protocol-message-formats.html"""

LOCK_NOT_AVAILABLE = "55P03"


class PostgreSQLSession:
    """One connection to a PostgreSQL server; see `Session` for what its methods promise."""

    def __init__(self, connection: Any, parameters: ConnectionParameters) -> None:
        self._connection = connection
        self._parameters = parameters
        # since version 10 the second number is the driver's `micro`
        version = connection.get_server_version()
        self._capabilities = capabilities_of(ServerVersion("PostgreSQL", version.major, version.micro))

    @property
    def capabilities(self) -> Capabilities:
        return self._capabilities

    @property
    def parameters(self) -> ConnectionParameters:
        return self._parameters

    async def execute(self, statement: str, *arguments: Any) -> int:
        with _translated(statement):
            tag: str = await self._connection.execute(statement, *arguments)
            if tag.startswith(("ALTER", "DROP")):
                # the driver remembers the members of composite types by the identity of the type, which ALTER keeps
                await self._connection.reload_schema_state()
        return _affected(tag)

    async def fetch(self, statement: str, *arguments: Any) -> list[Row]:
        with _translated(statement):
            records = await self._connection.fetch(statement, *arguments)
        return [tuple(record) for record in records]

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[None]:
        transaction = self._connection.transaction()
        with _translated("BEGIN"):
            await transaction.start()
        try:
            yield
        except BaseException:
            await self._roll_back(transaction)
            raise
        with _translated("COMMIT"):
            await transaction.commit()

    async def _roll_back(self, transaction: Any) -> None:
        """Undo after an error; the error that led here is the one to report, so a connection that fails is cut."""
        if self._connection.is_closed():
            return
        try:
            await transaction.rollback()
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
            self._connection.terminate()
        except asyncio.CancelledError:
            self._connection.terminate()
            raise

    async def lock_schema(self, name: str, *, timeout_s: float) -> None:
        if not self._connection.is_in_transaction():
            raise RuntimeError(f"lock {name!r}: there is no transaction that it could last for; open one first")
        # to the server, 0 means to wait for ever
        timeout_ms = max(1, math.ceil(timeout_s * 1000))
        await self.fetch("SELECT pg_catalog.set_config('lock_timeout', $1, true)", f"{timeout_ms}ms")
        try:
            await self.fetch("SELECT pg_catalog.pg_advisory_xact_lock($1)", _lock_key(name))
        except LockTimeoutError as error:
            raise LockTimeoutError(
                f"lock {name!r}: another session has held it for {timeout_s:g} s; wait for it to finish and try again",
                statement=error.statement,
                sqlstate=error.sqlstate,
            ) from error

    @asynccontextmanager
    async def hold_schema(self, name: str, *, timeout_s: float) -> AsyncGenerator[None]:
        if self._connection.is_in_transaction():
            raise RuntimeError(f"lock {name!r}: a transaction has been opened; end it first")
        deadline = time.monotonic() + timeout_s
        statement = "SELECT pg_catalog.pg_try_advisory_lock($1)"
        # who waits inside of a statement is in the way of an index that is built concurrently, which waits for all statements
        while (await self.fetch(statement, _lock_key(name))) != [(True,)]:
            if time.monotonic() >= deadline:
                raise LockTimeoutError(
                    f"lock {name!r}: another session has held it for {timeout_s:g} s; wait for it to finish and try again",
                    statement=statement,
                )
            await asyncio.sleep(0.05)
        try:
            await self._set_lock_timeout(f"{max(1, math.ceil(timeout_s * 1000))}ms")
            yield
        finally:
            if not self._connection.is_closed():
                await self.fetch("SELECT pg_catalog.pg_advisory_unlock($1)", _lock_key(name))
                await self.execute("RESET lock_timeout")

    @asynccontextmanager
    async def unlimited_locks(self) -> AsyncGenerator[None]:
        ((before,),) = await self.fetch("SELECT pg_catalog.current_setting('lock_timeout')")
        await self._set_lock_timeout("0")
        try:
            yield
        finally:
            if not self._connection.is_closed():
                await self._set_lock_timeout(before)

    async def _set_lock_timeout(self, setting: str) -> None:
        await self.fetch("SELECT pg_catalog.set_config('lock_timeout', $1, false)", setting)

    async def copy(self, table: QualifiedId, columns: Sequence[str], batches: AsyncIterator[Iterable[Row]]) -> int:
        sent = 0
        async for batch in batches:
            # one COPY per batch, so that a refused row is known before the next batch is asked for
            sent += await self._copy_batch(table, columns, batch, sent)
        return sent

    async def _copy_batch(self, table: QualifiedId, columns: Sequence[str], batch: Iterable[Row], sent: int) -> int:
        statement = f"COPY {table}"
        try:
            with _translated(statement):
                tag: str = await self._connection.copy_records_to_table(
                    table.name, schema_name=table.namespace, columns=list(columns), records=batch
                )
        except StatementError as error:
            line, column = _copy_place(_field(error.__cause__, "context"), table.name)
            error.row = None if line is None else sent + line
            error.column = error.column or (column if column in columns else None)
            raise
        except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as error:
            raise StatementError(f"a value cannot be sent: {error}", statement=statement) from error
        return _affected(tag)


class PostgreSQLPool:
    """Connections that are lent out; a lost one is replaced, and each is reset when it is given back."""

    def __init__(self, pool: Any, parameters: ConnectionParameters) -> None:
        self._pool = pool
        self._parameters = parameters

    @asynccontextmanager
    async def acquire(self) -> AsyncGenerator[PostgreSQLSession]:
        with _explained(self._parameters):
            connection = await self._pool.acquire()
        try:
            yield PostgreSQLSession(connection, self._parameters)
        finally:
            await self._pool.release(connection)


@asynccontextmanager
async def connect(parameters: ConnectionParameters) -> AsyncGenerator[PostgreSQLSession]:
    """
    Open one session, and close it on leaving the context.

    :raises ConnectError: if the server does not accept the connection.
    """
    with _explained(parameters):
        connection: Any = await _driver.connect(**_connect_options(parameters))
    try:
        yield PostgreSQLSession(connection, parameters)
    finally:
        await _close(connection)


@asynccontextmanager
async def open_pool(
    parameters: ConnectionParameters, *, min_size: int, max_size: int
) -> AsyncGenerator[PostgreSQLPool]:
    """
    Open a pool of sessions, and close it on leaving the context.

    :param min_size: Connections to open at once.
    :param max_size: Connections to open at most.
    :raises ConnectError: if the server does not accept the connections.
    """
    with _explained(parameters):
        pool: Any = await _driver.create_pool(min_size=min_size, max_size=max_size, **_connect_options(parameters))
    try:
        yield PostgreSQLPool(pool, parameters)
    finally:
        await _close(pool)


async def _close(resource: Any) -> None:
    """Close a connection or a pool; cut it if the server does not answer."""
    try:
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await resource.close()
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
        resource.terminate()
    except asyncio.CancelledError:
        resource.terminate()
        raise


def _connect_options(parameters: ConnectionParameters) -> dict[str, Any]:
    """:returns: What the driver is told; never to be kept in a variable, since it holds the password."""
    return {
        "host": parameters.host,
        "port": parameters.port or DEFAULT_PORT,
        "user": parameters.username,
        "password": parameters.password,
        "database": parameters.database,
        "ssl": _protection(parameters),
        "timeout": parameters.connect_timeout_s,
        "command_timeout": parameters.command_timeout_s,
        "server_settings": SERVER_SETTINGS,
        # a remembered statement would send rows in the shape that a table had before it was altered elsewhere;
        # and PgBouncer can pass the connection on between statements
        "statement_cache_size": 0,
    }


def _protection(parameters: ConnectionParameters) -> ssl.SSLContext | str | bool:
    """:returns: What the driver takes for a level of protection; only `PREFER` may go without."""
    mode = parameters.ssl
    if mode is None:
        mode = SSLMode.PREFER if parameters.is_local else SSLMode.VERIFY_FULL
    if mode is SSLMode.DISABLE or (mode is SSLMode.PREFER and parameters.host.startswith("/")):
        return False
    if mode is SSLMode.PREFER:
        return "prefer"
    context = ssl.create_default_context()
    context.check_hostname = mode is SSLMode.VERIFY_FULL
    if mode is SSLMode.REQUIRE:
        context.verify_mode = ssl.CERT_NONE
    return context


@contextmanager
def _explained(parameters: ConnectionParameters) -> Generator[None]:
    """Turn what went wrong while connecting into a `ConnectError`, without the driver's frames: they hold the password."""
    try:
        yield
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
        reason, advice = _diagnosis(error, parameters)
        cause = _without_frames(error)
    else:
        return
    address = (
        parameters.host if parameters.host.startswith("/") else f"{parameters.host}:{parameters.port or DEFAULT_PORT}"
    )
    user = "the default user" if parameters.username is None else f"user {parameters.username!r}"
    database = "the default database" if parameters.database is None else f"database {parameters.database!r}"
    raise ConnectError(f"PostgreSQL at {address}, {user}, {database}: {reason}; {advice}") from cause


def _without_frames(error: BaseException) -> BaseException:
    """:returns: The same error without its traceback and those of the errors that led to it."""
    link: BaseException | None = error
    while link is not None:
        link.__traceback__ = None
        link = link.__cause__ or link.__context__
    return error


def _diagnosis(error: BaseException, parameters: ConnectionParameters) -> tuple[str, str]:
    """:returns: Why a connection was not made, and what to do."""
    reason = str(getattr(error, "message", None) or error) or type(error).__name__
    sqlstate = getattr(error, "sqlstate", None) or ""
    if isinstance(error, TimeoutError):
        return f"no answer within {parameters.connect_timeout_s:g} s", "check the address, or raise connect_timeout_s"
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"its certificate was not accepted: {error.verify_message}",
            "make its certificate authority known to this system (SSL_CERT_FILE), or choose another SSLMode",
        )
    if isinstance(error, ConnectionError) and "SSL upgrade" in reason:
        return "the server does not offer TLS", "turn it on there, or permit plain text with SSLMode.DISABLE"
    advice = {
        "28": "check user name and password, and pg_hba.conf of the server",
        "3D": "create the database, or name one that exists",
        "53": "wait until connections are free, or raise max_connections of the server",
        "57": "wait until the server has started",
    }.get(sqlstate[:2], "check host name and port, and that the server is running")
    return reason, advice


@contextmanager
def _translated(statement: str) -> Generator[None]:
    """Turn what the driver raises for a statement into a `StatementError`."""
    try:
        yield
    except asyncpg.PostgresError as error:
        kind = LockTimeoutError if _field(error, "sqlstate") == LOCK_NOT_AVAILABLE else StatementError
        raise kind(
            _field(error, "message") or str(error),
            statement=statement,
            sqlstate=_field(error, "sqlstate"),
            detail=_field(error, "detail"),
            column=_field(error, "column_name"),
            constraint=_field(error, "constraint_name"),
        ) from error
    except TimeoutError as error:
        raise StatementError(
            "no answer within command_timeout_s; the statement was cancelled", statement=statement
        ) from error
    except (asyncpg.InterfaceError, asyncpg.InternalClientError, OSError) as error:
        raise StatementError(_lost_or(error), statement=statement) from error


def _lost_or(error: Exception) -> str:
    """:returns: Message for an error that does not come from the server: most often the connection is gone."""
    text = str(error) or type(error).__name__
    if isinstance(error, OSError) or "closed" in text or "released" in text:
        return f"the connection to the server was lost ({text}); connect again and repeat"
    return text


def _field(error: Any, name: str) -> str | None:
    """:returns: A field of the server's message; https://www.postgresql.org/docs/current/protocol-error-fields.html"""
    value: str | None = getattr(error, name, None)
    return value


def _copy_place(context: str | None, table: str) -> tuple[int | None, str | None]:
    """
    :param context: Where the server was when it refused a row: `COPY flights, line 3, column carrier: "..."`. Only the words
        `line` and `column` depend on the server's language.
    :returns: Line, from 1, and column; `None` where the server does not tell.
    """
    prefix = f"COPY {table}, "
    # what was inside the value comes before, for JSON
    place = next((line for line in (context or "").splitlines() if line.startswith(prefix)), prefix)
    match = re.match(r"\D*(\d+)(?:, \S+ ([^:]*))?", place.removeprefix(prefix))
    return (None, None) if match is None else (int(match[1]), match[2])


def _affected(tag: str) -> int:
    """:returns: Rows that a command changed, by its tag: 5 for `INSERT 0 5`, 0 for `CREATE TABLE`."""
    words = tag.split()
    return int(words[-1]) if words and words[0] in COUNTED and words[-1].isdigit() else 0


def _lock_key(name: str) -> int:
    """:returns: The 64-bit number that stands for a lock's name; the same on every machine."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), signed=True)
