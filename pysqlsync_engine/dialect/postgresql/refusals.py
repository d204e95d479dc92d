"""What a server said of a row, as an error that names the row."""

from __future__ import annotations

from typing import NoReturn

from pysqlsync_engine.data.codec import shorten
from pysqlsync_engine.data.target import LoadTarget
from pysqlsync_engine.errors import RowError, StatementError
from pysqlsync_engine.model.object_types import (
    CheckConstraint,
    ForeignKeyConstraint,
    PrimaryKeyConstraint,
    UniqueConstraint,
)

INTEGRITY_VIOLATION = "23"
"""Class of SQLSTATE whose messages name constraints and columns but no values."""

NOT_NULL_VIOLATION = "23502"

ROW_ERRORS = frozenset({"21", "22", "23", "44", "P0"})
"""Classes of SQLSTATE that a value of a row can bring about; https://www.postgresql.org/docs/current/errcodes-appendix.html"""

MAX_REASON_CHARACTERS = 200


def is_about_row(error: StatementError) -> bool:
    """:returns: True if a value of a row may have brought the error about."""
    return error.sqlstate is not None and error.sqlstate[:2] in ROW_ERRORS


def refuse(target: LoadTarget, error: StatementError, value: str | None = None) -> NoReturn:
    """
    Raise what the server said of a row of the stream.

    :param value: What is at fault; `None` if it is not known.
    :raises RowError: without the error as its cause if that would show values that are redacted.
    :raises StatementError: if the error is not about a row.
    """
    if not is_about_row(error):
        raise error
    raise explain(target, error, value) from (None if target.redact_values else error)


def explain(target: LoadTarget, error: StatementError, value: str | None = None) -> RowError:
    """:returns: What the server said of a row of the stream."""
    reason, sqlstate = str(error), error.sqlstate or ""
    if sqlstate[:2] != INTEGRITY_VIOLATION:
        # such messages quote the value
        reason = f"refused by the server (SQLSTATE {sqlstate})" if target.redact_values else reason
    elif value is None and error.detail is not None and sqlstate != NOT_NULL_VIOLATION:
        value = error.detail
    shown = None if value is None else shorten(value)
    return target.row_error(blamed_column(target, error), error.row, reason[:MAX_REASON_CHARACTERS], shown)


def blamed_column(target: LoadTarget, error: StatementError) -> str | None:
    """:returns: Column that the server names, or that the constraint which it names is about; `None` if there is no one such."""
    if error.column is not None:
        return error.column
    key = () if target.table.primary_key is None else (target.table.primary_key,)
    for item in (*key, *target.table.constraints):
        is_about_columns = isinstance(
            item, PrimaryKeyConstraint | ForeignKeyConstraint | UniqueConstraint | CheckConstraint
        )
        if item.name.name == error.constraint and is_about_columns and len(item.columns) == 1:
            return item.columns[0].name
    return None
