"""Temporary tables with records as they were sent, and the SQL that reads them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pysqlsync_engine.dialect.mysql.names import quote, quote_list, quote_table, quote_text
from pysqlsync_engine.dialect.mysql.staging import Cell, Destination, temporary_name
from pysqlsync_engine.model.id_types import LocalId


class Raw:
    """
    A temporary table with records as they were sent, every cell as text, from which the one that is refused is found.

    :param into: The table that refused them.
    :param cells: What becomes of the cells there.
    """

    def __init__(self, into: Destination, cells: Sequence[Cell]) -> None:
        self.into = into
        self.cells = cells
        self.name = temporary_name()
        taken = {cell.column.name for cell in cells}
        self.number = LocalId(next(n for n in ("row", "row_number", self.name.name) if n not in taken))

    @property
    def destination(self) -> Destination:
        """Where records are sent."""
        return Destination(self.name, self.number)

    def create(self) -> str:
        columns = "".join(f", {quote(cell.column)} longtext CHARACTER SET utf8mb4" for cell in self.cells)
        return (
            f"CREATE TEMPORARY TABLE {quote_table(self.name)} ({quote(self.number)} bigint NOT NULL PRIMARY KEY{columns})"
            " ENGINE = InnoDB"
        )

    def insert(self, start: int, stop: int, sent: int) -> str:
        """
        :param start: Number of the row before the first one.
        :param stop: Number of the last row.
        :param sent: What is added to the numbers of rows.
        """
        numbers = [] if self.into.number is None else [self.into.number]
        number = f"r.{quote(self.number)}"
        values = [cell.cast.replace("{}", f"r.{quote(cell.column)}") for cell in self.cells]
        selected = [*([f"{number} + {sent:d}"] if numbers else []), *values]
        return (
            f"INSERT INTO {quote_table(self.into.name)} ({quote_list([*numbers, *(c.column for c in self.cells)])})"
            f" SELECT {', '.join(selected)} FROM {quote_table(self.name)} r"
            f" WHERE {number} > {start:d} AND {number} <= {stop:d} ORDER BY {number}"
        )

    def value_of(self, column: str, number: int) -> str:
        """:returns: Query for the text of a cell of one row."""
        return f"SELECT {quote(column)} FROM {quote_table(self.name)} WHERE {quote(self.number)} = {number:d}"

    def records(self, numbers: Iterable[int]) -> str:
        """:returns: Query for rows as JSON objects, in order of their numbers."""
        pairs = ", ".join(f"{quote_text(cell.column.name)}, {quote(cell.column)}" for cell in self.cells)
        listed = ", ".join(f"{number:d}" for number in numbers)
        return (
            f"SELECT JSON_OBJECT({pairs}) FROM {quote_table(self.name)} WHERE {quote(self.number)} IN ({listed})"
            f" ORDER BY {quote(self.number)}"
        )
