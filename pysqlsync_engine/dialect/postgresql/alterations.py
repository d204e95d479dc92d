"""In which order PostgreSQL can make the changes of a table, and what it must be told besides."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeGuard

from pysqlsync_engine.migration.operations import (
    AddColumn,
    AddConstraint,
    AlterColumn,
    AlterTable,
    DropColumn,
    DropConstraint,
    RenameColumn,
    RenameConstraint,
    TableChange,
)
from pysqlsync_engine.model.data_types import SqlInteger
from pysqlsync_engine.model.object_types import (
    CheckConstraint,
    Column,
    Constraint,
    ForeignKeyConstraint,
    IdentityMode,
)

_GENERATED = frozenset({IdentityMode.ALWAYS, IdentityMode.BY_DEFAULT})


@dataclass(frozen=True, slots=True)
class Alteration:
    """
    The changes of a table, in the order in which they are made.

    :param renamed: Columns that get another name; all that follows has the new ones.
    :param uncounted: Columns as they are whose values the server stops to count, or counts in another way from now on.
    :param changes: All else.
    :param validated: Those of the constraints in `changes` that are there already, and only need to be checked.
    """

    renamed: tuple[RenameColumn, ...]
    uncounted: tuple[Column, ...]
    changes: tuple[TableChange, ...]
    validated: tuple[Constraint, ...]


def plan_alteration(operation: AlterTable) -> Alteration:
    """:returns: How the server makes the changes of a table."""
    going = [change.constraint for change in operation.changes if isinstance(change, DropConstraint)]
    coming = [change.constraint for change in operation.changes if isinstance(change, AddConstraint)]
    validated = {after: before for after in coming for before in going if is_validation(before, after)}
    changes: list[TableChange] = []
    for change in operation.changes:
        match change:
            case RenameColumn():
                continue
            case DropConstraint(constraint=constraint) if constraint in validated.values():
                continue
            case AlterColumn(source=source, target=target) if stops_counting(change):
                changes.append(AlterColumn(without_counter(source), target))
            case _:
                changes.append(change)
    return Alteration(
        renamed=tuple(change for change in operation.changes if isinstance(change, RenameColumn)),
        uncounted=tuple(change.source for change in operation.changes if stops_counting(change)),
        changes=tuple(sorted(changes, key=_rank)),
        validated=tuple(validated),
    )


def _rank(change: TableChange) -> int:
    """:returns: Place of a change among others: computed columns go before, and come after those that they use."""
    match change:
        case DropConstraint() | RenameConstraint():
            return 0
        case DropColumn(column=column) if column.generated is not None:
            return 1
        case DropColumn() | AlterColumn():
            return 2
        case AddColumn(column=column):
            return 3 if column.generated is None else 4
        case _:
            return 5


def is_validation(source: Constraint, target: Constraint) -> bool:
    """:returns: True if nothing else differs than that all rows meet the constraint."""
    if not isinstance(target, CheckConstraint | ForeignKeyConstraint) or not target.validated:
        return False
    return source == replace(target, validated=False)


def is_counted(column: Column) -> bool:
    """:returns: True if the value of the column comes from a sequence by way of a default."""
    return column.identity is IdentityMode.SERIAL


def is_plainly_counted(column: Column) -> bool:
    """:returns: True for what the server calls `serial`: an integer that is never NULL, with a sequence of its own."""
    owned = is_counted(column) and column.sequence is None
    return owned and not column.nullable and isinstance(column.data_type, SqlInteger)


def stops_counting(change: TableChange) -> TypeGuard[AlterColumn]:
    """:returns: True if a column loses what gives it values; no other default or identity can be set before."""
    if not isinstance(change, AlterColumn) or change.source.identity is None:
        return False
    source, target = change.source, change.target
    if source.identity in _GENERATED and target.identity in _GENERATED:
        return False
    return (source.identity, source.sequence) != (target.identity, target.sequence)


def starts_counting(change: TableChange) -> TypeGuard[AlterColumn]:
    """:returns: True if a column that is there gets values from a sequence, from now on or from another one."""
    if not isinstance(change, AlterColumn) or change.target.identity is None:
        return False
    return change.source.identity is None or stops_counting(change)


def without_counter(column: Column) -> Column:
    """:returns: The column once nothing gives it values any more."""
    return replace(column, identity=None, sequence=None)
