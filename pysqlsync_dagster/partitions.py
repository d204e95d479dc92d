"""Partitions of every kind, as what a record source is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import dagster as dg

from pysqlsync_engine.data.sources import Window


@dataclass(frozen=True, slots=True)
class PartitionSlice:
    """
    The rows of one partition.

    :param key: Partition key.
    :param window: Range of time, where the partition or one of its dimensions is one; else `None`.
    :param values: For a partition of several dimensions, the key of each by the name of the dimension; else empty.
    """

    key: str
    window: Window | None = None
    values: Mapping[str, str] = field(default_factory=dict[str, str])


def has_time(partitions: dg.PartitionsDefinition) -> bool:
    """:returns: True if a partition tells a range of time, and nothing else that a source would have to know."""
    return isinstance(partitions, dg.TimeWindowPartitionsDefinition)


def slices(partitions: dg.PartitionsDefinition | None, keys: Sequence[str]) -> list[PartitionSlice | None]:
    """:returns: What each partition covers, in the order of the keys; one `None` without partitions."""
    if partitions is None:
        return [None]
    return [partition_slice(partitions, key) for key in keys]


def partition_slice(partitions: dg.PartitionsDefinition, key: str) -> PartitionSlice:
    """:returns: What the partition of that key covers."""
    if isinstance(partitions, dg.MultiPartitionsDefinition):
        values = dict(partitions.get_partition_key_from_str(key).keys_by_dimension)
        found = (window_of(each.partitions_def, values[each.name], key) for each in partitions.partitions_defs)
        return PartitionSlice(str(key), next((window for window in found if window is not None), None), values)
    return PartitionSlice(str(key), window_of(partitions, key, key))


def window_of(partitions: dg.PartitionsDefinition, key: str, name: str) -> Window | None:
    """
    :param key: Key among these partitions.
    :param name: Partition key for people.
    :returns: The range of time of a partition; `None` if it is none.
    """
    if not isinstance(partitions, dg.TimeWindowPartitionsDefinition):
        return None
    covered = partitions.time_window_for_partition_key(key)
    return Window(start=covered.start, end=covered.end, key=str(name))
