"""The difference between the types of two catalogs: enumerations, composite types and domains."""

from __future__ import annotations

from collections.abc import Iterator

from pysqlsync_engine.migration.catalogs import domains_of, enums_of, structs_of, tables_of
from pysqlsync_engine.migration.mentions import constraint_expressions, index_expressions
from pysqlsync_engine.migration.operations import (
    AlterDomain,
    AlterEnum,
    AlterStruct,
    CreateDomain,
    CreateEnum,
    CreateStruct,
    DropDomain,
    DropEnum,
    DropStruct,
    EnumUse,
    Operation,
)
from pysqlsync_engine.model.definition import named_types, types_of
from pysqlsync_engine.model.id_types import QualifiedId
from pysqlsync_engine.model.literals import quote_literal
from pysqlsync_engine.model.object_types import Catalog, DomainType, EnumType, StructType, Table


def diff_enums(source: Catalog, target: Catalog) -> Iterator[CreateEnum | AlterEnum | DropEnum]:
    """:returns: Operations on enumeration types."""
    before, after = enums_of(source), enums_of(target)
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        if new is None and old is not None:
            yield DropEnum(old)
        elif old is None and new is not None:
            yield CreateEnum(new)
        elif old is not None and new is not None and old != new:
            yield _alter_enum(old, new, source, target)


def _alter_enum(old: EnumType, new: EnumType, source: Catalog, target: Catalog) -> AlterEnum:
    structs = (*structs_of(source).values(), *structs_of(target).values())
    holders = {struct.name for struct in structs if new.name in types_of(struct)}
    added = frozenset(new.labels) - frozenset(old.labels)
    return AlterEnum(
        old,
        new,
        uses=tuple(_uses(new.name, source, target)),
        holders=tuple(sorted(holders)),
        added_in_use=_mentions(added, new.name, target),
    )


def _uses(name: QualifiedId, source: Catalog, target: Catalog) -> Iterator[EnumUse]:
    """Columns of an enumeration type, in tables that stay."""
    before = tables_of(source)
    for new in target.tables():
        old = before.get(new.name)
        columns = {column.name: column for column in new.columns}
        for column in old.columns if old is not None else ():
            if name in named_types(column.data_type):
                counterpart = columns.get(column.name)
                stays = counterpart is not None and counterpart.data_type == column.data_type
                yield EnumUse(new.name, column, counterpart if stays else None)


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
        if column.generated is not None:
            yield column.generated.expression
    for constraint in table.constraints:
        yield from constraint_expressions(constraint)
    for index in table.indexes:
        yield from index_expressions(index)


def diff_structs(source: Catalog, target: Catalog) -> Iterator[Operation]:
    """:returns: Operations on composite types."""
    before, after = structs_of(source), structs_of(target)
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        if new is None and old is not None:
            yield DropStruct(old)
        elif old is None and new is not None:
            yield CreateStruct(new)
        elif old is not None and new is not None and _members_differ(old, new):
            yield AlterStruct(old, new)


def _members_differ(source: StructType, target: StructType) -> bool:
    return source.description != target.description or frozenset(source.members) != frozenset(target.members)


def diff_domains(source: Catalog, target: Catalog) -> Iterator[Operation]:
    """:returns: Operations on domains; one whose values have another type is dropped and created anew."""
    before, after = domains_of(source), domains_of(target)
    anew = replaced_domains(source, target)
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        if old is not None and (new is None or name in anew):
            yield DropDomain(old)
        if new is not None and (old is None or name in anew):
            yield CreateDomain(new)
        elif old is not None and new is not None and old != new:
            yield AlterDomain(old, new)


def replaced_domains(source: Catalog, target: Catalog) -> dict[QualifiedId, DomainType]:
    """:returns: Domains whose values get another type, as they are."""
    before, after = domains_of(source), domains_of(target)
    return {
        name: old
        for name, old in before.items()
        if name in after and (old.data_type, old.collation) != (after[name].data_type, after[name].collation)
    }
