"""Streams of rows or objects as batches that are bounded by bytes."""

from __future__ import annotations

import asyncio
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Generator,
    Iterable,
    Iterator,
    Sequence,
)
from concurrent.futures import Executor
from contextlib import aclosing
from dataclasses import dataclass
from itertools import islice
from operator import attrgetter
from typing import Any, TypeAlias, TypeVar

from pysqlsync_engine.data.parts import EncodedBatch, Part, Run
from pysqlsync_engine.data.sources import BadRecord, Batches, Fields, Window
from pysqlsync_engine.session import Batch, Row

Records: TypeAlias = Iterable[Row] | AsyncIterable[Row]
"""Rows one by one, sync or async."""

Lenient: TypeAlias = Iterable[Batch | BadRecord] | AsyncIterable[Batch | BadRecord]
"""Rows in batches, and among them records that cannot be read; sync or async."""

MAX_BATCH_BYTES = 4 * 1024 * 1024
"""Estimate of the memory that the values of rows take when sent, above which no row is added to what is sent with one statement."""

MAX_BATCH_ROWS = 32_768
"""Most rows that are sent with one statement, however small, where it takes a number of them that is known before."""

FIRST_SHARE = 8
"""How much less than that, in bytes and in rows, is sent with the first statement; the next ones have twice as much each."""

BLOCK_BYTES = 256 * 1024
"""
Estimate of the memory of the rows that are taken from a source at once: few enough that the server still has some to do while the
next ones are made.
"""

BLOCK_ROWS = MAX_BATCH_ROWS // FIRST_SHARE
"""Most rows that are taken from a source at once: what parses them may take long for a row that is short when it is sent."""

_CHUNK_ROWS = 256
"""Rows that are taken from a source at once, between two estimates of their size."""

_SAMPLE_ROWS = 16
"""Most rows of a chunk that are measured."""

_CELL_BYTES = 8
"""Estimate for a value other than a string."""

_SIZED = frozenset({str, bytes})

_END: Any = object()

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class BatchSource:
    """
    A source of rows that are at hand.

    :param given: Batches; if they are an iterator, they can be read once only.
    """

    fields: Fields
    given: Batches

    @property
    def is_one_time(self) -> bool:
        """True if the rows are gone when they have been read."""
        return isinstance(self.given, Iterator | AsyncIterator)

    def batches(self, window: Window | None) -> Batches:
        """
        :returns: The batches.
        :raises ValueError: if those of a window are asked for, which cannot be told.
        """
        if window is not None:
            raise ValueError(f"cannot tell which rows are in {window.key}; give a source that can")
        return self.given


def into_batches(records: Records) -> Batches:
    """:returns: The rows as small batches; sync or async as the rows are, and as lazily."""
    if isinstance(records, AsyncIterable):
        return _gather_async(records)
    return _gather(records)


def object_rows(objects: Iterable[Any] | AsyncIterable[Any], names: Sequence[str]) -> Batches:
    """
    Read attributes of objects.

    :param names: Attributes, in the order of the values of a row.
    :returns: Small batches of tuples; sync or async as the objects are, and as lazily.
    """
    get_row = _row_getter(names)
    if isinstance(objects, AsyncIterable):
        return _gather_async(_map_async(get_row, objects))
    return _gather(map(get_row, objects))


async def _map_async(get_row: Callable[[Any], Row], objects: AsyncIterable[Any]) -> AsyncGenerator[Row]:
    try:
        async for item in objects:
            yield get_row(item)
    finally:
        if isinstance(objects, AsyncGenerator):
            await objects.aclose()


def _row_getter(names: Sequence[str]) -> Callable[[Any], Row]:
    if len(names) == 1:
        get_value = attrgetter(names[0])
        return lambda item: (get_value(item),)
    return attrgetter(*names)


def _gather(records: Iterable[Row]) -> Iterable[Batch]:
    source = iter(records)
    while chunk := list(islice(source, _CHUNK_ROWS)):
        yield chunk


async def _gather_async(records: AsyncIterable[Row]) -> AsyncGenerator[Batch]:
    chunk: list[Row] = []
    try:
        async for row in records:
            chunk.append(row)
            if len(chunk) == _CHUNK_ROWS:
                yield chunk
                chunk = []
        if chunk:
            yield chunk
    finally:
        if isinstance(records, AsyncGenerator):
            await records.aclose()


async def bounded(batches: Lenient) -> AsyncGenerator[Batch | BadRecord]:
    """
    Cut batches that are too large, and join those that are too small to be worth a message of their own.

    :returns: Batches of at least one row, and records that cannot be read, in order.
    """
    pending: list[Row] = []
    size = 0
    async with aclosing(as_async(batches)) as source:
        async for batch in source:
            if isinstance(batch, BadRecord):
                if pending:
                    yield pending
                    pending, size = [], 0
                yield batch
                continue
            for chunk in _fitting(batch):
                pending += chunk
                size += estimate_bytes(chunk)
                if size >= min(BLOCK_BYTES, MAX_BATCH_BYTES) or len(pending) >= BLOCK_ROWS:
                    yield pending
                    pending, size = [], 0
    if pending:
        yield pending


async def joined(parts: AsyncIterator[Part]) -> AsyncGenerator[Part]:
    """
    :returns: The parts, with as many rows together as are worth a statement of their own; fewer at first, so that the server soon has
        something to do.
    """
    runs: list[Run] = []
    size = rows = 0
    share = FIRST_SHARE
    last: EncodedBatch | None = None
    async for part in parts:
        is_enough = size >= MAX_BATCH_BYTES // share or rows >= MAX_BATCH_ROWS // share
        if last is not None and (not isinstance(part, EncodedBatch) or is_enough):
            yield last.with_runs(runs)
            runs, size, rows, last = [], 0, 0, None
            share = next_share(share)
        if isinstance(part, EncodedBatch):
            runs += part.runs
            size += estimate_part(part)
            rows += len(part)
            last = part
        else:
            yield part
    if last is not None:
        yield last.with_runs(runs)


def next_share(share: int) -> int:
    """
    :param share: How much less than the most is sent with one statement, `FIRST_SHARE` at first.
    :returns: How much less with the next one.
    """
    return max(1, share // 2)


async def abandon(task: asyncio.Task[Any]) -> None:
    """Let nobody get what a task was to get, nor complain that its failure was not looked at."""
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled():
        task.exception()


def _fitting(batch: Batch) -> Iterable[Batch]:
    """:returns: The batch, in pieces that are small against the limits."""
    row_bytes = estimate_bytes(batch) // max(1, len(batch))
    step = max(1, min(BLOCK_ROWS // 4, min(BLOCK_BYTES, MAX_BATCH_BYTES) // 4 // (row_bytes + 1)))
    if len(batch) <= step:
        return (batch,)
    return (batch[start : start + step] for start in range(0, len(batch), step))


async def as_async(items: Iterable[Item] | AsyncIterable[Item]) -> AsyncGenerator[Item]:
    """:returns: The items, from a source that is closed as soon as no more are wanted."""
    if isinstance(items, AsyncIterable):
        try:
            async for item in items:
                yield item
        finally:
            if isinstance(items, AsyncGenerator):
                await items.aclose()
    else:
        try:
            for item in items:
                yield item
        finally:
            if isinstance(items, Generator):
                items.close()


async def in_thread(items: Iterable[Item], thread: Executor) -> AsyncGenerator[Item]:
    """
    Get items in a thread, so that others have their turn meanwhile.

    :param thread: A single one, so that a generator is not closed while it is at work; whoever has made it waits for its end.
    :returns: The items, one by one.
    """
    loop = asyncio.get_running_loop()
    iterator = iter(items)
    try:
        while (item := await loop.run_in_executor(thread, next, iterator, _END)) is not _END:
            yield item
    finally:
        if isinstance(iterator, Generator):
            thread.submit(iterator.close)


def estimate_bytes(rows: Batch) -> int:
    """:returns: About how many bytes the values take when sent, from a sample of the rows."""
    sample = rows[:: len(rows) // _SAMPLE_ROWS + 1]
    if not sample:
        return 0
    total = sum(_row_bytes(row) for row in sample)
    return total * len(rows) // len(sample)


def estimate_part(part: EncodedBatch) -> int:
    """:returns: As `estimate_bytes`, of all its rows."""
    return sum(estimate_bytes(run.rows) for run in part.runs)


def _row_bytes(row: Row) -> int:
    return sum([len(value) if value.__class__ in _SIZED else _CELL_BYTES for value in row])
