"""
The way of Apache Arrow: columns become bytes as a whole, in the form of the server or as text; a batch with a value for which there is
neither goes as tuples.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import aclosing
from functools import cached_property
from typing import Any

from pysqlsync_engine.data.arrow_columns import (
    PART_ROWS,
    ColumnFitter,
    ColumnWriter,
    NotExactError,
    release_memory,
)
from pysqlsync_engine.data.arrow_text import ColumnText
from pysqlsync_engine.data.batches import as_async, in_thread
from pysqlsync_engine.data.cells import RecordError
from pysqlsync_engine.data.encoding import TupleEncoder, bad_record, with_value
from pysqlsync_engine.data.load_report import Speed
from pysqlsync_engine.data.own_form import OwnForm
from pysqlsync_engine.data.parts import BinaryPart, Part, Rejects, Run
from pysqlsync_engine.data.record_text import bad_record_of
from pysqlsync_engine.data.records import describe_row
from pysqlsync_engine.data.sources import ArrowSource, ThreadSource
from pysqlsync_engine.data.target import LoadTarget
from pysqlsync_engine.data.text import TSV, TextPart, TextRules
from pysqlsync_engine.errors import EngineError, LoadError, RowError, StatementError
from pysqlsync_engine.session import Row

RELEASED_PARTS = 4
"""Parts after which the library lets go of memory that it keeps: not each time, as that takes about as long as to write one."""


class ArrowWay:
    """Makes bytes of columns while the server takes the rows before."""

    def __init__(
        self,
        source: ArrowSource,
        batches: Iterable[Any] | AsyncIterable[Any],
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
        self._given = batches
        self._target = target
        self._rules = rules
        self._encoder = encoder
        self.own_form = own_form
        self._layout = tuple(range(len(target.columns)))
        self._writers: _Writers | None = None
        self._tuple_rows = 0
        self._sent: Any = None

    @property
    def speed(self) -> Speed:
        """The way that most rows took."""
        return Speed.ARROW if 2 * self._tuple_rows <= self.rows and not self.notes else Speed.TUPLES

    async def parts(self) -> AsyncGenerator[Part]:
        async with aclosing(_ahead(self._converted())) as converted:
            async for batch, writer, records in converted:
                if writer is None:
                    for part in self._tuples(batch):
                        yield part
                    continue
                self._sent = batch
                first = self.rows + 1
                self.rows += batch.num_rows
                self.batches += 1
                self.sent_bytes += len(records)
                if isinstance(writer, ColumnText):
                    yield TextPart(records, batch.num_rows, first, TSV, self._layout)
                else:
                    yield BinaryPart(records, batch.num_rows, first, self._layout, writer.types)

    async def _converted(self) -> AsyncGenerator[tuple[Any, ColumnWriter | None, bytes]]:
        """:returns: Batches, each with what was written and by whom; by nobody if it has to be sent as tuples."""
        loop = asyncio.get_running_loop()
        # always the same one, as the library keeps memory for each
        with ThreadPoolExecutor(1, "pysqlsync-arrow") as thread:
            try:
                async with aclosing(self._batches(thread)) as batches:
                    async for batch in batches:
                        if self._writers is None:
                            self._writers = self._prepare(batch.schema)
                        for start in range(0, batch.num_rows, PART_ROWS):
                            part = batch.slice(start, PART_ROWS)
                            yield part, *await loop.run_in_executor(thread, self._writers.write, part)
            finally:
                if self._writers is not None:
                    release_memory()

    def _batches(self, thread: Executor) -> AsyncGenerator[Any]:
        is_for_thread = isinstance(self._source, ThreadSource) and self._source.is_read_in_thread
        if is_for_thread and not isinstance(self._given, AsyncIterable):
            return in_thread(self._given, thread)
        return as_async(self._given)

    def _prepare(self, schema: Any) -> _Writers:
        fitter = ColumnFitter(schema, self._target, self._rules)
        own_form = None if fitter.obstacle is not None else self.own_form
        writers = _Writers(fitter, self._rules, None if own_form is None else own_form.for_columns(fitter.columns))
        if writers.obstacle is not None:
            self.notes = (f"columns are sent as tuples: {writers.obstacle}",)
        return writers

    def _tuples(self, batch: Any) -> Iterator[Part]:
        self._sent = None
        try:
            yield from self._encoded(list(self._source.rows(batch, self.rows + 1)))
        except RecordError:
            if not self._encoder.is_lenient:
                raise
            yield from self._one_by_one(batch)

    def _one_by_one(self, batch: Any) -> Iterator[Part]:
        rows: list[Row] = []
        for index in range(batch.num_rows):
            record = batch.slice(index, 1)
            try:
                rows += self._source.rows(record, self.rows + len(rows) + 1)
            except RecordError as error:
                yield from self._encoded(rows)
                rows = []
                self.rows += 1
                self._tuple_rows += 1
                shown = describe_row(self._source.fields.names, [column[0].as_py() for column in record.columns])
                yield Rejects((bad_record(self.rows, bad_record_of(error, shown)),))
        yield from self._encoded(rows)

    def _encoded(self, rows: list[Row]) -> Iterator[Part]:
        if rows:
            first = self.rows + 1
            self.rows += len(rows)
            self._tuple_rows += len(rows)
            self.batches += 1
            yield from self._encoder.parts(rows, first)

    def explain(self, error: StatementError) -> EngineError:
        return error if self._sent is not None else self._encoder.explain(error)

    def with_value(self, error: RowError) -> LoadError:
        first = self.rows + 1 - (0 if self._sent is None else self._sent.num_rows)
        if self._sent is None or error.row is None or not first <= error.row <= self.rows:
            return self._encoder.with_value(error)
        rows = self._source.rows(self._sent.slice(error.row - first, 1), error.row)
        return with_value(error, Run(rows, error.row), self._target)


class _Writers:
    """What may write the columns of a stream, the fastest first."""

    def __init__(self, fitter: ColumnFitter, rules: TextRules, own: ColumnWriter | None) -> None:
        """:param own: Writes the form of the server; `None` if nothing does."""
        self._fitter = fitter
        self._rules = rules
        self._own = own
        self._written = 0

    @cached_property
    def _text(self) -> ColumnText:
        """Not there before it is needed, as that part of the library takes memory."""
        return ColumnText(self._fitter, self._rules)

    @property
    def obstacle(self) -> str | None:
        """Why all rows have to be sent as tuples; `None` if they need not."""
        return self._text.obstacle if self._own is None else None

    def write(self, batch: Any) -> tuple[ColumnWriter | None, bytes]:
        """:returns: The first of the writers that can write a batch, and what it has written; nobody if it has to be sent as tuples."""
        for writer in self._all():
            try:
                records = writer.write(batch)
            except NotExactError:
                continue
            self._written += 1
            if self._written % RELEASED_PARTS == 0:
                release_memory()
            return writer, records
        return None, b""

    def _all(self) -> Iterator[ColumnWriter]:
        if self._own is not None:
            yield self._own
        if self._text.obstacle is None:
            yield self._text


async def _ahead(items: AsyncGenerator[Any]) -> AsyncGenerator[Any]:
    """:returns: The items; the next one is prepared while one is in use."""
    pending: asyncio.Task[Any] | None = asyncio.ensure_future(_next(items))
    try:
        while (item := await pending) is not None:
            pending = asyncio.ensure_future(_next(items))
            yield item
    finally:
        # what runs in a thread cannot be stopped
        await asyncio.wait([pending])
        if not pending.cancelled():
            pending.exception()
        await items.aclose()


async def _next(items: AsyncGenerator[Any]) -> Any:
    return await anext(items, None)
