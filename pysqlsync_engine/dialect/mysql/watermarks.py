"""Finds how far the rows of a stream have come, by the highest value of a column."""

from __future__ import annotations

from pysqlsync_engine.dialect.mysql.session import MySQLSession
from pysqlsync_engine.dialect.mysql.staging import Staging


async def find_watermark(session: MySQLSession, staging: Staging) -> str | None:
    """:returns: The highest value of the watermark's column in the staged rows, as text; `None` if there is none."""
    watermark = staging.target.options.watermark
    if watermark is None or watermark.column is None:
        return None
    found = await session.fetch(staging.highest(staging.target.table.column(watermark.column)))
    return next((value for (value,) in found), None)
