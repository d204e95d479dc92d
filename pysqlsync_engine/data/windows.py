"""Rows of a file in batches, all of them or those of a window."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pysqlsync_engine.data.sources import Window
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
