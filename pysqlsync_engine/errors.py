"""Everything that can go wrong with definitions, servers and rows; `<object>: <what happened>; <what to do>`."""

from __future__ import annotations

from collections.abc import Sequence


class EngineError(Exception):
    """Base of all errors about schema, server or rows; misuse of an argument is `TypeError` or `ValueError` instead."""


class DefinitionError(EngineError):
    """A data-class says something that no table can be."""


class UnsupportedError(EngineError):
    """The dialect, or this version of the server, cannot do what was asked."""


class DialectError(EngineError):
    """A dialect is unknown, or its driver is not installed."""


class ConnectError(EngineError):
    """
    The server did not accept the connection.

    :param is_transient: True if it may accept it later, as it is starting, or has no connections left.
    """

    def __init__(self, message: str, *, is_transient: bool = False) -> None:
        super().__init__(message)
        self.is_transient = is_transient


class DiscoveryError(EngineError):
    """The catalog of the live database could not be read or understood."""


UNSENDABLE = (TypeError, ValueError, ArithmeticError, LookupError, AttributeError)
"""What hooks and drivers raise for a value that does not fit."""


class StatementError(EngineError):
    """
    The server refused a statement.

    :param message: What the server said, without the statement's values.
    :param statement: SQL text as sent.
    :param sqlstate: Five-character SQLSTATE; `None` when the failure has none (a lost connection).
    :param detail: What else the server said; may hold values of rows.
    :param row: Number of the row in its stream, from 1; `None` if the server did not tell.
    :param column: Column that the server names as the cause; `None` if it names none.
    :param constraint: Constraint that the server names as the cause; `None` if it names none.
    :param is_lost: True if the connection is gone, and with it the transaction.
    :param is_transient: True if the same transaction may succeed when it is repeated, as in a deadlock.
    """

    def __init__(
        self,
        message: str,
        *,
        statement: str = "",
        sqlstate: str | None = None,
        detail: str | None = None,
        row: int | None = None,
        column: str | None = None,
        constraint: str | None = None,
        is_lost: bool = False,
        is_transient: bool = False,
    ) -> None:
        super().__init__(message)
        self.statement = statement
        self.sqlstate = sqlstate
        self.detail = detail
        self.row = row
        self.column = column
        self.constraint = constraint
        self.is_lost = is_lost
        self.is_transient = is_transient


class LockTimeoutError(StatementError):
    """A lock was not granted within the lock timeout; nothing was changed."""


class HazardError(EngineError):
    """
    A plan has steps that the policy does not permit; nothing was executed.

    :param message: Lists each refused step with its hazards, and the option that permits it.
    :param steps: One line per refused step, in plan order.
    """

    def __init__(self, message: str, *, steps: Sequence[str]) -> None:
        super().__init__(message)
        self.steps = tuple(steps)


class PlanError(EngineError):
    """A text is no plan, or is not as it was written."""


class StalePlanError(EngineError):
    """The live schema has changed since the plan was made; nothing was executed."""


class CloneError(EngineError):
    """A plan could not be carried out on a scratch database; the database itself was not changed."""


class DriftError(EngineError):
    """After a plan was applied the live schema still differs from the described one."""


class ApplyError(EngineError):
    """
    A step of a plan failed.

    :param message: Names the step and says how to continue.
    :param step: Number of the failed step, from 1.
    :param applied: Steps that remain applied; 0 if the whole plan was rolled back.
    :param total: Steps of the plan.
    """

    def __init__(self, message: str, *, step: int, applied: int, total: int) -> None:
        super().__init__(message)
        self.step = step
        self.applied = applied
        self.total = total


class LoadError(EngineError):
    """A stream of rows could not be loaded; nothing of the stream stays."""


class RowError(LoadError):
    """
    A row of a stream cannot be stored; nothing of the stream stays.

    :param table: Qualified name of the table, as the user wrote it.
    :param column: Name of the column; `None` if the row as a whole is at fault.
    :param row: Number of the row in its stream, from 1; `None` if the server did not tell.
    :param reason: What is wrong.
    :param value: What is at fault, shortened; `None` if it is not known, or values are redacted.
    """

    def __init__(self, table: str, column: str | None, row: int | None, reason: str, value: str | None = None) -> None:
        place = table if column is None else f"{table}.{column}"
        number = "" if row is None else f": row {row}"
        shown = "" if value is None else f": {value}"
        super().__init__(f"{place}{number}: {reason}{shown}")
        self.table = table
        self.column = column
        self.row = row
        self.reason = reason
        self.value = value


class JournalError(EngineError):
    """The tables that record what streams bring cannot be made, or not be used."""


class EmbeddedServerError(EngineError):
    """The embedded server could not be set up, started or stopped."""
