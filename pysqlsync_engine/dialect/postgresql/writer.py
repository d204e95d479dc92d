"""Operations as SQL of PostgreSQL."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import TypeGuard

from pysqlsync_engine.dialect.ansi import LOOKUP_VALUE, AnsiWriter
from pysqlsync_engine.errors import DefinitionError, UnsupportedError
from pysqlsync_engine.migration.conversion import convert
from pysqlsync_engine.migration.operations import (
    AddColumn,
    AlterColumn,
    AlterEnum,
    AlterTable,
    EnumUse,
    Operation,
    RenameConstraint,
    SetDescription,
    TableChange,
)
from pysqlsync_engine.model.data_types import (
    SqlArray,
    SqlBinary,
    SqlCharacter,
    SqlDate,
    SqlInterval,
    SqlJson,
    SqlTime,
    SqlTimestamp,
    SqlType,
)
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.literals import quote_literal
from pysqlsync_engine.model.object_types import Column, EnumType, StructMember, StructType, Table
from pysqlsync_engine.options import Hazard

_TOKEN = re.compile(
    r"""
    (?P<other> "(?:[^"]|"")*" | [A-Za-z_][\w$]* (?:&?'(?:[^'\\]|''|\\.)*')? )
    | '(?P<text> (?:[^']|'')*)'
    """,
    re.VERBOSE | re.DOTALL,
)
"""A quoted name, a word (with the string it is the prefix of), or a plain string."""


class PostgreSQLWriter(AnsiWriter):
    """
    Writes operations for PostgreSQL 13 and later.

    All changes of a table are one statement as far as possible, so that it is locked once, and rewritten at most once.
    """

    def quote(self, name: LocalId | str) -> str:
        """
        :returns: The name as a delimited identifier.
        :raises DefinitionError: if the name is longer than the server permits, which would cut it without a word.
        """
        text = name.name if isinstance(name, LocalId) else name
        limit = self.capabilities.max_identifier_bytes
        if len(text.encode("utf-8", "surrogatepass")) > limit:
            raise DefinitionError(f"name {text!r}: longer than {limit} bytes; shorten it")
        return super().quote(name)

    def literal(self, value: str | bool | int | float | Decimal | None) -> str:  # noqa: FBT001 - the value is the subject
        """:returns: The value as a literal that means the same whether or not `standard_conforming_strings` is on."""
        if isinstance(value, str) and "\\" in value:
            return "E" + quote_literal(value).replace("\\", "\\\\")
        return super().literal(value)

    def expression(self, text: str) -> str:
        """
        :returns: The expression with its strings as `literal` writes them.

        The server prints strings in the standard form, in which a backslash is nothing special.
        """
        return _TOKEN.sub(self._literal_token, text)

    def _literal_token(self, token: re.Match[str]) -> str:
        text = token["text"]
        return token[0] if text is None else self.literal(text.replace("''", "'"))

    def string_type(self, data_type: SqlCharacter | SqlBinary) -> str:
        """:returns: The type of text or of a byte string; byte strings have no limits."""
        if isinstance(data_type, SqlBinary):
            return "bytea"
        return "text" if data_type.limit is None else super().string_type(data_type)

    def temporal_type(self, data_type: SqlTimestamp | SqlDate | SqlTime | SqlInterval) -> str:
        """:returns: The type of a date, a time or a length of time."""
        if isinstance(data_type, SqlInterval):
            return "interval" if data_type.precision is None else f"interval({data_type.precision})"
        return super().temporal_type(data_type)

    def array_type(self, data_type: SqlArray) -> str:
        """:returns: The type of a list; lists of lists have the same."""
        return f"{self.data_type(data_type.element)}[]"

    def other_type(self, data_type: SqlType) -> str:
        """:returns: The type as the server spells it."""
        if isinstance(data_type, SqlJson):
            return "jsonb" if data_type.binary else "json"
        return super().other_type(data_type)

    def create_namespace(self, name: LocalId) -> str:
        """:returns: A statement that creates the namespace, if another session has not done so (`public` is always there)."""
        return f"CREATE SCHEMA IF NOT EXISTS {self.quote(name)}"

    def create_enum(self, enum: EnumType) -> str:
        """:returns: A statement that creates the enumeration."""
        return f"CREATE TYPE {self.qualified(enum.name)} AS ENUM ({self.labels(enum.labels)})"

    def drop_enum(self, enum: EnumType) -> str:
        """:returns: A statement that drops the enumeration."""
        return f"DROP TYPE {self.qualified(enum.name)}"

    def hazards(self, operation: Operation) -> frozenset[Hazard]:
        """:returns: What the statements of the operation may do besides."""
        hazards = super().hazards(operation)
        if isinstance(operation, AlterEnum) and operation.uses and operation.replaces_labels:
            return hazards | {Hazard.REWRITES_TABLE}
        return hazards

    def change_labels(self, operation: AlterEnum) -> Iterator[str]:
        """
        :returns: Statements that change the labels of an enumeration.

        Labels are added in place, unless the same transaction uses them, which the server refuses; see
        https://www.postgresql.org/docs/current/sql-altertype.html. They cannot be removed or moved in place: the type is
        created anew then, and its columns are converted by way of text.

        :raises UnsupportedError: if the type must be created anew, but members of composite types have it.
        """
        if not operation.replaces_labels:
            yield from self._add_labels(operation)
            return
        if operation.holders:
            listed = ", ".join(name.display for name in operation.holders)
            removed = ", ".join(repr(x) for x in operation.source.labels if x not in operation.target.labels)
            change = f"label {removed} cannot be removed" if removed else "order of labels cannot be changed"
            raise UnsupportedError(
                f"enum {operation.target.name.display}: {change} while type {listed} has a member of it;"
                " remove that member first, in a synchronization of its own"
            )
        yield from self._replace_enum(operation)

    def _add_labels(self, operation: AlterEnum) -> Iterator[str]:
        present = list(operation.source.labels)
        previous: str | None = None
        for label in operation.target.labels:
            if label not in present:
                place = f"BEFORE {self.literal(present[0])}" if previous is None else f"AFTER {self.literal(previous)}"
                yield f"ALTER TYPE {self.qualified(operation.target.name)} ADD VALUE {self.literal(label)} {place}"
            previous = label

    def _replace_enum(self, operation: AlterEnum) -> Iterator[str]:
        name = operation.target.name
        digest = hashlib.sha256(name.name.encode()).hexdigest()[:16]
        former = QualifiedId(name.namespace, f"replaced_{digest}")
        yield f"ALTER TYPE {self.qualified(name)} RENAME TO {self.quote(former.name)}"
        yield self.create_enum(operation.target)
        for table in dict.fromkeys(use.table for use in operation.uses):
            actions = [a for use in operation.uses if use.table == table for a in self._convert_labels(use)]
            yield f"ALTER TABLE {self.qualified(table)} {', '.join(actions)}"
        yield f"DROP TYPE {self.qualified(former)}"
        # the comment was that of the former type
        if operation.target.description == operation.source.description:
            yield from self.comment_enum(operation.target)

    def _convert_labels(self, use: EnumUse) -> Iterator[str]:
        """Clauses that give a column the new type of the same name; plain text, if it is to have yet another or to go."""
        column = self.quote(use.source.name)
        is_list = isinstance(use.source.data_type, SqlArray)
        text = "text[]" if is_list else "text"
        data_type = text if use.target is None else self.data_type(use.target.data_type)
        if use.source.default is not None:
            yield f"ALTER COLUMN {column} DROP DEFAULT"
        yield f"ALTER COLUMN {column} SET DATA TYPE {data_type} USING {column}::{text}::{data_type}"
        if use.target is not None and use.target.default is not None:
            yield f"ALTER COLUMN {column} SET DEFAULT {self.expression(use.target.default)}"

    def retype_member(self, struct: StructType, member: StructMember) -> Iterator[str]:
        """:returns: A statement that the server refuses if a column has the composite type."""
        yield (
            f"ALTER TYPE {self.qualified(struct.name)} ALTER ATTRIBUTE {self.quote(member.name)}"
            f" SET DATA TYPE {self.data_type(member.data_type)}"
        )

    def alter_table(self, operation: AlterTable) -> Iterator[str]:
        """:returns: Statements that alter a table: one for all that can be combined, one per rename, one per comment."""
        table = operation.target
        yield from self._combined(table.name, (a for c in _early_changes(operation) for a in self.actions(c)))
        pending: list[str] = []
        for change in _later_changes(operation):
            actions = list(self.actions(change))
            if isinstance(change, RenameConstraint):
                yield from self._combined(table.name, pending)
                yield from self._combined(table.name, actions)
                pending = []
            else:
                pending += actions
        yield from self._combined(table.name, pending)
        for change in operation.changes:
            if (
                isinstance(change, AlterColumn)
                and change.source.identity is None
                and change.target.identity is not None
            ):
                yield self._advance_sequence(table.name, change.target.name)
            yield from self.comment_change(table, change)

    def _combined(self, table: QualifiedId, actions: Iterable[str]) -> Iterator[str]:
        listed = ",\n    ".join(actions)
        if listed:
            yield f"ALTER TABLE {self.qualified(table)}\n    {listed}"

    def _advance_sequence(self, table: QualifiedId, column: LocalId) -> str:
        """A statement that makes the next generated value follow the largest one that is there."""
        sequence = (
            f"pg_catalog.pg_get_serial_sequence({self.literal(self.qualified(table))}, {self.literal(column.name)})"
        )
        following = f"GREATEST(COALESCE(MAX({self.quote(column)}), 0), 0) + 1"
        return f"SELECT pg_catalog.setval({sequence}, {following}, false) FROM {self.qualified(table)}"

    def retype(self, source: Column, target: Column) -> str:
        """
        :returns: The clause of `ALTER COLUMN` that changes the type.

        A cast is written only where the server needs one: with a cast, text that is too long would be cut silently.
        """
        clause = super().retype(source, target)
        conversion = convert(source.data_type, target.data_type)
        if not conversion.explicit:
            return clause
        text = "text[]" if isinstance(source.data_type, SqlArray) and isinstance(target.data_type, SqlArray) else "text"
        printed = f"::{text}" if conversion.through_text else ""
        return f"{clause} USING {self.quote(target.name)}{printed}::{self.data_type(target.data_type)}"

    def insert_labels(self, table: Table, labels: tuple[str, ...]) -> str:
        """:returns: A statement that adds those labels that another session has not added meanwhile."""
        statement = super().insert_labels(table, labels)
        return f"{statement} ON CONFLICT ({self.quote(LOOKUP_VALUE)}) DO NOTHING"

    def comment_enum(self, enum: EnumType, *, always: bool = False) -> Iterator[str]:
        """
        :param always: True to remove the comment where there is to be none.
        :returns: Statements that set the comment of an enumeration.
        """
        if always or enum.description is not None:
            yield self._comment(f"TYPE {self.qualified(enum.name)}", enum.description)

    def comment_struct(self, struct: StructType, source: StructType | None = None) -> Iterator[str]:
        """:returns: Statements that set comments of a composite type and its members, where they differ."""
        if struct.description != (None if source is None else source.description):
            yield self._comment(f"TYPE {self.qualified(struct.name)}", struct.description)
        before = {} if source is None else {member.name: member.description for member in source.members}
        for member in struct.members:
            if member.description != before.get(member.name):
                place = f"{self.qualified(struct.name)}.{self.quote(member.name)}"
                yield self._comment(f"COLUMN {place}", member.description)

    def comment_table(self, table: Table) -> Iterator[str]:
        """:returns: Statements that set comments of a new table and its columns."""
        if table.description is not None:
            yield self._comment(f"TABLE {self.qualified(table.name)}", table.description)
        for column in table.columns:
            if column.description is not None:
                yield self._comment_column(table, column)

    def comment_change(self, table: Table, change: TableChange) -> Iterator[str]:
        """:returns: Statements that set the comment that a change of a table comes with."""
        match change:
            case AddColumn(column=column) if column.description is not None:
                yield self._comment_column(table, column)
            case AlterColumn(source=source, target=target) if source.description != target.description:
                yield self._comment_column(table, target)
            case SetDescription(description=description):
                yield self._comment(f"TABLE {self.qualified(table.name)}", description)
            case _:
                return

    def _comment_column(self, table: Table, column: Column) -> str:
        return self._comment(f"COLUMN {self.qualified(table.name)}.{self.quote(column.name)}", column.description)

    def _comment(self, place: str, description: str | None) -> str:
        return f"COMMENT ON {place} IS {self.literal(description)}"


def _early_changes(operation: AlterTable) -> Iterator[TableChange]:
    """Identities to drop: as long as a column has one, the server lets it only have a type that suits a sequence."""
    for change in operation.changes:
        if _loses_identity_and_type(change):
            yield AlterColumn(change.source, replace(change.source, identity=None))


def _later_changes(operation: AlterTable) -> Iterator[TableChange]:
    """All other changes."""
    for change in operation.changes:
        if _loses_identity_and_type(change):
            yield AlterColumn(replace(change.source, identity=None), change.target)
        else:
            yield change


def _loses_identity_and_type(change: TableChange) -> TypeGuard[AlterColumn]:
    return (
        isinstance(change, AlterColumn)
        and change.source.identity is not None
        and change.target.identity is None
        and change.source.data_type != change.target.data_type
    )
