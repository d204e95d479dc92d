"""The parts of a stream on their way to COPY, and which numbers their rows have."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from itertools import islice

from pysqlsync_engine.data.batches import abandon, estimate_part
from pysqlsync_engine.data.codec import NumberedEncoder
from pysqlsync_engine.data.guard import record_pattern
from pysqlsync_engine.data.hooks import Detour
from pysqlsync_engine.data.parts import BinaryPart, EncodedBatch, Part, Rejects, Run
from pysqlsync_engine.data.text import TextFormat, TextPart
from pysqlsync_engine.dialect.postgresql.binary_rows import HEADER, TRAILER
from pysqlsync_engine.errors import UNSENDABLE, StatementError
from pysqlsync_engine.session import Row

MAX_COPY_BYTES = 32 * 1024 * 1024
"""Text that one COPY takes: the driver reads it all even if the server has refused its first record."""

MAX_COPY_ROW_BYTES = 16 * 1024 * 1024
"""Estimate for the rows that one COPY takes, for the same reason."""

MAX_KEPT_BYTES = 8 * 1024 * 1024
"""Text that one COPY takes if it is kept."""

PREPARED_BYTES = 1024 * 1024
"""Text that is made ready while a server stores the last of what one COPY has brought, of which it has some megabytes to read yet."""

MAX_KEPT_ROW_BYTES = 4 * 1024 * 1024
"""Estimate for the rows that one COPY takes if they are kept."""

MAX_CHECKED_ROW_BYTES = 2 * 1024 * 1024
"""Estimate for the rows that one COPY takes if the server checks foreign keys at its end, when the next rows can be made."""


class Feed:
    """The parts of a stream, of which the last ones may be given back, and the next ones got while there is something to wait for."""

    def __init__(self, parts: AsyncIterator[Part]) -> None:
        self._parts = parts
        self._ready: deque[Part] = deque()
        self._encode: NumberedEncoder | None = None
        self._task: asyncio.Task[None] | None = None

    async def next(self) -> Part | None:
        """:returns: The next part; `None` after the last one."""
        if not self._ready and self._task is not None:
            task, self._task = self._task, None
            await task
        part = self._ready.popleft() if self._ready else await anext(self._parts, None)
        if self._encode is not None and isinstance(part, EncodedBatch):
            return part.recoded(self._encode)
        return part

    def give_back(self, parts: Sequence[Part]) -> None:
        """Let parts be the next ones, in their order."""
        self._ready.extendleft(reversed(parts))

    def recode(self, encode: NumberedEncoder) -> None:
        """Encode rows in another way from now on."""
        self._encode = encode

    def prepare(self, most_bytes: int) -> None:
        """
        Begin to get the next parts.

        :param most_bytes: Of text, or estimate for rows, roughly.
        """
        if self._task is not None and self._task.done() and self._task.exception() is None:
            self._task = None
        if self._task is None:
            self._task = asyncio.create_task(self._get(most_bytes))

    async def _get(self, most_bytes: int) -> None:
        size = 0
        while size < most_bytes:
            part = await anext(self._parts, None)
            if part is None:
                return
            self._ready.append(part)
            if isinstance(part, Rejects):
                return
            size += estimate_part(part) if isinstance(part, EncodedBatch) else len(part.records)
            # what is waited for may be there
            await asyncio.sleep(0)

    async def close(self) -> None:
        """Get no more."""
        if self._task is not None:
            await abandon(self._task)


@asynccontextmanager
async def fed(parts: AsyncIterator[Part]) -> AsyncGenerator[Feed]:
    """The parts, of which none is being got any more at the end."""
    feed = Feed(parts)
    try:
        yield feed
    finally:
        await feed.close()


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
        ends = [*self._places[1:], self.rows + 1]
        for place, number, end in zip(self._places, self._numbers, ends, strict=False):
            yield number, end - place


class Sending:
    """Parts of a kind that follow each other, for one COPY."""

    def __init__(self, feed: Feed | None, *, keeps: bool) -> None:
        """
        Begin with none.

        :param feed: Where the parts after the first one come from; `None` for no more than that.
        :param keeps: True to keep the parts, so that they can be given back.
        """
        self.numbers = Numbers()
        self.taken: list[Part] = []
        """The parts so far, if they are kept."""
        self.failure: Exception | None = None
        """What went wrong while the next part was got."""
        self._feed = feed
        self._keeps = keeps

    async def _following(self) -> Part | None:
        """:returns: The next part, if there is one and more than the first are wanted."""
        if self._feed is None:
            return None
        try:
            return await self._feed.next()
        except Exception as error:
            self.failure = error
            raise

    def _prepare(self, most_bytes: int) -> None:
        """Begin to get what follows, while the server stores what it has."""
        if self._feed is not None:
            self._feed.prepare(most_bytes)

    def _give_back(self, part: Part | None) -> None:
        """Let a part be the next one of the stream."""
        if part is not None and self._feed is not None:
            self._feed.give_back([part])


class BytesRun(Sending):
    """Parts of text that follow each other, or of rows in the form of the server."""

    def __init__(self, first: TextPart | BinaryPart, feed: Feed | None, *, keeps: bool = False) -> None:
        """Begin with a part; see `Sending`."""
        self._form = first.form if isinstance(first, TextPart) else None
        self._has_quotes = self._form is not None and self._form.quote is not None
        # the server counts lines, and cells in quotes may have several
        super().__init__(feed, keeps=keeps or self._has_quotes)
        self.first = first

    async def chunks(self) -> AsyncGenerator[bytes]:
        """:returns: The text, or what binary COPY reads from the header to the trailer."""
        part: TextPart | BinaryPart | None = self.first
        size, limit = 0, MAX_KEPT_BYTES if self._keeps else MAX_COPY_BYTES
        if self._form is None:
            yield HEADER
        while part is not None:
            self.numbers.add(part.first, part.rows)
            if self._keeps:
                self.taken.append(part)
            yield part.records
            size += len(part.records)
            if size >= limit:
                self._prepare(PREPARED_BYTES)
                break
            part = await self._next()
        if self._form is None:
            yield TRAILER

    async def _next(self) -> TextPart | BinaryPart | None:
        part = await self._following()
        if isinstance(part, TextPart | BinaryPart) and _layout_of(part) == _layout_of(self.first):
            return part
        self._give_back(part)
        return None

    def number_of_line(self, line: int) -> int:
        """
        :param line: Line feeds up to the end of a record, or rows, from 1.
        :returns: Number of the record in the stream.
        """
        if self._form is None or not self._has_quotes:
            return self.numbers.number_of(line)
        text = b"".join(part.records for part in self.taken if isinstance(part, TextPart))
        return self.numbers.number_of(_place_of_line(text, self._form, line))


async def no_rows() -> AsyncGenerator[bytes]:
    """:returns: What binary COPY reads if there are none."""
    yield HEADER + TRAILER


def _layout_of(part: TextPart | BinaryPart) -> object:
    """:returns: What parts have in common that one COPY takes."""
    return (part.form, part.layout) if isinstance(part, TextPart) else part.layout


class RowRun(Sending):
    """Rows that follow each other; encoded while they are sent, so that client and server work at the same time."""

    def __init__(
        self, first: EncodedBatch, feed: Feed | None, *, keeps: bool = False, most_bytes: int = MAX_COPY_ROW_BYTES
    ) -> None:
        """
        Begin with a part; see `Sending`.

        :param most_bytes: Estimate for rows after which no more are added, roughly.
        """
        super().__init__(feed, keeps=keeps)
        self.first = first
        self.is_stopped = False
        self._most_bytes = most_bytes

    async def batches(self) -> AsyncGenerator[Iterable[Row]]:
        """:returns: The rows up to where a hook raises `Detour`; those from there on are given back."""
        part: EncodedBatch | None = self.first
        size = 0
        while part is not None:
            if self._keeps:
                self.taken.append(part)
            for block in part.blocks():
                rows = self._encoded(part, block)
                if rows is None:
                    return
                self.numbers.add(block.first, len(block.rows))
                yield rows
            size += estimate_part(part)
            if size >= self._most_bytes:
                self._prepare(min(self._most_bytes, MAX_CHECKED_ROW_BYTES))
                return
            part = await self._next()

    def _encoded(self, part: EncodedBatch, block: Run) -> Iterable[Row] | None:
        try:
            return part.encode(block)
        except Detour:
            self.is_stopped = True
            before, rest = part.split(block.first)
            if self._keeps:
                self.taken[-1] = before
            self._give_back(rest)
            return None
        except UNSENDABLE as error:
            self.failure = StatementError(f"a value cannot be sent: {error}", statement="COPY")
            raise self.failure from error

    async def _next(self) -> EncodedBatch | None:
        part = await self._following()
        if isinstance(part, EncodedBatch):
            return part
        self._give_back(part)
        return None


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
