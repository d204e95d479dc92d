"""Enumerations, composite types and domains as SQL of PostgreSQL."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import replace

from pysqlsync_engine.dialect.postgresql.spelling import PostgreSQLSpelling
from pysqlsync_engine.errors import UnsupportedError
from pysqlsync_engine.migration.conversion import convert
from pysqlsync_engine.migration.operations import AlterColumn, AlterEnum, EnumUse
from pysqlsync_engine.model.data_types import SqlArray, SqlJson
from pysqlsync_engine.model.id_types import QualifiedId
from pysqlsync_engine.model.object_types import CheckConstraint, Column, DomainType, EnumType, StructMember, StructType

_ENVELOPE_MEMBER = "value"


class PostgreSQLTypeWriter(PostgreSQLSpelling):
    """Writes operations on types for PostgreSQL."""

    def create_enum(self, enum: EnumType) -> str:
        """:returns: A statement that creates the enumeration."""
        return f"CREATE TYPE {self.qualified(enum.name)} AS ENUM ({self.labels(enum.labels)})"

    def drop_enum(self, enum: EnumType) -> str:
        """:returns: A statement that drops the enumeration."""
        return f"DROP TYPE {self.qualified(enum.name)}"

    def change_labels(self, operation: AlterEnum) -> Iterator[str]:
        """
        :returns: Statements that change the labels of an enumeration.

        Labels are added in place, unless the same transaction uses them, which the server refuses; see
        https://www.postgresql.org/docs/current/sql-altertype.html. They cannot be removed or moved in place: the type is
        created anew then, and its columns are converted by way of text.

        :raises UnsupportedError: if the type must be created anew, but members of composite types have it.
        """
        for former, label in operation.renamed_labels:
            name = self.qualified(operation.target.name)
            yield f"ALTER TYPE {name} RENAME VALUE {self.literal(former)} TO {self.literal(label)}"
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
        present = list(operation.renamed_source.labels)
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
            actions = [a for use in operation.uses if use.table == table for a in self._convert_labels(use, operation)]
            yield f"ALTER TABLE {self.qualified(table)} {', '.join(actions)}"
        yield f"DROP TYPE {self.qualified(former)}"
        # the comment was that of the former type
        if operation.target.description == operation.source.description:
            yield from self.comment_enum(operation.target)

    def _convert_labels(self, use: EnumUse, operation: AlterEnum) -> Iterator[str]:
        """Clauses that give a column the new type of the same name; plain text, if it is to have yet another or to go."""
        column = self.quote(use.source.name)
        is_list = isinstance(use.source.data_type, SqlArray)
        text = "text[]" if is_list else "text"
        data_type = text if use.target is None else self.data_type(use.target.data_type)
        if use.source.default is not None:
            yield f"ALTER COLUMN {column} DROP DEFAULT"
        labels = self._replaced_labels(f"{column}::{text}", operation.replaced_labels, is_list=is_list)
        yield f"ALTER COLUMN {column} SET DATA TYPE {data_type} USING {labels}::{data_type}"
        if use.target is not None and use.target.default is not None:
            yield f"ALTER COLUMN {column} SET DEFAULT {self.expression(use.target.default)}"

    def _replaced_labels(self, text: str, labels: Iterable[tuple[str, str]], *, is_list: bool) -> str:
        """:returns: An expression for text (or a list of texts) with labels replaced by those that take their place."""
        if is_list:
            for former, label in labels:
                text = f"array_replace({text}, {self.literal(former)}, {self.literal(label)})"
            return text
        cases = "".join(f" WHEN {self.literal(former)} THEN {self.literal(label)}" for former, label in labels)
        return f"(CASE {text}{cases} ELSE {text} END)" if cases else text

    def retype_member(self, struct: StructType, member: StructMember) -> Iterator[str]:
        """:returns: A statement that the server refuses if a column has the composite type."""
        yield (
            f"ALTER TYPE {self.qualified(struct.name)} ALTER ATTRIBUTE {self.quote(member.name)}"
            f" SET DATA TYPE {self.data_type(member.data_type)}"
        )

    def create_domain(self, domain: DomainType) -> str:
        """:returns: A statement that creates the domain, with those conditions that hold for all values that are there."""
        return super().create_domain(replace(domain, constraints=tuple(c for c in domain.constraints if c.validated)))

    def comment_domain(self, domain: DomainType, source: DomainType | None = None) -> Iterator[str]:
        """
        :returns: Statements that set the comment of a domain, where it differs; for a new one also those that add conditions
            that values need not meet yet, which a domain cannot be created with.
        """
        name = self.qualified(domain.name)
        if source is None:
            for check in domain.constraints:
                if not check.validated:
                    yield f"ALTER DOMAIN {name} ADD {self.constraint(check)}"
        if domain.description != (None if source is None else source.description):
            yield self.comment(f"DOMAIN {name}", domain.description)

    def domain_actions(self, source: DomainType, target: DomainType) -> Iterator[str]:
        """:returns: Clauses of `ALTER DOMAIN`; a condition that values are to meet from now on is checked in place."""
        before = {check.name: check for check in source.constraints}
        validated = [check for check in target.constraints if _is_validated(before.get(check.name), check)]
        proven = tuple(before[check.name] if check in validated else check for check in target.constraints)
        yield from super().domain_actions(source, replace(target, constraints=proven))
        yield from (f"VALIDATE CONSTRAINT {self.quote(check.name)}" for check in validated)

    def retype(self, source: Column, target: Column) -> str:
        """
        :returns: The clause of `ALTER COLUMN` that changes the type.

        A cast is written only where the server needs one: with a cast, text that is too long would be cut silently.
        """
        clause = super().retype(source, target)
        if target.collation is not None:
            clause += f" COLLATE {target.collation}"
        conversion = convert(source.data_type, target.data_type)
        if not conversion.explicit:
            return clause
        text = "text[]" if isinstance(source.data_type, SqlArray) and isinstance(target.data_type, SqlArray) else "text"
        if conversion.document:
            return f"{clause} USING {self._document_value(target)}"
        printed = f"::{text}" if conversion.through_text else ""
        return f"{clause} USING {self.quote(target.name)}{printed}::{self.data_type(target.data_type)}"

    def _document_value(self, target: Column) -> str:
        """An expression for a value as JSON, or for what a JSON document holds."""
        name = self.quote(target.name)
        if isinstance(target.data_type, SqlJson):
            return f"pg_catalog.to_jsonb({name})::{self.data_type(target.data_type)}"
        # only a composite type can be filled from JSON as a whole
        envelope = f"pg_catalog.jsonb_build_object({self.literal(_ENVELOPE_MEMBER)}, {name}::jsonb)"
        record = f"pg_catalog.jsonb_populate_record(NULL::{self._envelope(target)}, {envelope})"
        return f"({record}).{self.quote(_ENVELOPE_MEMBER)}"

    def _envelope(self, column: Column) -> str:
        """Name of a composite type, of this session only, with a value of the column as its member."""
        digest = hashlib.sha256(column.name.name.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        return f"pg_temp.{self.quote(f'envelope_{digest}')}"

    def create_envelopes(self, changes: Iterable[AlterColumn]) -> Iterator[str]:
        """:returns: Statements that create what columns need to be read from JSON documents, for the time being."""
        for change in changes:
            if _is_read_from_document(change):
                member = f"{self.quote(_ENVELOPE_MEMBER)} {self.data_type(change.target.data_type)}"
                yield f"CREATE TYPE {self._envelope(change.target)} AS ({member})"

    def drop_envelopes(self, changes: Iterable[AlterColumn]) -> Iterator[str]:
        """:returns: Statements that drop it again."""
        yield from (f"DROP TYPE {self._envelope(each.target)}" for each in changes if _is_read_from_document(each))

    def rename_type(self, source: EnumType | StructType | DomainType, target: QualifiedId) -> Iterator[str]:
        """:returns: Statements that give a type another name."""
        kind = "DOMAIN" if isinstance(source, DomainType) else "TYPE"
        yield f"ALTER {kind} {self.qualified(source.name)} RENAME TO {self.quote(target.name)}"

    def comment_enum(self, enum: EnumType, *, always: bool = False) -> Iterator[str]:
        """
        :param always: True to remove the comment where there is to be none.
        :returns: Statements that set the comment of an enumeration.
        """
        if always or enum.description is not None:
            yield self.comment(f"TYPE {self.qualified(enum.name)}", enum.description)

    def comment_struct(self, struct: StructType, source: StructType | None = None) -> Iterator[str]:
        """:returns: Statements that set comments of a composite type and its members, where they differ."""
        if struct.description != (None if source is None else source.description):
            yield self.comment(f"TYPE {self.qualified(struct.name)}", struct.description)
        before = {} if source is None else {member.name: member.description for member in source.members}
        for member in struct.members:
            if member.description != before.get(member.name):
                place = f"{self.qualified(struct.name)}.{self.quote(member.name)}"
                yield self.comment(f"COLUMN {place}", member.description)

    def comment(self, place: str, description: str | None) -> str:
        """
        :param place: Kind and name of an object, quoted.
        :returns: A statement that sets the comment of the object; without a description, one that removes it.
        """
        return f"COMMENT ON {place} IS {self.literal(description)}"


def _is_validated(source: CheckConstraint | None, target: CheckConstraint) -> bool:
    """:returns: True if nothing else differs than that all values meet the condition."""
    return source is not None and not source.validated and source == replace(target, validated=False)


def _is_read_from_document(change: AlterColumn) -> bool:
    source, target = change.source.data_type, change.target.data_type
    return not isinstance(target, SqlJson) and convert(source, target).document
