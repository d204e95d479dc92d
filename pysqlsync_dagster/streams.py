"""Streams of rows into one table: one transaction for each partition, several of them side by side."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pysqlsync_dagster.feeds import AnySource, SinceWatermark, TableFeed, fitted, options_of, source_of, window_of
from pysqlsync_dagster.partitions import PartitionSlice
from pysqlsync_engine.base import ConnectionContext, ConnectionPool, LoadReport, Mark
from pysqlsync_engine.data.auditing import RejectedRow
from pysqlsync_engine.model.managed import rejected_name
from pysqlsync_engine.model.object_types import Table


@dataclass(frozen=True, slots=True)
class PartitionLoad:
    """
    A stream that was stored.

    :param key: Partition key; `None` where the table is loaded whole.
    :param total: Rows in the table afterwards, where it is loaded whole; `None` for a partition.
    :param mark: How far the stream has come in all; `None` if that is not recorded.
    :param rejected: Some of the rows that were set aside, the newest first.
    :param rejected_table: Where all of them are, for people; `None` if there are none, or nobody asked.
    """

    key: str | None
    report: LoadReport
    total: int | None = None
    mark: Mark | None = None
    rejected: tuple[RejectedRow, ...] = ()
    rejected_table: str | None = None


class PartitionLoadError(Exception):
    """
    A stream was not stored; the cause says why.

    :param key: Partition key; `None` where the table is loaded whole.
    """

    def __init__(self, key: str | None) -> None:
        super().__init__(f"partition {key}" if key is not None else "table")
        self.key = key


@dataclass(frozen=True, slots=True)
class TableStream:
    """
    Streams of rows from one source into one table.

    :param table: As `connection.get_table` has it.
    :param preview_rows: How many rejected rows to look at after a stream.
    :param source_name: Name of the source, if there are several.
    """

    pool: ConnectionPool
    table: Table
    feed: TableFeed
    source: AnySource
    preview_rows: int = 0
    source_name: str = ""

    async def load(self, wanted: PartitionSlice | None) -> PartitionLoad:
        """
        Store the rows of a partition, or all rows, as a whole or not at all.

        :raises PartitionLoadError: if that fails.
        """
        try:
            options = options_of(self.feed.load, wanted, self.source_name)
            records = source_of(self.source, wanted, reached=await self._reached())
            report = await self.pool.load(
                self.table,
                fitted(records, self.table.column_names, self.feed.contract),
                options=options,
                window=window_of(self.source, wanted),
            )
            return await self._described(wanted, report, options.batch or options.partition)
        except Exception as error:
            raise PartitionLoadError(None if wanted is None else wanted.key) from error

    async def _reached(self) -> Any:
        if not isinstance(self.source, SinceWatermark):
            return None
        async with self.pool.connection() as connection:
            mark = await self._mark(connection)
        return None if mark is None else mark.value

    async def _mark(self, connection: ConnectionContext) -> Mark | None:
        watermark = self.feed.load.watermark
        return None if watermark is None else await connection.read_watermark(watermark.stream, self.table)

    async def _described(
        self, wanted: PartitionSlice | None, report: LoadReport, partition: str | None
    ) -> PartitionLoad:
        key = None if wanted is None else wanted.key
        rejected = min(report.counts.rejected, self.preview_rows)
        if wanted is not None and not rejected and self.feed.load.watermark is None:
            return PartitionLoad(key, report)
        async with self.pool.connection() as connection:
            # The table may have rows that the source has no longer; to count costs little beside loading the whole table.
            total = await connection.count_rows(self.table) if wanted is None else None
            mark = await self._mark(connection)
            if not rejected:
                return PartitionLoad(key, report, total, mark)
            rows = await connection.audit.rejected_rows(self.table.name, rejected, partition=partition)
            place = rejected_name(self.table.name, connection.session.capabilities).display
        return PartitionLoad(key, report, total, mark, tuple(rows), place)


async def load_slices(
    stream: TableStream, wanted: Sequence[PartitionSlice | None], *, concurrency: int = 1
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
                running.add(asyncio.create_task(stream.load(next(waiting))))
            finished, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            left -= len(finished)
            # failures last: what is stored is to be recorded in any case
            for task in sorted(finished, key=lambda task: task.exception() is not None):
                yield task.result()
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
