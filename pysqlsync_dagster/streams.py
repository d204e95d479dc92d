"""Streams of rows into one table: one transaction for each partition, several of them side by side."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TypeAlias

from pysqlsync_dagster.feeds import AnySource, TableFeed, fitted, source_of
from pysqlsync_dagster.partitions import PartitionSlice
from pysqlsync_engine.base import ConnectionContext, LoadReport
from pysqlsync_engine.model.object_types import Table

Lender: TypeAlias = Callable[[], AbstractAsyncContextManager[ConnectionContext]]
"""Lends a connection of a pool."""


@dataclass(frozen=True, slots=True)
class PartitionLoad:
    """
    A stream that was stored.

    :param key: Partition key; `None` where the table is loaded whole.
    :param total: Rows in the table afterwards, where it is loaded whole; `None` for a partition.
    """

    key: str | None
    report: LoadReport
    total: int | None = None


class PartitionLoadError(Exception):
    """
    A stream was not stored; the cause says why.

    :param key: Partition key; `None` where the table is loaded whole.
    """

    def __init__(self, key: str | None) -> None:
        super().__init__(f"partition {key}" if key is not None else "table")
        self.key = key


async def load_slice(
    lend: Lender, table: Table, feed: TableFeed, source: AnySource, wanted: PartitionSlice | None
) -> PartitionLoad:
    """:returns: What one stream did, after its commit."""
    key = None if wanted is None else wanted.key
    window = None if wanted is None else wanted.window
    try:
        async with lend() as connection:
            records = fitted(source_of(source, wanted), table.column_names, feed.contract)
            report = await connection.load(table, records, options=feed.load, window=window)
            # The table may have rows that the source has no longer; to count costs little beside loading the whole table.
            total = await connection.count_rows(table) if wanted is None else None
    except Exception as error:
        raise PartitionLoadError(key) from error
    return PartitionLoad(key, report, total)


async def load_slices(
    lend: Lender,
    table: Table,
    feed: TableFeed,
    source: AnySource,
    *,
    wanted: Sequence[PartitionSlice | None],
    concurrency: int = 1,
) -> AsyncIterator[PartitionLoad]:
    """
    Store the rows of each partition in a transaction of its own.

    :param concurrency: Most transactions at the same time.
    :returns: Each load after its commit, as they finish.
    :raises PartitionLoadError: if one fails; those that have not finished by then are rolled back.
    """
    waiting: Iterator[PartitionSlice | None] = iter(wanted)
    running: set[asyncio.Task[PartitionLoad]] = set()
    left = len(wanted)
    try:
        while left:
            while len(running) < min(concurrency, left):
                running.add(asyncio.create_task(load_slice(lend, table, feed, source, next(waiting))))
            finished, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            left -= len(finished)
            # failures last: what is stored is to be recorded in any case
            for task in sorted(finished, key=lambda task: task.exception() is not None):
                yield task.result()
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
