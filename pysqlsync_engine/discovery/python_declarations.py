"""What a class declares of its table as a whole: the constraints and indexes of a catalog in the terms of Python."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pysqlsync_engine.discovery.python_text import Code
from pysqlsync_engine.errors import DiscoveryError
from pysqlsync_engine.model.declarations import (
    Check,
    ConstraintDeclaration,
    Exclusion,
    IndexKey,
    IndexOf,
    KeyOf,
    References,
    TableName,
    UniqueOf,
)
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.object_types import (
    CheckConstraint,
    Constraint,
    ExclusionConstraint,
    ForeignKeyConstraint,
    Index,
    IndexPart,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
)

_MAX_PLAIN_KEY_NAME = 63
"""Bytes of a name that no server shortens."""


@dataclass(frozen=True, slots=True)
class Described:
    """
    What other classes have to know of the class of a table.

    :param fields: Name of the field of each column.
    """

    module: str
    class_name: str
    table: Table
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Declaring:
    """
    Says what the class of one table declares.

    :param own: The class.
    :param others: All classes of tables.
    :param defined: Classes of the module that are defined before this one.
    """

    own: Described
    others: Mapping[QualifiedId, Described]
    defined: frozenset[str]

    def key(self) -> KeyOf | None:
        """:returns: What `PrimaryKey[...]` leaves unsaid of the primary key; `None` if that is nothing."""
        table, key = self.own.table, self.own.table.primary_key
        if key is None:
            return None
        in_order = tuple(column.name for column in table.columns if column.name in key.columns)
        name = None if is_usual_key_name(table, key) else key.name.name
        if name is None and in_order == key.columns and not key.include and not key.deferrable and not key.lengths:
            return None
        return KeyOf(
            self.fields(key.columns),
            name,
            include=self.fields(key.include),
            deferrable=key.deferrable,
            lengths=key.lengths,
        )

    def constraints(self) -> Iterator[ConstraintDeclaration]:
        """:returns: All but the primary key."""
        for constraint in self.own.table.constraints:
            yield self._constraint(constraint)

    def indexes(self) -> Iterator[IndexOf]:
        """:returns: The indexes."""
        for index in self.own.table.indexes:
            yield self._index(index)

    def fields(self, columns: tuple[LocalId, ...]) -> tuple[str, ...]:
        """:returns: The fields of the columns."""
        return tuple(self.own.fields[column.name] for column in columns)

    def _constraint(self, constraint: Constraint) -> ConstraintDeclaration:
        name = constraint.name.name
        match constraint:
            case UniqueConstraint():
                return UniqueOf(
                    self.fields(constraint.columns),
                    name,
                    include=self.fields(constraint.include),
                    nulls_not_distinct=constraint.nulls_not_distinct,
                    deferrable=constraint.deferrable,
                )
            case ForeignKeyConstraint():
                return self._reference(constraint)
            case CheckConstraint():
                return declare_check(constraint)
            case ExclusionConstraint():
                return Exclusion(constraint.definition, name, deferrable=constraint.deferrable)
            case _:
                raise DiscoveryError(
                    f"{self.own.table.name.display}: constraint {name} of type {type(constraint).__name__} has no declaration;"
                    " please report this"
                )

    def _reference(self, key: ForeignKeyConstraint) -> References:
        other = self.others.get(key.referenced_table)
        if other is None:
            target: str | TableName = TableName(key.referenced_table.name, key.referenced_table.namespace)
            keys = tuple(column.name for column in key.referenced_columns)
        else:
            target = self._class_of(other)
            primary = other.table.primary_key
            is_primary = primary is not None and primary.columns == key.referenced_columns
            keys = () if is_primary else tuple(other.fields[column.name] for column in key.referenced_columns)
        return References(
            self.fields(key.columns),
            target,
            keys,
            name=key.name.name,
            on_delete=key.on_delete,
            on_update=key.on_update,
            deferrable=key.deferrable,
            match_full=key.match_full,
            validated=key.validated,
            enforced=key.enforced,
        )

    def _class_of(self, other: Described) -> str:
        """:returns: The class where it is defined already; else its name, which is looked up later."""
        if other.module != self.own.module:
            return f"{other.module}.{other.class_name}"
        return Code(other.class_name) if other.class_name in self.defined else other.class_name

    def _index(self, index: Index) -> IndexOf:
        return IndexOf(
            tuple(self._index_key(part) for part in index.parts),
            index.name.name,
            unique=index.unique,
            method=index.method,
            include=self.fields(index.include),
            where=index.predicate,
            nulls_not_distinct=index.nulls_not_distinct,
            options=index.options,
            description=index.description,
            visible=index.visible,
        )

    def _index_key(self, part: IndexPart) -> str | IndexKey:
        field = None if part.column is None else self.own.fields[part.column.name]
        if field is not None and part == IndexPart(part.column):
            return field
        return IndexKey(
            field,
            expression=part.expression,
            descending=part.descending,
            nulls_first=part.nulls_first,
            length=part.length,
            operator_class=part.operator_class,
            collation=part.collation,
        )


def declare_check(check: CheckConstraint) -> Check:
    """:returns: The check of a table, or of a domain."""
    return Check(
        check.expression,
        check.name.name,
        validated=check.validated,
        inherited=check.inherited,
        enforced=check.enforced,
    )


def is_usual_key_name(table: Table, key: PrimaryKeyConstraint) -> bool:
    """
    :returns: True if the key is called so without saying it: as formation names it, or as all primary keys are called where
        there are no namespaces.
    """
    if table.name.namespace is None:
        return key.name.name == "PRIMARY"
    usual = f"pk_{table.name.name}"
    return key.name.name == usual and len(usual.encode()) <= _MAX_PLAIN_KEY_NAME
