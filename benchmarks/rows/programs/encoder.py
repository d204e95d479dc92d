"""
Encode rows of 8 columns on one core: reads a request with `rows` and `action` from standard input, prints a line of JSON.

Time is that of the processor, as nothing else is waited for. `two` converts two of the columns (a UUID to bytes, an enumeration to
its label) and passes six on; `all` has a hook for each column, as a table with these types has them; `closures` calls a function
for each cell that is converted, as one would write it without a compiler.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from benchmarks.rows.tables import Method
from pysqlsync_engine.data import hooks
from pysqlsync_engine.data.codec import compile_encoder
from pysqlsync_engine.data.hooks import Hook
from pysqlsync_engine.data.labels import label_hook
from pysqlsync_engine.session import Batch

BATCH_ROWS = 256
ROW = (UUID(int=1), Method.get, 1, 2, "text", "other text", None, date(2026, 1, 1))


def uuid_bytes(value: UUID) -> bytes:
    return value.bytes


TWO: Sequence[Hook | None] = (Hook(uuid_bytes, "{v}.bytes"), label_hook(Method), *[None] * 6)
ALL: Sequence[Hook | None] = (
    hooks.uuid_hook(),
    label_hook(Method),
    hooks.integer_hook(8),
    hooks.integer_hook(2),
    hooks.text_hook(None),
    hooks.text_hook(255),
    hooks.float_hook(8),
    hooks.date_hook(),
)


def closures(batch: Batch) -> Batch:
    """:returns: Rows that are encoded cell by cell."""
    functions = [None if hook is None else hook.encode for hook in TWO]
    return [
        tuple(
            value if function is None or value is None else function(value)
            for value, function in zip(row, functions, strict=True)
        )
        for row in batch
    ]


ACTIONS: dict[str, Callable[[Batch], Any] | None] = {
    "two": compile_encoder(TWO),
    "all": compile_encoder(ALL),
    "closures": closures,
}


def measure(action: str, rows: int) -> float:
    """:returns: Seconds of the processor."""
    encode = ACTIONS[action]
    if encode is None:
        raise RuntimeError("there is nothing to encode")
    batch = [ROW] * BATCH_ROWS
    encode(batch)
    started = time.process_time()
    for _ in range(rows // BATCH_ROWS):
        encode(batch)
    return time.process_time() - started


if __name__ == "__main__":
    request = json.load(sys.stdin)
    print(json.dumps({"seconds": measure(request["action"], request["rows"])}))
