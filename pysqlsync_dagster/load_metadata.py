"""What the Dagster UI shows of a stream of rows that was stored: pure functions from a report to metadata values."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pysqlsync_engine.base import Counts, LoadReport


def kept_rows(counts: Counts) -> int:
    """:returns: Rows of the stream that the table has now."""
    return counts.inserted + counts.updated + counts.unchanged


def watermark_moment(watermark: object) -> datetime | None:
    """:returns: The watermark as a moment, in UTC where it does not say; `None` if it is something else."""
    if isinstance(watermark, str):
        try:
            watermark = datetime.fromisoformat(watermark)
        except ValueError:
            return None
    if not isinstance(watermark, datetime):
        return None
    return watermark if watermark.tzinfo is not None else watermark.replace(tzinfo=UTC)


def watermark_metadata(watermark: object, now: datetime) -> dict[str, Any]:
    """:returns: How far the stream has come, and how many seconds that is behind; empty if it is not recorded."""
    if watermark is None:
        return {}
    moment = watermark_moment(watermark)
    lag = {} if moment is None else {"lag_seconds": round((now - moment).total_seconds(), 3)}
    return {"watermark": str(watermark), **lag}


def load_metadata(report: LoadReport, *, total: int | None, feed: str, now: datetime) -> dict[str, Any]:
    """
    :param total: Rows in the whole table afterwards; `None` if the stream was one partition of it.
    :param feed: Name of the record source; empty for the only one.
    :param now: The present, to tell the lag of the watermark by; with a time zone.
    :returns: What one stream did.
    """
    counts = report.counts
    size = {"dagster/partition_row_count": kept_rows(counts)} if total is None else {"dagster/row_count": total}
    shown: dict[str, Any] = {
        **size,
        "rows": report.rows,
        "affected": counts.affected,
        "inserted": counts.inserted,
        "updated": counts.updated,
        "unchanged": counts.unchanged,
        "deleted": counts.deleted,
        "rejected": counts.rejected,
        "superseded": counts.superseded,
        "batches": report.batches,
        "seconds": round(report.seconds, 3),
        "rows_per_second": round(report.rows_per_second),
        "bytes": report.sent_bytes,
        "speed": report.speed.value,
        **watermark_metadata(report.watermark, now),
    }
    if report.notes:
        shown["notes"] = "\n".join(report.notes)
    if report.attempts > 1:
        shown["attempts"] = report.attempts
    if report.repeated:
        shown["repeated"] = True
    return {**shown, "feed": feed} if feed else shown
