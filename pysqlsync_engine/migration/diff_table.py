"""The difference between two versions of a table, and between the foreign keys of two catalogs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from pysqlsync_engine.migration.matching import match_constraints, renames
from pysqlsync_engine.migration.operations import (
    AddColumn,
    AddConstraint,
    AddForeignKey,
    AlterColumn,
    AlterTable,
    DropColumn,
    DropConstraint,
    DropForeignKey,
    SetDescription,
    TableChange,
)
from pysqlsync_engine.model.data_types import SqlNamed, SqlOpaque, SqlType
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.object_types import (
    Catalog,
    Constraint,
    ForeignKeyConstraint,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
)

ColumnId: TypeAlias = tuple[QualifiedId, LocalId]
"""A table and the name of one of its columns."""


@dataclass(frozen=True, slots=True)
class TableDifference:
    """What leads from one version of a table to another."""

    alterations: tuple[AlterTable, ...]
    dropped_keys: tuple[DropForeignKey, ...]
    added_keys: tuple[AddForeignKey, ...]


def table_pairs(source: Catalog, target: Catalog) -> Iterator[tuple[Table, Table]]:
    """:returns: Tables that both catalogs have."""
    before = {table.name: table for table in source.tables()}
    for table in target.tables():
        if table.name in before:
            yield before[table.name], table


def unsettled_columns(source: Catalog, target: Catalog) -> frozenset[ColumnId]:
    """
    Tell which columns a foreign key cannot use while tables are altered.

    :returns: Columns of keys that are dropped, and columns whose old and new types cannot be compared; with their table.
    """
    return frozenset((new.name, column) for old, new in table_pairs(source, target) for column in _unsettled(old, new))


def _unsettled(source: Table, target: Table) -> Iterator[LocalId]:
    for constraint in match_constraints(_constraints(source), _constraints(target)).dropped:
        if isinstance(constraint, PrimaryKeyConstraint | UniqueConstraint):
            yield from constraint.columns
    after = {column.name: column for column in target.columns}
    for column in source.columns:
        counterpart = after.get(column.name)
        if counterpart is not None and not _comparable(column.data_type, counterpart.data_type):
            yield column.name


def _comparable(source: SqlType, target: SqlType) -> bool:
    """:returns: True if a foreign key holds between the types: they are equal, or of one kind with other limits."""
    return source == target or (type(source) is type(target) and not isinstance(source, SqlNamed | SqlOpaque))


def diff_table(source: Table, target: Table, unsettled: frozenset[ColumnId]) -> TableDifference:
    """
    Compare two versions of a table.

    Foreign keys that differ in name only are renamed. One is dropped and added again only if it uses unsettled columns,
    see `unsettled_columns`.
    """
    matching = match_constraints(_constraints(source), _constraints(target))
    replaced = [pair for pair in matching.same if _uses(target.name, pair[0], unsettled)]
    kept = [pair for pair in matching.same if pair not in replaced]
    changes = (
        *(DropConstraint(c) for c in matching.dropped if not isinstance(c, ForeignKeyConstraint)),
        *renames(kept),
        *_column_changes(source, target),
        *(AddConstraint(c) for c in matching.added if not isinstance(c, ForeignKeyConstraint)),
        *(() if source.description == target.description else (SetDescription(target.description),)),
    )
    dropped = (*matching.dropped, *(before for before, _ in replaced))
    added = (*matching.added, *(after for _, after in replaced))
    return TableDifference(
        alterations=(AlterTable(source, target, changes),) if changes else (),
        dropped_keys=tuple(DropForeignKey(target.name, c) for c in dropped if isinstance(c, ForeignKeyConstraint)),
        added_keys=tuple(AddForeignKey(target.name, c) for c in added if isinstance(c, ForeignKeyConstraint)),
    )


def _column_changes(source: Table, target: Table) -> Iterator[TableChange]:
    before = {column.name: column for column in source.columns}
    after = {column.name: column for column in target.columns}
    yield from (DropColumn(column) for column in source.columns if column.name not in after)
    for column in target.columns:
        counterpart = before.get(column.name)
        if counterpart is None:
            yield AddColumn(column)
        elif counterpart != column:
            yield AlterColumn(counterpart, column)


def _constraints(table: Table) -> tuple[Constraint, ...]:
    return table.constraints if table.primary_key is None else (table.primary_key, *table.constraints)


def _uses(table: QualifiedId, constraint: Constraint, unsettled: frozenset[ColumnId]) -> bool:
    if not isinstance(constraint, ForeignKeyConstraint):
        return False
    referring = ((table, column) for column in constraint.columns)
    referenced = ((constraint.referenced_table, column) for column in constraint.referenced_columns)
    return not unsettled.isdisjoint((*referring, *referenced))
