"""
The difference between two catalogs, as operations.

Objects are matched by qualified name, columns by name, constraints by what they mean. The order of columns, and that of
members of composite types, is not compared: no server can change it in place.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Protocol, TypeVar

from pysqlsync_engine.migration.diff_table import ColumnId, diff_table, table_pairs, unsettled_columns
from pysqlsync_engine.migration.operations import (
    AddForeignKey,
    AlterEnum,
    AlterStruct,
    CreateEnum,
    CreateNamespace,
    CreateStruct,
    CreateTable,
    DropEnum,
    DropForeignKey,
    DropStruct,
    DropTable,
    EnumUse,
    FillLookup,
    Operation,
)
from pysqlsync_engine.model.definition import named_types, types_of
from pysqlsync_engine.model.id_types import QualifiedId
from pysqlsync_engine.model.literals import quote_literal
from pysqlsync_engine.model.object_types import (
    Catalog,
    CheckConstraint,
    EnumType,
    Namespace,
    StructType,
    Table,
)


class _Named(Protocol):
    @property
    def name(self) -> QualifiedId: ...


NamedT = TypeVar("NamedT", bound=_Named)


def diff(source: Catalog, target: Catalog, *, keep: Sequence[str] = ()) -> tuple[Operation, ...]:
    """
    Tell what leads from one catalog to another.

    A namespace that the target does not mention is never touched, and no namespace is dropped.

    :param keep: Patterns of qualified names (`public.legacy_*`) of tables and types that stay although the target does
        not have them, with all that they refer to.
    :returns: Operations in no particular order (see `order`); none if the catalogs mean the same.
    """
    scope = {namespace.name for namespace in target.namespaces}
    source = Catalog(tuple(namespace for namespace in source.namespaces if namespace.name in scope))
    source = _declared(source, target, keep)
    known = {namespace.name for namespace in source.namespaces}
    enums = tuple(_diff_enums(source, target))
    return (
        *(CreateNamespace(name) for name in sorted(scope - known) if name.name),
        *enums,
        *_diff_structs(source, target),
        *_diff_tables(source, target, unsettled_columns(source, target) | _unsettled_labels(enums)),
    )


def _diff_enums(source: Catalog, target: Catalog) -> Iterator[Operation]:
    before, after = _enums(source), _enums(target)
    before_structs, after_structs = _structs(source).values(), _structs(target).values()
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        if old is None and new is not None:
            yield CreateEnum(new)
        elif old is not None and new is None:
            yield DropEnum(old)
        elif old is not None and new is not None and old != new:
            added = frozenset(new.labels) - frozenset(old.labels)
            holders = {struct.name for struct in (*before_structs, *after_structs) if name in types_of(struct)}
            yield AlterEnum(
                old,
                new,
                uses=tuple(_uses(name, source, target)),
                holders=tuple(sorted(holders)),
                added_in_use=_mentions(added, name, target),
            )


def _uses(name: QualifiedId, source: Catalog, target: Catalog) -> Iterator[EnumUse]:
    """Columns of an enumeration type, in tables that stay."""
    for old, new in table_pairs(source, target):
        columns = {column.name: column for column in new.columns}
        for column in old.columns:
            if name in named_types(column.data_type):
                counterpart = columns.get(column.name)
                stays = counterpart is not None and counterpart.data_type == column.data_type
                yield EnumUse(old.name, column, counterpart if stays else None)


def _mentions(labels: frozenset[str], name: QualifiedId, target: Catalog) -> bool:
    """:returns: True if an expression of a table that has the type contains one of the labels, as a literal."""
    literals = [quote_literal(label) for label in labels]
    return any(
        literal in expression
        for table in target.tables()
        if any(name in named_types(column.data_type) for column in table.columns)
        for expression in _expressions(table)
        for literal in literals
    )


def _expressions(table: Table) -> Iterator[str]:
    for column in table.columns:
        if column.default is not None:
            yield column.default
    for constraint in table.constraints:
        if isinstance(constraint, CheckConstraint):
            yield constraint.expression


def _diff_structs(source: Catalog, target: Catalog) -> Iterator[Operation]:
    before, after = _structs(source), _structs(target)
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        if old is None and new is not None:
            yield CreateStruct(new)
        elif old is not None and new is None:
            yield DropStruct(old)
        elif old is not None and new is not None and _members_differ(old, new):
            yield AlterStruct(old, new)


def _members_differ(source: StructType, target: StructType) -> bool:
    return source.description != target.description or frozenset(source.members) != frozenset(target.members)


def _unsettled_labels(operations: Iterable[Operation]) -> frozenset[ColumnId]:
    """:returns: Columns that have another type than those they refer to, while enumerations are created anew."""
    return frozenset(
        (use.table, use.source.name)
        for operation in operations
        if isinstance(operation, AlterEnum) and operation.replaces_labels
        for use in operation.uses
    )


def _diff_tables(source: Catalog, target: Catalog, unsettled: frozenset[ColumnId]) -> Iterator[Operation]:
    before, after = _by_name(source.tables()), _by_name(target.tables())
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        if old is None and new is not None:
            yield CreateTable(new)
            yield from (AddForeignKey(name, key) for key in new.foreign_keys)
        elif old is not None and new is None:
            yield from (DropForeignKey(name, key) for key in old.foreign_keys)
            yield DropTable(old)
        elif old is not None and new is not None:
            difference = diff_table(old, new, unsettled)
            yield from (*difference.dropped_keys, *difference.alterations, *difference.added_keys)
        if new is not None:
            yield from _missing_labels(old, new)


def _missing_labels(source: Table | None, target: Table) -> Iterator[FillLookup]:
    """Labels that a lookup table lacks; those it has besides are left, as rows of other tables may refer to them."""
    present = frozenset(source.labels or ()) if source is not None else frozenset[str]()
    missing = tuple(label for label in target.labels or () if label not in present)
    if missing:
        yield FillLookup(target, missing)


def _declared(source: Catalog, target: Catalog, keep: Sequence[str]) -> Catalog:
    """:returns: The source without what is kept although the target lacks it, and without what the kept refer to."""
    wanted = {subject.name for subject in _objects(target)}
    undeclared = {subject.name: subject for subject in _objects(source) if subject.name not in wanted}
    kept: set[QualifiedId] = set()
    pending = [name for name in undeclared if any(fnmatchcase(name.display, pattern) for pattern in keep)]
    while pending:
        name = pending.pop()
        if name in undeclared and name not in kept:
            kept.add(name)
            pending.extend(_references(undeclared[name]))
    return Catalog(tuple(_without(namespace, kept) for namespace in source.namespaces))


def _without(namespace: Namespace, names: set[QualifiedId]) -> Namespace:
    return Namespace(
        namespace.name,
        enums=tuple(enum for enum in namespace.enums if enum.name not in names),
        structs=tuple(struct for struct in namespace.structs if struct.name not in names),
        tables=tuple(table for table in namespace.tables if table.name not in names),
    )


def _references(subject: EnumType | StructType | Table) -> frozenset[QualifiedId]:
    """:returns: Names of tables and types without which the object could not be."""
    keys = subject.foreign_keys if isinstance(subject, Table) else ()
    return types_of(subject) | {key.referenced_table for key in keys}


def _objects(catalog: Catalog) -> Iterator[EnumType | StructType | Table]:
    for namespace in catalog.namespaces:
        yield from namespace.enums
        yield from namespace.structs
        yield from namespace.tables


def _enums(catalog: Catalog) -> dict[QualifiedId, EnumType]:
    return _by_name(enum for namespace in catalog.namespaces for enum in namespace.enums)


def _structs(catalog: Catalog) -> dict[QualifiedId, StructType]:
    return _by_name(struct for namespace in catalog.namespaces for struct in namespace.structs)


def _by_name(subjects: Iterable[NamedT]) -> dict[QualifiedId, NamedT]:
    return {subject.name: subject for subject in subjects}
