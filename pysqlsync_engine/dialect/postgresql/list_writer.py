"""Lists that move between columns and tables of their own, as SQL of PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

from pysqlsync_engine.dialect.label_writer import LOOKUP_VALUE
from pysqlsync_engine.dialect.postgresql.elements import PostgreSQLElements
from pysqlsync_engine.dialect.postgresql.writer import PostgreSQLWriter
from pysqlsync_engine.migration.operations import MoveList
from pysqlsync_engine.model.data_types import SqlArray, SqlJson, SqlType
from pysqlsync_engine.model.list_types import LIST_POSITION, LIST_VALUE

_DIFFERENT = "differs from what its table has: "
"""Before a list that is there already, for which a cast then fails."""


class PostgreSQLListWriter(PostgreSQLWriter):
    """Writes operations that move lists, in a transaction in which nobody else reads or writes the two tables."""

    def move_list(self, operation: MoveList) -> Iterator[str]:
        """:returns: Statements that copy the elements, and drop the place that they come from."""
        owner, table = self.qualified(operation.owner.name), self.qualified(operation.table.name)
        yield f"LOCK TABLE {owner}, {table} IN ACCESS EXCLUSIVE MODE"
        if not operation.to_table:
            yield self._collect(operation)
            yield f"DROP TABLE {table}"
            return
        if operation.lookup is not None and operation.extensible:
            yield self._add_missing_labels(operation, self.qualified(operation.lookup.referenced_table))
        yield self._spread(operation)
        yield f"ALTER TABLE {owner} DROP COLUMN {self.quote(operation.column.name)}"

    def _spread(self, operation: MoveList) -> str:
        """A statement that makes a row of each element, unless there is such a row."""
        places = [self.quote(own) for own, _ in operation.keys]
        chosen = [f"e.key_{number}" for number in range(1, len(places) + 1)]
        if not operation.is_set:
            places.append(self.quote(LIST_POSITION))
            chosen.append("e.place")
        value, table = self.quote(LIST_VALUE), self.qualified(operation.table.name)
        item = PostgreSQLElements(self, operation).moved("r.element")
        keys = ", ".join(f"r.key_{number}" for number in range(1, len(operation.keys) + 1))
        same = " AND ".join(f"l.{place} = {choice}" for place, choice in zip(places, chosen, strict=True))
        return (
            f"INSERT INTO {table} ({', '.join(places)}, {value}) SELECT {', '.join(chosen)}, e.item"
            f" FROM (SELECT {keys}, r.place, {item} AS item FROM ({self._elements(operation)}) AS r) AS e"
            f" WHERE NOT EXISTS (SELECT 1 FROM {table} AS l"
            f" WHERE {same} AND l.{value}::text IS NOT DISTINCT FROM e.item::text)"
        )

    def _elements(self, operation: MoveList) -> str:
        """A query for the elements of all lists in a column, with the keys of their rows and their places."""
        keys = ", ".join(f"o.{self.quote(name)} AS key_{n}" for n, (_, name) in enumerate(operation.keys, start=1))
        column, owner = f"o.{self.quote(operation.column.name)}", self.qualified(operation.owner.name)
        if isinstance(operation.column.data_type, SqlArray):
            # as a row source, a list of a composite type would fall apart into its members; of more dimensions, it has no places
            place = f"pg_catalog.generate_subscripts({column}, 1) - pg_catalog.array_lower({column}, 1)"
            return f"SELECT {keys}, {place} AS place, pg_catalog.unnest({column}) AS element FROM {owner} AS o"
        kind = "jsonb" if operation.column.data_type == SqlJson() else "json"
        items = f"pg_catalog.{kind}_array_elements({column}) WITH ORDINALITY AS i(element, number)"
        return (
            f"SELECT {keys}, (i.number - 1)::integer AS place, i.element FROM {owner} AS o CROSS JOIN LATERAL {items}"
        )

    def _add_missing_labels(self, operation: MoveList, lookup: str) -> str:
        value, label = self.quote(LOOKUP_VALUE), PostgreSQLElements(self, operation).label("r.element")
        labels = f"SELECT {label} AS label FROM ({self._elements(operation)}) AS r"
        missing = f"NOT EXISTS (SELECT 1 FROM {lookup} AS known WHERE known.{value} = e.label)"
        return (
            f"INSERT INTO {lookup} ({value}) SELECT DISTINCT e.label FROM ({labels}) AS e"
            f" WHERE e.label IS NOT NULL AND {missing}"
        )

    def _collect(self, operation: MoveList) -> str:
        """A statement that puts the elements of each list together; a list that is there already must be the same."""
        owner, column = self.qualified(operation.owner.name), self.quote(operation.column.name)
        data_type = self.data_type(operation.column.data_type)
        numbered = list(enumerate(operation.keys, start=1))
        groups = ", ".join(f"l.{self.quote(own)}" for own, _ in operation.keys)
        joined = " AND ".join(f"g.key_{n} = o.{self.quote(other)}" for n, (_, other) in numbered)
        found = " AND ".join(f"e.key_{n} = {owner}.{self.quote(other)}" for n, (_, other) in numbered)
        grouped = (
            f"SELECT {', '.join(f'l.{self.quote(own)} AS key_{n}' for n, (own, _) in numbered)},"
            f" {self._aggregate(operation)} AS items FROM {self.qualified(operation.table.name)} AS l GROUP BY {groups}"
        )
        empty = "'{}'" if isinstance(operation.column.data_type, SqlArray) else "'[]'"
        lists = (
            f"SELECT {', '.join(f'o.{self.quote(other)} AS key_{n}' for n, (_, other) in numbered)},"
            f" COALESCE(g.items, {empty}) AS items FROM {owner} AS o LEFT JOIN ({grouped}) AS g ON {joined}"
        )
        refused = f"({self.literal(_DIFFERENT)} || {owner}.{column}::text)::{data_type}"
        return (
            f"UPDATE {owner} SET {column} = CASE WHEN {owner}.{column} IS NULL THEN e.items ELSE {refused} END"
            f" FROM ({lists}) AS e WHERE {found}"
            f" AND {owner}.{column}::text IS DISTINCT FROM e.items::{data_type}::text"
        )

    def _aggregate(self, operation: MoveList) -> str:
        item = PostgreSQLElements(self, operation).moved(f"l.{self.quote(LIST_VALUE)}")
        order = self.quote(LIST_VALUE if operation.is_set else LIST_POSITION)
        kinds: dict[SqlType, str] = {SqlJson(): "jsonb_agg", SqlJson(binary=False): "json_agg"}
        return f"pg_catalog.{kinds.get(operation.column.data_type, 'array_agg')}({item} ORDER BY l.{order})"
