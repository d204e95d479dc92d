"""Sessions on MySQL and MariaDB: settings, transactions, locks, and rows."""

from __future__ import annotations

import asyncio
import hashlib
import math
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from pysqlsync_engine.capabilities import Capabilities
from pysqlsync_engine.dialect.mysql.capabilities import capabilities_of, parse_version
from pysqlsync_engine.dialect.mysql.driver import (
    MySQLConnection,
    Outcome,
    error_number,
    open_connection,
    translated,
)
from pysqlsync_engine.dialect.mysql.names import quote_list, quote_table, quote_text
from pysqlsync_engine.dialect.mysql.wire import bind, load_packets, place_of, value_lists
from pysqlsync_engine.errors import EngineError, LockTimeoutError, StatementError
from pysqlsync_engine.model.id_types import QualifiedId
from pysqlsync_engine.parameters import ConnectionParameters
from pysqlsync_engine.session import Row

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
    "SET NAMES utf8mb4, time_zone = '+00:00', autocommit = 1, lc_messages = 'en_US',"
    f" sql_mode = '{SQL_MODE}', foreign_key_checks = 1, unique_checks = 1"
)

NO_SUCH_SAVEPOINT = 1305
"""Number of the error after a statement that committed the transaction, as all do that change a schema."""

Result = TypeVar("Result")


class MySQLSession:
    """One connection to a MySQL or MariaDB server; see `Session` for what its methods promise."""

    def __init__(self, connection: MySQLConnection, parameters: ConnectionParameters) -> None:
        self._connection = connection
        self._parameters = parameters
        self._depth = 0
        self._lock: str | None = None
        self._capabilities: Capabilities | None = None
        self._has_local_infile = False

    @property
    def capabilities(self) -> Capabilities:
        assert self._capabilities is not None, "a session is prepared before it is handed out"  # noqa: S101
        return self._capabilities

    async def prepare(self) -> None:
        """Set what statements depend on, and ask what the server can do."""
        await self.execute(SETTINGS)
        if self._capabilities is None:
            # true for the session of somebody who may not turn it on
            ((version, loads),) = await self.fetch("SELECT version(), @@local_infile")
            self._capabilities = capabilities_of(parse_version(version))
            self._has_local_infile = bool(loads)

    async def reset(self) -> None:
        """Forget transactions, temporary tables, locks and variables."""
        with translated("RESET CONNECTION"):
            await self._answer(self._connection.reset())
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

    async def copy(
        self,
        table: QualifiedId,
        columns: Sequence[str],
        batches: AsyncIterator[Iterable[Row]],
        *,
        replace: bool = False,
    ) -> int:
        """
        See `Session`.

        :param batches: Rows of integers, and of text that is escaped already, see `transfer`.
        :param replace: True if a row takes the place of one that has its key; else it is refused.
        """
        sent = 0
        async for batch in batches:
            rows: list[Row] = []
            try:
                rows += batch
                await self._copy_rows(table, columns, rows, replace=replace)
            except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as error:
                raise StatementError(
                    f"a value cannot be sent: {error}", statement=f"COPY {quote_table(table)}"
                ) from error
            except StatementError as error:
                if error.sqlstate is None:
                    raise
                await self._locate(error, table, columns, rows, replace=replace)
                error.row = sent + (error.row or 1)
                raise
            sent += len(rows)
        return sent

    async def _copy_rows(
        self, table: QualifiedId, columns: Sequence[str], rows: Sequence[Row], *, replace: bool
    ) -> None:
        """Send some rows, all or none of them."""
        async with self.transaction():
            if self._has_local_infile:
                await self._load_rows(table, columns, rows, replace=replace)
            else:
                verb = "REPLACE" if replace else "INSERT"
                start = f"{verb} INTO {quote_table(table)} ({quote_list(columns)}) VALUES "
                for values in value_lists(rows):
                    await self.execute(start + values)

    async def _load_rows(
        self, table: QualifiedId, columns: Sequence[str], rows: Sequence[Row], *, replace: bool
    ) -> None:
        def load(file: str) -> str:
            return (
                f"LOAD DATA LOCAL INFILE {quote_text(file)}{' REPLACE' if replace else ''} INTO TABLE {quote_table(table)}"
                " CHARACTER SET utf8mb4 FIELDS TERMINATED BY '\\t' ESCAPED BY '\\\\' LINES TERMINATED BY '\\n'"
                f" ({quote_list(columns)})"
            )

        statement = load("")
        with translated(statement):
            outcome = await self._answer(self._connection.load(load, load_packets(rows)))
        if outcome.warnings:
            # a file of the client never fails: what does not fit is cut off or left out, and a warning says so
            raise await self._first_warning(statement)
        # records, deleted, skipped, warnings
        records = next((int(number) for number in re.findall(r": (\d+)", outcome.message)), None)
        if records != len(rows):
            raise StatementError(
                f"{len(rows)} rows were sent, but the server took {records}", statement=statement, sqlstate="01000"
            )

    async def _first_warning(self, statement: str) -> StatementError:
        warnings = await self.fetch("SHOW WARNINGS")
        text = warnings[0][2] if warnings else "the server warned of a row, but keeps no warnings (max_error_count)"
        row, column, constraint = place_of(text)
        return StatementError(
            text, statement=statement, sqlstate="22000", row=row, column=column, constraint=constraint
        )

    async def _locate(
        self, error: StatementError, table: QualifiedId, columns: Sequence[str], rows: list[Row], *, replace: bool
    ) -> None:
        """Find the row that was refused, if the server did not tell, by sending ever smaller parts."""
        start, stop = 0, len(rows)
        while error.row is None and stop - start > 1:
            middle = (start + stop) // 2
            try:
                # from the beginning, as a row may only be refused for one before
                async with self.transaction():
                    await self._copy_rows(table, columns, rows[:middle], replace=replace)
                    raise _Undo
            except _Undo:
                start = middle
            except StatementError as failure:
                if failure.sqlstate is None:
                    raise
                stop = middle
        error.row = start + 1 if error.row is None else error.row


class _Undo(Exception):  # noqa: N818 - a signal to a transaction
    """Ends a transaction whose changes are not wanted."""
