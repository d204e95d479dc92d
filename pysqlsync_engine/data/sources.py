"""Where rows come from: one small protocol that a user implements in ten lines."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeAlias, runtime_checkable

from pysqlsync_engine.model.fields import Fields
from pysqlsync_engine.session import Batch

__all__ = ["Batches", "Fields", "RecordSource", "Window"]

Batches: TypeAlias = Iterable[Batch] | AsyncIterable[Batch]
"""Rows in batches, sync or async."""


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
