"""Streams of rows into one table: which record source, which ranges of time, and one transaction for each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import dagster as dg

from pysqlsync_engine.base import ConnectionContext, LoadMode, LoadReport
from pysqlsync_engine.data.sources import RecordSource, Window
from pysqlsync_engine.model.object_types import Table

Source: TypeAlias = RecordSource | Mapping[str, RecordSource]
"""Where the rows of a table come from; several sources have names, the first is taken unless the run says otherwise."""


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


def feeds(source: Source) -> dict[str, RecordSource]:
    """
    :returns: Record sources by name; a single one has the empty name.
    :raises ValueError: if there is none.
    """
    found = dict(source) if isinstance(source, Mapping) else {"": source}
    if not found:
        raise ValueError("expected at least one record source; got an empty mapping")
    return found


def windows(partitions: dg.TimeWindowPartitionsDefinition | None, keys: Sequence[str]) -> list[Window | None]:
    """:returns: The range of time of each partition, in the order of the keys; one `None` without partitions."""
    if partitions is None:
        return [None]
    ranges = [(key, partitions.time_window_for_partition_key(key)) for key in keys]
    return [Window(start=each.start, end=each.end, key=key) for key, each in ranges]


async def load_windows(
    connection: ConnectionContext, table: Table, source: RecordSource, wanted: Sequence[Window | None]
) -> AsyncIterator[PartitionLoad]:
    """
    Upsert the rows of each window, one transaction after the other.

    :returns: Each load, after its commit.
    """
    for window in wanted:
        report = await connection.load_batches(
            table, fields=source.fields, batches=source.batches(window), mode=LoadMode.UPSERT
        )
        if window is not None:
            yield PartitionLoad(window.key, report)
        else:
            # The table may have rows that the source has no longer; to count costs little beside loading the whole table.
            yield PartitionLoad(None, report, await connection.count_rows(table))
