"""What a stream of rows did."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from pysqlsync_engine.data.load_options import LoadMode


class Speed(enum.Enum):
    """How rows get to the server; from the fastest to the slowest."""

    BYTES = "bytes"
    """Text of a file goes through as it is, or in the form of the server: no value of Python is made of it."""

    ARROW = "arrow"
    """Columns become text, or the form of the server, as a whole."""

    TUPLES = "tuples"
    """Values are encoded by code that is compiled for their types."""


@dataclass(frozen=True, slots=True)
class Counts:
    """
    Rows of a table, by what became of them.

    :param updated: Also those that were marked as deleted again or anew count as `deleted`, not here.
    :param unchanged: Rows that held the values of the stream already; 0 if nobody looked.
    :param deleted: Rows that were deleted, or marked as such, or whose version was ended without a next one.
    :param rejected: Rows of the stream that were set aside.
    :param superseded: Rows of the stream that were not stored as another one of the same key was.
    :param stubbed: Rows that were added to other tables with nothing but their key, as rows of the stream refer to them.
    """

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    rejected: int = 0
    superseded: int = 0
    stubbed: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))

    @property
    def affected(self) -> int:
        """Rows of the table that were inserted, updated or deleted."""
        return self.inserted + self.updated + self.deleted


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    What a store did with the parts of a stream.

    :param watermark: Highest value of the watermark's column in the stream, as text that its type reads back; `None` if none was
        asked for, or all were NULL.
    :param notes: What a person should know, each once: why a faster way was not open, say.
    """

    counts: Counts
    watermark: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LoadReport:
    """
    What a stream did.

    :param table: Qualified name of the table, for people.
    :param rows: Rows that the stream held: those loaded and those rejected.
    :param batches: Parts in which the rows were sent.
    :param seconds: Wall-clock time from the first row to the commit.
    :param sent_bytes: Bytes of text that went through as they are; 0 for other ways.
    :param speed: The way that most rows took.
    :param notes: Why a faster way was not open, and what else a person should know.
    :param watermark: How far the stream has come, as text; `None` if that is not recorded.
    :param attempts: How often the stream was sent until it was stored; 1 if nothing went wrong.
    :param repeated: True if the batch was recorded already, so that nothing was sent.
    """

    table: str
    mode: LoadMode
    rows: int
    batches: int
    seconds: float
    counts: Counts = field(default_factory=Counts)
    sent_bytes: int = 0
    speed: Speed = Speed.TUPLES
    notes: tuple[str, ...] = ()
    watermark: str | None = None
    attempts: int = 1
    repeated: bool = False

    @property
    def affected(self) -> int:
        """
        Rows of the table that were inserted, updated or deleted; less than `rows` where the stream had several rows of a key,
        or where there was nothing to delete.
        """
        return self.counts.affected

    @property
    def rejected(self) -> int:
        """Rows of the stream that were set aside."""
        return self.counts.rejected

    @property
    def rows_per_second(self) -> float:
        """Rows of the stream per second; 0 for an empty stream."""
        return self.rows / self.seconds if self.rows else 0.0
