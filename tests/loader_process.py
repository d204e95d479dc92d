"""Loads rows and tells how far it is, until it is killed; see `test_streams_failures`."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from pysqlsync_engine.base import ConnectionParameters
from pysqlsync_engine.data import batches
from pysqlsync_engine.data.sources import Batches, Fields, Window
from pysqlsync_engine.factory import get_dialect
from pysqlsync_engine.session import Row
from tests.failing_streams import BY_VERSION, FIELDS, SENT_BYTES, items_table

BATCH_ROWS = 50


@dataclass
class TellingSource:
    """Yields batches, and says so."""

    rows: Sequence[Row]
    fields: Fields = FIELDS

    def batches(self, window: Window | None) -> Batches:
        del window
        return self._batches()

    async def _batches(self) -> AsyncIterator[Sequence[Row]]:
        for number, start in enumerate(range(0, len(self.rows), BATCH_ROWS)):
            sys.stdout.write(f"sent {number}\n")
            sys.stdout.flush()
            await asyncio.sleep(0.05)
            yield [tuple(row) for row in self.rows[start : start + BATCH_ROWS]]


async def main(task: dict[str, Any]) -> None:
    # so that each batch is sent when it comes
    batches.MAX_BATCH_BYTES = SENT_BYTES
    engine = get_dialect("postgresql" if task["server"].startswith("postgresql") else "mysql")
    async with (
        engine.create_pool(ConnectionParameters(**task["parameters"])) as pool,
        pool.connection() as connection,
    ):
        await connection.load(items_table(connection), TellingSource(task["rows"]), options=BY_VERSION)


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.stdin.readline())))
