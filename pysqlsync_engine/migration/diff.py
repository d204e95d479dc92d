"""
The difference between two catalogs, as operations.

Objects are matched by qualified name, columns by name, constraints and indexes by what they mean; a hint of the desired
state (`renamed_from`) makes an object of another name the same one. The order of columns, and that of members of composite
types, is not compared: no server can change it in place.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pysqlsync_engine.capabilities import Capabilities
from pysqlsync_engine.migration.catalogs import enums_of, tables_of
from pysqlsync_engine.migration.diff_table import TablePair, detachment, diff_table, table_alterations
from pysqlsync_engine.migration.diff_types import diff_domains, diff_enums, diff_structs, replaced_domains
from pysqlsync_engine.migration.documents import check_documents
from pysqlsync_engine.migration.index_names import lend_names
from pysqlsync_engine.migration.list_moves import ListMoves, OwnerMoves, find_list_moves
from pysqlsync_engine.migration.operations import (
    AddForeignKey,
    AlterEnum,
    CreateExtension,
    CreateIndex,
    CreateNamespace,
    CreatePrerequisite,
    CreateTable,
    DropForeignKey,
    DropIndex,
    DropTable,
    FillColumn,
    FillLookup,
    Operation,
    RenameIndex,
)
from pysqlsync_engine.migration.relabelling import (
    LabelSources,
    find_relabelling,
    label_sources,
    lookup_changes,
    lookup_operations,
)
from pysqlsync_engine.migration.renaming import Renaming, find_renames, with_renamed_labels
from pysqlsync_engine.migration.unsettled import Unsettled, find_unsettled
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.object_types import Catalog, Constraint, ForeignKeyConstraint, Table


@dataclass(frozen=True, slots=True)
class Difference:
    """
    What leads from one catalog to another.

    :param operations: In no particular order, see `order`; none if the catalogs mean the same.
    :param warnings: Hints of the desired state that were of no use, a line each.
    """

    operations: tuple[Operation, ...]
    warnings: tuple[str, ...] = ()


def diff(
    source: Catalog, target: Catalog, *, keep: Sequence[str] = (), capabilities: Capabilities | None = None
) -> tuple[Operation, ...]:
    """:returns: The operations of `compare`."""
    return compare(source, target, keep=keep, capabilities=capabilities).operations


def compare(
    source: Catalog, target: Catalog, *, keep: Sequence[str] = (), capabilities: Capabilities | None = None
) -> Difference:
    """
    Tell what leads from one catalog to another.

    A namespace that the target does not mention is never touched, and no namespace is dropped.

    :param keep: Patterns of qualified names (`public.legacy_*`) of tables and types that stay although the target does
        not have them, with all that they refer to.
    :param capabilities: Of the server; `None` for one that knows how to change what is in use.
    """
    present = {namespace.name for namespace in source.namespaces}
    prerequisites = tuple(_prerequisites(source, target))
    homes = {LocalId(each.prerequisite.namespace) for each in prerequisites if each.source is None}
    missing = sorted({*homes, *(namespace.name for namespace in target.namespaces)} - present)
    renaming = find_renames(source, target, keep)
    before = renaming.catalog
    enums = tuple(diff_enums(before, target))
    alterations = [enum for enum in enums if isinstance(enum, AlterEnum)]
    before = with_renamed_labels(before, alterations)
    moves = find_list_moves(before, target, alterations)
    pairs = tuple(_pairs(before, renaming, target, label_sources(source, before, target), moves))
    tables = [(pair.source, pair.target) for pair in pairs]
    check_documents(tables, before, target)
    unsettled = find_unsettled(
        tables,
        target.tables(),
        alterations,
        replaced_domains(before, target),
        capabilities,
    )
    creates = capabilities is None or capabilities.namespaces
    operations = (
        *(CreateNamespace(name) for name in missing if name.name and creates),
        *_extensions(source, target),
        *prerequisites,
        *renaming.operations,
        *enums,
        *diff_domains(before, target),
        *diff_structs(before, target),
        *_created(before, target, capabilities),
        *_dropped(renaming, target, moves),
        *(operation for pair in pairs for operation in _altered(pair, unsettled, capabilities)),
        *lookup_operations(tables),
    )
    operations = tuple(lend_names(operations, capabilities))
    return Difference(operations, (*renaming.warnings, *_stale_labels(before, target), *moves.warnings))


def _extensions(source: Catalog, target: Catalog) -> Iterator[CreateExtension]:
    present = {extension.name for extension in source.extensions}
    yield from (CreateExtension(name) for name in target.extensions if name.name not in present)


def _prerequisites(source: Catalog, target: Catalog) -> Iterator[CreatePrerequisite]:
    present = {each.key: each for each in source.prerequisites}
    for each in target.prerequisites:
        former = present.get(each.key)
        if former is None or former.definition.split() != each.definition.split():
            yield CreatePrerequisite(each, former)


def _stale_labels(source: Catalog, target: Catalog) -> Iterator[str]:
    before = enums_of(source)
    for name, enum in enums_of(target).items():
        gone = [former for former, _ in enum.label_map if name in before and former not in before[name].labels]
        yield from (
            f"enum {name.display}: label {former} is not there any more; remove it from label_map" for former in gone
        )


def _pairs(
    source: Catalog, renaming: Renaming, target: Catalog, labels: LabelSources, moves: ListMoves
) -> Iterator[TablePair]:
    before = tables_of(source)
    for table in target.tables():
        if table.name in before:
            former = before[table.name]
            yield TablePair(
                renaming.originals[table.name],
                former,
                table,
                find_relabelling(former, table, labels),
                moves.owners.get(table.name, OwnerMoves()),
            )


def _created(source: Catalog, target: Catalog, capabilities: Capabilities | None) -> Iterator[Operation]:
    before = tables_of(source)
    for table in target.tables():
        if table.name not in before:
            yield CreateTable(table)
            if capabilities is None or not capabilities.indexes_with_table:
                yield from (CreateIndex(table.name, index) for index in table.indexes)
            yield from (AddForeignKey(table.name, key) for key in table.foreign_keys)
            yield from _missing_labels(None, table)


def _dropped(renaming: Renaming, target: Catalog, moves: ListMoves) -> Iterator[Operation]:
    """Tables that go, and those foreign keys between them that make a circle; other foreign keys go with their table."""
    wanted = tables_of(target)
    going = {
        renaming.originals[table.name].name: renaming.originals[table.name]
        for table in renaming.catalog.tables()
        if table.name not in wanted and table.name not in moves.left
    }
    edges = {name: frozenset(key.referenced_table for key in table.foreign_keys) for name, table in going.items()}
    for name, table in going.items():
        circular = [
            key
            for key in table.foreign_keys
            if key.referenced_table != name and name in _reachable(edges, key.referenced_table)
        ]
        yield from (DropForeignKey(name, key) for key in circular)
        yield DropTable(replace(table, constraints=tuple(c for c in table.constraints if c not in circular)))


def _reachable(edges: Mapping[QualifiedId, frozenset[QualifiedId]], start: QualifiedId) -> frozenset[QualifiedId]:
    found: set[QualifiedId] = set()
    pending = [start]
    while pending:
        name = pending.pop()
        if name not in found and name in edges:
            found.add(name)
            pending.extend(edges[name])
    return frozenset(found)


def _altered(pair: TablePair, unsettled: Unsettled, capabilities: Capabilities | None) -> Iterator[Operation]:
    original, target = pair.original, pair.target
    difference = diff_table(pair, unsettled, capabilities)
    yield from (DropForeignKey(original.name, key) for key in _originals(original, difference.keys.dropped))
    former = {index.name: index for index in original.indexes}
    yield from (DropIndex(original.name, former[index.name]) for index in difference.indexes.apart.dropped)
    yield from detachment(pair, difference)
    yield from table_alterations(difference, pair.moves.holding(target))
    for column, expression in difference.fills:
        yield FillColumn(difference.filled, column, expression)
    for late in pair.relabelling.late.values():
        yield late.operation(difference.filled)
    for move in (*pair.moves.coming.values(), *pair.moves.leaving.values()):
        yield move.operation(pair.moves.holding(target) if move.to_table else difference.filled)
    yield from (RenameIndex(target.name, before, after) for before, after in difference.renamed_indexes())
    yield from (CreateIndex(target.name, index) for index in difference.indexes.apart.added)
    yield from (AddForeignKey(target.name, key) for key in _keys(difference.keys.added))
    yield from _missing_labels(pair.source, target)


def _originals(table: Table, dropped: Iterable[Constraint]) -> Iterator[ForeignKeyConstraint]:
    names = {constraint.name for constraint in dropped}
    yield from (key for key in table.foreign_keys if key.name in names)


def _keys(constraints: Iterable[Constraint]) -> Iterator[ForeignKeyConstraint]:
    yield from (key for key in constraints if isinstance(key, ForeignKeyConstraint))


def _missing_labels(source: Table | None, target: Table) -> Iterator[FillLookup]:
    """Labels that a lookup table lacks; those it has besides are left, as rows of other tables may refer to them."""
    present = set(source.labels or ()) if source is not None else set[str]()
    renamed = (
        [pair for _, pairs, _ in lookup_changes([(source, target)]) for pair in pairs] if source is not None else []
    )
    present |= {label for _, label in renamed}
    missing = tuple(label for label in target.labels or () if label not in present)
    if missing:
        yield FillLookup(target, missing)
