"""
Time how long pysqlsync takes to discover a namespace; run by an interpreter that has it installed.

Reads a JSON object from standard input: `host`, `port`, `username`, `password`, `database`, `namespaces`.
Prints a JSON object: `seconds`, `tables`.
"""

# pyright: basic, reportMissingImports=false

from __future__ import annotations

import asyncio
import json
import sys
import time
import types


async def measure(request: dict) -> dict:
    from pysqlsync.base import GeneratorOptions
    from pysqlsync.connection import ConnectionParameters
    from pysqlsync.factory import get_dialect

    modules = {}
    for number, namespace in enumerate(request["namespaces"]):
        module = types.ModuleType(f"discovered_{number}")
        sys.modules[module.__name__] = module
        modules[module] = namespace
    parameters = ConnectionParameters(
        host=request["host"],
        port=request["port"],
        username=request["username"],
        password=request["password"],
        database=request["database"],
    )
    engine = get_dialect("postgresql")
    async with engine.create_connection(parameters, GeneratorOptions(namespaces=modules)) as conn:
        started = time.perf_counter()
        explorer = engine.create_explorer(conn)
        await explorer.discover(modules=list(modules))
        seconds = time.perf_counter() - started
        state = conn.connection.generator.state
        tables = sum(len(namespace.tables) for namespace in state.namespaces.values())
    return {"seconds": seconds, "tables": tables}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(measure(json.load(sys.stdin)))))
