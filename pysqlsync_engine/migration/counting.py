"""Columns that count, where the server wants a key to begin with them after each statement."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pysqlsync_engine.capabilities import Capabilities
from pysqlsync_engine.errors import UnsupportedError
from pysqlsync_engine.migration.matching import Matching
from pysqlsync_engine.model.id_types import LocalId
from pysqlsync_engine.model.object_types import Index, Table, UniqueConstraint


@dataclass(frozen=True, slots=True)
class Stages:
    """
    A table while it changes, without its indexes.

    :param source: As it is.
    :param remaining: Once all has made way that does so early.
    :param filled: Once it is altered, but for what rows have to be filled for.
    :param target: As it is to be.
    """

    source: Table
    remaining: Table
    filled: Table
    target: Table


@dataclass(frozen=True, slots=True)
class IndexChanges:
    """
    When indexes come and go.

    :param apart: By statements of their own: they are dropped before, renamed, and created after the table is altered.
    :param dropped: In the statement that alters the table.
    :param added: In the same statement.
    :param dropped_last: In the statement that refuses what rows had to be filled for.
    :param added_last: In the same statement.
    """

    apart: Matching[Index]
    dropped: tuple[Index, ...] = ()
    added: tuple[Index, ...] = ()
    dropped_last: tuple[Index, ...] = ()
    added_last: tuple[Index, ...] = ()


def must_join(stages: Stages, indexes: Matching[Index], capabilities: Capabilities | None) -> bool:
    """:returns: True if a column would count without a key, were indexes dropped before and created after the table is altered."""
    if capabilities is None or not capabilities.counting_needs_key:
        return False
    kept_before = [before for before, _ in indexes.same]
    kept = [after for _, after in indexes.same]
    return not (
        _counts_in_key(stages, stages.remaining, kept_before)
        and _counts_in_key(stages, stages.filled, kept)
        and _counts_in_key(stages, stages.target, kept)
    )


def join_indexes(stages: Stages, indexes: Matching[Index]) -> IndexChanges:
    """
    Put those indexes that columns count by into the statements that alter the table, as these are judged by their outcome.

    :raises UnsupportedError: if there is no order in which the column has a key all the time.
    """
    indexes = indexes.replacing(pair for pair in indexes.same if _is_in_the_way(pair, indexes, stages))
    dropped = tuple(index for index in indexes.dropped if _begins(index, stages.source))
    added = tuple(index for index in indexes.added if _begins(index, stages.target))
    kept = tuple(after for _, after in indexes.same)
    apart = Matching(
        indexes.same,
        tuple(index for index in indexes.dropped if index not in dropped),
        tuple(index for index in indexes.added if index not in added),
    )
    if _counts_in_key(stages, stages.filled, (*kept, *added)):
        return IndexChanges(apart, dropped, added)
    if _names(dropped).isdisjoint(_names(added)) and _counts_in_key(stages, stages.filled, (*kept, *dropped, *added)):
        return IndexChanges(apart, added=added, dropped_last=dropped)
    if _counts_in_key(stages, stages.filled, (*kept, *dropped)):
        return IndexChanges(apart, dropped_last=dropped, added_last=added)
    raise UnsupportedError(
        f"{stages.target.name.display}: the column that counts would be without a key while rows are filled; make the change"
        " in two synchronizations"
    )


def _is_in_the_way(pair: tuple[Index, Index], indexes: Matching[Index], stages: Stages) -> bool:
    """:returns: True if an index would be renamed before that goes which has its new name."""
    before, after = pair
    constraints = {constraint.name for constraint in stages.remaining.constraints}
    return before.name != after.name and after.name in _names(indexes.dropped) | constraints


def _names(indexes: Iterable[Index]) -> frozenset[LocalId]:
    return frozenset(index.name for index in indexes)


def _begins(index: Index, table: Table) -> bool:
    """:returns: True if the index has a column that counts."""
    return any(column.identity is not None and column.name in index.columns for column in table.columns)


def _counts_in_key(stages: Stages, table: Table, indexes: Sequence[Index]) -> bool:
    """
    :param indexes: Of the table by then.
    :returns: True if no column counts, or a key begins with it; has it anywhere, if that is enough for tables of this kind.
    """
    anywhere = not all(_is_first(_counting(each), _keys(each, each.indexes)) for each in (stages.source, stages.target))
    keys = _keys(table, indexes)
    column = _counting(table)
    return _is_first(column, keys) or (anywhere and any(column in key for key in keys))


def _counting(table: Table) -> LocalId | None:
    return next((column.name for column in table.columns if column.identity is not None), None)


def _is_first(column: LocalId | None, keys: Iterable[tuple[LocalId, ...]]) -> bool:
    return column is None or any(key[:1] == (column,) for key in keys)


def _keys(table: Table, indexes: Iterable[Index]) -> list[tuple[LocalId, ...]]:
    """:returns: Columns of all that a column may count by."""
    keys = [] if table.primary_key is None else [table.primary_key.columns]
    keys += [constraint.columns for constraint in table.constraints if isinstance(constraint, UniqueConstraint)]
    # an index on an expression has fewer columns than keys, but then its first key need not be a column
    keys += [index.columns for index in indexes if index.parts[0].column is not None]
    return keys
