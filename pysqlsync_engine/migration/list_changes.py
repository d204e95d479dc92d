"""Lists that move between a column and a table of their own, as immutable values; an operation of its own."""

from __future__ import annotations

from dataclasses import dataclass

from pysqlsync_engine.model.data_types import SqlInteger
from pysqlsync_engine.model.id_types import LocalId
from pysqlsync_engine.model.list_types import LIST_POSITION, LIST_VALUE, ListItems
from pysqlsync_engine.model.object_types import Column, ForeignKeyConstraint, Table


@dataclass(frozen=True, slots=True)
class MoveList:
    """
    Copy the elements of all lists from a column into the table of the list, or back, and drop the place that they come from.

    What is there already stays if it is the same, so a copy that was interrupted is completed; if it differs, nothing is done.

    :param owner: Table whose rows have the list, as it is by then, with the column.
    :param column: Of the owner. It permits NULL, and has no value yet, if the lists come into it.
    :param table: Of the list, as it is by then, but for its foreign keys if the elements come into it.
    :param to_table: False if the lists come into the column.
    """

    owner: Table
    column: Column
    table: Table
    items: ListItems
    to_table: bool

    @property
    def value(self) -> Column:
        """Column of the table with the elements."""
        return self.table.column(LIST_VALUE.name)

    @property
    def is_set(self) -> bool:
        """True if the elements have no places in the table."""
        return not has_position(self.table)

    @property
    def keys(self) -> tuple[tuple[LocalId, LocalId], ...]:
        """Columns of the table of the list that tell whose list it is, and those of the owner that they refer to."""
        reference = list_reference(self.table)
        assert reference is not None, "a list is not moved unless its table refers to its owner"  # noqa: S101
        return tuple(zip(reference.columns, reference.referenced_columns, strict=True))

    @property
    def lookup(self) -> ForeignKeyConstraint | None:
        """Reference to the lookup table that the elements are keys of; `None` if they are no keys of labels."""
        if not self.items.is_label or not isinstance(self.value.data_type, SqlInteger):
            return None
        return next((key for key in self.table.foreign_keys if key.columns == (LIST_VALUE,)), None)

    @property
    def extensible(self) -> bool:
        """True if the lookup table gets labels that lists have and it has not."""
        return any(lookup.column == LIST_VALUE and lookup.extensible for lookup in self.table.lookups)

    @property
    def forgets_null(self) -> bool:
        """True if a row may have no list, which becomes an empty one."""
        return self.to_table and self.column.nullable


def has_position(table: Table) -> bool:
    """:returns: True if elements have places in the table of a list."""
    return any(column.name == LIST_POSITION for column in table.columns)


def list_reference(table: Table) -> ForeignKeyConstraint | None:
    """:returns: The reference of the table of a list to the rows that have the list; `None` if it is no such table."""
    last = LIST_POSITION if has_position(table) else LIST_VALUE
    key = () if table.primary_key is None else table.primary_key.columns
    others = {column.name for column in table.columns} - {last, LIST_VALUE}
    if not others or key[-1:] != (last,) or set(key[:-1]) != others:
        return None
    return next((reference for reference in table.foreign_keys if reference.columns == key[:-1]), None)
