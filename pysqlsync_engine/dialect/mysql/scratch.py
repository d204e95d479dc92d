"""Expressions as the server prints them, found out on temporary tables."""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from pysqlsync_engine.dialect.mysql.capabilities import features_of
from pysqlsync_engine.dialect.mysql.definitions import Definition
from pysqlsync_engine.dialect.mysql.expressions import constant_value, is_wide
from pysqlsync_engine.dialect.mysql.names import quote
from pysqlsync_engine.dialect.mysql.objects import MySQLColumn, MySQLTable
from pysqlsync_engine.dialect.mysql.pool import connect
from pysqlsync_engine.dialect.mysql.writer import MySQLWriter
from pysqlsync_engine.errors import StatementError
from pysqlsync_engine.model.constraint_types import Index, IndexPart
from pysqlsync_engine.model.data_types import SqlDate, SqlTime, SqlTimestamp
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.object_types import Catalog, CheckConstraint, Column, Constraint, Table
from pysqlsync_engine.session import Session

DATABASE_PREFIX = "pysqlsync_scratch_"
"""Of databases of our own, which last no longer than a call."""


@asynccontextmanager
async def scratch_database(session: Session) -> AsyncGenerator[Session]:
    """
    Make an empty database with the collation of that of a session, and drop it on leaving, whatever happens.

    :returns: A session to it.
    :raises StatementError: if the user may not create databases.
    """
    name = f"{DATABASE_PREFIX}{secrets.token_hex(8)}"
    ((characters, collation),) = await session.fetch("SELECT @@character_set_database, @@collation_database")
    async with connect(session.parameters) as other:
        await other.execute(
            f"CREATE DATABASE {quote(name)} CHARACTER SET {quote(characters)} COLLATE {quote(collation)}"
        )
        try:
            async with connect(replace(session.parameters, database=name)) as scratch:
                yield scratch
        finally:
            await other.execute(f"DROP DATABASE IF EXISTS {quote(name)}")


async def canonicalize(session: Session, current: Catalog, desired: Catalog) -> Catalog:
    """
    Spell the expressions of a desired catalog as the server does, so that they can be compared.

    A temporary table for each table with expressions that are not there yet has these in its defaults, checks, computed
    columns and indexes; the server prints it, and it is dropped. Where the server refuses it, or the user may not create
    temporary tables, expressions stay as they are: the server will say what is wrong with them when they are executed.

    :param current: What the server holds; an expression that reads the same there is not asked for.
    :param desired: A lowered catalog.
    :returns: The desired catalog, its expressions replaced where the server prints them otherwise.
    """
    before = {table.name: table for table in current.tables()}
    replaced: dict[QualifiedId, Table] = {}
    for table in desired.tables():
        if isinstance(table, MySQLTable):
            subject = _Subject(table, before.get(table.name))
            if subject.is_open():
                replaced[table.name] = await _print(session, subject)
    if not replaced:
        return desired
    return replace(
        desired,
        namespaces=tuple(
            replace(namespace, tables=tuple(replaced.get(table.name, table) for table in namespace.tables))
            for namespace in desired.namespaces
        ),
    )


@dataclass(frozen=True, slots=True)
class _Subject:
    """
    A table whose expressions are to be printed.

    :param current: The same table as it is; `None` if it is new.
    """

    table: MySQLTable
    current: Table | None

    def is_open(self) -> bool:
        """:returns: True if there is an expression that the current table has not."""
        return any(True for _ in self._open_columns()) or bool(self.checks()) or bool(self.keys())

    def _open_columns(self) -> Iterator[MySQLColumn]:
        known = {} if self.current is None else {column.name: column for column in self.current.columns}
        for column in self.table.columns:
            other = known.get(column.name)
            computed = column.generated is not None and (other is None or other.generated != column.generated)
            defaulted = (
                column.default is not None
                and not _is_plain(column)
                and (other is None or other.default != column.default)
            )
            if isinstance(column, MySQLColumn) and (computed or defaulted):
                yield column

    def checks(self) -> tuple[CheckConstraint, ...]:
        """:returns: Checks with conditions that the current table has not."""
        known = {check.expression for check in _checks(() if self.current is None else self.current.constraints)}
        return tuple(check for check in _checks(self.table.constraints) if check.expression not in known)

    def keys(self) -> tuple[str, ...]:
        """:returns: Expressions in indexes that no index of the current table has."""
        known = frozenset(_expressions(() if self.current is None else self.current.indexes))
        return tuple(text for text in dict.fromkeys(_expressions(self.table.indexes)) if text not in known)


def _is_plain(column: Column) -> bool:
    """:returns: True for a constant that is known to be printed as it is."""
    temporal = isinstance(column.data_type, SqlTimestamp | SqlDate | SqlTime)
    return not temporal and column.default is not None and constant_value(column.default) is not None


def _checks(constraints: Iterable[Constraint]) -> Iterator[CheckConstraint]:
    return (constraint for constraint in constraints if isinstance(constraint, CheckConstraint))


def _expressions(indexes: Iterable[Index]) -> Iterator[str]:
    return (part.expression for index in indexes for part in index.parts if part.expression is not None)


async def _print(session: Session, subject: _Subject) -> Table:
    """:returns: The table with expressions as the server prints them."""
    scratch = _scratch_table(subject)
    statement = MySQLWriter(session.capabilities).create_table(scratch, foreign_keys=False)
    stand_ins = _stand_ins(statement)
    name = quote(scratch.name.name)
    try:
        await session.execute(
            statement.replace("CREATE TABLE", "CREATE TEMPORARY TABLE", 1).translate(str.maketrans(stand_ins))
        )
    except StatementError:
        return subject.table
    try:
        ((_, text, *_),) = await session.fetch(f"SHOW CREATE TABLE {name}")
    finally:
        await session.execute(f"DROP TEMPORARY TABLE {name}")
    shown = text.translate(str.maketrans({stand_in: wide for wide, stand_in in stand_ins.items()}))
    return _with_expressions(subject, Definition(shown, features_of(session.capabilities.version)), scratch)


def _stand_ins(statement: str) -> dict[str, str]:
    """:returns: For each character of four bytes, which the server would replace by question marks in what it prints, another."""
    wide = sorted({character for character in statement if is_wide(character)})
    free = (chr(code) for code in range(0xE000, 0xF900) if chr(code) not in statement)
    return dict(zip(wide, free, strict=False))


def _scratch_table(subject: _Subject) -> MySQLTable:
    """:returns: A table with all the columns, and with what is to be printed."""
    prefix = f"pysqlsync_scratch_{secrets.token_hex(8)}"
    checks = [
        CheckConstraint(LocalId(f"{prefix}_{number}"), check.expression)
        for number, check in enumerate(subject.checks())
    ]
    indexes = [
        Index(LocalId(f"{prefix}_{number}"), (IndexPart(expression=text),))
        for number, text in enumerate(subject.keys())
    ]
    columns = (
        replace(column, identity=None, description=None, visible=True)
        for column in subject.table.columns
        if isinstance(column, MySQLColumn)
    )
    return MySQLTable(
        QualifiedId(None, prefix),
        tuple(columns),
        constraints=tuple(checks),
        indexes=tuple(indexes),
        collation=subject.table.collation,
    )


def _with_expressions(subject: _Subject, definition: Definition, scratch: MySQLTable) -> Table:
    printed_checks, printed_keys = definition.checks(), definition.index_keys()
    checks = {
        old.expression: printed_checks.get(new.name.name, old.expression)
        for old, new in zip(subject.checks(), _checks(scratch.constraints), strict=True)
    }
    keys = {old: printed_keys.get(new.name.name, old) for old, new in zip(subject.keys(), scratch.indexes, strict=True)}
    return replace(
        subject.table,
        columns=tuple(_printed_column(column, definition) for column in subject.table.columns),
        constraints=tuple(
            replace(c, expression=checks.get(c.expression, c.expression)) if isinstance(c, CheckConstraint) else c
            for c in subject.table.constraints
        ),
        indexes=tuple(_with_keys(index, keys) for index in subject.table.indexes),
    )


def _printed_column(column: object, definition: Definition) -> MySQLColumn:
    assert isinstance(column, MySQLColumn), "lowering makes columns of this class"  # noqa: S101
    return definition.column(column)


def _with_keys(index: Index, keys: dict[str, str]) -> Index:
    parts = tuple(
        part if part.expression is None else replace(part, expression=keys.get(part.expression, part.expression))
        for part in index.parts
    )
    return replace(index, parts=parts)
