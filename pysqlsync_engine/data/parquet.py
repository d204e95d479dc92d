"""A record source for Parquet files; needs the package `pyarrow`, which is loaded when a file is read."""

from __future__ import annotations

import importlib
from collections.abc import Generator, Mapping
from os import PathLike, fspath
from typing import Any

from pysqlsync_engine.data.arrow import ArrowRows, RowsOfBatches
from pysqlsync_engine.data.arrow_columns import PART_ROWS
from pysqlsync_engine.data.chunks import transform
from pysqlsync_engine.data.sources import Batches, Fields, Window
from pysqlsync_engine.data.windows import BATCH_ROWS, Select, window_filter
from pysqlsync_engine.errors import LoadError
from pysqlsync_engine.session import Batch

BUFFER_BYTES = 256 * 1024
"""Bytes of a column that are read at once; without a limit all of a row group are."""


class ParquetSource:
    """
    The records of a Parquet file as rows, a group of rows at a time.

    Values that have the type of their field are taken as they are; others as JSON has them: the label of an enumeration, the
    text of a UUID, a structure for a data-class.
    """

    def __init__(
        self,
        file: str | PathLike[str],
        fields: Fields,
        *,
        columns: Mapping[str, str] | None = None,
        select: Select | None = None,
        redact_values: bool = False,
    ) -> None:
        """
        Describe a file; it is not opened yet.

        :param fields: Columns to read.
        :param columns: What a field is called in the file, where that is not its own name.
        :param select: Tells whether a row lies in a window; needed only if `batches` is called with one.
        :param redact_values: True if messages must not show values.
        :raises TypeError: if no value of a Parquet file stands for one of the type of a field.
        """
        self._file = fspath(file)
        self._fields = fields
        self._reader = ArrowRows(fields, name=self._file, columns=columns, redact_values=redact_values)
        self._select = select

    @property
    def fields(self) -> Fields:
        """What the values of a row are."""
        return self._fields

    @property
    def is_read_in_thread(self) -> bool:
        """True, as the library needs no interpreter while it reads a file."""
        return True

    def record_batches(self, window: Window | None) -> Generator[Any] | None:
        """See `ArrowSource.record_batches`."""
        return None if window is not None else self._batches(PART_ROWS)

    def rows(self, batch: Any, first: int) -> Batch:
        """See `ArrowSource.rows`."""
        return self._reader.rows(batch, first)

    def batches(self, window: Window | None) -> Batches:
        """
        Read the file, lazily.

        :param window: Which rows; `None` for all.
        :raises LoadError: if the file cannot be read, a column is missing, or a value cannot be converted.
        :raises ValueError: if rows of a window are asked for without `select`.
        """
        choose = window_filter(window, self._select, source=self, name=self._file)
        return transform(self._batches(BATCH_ROWS), RowsOfBatches(self._reader, choose))

    def _batches(self, rows: int) -> Generator[Any]:
        """:param rows: Most rows of a batch."""
        arrow = load_library()
        try:
            with arrow.ParquetFile(self._file, buffer_size=BUFFER_BYTES, pre_buffer=False) as parquet:
                self._reader.check(parquet.schema_arrow.names)
                for batch in parquet.iter_batches(batch_size=rows, columns=self._reader.headings, use_threads=False):
                    yield self._reader.chosen(batch)
        except ValueError as error:
            # the library's own errors derive from it
            raise LoadError(f"{self._file}: cannot be read: {error}") from error


def parquet_columns(file: str | PathLike[str]) -> tuple[str, ...]:
    """
    :returns: Names of the columns of a file, in order.
    :raises LoadError: if it cannot be read.
    """
    try:
        return tuple(load_library().read_schema(fspath(file)).names)
    except ValueError as error:
        raise LoadError(f"{fspath(file)}: cannot be read: {error}") from error


def load_library() -> Any:
    """
    :returns: `pyarrow.parquet`, which has no types.
    :raises LoadError: if it is not installed.
    """
    try:
        return importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise LoadError(
            "Parquet files need the package pyarrow; install it: pip install 'pysqlsync-dagster[parquet]'"
        ) from error
