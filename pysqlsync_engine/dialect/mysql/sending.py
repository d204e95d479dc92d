"""Sends the rows of a stream to tables of MySQL and MariaDB, and finds those that are refused on the way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing, suppress
from typing import TypeAlias

from pysqlsync_engine.data.batches import FIRST_SHARE, abandon, joined, next_share
from pysqlsync_engine.data.parts import BinaryPart, EncodedBatch, Part, Rejects
from pysqlsync_engine.data.text import TextPart
from pysqlsync_engine.dialect.mysql.raw_table import Raw
from pysqlsync_engine.dialect.mysql.refusals import is_about_row
from pysqlsync_engine.dialect.mysql.session import MySQLSession
from pysqlsync_engine.dialect.mysql.shipments import Shipment
from pysqlsync_engine.dialect.mysql.staging import Destination, drop, start_counting
from pysqlsync_engine.errors import UNSENDABLE, StatementError

MAX_TEXT_BYTES = 8 * 1024 * 1024
"""Text of files that is sent with one statement, but for the first ones; it is kept until the server has taken it."""

SLOW_S = 1.0
"""What takes longer to get from a stream is not waited for while a statement waits for rows, as a server does not wait long."""

MAX_STATEMENT_BYTES = 4 * 1024 * 1024
"""Longest statement that brings rows as values, where the server would permit longer ones."""

Sendable: TypeAlias = EncodedBatch | tuple[TextPart | BinaryPart, ...]
"""What is sent with one statement."""

Pack = Callable[[Sendable, Destination], Shipment]

Attempt = Callable[[int, int], Awaitable[None]]
"""Does something with the rows after one number, up to another one."""


class Ahead:
    """
    The parts of a stream, gathered into what is sent with one statement.

    While some are sent, the next ones are prepared, so that a server that is done with those need not wait for more; if the stream
    is slow, only while the server works on the last ones.
    """

    def __init__(self, parts: AsyncIterator[Part], pack: Pack, destination: Destination, *, spells: bool) -> None:
        """
        Take nothing yet.

        :param spells: True to make the text of rows, too; it is kept until they are stored.
        """
        self._gathered = _gather(parts)
        self._pack = pack
        self._destination = destination
        self._spells = spells
        self._taken = 0
        self._task: asyncio.Task[Shipment | Rejects | None] | None = None
        self._is_slow = False

    def prepare(self) -> None:
        """Begin to get the next one, as soon as there is something to wait for."""
        if self._task is None:
            self._task = asyncio.create_task(self._get())

    async def take(self) -> Shipment | Rejects | None:
        """:returns: What is sent next, or is set aside already; `None` at the end of the stream."""
        if self._task is None:
            return await self._get()
        task, self._task = self._task, None
        return await task

    def preparing(self, packets: Iterator[bytes]) -> Iterator[bytes]:
        """:returns: The packets; along with them, or once the last one is sent, the next part is prepared."""
        if not self._is_slow:
            self.prepare()
        yield from packets
        self.prepare()

    async def close(self) -> None:
        """Take no more."""
        if self._task is not None:
            await abandon(self._task)
        await self._gathered.aclose()

    async def _get(self) -> Shipment | Rejects | None:
        started = time.monotonic()
        gathered = await anext(self._gathered, None)
        self._is_slow = time.monotonic() - started > SLOW_S
        if gathered is None or isinstance(gathered, Rejects):
            return gathered
        shipment = self._pack(gathered, self._destination)
        first = None if self._destination.number is None else self._taken + 1
        self._taken += shipment.rows
        return await _spelled(shipment, first) if self._spells and shipment.is_to_be_made else shipment


async def _spelled(shipment: Shipment, first: int | None) -> Shipment:
    """
    :param first: Number of its first row; `None` if rows get no numbers.
    :returns: The same with its text made; as it is if a value does not fit, which is looked for when it is sent.
    """
    ready: list[bytes] = []
    try:
        for text in shipment.sent_texts():
            ready.append(text)
            # what is sent meanwhile has its turn
            await asyncio.sleep(0)
    except UNSENDABLE:
        return shipment
    return shipment.with_texts(ready, first)


async def _gather(parts: AsyncIterator[Part]) -> AsyncGenerator[Sendable | Rejects]:
    texts: list[TextPart | BinaryPart] = []
    size, share = 0, FIRST_SHARE
    async with aclosing(_yielding(parts)) as given, aclosing(joined(given)) as gathered:
        async for part in gathered:
            is_alike = isinstance(part, TextPart | BinaryPart) and texts and _is_alike(part, texts[0])
            if texts and (not is_alike or size >= MAX_TEXT_BYTES // share):
                yield tuple(texts)
                texts, size = [], 0
                share = next_share(share)
            if isinstance(part, TextPart | BinaryPart):
                texts.append(part)
                size += len(part.records)
            else:
                yield part
        if texts:
            yield tuple(texts)


async def _yielding(parts: AsyncIterator[Part]) -> AsyncGenerator[Part]:
    """:returns: The parts; what is sent meanwhile has its turn before each."""
    async for part in parts:
        await asyncio.sleep(0)
        yield part


def _is_alike(part: TextPart | BinaryPart, other: TextPart | BinaryPart) -> bool:
    if isinstance(part, TextPart) and isinstance(other, TextPart):
        return part.form == other.form and part.layout == other.layout
    return type(part) is type(other) and part.layout == other.layout


async def send(
    session: MySQLSession, destination: Destination, shipment: Shipment, number: int = 0, ahead: Ahead | None = None
) -> None:
    """
    Send rows to a table.

    :param number: Of the row before the first one.
    :param ahead: What prepares the next rows meanwhile.
    :raises StatementError: if not all rows were stored; the table has to be rolled back then.
    """
    try:
        if session.capabilities.client_files:
            await _load(session, destination, shipment, number, ahead)
        else:
            await _insert(session, destination, shipment, number)
    except UNSENDABLE as error:
        raise StatementError(f"a value cannot be sent: {error}", statement=f"rows for {destination.name}") from error


async def _load(
    session: MySQLSession, destination: Destination, shipment: Shipment, number: int, ahead: Ahead | None
) -> None:
    if destination.number is not None and not shipment.is_sorted:
        await session.execute(start_counting(number))
    packets = shipment.packets()
    await session.load(
        lambda file: shipment.load_into(destination, file),
        packets if ahead is None else ahead.preparing(packets),
        shipment.rows,
    )


async def _insert(session: MySQLSession, destination: Destination, shipment: Shipment, number: int) -> None:
    start = destination.insert([cell for cell in shipment.cells if cell is not None])
    # characters of a statement may take four bytes each
    most_bytes = min(MAX_STATEMENT_BYTES, session.max_packet_bytes // 8)
    sent = 0
    for values, rows in shipment.value_lists(most_bytes, None if destination.number is None else number):
        try:
            await session.execute(start + values)
        except StatementError as error:
            error.row = None if error.row is None else sent + error.row
            raise
        sent += rows


async def find_refused(
    attempt: Attempt, start: int, stop: int, *, tells_rows: bool = False
) -> tuple[int, StatementError] | None:
    """
    Find the first row that is refused; see `find_all_refused`.

    :returns: Number of the row, and what was said of it; what was attempted with those before is done. `None` if none is refused.
    """
    async with aclosing(find_all_refused(attempt, start, stop, tells_rows=tells_rows)) as found:
        return await anext(found, None)


async def find_all_refused(
    attempt: Attempt, start: int, stop: int, *, tells_rows: bool = False
) -> AsyncGenerator[tuple[int, StatementError]]:
    """
    Find the rows that are refused, by attempts with ever smaller parts.

    For `n` of `m` rows it takes less than `2 n log2(m / n)` attempts, or three for each if the server tells which one it is.

    :param attempt: What leaves nothing behind if it fails.
    :param start: Number of the row before the first one.
    :param stop: Number of the last row.
    :param tells_rows: True if an error may have the number of the row within the part; it is believed only as far as it proves true.
    :returns: Number of each row, and what was said of it; what was attempted with all others before is done by then.
    """
    good, ends = start, [stop]
    bad: int | None = None
    before_told: int | None = None
    while good < stop:
        while ends[-1] <= good:
            ends.pop()
        end = ends[-1]
        is_single = end - good == 1
        if end == bad and not is_single:
            # as those before are stored, the one that is refused is among the others
            ends.append((good + end) // 2)
            continue
        error = await _refusal(attempt, good, end)
        if error is None or is_single:
            good = end
            if error is not None:
                bad = None
                yield end, error
            continue
        bad = end
        tells_rows = tells_rows and end != before_told
        if tells_rows and error.row is not None and 1 <= error.row <= end - good:
            before_told = good + error.row - 1
            ends += [before_told + 1, before_told]
        else:
            ends.append((good + end) // 2)


async def _refusal(attempt: Attempt, start: int, stop: int) -> StatementError | None:
    """:returns: What is said of a row that is refused; `None` if none is."""
    try:
        await attempt(start, stop)
    except StatementError as error:
        if not is_about_row(error):
            raise
        return error
    return None


class RawRows:
    """Rows as they were sent, kept on the server to find those that a table refuses."""

    def __init__(self, session: MySQLSession, into: Destination, shipment: Shipment, sent: int) -> None:
        """:param sent: How many rows were sent before."""
        self._session = session
        self._sent = sent
        self._shipment = shipment
        self._raw = Raw(into, [cell for cell in shipment.cells if cell is not None])

    async def __aenter__(self) -> RawRows:
        await self._session.execute(self._raw.create())
        await send(self._session, self._raw.destination, self._shipment.plain())
        return self

    async def __aexit__(self, *_: object) -> None:
        # it would outlive the transaction
        with suppress(StatementError):
            await self._session.execute(drop([self._raw.name]))

    async def insert(self, start: int, stop: int) -> None:
        """Insert the rows after one number, up to another one, into the table; all, or none if one of them is refused."""
        await self._session.execute(self._raw.insert(start, stop, self._sent))

    async def value_of(self, column: str | None, number: int) -> str | None:
        """:returns: Text of a cell; `None` if it is NULL, or is not known."""
        if column is None or all(column != cell.column.name for cell in self._raw.cells):
            return None
        ((value,),) = await self._session.fetch(self._raw.value_of(column, number))
        return value

    async def records_of(self, numbers: Sequence[int]) -> list[str]:
        """
        :param numbers: Of rows, in order; at least one.
        :returns: The rows as JSON objects.
        """
        return [record for (record,) in await self._session.fetch(self._raw.records(numbers))]
