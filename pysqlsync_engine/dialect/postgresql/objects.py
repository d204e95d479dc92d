"""Tables with what only PostgreSQL knows of them."""

from __future__ import annotations

from dataclasses import dataclass, field

from pysqlsync_engine.model.object_types import Table


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
