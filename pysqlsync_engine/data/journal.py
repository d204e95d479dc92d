"""What is recorded of streams in the target itself: how far each has come, and which batches it has brought."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

from pysqlsync_engine.data.cursor import MarkKind, MarkValue, kind_of_column, mark_of
from pysqlsync_engine.data.load_report import Counts
from pysqlsync_engine.data.sources import CursorSource, RecordSource
from pysqlsync_engine.data.target import LoadTarget
from pysqlsync_engine.errors import JournalError, StatementError
from pysqlsync_engine.session import Session

KEPT_DAYS = 7
"""How long the record of a batch is kept that nobody has named."""


@dataclass(frozen=True, slots=True)
class Entry:
    """
    What a commit adds to the journal.

    :param stream: Name of the stream; empty for one without a name, of which only the batch is recorded.
    :param table: Qualified name of the table.
    :param batch: Name of the batch; `None` if only the watermark is recorded.
    :param watermark: `None` if it stays as it is.
    :param rows: Rows of the stream that this commit stores.
    :param batch_rows: Rows of the batch, and `counts` what became of them; other commits may have stored some.
    :param is_generated: True if the batch got its name to be recognized after a lost connection, so that its record may go.
    """

    stream: str
    table: str
    batch: str | None = None
    watermark: MarkValue | None = None
    rows: int = 0
    batch_rows: int = 0
    counts: Counts = field(default_factory=Counts)
    is_generated: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """
    How far a stream has come.

    :param value: The watermark, of the Python type of its column: `int`, `Decimal`, `str`, `date`, `datetime` (in UTC where the
        column holds moments) or `UUID`; `None` if the stream has none.
    :param at: When it was written, by the clock of the server; in UTC.
    :param rows: Rows that the stream has brought in all.
    """

    stream: str
    table: str
    value: Any
    at: datetime
    rows: int


class BatchRecordedError(Exception):
    """A batch has been recorded by somebody else meanwhile; never leaves the engine."""


def forbidden(error: StatementError, script: Sequence[str]) -> JournalError:
    """
    :param script: Statements that create the tables and permit the user to use them.
    :returns: Error for a user who may not create the tables.
    """
    statements = ";\n".join(script)
    return JournalError(
        f"journal of streams: {error}; let somebody who may do so execute this once, and try again:\n{statements};"
    )


class Journal(Protocol):
    """Tables of our own in the target; a dialect knows their SQL."""

    async def prepare(self, session: Session) -> None:
        """
        Create the tables unless they are there, and let old records of batches go that nobody has named; outside of transactions.

        :raises JournalError: if they are not there, and the user may not create them; says which statements do so.
        """
        ...

    async def record(self, session: Session, entry: Entry) -> None:
        """
        Write what a stream brought, in the current transaction; a watermark takes the place of an earlier one, never of a later.

        :raises BatchRecordedError: if the batch is recorded already; the transaction is then to be rolled back.
        :raises LoadError: if the watermark cannot be compared with the one before.
        """
        ...

    async def has_batch(self, session: Session, entry: Entry) -> bool:
        """:returns: True if the batch of the entry is recorded. The tables need not be there."""
        ...

    async def read_mark(self, session: Session, stream: str, table: str) -> Mark | None:
        """:returns: How far the stream has come; `None` if nothing is recorded. The tables need not be there."""
        ...

    async def forget(self, session: Session, stream: str, table: str) -> None:
        """Remove the watermark and the batches of a stream, so that it begins anew. The tables need not be there."""
        ...


class Recorder:
    """
    What one stream tells the journal.

    :ivar notes: What a person should know of it.
    :param receipt: Name for the stream as a batch, if it has none of its own, by which its commit can be recognized.
    """

    def __init__(self, journal: Journal, target: LoadTarget, receipt: str | None) -> None:
        options = target.options
        self._journal = journal
        self._table = target.table.name.display
        self._stream = options.stream_name or ""
        self._batch = options.batch or receipt
        self._is_generated = options.batch is None
        self._wanted = options.watermark
        self._highest: MarkValue | None = None
        self._recorded_rows = 0
        self.notes: tuple[str, ...] = ()
        self._kind, self._given = _mark_type(target)

    async def begin(self, session: Session) -> bool:
        """
        :returns: False if the batch is recorded already, so that nothing is to be sent.
        :raises JournalError: if the user may not record what the options ask for.
        """
        try:
            await self._journal.prepare(session)
        except JournalError as error:
            if self._stream:
                raise
            # nobody but ourselves has asked for a record
            self._batch = None
            self.notes = (f"a commit could not be recognized after a lost connection: {str(error).partition(';')[0]}",)
        # a name that was made up has just been made up
        is_new = self._batch is None or self._is_generated
        return is_new or not await self._journal.has_batch(session, self._entry())

    @property
    def has_batch(self) -> bool:
        """True if the stream is recorded as a batch."""
        return self._batch is not None

    def see(self, watermark: str | None) -> None:
        """:param watermark: Highest value of the column in some rows that are being stored; `None` if there is none."""
        if watermark is None or self._kind is None:
            return
        mark = MarkValue(self._kind, watermark)
        if self._highest is None or mark.is_after(self._highest):
            self._highest = mark

    def watermark(self, source: RecordSource, *, ends: bool) -> MarkValue | None:
        """
        :param ends: True if the stream has been read to its end; a part of it has a watermark only if its rows come in order.
        :returns: What is safe to record, as no row below it is still to come.
        """
        if self._wanted is None or not (ends or self._wanted.is_ordered):
            return None
        value = source.cursor() if ends and self._given is None and isinstance(source, CursorSource) else None
        if value is not None:
            return mark_of(value)
        return self._highest if self._given is None else self._given if ends else None

    async def record(
        self, session: Session, *, rows: int, counts: Counts, watermark: MarkValue | None, ends: bool
    ) -> None:
        """
        Write to the journal, in the transaction of the rows.

        :param rows: Rows of the stream so far.
        :param ends: True to record the batch, too.
        """
        entry = self._entry(rows - self._recorded_rows, rows, counts, watermark)
        await self._journal.record(session, entry if ends else replace(entry, batch=None))
        self._recorded_rows = rows

    def _entry(
        self, rows: int = 0, batch_rows: int = 0, counts: Counts | None = None, watermark: MarkValue | None = None
    ) -> Entry:
        return Entry(
            stream=self._stream,
            table=self._table,
            batch=self._batch,
            watermark=watermark,
            rows=rows,
            batch_rows=batch_rows,
            counts=counts or Counts(),
            is_generated=self._is_generated,
        )


def _mark_type(target: LoadTarget) -> tuple[MarkKind | None, MarkValue | None]:
    """
    :returns: What the values of the watermark's column are, or the watermark that is given.
    :raises TypeError: if such values have no order that is the same everywhere.
    """
    wanted = target.options.watermark
    if wanted is None:
        return None, None
    try:
        if wanted.column is None:
            return None, mark_of(wanted.value)
        position = [column.name.name for column in target.columns].index(wanted.column)
        return kind_of_column(target.columns[position].data_type, target.types[position]), None
    except TypeError as error:
        raise TypeError(f"{target.table.name.display}: stream {wanted.stream!r}: {error}") from error
