"""The difference between two versions of a table: what has to make way first, what is renamed, and what is altered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace

from pysqlsync_engine.capabilities import Capabilities
from pysqlsync_engine.migration.counting import IndexChanges, Stages, join_indexes, must_join
from pysqlsync_engine.migration.list_moves import OwnerMoves
from pysqlsync_engine.migration.matching import Matching, borrowed_name, match, rename_pairs
from pysqlsync_engine.migration.mentions import (
    constraint_columns,
    constraint_expressions,
    index_columns,
    index_expressions,
    names_in,
    referenced_names,
)
from pysqlsync_engine.migration.operations import (
    AddColumn,
    AddConstraint,
    AlterColumn,
    AlterTable,
    DropColumn,
    DropConstraint,
    RelabelColumn,
    RenameConstraint,
    SetDescription,
    SetOptions,
    TableChange,
)
from pysqlsync_engine.migration.relabelling import TableRelabelling
from pysqlsync_engine.migration.unsettled import ColumnId, Unsettled, replaced_columns
from pysqlsync_engine.model.data_types import SqlNamed
from pysqlsync_engine.model.id_types import LocalId
from pysqlsync_engine.model.object_types import (
    Column,
    Constraint,
    DomainType,
    ForeignKeyConstraint,
    Index,
    PrimaryKeyConstraint,
    Table,
)

_NO_KEYS: Matching[Constraint] = Matching((), (), ())
_COMMON = frozenset(field.name for field in fields(Table))


@dataclass(frozen=True, slots=True)
class TablePair:
    """
    A table that both catalogs have.

    :param original: As it is.
    :param source: As it is, but with the new names of all that is renamed.
    :param target: As it is to be.
    :param relabelling: What is to be done with rows because of labels.
    :param moves: Lists that get tables of their own, or stop to have them.
    """

    original: Table
    source: Table
    target: Table
    relabelling: TableRelabelling = TableRelabelling()
    moves: OwnerMoves = OwnerMoves()


@dataclass(frozen=True, slots=True)
class TableDifference:
    """
    What leads from one version of a table to another.

    :param early: Names of constraints to drop, and changes of columns to make, before anything else; the columns are those
        of the source.
    :param remaining: The source without what goes early.
    :param changes: All else but keys and indexes, between what remains and `filled`.
    :param fills: Columns to be given a value where they have none, and its expression.
    :param filled: The target, but for what can only be refused once columns are filled.
    :param settling: What leads from `filled` to the target, but for columns of lists that move out of them after.
    :param keys: Foreign keys.
    """

    early: tuple[TableChange, ...]
    remaining: Table
    changes: tuple[TableChange, ...]
    fills: tuple[tuple[Column, str], ...]
    filled: Table
    settling: tuple[TableChange, ...]
    keys: Matching[Constraint]
    indexes: IndexChanges

    def renamed_indexes(self) -> Iterator[tuple[Index, Index]]:
        """:returns: Indexes that get another name or comment only."""
        same = self.indexes.apart.same
        yield from rename_pairs(same)
        for before, after in same:
            if before.name == after.name and before.description != after.description:
                yield before, after


def diff_table(pair: TablePair, unsettled: Unsettled, capabilities: Capabilities | None) -> TableDifference:
    """
    Compare two versions of a table.

    Foreign keys and indexes that differ in name only are renamed. They are dropped and added again only if they use what is
    unsettled.
    """
    source, target = pair.source, pair.target
    replaced = replaced_columns(source, target, unsettled.labels)
    keys: Matching[Constraint] = match(source.foreign_keys, target.foreign_keys)
    keys = keys.replacing([p for p in keys.same if _is_unsettled(target, p[0], unsettled, replaced)])
    settled = [key for key in keys.dropped if not _is_unsettled(target, key, unsettled, replaced)]
    keys, validated = _validations(keys, settled)
    indexes = match(source.indexes, target.indexes)
    indexes = indexes.replacing(
        [p for p in indexes.same if _index_is_unsettled(pair, p[0], unsettled, replaced, capabilities)]
    )
    early = tuple(_early_changes(pair, unsettled, capabilities))
    later, stages = _stages(pair, early, replaced, capabilities)
    index_changes = IndexChanges(indexes)
    if must_join(stages, indexes, capabilities):
        # what gets a name in the statement in which another object loses it is not in the way
        early = tuple(_early_changes(pair, replace(unsettled, names=frozenset()), capabilities))
        later, stages = _stages(pair, early, replaced, capabilities)
        index_changes = join_indexes(stages, indexes)
    return TableDifference(
        early,
        stages.remaining,
        (*validated, *_changes(stages.remaining, stages.filled, replaced, keys)),
        tuple((c, c.backfill) for c in target.columns if c.name in later and c.backfill is not None),
        stages.filled,
        tuple(_changes(stages.filled, stages.target, frozenset(), _NO_KEYS)),
        keys,
        index_changes,
    )


def _stages(
    pair: TablePair,
    early: tuple[TableChange, ...],
    replaced: frozenset[LocalId],
    capabilities: Capabilities | None,
) -> tuple[frozenset[LocalId], Stages]:
    """:returns: Columns that are filled before they refuse NULL, and the table while it changes."""
    remaining, target = _without(pair.source, early), pair.moves.holding(pair.target)
    later = frozenset(_filled_later(remaining, target, replaced, capabilities)) - pair.moves.coming.keys()
    filled = pair.moves.receiving(_before_filling(remaining, target, later))
    filled = replace(filled, columns=tuple(_by_then(column, pair.relabelling) for column in filled.columns))
    return later, Stages(pair.source, remaining, filled, target)


def table_alterations(difference: TableDifference, target: Table) -> Iterator[AlterTable]:
    """:returns: Operations that alter the table once all has made way."""
    indexes = difference.indexes
    if difference.changes or indexes.dropped or indexes.added:
        yield AlterTable(
            difference.remaining,
            difference.filled,
            difference.changes,
            dropped_indexes=indexes.dropped,
            added_indexes=indexes.added,
        )
    if difference.settling or indexes.dropped_last or indexes.added_last:
        yield AlterTable(
            difference.filled,
            target,
            difference.settling,
            settling=True,
            dropped_indexes=indexes.dropped_last,
            added_indexes=indexes.added_last,
        )


def _by_then(column: Column, relabelling: TableRelabelling) -> Column:
    """:returns: The column, with labels where it is to hold keys."""
    late = relabelling.late.get(column.name)
    return column if late is None else late.text


def _validations(
    keys: Matching[Constraint], settled: Sequence[Constraint]
) -> tuple[Matching[Constraint], tuple[TableChange, ...]]:
    """:returns: The matching without foreign keys that only need to be checked, and the changes that check these."""
    pairs = [
        (before, after)
        for before in settled
        for after in keys.added
        if isinstance(after, ForeignKeyConstraint) and after.validated and before == replace(after, validated=False)
    ]
    dropped, added = [before for before, _ in pairs], [after for _, after in pairs]
    remaining = Matching(
        keys.same,
        tuple(key for key in keys.dropped if key not in dropped),
        tuple(key for key in keys.added if key not in added),
    )
    changes = [change for before, after in pairs for change in (DropConstraint(before), AddConstraint(after))]
    return remaining, tuple(changes)


def _early_changes(pair: TablePair, unsettled: Unsettled, capabilities: Capabilities | None) -> Iterator[TableChange]:
    """What has to make way for types that are created anew, and for names that others take."""
    source, name = pair.source, pair.source.name
    moving = _pinned(pair, capabilities) | {column for table, column in unsettled.labels if table == name}
    relabelled = pair.relabelling.early
    moving |= relabelled.keys()
    for constraint in _other_constraints(source):
        mentioned = {x for text in constraint_expressions(constraint) for x in names_in(text)}
        if (name, constraint.name) in unsettled.names | unsettled.check_names or mentioned & moving:
            yield DropConstraint(constraint)
        elif (name, constraint.name) in unsettled.lent:
            borrowed = LocalId(borrowed_name(constraint.name.name))
            yield RenameConstraint(constraint, replace(constraint, name=borrowed))
    for column in source.columns:
        if column.generated is not None and not names_in(column.generated.expression).isdisjoint(moving):
            yield DropColumn(column)
        else:
            domain = _replaced_domain(column, unsettled)
            if domain is not None:
                yield AlterColumn(column, replace(column, data_type=domain.data_type))
            elif column.name in relabelled and relabelled[column.name].text != column:
                yield relabelled[column.name].alteration()


def _pinned(pair: TablePair, capabilities: Capabilities | None) -> frozenset[LocalId]:
    """:returns: New names of columns that are renamed, if expressions that mention them are in the way."""
    if capabilities is None or not capabilities.expressions_pin_names:
        return frozenset()
    pairs = zip(pair.original.columns, pair.source.columns, strict=True)
    return frozenset(after.name for before, after in pairs if before.name != after.name)


def _replaced_domain(column: Column, unsettled: Unsettled) -> DomainType | None:
    return unsettled.domains.get(column.data_type.name) if isinstance(column.data_type, SqlNamed) else None


def _without(table: Table, early: tuple[TableChange, ...]) -> Table:
    """:returns: The table once the early changes are made."""
    columns = {column.name: column for column in table.columns}
    constraints = list(table.constraints)
    primary_key = table.primary_key
    for change in early:
        match change:
            case DropConstraint(constraint=constraint):
                primary_key = None if constraint == primary_key else primary_key
                constraints = [c for c in constraints if c != constraint]
            case RenameConstraint(source=before, target=after):
                primary_key = after if isinstance(after, PrimaryKeyConstraint) else primary_key
                constraints = [after if c == before else c for c in constraints]
            case DropColumn(column=column):
                del columns[column.name]
            case AlterColumn(target=column):
                columns[column.name] = column
            case _:
                continue
    return replace(table, columns=tuple(columns.values()), primary_key=primary_key, constraints=tuple(constraints))


def _changes(
    source: Table, target: Table, replaced: frozenset[LocalId], keys: Matching[Constraint]
) -> Iterator[TableChange]:
    matching = match(_other_constraints(source), _other_constraints(target))
    matching = matching.replacing([p for p in matching.same if not constraint_columns(p[0]).isdisjoint(replaced)])
    yield from (DropConstraint(constraint) for constraint in matching.dropped)
    yield from (RenameConstraint(before, after) for before, after in rename_pairs((*matching.same, *keys.same)))
    yield from _column_changes(source, target, replaced)
    yield from (AddConstraint(constraint) for constraint in matching.added)
    if options(source) != options(target):
        yield SetOptions(source, target)
    if source.description != target.description:
        yield SetDescription(target.description)


def _filled_later(
    source: Table, target: Table, replaced: frozenset[LocalId], capabilities: Capabilities | None
) -> Iterator[LocalId]:
    """Columns that refuse NULL from now on, but have to permit it until rows have a value."""
    before = {column.name: column for column in source.columns if column.name not in replaced}
    keyed = frozenset[LocalId]() if target.primary_key is None else frozenset(target.primary_key.columns)
    invents = capabilities is not None and capabilities.invents_values
    for column in target.columns:
        former = before.get(column.name)
        if column.nullable or column.generated is not None or column.identity is not None:
            continue
        if former is None:
            if column.backfill is not None or (invents and column.default is None and column.name not in keyed):
                yield column.name
        elif former.nullable and column.backfill is not None:
            yield column.name


def _before_filling(source: Table, target: Table, later: frozenset[LocalId]) -> Table:
    """:returns: The target as it is as long as these columns have no values in some rows."""
    if not later:
        return target
    key = target.primary_key
    if key is not None and not later.isdisjoint(key.columns):
        key = (
            source.primary_key
            if source.primary_key is not None and later.isdisjoint(source.primary_key.columns)
            else None
        )
    columns = tuple(replace(c, nullable=True) if c.name in later else c for c in target.columns)
    return replace(target, columns=columns, primary_key=key)


def _column_changes(source: Table, target: Table, replaced: frozenset[LocalId]) -> Iterator[TableChange]:
    before = {column.name: column for column in source.columns}
    after = {column.name: column for column in target.columns}
    going = [column for column in source.columns if column.name not in after or column.name in replaced]
    yield from (DropColumn(column) for column in sorted(going, key=lambda column: column.generated is None))
    staying = [column for column in target.columns if column.name in before and column.name not in replaced]
    yield from (AlterColumn(before[c.name], c) for c in staying if before[c.name] != c)
    coming = [column for column in target.columns if column not in staying]
    yield from (AddColumn(column) for column in sorted(coming, key=lambda column: column.generated is not None))


def options(table: Table) -> dict[str, object]:
    """:returns: What a vendor's table has besides, but for what has its default value."""
    extra = [field for field in fields(table) if field.compare and field.name not in _COMMON]
    values = {field.name: (getattr(table, field.name), field.default) for field in extra}
    return {name: value for name, (value, default) in values.items() if value != default}


def _other_constraints(table: Table) -> tuple[Constraint, ...]:
    """:returns: All constraints but foreign keys, the primary key first."""
    others = tuple(c for c in table.constraints if not isinstance(c, ForeignKeyConstraint))
    return others if table.primary_key is None else (table.primary_key, *others)


def _is_unsettled(table: Table, key: Constraint, unsettled: Unsettled, replaced: frozenset[LocalId]) -> bool:
    """:returns: True if the foreign key cannot stay while tables are altered."""
    if not isinstance(key, ForeignKeyConstraint):
        return False
    used: frozenset[ColumnId] = referenced_names(table.name, key)
    return (
        not used.isdisjoint(unsettled.columns)
        or (table.name, key.name) in unsettled.reference_names
        or (key.referenced_table, frozenset(key.referenced_columns)) in unsettled.keys
        or not replaced.isdisjoint(key.columns)
    )


def _index_is_unsettled(
    pair: TablePair,
    index: Index,
    unsettled: Unsettled,
    replaced: frozenset[LocalId],
    capabilities: Capabilities | None,
) -> bool:
    """:returns: True if the index cannot stay while tables are altered."""
    relabelled = frozenset(column for table, column in unsettled.labels if table == pair.source.name)
    mentioned = frozenset(name for text in index_expressions(index) for name in names_in(text))
    domains = {c.name for c in pair.source.columns if _replaced_domain(c, unsettled) is not None}
    return (
        not index_columns(index).isdisjoint(replaced)
        or not mentioned.isdisjoint(relabelled | domains)
        or not mentioned.isdisjoint(_pinned(pair, capabilities))
    )


def detachment(pair: TablePair, difference: TableDifference) -> Iterator[AlterTable | RelabelColumn]:
    """:returns: What makes the early changes, in terms of the names that are still in use, and gives rows other labels then."""
    former = {after.name: before for before, after in zip(pair.original.columns, pair.source.columns, strict=True)}
    known = {constraint.name: constraint for constraint in _other_constraints(pair.original)}
    changes = tuple(_translated(change, former, known) for change in difference.early)
    detached = _without(pair.original, changes)
    if changes:
        yield AlterTable(pair.original, detached, changes, detaching=True)
    for name, relabelling in pair.relabelling.early.items():
        yield relabelling.operation(detached, detached.column(former[name].name.name))


def _translated(
    change: TableChange, columns: dict[LocalId, Column], constraints: dict[LocalId, Constraint]
) -> TableChange:
    match change:
        case DropConstraint(constraint=constraint):
            return DropConstraint(constraints[constraint.name])
        case RenameConstraint(source=before, target=after):
            former = constraints[before.name]
            return RenameConstraint(former, replace(former, name=after.name))
        case DropColumn(column=column):
            return DropColumn(columns[column.name])
        case AlterColumn(source=before, target=after):
            former = columns[before.name]
            return replace(
                change,
                source=former,
                target=replace(
                    after,
                    name=former.name,
                    default=former.default if before.default == after.default else after.default,
                ),
            )
        case _:
            return change
