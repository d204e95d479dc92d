"""Finds how far the rows of a stream have come, by the highest value of a column."""

from __future__ import annotations

from collections.abc import Iterable

from pysqlsync_engine.data.target import LoadTarget
from pysqlsync_engine.dialect.postgresql.staging import Staging
from pysqlsync_engine.model.data_types import SqlCharacter
from pysqlsync_engine.model.object_types import Column
from pysqlsync_engine.session import Session


async def find_watermark(session: Session, staging: Staging) -> str | None:
    """:returns: The highest value of the watermark's column in the staged rows, as text; `None` if there is none."""
    column = _watermark_column(staging.target)
    return None if column is None else await _highest(session, column, staging.rows(staging.rows_staged))


async def find_highest(session: Session, target: LoadTarget) -> str | None:
    """:returns: The highest value in a table that has no rows but those of the stream; as `find_watermark`."""
    column = _watermark_column(target)
    return None if column is None else await _highest(session, column, f"SELECT {column.name} FROM {target.table.name}")


async def highest_of(session: Session, target: LoadTarget, values: Iterable[str | None]) -> str | None:
    """:returns: The highest of some values of the watermark's column; `None` if none is given."""
    column = _watermark_column(target)
    given = [value for value in values if value is not None]
    if column is None or not given:
        return None
    # text as the type of the column reads it
    record = f"pg_catalog.jsonb_populate_record(NULL::{target.table.name}, pg_catalog.jsonb_build_object($2::text, v))"
    rows = f"SELECT ({record}).{column.name} FROM pg_catalog.unnest($1::text[]) v"
    return await _highest(session, column, rows, given, column.name.name)


def _watermark_column(target: LoadTarget) -> Column | None:
    watermark = target.options.watermark
    return None if watermark is None or watermark.column is None else target.table.column(watermark.column)


async def _highest(session: Session, column: Column, rows: str, *arguments: object) -> str | None:
    # text is compared by code points, as Python does
    collation = ' COLLATE "C"' if isinstance(column.data_type, SqlCharacter) else ""
    name = f"s.{column.name}"
    # not every type that has an order has a highest value to the server
    found = await session.fetch(
        f"SELECT {name}::text FROM ({rows}) s WHERE {name} IS NOT NULL ORDER BY {name}{collation} DESC LIMIT 1",
        *arguments,
    )
    return next((value for (value,) in found), None)
