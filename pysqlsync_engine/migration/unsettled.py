"""What cannot be used while tables are altered: columns, keys, names and types that change under those who use them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from pysqlsync_engine.capabilities import Capabilities
from pysqlsync_engine.migration.matching import match
from pysqlsync_engine.migration.mentions import key_columns, with_dependents
from pysqlsync_engine.migration.operations import AlterEnum
from pysqlsync_engine.model.data_types import SqlNamed, SqlOpaque
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.object_types import (
    CheckConstraint,
    Column,
    Constraint,
    DomainType,
    ExclusionConstraint,
    Index,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
)

ColumnId: TypeAlias = tuple[QualifiedId, LocalId]
"""A table and the name of one of its columns (or constraints)."""


@dataclass(frozen=True, slots=True)
class Unsettled:
    """
    What is in the way of changes, all by new names.

    :param columns: Columns that no foreign key can use while they change.
    :param keys: Columns of keys that are dropped: no foreign key can refer to all of these.
    :param names: Keys that have the names of other keys, or of indexes, that are to come.
    :param lent: Keys that get another name, but have so far the names of other keys, or of indexes, that are to come.
    :param reference_names: Foreign keys whose new names are those of others so far.
    :param check_names: Checks that have the names of those that other tables get.
    :param labels: Columns of enumeration types that are created anew: no expression can mention them meanwhile.
    :param domains: Types that are created anew with other values, as they are.
    """

    columns: frozenset[ColumnId] = frozenset()
    keys: frozenset[tuple[QualifiedId, frozenset[LocalId]]] = frozenset()
    names: frozenset[ColumnId] = frozenset()
    lent: frozenset[ColumnId] = frozenset()
    reference_names: frozenset[ColumnId] = frozenset()
    check_names: frozenset[ColumnId] = frozenset()
    labels: frozenset[ColumnId] = frozenset()
    domains: Mapping[QualifiedId, DomainType] = field(default_factory=dict[QualifiedId, DomainType])


def find_unsettled(
    pairs: Iterable[tuple[Table, Table]],
    target_tables: Iterable[Table],
    enums: Iterable[AlterEnum],
    domains: Mapping[QualifiedId, DomainType],
    capabilities: Capabilities | None,
) -> Unsettled:
    """
    Tell what foreign keys, indexes and constraints cannot use while tables are altered.

    :param pairs: Tables that both catalogs have, by their new names.
    :param enums: Enumerations that change.
    :param domains: Types that are created anew.
    """
    pairs, target_tables = tuple(pairs), tuple(target_tables)
    labels = frozenset((use.table, use.source.name) for enum in enums if enum.replaces_labels for use in enum.uses)
    columns = {
        (new.name, column) for old, new in pairs for column in _unsettled_columns(old, new, labels, capabilities)
    }
    in_the_way = tuple(_names_in_the_way(pairs, target_tables, capabilities))
    keys = {(new.name, columns) for old, new in pairs for columns in key_columns(_dropped_parts(old, new))}
    return Unsettled(
        columns=frozenset(columns) | labels,
        keys=frozenset(keys),
        names=frozenset(key for key, stays in in_the_way if not stays),
        lent=frozenset(key for key, stays in in_the_way if stays),
        reference_names=frozenset(_references_in_the_way(pairs, capabilities)),
        check_names=frozenset(_checks_in_the_way(pairs, target_tables, capabilities)),
        labels=labels,
        domains=domains,
    )


def replaced_columns(source: Table, target: Table, labels: frozenset[ColumnId]) -> frozenset[LocalId]:
    """:returns: Columns that are dropped and added anew: computed ones, where they or what they are computed from change."""
    before = {column.name: column for column in source.columns}
    after = {column.name: column for column in target.columns}
    both = before.keys() & after.keys()
    anew = {name for name in both if _is_computed_anew(before[name], after[name])}
    retyped = {name for name in both if not _same_values(before[name], after[name])}
    relabelled = {column for table, column in labels if table == target.name}
    touched = (before.keys() - after.keys()) | anew | retyped | relabelled
    dependents = with_dependents(source.columns, touched) - touched
    return frozenset(anew | {name for name in dependents & both if after[name].generated is not None})


def _is_computed_anew(source: Column, target: Column) -> bool:
    if source.generated == target.generated:
        return target.generated is not None and not _same_values(source, target)
    if target.generated is None:
        return source.generated is not None and not source.generated.stored
    return True


def _same_values(source: Column, target: Column) -> bool:
    return source.data_type == target.data_type and source.collation == target.collation


def _unsettled_columns(
    source: Table, target: Table, labels: frozenset[ColumnId], capabilities: Capabilities | None
) -> Iterator[LocalId]:
    yield from replaced_columns(source, target, labels)
    after = {column.name: column for column in target.columns}
    pinned = capabilities is not None and capabilities.keys_pin_types
    for column in source.columns:
        counterpart = after.get(column.name)
        if counterpart is not None and not _comparable(column, counterpart, pinned=pinned):
            yield column.name
    if capabilities is not None and capabilities.keys_need_index:
        yield from (part.columns[0] for part in _dropped_parts(source, target) if part.columns)


def _comparable(source: Column, target: Column, *, pinned: bool) -> bool:
    """:returns: True if a foreign key holds between the types: they are equal, or of one kind with other limits."""
    if _same_values(source, target):
        return True
    return not pinned and (
        type(source.data_type) is type(target.data_type) and not isinstance(source.data_type, SqlNamed | SqlOpaque)
    )


def _dropped_parts(source: Table, target: Table) -> tuple[PrimaryKeyConstraint | UniqueConstraint | Index, ...]:
    """:returns: Keys and indexes of the source without a counterpart."""
    constraints = match(_keys(source), _keys(target)).dropped
    indexes = match(source.indexes, target.indexes).dropped
    return (*(c for c in constraints if isinstance(c, PrimaryKeyConstraint | UniqueConstraint)), *indexes)


def _keys(table: Table) -> tuple[Constraint, ...]:
    """:returns: Constraints with an index behind them."""
    others = tuple(c for c in table.constraints if isinstance(c, UniqueConstraint | ExclusionConstraint))
    return others if table.primary_key is None else (table.primary_key, *others)


def _names_in_the_way(
    pairs: Iterable[tuple[Table, Table]], target_tables: Iterable[Table], capabilities: Capabilities | None
) -> Iterator[tuple[ColumnId, bool]]:
    """
    Keys whose name another object, of the namespace or of the table, gets.

    :returns: Each key, and whether it stays under another name.
    """
    per_table = capabilities is not None and capabilities.index_names_per_table
    owners: dict[tuple[object, LocalId], set[QualifiedId | None]] = {}
    for table in target_tables:
        space = table.name if per_table else table.name.namespace
        if not per_table:
            owners.setdefault((space, LocalId(table.name.name)), set()).add(None)
        for key in _keys(table):
            owners.setdefault((space, key.name), set()).add(table.name)
        for index in table.indexes:
            owners.setdefault((space, index.name), set()).add(None)
    for old, new in pairs:
        space = new.name if per_table else new.name.namespace
        matching = match(_keys(old), _keys(new))
        renamed = [before for before, after in matching.same if before.name != after.name]
        for key in (*matching.dropped, *renamed):
            if owners.get((space, key.name), set()) - {new.name}:
                yield (new.name, key.name), key in renamed


def _references_in_the_way(
    pairs: Iterable[tuple[Table, Table]], capabilities: Capabilities | None
) -> Iterator[ColumnId]:
    """Foreign keys that get names of others, where all in the database are to be told apart, and none can be renamed in place."""
    if capabilities is None or capabilities.namespaces:
        return
    pairs = tuple(pairs)
    taken = {key.name.name.lower() for old, _ in pairs for key in old.foreign_keys}
    for old, new in pairs:
        for before, after in match(old.foreign_keys, new.foreign_keys).same:
            if before.name != after.name and after.name.name.lower() in taken:
                yield new.name, before.name


def _checks_in_the_way(
    pairs: Iterable[tuple[Table, Table]], target_tables: Iterable[Table], capabilities: Capabilities | None
) -> Iterator[ColumnId]:
    """Checks that have the name of one that another table gets, where these are to be told apart."""
    if capabilities is None or not capabilities.check_names_per_namespace:
        return
    owners = {
        (table.name.namespace, check.name.name.lower()): table.name
        for table in target_tables
        for check in _checks(table)
    }
    for old, new in pairs:
        for check in _checks(old):
            owner = owners.get((new.name.namespace, check.name.name.lower()), new.name)
            if owner != new.name:
                yield new.name, check.name


def _checks(table: Table) -> Iterator[CheckConstraint]:
    yield from (constraint for constraint in table.constraints if isinstance(constraint, CheckConstraint))
