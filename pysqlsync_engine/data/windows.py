"""Rows of a file in batches, all of them or those of a window."""

from __future__ import annotations

from collections.abc import Callable, Generator
from itertools import islice

from pysqlsync_engine.data.sources import Window
from pysqlsync_engine.session import Batch, Row

BATCH_ROWS = 4096
"""Rows of a batch; the loader bounds batches by bytes."""


def window_batches(
    rows: Generator[Row],
    window: Window | None,
    select: Callable[[Row, Window], bool] | None,
    *,
    source: object,
    name: str,
) -> Generator[Batch]:
    """
    Take rows in batches, lazily.

    :param rows: Closed at the end, and when the caller takes no more.
    :param window: Which rows; `None` for all.
    :param select: Tells whether a row lies in a window.
    :param source: Of the rows; its class is named in messages.
    :param name: What messages call the file.
    :raises ValueError: if rows of a window are asked for without `select`.
    """
    if window is not None and select is None:
        raise ValueError(f"{name}: cannot tell which rows are in {window.key}; give {type(source).__name__} a `select`")
    try:
        chosen = rows if window is None or select is None else (row for row in rows if select(row, window))
        while batch := list(islice(chosen, BATCH_ROWS)):
            yield batch
    finally:
        rows.close()
