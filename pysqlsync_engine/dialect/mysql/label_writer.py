"""Labels in rows and in lookup tables, as SQL of MySQL and MariaDB."""

from __future__ import annotations

from pysqlsync_engine.dialect.ansi import LOOKUP_VALUE, AnsiWriter
from pysqlsync_engine.dialect.label_writer import KEY_MARK
from pysqlsync_engine.dialect.mysql.objects import MySQLColumn
from pysqlsync_engine.migration.relabelling import KEY_DECIMALS
from pysqlsync_engine.model.object_types import Table


class MySQLLabelWriter(AnsiWriter):
    """Writes operations on rows that have labels."""

    def cast_key(self, expression: str) -> str:
        """:returns: An expression for the key that a text is; the text may have digits after a point."""
        return f"CAST(CAST({expression} AS DECIMAL(20)) AS SIGNED)"

    def is_marked_key(self) -> str:
        """:returns: What follows the name of a column in the condition that it holds a key, in either of two forms."""
        digits = "0" * KEY_DECIMALS
        return f"REGEXP {self.literal(f'^({KEY_MARK}[0-9]+|[0-9]+[.]{digits})$')}"

    def kept_values(self, table: Table) -> str:
        """:returns: Assignments that keep columns from getting the time of the update."""
        touched = [c for c in table.columns if isinstance(c, MySQLColumn) and c.on_update is not None]
        return "".join(f", {self.quote(column.name)} = {self.quote(column.name)}" for column in touched)

    def insert_labels(self, table: Table, labels: tuple[str, ...]) -> str:
        """:returns: A statement that adds those labels that another session has not added meanwhile."""
        value = self.quote(LOOKUP_VALUE)
        return f"{super().insert_labels(table, labels)} ON DUPLICATE KEY UPDATE {value} = {value}"
