"""The staging table of one stream, and the SQL that reads it."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import uuid4

from pysqlsync_engine.data.load_options import LoadMode
from pysqlsync_engine.data.target import LoadTarget
from pysqlsync_engine.dialect.mysql.names import quote, quote_list, quote_table
from pysqlsync_engine.dialect.mysql.transfer import Transfer
from pysqlsync_engine.model.constraint_types import ForeignKeyConstraint
from pysqlsync_engine.model.id_types import LocalId, QualifiedId


class Staging:
    """
    A temporary table whose columns are typed like those of the table that they are meant for, but none has a constraint.

    Its key is that of the table, so that the last row of a key takes the place of those before; rows that are inserted only
    have their number as key. A statement can refer to it once: https://dev.mysql.com/doc/refman/8.4/en/temporary-table-problems.html
    """

    def __init__(self, target: LoadTarget, transfers: Sequence[Transfer]) -> None:
        self.target = target
        self.transfers = transfers
        self.name = QualifiedId(None, f"pysqlsync_{uuid4().hex}")
        self.number = next(n for n in ("row", "row_number", self.name.name) if n not in target.table.column_names)
        self.target_names = frozenset(column.name.name for column in target.columns)
        key = target.table.primary_key
        self.keys: Sequence[LocalId] = () if key is None else key.columns
        named = {column.name for column in target.columns}
        self.is_partial = any(not c.is_optional and c.name not in named for c in target.table.columns)
        self.foreign_keys = [key for key in target.table.foreign_keys if named.issuperset(key.columns)]
        self.may_refer_to_itself = target.mode is not LoadMode.DELETE and any(
            key.referenced_table == target.table.name for key in self.foreign_keys
        )
        self._table = quote_table(target.table.name)
        self._values = {t.column.name: self._value(position) for position, t in enumerate(transfers)}

    @property
    def updated(self) -> list[LocalId]:
        """Columns that a row gets new values in if it exists."""
        return [column.name for column in self.target.columns if column.name not in self.keys]

    def create(self) -> str:
        staged = [t for t in self.transfers if t.staged is not None]
        own = [f"{quote(t.column.name)} {t.staged}{'' if t.column.nullable else ' NOT NULL'}" for t in staged]
        key = [self.number] if self.target.mode is LoadMode.INSERT else self.keys
        definitions = [f"{quote(self.number)} bigint NOT NULL", *own, f"PRIMARY KEY ({quote_list(key)})"]
        # all columns are selected, as the server asks for a value, though no row is
        selected = [f"0 AS {quote(self.number)}"]
        selected += [f"{'' if t.staged is None else '0 AS '}{quote(t.column.name)}" for t in self.transfers]
        return (
            f"CREATE TEMPORARY TABLE {quote_table(self.name)} ({', '.join(definitions)})"
            f" ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 AS SELECT {', '.join(selected)} FROM {self._table} LIMIT 0"
        )

    def part(self, start: int, stop: int | None) -> str:
        """
        :param start: Number of the row before the first one.
        :param stop: Number of the last row; `None` for all rows.
        :returns: Condition for some of the rows.
        """
        return "TRUE" if stop is None else f"s.{quote(self.number)} > {start:d} AND s.{quote(self.number)} <= {stop:d}"

    def insert(self, part: str) -> str:
        return f"{self._insert()} {self._select(part)} ORDER BY s.{quote(self.number)}"

    def upsert(self, part: str) -> str:
        """
        :returns: Statement that inserts rows, and updates those that exist.

        The server also takes a row for existing that has the same values in another unique key. It would then update a row
        that the stream does not mean; the key of that one is therefore set to NULL, which the server refuses.
        """
        guard = f"{self._table}.{quote(self.keys[0])}"
        assigned = [f"{guard} = IF({self._matches(self._table)}, {guard}, NULL)"]
        assigned += [f"{self._table}.{quote(name)} = {self._values[name]}" for name in self.updated]
        return (
            f"{self._insert()} {self._select(part)} ORDER BY {quote_list(self.keys, 's.')}"
            f" ON DUPLICATE KEY UPDATE {', '.join(assigned)}"
        )

    def update(self, part: str) -> str:
        assigned = ", ".join(f"t.{quote(name)} = {self._values[name]}" for name in self.updated)
        return (
            f"UPDATE {self._joined()} STRAIGHT_JOIN {self._table} t ON {self._matches('t')} SET {assigned} WHERE {part}"
        )

    def insert_missing(self, part: str) -> str:
        select = self._select(
            f"{part} AND t.{quote(self.keys[0])} IS NULL", f" LEFT JOIN {self._table} t ON {self._matches('t')}"
        )
        return f"{self._insert()} {select} ORDER BY {quote_list(self.keys, 's.')}"

    def delete(self, part: str) -> str:
        return f"DELETE t FROM {self._joined()} STRAIGHT_JOIN {self._table} t ON {self._matches('t')} WHERE {part}"

    def count(self, part: str) -> str:
        return f"SELECT count(*) FROM {quote_table(self.name)} s WHERE {part}"

    def count_existing(self, part: str) -> str:
        """:returns: Query that counts the rows which exist, and locks them in the order of their keys."""
        return (
            f"SELECT count(*) FROM {self._joined()} STRAIGHT_JOIN {self._table} t ON {self._matches('t')}"
            f" WHERE {part} FOR UPDATE"
        )

    def first_and_last(self) -> str:
        number = quote(self.number)
        return f"SELECT min({number}), max({number}) FROM {quote_table(self.name)}"

    def value_of(self, column: str, number: int) -> str:
        """:returns: Query for the text of a value of one row."""
        return f"SELECT CAST({quote(column)} AS CHAR) FROM {quote_table(self.name)} WHERE {quote(self.number)} = {number:d}"

    def unknown_label(self, position: int) -> str:
        """:returns: Query for number and label of the first row whose label the lookup table lacks."""
        label = f"s.{quote(self.transfers[position].column.name)}"
        return (
            f"SELECT s.{quote(self.number)}, {label} FROM {quote_table(self.name)} s{self._join(position)}"
            f" WHERE {label} IS NOT NULL AND l{position}.`id` IS NULL ORDER BY 1 LIMIT 1"
        )

    def add_labels(self, position: int, table: QualifiedId) -> str:
        """:returns: Statement that adds the labels of a column that its lookup table lacks."""
        label = f"s.{quote(self.transfers[position].column.name)}"
        return (
            f"INSERT INTO {quote_table(table)} (`value`) SELECT DISTINCT {label} FROM {quote_table(self.name)} s"
            f"{self._join(position)} WHERE {label} IS NOT NULL AND l{position}.`id` IS NULL ORDER BY 1"
            f" ON DUPLICATE KEY UPDATE {quote_table(table)}.`id` = {quote_table(table)}.`id`"
        )

    def missing(self, key: ForeignKeyConstraint) -> str:
        """:returns: Query for number and values of the first row that refers to a row which does not exist; locks the others."""
        values = [self._values[name] for name in key.columns]
        pairs = zip(values, key.referenced_columns, strict=True)
        matches = " AND ".join(f"o.{quote(other)} = {value}" for value, other in pairs)
        given = " AND ".join(f"{value} IS NOT NULL" for value in values)
        return (
            f"SELECT s.{quote(self.number)}, CONCAT_WS(', ', {', '.join(values)}) FROM {self._joined()}"
            f" LEFT JOIN {quote_table(key.referenced_table)} o ON {matches}"
            f" WHERE {given} AND o.{quote(key.referenced_columns[0])} IS NULL ORDER BY 1 LIMIT 1 LOCK IN SHARE MODE"
        )

    def _insert(self) -> str:
        return f"INSERT INTO {self._table} ({quote_list(column.name for column in self.target.columns)})"

    def _select(self, part: str, join: str = "") -> str:
        return f"SELECT {', '.join(self._values.values())} FROM {self._joined()}{join} WHERE {part}"

    def _joined(self) -> str:
        joins = [self._join(position) for position, t in enumerate(self.transfers) if t.lookup is not None]
        return f"{quote_table(self.name)} s{''.join(joins)}"

    def _join(self, position: int) -> str:
        """:returns: Join with the row of a lookup table that has exactly the same label, to the byte."""
        transfer = self.transfers[position]
        if transfer.lookup is None:
            return ""
        return (
            f" LEFT JOIN {quote_table(transfer.lookup.table)} l{position}"
            f" ON CAST(l{position}.`value` AS BINARY) = CAST(s.{quote(transfer.column.name)} AS BINARY)"
        )

    def _value(self, position: int) -> str:
        transfer = self.transfers[position]
        if transfer.lookup is not None:
            return f"l{position}.`id`"
        return transfer.cast.replace("{}", f"s.{quote(transfer.column.name)}")

    def _matches(self, table: str) -> str:
        return " AND ".join(f"{table}.{quote(key)} = {self._values[key]}" for key in self.keys)
