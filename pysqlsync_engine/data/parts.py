"""What a stream of rows is made of on its way to a store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from pysqlsync_engine.data.codec import NumberedEncoder
from pysqlsync_engine.data.text import TextPart
from pysqlsync_engine.session import Batch

ENCODED_ROWS = 256
"""Rows that are encoded at once: few enough to still be in the processor's cache when the driver reads them."""


@dataclass(frozen=True, slots=True)
class Run:
    """
    Rows that follow each other in the stream.

    :param first: Number of the first one in the stream, from 1.
    """

    rows: Batch
    first: int


class EncodedBatch:
    """
    Rows as the driver takes them, encoded while they are sent, so that client and server work at the same time.

    A block may be encoded again; that raises whatever a hook raises.
    """

    def __init__(self, runs: Sequence[Run], encode: NumberedEncoder) -> None:
        self.runs = tuple(runs)
        self._encode = encode

    def __len__(self) -> int:
        return sum(len(run.rows) for run in self.runs)

    def blocks(self) -> Iterator[Run]:
        """:returns: The rows, a few at a time, not encoded yet."""
        for run in self.runs:
            for start in range(0, len(run.rows), ENCODED_ROWS):
                yield Run(run.rows[start : start + ENCODED_ROWS], run.first + start)

    def encode(self, block: Run) -> Batch:
        """:returns: Rows of a block as the driver takes them; raises whatever a hook raises."""
        return self._encode(block.rows, block.first)

    def recoded(self, encode: NumberedEncoder) -> EncodedBatch:
        """:returns: The same rows, encoded in another way."""
        return EncodedBatch(self.runs, encode)

    def with_runs(self, runs: Sequence[Run]) -> EncodedBatch:
        """:returns: Other rows, encoded in the same way."""
        return EncodedBatch(runs, self._encode)

    def split(self, number: int) -> tuple[EncodedBatch, EncodedBatch]:
        """:returns: The rows before the one that has a number in the stream, and those from there on."""
        before: list[Run] = []
        rest: list[Run] = []
        for run in self.runs:
            place = min(max(number - run.first, 0), len(run.rows))
            if place:
                before.append(Run(run.rows[:place], run.first))
            if place < len(run.rows):
                rest.append(Run(run.rows[place:], run.first + place))
        return self.with_runs(before), self.with_runs(rest)


@dataclass(frozen=True, slots=True)
class Reject:
    """
    A row that is set aside.

    :param row: Number of the row in its stream, from 1.
    :param reason: What is wrong, without the value.
    :param column: Name of the column at fault; `None` if the row as a whole is.
    :param record: The row as text, for people: a JSON object of its fields, or the record of the file.
    :param place: Where the source has it, such as `flights.csv: line 7`; `None` if it does not know.
    """

    row: int
    reason: str
    column: str | None = None
    record: str | None = None
    place: str | None = None


@dataclass(frozen=True, slots=True)
class Rejects:
    """Rows that cannot be stored, found before they were sent."""

    rows: tuple[Reject, ...]


@dataclass(frozen=True, slots=True)
class BinaryPart:
    """
    Rows in a form of the server's own.

    :param records: The rows, one after another, with nothing before or after them.
    :param rows: How many these are.
    :param first: Number of the first one in the stream, from 1.
    :param layout: For each field of a row the position of its column in the stream.
    :param types: By name of a column the types that it has to have, as bytes of one type may be a value of another; names of the catalog.
    :param text: The records of the file that the rows were made of; `None` for rows that were none.
    """

    records: bytes
    rows: int
    first: int
    layout: tuple[int, ...]
    types: Mapping[str, Sequence[str]]
    text: TextPart | None = None


Part: TypeAlias = EncodedBatch | TextPart | BinaryPart | Rejects
"""Some rows of a stream, in order."""
