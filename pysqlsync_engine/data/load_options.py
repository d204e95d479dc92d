"""What becomes of the rows of a stream, and of those that cannot be stored."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

DEFAULT_CHUNK_BYTES = 64 * 1024 * 1024

MAX_STREAM_CHARACTERS = 190
"""Longest name of a stream, on every server."""

MAX_BATCH_CHARACTERS = 255
"""Longest name of a batch, on every server."""


class LoadMode(enum.Enum):
    """What becomes of the rows of a stream."""

    INSERT = "insert"
    """Rows are added; a key that exists is an error."""

    UPSERT = "upsert"
    """Rows are added, or update those that have their keys."""

    DELETE = "delete"
    """The rows that have these keys are deleted; keys that do not exist are no error."""

    REPLACE = "replace"
    """In the end the table has the rows of the stream and no others; readers see either the old ones or the new ones."""

    MIRROR = "mirror"
    """As `UPSERT`, and rows whose keys the stream lacks are deleted, or marked as deleted."""

    HISTORY = "history"
    """A row that differs from the version in force ends that one, and becomes the next; nothing is overwritten."""

    @property
    def replaces_all(self) -> bool:
        """True if rows that the stream lacks go, so that an empty stream empties the table."""
        return self in {LoadMode.REPLACE, LoadMode.MIRROR}


class OnDuplicate(enum.Enum):
    """Which row of a key is stored when the stream has several."""

    LAST = "last"
    """The one that comes last."""

    ERROR = "error"
    """None: the second one is refused."""

    HIGHEST = "highest"
    """The one with the highest version, the last of these; an older version than that in the table is not stored either."""


class OnError(enum.Enum):
    """What a row that cannot be stored does."""

    FAIL = "fail"
    """Nothing of the stream is stored, and an error names the row."""

    QUARANTINE = "quarantine"
    """It goes to the table `<table>__rejected` with the reason; the others are stored."""


class Atomicity(enum.Enum):
    """What is stored as a whole or not at all."""

    STREAM = "stream"
    CHUNK = "chunk"
    """Parts of the stream, for one that is endless; what is committed stays if a later part fails."""


@dataclass(frozen=True, slots=True)
class History:
    """
    Columns of a table that keeps versions of rows.

    The primary key of the table is the key of the rows and `valid_from`. The stream has none of these columns.

    :param valid_from: Column with the moment from which on a version is in force.
    :param valid_to: Column with the moment at which the next one takes its place; NULL for the version in force.
    :param current: Column that is true for the version in force; `None` if there is none.
    :param at: Moment of the change; `None` takes the start of the transaction.
    :param closes_missing: True to end versions whose keys the stream lacks.
    """

    valid_from: str = "valid_from"
    valid_to: str = "valid_to"
    current: str | None = None
    at: datetime | None = None
    closes_missing: bool = False


@dataclass(frozen=True, slots=True)
class Watermark:
    """
    How far a stream has come, kept in the target and written in the transaction of its rows.

    :param stream: Name of the stream; each has one watermark for a table.
    :param column: Column whose highest value is the watermark; `None` if it is given.
    :param value: The watermark itself, for a source that knows it; `None` takes the highest value of the column.
    :param is_ordered: True if the rows come in the order of the column, so that with `Atomicity.CHUNK` each part can have its
        watermark; else the stream has one at its end only, as rows with lower values may still come.
    """

    stream: str
    column: str | None = None
    value: Any = None
    is_ordered: bool = False

    def __post_init__(self) -> None:
        if (self.column is None) == (self.value is None):
            raise ValueError(f"watermark of stream {self.stream!r}: expected either a column or a value")
        if self.is_ordered and self.column is None:
            raise ValueError(f"watermark of stream {self.stream!r}: rows can only be in the order of a column; name it")


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """
    How a stream of rows is stored.

    :param only_changed: True to leave rows alone that hold the values of the stream already; they are counted as unchanged.
    :param version: Column that tells which of two rows of a key is newer; needed for `OnDuplicate.HIGHEST`.
    :param max_rejects: Most rows that may be set aside before the stream fails as a whole; `None` for any number.
    :param chunk_bytes: For `Atomicity.CHUNK`: bytes of a part, roughly.
    :param deleted_at: For `LoadMode.MIRROR`: column that gets the time when the stream lacks a row, in place of deleting it, and NULL
        when it has the row again.
    :param history: For `LoadMode.HISTORY`: the columns that tell versions apart.
    :param batch: Name that this stream of rows has, now and whenever it is repeated: a partition, a file. It is recorded with the
        rows, so that a repetition after a lost connection recognizes a commit. Needs a watermark's stream, or `stream`.
    :param stream: Name of the stream for the record of batches; `None` takes that of the watermark.
    :param partition: Name of the part of the table that the stream holds anew, such as a day or a file. Rows that earlier streams of
        this partition have set aside are forgotten: they are stored now, or set aside again. Needs `OnError.QUARANTINE`.
    :param stubs: Columns with a foreign key of their own. Rows that they refer to and that are missing are added to the other table
        before, with nothing but their key; its other columns may be NULL or have defaults. Those that the stream lacks are left out.
    :param allow_empty: True to let an empty stream empty the table, in modes that delete what the stream lacks.
    :param redact_values: True if messages must not show values of rows.
    """

    mode: LoadMode = LoadMode.UPSERT
    only_changed: bool = False
    on_duplicate: OnDuplicate = OnDuplicate.LAST
    version: str | None = None
    on_error: OnError = OnError.FAIL
    max_rejects: int | None = None
    atomicity: Atomicity = Atomicity.STREAM
    chunk_bytes: int = DEFAULT_CHUNK_BYTES
    deleted_at: str | None = None
    history: History | None = None
    watermark: Watermark | None = None
    stream: str | None = None
    batch: str | None = None
    partition: str | None = None
    stubs: tuple[str, ...] = ()
    allow_empty: bool = False
    redact_values: bool = False

    def __post_init__(self) -> None:
        for condition, message in (*self._conflicts(), *self._bad_names()):
            if condition:
                raise ValueError(message)

    def _conflicts(self) -> Iterable[tuple[bool, str]]:
        """:returns: What does not go together, if the first of each pair is true."""
        return (
            (
                (self.on_duplicate is OnDuplicate.HIGHEST) != (self.version is not None),
                "OnDuplicate.HIGHEST and a version column go together; give both or none",
            ),
            (
                self.deleted_at is not None and self.mode is not LoadMode.MIRROR,
                "deleted_at is for LoadMode.MIRROR; choose that mode, or leave it out",
            ),
            (
                (self.history is not None) != (self.mode is LoadMode.HISTORY),
                "LoadMode.HISTORY and history=History(...) go together; give both or none",
            ),
            (
                self.atomicity is Atomicity.CHUNK and (self.mode.replaces_all or self._closes_missing),
                f"mode {self.mode.value} needs the stream as a whole; it cannot be stored in parts",
            ),
            (self.batch is not None and self.stream_name is None, "a batch needs a stream; name it"),
            (
                self.partition is not None and self.on_error is not OnError.QUARANTINE,
                "a partition tells which rejected rows are to be forgotten; it needs OnError.QUARANTINE",
            ),
            (
                self.partition is not None and self.batch is not None,
                "a batch is stored once, and a partition anew each time; give one of them",
            ),
            (
                self.partition is not None and self.atomicity is Atomicity.CHUNK,
                "a partition needs the stream as a whole; it cannot be stored in parts",
            ),
            (self.chunk_bytes <= 0, "chunk_bytes must be positive"),
        )

    def _bad_names(self) -> Iterator[tuple[bool, str]]:
        for what, name, most in (
            ("stream", self.stream_name, MAX_STREAM_CHARACTERS),
            ("batch", self.batch, MAX_BATCH_CHARACTERS),
            ("partition", self.partition, MAX_BATCH_CHARACTERS),
        ):
            yield not _is_name(name, most), f"a {what} has a name of 1 to {most} characters"

    @property
    def _closes_missing(self) -> bool:
        return self.history is not None and self.history.closes_missing

    @property
    def stream_name(self) -> str | None:
        """Name under which watermark and batches are recorded; `None` if nothing is."""
        return self.stream if self.watermark is None else self.watermark.stream


def _is_name(name: str | None, most: int) -> bool:
    return name is None or (0 < len(name) <= most and "\0" not in name)
