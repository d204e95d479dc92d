"""Lists that move between columns and tables of their own, as SQL of MySQL and MariaDB."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pysqlsync_engine.dialect.mysql.elements import MySQLElements, lookup_columns, refusal
from pysqlsync_engine.dialect.mysql.writer import MySQLWriter
from pysqlsync_engine.migration.operations import MoveList, Operation
from pysqlsync_engine.migration.plan import Step
from pysqlsync_engine.model.list_types import LIST_POSITION, LIST_VALUE

_LONGEST = 1073741824
"""Bytes of the longest value that a server takes or gives: the highest `max_allowed_packet`."""

_NO_LIST = "no list: "
_TOO_LONG = "list is too long for max_allowed_packet, as JSON it has bytes: "
_DIFFERENT = "list differs from what its table has: "

_PRESENT = "list_present"
_KNOWN = "list_known"
"""Other names of the table of the list, and of the lookup table: a table that is locked has a name for each time that it is read."""


class MySQLListWriter(MySQLWriter):
    """
    Writes operations that move lists.

    The statements last, each by itself; until the last one is done the lists are where they were. Nobody else writes to the tables
    meanwhile, so nothing is written to the place that is dropped.
    """

    def write(self, operation: Operation) -> Step:
        """:returns: The step that performs the operation; one that moves lists lets go of the tables in the end."""
        step = super().write(operation)
        return replace(step, release=("UNLOCK TABLES",)) if isinstance(operation, MoveList) else step

    def move_list(self, operation: MoveList) -> Iterator[str]:
        """:returns: Statements that lock the tables, copy the elements, and drop the place that they come from."""
        owner, table = self.qualified(operation.owner.name), self.qualified(operation.table.name)
        yield f"LOCK TABLES {', '.join(self._locks(operation))}"
        if not operation.to_table:
            yield self._collect(operation)
            yield f"DROP TABLE {table}"
            return
        column = f"{owner}.{self.quote(operation.column.name)}"
        yield (
            f"UPDATE {owner} SET {column} = {column}"
            f" WHERE JSON_TYPE({column}) <> 'ARRAY' AND {refusal(self, _NO_LIST, column)} = 0"
        )
        if operation.lookup is not None and operation.extensible:
            yield self._add_missing_labels(operation, self.qualified(operation.lookup.referenced_table))
        yield self._spread(operation)
        yield f"ALTER TABLE {owner} DROP COLUMN {self.quote(operation.column.name)}"

    def _locks(self, operation: MoveList) -> Iterator[str]:
        yield f"{self.qualified(operation.owner.name)} WRITE"
        yield f"{self.qualified(operation.table.name)} WRITE"
        if operation.to_table:
            yield f"{self.qualified(operation.table.name)} AS {_PRESENT} READ"
        if operation.lookup is not None:
            lookup = self.qualified(operation.lookup.referenced_table)
            yield f"{lookup} AS {_KNOWN} READ"
            if operation.to_table and operation.extensible:
                yield f"{lookup} WRITE"

    def _elements(self, operation: MoveList) -> str:
        """A query for the elements of all lists in a column, with the keys of their rows and their places."""
        owner = self.qualified(operation.owner.name)
        keys = ", ".join(
            f"{owner}.{self.quote(name)} AS key_{n}" for n, (_, name) in enumerate(operation.keys, start=1)
        )
        text = MySQLElements(self, operation).text("list_items.element")
        items = "COLUMNS (place FOR ORDINALITY, element JSON PATH '$')"
        return (
            f"SELECT {keys}, list_items.place - 1 AS place, list_items.element, {text} AS content FROM {owner}"
            f" JOIN JSON_TABLE({owner}.{self.quote(operation.column.name)}, '$[*]' {items}) AS list_items"
        )

    def _spread(self, operation: MoveList) -> str:
        """A statement that makes a row of each element, unless there is such a row."""
        elements, value = MySQLElements(self, operation), self.quote(LIST_VALUE)
        places = [self.quote(own) for own, _ in operation.keys]
        chosen = [f"list_element.key_{number}" for number in range(1, len(places) + 1)]
        if not operation.is_set:
            places.append(self.quote(LIST_POSITION))
            chosen.append("list_element.place")
        rows, key = f"({self._elements(operation)}) AS list_element", None
        if operation.lookup is not None:
            key, label = lookup_columns(self, _KNOWN)
            lookup = self.qualified(operation.lookup.referenced_table)
            rows += f" LEFT JOIN {lookup} AS {_KNOWN} ON {self._is_same_text(label, 'list_element.content')}"
        item = elements.read("list_element.element", "list_element.content", key)
        same = " AND ".join(f"{_PRESENT}.{place} = {choice}" for place, choice in zip(places, chosen, strict=True))
        table = self.qualified(operation.table.name)
        return (
            f"INSERT INTO {table} ({', '.join(places)}, {value}) SELECT {', '.join(chosen)}, {item} FROM {rows}"
            f" WHERE NOT EXISTS (SELECT 1 FROM {table} AS {_PRESENT}"
            f" WHERE {same} AND {elements.is_same(f'{_PRESENT}.{value}', item)})"
        )

    def _add_missing_labels(self, operation: MoveList, lookup: str) -> str:
        _, label = lookup_columns(self, _KNOWN)
        missing = (
            f"NOT EXISTS (SELECT 1 FROM {lookup} AS {_KNOWN} WHERE {self._is_same_text(label, 'list_label.content')})"
        )
        labels = f"SELECT DISTINCT CAST(list_element.content AS BINARY) AS content FROM ({self._elements(operation)}) AS list_element"
        _, value = lookup_columns(self, lookup)
        return (
            f"INSERT INTO {lookup} ({value}) SELECT CONVERT(list_label.content USING utf8mb4) FROM ({labels}) AS list_label"
            f" WHERE list_label.content IS NOT NULL AND {missing}"
        )

    def _is_same_text(self, first: str, second: str) -> str:
        """A condition that two texts are the same to the byte, whatever their collations."""
        return f"CAST({first} AS BINARY) = CAST({second} AS BINARY)"

    def _collect(self, operation: MoveList) -> str:
        """A statement that puts the elements of each list together; a list that is there already must be the same."""
        owner = self.qualified(operation.owner.name)
        column = f"{owner}.{self.quote(operation.column.name)}"
        found = " AND ".join(
            f"list_whole.key_{n} = {owner}.{self.quote(other)}" for n, (_, other) in enumerate(operation.keys, start=1)
        )
        too_long = refusal(self, _TOO_LONG, "list_whole.size")
        # an element, or the list, that is too long would be left out, or cut
        whole = (
            f"CASE WHEN LENGTH(list_whole.items) = list_whole.size THEN COALESCE(CONCAT('[', list_whole.items, ']'), {too_long})"
            f" ELSE {too_long} END"
        )
        items = f"CASE WHEN list_whole.key_1 IS NULL THEN '[]' ELSE {whole} END"
        document = f"JSON_EXTRACT({items}, '$')" if self.features.native_json else items
        refused = refusal(self, _DIFFERENT, column)
        statement = (
            f"{owner} LEFT JOIN ({self._lists(operation)}) AS list_whole ON {found}"
            f" SET {column} = CASE WHEN {column} IS NULL THEN {document} ELSE {refused} END{self.kept_values(operation.owner)}"
            f" WHERE {column} IS NULL OR NOT ({column} <=> {document})"
        )
        if self.features.mariadb:
            return f"SET STATEMENT group_concat_max_len = {_LONGEST:d} FOR UPDATE {statement}"
        return f"UPDATE /*+ SET_VAR(group_concat_max_len = {_LONGEST:d}) */ {statement}"

    def _lists(self, operation: MoveList) -> str:
        """A query for the elements of each list, joined in their order, and for the bytes that they must have together."""
        table = self.qualified(operation.table.name)
        rows, label = table, None
        if operation.lookup is not None:
            key, label = lookup_columns(self, _KNOWN)
            lookup = self.qualified(operation.lookup.referenced_table)
            rows += f" LEFT JOIN {lookup} AS {_KNOWN} ON {key} = {table}.{self.quote(LIST_VALUE)}"
        item = MySQLElements(self, operation).written(f"{table}.{self.quote(LIST_VALUE)}", label)
        place = self.quote(LIST_VALUE if operation.is_set else LIST_POSITION)
        keys = ", ".join(f"{table}.{self.quote(own)} AS key_{n}" for n, (own, _) in enumerate(operation.keys, start=1))
        groups = ", ".join(f"list_element.key_{n}" for n in range(1, len(operation.keys) + 1))
        joined = "GROUP_CONCAT(list_element.item ORDER BY list_element.place SEPARATOR ', ')"
        return (
            f"SELECT {groups}, SUM(LENGTH(list_element.item)) + 2 * (COUNT(*) - 1) AS size, {joined} AS items"
            f" FROM (SELECT {keys}, {table}.{place} AS place, {item} AS item FROM {rows}) AS list_element GROUP BY {groups}"
        )
