"""Connections to PostgreSQL, by way of asyncpg; the only file that knows the driver."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterable, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager
from typing import Any

from pysqlsync_engine.capabilities import Capabilities, ServerVersion
from pysqlsync_engine.dialect.postgresql.answers import (
    LOCK_NOT_AVAILABLE,
    affected,
    copy_place,
    ends_connection,
    is_transient,
    may_accept_later,
)
from pysqlsync_engine.dialect.postgresql.capabilities import capabilities_of
from pysqlsync_engine.dialect.postgresql.connecting import (
    SERVER_SETTINGS,
    diagnose,
    lock_key,
    lost,
    protection,
    without_frames,
)
from pysqlsync_engine.dialect.postgresql.driver_feed import DriverFeed, each_row
from pysqlsync_engine.dialect.sockets import widen
from pysqlsync_engine.errors import UNSENDABLE, ConnectError, DialectError, LockTimeoutError, StatementError
from pysqlsync_engine.model.id_types import QualifiedId
from pysqlsync_engine.parameters import ConnectionParameters
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
        return affected(tag)

    async def fetch(self, statement: str, *arguments: Any) -> list[Row]:
        with _translated(statement):
            records = await self._connection.fetch(statement, *arguments)
        return [tuple(record) for record in records]

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[None]:
        with _translated("BEGIN"):
            transaction = self._connection.transaction()
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
        if _is_closed(self._connection):
            return
        try:
            await transaction.rollback()
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
            _cut(self._connection)
        except asyncio.CancelledError:
            _cut(self._connection)
            raise

    async def lock_schema(self, name: str, *, timeout_s: float) -> None:
        if not self._connection.is_in_transaction():
            raise RuntimeError(f"lock {name!r}: there is no transaction that it could last for; open one first")
        # to the server, 0 means to wait for ever
        timeout_ms = max(1, math.ceil(timeout_s * 1000))
        await self.fetch("SELECT pg_catalog.set_config('lock_timeout', $1, true)", f"{timeout_ms}ms")
        try:
            await self.fetch("SELECT pg_catalog.pg_advisory_xact_lock($1)", lock_key(name))
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
        while (await self.fetch(statement, lock_key(name))) != [(True,)]:
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
            if not _is_closed(self._connection):
                await self.fetch("SELECT pg_catalog.pg_advisory_unlock($1)", lock_key(name))
                await self.execute("RESET lock_timeout")

    @asynccontextmanager
    async def unlimited_locks(self) -> AsyncGenerator[None]:
        ((before,),) = await self.fetch("SELECT pg_catalog.current_setting('lock_timeout')")
        await self._set_lock_timeout("0")
        try:
            yield
        finally:
            if not _is_closed(self._connection):
                await self._set_lock_timeout(before)

    async def _set_lock_timeout(self, setting: str) -> None:
        await self.fetch("SELECT pg_catalog.set_config('lock_timeout', $1, false)", setting)

    async def copy(self, table: QualifiedId, columns: Sequence[str], batches: AsyncIterator[Iterable[Row]]) -> int:
        feed = DriverFeed(batches)
        try:
            with _placed(feed, table, columns):
                async with aclosing(each_row(feed)) as rows:
                    tag: str = await self._connection.copy_records_to_table(
                        table.name, schema_name=table.namespace, columns=list(columns), records=rows
                    )
        except UNSENDABLE as error:
            if error is feed.error:
                raise
            raise StatementError(f"a value cannot be sent: {error}", statement=f"COPY {table}") from error
        return affected(tag)

    async def copy_text(
        self,
        table: QualifiedId,
        columns: Sequence[str],
        chunks: AsyncIterator[bytes],
        *,
        delimiter: str,
        null: str,
        quote: str | None,
    ) -> int:
        """
        Stream text into a table by one COPY.

        :param columns: Names of the columns, in the order of the cells of a record.
        :param chunks: Whole records each; the next one is asked for when the server has taken most of those before.
        :param null: Spelling of NULL, with `quote` also between quotes.
        :param quote: Character around cells (CSV); `None` for text with escapes.
        :returns: Number of rows that the server read.
        :raises StatementError: if it refuses one; its `row` is then the line, counted from the first of the chunks.
        """
        options: dict[str, Any] = {"format": "text", "delimiter": delimiter, "null": null, "encoding": "UTF8"}
        if quote is not None:
            options |= {"format": "csv", "quote": quote, "force_null": list(columns)}
        return await self._copy_bytes(table, columns, chunks, options)

    async def copy_binary(self, table: QualifiedId, columns: Sequence[str], chunks: AsyncIterator[bytes]) -> int:
        """
        Stream rows into a table by one binary COPY.

        :param chunks: Its header, rows, and its trailer.
        :returns: Number of rows that the server read.
        :raises StatementError: if it refuses one; its `row` is then counted from the first one.
        """
        return await self._copy_bytes(table, columns, chunks, {"format": "binary"})

    async def _copy_bytes(
        self, table: QualifiedId, columns: Sequence[str], chunks: AsyncIterator[bytes], options: dict[str, Any]
    ) -> int:
        feed = DriverFeed(chunks)
        with _placed(feed, table, columns):
            tag: str = await self._connection.copy_to_table(
                table.name, schema_name=table.namespace, columns=list(columns), source=feed, **options
            )
        return affected(tag)


@contextmanager
def _placed(feed: DriverFeed[Any], table: QualifiedId, columns: Sequence[str]) -> Generator[None]:
    """Errors of a COPY that tell the row at fault, and the column if it is known; or what its rows were made of has failed with."""
    try:
        with _translated(f"COPY {table}"):
            yield
    except StatementError as error:
        if feed.error is not None:
            # the driver cannot tell its own failures from those of whoever makes the rows
            raise feed.error from feed.error.__cause__
        error.row, column = copy_place(_field(error.__cause__, "context"), table.name)
        error.column = error.column or (column if column in columns else None)
        raise


def _is_closed(connection: Any) -> bool:
    try:
        return connection.is_closed()
    except asyncpg.InterfaceError:
        # it was lost, so that its pool has taken it back
        return True


def _cut(connection: Any) -> None:
    if not _is_closed(connection):
        connection.terminate()


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
            await self._give_back(connection)

    async def _give_back(self, connection: Any) -> None:
        try:
            await self._pool.release(connection)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
            # it was lost, and could not be reset; the driver has cut it, and opens another one when one is needed
            return


@asynccontextmanager
async def connect(parameters: ConnectionParameters) -> AsyncGenerator[PostgreSQLSession]:
    """
    Open one session, and close it on leaving the context.

    :raises ConnectError: if the server does not accept the connection.
    """
    with _explained(parameters):
        connection: Any = await _driver.connect(**_connect_options(parameters))
        await _widen(connection)
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
        options = {"min_size": min_size, "max_size": max_size, "init": _widen}
        pool: Any = await _driver.create_pool(**options, **_connect_options(parameters))
    try:
        yield PostgreSQLPool(pool, parameters)
    finally:
        await _close(pool)


async def _widen(connection: Any) -> None:
    # the driver tells nobody of its transport
    widen(getattr(connection, "_transport", None))


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
        "ssl": protection(parameters),
        "timeout": parameters.connect_timeout_s,
        "command_timeout": parameters.command_timeout_s,
        "server_settings": SERVER_SETTINGS,
        # a remembered statement would send rows in the shape that a table had before it was altered elsewhere;
        # and PgBouncer can pass the connection on between statements
        "statement_cache_size": 0,
    }


@contextmanager
def _explained(parameters: ConnectionParameters) -> Generator[None]:
    """Turn what went wrong while connecting into a `ConnectError`, without the driver's frames: they hold the password."""
    try:
        yield
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
        reason, advice = diagnose(error, parameters)
        passes = may_accept_later(error, _field(error, "sqlstate"))
        cause = without_frames(error)
    else:
        return
    address = (
        parameters.host if parameters.host.startswith("/") else f"{parameters.host}:{parameters.port or DEFAULT_PORT}"
    )
    user = "the default user" if parameters.username is None else f"user {parameters.username!r}"
    database = "the default database" if parameters.database is None else f"database {parameters.database!r}"
    raise ConnectError(
        f"PostgreSQL at {address}, {user}, {database}: {reason}; {advice}", is_transient=passes
    ) from cause


@contextmanager
def _translated(statement: str) -> Generator[None]:
    """Turn what the driver raises for a statement into a `StatementError`."""
    try:
        yield
    except asyncpg.PostgresError as error:
        sqlstate = _field(error, "sqlstate")
        kind = LockTimeoutError if sqlstate == LOCK_NOT_AVAILABLE else StatementError
        message, is_lost = _field(error, "message") or str(error), ends_connection(sqlstate)
        raise kind(
            lost(message) if is_lost else message,
            statement=statement,
            sqlstate=sqlstate,
            detail=_field(error, "detail"),
            column=_field(error, "column_name"),
            constraint=_field(error, "constraint_name"),
            is_lost=is_lost,
            is_transient=is_transient(sqlstate),
        ) from error
    except TimeoutError as error:
        raise StatementError(
            "no answer within command_timeout_s; the statement was cancelled", statement=statement
        ) from error
    except (asyncpg.InterfaceError, asyncpg.InternalClientError, OSError) as error:
        text, is_lost = str(error) or type(error).__name__, _is_lost(error)
        raise StatementError(lost(text) if is_lost else text, statement=statement, is_lost=is_lost) from error


def _is_lost(error: Exception) -> bool:
    """:returns: True if an error that does not come from the server means that the connection is gone."""
    # the driver says "cannot switch to state" of a connection that the server has ended
    return isinstance(error, OSError) or any(word in str(error) for word in ("closed", "released", "switch to state"))


def _field(error: Any, name: str) -> str | None:
    """:returns: A field of the server's message; https://www.postgresql.org/docs/current/protocol-error-fields.html"""
    value: str | None = getattr(error, name, None)
    return value
