"""What the Dagster UI shows of a stream of rows that was stored: pure functions from a report to metadata values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from pysqlsync_engine.base import Counts, LoadReport
from pysqlsync_engine.data.auditing import RejectedRow


@dataclass(frozen=True, slots=True)
class RejectPreview:
    """
    What the UI shows of rows that were set aside.

    :param rows: How many of them at most; 0 for none.
    :param values: True to show the records themselves, False to show only where they are and what is wrong; `None` shows them unless
        the table has columns marked as `Pii`, or values are redacted.
    """

    rows: int = 10
    values: bool | None = None


def rejected_preview(rows: Sequence[RejectedRow], *, hidden: bool) -> dg.TableMetadataValue:
    """:returns: Rejected rows as a table; with `hidden`, without the records."""
    records = [
        dg.TableRecord(
            {
                "row": row.row,
                "place": row.place or "",
                "column": row.column or "",
                "reason": row.reason,
                "record": "(hidden)" if hidden else row.record or "",
            }
        )
        for row in rows
    ]
    columns = [dg.TableColumn(name, "int" if name == "row" else "string") for name in records[0].data]
    return dg.MetadataValue.table(records, schema=dg.TableSchema(columns=columns))


def kept_rows(counts: Counts) -> int:
    """:returns: Rows of the stream that the table has now."""
    return counts.inserted + counts.updated + counts.unchanged


def watermark_moment(watermark: object) -> datetime | None:
    """:returns: The watermark as a moment, in UTC where it does not say; `None` if it is something else."""
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


def size_metadata(report: LoadReport, total: int | None) -> dict[str, Any]:
    """:returns: Rows in the table, or in the partition; nothing of a partition that was not sent again, as nobody counted it."""
    if total is not None:
        return {"dagster/row_count": total}
    return {} if report.repeated else {"dagster/partition_row_count": kept_rows(report.counts)}


def load_metadata(
    report: LoadReport, *, total: int | None, feed: str, watermark: object, now: datetime
) -> dict[str, Any]:
    """
    :param total: Rows in the whole table afterwards; `None` if the stream was one partition of it.
    :param feed: Name of the record source; empty for the only one.
    :param watermark: How far the stream has come; `None` if that is not recorded.
    :param now: The present, to tell the lag of the watermark by; with a time zone.
    :returns: What one stream did. Each value is stored, and listed, with each partition; those that are seldom anything but 0 are
        there only where they are.
    """
    counts = report.counts
    seldom = {"superseded": counts.superseded, "bytes": report.sent_bytes}
    shown: dict[str, Any] = {
        **size_metadata(report, total),
        "rows": report.rows,
        "inserted": counts.inserted,
        "updated": counts.updated,
        "unchanged": counts.unchanged,
        "deleted": counts.deleted,
        "rejected": counts.rejected,
        "stubbed": counts.stubbed,
        **{name: number for name, number in seldom.items() if number},
        "seconds": round(report.seconds, 3),
        "rows_per_second": round(report.rows_per_second),
        "speed": report.speed.value,
        **watermark_metadata(watermark, now),
    }
    if report.notes:
        shown["notes"] = "\n".join(report.notes)
    if report.attempts > 1:
        shown["attempts"] = report.attempts
    if report.repeated:
        shown["repeated"] = True
    return {**shown, "feed": feed} if feed else shown
