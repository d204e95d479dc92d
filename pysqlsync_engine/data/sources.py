"""Where rows come from: one small protocol that a user implements in ten lines, and what faster sources have besides."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeAlias, runtime_checkable

from pysqlsync_engine.data.text import TextFormat
from pysqlsync_engine.model.fields import Fields
from pysqlsync_engine.session import Batch

__all__ = [
    "ArrowSource",
    "BadRecord",
    "Batches",
    "CursorSource",
    "Fields",
    "LenientSource",
    "RecordSource",
    "TextSource",
    "Window",
]

Batches: TypeAlias = Iterable[Batch] | AsyncIterable[Batch]
"""Rows in batches, sync or async."""


@dataclass(frozen=True, slots=True)
class Window:
    """
    A half-open range of time, `start <= t < end`; what a time partition covers.

    :param key: Name of the range for people: the partition key.
    """

    start: datetime
    end: datetime
    key: str


@runtime_checkable
class RecordSource(Protocol):
    """Rows for one table."""

    @property
    def fields(self) -> Fields:
        """What the values of a row are; the same for every batch."""
        ...

    def batches(self, window: Window | None) -> Batches:
        """
        Read rows, lazily; from the beginning with each call, if the source can be read more than once.

        :param window: Which rows; `None` for all.
        """
        ...


@dataclass(frozen=True, slots=True)
class BadRecord:
    """
    A record that does not hold what its fields should.

    :param reason: What is wrong, without the value.
    :param column: Name of the field; `None` if the record as a whole is at fault.
    :param record: The record as text, for people.
    :param place: Where it is, such as `flights.csv: line 7`.
    """

    reason: str
    column: str | None
    record: str
    place: str


@runtime_checkable
class LenientSource(RecordSource, Protocol):
    """A source that can go on after a record that it cannot read."""

    def lenient_batches(self, window: Window | None) -> Iterable[Batch | BadRecord] | AsyncIterable[Batch | BadRecord]:
        """As `batches`, but what cannot be read is among the batches, in order, and is not raised."""
        ...


@runtime_checkable
class TextSource(RecordSource, Protocol):
    """A source whose records are text that a server can read."""

    @property
    def form(self) -> TextFormat:
        """How records are spelled."""
        ...

    def layout(self) -> tuple[str | None, ...]:
        """
        :returns: For each cell of a record the name of its field; `None` for a cell that is no field. Asked for when the first chunk
            has been read.
        """
        ...

    def chunks(self, window: Window | None) -> Iterable[bytes] | AsyncIterable[bytes] | None:
        """
        Read text in UTF-8, lazily, without a header.

        :returns: Some whole records each, every one with its line feed; `None` if the text alone does not tell what is in the rows:
            which of them are in a window, say.
        """
        ...

    def parse(self, records: bytes, line: int) -> Batch:
        """
        :param records: Whole records of a chunk.
        :param line: Number of the line on which they begin, from 1, for messages; a header does not count.
        :returns: As many rows as there are records, or fewer if blank lines are none.
        :raises CellError: for the first one that cannot be read.
        """
        ...


@runtime_checkable
class ArrowSource(RecordSource, Protocol):
    """A source whose rows are record batches of Apache Arrow."""

    def record_batches(self, window: Window | None) -> Iterable[Any] | AsyncIterable[Any] | None:
        """
        :returns: `pyarrow.RecordBatch` objects whose columns are the fields, in order; `None` if the rows of a window cannot be
            told that way.
        """
        ...

    def rows(self, batch: Any, first: int) -> Batch:
        """
        :param batch: One of those, or a part of it.
        :param first: Number of its first row, from 1, for messages.
        :returns: The same rows as tuples.
        :raises RecordError: for the first one that has a value which does not fit.
        """
        ...


@runtime_checkable
class ThreadSource(ArrowSource, Protocol):
    """A source that knows whether its record batches may be read in a thread; those of one that does not say so are not."""

    @property
    def is_read_in_thread(self) -> bool:
        """True if nobody else uses what they are read with."""
        ...


@runtime_checkable
class CursorSource(RecordSource, Protocol):
    """A source that knows how far it has been read."""

    def cursor(self) -> Any:
        """:returns: The watermark, once all batches are read; `None` if there was nothing to read."""
        ...
