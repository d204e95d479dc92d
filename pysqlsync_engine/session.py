"""What the rooms ask of a connection to a server; a dialect implements it on its driver."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from pysqlsync_engine.capabilities import Capabilities
from pysqlsync_engine.parameters import ConnectionParameters

Row = tuple[Any, ...]
"""One row: a value per column, `None` for NULL."""

Batch = Sequence[Row]
"""Some rows of a stream, in order."""


class Session(Protocol):
    """
    One connection to a server. Not safe for concurrent use: one statement at a time.

    All methods raise `StatementError` (with the driver's error as cause) when the server refuses a statement.
    """

    @property
    def capabilities(self) -> Capabilities:
        """What the server can do; read once, when the connection is opened."""
        ...

    @property
    def parameters(self) -> ConnectionParameters:
        """Where the server is, and how to log in; with the password."""
        ...

    async def execute(self, statement: str, *arguments: Any) -> int:
        """
        Execute one statement.

        :param arguments: Bind values for the placeholders of the dialect.
        :returns: Number of rows affected; 0 for statements that affect none.
        """
        ...

    async def fetch(self, statement: str, *arguments: Any) -> list[Row]:
        """:returns: All rows that the statement yields."""
        ...

    def transaction(self) -> AbstractAsyncContextManager[None]:
        """Commit on leaving, roll back on error; inside another transaction it is a savepoint."""
        ...

    async def lock_schema(self, name: str, *, timeout_s: float) -> None:
        """
        Take the lock that only one synchronization at a time holds, until the end of the current transaction.

        :param name: What is locked; any text. The same text is the same lock in the whole database.
        :param timeout_s: Seconds to wait for this lock, and from now on for every other lock of the transaction.
        :raises LockTimeoutError: if another session holds it all that time.
        """
        ...

    def hold_schema(self, name: str, *, timeout_s: float) -> AbstractAsyncContextManager[None]:
        """
        Take the same lock outside of transactions, and give it back on leaving.

        :param name: As for `lock_schema`, as is `timeout_s`; until the lock is given back, it holds for each other lock.
        :raises LockTimeoutError: if another session holds it all that time.
        """
        ...

    def unlimited_locks(self) -> AbstractAsyncContextManager[None]:
        """Wait for locks as long as it takes, until leaving; for statements that are in nobody's way while they wait."""
        ...


class SessionPool(Protocol):
    """A bounded number of open connections that are lent out."""

    def acquire(self) -> AbstractAsyncContextManager[Session]:
        """Lend a session; waits while all are out. A session that was lost is replaced."""
        ...
