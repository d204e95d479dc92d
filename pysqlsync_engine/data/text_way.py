"""The way of text: records that a guard lets through go to the server as they are, the others as values."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Iterator
from contextlib import aclosing
from itertools import islice

from pysqlsync_engine.data.batches import as_async
from pysqlsync_engine.data.cells import CellError
from pysqlsync_engine.data.codec import shorten
from pysqlsync_engine.data.encoding import TupleEncoder, bad_record, with_value
from pysqlsync_engine.data.guard import Guard, Span
from pysqlsync_engine.data.load_report import Speed
from pysqlsync_engine.data.own_form import MAX_SLOW_SPANS, OwnForm, Splitter
from pysqlsync_engine.data.parts import BinaryPart, Part, Rejects, Run
from pysqlsync_engine.data.record_text import parse_leniently, split_records
from pysqlsync_engine.data.sources import BadRecord, TextSource
from pysqlsync_engine.data.target import LoadTarget
from pysqlsync_engine.data.text import TextPart, TextRules, count_lines
from pysqlsync_engine.errors import EngineError, LoadError, RowError, StatementError
from pysqlsync_engine.session import Batch

REMEMBERED_PARTS = 16
"""Parts that are kept for a while, as the server tells of a row that it refuses only when it has got more of them."""

MAX_SLOW_SHARE = 0.1
"""Share of records that do not pass, above which text is no longer looked at."""

MIN_JUDGED_ROWS = 1000
"""Records after which the share is judged."""


class TextWay:
    """Sends text as it is, as far as the server would store exactly what the values would be."""

    def __init__(
        self,
        source: TextSource,
        chunks: Iterable[bytes] | AsyncIterable[bytes],
        target: LoadTarget,
        rules: TextRules,
        encoder: TupleEncoder,
        own_form: OwnForm | None,
    ) -> None:
        self.rows = 0
        self.batches = 0
        self.sent_bytes = 0
        self.notes: tuple[str, ...] = ()
        self._source = source
        self._chunks = chunks
        self._target = target
        self._rules = rules
        self._encoder = encoder
        self.own_form = own_form
        self._splitter: Splitter | None = None
        self._layout: tuple[int | None, ...] = ()
        self._columns: tuple[int, ...] = ()
        self._line = 1
        self._slow_rows = 0
        self._sent: deque[tuple[TextPart, int]] = deque(maxlen=REMEMBERED_PARTS)

    @property
    def speed(self) -> Speed:
        """The way that most rows took."""
        return Speed.BYTES if 2 * self._slow_rows <= self.rows and not self._is_parsed else Speed.TUPLES

    @property
    def _is_parsed(self) -> bool:
        """True if no text is sent any more, or none was to begin with."""
        return self._splitter is None and bool(self.notes)

    async def parts(self) -> AsyncGenerator[Part]:
        async with aclosing(as_async(self._chunks)) as chunks:
            async for chunk in chunks:
                if not self._layout:
                    self._prepare()
                before = self.rows
                for part in self._parts(chunk):
                    yield part
                # without quotes, each line is a record
                self._line += self.rows - before if self._source.form.quote is None else count_lines(chunk)

    def _prepare(self) -> None:
        """Choose what looks at the cells that the file turns out to have."""
        names = self._source.fields.names
        headings = self._source.layout()
        self._layout = tuple(None if name is None else names.index(name) for name in headings)
        self._columns = tuple(position for position in self._layout if position is not None)
        if None in self._layout and not self._rules.skips:
            self.notes = (
                "text is parsed: the file has cells that are no fields, which the server would not leave out",
            )
            return
        form = self._source.form
        if self.own_form is not None:
            self._splitter = self.own_form.for_text(form, self._layout)
        if self._splitter is None:
            self._splitter = Guard(form, self._layout, self._rules, is_complete=self._encoder.is_lenient)

    def _parts(self, chunk: bytes) -> Iterator[Part]:
        if self._splitter is None:
            yield from self._parsed(chunk, 0, len(chunk))
            return
        spans = self._splitter.split(chunk)
        slow = [span for span in spans if not span.is_good]
        if len(slow) > MAX_SLOW_SPANS:
            yield from self._parsed(chunk, 0, len(chunk))
        else:
            for span in spans:
                yield from self._text(chunk, span) if span.is_good else self._parsed(chunk, span.start, span.end)
        if self.rows >= MIN_JUDGED_ROWS and self._slow_rows > MAX_SLOW_SHARE * self.rows:
            self.notes = (self._reason(self._splitter, chunk, slow),)
            self._splitter = None

    def _text(self, chunk: bytes, span: Span) -> Iterator[TextPart | BinaryPart]:
        records = chunk if len(chunk) == span.end - span.start else chunk[span.start : span.end]
        part = TextPart(records, span.rows, self.rows + 1, self._source.form, self._layout)
        self.rows += span.rows
        self.batches += 1
        self.sent_bytes += len(records)
        self._sent.append((part, self._line_of(chunk, span.start)))
        if span.written is None or self._splitter is None:
            yield part
        else:
            yield BinaryPart(span.written, span.rows, part.first, self._columns, self._splitter.types, part)

    def _parsed(self, chunk: bytes, start: int, end: int) -> Iterator[Part]:
        records, line = chunk[start:end], self._line_of(chunk, start)
        if not self._encoder.is_lenient:
            rows = self._source.parse(records, line)
            yield from self._encoded(rows)
            return
        for batch in parse_leniently(self._source.parse, self._source.form, records, line):
            if isinstance(batch, BadRecord):
                self.rows += 1
                self._slow_rows += 1
                yield Rejects((bad_record(self.rows, batch),))
            else:
                yield from self._encoded(batch)

    def _encoded(self, rows: Batch) -> Iterator[Part]:
        first = self.rows + 1
        self.rows += len(rows)
        self._slow_rows += len(rows)
        if rows:
            self.batches += 1
            yield from self._encoder.parts(rows, first)

    def explain(self, error: StatementError) -> EngineError:
        # text may have been made ready after the values that are being sent
        return self._encoder.explain(error)

    def with_value(self, error: RowError) -> LoadError:
        for part, line in self._sent:
            if error.row is not None and part.first <= error.row < part.first + part.rows:
                return self._reread(error, part, line, error.row - part.first)
        return self._encoder.with_value(error)

    def _reread(self, error: RowError, part: TextPart, line: int, position: int) -> LoadError:
        """:returns: What the source says of a record that the server has refused, or the error with the value at fault."""
        records = list(islice(split_records(part.records, part.form), position + 1))
        line += sum(record.count(b"\n") for record in records[:-1])
        try:
            rows = self._source.parse(records[-1], line)
        except CellError as found:
            return found.redacted() if self._target.redact_values else found
        return with_value(error, Run(rows, part.first + position), self._target)

    def _line_of(self, chunk: bytes, position: int) -> int:
        return self._line + chunk.count(b"\n", 0, position)

    def _reason(self, splitter: Splitter, chunk: bytes, slow: list[Span]) -> str:
        """:returns: What is the matter with the first of the records that did not pass."""
        found = splitter.find_cell(chunk[slow[0].start : slow[0].end]) if slow else None
        if found is None:
            return "text is parsed from some record on, as too many are not as the server reads them"
        index, cell = found
        position = self._layout[index]
        name = "a cell" if position is None else f"column {self._source.fields.names[position]!r}"
        shown = "" if self._target.redact_values else f", such as {shorten(cell.decode(errors='replace'))}"
        return (
            f"text is parsed from some record on: many values of {name} are not spelled as the server reads them{shown}"
        )
