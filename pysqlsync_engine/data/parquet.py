"""A record source for Parquet files; needs the package `pyarrow`, which is loaded when a file is read."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Generator, Mapping
from os import PathLike, fspath
from typing import Any

from pysqlsync_engine.data.codec import shorten
from pysqlsync_engine.data.sources import Fields, Window
from pysqlsync_engine.data.windows import BATCH_ROWS, window_filter
from pysqlsync_engine.errors import LoadError
from pysqlsync_engine.model.annotations import unwrap
from pysqlsync_engine.model.json_values import FromJson, from_json
from pysqlsync_engine.session import Batch, Row


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
        select: Callable[[Row, Window], bool] | None = None,
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
        self._headings = [(columns or {}).get(field, field) for field in fields.names]
        self._converters = [_converter(annotation) for annotation in fields.types]
        self._select = select
        self._redact_values = redact_values

    @property
    def fields(self) -> Fields:
        """What the values of a row are."""
        return self._fields

    def batches(self, window: Window | None) -> Generator[Batch]:
        """
        Read the file, lazily.

        :param window: Which rows; `None` for all.
        :raises LoadError: if the file cannot be read, a column is missing, or a value cannot be converted.
        :raises ValueError: if rows of a window are asked for without `select`.
        """
        choose = window_filter(window, self._select, source=self, name=str(self._file))
        return (rows for batch in self._batches() if (rows := choose(batch)))

    def _batches(self) -> Generator[Batch]:
        arrow = load_library()
        try:
            with arrow.ParquetFile(self._file) as parquet:
                self._check_columns(parquet.schema_arrow.names)
                first = 1
                for batch in parquet.iter_batches(batch_size=BATCH_ROWS, columns=self._headings):
                    columns = [batch.column(heading).to_pylist() for heading in self._headings]
                    records = enumerate(zip(*columns, strict=True), start=first)
                    yield [self._row(record, number) for number, record in records]
                    first += batch.num_rows
        except ValueError as error:
            # the library's own errors derive from it
            raise LoadError(f"{self._file}: cannot be read: {error}") from error

    def _check_columns(self, names: list[str]) -> None:
        missing = [heading for heading in self._headings if heading not in names]
        if missing:
            raise LoadError(f"{self._file}: no column {', '.join(missing)}; columns: {', '.join(names)}")

    def _row(self, record: Row, number: int) -> Row:
        row: list[Any] = []
        for value, convert, heading in zip(record, self._converters, self._headings, strict=True):
            try:
                row.append(None if value is None else convert(value))
            except (ValueError, ArithmeticError) as error:
                shown = "" if self._redact_values else f": {shorten(value)}"
                raise LoadError(f"{self._file}: row {number}, column {heading!r}: {error}{shown}") from error
        return tuple(row)


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


def _converter(annotation: Any) -> FromJson:
    kind = unwrap(annotation).type
    convert = from_json(annotation)
    if not isinstance(kind, type) or kind in {list, set, frozenset, dict}:
        return convert
    return lambda value: value if isinstance(value, kind) else convert(value)
