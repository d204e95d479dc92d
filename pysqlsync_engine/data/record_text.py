"""Records of a file as text, one by one: where one of many cannot be read."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pysqlsync_engine.data.cells import CellError, RecordError
from pysqlsync_engine.data.guard import record_pattern
from pysqlsync_engine.data.sources import BadRecord
from pysqlsync_engine.data.text import TextFormat, count_lines
from pysqlsync_engine.data.windows import sliced
from pysqlsync_engine.session import Batch, Row

Parse = Callable[[bytes, int], Batch]
"""Reads whole records; the second argument is the line on which they begin. See `TextSource.parse`."""


class RowStage:
    """Makes batches of chunks, and counts lines."""

    def __init__(self, parse: Parse, choose: Callable[[Batch], Batch]) -> None:
        """
        Start at the first line.

        :param choose: Returns those of some rows that are wanted.
        """
        self.parse = parse
        self.choose = choose
        self._line = 1

    def feed(self, records: bytes, /) -> Iterator[Batch]:
        """:returns: The rows of a chunk."""
        return sliced(self.choose(self.parse(records, self.pass_lines(records))))

    def pass_lines(self, records: bytes) -> int:
        """:returns: The line on which the records begin."""
        line = self._line
        self._line += count_lines(records)
        return line

    def finish(self) -> Iterator[Batch]:
        """:returns: Nothing; a chunk has whole records."""
        return iter(())

    def explain(self, error: Exception) -> Exception:
        """:returns: The error, which says enough."""
        return error


class LenientStage:
    """Does the same, and puts what cannot be read among the batches."""

    def __init__(self, rows: RowStage, form: TextFormat) -> None:
        self._rows = rows
        self._form = form

    def feed(self, records: bytes, /) -> Iterator[Batch | BadRecord]:
        """:returns: The rows of a chunk."""
        line = self._rows.pass_lines(records)
        for batch in parse_leniently(self._rows.parse, self._form, records, line):
            if isinstance(batch, BadRecord):
                yield batch
            else:
                yield from sliced(self._rows.choose(batch))

    def finish(self) -> Iterator[Batch | BadRecord]:
        """:returns: Nothing; a chunk has whole records."""
        return iter(())

    def explain(self, error: Exception) -> Exception:
        """:returns: The error, which says enough."""
        return error


def split_records(records: bytes, form: TextFormat) -> Iterator[bytes]:
    """:returns: Records one by one, each with its line feed; what is left over is one, too."""
    if form.quote is None:
        yield from (line + b"\n" for line in records.removesuffix(b"\n").split(b"\n"))
        return
    position = 0
    for match in record_pattern(form).finditer(records):
        if match.start() != position:
            break
        yield match[0]
        position = match.end()
    if position < len(records):
        yield records[position:]


def parse_leniently(parse: Parse, form: TextFormat, records: bytes, line: int) -> Iterator[Batch | BadRecord]:
    """
    :returns: What can be read, in batches, and among it what cannot, in order.
    """
    try:
        yield parse(records, line)
    except CellError:
        rows: list[Row] = []
        for record in split_records(records, form):
            try:
                rows += parse(record, line)
            except CellError as error:
                if rows:
                    yield rows
                    rows = []
                yield bad_record_of(error, record.decode(errors="replace").removesuffix("\n"))
            line += record.count(b"\n")
        if rows:
            yield rows


def bad_record_of(error: RecordError, record: str) -> BadRecord:
    """:returns: The record that an error is about."""
    return BadRecord(error.reason, error.column, record, error.place)
