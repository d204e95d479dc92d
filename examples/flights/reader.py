"""Queries by which the demo verifies what is in the database."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date

from pysqlsync_engine.base import ConnectionContext
from pysqlsync_engine.model.id_types import QualifiedId
from pysqlsync_engine.model.object_types import Table


@dataclass(frozen=True, slots=True)
class Rejection:
    """
    Rows that were set aside for the same reason.

    :param column: Column at fault.
    :param values: What these rows have there, in order; each once.
    """

    column: str
    reason: str
    rows: int
    values: tuple[str, ...]


async def count_rows_by_day(connection: ConnectionContext, table: Table) -> Counter[str]:
    """:returns: Number of rows of each day, by partition key, in a table with columns for year, month and day."""
    rows = await connection.session.fetch(
        f'SELECT "year", "month", "day", count(*) FROM {table.name} GROUP BY "year", "month", "day"'
    )
    return Counter({date(year, month, day).isoformat(): int(count) for year, month, day, count in rows})


async def count_stubs(connection: ConnectionContext, planes: Table) -> int:
    """:returns: Number of planes that the register does not have: those without a type."""
    ((stubs,),) = await connection.session.fetch(f'SELECT count(*) FROM {planes.name} WHERE "type" IS NULL')
    return int(stubs)


def rejected_table(table: Table) -> QualifiedId:
    """:returns: The table that has the rejected rows of another one."""
    return QualifiedId(table.name.namespace, f"{table.name.name}__rejected")


async def count_rejected_by_day(connection: ConnectionContext, table: Table, source: str) -> Counter[str]:
    """
    :param source: Name of the record source.
    :returns: Number of rejected rows of each day, by partition key.
    """
    rows = await connection.session.fetch(
        f"SELECT split_part(batch, '/', 2), count(*) FROM {rejected_table(table)} WHERE split_part(batch, '/', 1) = $1"
        " GROUP BY 1",
        source,
    )
    return Counter({key: int(count) for key, count in rows})


async def rejections(connection: ConnectionContext, table: Table, source: str) -> list[Rejection]:
    """:returns: Why rows of a record source were set aside, the most frequent reason first."""
    rows = await connection.session.fetch(
        "SELECT column_name, reason, count(*), array_agg(DISTINCT record::jsonb ->> column_name)"
        f" FROM {rejected_table(table)} WHERE split_part(batch, '/', 1) = $1 GROUP BY 1, 2 ORDER BY 3 DESC",
        source,
    )
    return [Rejection(column, reason, int(count), tuple(values)) for column, reason, count, values in rows]
