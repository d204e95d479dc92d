"""Which lists are to be stored in another way: in tables of their own instead of columns, or the other way round."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from pysqlsync_engine.migration.catalogs import tables_of
from pysqlsync_engine.migration.documents import leaves
from pysqlsync_engine.migration.enum_changes import AlterEnum
from pysqlsync_engine.migration.list_changes import MoveList, list_reference
from pysqlsync_engine.model.data_types import (
    SqlArray,
    SqlBinary,
    SqlBit,
    SqlCharacter,
    SqlDecimal,
    SqlInteger,
    SqlInterval,
    SqlJson,
    SqlLabel,
    SqlNamed,
    SqlNetworkAddress,
    SqlOpaque,
    SqlType,
    SqlUuid,
    SqlYear,
)
from pysqlsync_engine.model.definition import named_types
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.list_types import LIST_VALUE, ListItems, list_table_name
from pysqlsync_engine.model.object_types import Catalog, Column, Table

_STORED_AS: Mapping[type[SqlType], tuple[type[SqlType], ...]] = {
    SqlInteger: (SqlDecimal,),
    SqlYear: (SqlInteger,),
    SqlCharacter: (SqlOpaque,),
    SqlBinary: (SqlOpaque,),
    SqlUuid: (SqlBinary,),
    SqlNetworkAddress: (SqlBinary, SqlCharacter),
}
"""What servers store values in that have no type, or not so wide a type, of the kind."""


@dataclass(frozen=True, slots=True)
class ListMove:
    """
    A list that moves.

    :param column: Of the owner: as it is, by its new name, if the list leaves it; as it is to be if the list comes into it.
    :param table: Of the list: as it is to be if the list comes into it; as it is, in terms of new names, if it leaves it.
    """

    column: Column
    table: Table
    items: ListItems
    to_table: bool

    def operation(self, owner: Table) -> MoveList:
        """:returns: The operation that moves the list, for the owner as it is by then."""
        return MoveList(owner, owner.column(self.column.name.name), self.table, self.items, self.to_table)


@dataclass(frozen=True, slots=True)
class OwnerMoves:
    """Lists of a table that move, by the names of their columns."""

    leaving: Mapping[LocalId, ListMove] = field(default_factory=dict[LocalId, ListMove])
    coming: Mapping[LocalId, ListMove] = field(default_factory=dict[LocalId, ListMove])

    def receiving(self, table: Table) -> Table:
        """:returns: The table, with columns that lists come into as they are before that."""
        columns = (replace(c, nullable=True, default=None) if c.name in self.coming else c for c in table.columns)
        return replace(table, columns=tuple(columns))

    def holding(self, table: Table) -> Table:
        """:returns: The table, with columns that lists have not left yet."""
        return replace(table, columns=(*table.columns, *(move.column for move in self.leaving.values())))


@dataclass(frozen=True, slots=True)
class ListMoves:
    """
    All lists that move.

    :param owners: By the names that the tables with the lists are to have.
    :param warnings: Lists that are stored in another way from now on, but do not move along, a line each.
    """

    owners: Mapping[QualifiedId, OwnerMoves]
    warnings: tuple[str, ...]

    @property
    def left(self) -> frozenset[QualifiedId]:
        """Tables that lists move out of."""
        return frozenset(move.table.name for owner in self.owners.values() for move in owner.coming.values())


def find_list_moves(source: Catalog, target: Catalog, enums: Iterable[AlterEnum]) -> ListMoves:
    """
    Tell which lists move.

    A list moves because the class says so that has it: by the names that its column and its table have or had, and only if both
    are what such a list would be stored in.

    :param source: What there is, in terms of new names, without what is kept.
    :param enums: Enumerations that change.
    """
    replaced = frozenset(enum.target.name for enum in enums if enum.replaces_labels)
    before, after = tables_of(source), tables_of(target)
    lists = _lists_by_owner(after.values())
    owners: dict[QualifiedId, OwnerMoves] = {}
    warnings: list[str] = []
    for name in before.keys() & after.keys():
        owner = _Owner(before[name], after[name], before, after, lists.get(name, ()), replaced)
        moves = [*owner.leaving(), *owner.coming()]
        refused = {move.column.name: reason for move in moves if (reason := _obstacle(move, owner, source, target))}
        warnings += (f"list {name.display}.{column.name}: {reason}" for column, reason in refused.items())
        moves = [move for move in moves if move.column.name not in refused]
        if moves:
            owners[name] = OwnerMoves(
                {move.column.name: move for move in moves if move.to_table},
                {move.column.name: move for move in moves if not move.to_table},
            )
    return ListMoves(owners, tuple(sorted(warnings)))


def _lists_by_owner(tables: Iterable[Table]) -> Mapping[QualifiedId, tuple[tuple[Table, ListItems], ...]]:
    found: dict[QualifiedId, tuple[tuple[Table, ListItems], ...]] = {}
    for table in tables:
        reference = None if table.list_items is None else list_reference(table)
        if table.list_items is not None and reference is not None:
            owner = reference.referenced_table
            found[owner] = (*found.get(owner, ()), (table, table.list_items))
    return found


@dataclass(frozen=True, slots=True)
class _Owner:
    """
    A table that may have lists.

    :param source: As it is, by its new names.
    :param before: All tables that there are, by their new names.
    :param after: All tables that there are to be.
    :param lists: Tables that there are to be of its lists.
    :param replaced: Enumerations that are created anew, with other labels.
    """

    source: Table
    target: Table
    before: Mapping[QualifiedId, Table]
    after: Mapping[QualifiedId, Table]
    lists: tuple[tuple[Table, ListItems], ...]
    replaced: frozenset[QualifiedId]

    def leaving(self) -> Iterator[ListMove]:
        wanted = {column.name for column in self.target.columns}
        present = {
            c.name: c for c in self.source.columns if c.generated is None and _is_list(c) and c.name not in wanted
        }
        for table, items in self.lists:
            names = (items.column, *items.renamed_from)
            found = next((present[name] for name in names if name in present), None)
            if found is not None:
                yield ListMove(found, table, items, to_table=True)

    def coming(self) -> Iterator[ListMove]:
        present = {column.name: column for column in self.source.columns}
        for column in self.target.columns:
            former, items = present.get(column.name), column.list_items
            # a column that permits NULL for the time being is one that an interrupted plan has left
            awaited = former is None or (former.nullable and not column.nullable)
            if items is None or not awaited or not _is_list(column):
                continue
            owners = (self.target.name, *self.target.renamed_from)
            names = (list_table_name(o, c) for o in owners for c in (items.column, *items.renamed_from))
            found = next((self.before[name] for name in names if self._is_list_table(name)), None)
            if found is not None:
                yield ListMove(column, found, items, to_table=False)

    def _is_list_table(self, name: QualifiedId) -> bool:
        """:returns: True if this is a table of a list of this owner, and is not wanted any more."""
        table = self.before.get(name)
        reference = None if table is None or name in self.after else list_reference(table)
        key = self.source.primary_key
        return (
            reference is not None
            and reference.referenced_table == self.source.name
            and key is not None
            and set(reference.referenced_columns) == set(key.columns)
        )


def _is_list(column: Column) -> bool:
    return isinstance(column.data_type, SqlArray | SqlJson)


def _obstacle(move: ListMove, owner: _Owner, source: Catalog, target: Catalog) -> str | None:
    """:returns: Why a list cannot move along; `None` if it can."""
    value = move.table.column(LIST_VALUE.name).data_type
    document = isinstance(move.column.data_type, SqlJson)
    changing = None if move.to_table else next(_changing(move, value, owner), None)
    if changing is not None:
        return f"does not move out of its table while {changing}; make the change in two synchronizations"
    return _form(move, value, source, target) if document else None


def _changing(move: ListMove, value: SqlType, owner: _Owner) -> Iterator[str]:
    """What else changes that elements on their way out of a table cannot do without."""
    reference = list_reference(move.table)
    if not _same_key(() if reference is None else reference.referenced_columns, owner):
        yield "the key of the rows changes"
    if not owner.replaced.isdisjoint(named_types(value)):
        yield "labels of its elements go or move"
    if isinstance(move.column.data_type, SqlJson) and not _is_of_kind(value, move.items):
        yield "the type of its elements changes"


def _form(move: ListMove, value: SqlType, source: Catalog, target: Catalog) -> str | None:
    """:returns: Why the elements of a list have no form in a document that both the server and Python know."""
    catalog = target if move.to_table else source
    inner: Iterable[SqlType] = (
        leaves(value, catalog) if isinstance(move.items.element, SqlJson) else [move.items.element]
    )
    refused = sorted(str(leaf) for leaf in inner if _is_foreign(leaf, document=isinstance(move.items.element, SqlJson)))
    if not refused:
        return None
    return (
        f"does not move along, as the server has another form of {refused[0]} in JSON than Python; write the rows anew"
    )


def _same_key(keys: Iterable[LocalId], owner: _Owner) -> bool:
    """:returns: True if columns of the key are the same before and after."""
    before = {column.name: column for column in owner.source.columns}
    after = {column.name: column for column in owner.target.columns}
    return all(name in before and name in after and before[name].data_type == after[name].data_type for name in keys)


def _is_of_kind(stored: SqlType, items: ListItems) -> bool:
    """:returns: True if a value of the type is what the class says that an element is, and can be written as such."""
    kind = type(items.element)
    is_key = items.is_label and isinstance(stored, SqlInteger | SqlLabel)
    return is_key or isinstance(stored, (kind, SqlNamed, *_STORED_AS.get(kind, ())))


def _is_foreign(leaf: SqlType, *, document: bool) -> bool:
    """:param document: True if the value is a part of a JSON document that the server writes, or reads, by itself."""
    return isinstance(leaf, SqlInterval | SqlBit | SqlOpaque) or (document and isinstance(leaf, SqlBinary))
