"""Sessions on MySQL and MariaDB: settings, transactions, locks, and rows."""

from __future__ import annotations

import asyncio
import hashlib
import math
import re
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, TypeVar

from pysqlsync_engine.capabilities import Capabilities
from pysqlsync_engine.dialect.mysql.capabilities import capabilities_of, features_of, parse_version
from pysqlsync_engine.dialect.mysql.driver import (
    MySQLConnection,
    Outcome,
    error_number,
    open_connection,
    translated,
)
from pysqlsync_engine.dialect.mysql.names import quote_text
from pysqlsync_engine.dialect.mysql.wire import bind, place_of
from pysqlsync_engine.errors import EngineError, LockTimeoutError, StatementError
from pysqlsync_engine.parameters import ConnectionParameters
from pysqlsync_engine.session import Row, Session

INTERRUPT_TIMEOUT_S = 10.0
"""How long a server may take to give up a statement before the connection is cut."""

SQL_MODE = (
    "STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION,NO_AUTO_VALUE_ON_ZERO,ONLY_FULL_GROUP_BY"
)
"""
Nothing is cut off, rounded or replaced silently, whatever the server's own mode; a zero is a number as any other.

Zero dates are not forbidden: a table that has them, in rows or as a default, could not be altered then. No row brings one, as
Python has none.
"""

SETTINGS = (
    "SET NAMES utf8mb4, time_zone = '+00:00', autocommit = 1, lc_messages = 'en_US', net_read_timeout = 3600,"
    f" sql_mode = '{SQL_MODE}', foreign_key_checks = 1, unique_checks = 1, sql_notes = 1"
)
"""What statements depend on. A source that blocks for a while makes a server wait for rows, which it does half a minute as a rule."""

SCRIPT_SETTINGS = (
    "SET NAMES utf8mb4",
    "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,NO_AUTO_VALUE_ON_ZERO'",
)
"""What strings and names in a script rely on: characters in UTF-8, and a backslash that is an escape character."""

LARGE_SORTS = "SET sort_buffer_size = CAST(GREATEST(@@sort_buffer_size, 67108864) AS UNSIGNED)"
"""
For servers that sort whole rows, of which several have to fit; they take the memory bit by bit, as it is needed.

https://dev.mysql.com/doc/refman/8.4/en/order-by-optimization.html
"""

NO_SUCH_SAVEPOINT = 1305
"""Number of the error after a statement that committed the transaction, as all do that change a schema."""

DEPRECATED_SYNTAX = 1287
"""Number of the warning for a statement that counts rows by a variable."""

Result = TypeVar("Result")


class MySQLSession:
    """One connection to a MySQL or MariaDB server; see `Session` for what its methods promise."""

    def __init__(
        self, connection: MySQLConnection, parameters: ConnectionParameters, *, has_others: bool = False
    ) -> None:
        self._connection = connection
        self._parameters = parameters
        self._depth = 0
        self._lock: str | None = None
        self._capabilities: Capabilities | None = None
        self._logs_statements: bool | None = None
        self.locks_rows_only = False
        """True if the transaction, or the next one, does not lock the gaps between rows."""
        self.has_others = has_others
        """True if other sessions of the same pool may write at the same time."""
        self.max_packet_bytes = 0

    @property
    def capabilities(self) -> Capabilities:
        assert self._capabilities is not None, "a session is prepared before it is handed out"  # noqa: S101
        return self._capabilities

    async def prepare(self) -> None:
        """Set what statements depend on, and ask what the server can do."""
        await self.execute(SETTINGS)
        if self._capabilities is None:
            # true for the session of somebody who may not turn it on
            ((version, loads, size, *collation),) = await self.fetch(
                "SELECT version(), @@local_infile, @@max_allowed_packet, @@character_set_database, @@collation_database"
            )
            self._capabilities = replace(
                capabilities_of(parse_version(version)),
                client_files=bool(loads),
                collation=(collation[0], collation[1]),
            )
            self.max_packet_bytes = size
        if features_of(self._capabilities.version).sorts_whole_rows:
            await self.execute(LARGE_SORTS)

    async def reset(self) -> None:
        """Forget transactions, temporary tables, locks and variables."""
        with translated("RESET CONNECTION"):
            await self._answer(self._connection.reset())
        self.locks_rows_only = False
        await self.prepare()

    async def close(self) -> None:
        """Close the connection."""
        await self._connection.say_goodbye()

    @property
    def parameters(self) -> ConnectionParameters:
        return self._parameters

    @property
    def in_transaction(self) -> bool:
        """True inside of `transaction()`, where a statement that changes a schema would commit."""
        return self._depth > 0

    async def run(self, statement: str) -> Outcome:
        """:returns: What the server says of a statement that yields no rows."""
        outcome, _ = await self._run(statement)
        return outcome

    async def execute(self, statement: str, *arguments: Any) -> int:
        outcome, _ = await self._run(statement, arguments)
        return outcome.affected

    async def fetch(self, statement: str, *arguments: Any) -> list[Row]:
        _, rows = await self._run(statement, arguments)
        return rows

    async def _run(self, statement: str, arguments: Sequence[Any] = ()) -> tuple[Outcome, list[Row]]:
        with translated(statement):
            text = bind(statement, arguments) if arguments else statement
            return await self._answer(self._connection.run(text))

    async def _answer(self, work: Coroutine[Any, Any, Result]) -> Result:
        """
        Wait for the server. If there is no time left, or nobody waits any more, the server gives up the statement, and the
        connection stays usable.
        """
        task = asyncio.create_task(work)
        try:
            async with asyncio.timeout(self._parameters.command_timeout_s):
                await asyncio.wait({task})
        except (TimeoutError, asyncio.CancelledError):
            await self._interrupt(task)
            raise
        return task.result()

    async def _interrupt(self, task: asyncio.Task[Any]) -> None:
        try:
            async with asyncio.timeout(INTERRUPT_TIMEOUT_S):
                while not task.done():
                    await self._kill_statement()
                    await asyncio.wait({task}, timeout=1)
        except (EngineError, TimeoutError):
            self._connection.close()
        finally:
            if not task.done():
                self._connection.close()
                task.cancel()
            await asyncio.wait({task})
            if not task.cancelled():
                # looked at, so that nobody complains that it was not
                task.exception()

    async def _kill_statement(self) -> None:
        other = await open_connection(self._parameters)
        try:
            with translated("KILL QUERY"):
                await other.run(f"KILL QUERY {self._connection.number:d}")
        finally:
            await other.say_goodbye()

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[None]:
        depth = self._depth
        savepoint = f"pysqlsync_{depth}"
        await self.execute(f"SAVEPOINT {savepoint}" if depth else "START TRANSACTION")
        self._depth = depth + 1
        try:
            try:
                yield
            except BaseException:
                await self._roll_back(f"ROLLBACK TO SAVEPOINT {savepoint}" if depth else "ROLLBACK")
                raise
            await self._end(f"RELEASE SAVEPOINT {savepoint}" if depth else "COMMIT")
        finally:
            self._depth = depth
            if not depth:
                self.locks_rows_only = False
                await self._unlock()

    async def _end(self, statement: str) -> None:
        try:
            await self.execute(statement)
        except StatementError as error:
            if error_number(error.__cause__) != NO_SUCH_SAVEPOINT:
                raise

    async def _roll_back(self, statement: str) -> None:
        """Undo after an error; the error that led here is the one to report, so a connection that fails is cut."""
        if self._connection.closed:
            return
        try:
            await self._end(statement)
        except StatementError:
            self._connection.close()
        except asyncio.CancelledError:
            self._connection.close()
            raise

    async def lock_rows_only(self) -> None:
        """
        Let the next transaction lock the rows that it finds, and not the gaps between them, where other streams may insert theirs.

        A server that logs statements rather than rows refuses to write in such a transaction, so that nothing is asked of it.
        """
        if self._depth:
            return
        if self._logs_statements is None:
            # not a variable of every version
            found = await self.fetch("SHOW VARIABLES WHERE variable_name IN ('log_bin', 'binlog_format')")
            self._logs_statements = {value for _, value in found} >= {"ON", "STATEMENT"}
        if not self._logs_statements:
            await self.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
            self.locks_rows_only = True

    async def lock_schema(self, name: str, *, timeout_s: float) -> None:
        if not self._depth:
            raise RuntimeError(f"lock {name!r}: there is no transaction that it could last for; open one first")
        await self._take_lock(name, timeout_s)

    @asynccontextmanager
    async def hold_schema(self, name: str, *, timeout_s: float) -> AsyncGenerator[None]:
        if self._depth:
            raise RuntimeError(f"lock {name!r}: a transaction has been opened; end it first")
        key: str | None = None
        try:
            await self._take_lock(name, timeout_s)
            # so that no transaction gives it back at its end
            key, self._lock = self._lock, None
            yield
        finally:
            self._lock = key or self._lock
            await self._unlock()

    @asynccontextmanager
    async def unlimited_locks(self) -> AsyncGenerator[None]:
        # no statement that changes a table lets others in while it waits
        yield

    async def _take_lock(self, name: str, timeout_s: float) -> None:
        # the server knows whole seconds only, and no wait of none
        whole_s = max(1, math.ceil(timeout_s))
        await self.execute(f"SET SESSION lock_wait_timeout = {whole_s:d}, innodb_lock_wait_timeout = {whole_s:d}")
        # the name is one of the whole server, so that of the database is part of it
        database = self._parameters.database or ""
        key = "pysqlsync " + hashlib.blake2b(f"{database}\0{name}".encode(), digest_size=20).hexdigest()
        statement = f"SELECT GET_LOCK({quote_text(key)}, %s)"
        deadline = time.monotonic() + timeout_s
        self._lock = key
        while (await self.fetch(statement, math.floor(max(0.0, deadline - time.monotonic())))) != [(1,)]:
            if time.monotonic() >= deadline:
                raise LockTimeoutError(
                    f"lock {name!r}: another session has held it for {timeout_s:g} s; wait for it to finish and try again",
                    statement=statement,
                )
            await asyncio.sleep(min(0.05, max(0.0, deadline - time.monotonic())))

    async def _unlock(self) -> None:
        """Give back a lock of the schema, which outlives transactions; it ends with the connection if nothing else helps."""
        key, self._lock = self._lock, None
        if key is None or self._connection.closed:
            return
        try:
            await self.fetch(f"SELECT RELEASE_LOCK({quote_text(key)})")
            await self.execute("SET SESSION lock_wait_timeout = DEFAULT, innodb_lock_wait_timeout = DEFAULT")
        except StatementError:
            self._connection.close()
        except asyncio.CancelledError:
            self._connection.close()
            raise

    async def load(self, make_statement: Callable[[str], str], packets: Iterable[bytes], rows: int) -> None:
        """
        Send records to a `LOAD DATA LOCAL INFILE`.

        :param make_statement: The statement for a name that stands for the data.
        :param packets: What iterating raises is raised; the server may have stored a part of the rows then.
        :param rows: Number of the records.
        :raises StatementError: if the server did not store each record exactly as it was sent; it may have stored others.
        """
        statement = make_statement("")
        with translated(statement):
            outcome = await self._answer(self._connection.load(make_statement, packets))
        if outcome.warnings:
            # a file of the client never fails: what does not fit is cut off or left out, and a warning says so
            await self._check_warnings(statement, outcome.warnings)
        # records, deleted, skipped, warnings
        records = next((int(number) for number in re.findall(r": (\d+)", outcome.message)), None)
        if records != rows:
            raise StatementError(
                f"{rows} rows were sent, but the server took {records}", statement=statement, sqlstate="01000"
            )

    async def _check_warnings(self, statement: str, number: int) -> None:
        """:raises StatementError: for the first warning that is about a row."""
        warnings = await self.fetch("SHOW WARNINGS")
        found = [text for _, code, text in warnings if code != DEPRECATED_SYNTAX]
        if not found and len(warnings) == number:
            return
        text = found[0] if found else "the server warned of a row, but keeps no warnings (max_error_count)"
        row, column, constraint = place_of(text)
        raise StatementError(text, statement=statement, sqlstate="22000", row=row, column=column, constraint=constraint)


def as_mysql(session: Session) -> MySQLSession:
    """:raises TypeError: if the session is of another dialect."""
    if not isinstance(session, MySQLSession):
        raise TypeError(f"expected a session of this dialect; got {type(session).__name__}")
    return session
