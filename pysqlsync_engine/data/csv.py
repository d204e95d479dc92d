"""A record source for files of comma-separated values, with a converter per column and an error that names the bad cell."""

from __future__ import annotations

import csv
import enum
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import is_dataclass
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from os import PathLike
from pathlib import Path
from typing import Any, TextIO
from uuid import UUID

from pysqlsync_engine.data.codec import shorten
from pysqlsync_engine.data.fitting import is_class
from pysqlsync_engine.data.sources import Fields, Window
from pysqlsync_engine.data.windows import window_batches
from pysqlsync_engine.errors import LoadError
from pysqlsync_engine.model.annotations import key_annotations, unwrap
from pysqlsync_engine.session import Batch, Row

Convert = Callable[[str], Any]
"""Makes a value of the text of a cell; raises `ValueError` if the text does not stand for one."""

Opener = Callable[[], AbstractContextManager[TextIO]]
"""Opens the file as text, with `newline=""` so that line breaks inside of cells stay as they are."""


class CellError(LoadError):
    """
    A cell of a file does not hold what its column should.

    :param file: Name of the file, for people.
    :param line: Number of the line on which the record ends, from 1; the header counts.
    :param column: Name of the column; `None` if the record as a whole is at fault.
    """

    def __init__(self, file: str, line: int, column: str | None, reason: str) -> None:
        place = f"{file}: line {line}" if column is None else f"{file}: line {line}, column {column!r}"
        super().__init__(f"{place}: {reason}")
        self.file = file
        self.line = line
        self.column = column
        self.reason = reason


class CsvSource:
    """
    The records of a file with a header, as rows.

    The file is read again by each call of `batches`, a batch at a time. Columns of the file that are not among the fields
    are left out; the order of the columns is of no matter.
    """

    def __init__(
        self,
        file: str | PathLike[str] | Opener,
        fields: Fields,
        *,
        name: str | None = None,
        columns: Mapping[str, str] | None = None,
        converters: Mapping[str, Convert] | None = None,
        null: Sequence[str] = ("",),
        delimiter: str = ",",
        encoding: str = "utf-8-sig",
        select: Callable[[Row, Window], bool] | None = None,
        redact_values: bool = False,
    ) -> None:
        """
        Describe a file; it is not opened yet.

        :param file: Path, or a function that opens the file: one inside of an archive, say.
        :param fields: Columns to read, and what their cells are converted to.
        :param name: What messages call the file; `None` takes the path.
        :param columns: What a field is called in the header of the file, where that is not its own name.
        :param converters: For fields whose cells are not spelled as `converter_for` says.
        :param null: Spellings of NULL.
        :param encoding: Of a file given by its path; a byte order mark is skipped.
        :param select: Tells whether a row lies in a window; needed only if `batches` is called with one.
        :param redact_values: True if messages must not show the text of cells.
        :raises TypeError: if there is no converter for the type of a field.
        """
        self._open: Opener = file if callable(file) else _opener(Path(file), encoding)
        self._name = name or ("file" if callable(file) else str(file))
        self._fields = fields
        self._headings = [(columns or {}).get(field, field) for field in fields.names]
        given = converters or {}
        self._converters = [
            given[field] if field in given else converter_for(annotation)
            for field, annotation in zip(fields.names, fields.types, strict=True)
        ]
        self._null = frozenset(null)
        self._delimiter = delimiter
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
        :raises CellError: if a cell cannot be converted, or a record has not as many cells as the header.
        :raises ValueError: if a column is missing, or rows of a window are asked for without `select`.
        """
        yield from window_batches(self._rows(), window, self._select, source=self, name=self._name)

    def _rows(self) -> Generator[Row]:
        with self._open() as lines:
            reader = csv.reader(lines, delimiter=self._delimiter, strict=True)
            try:
                header = next(reader, None) or []
                yield from self._records(reader, len(header), self._positions(header))
            except csv.Error as error:
                raise CellError(self._name, reader.line_num, None, str(error)) from error

    def _positions(self, header: Sequence[str]) -> list[int]:
        missing = [heading for heading in self._headings if heading not in header]
        if missing:
            raise ValueError(f"{self._name}: no column {', '.join(missing)}; columns: {', '.join(header)}")
        return [header.index(heading) for heading in self._headings]

    def _records(self, reader: Any, width: int, positions: Sequence[int]) -> Iterator[Row]:
        null, converters = self._null, self._converters
        for record in reader:
            if len(record) != width:
                if not record:
                    # a blank line, most often the last one
                    continue
                raise CellError(self._name, reader.line_num, None, f"expected {width} cells; got {len(record)}")
            cells = [record[position] for position in positions]
            try:
                yield tuple(
                    None if cell in null else convert(cell) for cell, convert in zip(cells, converters, strict=True)
                )
            except (ValueError, ArithmeticError) as error:
                raise self._bad_cell(cells, reader.line_num) or error from error

    def _bad_cell(self, cells: Sequence[str], line: int) -> CellError | None:
        """:returns: Error for the first cell that cannot be converted."""
        for cell, convert, heading, annotation in zip(
            cells, self._converters, self._headings, self._fields.types, strict=True
        ):
            if cell in self._null:
                continue
            try:
                convert(cell)
            except (ValueError, ArithmeticError) as error:
                expected = getattr(unwrap(annotation).type, "__name__", "value")
                shown = "" if self._redact_values else f": {shorten(cell)}"
                reason = f" ({error})" if isinstance(error, UnknownLabelError) else ""
                return CellError(self._name, line, heading, f"cannot read as {expected}{reason}{shown}")
        return None


def _opener(path: Path, encoding: str) -> Opener:
    return lambda: path.open(encoding=encoding, newline="")


class UnknownLabelError(ValueError):
    """A cell holds a text that is not a label of its enumeration."""


def converter_for(annotation: Any) -> Convert:
    """
    :returns: Converter for the spelling that a type has by itself: ISO 8601 for dates and times (with `Z` or an offset for
        a moment), `true`/`false`, `t`/`f`, `yes`/`no`, `1`/`0` for a truth value, the label for an enumeration, the key for a
        class that describes another table.
    :raises TypeError: if the type has none.
    """
    kind = unwrap(annotation).type
    if is_class(kind, enum.Enum):
        return _label_converter(kind)
    if is_dataclass(kind):
        return _key_converter(kind)
    if kind is Any:
        return str
    if kind not in _CONVERTERS:
        raise TypeError(f"no converter for cells of type {getattr(kind, '__name__', kind)}; give CsvSource one")
    return _CONVERTERS[kind]


def _key_converter(kind: Any) -> Convert:
    """:returns: Converter for the key of a class; raises `TypeError` if a cell cannot hold the key."""
    keys = key_annotations(kind)
    if len(keys) != 1:
        raise TypeError(
            f"no converter for cells of type {kind.__name__}, which has a key of {len(keys)} fields; give CsvSource one"
        )
    return converter_for(*keys.values())


def _label_converter(kind: type[enum.Enum]) -> Convert:
    members = {str(member.value): member for member in kind}

    def convert(text: str) -> enum.Enum:
        try:
            return members[text]
        except KeyError:
            raise UnknownLabelError(f"expected one of {', '.join(members)}") from None

    return convert


def _as_truth(text: str) -> bool:
    value = _TRUTH.get(text.lower())
    if value is None:
        raise ValueError("not a truth value")
    return value


def _as_decimal(text: str) -> Decimal:
    try:
        return Decimal(_plain(text))
    except InvalidOperation:
        raise ValueError("not a number") from None


def _as_integer(text: str) -> int:
    return int(_plain(text))


def _as_float(text: str) -> float:
    return float(_plain(text))


def _plain(text: str) -> str:
    """:returns: The text of a number, without what only Python permits in one."""
    if "_" in text or not text.isascii():
        raise ValueError("not a number")
    return text


_TRUTH = {"true": True, "t": True, "yes": True, "1": True, "false": False, "f": False, "no": False, "0": False}

_CONVERTERS: dict[Any, Convert] = {
    str: str,
    int: _as_integer,
    float: _as_float,
    Decimal: _as_decimal,
    bool: _as_truth,
    datetime: datetime.fromisoformat,
    date: date.fromisoformat,
    time: time.fromisoformat,
    UUID: UUID,
    bytes: bytes.fromhex,
}
"""Converter for each type that has a spelling of its own."""
