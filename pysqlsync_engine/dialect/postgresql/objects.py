"""Tables with what only PostgreSQL knows of them."""

from __future__ import annotations

from dataclasses import dataclass, field

from pysqlsync_engine.model.object_types import Table
from pysqlsync_engine.model.vendor_markers import PostgreSQLOptions


@dataclass(frozen=True, slots=True)
class PostgreSQLTable(Table):
    """
    A table of PostgreSQL.

    :param partition_by: How rows are spread over partitions, as the server prints it: `RANGE (placed)`; partitions
        themselves are not in a catalog.
    :param unlogged: True if rows are lost when the server crashes.
    """

    partition_by: str | None = field(default=None, kw_only=True)
    unlogged: bool = field(default=False, kw_only=True)

    @property
    def vendor_markers(self) -> tuple[object, ...]:
        """Options for `__table__`; none for a table that is as usual."""
        options = PostgreSQLOptions(self.partition_by, self.unlogged)
        return () if options == PostgreSQLOptions() else (options,)
