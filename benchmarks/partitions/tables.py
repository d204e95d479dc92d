"""Three tables that are loaded by day, and their rows."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pysqlsync_engine.base import class_fields
from pysqlsync_engine.data.sources import Window
from pysqlsync_engine.model.key_types import PrimaryKey
from pysqlsync_engine.model.type_markers import AwareDatetime

NAMESPACE = "bench"


@dataclass(slots=True)
class Visit:
    """Somebody has looked at a page."""

    id: PrimaryKey[int]
    at: AwareDatetime
    path: str
    seconds: float
    referrer: str | None


@dataclass(slots=True)
class Purchase:
    """Somebody has bought something."""

    id: PrimaryKey[int]
    at: AwareDatetime
    product: str
    price: float
    note: str | None


@dataclass(slots=True)
class Refund:
    """Somebody has given something back."""

    id: PrimaryKey[int]
    at: AwareDatetime
    reason: str
    amount: float
    note: str | None


TABLES: tuple[type, ...] = (Visit, Purchase, Refund)


class Days:
    """
    Record source whose rows were made before: the same number for each day.

    :param days: First moment of each day.
    """

    def __init__(self, cls: type, days: Sequence[datetime], rows: int) -> None:
        self.fields = class_fields(cls)
        dice = random.Random(cls.__name__)  # noqa: S311 - not a secret
        self._rows = {day: [self._row(dice, number, rows, day) for number in range(rows)] for day in days}

    @staticmethod
    def _row(dice: random.Random, number: int, rows: int, day: datetime) -> tuple[Any, ...]:
        at = day + timedelta(days=1) * number / rows
        note = None if number % 3 else f"note {dice.randrange(10**9)}"
        return (int(at.timestamp() * 1_000_000), at, f"item {dice.randrange(10**6)}", dice.random() * 100, note)

    def batches(self, window: Window | None) -> Iterator[list[tuple[Any, ...]]]:
        """:returns: The rows of the day, as one batch."""
        assert window is not None  # noqa: S101 - partitions are days
        yield self._rows[window.start]
