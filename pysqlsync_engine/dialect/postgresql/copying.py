"""Sends the parts of a stream to a table by COPY, and remembers which numbers its rows have."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from itertools import islice
from typing import Protocol, runtime_checkable

from pysqlsync_engine.data.codec import NumberedEncoder
from pysqlsync_engine.data.guard import record_pattern
from pysqlsync_engine.data.parts import EncodedBatch, Part
from pysqlsync_engine.data.target import LoadTarget
from pysqlsync_engine.data.text import TextFormat, TextPart
from pysqlsync_engine.dialect.postgresql.refusals import refuse
from pysqlsync_engine.errors import LoadError, StatementError
from pysqlsync_engine.model.id_types import QualifiedId
from pysqlsync_engine.session import Row, Session

MAX_COPY_BYTES = 32 * 1024 * 1024
"""Text that one COPY takes: the driver reads it all even if the server has refused its first record."""

MAX_QUOTED_BYTES = 16 * 1024 * 1024
"""Text with cells in quotes that one COPY takes: it is kept, as the server counts lines and not records."""

SKIPPED = "pysqlsync_skipped_"
"""Start of the names of columns for cells that are left out."""


@runtime_checkable
class CopySession(Session, Protocol):
    """A session that can send rows and text."""

    async def copy(self, table: QualifiedId, columns: Sequence[str], batches: AsyncIterator[Iterable[Row]]) -> int:
        """
        Stream rows into a table by COPY.

        :param table: Where to; need not have a namespace (a temporary table).
        :param columns: Names of the columns, in the order of the values of a row.
        :param batches: Rows whose values the driver can send as they are; each batch is iterated once.
        :returns: Number of rows sent.
        :raises StatementError: if the driver or the server refuses a value.
        """
        ...

    async def copy_text(
        self,
        table: QualifiedId,
        columns: Sequence[str],
        chunks: AsyncIterator[bytes],
        *,
        delimiter: str,
        null: str,
        quote: str | None,
    ) -> int:
        """Stream text into a table; see the session of this dialect."""
        ...


class Feed:
    """The parts of a stream, of which one may be given back."""

    def __init__(self, parts: AsyncIterator[Part]) -> None:
        self._parts = parts
        self._given_back: Part | None = None
        self._encode: NumberedEncoder | None = None

    async def next(self) -> Part | None:
        """:returns: The next part; `None` after the last one."""
        part, self._given_back = self._given_back, None
        if part is None:
            part = await anext(self._parts, None)
        if self._encode is not None and isinstance(part, EncodedBatch):
            return part.recoded(self._encode)
        return part

    def give_back(self, part: Part) -> None:
        """Let a part be the next one."""
        self._given_back = part

    def recode(self, encode: NumberedEncoder) -> None:
        """Encode rows in another way from now on."""
        self._encode = encode


class Numbers:
    """Which number a row has in the stream, by its place among those that were sent, from 1."""

    def __init__(self) -> None:
        self.rows = 0
        self._places: list[int] = []
        self._numbers: list[int] = []

    def add(self, first: int, rows: int) -> None:
        """Add rows that follow each other; the first one has the number `first`."""
        if not self._places or first - self._numbers[-1] != self.rows + 1 - self._places[-1]:
            self._places.append(self.rows + 1)
            self._numbers.append(first)
        self.rows += rows

    def number_of(self, place: int) -> int:
        """:returns: The number of the row at that place."""
        index = bisect_right(self._places, place) - 1
        return self._numbers[index] + place - self._places[index]

    def spans(self) -> Iterator[tuple[int, int]]:
        """:returns: Number of a row, and how many there are from it on that follow each other; in order."""
        for place, end, number in zip(self._places, [*self._places[1:], self.rows + 1], self._numbers, strict=True):
            yield number, end - place


class TextRun:
    """Parts of text that follow each other, for one COPY."""

    def __init__(self, first: TextPart, feed: Feed | None) -> None:
        """
        Begin with a part.

        :param feed: Where the parts after it come from; `None` for no more than this one.
        """
        self.first = first
        self.numbers = Numbers()
        self.failure: Exception | None = None
        self._feed = feed
        self._kept: list[bytes] = []

    async def chunks(self) -> AsyncGenerator[bytes]:
        """:returns: The text."""
        part: TextPart | None = self.first
        size, limit = 0, MAX_COPY_BYTES if part.form.quote is None else MAX_QUOTED_BYTES
        while part is not None:
            self.numbers.add(part.first, part.rows)
            if part.form.quote is not None:
                self._kept.append(part.records)
            yield part.records
            size += len(part.records)
            part = await self._following() if size < limit else None

    async def _following(self) -> TextPart | None:
        if self._feed is None:
            return None
        try:
            part = await self._feed.next()
        except Exception as error:
            self.failure = error
            raise
        if isinstance(part, TextPart) and (part.form, part.layout) == (self.first.form, self.first.layout):
            return part
        if part is not None:
            self._feed.give_back(part)
        return None

    def number_of_line(self, line: int) -> int:
        """
        :param line: Line feeds up to the end of a record, from 1.
        :returns: Number of the record in the stream.
        """
        place = line if self.first.form.quote is None else _place_of_line(b"".join(self._kept), self.first.form, line)
        return self.numbers.number_of(place)


def _place_of_line(records: bytes, form: TextFormat, line: int) -> int:
    """:returns: Which record, from 1, has the line; cells in quotes may have several."""
    place = 1
    # the server does not know yet what a line ends with, and takes the first record for one
    line -= 1
    for record in islice(record_pattern(form).finditer(records), 1, None):
        if line <= 0:
            break
        line -= record[0].count(b"\n")
        place += 1
    return place


class Copier:
    """Sends rows to one table."""

    def __init__(
        self,
        session: Session,
        target: LoadTarget,
        table: QualifiedId,
        *,
        add_column: Callable[[str], str] | None = None,
        saves: bool = False,
    ) -> None:
        """
        Choose where to.

        :param add_column: Statement that gives the table a column for cells that are left out; `None` if it must not have such.
        :param saves: True to send each batch of rows inside of a savepoint, so that it can be sent again.
        """
        if not isinstance(session, CopySession):
            raise TypeError(f"expected a session that can send rows and text; got {type(session).__name__}")
        self.numbers = Numbers()
        self.stored = 0
        self._session = session
        self._target = target
        self._table = table
        self._names = [column.name.name for column in target.columns]
        self._add_column = add_column
        self._skipped = 0
        self._saves = saves

    async def send(self, feed: Feed) -> None:
        """
        Send all parts that are left.

        :raises CannotSkipError: if a part has cells that are left out, and the table has no place for them.
        :raises RowError: if the server refuses a row.
        """
        while (part := await feed.next()) is not None:
            try:
                if isinstance(part, TextPart):
                    await self.send_text(part, feed)
                elif isinstance(part, EncodedBatch):
                    await self.send_rows(part)
            except Exception:
                feed.give_back(part)
                raise

    async def send_text(self, part: TextPart, feed: Feed | None = None) -> None:
        """
        Send text by one COPY.

        :param feed: Where more text may come from, to be sent along with it.
        """
        session = self._session
        columns = await self.find_columns(part)
        form, run = part.form, TextRun(part, feed)
        try:
            read = await session.copy_text(
                self._table, columns, run.chunks(), delimiter=form.delimiter, null=form.null, quote=form.quote
            )
        except StatementError as error:
            if error is run.failure:
                raise
            error.row = None if error.row is None else run.number_of_line(error.row)
            refuse(self._target, error)
        if read > run.numbers.rows or (self._add_column is not None and read != run.numbers.rows):
            table = self._target.table.name.display
            raise LoadError(f"{table}: the server read {read} rows of text; expected {run.numbers.rows}")
        self.stored += read
        self._add(run.numbers.spans())

    async def send_rows(self, batch: EncodedBatch) -> None:
        """Send rows by one COPY."""
        try:
            async with self._savepoint():
                self.stored += await self._session.copy(self._table, self._names, _only(batch))
        except StatementError as error:
            error.row = None if error.row is None else batch.number_of(error.row)
            refuse(self._target, error)
        self._add((run.first, len(run.rows)) for run in batch.runs)

    def _savepoint(self) -> AbstractAsyncContextManager[None]:
        return self._session.transaction() if self._saves else nullcontext()

    def _add(self, spans: Iterable[tuple[int, int]]) -> None:
        for first, rows in spans:
            self.numbers.add(first, rows)

    async def find_columns(self, part: TextPart) -> list[str]:
        """
        :returns: For each cell of a record the column that takes it; those for cells that are left out are added.
        :raises CannotSkipError: if the table cannot be given such.
        """
        names: list[str] = []
        skipped = 0
        for position in part.layout:
            if position is None:
                skipped += 1
                names.append(f"{SKIPPED}{skipped}")
            else:
                names.append(self._names[position])
        if skipped and self._add_column is None:
            raise CannotSkipError
        while self._add_column is not None and self._skipped < skipped:
            self._skipped += 1
            await self._session.execute(self._add_column(f"{SKIPPED}{self._skipped}"))
        return names


class CannotSkipError(Exception):
    """A table has no place for cells that are left out; never leaves the store."""


async def _only(batch: EncodedBatch) -> AsyncGenerator[Iterable[Row]]:
    yield batch
