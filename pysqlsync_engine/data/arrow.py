"""Record batches of Apache Arrow as rows; the package `pyarrow` is loaded by whoever makes them."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Iterator, Mapping
from typing import Any

from pysqlsync_engine.data.cells import RecordError
from pysqlsync_engine.data.chunks import transform
from pysqlsync_engine.data.codec import shorten
from pysqlsync_engine.data.sources import Batches, Fields, Window
from pysqlsync_engine.data.windows import Select, sliced, window_filter
from pysqlsync_engine.errors import LoadError
from pysqlsync_engine.model.annotations import unwrap
from pysqlsync_engine.model.json_values import FromJson, from_json
from pysqlsync_engine.session import Batch, Row


class ArrowRows:
    """Makes tuples of record batches; stateless."""

    def __init__(self, fields: Fields, *, name: str, columns: Mapping[str, str] | None, redact_values: bool) -> None:
        """
        Choose a converter for each field.

        :param columns: What a field is called in the batches, where that is not its own name.
        :raises TypeError: if no value of Arrow stands for one of the type of a field.
        """
        self.name = name
        self.headings = [(columns or {}).get(field, field) for field in fields.names]
        self._converters = [_converter(annotation) for annotation in fields.types]
        self._redact_values = redact_values

    def check(self, names: Iterable[str]) -> None:
        """:raises LoadError: if a column is missing."""
        present = list(names)
        missing = [heading for heading in self.headings if heading not in present]
        if missing:
            raise LoadError(f"{self.name}: no column {', '.join(missing)}; columns: {', '.join(present)}")

    def chosen(self, batch: Any) -> Any:
        """
        :returns: The batch with the columns of the fields, in order.
        :raises LoadError: if one is missing.
        """
        names: list[str] = batch.schema.names
        if names == self.headings:
            return batch
        self.check(names)
        return batch.select(self.headings)

    def rows(self, batch: Any, first: int) -> Batch:
        """See `ArrowSource.rows`."""
        try:
            columns = [
                [None if value is None else convert(value) for value in column.to_pylist()]
                for convert, column in zip(self._converters, batch.columns, strict=True)
            ]
        except (ValueError, ArithmeticError):
            return [self._row(batch.slice(index, 1), first + index) for index in range(batch.num_rows)]
        return list(zip(*columns, strict=True))

    def _row(self, batch: Any, number: int) -> Row:
        """:raises RecordError: for a value that does not fit."""
        row: list[Any] = []
        for column, convert, heading in zip(batch.columns, self._converters, self.headings, strict=True):
            shown: str | None = None
            try:
                (value,) = column.to_pylist()
                shown = None if self._redact_values else shorten(value)
                row.append(None if value is None else convert(value))
            except (ValueError, ArithmeticError) as error:
                raise RecordError(f"{self.name}: row {number}", heading, str(error), shown) from error
        return tuple(row)


class ArrowBatches:
    """Record batches, a table or a reader of Arrow as rows."""

    def __init__(
        self,
        batches: Any,
        fields: Fields,
        *,
        name: str = "arrow",
        columns: Mapping[str, str] | None = None,
        select: Select | None = None,
        redact_values: bool = False,
    ) -> None:
        """
        Describe where rows are; nothing is read yet.

        :param batches: A `pyarrow.Table`, a `RecordBatch`, a `RecordBatchReader`, or an iterable of record batches, sync or async. A
            reader, or an iterator, can be read once only.
        :param fields: Columns to read.
        :param name: What messages call it.
        :param columns: What a field is called in the batches, where that is not its own name.
        :param select: Tells whether a row lies in a window; needed only if `batches` is called with one.
        :param redact_values: True if messages must not show values.
        :raises TypeError: if no value of Arrow stands for one of the type of a field.
        """
        self._given = batches
        self._fields = fields
        self._reader = ArrowRows(fields, name=name, columns=columns, redact_values=redact_values)
        self._select = select

    @property
    def fields(self) -> Fields:
        """What the values of a row are."""
        return self._fields

    @property
    def is_one_time(self) -> bool:
        """True if the rows are gone when they have been read."""
        return (
            hasattr(self._given, "__next__")
            or hasattr(self._given, "read_next_batch")
            or hasattr(self._given, "__anext__")
        )

    def record_batches(self, window: Window | None) -> Iterable[Any] | AsyncIterable[Any] | None:
        """See `ArrowSource.record_batches`."""
        return None if window is not None else transform(self._batches(), _Chosen(self._reader))

    def rows(self, batch: Any, first: int) -> Batch:
        """See `ArrowSource.rows`."""
        return self._reader.rows(batch, first)

    def batches(self, window: Window | None) -> Batches:
        """
        Read the rows, lazily.

        :param window: Which rows; `None` for all.
        :raises LoadError: if a column is missing, or a value cannot be converted.
        :raises ValueError: if rows of a window are asked for without `select`.
        """
        choose = window_filter(window, self._select, source=self, name=self._reader.name)
        return transform(self._batches(), RowsOfBatches(self._reader, choose))

    def _batches(self) -> Iterable[Any] | AsyncIterable[Any]:
        given = self._given
        if hasattr(given, "to_batches"):
            return given.to_batches()
        return (given,) if hasattr(given, "num_rows") else given


class _Chosen:
    """Chooses the columns of the fields."""

    def __init__(self, reader: ArrowRows) -> None:
        self._reader = reader

    def feed(self, batch: Any, /) -> Iterator[Any]:
        if batch.num_rows:
            yield self._reader.chosen(batch)

    def finish(self) -> Iterator[Any]:
        return iter(())

    def explain(self, error: Exception) -> Exception:
        return error


class RowsOfBatches:
    """Makes batches of tuples, and counts rows."""

    def __init__(self, reader: ArrowRows, choose: Any) -> None:
        """
        Start at the first row.

        :param choose: Returns those of some rows that are wanted.
        """
        self._reader = reader
        self._choose = choose
        self._first = 1

    def feed(self, batch: Any, /) -> Iterator[Batch]:
        """:returns: The rows of a batch."""
        first = self._first
        self._first += batch.num_rows
        return sliced(self._choose(self._reader.rows(self._reader.chosen(batch), first)))

    def finish(self) -> Iterator[Batch]:
        """:returns: Nothing; all rows have been returned."""
        return iter(())

    def explain(self, error: Exception) -> Exception:
        """:returns: The error, which says enough."""
        return error


def _converter(annotation: Any) -> FromJson:
    kind = unwrap(annotation).type
    convert = from_json(annotation)
    if not isinstance(kind, type) or kind in {list, set, frozenset, dict}:
        return convert
    return lambda value: value if isinstance(value, kind) else convert(value)
