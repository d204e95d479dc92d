"""Rows of a file in batches, all of them or those of a window."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any

from pysqlsync_engine.data.sources import Fields, Window
from pysqlsync_engine.model.annotations import find_tag, peel, unwrap
from pysqlsync_engine.model.type_markers import WithTimeZone
from pysqlsync_engine.session import Batch, Row

BATCH_ROWS = 4096
"""Rows of a batch; the loader bounds batches by bytes."""

Select = Callable[[Row, Window], bool]
"""Tells whether a row lies in a window."""


def window_filter(
    window: Window | None, select: Select | None, *, source: object, name: str
) -> Callable[[Batch], Batch]:
    """
    :param window: Which rows; `None` for all.
    :param source: Of the rows; its class is named in messages.
    :param name: What messages call the file.
    :returns: Function that returns those of some rows that lie in the window.
    :raises ValueError: if rows of a window are asked for without `select`.
    """
    if window is None:
        return lambda rows: rows
    if select is None:
        raise ValueError(f"{name}: cannot tell which rows are in {window.key}; give {type(source).__name__} a `select`")
    return lambda rows: [row for row in rows if select(row, window)]


def sliced(rows: Batch) -> Iterator[Batch]:
    """:returns: The rows as batches of the usual size."""
    for start in range(0, len(rows), BATCH_ROWS):
        yield rows if len(rows) <= BATCH_ROWS else rows[start : start + BATCH_ROWS]


def select_by(fields: Fields, column: str) -> Select:
    """
    Tell rows of a window by one of their values: a moment, which is in UTC if it has no time zone; or a date, in the time zone of the
    window.

    :param column: A field that is never NULL, as such a row would be in no window.
    :raises ValueError: if there is no such field.
    """
    if column not in fields.names:
        raise ValueError(f"expected one of {', '.join(fields.names)}; got {column!r}")
    position = fields.names.index(column)
    annotation = fields.types[position]
    declared = unwrap(annotation)
    if declared.type not in {date, datetime} or peel(annotation).optional:
        raise ValueError(f"{column}: expected a column of moments or dates that is never NULL")
    is_aware = find_tag(declared.tags, WithTimeZone) is not None
    edges = _days if declared.type is date else _moments if is_aware else _moments_in_utc

    def select(row: Row, window: Window) -> bool:
        start, end = edges(window)
        return start <= row[position] < end

    return select


def _moments(window: Window) -> tuple[Any, Any]:
    return window.start, window.end


@lru_cache(maxsize=16)
def _moments_in_utc(window: Window) -> tuple[Any, Any]:
    start, end = (edge.astimezone(UTC).replace(tzinfo=None) for edge in (window.start, window.end))
    return start, end


@lru_cache(maxsize=16)
def _days(window: Window) -> tuple[Any, Any]:
    """:raises ValueError: if the window is shorter than a day, so that dates do not tell what is in it."""
    if window.end - window.start < timedelta(hours=23):
        raise ValueError(f"{window.key}: dates do not tell which rows are in a part of a day; name a column of moments")
    return window.start.date(), window.end.date()
