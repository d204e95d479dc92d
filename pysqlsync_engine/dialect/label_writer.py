"""Labels in rows and in lookup tables, as ANSI SQL; what dialects have in common."""

from __future__ import annotations

from collections.abc import Iterator

from pysqlsync_engine.dialect.type_writer import AnsiTypeWriter
from pysqlsync_engine.migration.operations import MergeLabels, RelabelColumn, Relabelling
from pysqlsync_engine.model.object_types import Column, Table

LOOKUP_KEY = "id"
"""Column of a lookup table that holds the keys of labels."""

LOOKUP_VALUE = "value"
"""Column of a lookup table that holds the labels."""

KEY_MARK = "  "
"""Before a printed key, while a column holds keys for labels: casts skip it, and a second run can tell it from a label."""

_NO_LABEL = "no label of the enumeration: "
"""Before a value that has no key, for which a cast then fails."""


class AnsiLabelWriter(AnsiTypeWriter):
    """Writes operations on rows that have labels as ANSI SQL."""

    def relabel(self, operation: RelabelColumn) -> Iterator[str]:
        """:returns: Statements that replace labels, or keys and labels by each other, all rows at once."""
        table, labels = operation.table, operation.labels
        own = f"{self.qualified(table.name)}.{self.quote(operation.column.name)}"
        replacement: list[str] = []
        if labels:
            choices = " ".join(f"WHEN {self.literal(x)} THEN {self.literal(y)}" for x, y in labels)
            former = ", ".join(self.literal(label) for label, _ in labels)
            name = self.quote(operation.column.name)
            replacement = [self._update(table, operation.column, f"CASE {name} {choices} END", f"IN ({former})")]
        if operation.kind is Relabelling.SETS:
            yield from self._relabel_sets(operation, own)
        elif operation.lookup is None:
            yield from replacement
        elif operation.kind is Relabelling.TO_LABELS:
            key = f"{self.quote(LOOKUP_KEY)} = {self.cast_key(own)}"
            label = f"(SELECT {self.quote(LOOKUP_VALUE)} FROM {self.qualified(operation.lookup)} WHERE {key})"
            yield self._update(table, operation.column, f"COALESCE({label}, {own})", self.is_marked_key())
            yield from replacement
        else:
            yield from replacement
            yield from self._to_keys(operation, self.qualified(operation.lookup), own)

    def _relabel_sets(self, operation: RelabelColumn, own: str) -> Iterator[str]:
        comma = self.literal(",")
        labels = f"CONCAT({comma}, {own}, {comma})"
        for former, label in operation.labels:
            labels = f"REPLACE({labels}, {self.literal(f',{former},')}, {self.literal(f',{label},')})"
        yield self._update(operation.table, operation.column, f"TRIM(BOTH {comma} FROM {labels})", "IS NOT NULL")

    def _to_keys(self, operation: RelabelColumn, lookup: str, own: str) -> Iterator[str]:
        value, printed = self.quote(LOOKUP_VALUE), self.mark_key(self.quote(LOOKUP_KEY))
        if operation.extensible:
            missing = f"NOT EXISTS (SELECT 1 FROM {lookup} WHERE {value} = {own} OR {printed} = {own})"
            rows = f"FROM {self.qualified(operation.table.name)} WHERE {own} IS NOT NULL AND {missing}"
            yield f"INSERT INTO {lookup} ({value}) SELECT DISTINCT {own} {rows}"
        found = ", ".join(f"(SELECT {printed} FROM {lookup} WHERE {each} = {own})" for each in (value, printed))
        keys = f"COALESCE({found}, CONCAT({self.literal(_NO_LABEL)}, {own}))"
        yield self._update(operation.table, operation.column, keys, "IS NOT NULL")

    def _update(self, table: Table, column: Column, value: str, condition: str) -> str:
        name = self.quote(column.name)
        return f"UPDATE {self.qualified(table.name)} SET {name} = {value}{self.kept_values(table)} WHERE {name} {condition}"

    def mark_key(self, key: str) -> str:
        """:returns: An expression for a key, printed with a mark that no label has."""
        return f"CONCAT({self.literal(KEY_MARK)}, {key})"

    def is_marked_key(self) -> str:
        """:returns: What follows the name of a column of text in the condition that it holds a key, printed with a mark."""
        return f"LIKE {self.literal(f'{KEY_MARK}%')}"

    def cast_key(self, expression: str) -> str:
        """:returns: An expression for the key that a text is."""
        return f"CAST({expression} AS INTEGER)"

    def kept_values(self, table: Table) -> str:
        """:returns: Further assignments of an update, so that columns which the server would change keep their values."""
        del table
        return ""

    def merge_labels(self, operation: MergeLabels) -> Iterator[str]:
        """:returns: Statements that replace keys of labels wherever they are used, and drop these labels."""
        lookup, value = self.qualified(operation.table.name), self.quote(LOOKUP_VALUE)
        for table, column in operation.uses:
            name = self.quote(column.name)
            for pair in operation.labels:
                former, key = (
                    f"(SELECT {self.quote(LOOKUP_KEY)} FROM {lookup} WHERE {value} = {self.literal(label)})"
                    for label in pair
                )
                kept = self.kept_values(table)
                yield f"UPDATE {self.qualified(table.name)} SET {name} = {key}{kept} WHERE {name} = {former}"
        gone = ", ".join(self.literal(former) for former, _ in operation.labels)
        yield f"DELETE FROM {lookup} WHERE {value} IN ({gone})"
