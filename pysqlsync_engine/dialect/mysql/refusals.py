"""What the server says of a row that it refuses, as an error that names the row."""

from __future__ import annotations

from pysqlsync_engine.data.codec import shorten
from pysqlsync_engine.data.target import LoadTarget
from pysqlsync_engine.dialect.mysql.names import quote
from pysqlsync_engine.errors import LockTimeoutError, RowError, StatementError
from pysqlsync_engine.model.object_types import (
    CheckConstraint,
    ForeignKeyConstraint,
    PrimaryKeyConstraint,
    UniqueConstraint,
)

PRIMARY = "PRIMARY"
"""What the server calls every primary key."""

ROW_CLASSES = frozenset({"01", "21", "22", "23", "45"})
"""Classes of SQLSTATE that a value of a row can bring about; `45` is what triggers raise."""

ROW_ERRORS = ("doesn't have a default value", "Incorrect ", "Check constraint ")
"""What messages of the class `HY000`, for everything else, begin with or hold if they are about a row."""

MAX_REASON_CHARACTERS = 200


def is_about_row(error: StatementError) -> bool:
    """:returns: True if a value of a row can have brought it about."""
    if error.sqlstate is None or isinstance(error, LockTimeoutError):
        return False
    if error.sqlstate[:2] in ROW_CLASSES:
        return True
    return error.sqlstate == "HY000" and any(words in str(error) for words in ROW_ERRORS)


def column_of(target: LoadTarget, error: StatementError) -> str | None:
    """:returns: Column that the server names, or that the constraint which it names is about."""
    if error.column is not None and error.column in target.table.column_names:
        return error.column
    key = target.table.primary_key
    if error.constraint == PRIMARY and key is not None:
        return key.columns[0].name if len(key.columns) == 1 else None
    for item in target.table.constraints:
        is_about_columns = isinstance(
            item, PrimaryKeyConstraint | ForeignKeyConstraint | UniqueConstraint | CheckConstraint
        )
        if item.name.name == error.constraint and is_about_columns and len(item.columns) == 1:
            return item.columns[0].name
    return None


def explain(target: LoadTarget, error: StatementError, value: str | None = None) -> StatementError | RowError:
    """
    :param value: What is at fault; `None` if it is not known.
    :returns: What the server said of a row of the stream; the same error if it is not about a row.
    """
    if not is_about_row(error):
        return error
    column, reason = column_of(target, error), str(error)[:MAX_REASON_CHARACTERS]
    reference = next((key for key in target.table.foreign_keys if key.name.name == error.constraint), None)
    if reference is not None and "child row" in str(error):
        reason = refers_to_nothing(reference)
    elif is_collision(target, error):
        reason = "collides with another row in a unique key that is not the primary key"
    elif target.redact_values:
        # most messages quote the value
        about = "" if error.constraint is None else f", {error.constraint}"
        reason = f"refused by the server (SQLSTATE {error.sqlstate}{about})"
    if value is not None and reference is None and value in reason:
        value = None
    return target.row_error(column, error.row, reason, None if value is None else shorten(value))


def refers_to_nothing(key: ForeignKeyConstraint) -> str:
    """:returns: Reason for a row that refers to a row which does not exist."""
    return f"violates foreign key {quote(key.name)}: no such row in {key.referenced_table.display}"


def is_collision(target: LoadTarget, error: StatementError) -> bool:
    """:returns: True if the statement itself refused to update a row that has another key; see `Staging.upsert`."""
    return error.column in target.table.key_names and "annot be null" in str(error)


def cause_of(target: LoadTarget, error: StatementError) -> StatementError | None:
    """:returns: The cause to chain; none if it would show values that are redacted."""
    return None if target.redact_values else error
