"""Queries by which the demo verifies what is in the database."""

from __future__ import annotations

from datetime import date

from pysqlsync_engine.base import ConnectionContext
from pysqlsync_engine.model.object_types import Table


async def count_rows_by_day(connection: ConnectionContext, table: Table) -> dict[date, int]:
    """:returns: Number of rows of each day that has any, in a table with columns for year, month and day."""
    rows = await connection.session.fetch(
        f'SELECT "year", "month", "day", count(*) FROM {table.name} GROUP BY "year", "month", "day"'
    )
    return {date(year, month, day): int(count) for year, month, day, count in rows}
