"""Streams of rows into tables: one stream is one transaction."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from typing import Protocol

from pysqlsync_engine.data.batches import estimate_part
from pysqlsync_engine.data.cells import RecordError
from pysqlsync_engine.data.hooks import Hook
from pysqlsync_engine.data.journal import BatchRecordedError, Journal, Recorder
from pysqlsync_engine.data.load_errors import PartialLoadError, UncertainCommitError
from pysqlsync_engine.data.load_options import Atomicity, LoadOptions
from pysqlsync_engine.data.load_report import Counts, LoadReport, Outcome
from pysqlsync_engine.data.own_form import OwnForm
from pysqlsync_engine.data.parts import EncodedBatch, Part, Rejects
from pysqlsync_engine.data.sources import RecordSource, Window
from pysqlsync_engine.data.target import LoadTarget, choose_target
from pysqlsync_engine.data.text import TextRules
from pysqlsync_engine.data.ways import Way, choose_way
from pysqlsync_engine.errors import EngineError, LoadError, RowError, StatementError
from pysqlsync_engine.model.object_types import Table
from pysqlsync_engine.session import Session


class RowStore(Protocol):
    """Stores one stream of rows; made for it by a `Loader`."""

    @property
    def hooks(self) -> Sequence[Hook | None]:
        """For each named column what makes its values fit for the driver; `None` if they are as they are."""
        ...

    @property
    def is_numbered(self) -> bool:
        """True if `store` expects rows that start with their number in the stream, from 1."""
        ...

    @property
    def text(self) -> TextRules:
        """Which text it takes as it is."""
        ...

    @property
    def own_form(self) -> OwnForm | None:
        """Chooses what writes rows in a form of its own, which it takes with less work than text; `None` if it has none."""
        ...

    async def prepare(self, session: Session) -> None:
        """Create what has to be there before the transaction, as some servers end it then."""
        ...

    async def store(self, session: Session, parts: AsyncIterator[Part]) -> Outcome:
        """
        Store the rows, inside the current transaction.

        :raises RowError: if the server refuses a row, and rows are not to be set aside.
        """
        ...


class Loader(Protocol):
    """What a dialect knows about storing rows: which values its driver takes, and the SQL that merges them."""

    def open(self, target: LoadTarget) -> RowStore:
        """
        Choose how to store a stream; nothing is sent yet.

        :raises TypeError: if a column cannot take the values of its field without loss.
        :raises UnsupportedError: if the server cannot do what the options ask for.
        """
        ...

    async def count(self, session: Session, table: Table) -> int:
        """:returns: Number of rows in the table; the server reads all of it."""
        ...


async def load(
    session: Session,
    loader: Loader,
    journal: Journal | None,
    *,
    table: Table,
    source: RecordSource,
    options: LoadOptions,
    window: Window | None = None,
    receipt: str | None = None,
    label: str | None = None,
    is_repeated: bool = False,
) -> LoadReport:
    """
    Store a stream of rows in one transaction, or nothing of it. Inside a transaction of the caller it is a savepoint.

    Memory is bounded by a batch, as far as the source bounds its own.

    :param journal: Where watermark and batch are recorded; `None` if they are not.
    :param source: Read once, lazily, and closed early if a row is refused.
    :param receipt: Name under which the stream is recorded as a batch if it has no other, for a while, so that its commit can be
        recognized.
    :param label: Name by which rejected rows are told apart if the options give none.
    :param is_repeated: True if an attempt to store the stream may have left rejected rows of that name.
    :raises ValueError: if the fields do not fit the table; nothing is read or sent.
    :raises TypeError: if a column cannot hold what its field has; nothing is read or sent.
    :raises RowError: if a row cannot be stored, and rows are not to be set aside.
    :raises LoadError: if too many rows are set aside, or an empty stream would empty the table.
    :raises UncertainCommitError: if the connection was lost during the commit.
    :raises PartialLoadError: if a part of the stream failed, and others before it stay (`Atomicity.CHUNK`).
    """
    target = replace(choose_target(table, source.fields, options), label=label, is_repeated=is_repeated)
    is_recorded = options.stream_name is not None or receipt is not None
    recorder = Recorder(journal, target, receipt) if journal is not None and is_recorded else None
    return await _Stream(session, loader, recorder, target, source, window).load()


class _Stream:
    """One stream, and what has become of it."""

    def __init__(
        self,
        session: Session,
        loader: Loader,
        recorder: Recorder | None,
        target: LoadTarget,
        source: RecordSource,
        window: Window | None,
    ) -> None:
        self._session = session
        self._loader = loader
        self._recorder = recorder
        self._target = target
        self._source = source
        self._store = loader.open(target)
        self._way: Way = choose_way(source, window, target, self._store)
        self._counts = Counts()
        self._notes: tuple[str, ...] = ()
        self._watermark: str | None = None
        self._started = time.monotonic()

    async def load(self) -> LoadReport:
        try:
            if self._recorder is None or await self._recorder.begin(self._session):
                return await self._send_all()
        except BatchRecordedError:
            # by another session, meanwhile; what this one has stored is undone
            pass
        return LoadReport(self._target.table.name.display, self._target.mode, 0, 0, 0.0, repeated=True)

    async def _send_all(self) -> LoadReport:
        options = self._target.options
        if self._way.own_form is not None:
            await self._way.own_form.prepare(self._session)
        await self._store.prepare(self._session)
        async with aclosing(self._parts()) as parts:
            # before the transaction, so that it is not idle while a slow source prepares its first row
            first = await anext(parts, None)
            self._started = time.monotonic()
            if first is None:
                self._check_empty()
            if options.atomicity is Atomicity.CHUNK:
                await self._send_chunks(first, parts)
            elif first is not None or options.mode.replaces_all or options.stream_name is not None or options.partition:
                await self._send(_joined(first, parts), ends=True)
        return self._report()

    async def _parts(self) -> AsyncGenerator[Part]:
        async with aclosing(self._way.parts()) as parts:
            try:
                async for part in parts:
                    yield part
            except RecordError as error:
                if not self._target.redact_values:
                    raise
                # nor is the value in what has caused it
                raise error.redacted() from None

    def _check_empty(self) -> None:
        options = self._target.options
        if options.mode.replaces_all and not options.allow_empty:
            raise LoadError(
                f"{self._target.table.name.display}: the source has no rows, and mode {options.mode.value} would delete all that"
                " the table has; permit it with LoadOptions(allow_empty=True)"
            )

    async def _send_chunks(self, first: Part | None, parts: AsyncGenerator[Part]) -> None:
        stays: LoadReport | None = None
        try:
            while first is not None:
                await self._send(_Chunk(first, parts, self._target.options.chunk_bytes).parts(), ends=False)
                stays = self._report()
                first = await anext(parts, None)
                # what is rejected from now on is of this attempt
                self._target = replace(self._target, is_repeated=False)
                if first is not None:
                    self._store = self._loader.open(self._target)
                    await self._store.prepare(self._session)
            if self._target.options.stream_name is not None:
                async with self._committing(ends=True):
                    await self._record(ends=True)
        except EngineError as error:
            if stays is None:
                raise
            raise PartialLoadError(error, stays) from error

    async def _send(self, parts: AsyncGenerator[Part], *, ends: bool) -> None:
        """Store some parts in one transaction."""
        limited = self._limited(parts)
        async with aclosing(parts), aclosing(limited), self._committing(ends=ends):
            try:
                outcome = await self._store.store(self._session, limited)
            except StatementError as error:
                if error.sqlstate is not None:
                    raise
                # a hook or the driver refused a value; the hooks know best which one and why
                raise self._way.explain(error) from (None if self._target.redact_values else error)
            except RowError as error:
                raise self._way.with_value(error) from error.__cause__
            self._check_rejected(self._counts.rejected + outcome.counts.rejected)
            self._counts += outcome.counts
            self._notes = tuple(dict.fromkeys((*self._notes, *outcome.notes)))
            if self._recorder is not None:
                self._recorder.see(outcome.watermark)
                await self._record(ends=ends)

    async def _record(self, *, ends: bool) -> None:
        if self._recorder is None:
            return
        mark = self._recorder.watermark(self._source, ends=ends)
        await self._recorder.record(self._session, rows=self._way.rows, counts=self._counts, watermark=mark, ends=ends)
        self._watermark = self._watermark if mark is None else mark.text

    @asynccontextmanager
    async def _committing(self, *, ends: bool) -> AsyncGenerator[None]:
        """
        A transaction that tells whether it was lost before its end, or may be stored all the same.

        :param ends: True if it records the batch.
        """
        is_complete = False
        try:
            async with self._session.transaction():
                yield
                is_complete = True
        except StatementError as error:
            if is_complete and (error.is_lost or error.sqlstate is None):
                is_recorded = ends and self._recorder is not None and self._recorder.has_batch
                raise UncertainCommitError(error, self._report(), is_recorded=is_recorded) from error
            raise

    async def _limited(self, parts: AsyncIterator[Part]) -> AsyncGenerator[Part]:
        """:returns: The parts, up to where too many rows were set aside."""
        rejected = self._counts.rejected
        async for part in parts:
            if isinstance(part, Rejects):
                rejected += len(part.rows)
                self._check_rejected(rejected, part)
            yield part

    def _check_rejected(self, rejected: int, part: Rejects | None = None) -> None:
        most = self._target.options.max_rejects
        if most is None or rejected <= most:
            return
        last = "" if part is None else f"; the last one is row {part.rows[-1].row} ({part.rows[-1].reason})"
        raise LoadError(
            f"{self._target.table.name.display}: {rejected} rows cannot be stored, more than max_rejects={most}{last};"
            " nothing of the stream was stored"
        )

    def _report(self) -> LoadReport:
        way = self._way
        recorded = () if self._recorder is None else self._recorder.notes
        return LoadReport(
            table=self._target.table.name.display,
            mode=self._target.mode,
            rows=way.rows,
            batches=way.batches,
            seconds=time.monotonic() - self._started,
            counts=self._counts,
            sent_bytes=way.sent_bytes,
            speed=way.speed,
            notes=tuple(dict.fromkeys((*way.notes, *self._notes, *recorded))),
            watermark=self._watermark,
        )


async def _joined(first: Part | None, rest: AsyncIterator[Part]) -> AsyncGenerator[Part]:
    if first is not None:
        yield first
    async for part in rest:
        yield part


class _Chunk:
    """The next parts of a stream, until they have a number of bytes."""

    def __init__(self, first: Part, rest: AsyncGenerator[Part], limit: int) -> None:
        self._first = first
        self._rest = rest
        self._limit = limit

    async def parts(self) -> AsyncGenerator[Part]:
        part: Part | None = self._first
        size = 0
        while part is not None:
            size += _size(part)
            yield part
            part = None if size >= self._limit else await anext(self._rest, None)


def _size(part: Part) -> int:
    if isinstance(part, EncodedBatch):
        return estimate_part(part)
    return 0 if isinstance(part, Rejects) else len(part.records)
