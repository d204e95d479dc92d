"""Where rows come from: one small protocol that a user implements in ten lines."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeAlias, runtime_checkable

from pysqlsync_engine.session import Batch

Batches: TypeAlias = Iterable[Batch] | AsyncIterable[Batch]
"""Rows in batches, sync or async."""


@dataclass(frozen=True, slots=True)
class Fields:
    """
    What the values of a row are.

    :param names: Names of columns, in the order of the values of a row; not every column of the table need be named.
    :param types: Python type (annotation) of each value; NULL (`None`) is possible in each.
    """

    names: tuple[str, ...]
    types: tuple[Any, ...]

    def __post_init__(self) -> None:
        if len(self.names) != len(self.types):
            raise ValueError(f"fields: expected as many types as names ({len(self.names)}); got {len(self.types)}")


@dataclass(frozen=True, slots=True)
class Window:
    """
    A half-open range of time, `start <= t < end`; what a time partition covers.

    :param key: Name of the range for people: the partition key.
    """

    start: datetime
    end: datetime
    key: str


@runtime_checkable
class RecordSource(Protocol):
    """Rows for one table."""

    @property
    def fields(self) -> Fields:
        """What the values of a row are; the same for every batch."""
        ...

    def batches(self, window: Window | None) -> Batches:
        """
        Read rows, lazily.

        :param window: Which rows; `None` for all.
        """
        ...
