"""What the Dagster UI shows of a stream of rows that was stored: pure functions from a report to metadata values."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from pysqlsync_engine.base import Counts, LoadReport
from pysqlsync_engine.data.auditing import RejectedRow

QUOTED_VALUE = re.compile(r"""(: |\bvalue |\bentry |\)=)(?:"[^"]*(?:"|$)|'[^']*(?:'|$)|\([^)]*(?:\)|$))""")
"""Where PostgreSQL and MySQL put the value into a message about it, which may be cut."""


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


def value_of(row: RejectedRow, fields: Mapping[str, Any]) -> str:
    """:returns: What the row has in the column at fault; empty if that is not known."""
    value = None if row.column is None else fields.get(row.column)
    return "" if value is None else str(value)


def record_fields(record: str | None) -> dict[str, Any]:
    """:returns: Values by column, of a record that tells its columns; else nothing."""
    try:
        found: Any = json.loads(record or "")
    except ValueError:
        return {}
    return dict(found) if isinstance(found, dict) else {}  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]


def without_values(reason: str) -> str:
    """:returns: A reason without the values that servers quote in their messages."""
    return QUOTED_VALUE.sub(r"\1(hidden)", reason)


def rejected_record(row: RejectedRow, *, hidden: bool) -> dict[str, Any]:
    """:returns: A rejected row, as the table in the UI has it."""
    fields = record_fields(row.record)
    # with spaces, as the UI cuts off what it cannot break into lines
    record = json.dumps(fields, ensure_ascii=False) if fields else row.record or ""
    return {
        "row": row.row,
        "place": row.place or "",
        "column": row.column or "",
        "value": "(hidden)" if hidden else value_of(row, fields),
        "reason": without_values(row.reason) if hidden else row.reason,
        "record": "(hidden)" if hidden else record,
    }


def rejected_preview(rows: Sequence[RejectedRow], *, hidden: bool) -> dg.TableMetadataValue:
    """:returns: Rejected rows as a table, without columns that are empty; with `hidden`, without values."""
    records = [rejected_record(row, hidden=hidden) for row in rows]
    names = [name for name in records[0] if any(record[name] != "" for record in records)]
    columns = [dg.TableColumn(name, "int" if name == "row" else "string") for name in names]
    return dg.MetadataValue.table(
        [dg.TableRecord({name: record[name] for name in names}) for record in records],
        schema=dg.TableSchema(columns=columns),
    )


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
    seldom = {"superseded": counts.superseded, "stubbed": counts.stubbed, "bytes": report.sent_bytes}
    shown: dict[str, Any] = {
        **size_metadata(report, total),
        "rows": report.rows,
        "inserted": counts.inserted,
        "updated": counts.updated,
        "unchanged": counts.unchanged,
        "deleted": counts.deleted,
        "rejected": counts.rejected,
        **{name: number for name, number in seldom.items() if number},
        "seconds": round(report.seconds, 3),
        "rows_per_second": round(report.rows_per_second),
        "speed": report.speed.value,
        **watermark_metadata(watermark, now),
    }
    if report.notes:
        shown["notes"] = "; ".join(report.notes)
    if report.attempts > 1:
        shown["attempts"] = report.attempts
    if report.repeated:
        shown["repeated"] = True
    return {**shown, "feed": feed} if feed else shown
