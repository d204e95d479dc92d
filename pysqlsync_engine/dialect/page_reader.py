"""Queries that read a table, or the result of a query, a page at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pysqlsync_engine.model.id_types import QualifiedId


@dataclass(frozen=True, slots=True)
class PageReader:
    """
    How a dialect spells such queries.

    :param quote: The name of a column as SQL.
    :param quote_table: The name of a table as SQL.
    :param placeholder: What stands for a bind value, by its number from 1.
    :param embed: SQL of a user as part of a statement with bind values.
    :param compares_rows: True if the server finds `(a, b) > (1, 2)` by an index of both columns.
    :param has_cursors: True if the result of a query can be fetched in pieces.
    """

    quote: Callable[[str], str]
    quote_table: Callable[[QualifiedId], str]
    placeholder: Callable[[int], str]
    embed: Callable[[str], str]
    compares_rows: bool
    has_cursors: bool

    def rows(self, source: QualifiedId | str, columns: Sequence[str], bounds: Sequence[tuple[str, str]]) -> str:
        """
        :param source: A table, or the text of a query.
        :param bounds: Columns and operators; each compares with a bind value, in this order.
        :returns: Statement for all rows.
        """
        return self._select(source, columns, self._conditions(bounds))

    def page(
        self,
        source: QualifiedId | str,
        columns: Sequence[str],
        bounds: Sequence[tuple[str, str]],
        keys: Sequence[str],
        *,
        follows: bool,
        rows: int,
    ) -> str:
        """
        :param keys: Columns that tell rows apart, none of them NULL.
        :param follows: True for the rows after the one whose key the last bind values are.
        :param rows: Most rows of the page.
        :returns: Statement for the next rows in the order of the keys. Where the server compares no rows, each key but the last is
            bound several times; see `key_values`.
        """
        conditions = self._conditions(bounds)
        if follows:
            conditions.append(self._after(keys, len(bounds)))
        order = ", ".join(map(self.quote, keys))
        return f"{self._select(source, columns, conditions)} ORDER BY {order} LIMIT {rows:d}"

    def key_values(self, key: Sequence[object]) -> list[object]:
        """:returns: The bind values for the key of the last row of a page."""
        if self.compares_rows:
            return list(key)
        return [key[0], *(value for length in range(len(key)) for value in key[: length + 1])]

    def declare(self, cursor: str, statement: str) -> str:
        """:returns: Statement that opens a cursor, inside of a transaction."""
        return f"DECLARE {self.quote(cursor)} NO SCROLL CURSOR FOR {statement}"

    def fetch(self, cursor: str, rows: int) -> str:
        """:returns: Statement that fetches the next rows of a cursor."""
        return f"FETCH FORWARD {rows:d} FROM {self.quote(cursor)}"

    def _select(self, source: QualifiedId | str, columns: Sequence[str], conditions: Sequence[str]) -> str:
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        if isinstance(source, QualifiedId):
            relation = self.quote_table(source)
        else:
            text = source.strip().removesuffix(";")
            # without bind values, nobody looks for places for them
            relation = f"({self.embed(text) if conditions else text}) pysqlsync_source"
        return f"SELECT {', '.join(map(self.quote, columns))} FROM {relation}{where}"

    def _conditions(self, bounds: Sequence[tuple[str, str]]) -> list[str]:
        return [
            f"{self.quote(column)} {operator} {self.placeholder(number)}"
            for number, (column, operator) in enumerate(bounds, start=1)
        ]

    def _after(self, keys: Sequence[str], bound: int) -> str:
        names = [self.quote(key) for key in keys]
        if self.compares_rows:
            values = [self.placeholder(bound + position) for position in range(1, len(keys) + 1)]
            return f"({', '.join(names)}) > ({', '.join(values)})"
        # the first comparison lets the server use an index
        number = bound + 1
        first = f"{names[0]} >= {self.placeholder(number)}"
        ways: list[str] = []
        for length in range(len(names)):
            parts: list[str] = []
            for position in range(length + 1):
                number += 1
                operator = ">" if position == length else "="
                parts.append(f"{names[position]} {operator} {self.placeholder(number)}")
            ways.append(f"({' AND '.join(parts)})")
        return f"{first} AND ({' OR '.join(ways)})"
