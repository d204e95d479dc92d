"""
Encode rows of 8 columns, two of which are converted, on one core: reads a request with `rows` from standard input, prints a line
of JSON.

`action` is `compiled` for the engine's encoder, or `closures` for a function per cell.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any
from uuid import UUID

from pysqlsync_engine.data.codec import compile_encoder
from pysqlsync_engine.data.hooks import Hook

BATCH_ROWS = 256
HOOKS = (Hook(lambda value: value.bytes, "{v}.bytes"), Hook(lambda value: value.encode(), "{v}.encode()"))
"""An attribute and a method: as a UUID and a text become what a driver takes."""


def measure(action: str, rows: int) -> float:
    """:returns: Seconds."""
    row = (UUID(int=1), "text", 1, 2, 3.5, "other", None, True)
    batch = [row] * BATCH_ROWS
    hooks = [HOOKS[0], HOOKS[1], *[None] * 6]
    if action == "compiled":
        encode: Any = compile_encoder(hooks)
    else:
        functions = [hook.encode if hook else None for hook in hooks]

        def encode(rows: Any) -> Any:
            return [
                tuple(
                    value if function is None or value is None else function(value)
                    for value, function in zip(row, functions, strict=True)
                )
                for row in rows
            ]

    encode(batch)
    started = time.perf_counter()
    for _ in range(rows // BATCH_ROWS):
        encode(batch)
    return time.perf_counter() - started


if __name__ == "__main__":
    request = json.load(sys.stdin)
    print(json.dumps({"seconds": measure(request["action"], request["rows"]), "speed": None, "notes": []}))
