"""Where the rows come from; stands for what your workers reach from every machine: an API, object storage, another database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from examples.meters.model import Meter
from pysqlsync_engine.base import class_fields
from pysqlsync_engine.data.sources import Fields, Window
from pysqlsync_engine.session import Batch

METERS = 40
READINGS_PER_DAY = 24


class Meters:
    """All meters."""

    fields = class_fields(Meter)

    def batches(self, window: Window | None) -> Iterator[Batch]:
        """:returns: One batch."""
        del window
        yield [(number, f"{number} Main Street") for number in range(1, METERS + 1)]


class Readings:
    """A reading of each meter in each hour."""

    fields = Fields(("meter", "read_at", "kilowatt_hours"), (int, datetime, Decimal))

    def batches(self, window: Window | None) -> Iterator[Batch]:
        """:returns: A batch for each hour of the window."""
        if window is None:
            raise ValueError("readings are loaded by day; the table has partitions")
        for hour in range(READINGS_PER_DAY):
            read_at = window.start + timedelta(hours=hour)
            yield [(number, read_at, Decimal(number * 100 + hour)) for number in range(1, METERS + 1)]
