"""Which columns MySQL and MariaDB can put into a key."""

from __future__ import annotations

from collections.abc import Iterator

from pysqlsync_engine.dialect.mysql.capabilities import Features
from pysqlsync_engine.dialect.mysql.constraints import WORD_INDEXES
from pysqlsync_engine.dialect.mysql.expressions import lacks_literals, mentioned_names
from pysqlsync_engine.dialect.mysql.objects import MySQLTable
from pysqlsync_engine.errors import UnsupportedError
from pysqlsync_engine.model.data_types import SqlJson
from pysqlsync_engine.model.id_types import LocalId
from pysqlsync_engine.model.object_types import CheckConstraint, UniqueConstraint


def check_key_columns(table: MySQLTable, features: Features) -> None:
    """:raises UnsupportedError: if a column without a limit is to be in a key as a whole."""
    columns = {column.name: column for column in table.columns}
    for key, name in _whole_columns(table, features):
        column = columns.get(name)
        if column is not None and lacks_literals(column.data_type):
            what = "JSON" if isinstance(column.data_type, SqlJson) else "text or bytes without a limit"
            raise UnsupportedError(
                f"{table.name.display}.{name.name}: {what} cannot be in the key {key}; use Annotated[..., MaxLength(255)], or"
                " give the key a length"
            )


def _whole_columns(table: MySQLTable, features: Features) -> Iterator[tuple[str, LocalId]]:
    """:returns: Name of a key, and a column of which it holds all."""
    primary = table.primary_key
    if primary is not None:
        for position, name in enumerate(primary.columns):
            if not primary.lengths or primary.lengths[position] is None:
                yield "PRIMARY", name
    for constraint in table.constraints:
        if isinstance(constraint, UniqueConstraint) and not features.hashed_unique:
            yield from ((constraint.name.name, name) for name in constraint.columns)
    for index in table.indexes:
        if index.method not in WORD_INDEXES and not (index.unique and features.hashed_unique):
            for part in index.parts:
                if part.column is not None and part.length is None:
                    yield index.name.name, part.column


def check_counting_column(table: MySQLTable, features: Features) -> None:
    """:raises UnsupportedError: if several columns count, or one that no key begins with, or one that an expression mentions."""
    counting = [column.name for column in table.columns if column.identity is not None]
    if not counting:
        return
    if len(counting) > 1:
        listed = ", ".join(name.name for name in counting)
        raise UnsupportedError(
            f"{table.name.display}: the server counts in one column only; got {listed}; keep one of them"
        )
    keys = [() if table.primary_key is None else table.primary_key.columns]
    keys += [constraint.columns for constraint in table.constraints if isinstance(constraint, UniqueConstraint)]
    keys += [index.columns for index in table.indexes if index.method not in WORD_INDEXES]
    engine = (table.engine or "").upper()
    first = keys if engine in {"MYISAM", "ARIA"} else [columns[:1] for columns in keys]
    if not any(counting[0] in columns for columns in first):
        raise UnsupportedError(
            f"{table.name.display}.{counting[0].name}: the server counts in a column only that a key begins with; make it a"
            " primary key, or Unique"
        )
    for what, expression in _expressions(table, features):
        if counting[0].name.lower() in mentioned_names(expression):
            raise UnsupportedError(
                f"{table.name.display}.{counting[0].name}: the server counts in no column that {what} mentions; leave the column"
                " out of it, or do not let it count"
            )


def _expressions(table: MySQLTable, features: Features) -> Iterator[tuple[str, str]]:
    """:returns: What cannot mention a column that counts, and its expression."""
    for constraint in table.constraints:
        if isinstance(constraint, CheckConstraint):
            yield f"the check {constraint.name.name}", constraint.expression
    for column in table.columns:
        if column.generated is not None and (column.generated.stored or not features.mariadb):
            yield f"the computed column {column.name.name}", column.generated.expression
        if column.default is not None:
            yield f"the default of {column.name.name}", column.default
    for index in table.indexes:
        for part in index.parts:
            if part.expression is not None:
                yield f"the index {index.name.name}", part.expression
