"""What goes to the server with one statement: rows that become lines of text, or records of files as they are."""

from __future__ import annotations

import csv
import io
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

from pysqlsync_engine.data.lines import NULL, LineEncoder, escape
from pysqlsync_engine.data.parts import BinaryPart, EncodedBatch
from pysqlsync_engine.data.text import TSV, TextFormat, TextPart
from pysqlsync_engine.dialect.mysql.staging import Cell, Destination
from pysqlsync_engine.dialect.mysql.wire import MAX_PACKET_BYTES, value_lists
from pysqlsync_engine.dialect.text_rows import find_line_sorter
from pysqlsync_engine.model.id_types import LocalId
from pysqlsync_engine.session import Batch

NULL_WORD = b"NULL"
"""What a server that reads cells in quotes takes for NULL where it is not in quotes."""

Run: TypeAlias = tuple[int, int]
"""Number of a row in the stream, from 1, and how many rows there are from it on."""


@dataclass(frozen=True, slots=True)
class Lines:
    """
    Rows as lines without a character set.

    :param cells: For each cell of a line what becomes of it; `None` if it is left out.
    :param texts: Makes the lines, anew with each call, in pieces.
    :param types: By name of a column the types that it has to have.
    :param order: Position of the cell by which the table is kept in order; `None` if lines are as good in any order.
    :param is_sorted: True if they are in that order, each with its number in front if the table has one.
    """

    cells: tuple[Cell | None, ...]
    texts: Callable[[], Iterator[bytes]]
    types: Mapping[str, Sequence[str]]
    order: int | None = None
    is_sorted: bool = False


@dataclass(frozen=True, slots=True)
class Shipment:
    """
    Some rows, which can be sent again if need be.

    :param form: How they are spelled.
    :param cells: For each cell of a record what becomes of it; `None` if it is left out.
    :param runs: Which rows of the stream these are, in order.
    :param texts: Makes the records, anew with each call, in pieces of any size.
    :param batches: Makes the values of the rows, anew with each call; `None` for records of files.
    :param lines: The rows as the server reads them with less work than the records; `None` if there are none.
    """

    form: TextFormat
    cells: tuple[Cell | None, ...]
    runs: tuple[Run, ...]
    texts: Callable[[], Iterator[bytes]]
    batches: Callable[[], Iterator[Batch]] | None = None
    lines: Lines | None = None

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return sum(rows for _, rows in self.runs)

    def sent_texts(self) -> Iterator[bytes]:
        """:returns: The lines, or else the records, in pieces of any size."""
        return self.texts() if self.lines is None else self.lines.texts()

    @property
    def is_to_be_made(self) -> bool:
        """True if there is something to do before it is sent: rows become text, or lines are put in order."""
        return self.batches is not None or (self.lines is not None and self.lines.order is not None)

    @property
    def is_sorted(self) -> bool:
        """True if they are sent in another order than they have in the stream."""
        return self.lines is not None and self.lines.is_sorted

    def with_texts(self, ready: Sequence[bytes], first: int | None) -> Shipment:
        """
        :param ready: What `sent_texts` has made.
        :param first: Number of the first row; `None` if rows get no numbers.
        :returns: The same rows, whose lines, or else records, are at hand; the lines in the order of the table.
        """
        lines = self.lines
        if lines is None:
            return replace(self, texts=lambda: iter(ready))
        if lines.order is not None:
            ready = [find_line_sorter()([*ready], lines.order, -1 if first is None else first)]
        return replace(self, lines=replace(lines, texts=lambda: iter(ready), is_sorted=lines.order is not None))

    def packets(self) -> Iterator[bytes]:
        """:returns: The lines, or else the records, in packets that are large enough to be worth one."""
        gathered: list[bytes] = []
        size = 0
        for text in self.sent_texts():
            gathered.append(text)
            size += len(text)
            if size >= MAX_PACKET_BYTES // 2:
                yield from _cut(b"".join(gathered))
                gathered, size = [], 0
        yield from _cut(b"".join(gathered))

    def load_into(self, destination: Destination, file: str) -> str:
        """
        :param file: Name that stands for the packets.
        :returns: Statement that sends them to a table.
        """
        if self.lines is None:
            return destination.load(file, self.form, self.cells)
        cells = self.lines.cells
        if self.is_sorted and destination.number is not None:
            cells = (Cell(destination.number), *cells)
            destination = replace(destination, number=None)
        return destination.load(file, TSV, cells, "binary")

    def value_lists(self, most_bytes: int, number: int | None) -> Iterator[tuple[str, int]]:
        """
        :param most_bytes: Of one list, roughly.
        :param number: Of the row before the first one; `None` if rows get no numbers.
        :returns: The rows as lists for `VALUES`, and how many rows each has.
        """
        if self.batches is None:
            raise TypeError("records of files have no values")
        casts = [cell.cast for cell in self.cells if cell is not None]
        kept = [position for position, cell in enumerate(self.cells) if cell is not None]
        rows = (row for batch in self.batches() for row in batch)
        return value_lists(rows, kept, casts, most_bytes=most_bytes, number=number)

    def plain(self) -> Shipment:
        """:returns: The same rows, of which nothing else is made."""
        cells = tuple(None if cell is None else Cell(cell.column) for cell in self.cells)
        return Shipment(self.form, cells, self.runs, self.texts, self.batches)


def _cut(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), MAX_PACKET_BYTES):
        yield data[start : start + MAX_PACKET_BYTES]


def ship_rows(
    batch: EncodedBatch,
    encode_lines: LineEncoder,
    encode: Callable[[Batch], Batch],
    cells: Sequence[Cell | None],
    lines: Lines | None,
) -> Shipment:
    """
    :param encode_lines: Makes lines of rows, as text.
    :param encode: Makes integers and text of the values of rows.
    :param lines: The rows as lines without a character set; `None` if nothing makes them.
    """
    return Shipment(
        TSV,
        tuple(cells),
        tuple((run.first, len(run.rows)) for run in batch.runs),
        partial(spell_rows, batch, encode_lines),
        lambda: (encode(block.rows) for block in batch.blocks()),
        lines,
    )


def spell_rows(batch: EncodedBatch, encode: LineEncoder) -> Iterator[bytes]:
    """:returns: The rows as lines, a few at a time."""
    return (encode(block.rows) for block in batch.blocks())


def ship_text(parts: Sequence[TextPart], cells: Sequence[Cell | None]) -> Shipment:
    """
    :param parts: At least one; all of a form and a layout.
    :param cells: For each column of the stream what becomes of its cells.
    """
    layout = parts[0].layout
    if parts[0].form.quote is not None and any(NULL_WORD in part.records for part in parts):
        parts = [_without_quotes(part) for part in parts]
    return Shipment(
        parts[0].form,
        tuple(None if position is None else cells[position] for position in layout),
        tuple((part.first, part.rows) for part in parts),
        lambda: (part.records for part in parts),
    )


def ship_lines(
    parts: Sequence[BinaryPart],
    cells: Sequence[Cell | None],
    line_cells: Sequence[Cell | None],
    order: LocalId | None,
) -> Shipment:
    """
    :param parts: At least one; all made of text, of one form and layout, which is sent if the server refuses a row.
    :param cells: For each column of the stream what becomes of its cells in the text.
    :param line_cells: The same for the lines.
    :param order: See `order_of`.
    """
    texts = [part.text for part in parts if part.text is not None]
    records = [part.records for part in parts]
    made = tuple(line_cells[position] for position in parts[0].layout)
    form, layout = texts[0].form, texts[0].layout
    return Shipment(
        form if form.quote is None else TSV,
        tuple(None if position is None else cells[position] for position in layout),
        tuple((text.first, text.rows) for text in texts),
        # not taken apart before it is needed
        lambda: ((text if form.quote is None else _without_quotes(text)).records for text in texts),
        lines=Lines(made, lambda: iter(records), parts[0].types, order_of(made, order)),
    )


def order_of(cells: Sequence[Cell | None], order: LocalId | None) -> int | None:
    """
    :param order: Column by which a table is kept in order; `None` if it does not matter.
    :returns: Position of its cell; `None` if there is none.
    """
    found = (place for place, cell in enumerate(cells) if cell is not None and cell.column == order)
    return next(found, None)


def _without_quotes(part: TextPart) -> TextPart:
    """:returns: The same records with escapes instead of quotes."""
    null = part.form.null
    records = csv.reader(
        io.StringIO(part.records.decode(), newline=""), delimiter=part.form.delimiter, quotechar=part.form.quote
    )
    lines = ("\t".join(NULL if cell == null else escape(cell) for cell in record) for record in records)
    return replace(part, records="".join(f"{line}\n" for line in lines).encode(), form=TSV)


class Numbering:
    """Tells the number in the stream of a row that is known by its number among those that were sent."""

    def __init__(self) -> None:
        self.sent = 0
        self._starts: list[int] = [1]
        self._firsts: list[int] = [1]

    def add(self, runs: Sequence[Run]) -> None:
        """Note that some rows were sent."""
        for first, rows in runs:
            if first != self._firsts[-1] + self.sent + 1 - self._starts[-1]:
                self._starts.append(self.sent + 1)
                self._firsts.append(first)
            self.sent += rows

    def number_of(self, place: int) -> int:
        """:param place: Number among the rows that were sent, from 1."""
        position = bisect_right(self._starts, place) - 1
        return self._firsts[position] + place - self._starts[position]
