"""
Move rows with the engine: reads a request from standard input, prints what it took as a line of JSON.

A request has `server`, `action` (the kind of source), `files` (one for each stream, all at once), `table`, `mode`, `options` and
`enum_mode`. Tuples are parsed by `tsv2py` while they are sent; with the action `at_hand`, before the clock starts.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import AsyncExitStack
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.rows import tables
from pysqlsync_engine.base import ConnectionParameters, EnumMode, Fields, GeneratorOptions, StreamJob
from pysqlsync_engine.data.batches import BatchSource
from pysqlsync_engine.data.csv import CsvSource
from pysqlsync_engine.data.load_options import LoadMode, LoadOptions
from pysqlsync_engine.data.parquet import ParquetSource, load_library
from pysqlsync_engine.data.sources import RecordSource
from pysqlsync_engine.data.tsv import TsvSource
from pysqlsync_engine.engine import Engine
from pysqlsync_engine.factory import get_dialect
from pysqlsync_engine.formation.inspection import inspect_class
from pysqlsync_engine.session import Batch

PARSED_ROWS = 1_000
"""Rows that are parsed at once."""


def fields_of(cls: type, mode: LoadMode) -> Fields:
    """:returns: All fields of a class, or those of its key."""
    found = [(each.column_name, each.annotation) for each in inspect_class(cls).fields]
    if mode is LoadMode.DELETE:
        found = found[:1]
    return Fields(tuple(name for name, _ in found), tuple(annotation for _, annotation in found))


def parsed(file: str, kinds: Sequence[type]) -> Generator[Batch]:
    """:returns: Rows of a file whose moments are spelled as the parser wants them."""
    from tsv.helper import Parser  # pyright: ignore[reportMissingTypeStubs]

    parser = Parser(fields=tuple(kinds))
    with Path(file).open("rb") as lines:
        while block := list(islice(lines, PARSED_ROWS)):
            yield [parser.parse_line(line[:-1]) for line in block]


def event_kinds(mode: LoadMode) -> tuple[type, ...]:
    """:returns: Types that rows of events are parsed to; enumerations are left as text."""
    from datetime import datetime
    from ipaddress import IPv4Address
    from uuid import UUID

    if mode is LoadMode.DELETE:
        return (UUID,)
    return (UUID, datetime, datetime, int, int, str, str, str, str, str, str, IPv4Address, int, str)


def source_of(request: dict[str, Any], file: str, cls: type, mode: LoadMode) -> RecordSource:
    fields = fields_of(cls, mode)
    match request["action"]:
        case "tsv":
            return TsvSource(file, fields, header=False)
        case "csv":
            return CsvSource(file, fields, documents=True)
        case "parquet":
            # the clock of the others starts after their imports, too
            load_library()
            for name in ("pyarrow.compute", "pyarrow.csv"):
                import_module(name)
            return ParquetSource(file, fields)
        case "at_hand":
            rows = [row for batch in parsed(file, event_kinds(mode)) for row in batch]
            return BatchSource(fields, [rows])
        case _:
            return BatchSource(fields, parsed(file, event_kinds(mode)))


def target_of(request: dict[str, Any]) -> tuple[Engine, ConnectionParameters, GeneratorOptions]:
    server = request["server"]
    parameters = ConnectionParameters(
        host=server["socket"] or server["host"],
        port=None if server["socket"] else server["port"],
        username=server["user"],
        password=server["password"],
        database=server["database"],
    )
    enum_mode = request.get("enum_mode")
    options = GeneratorOptions(
        namespaces={tables: tables.NAMESPACE}, enum_mode=EnumMode[enum_mode] if enum_mode else None
    )
    return get_dialect(server["dialect"]), parameters, options


async def move(request: dict[str, Any]) -> dict[str, Any]:
    cls = tables.TABLES[request["table"]]
    mode = LoadMode(request.get("mode", "insert"))
    options = LoadOptions(mode=mode, **request.get("options", {}))
    sources = [source_of(request, file, cls, mode) for file in request["files"]]
    engine, parameters, chosen = target_of(request)
    table = engine.get_table(cls, chosen)
    async with AsyncExitStack() as stack:
        if len(sources) == 1:
            conn = await stack.enter_async_context(engine.create_connection(parameters, chosen))
            started, used = time.perf_counter(), time.process_time()
            reports = [await conn.load(table, sources[0], options=options)]
        else:
            size = len(sources)
            pool = await stack.enter_async_context(engine.create_pool(parameters, chosen, min_size=size, max_size=size))
            jobs = [StreamJob(str(number), table, source, options) for number, source in enumerate(sources)]
            started, used = time.perf_counter(), time.process_time()
            reports = list((await pool.load_all(jobs, connections=size)).values())
        seconds, cpu_s = time.perf_counter() - started, time.process_time() - used
    return {
        "seconds": seconds,
        "cpu_s": cpu_s,
        "rows": sum(report.rows for report in reports),
        "speed": reports[0].speed.value,
        "notes": sorted({note for report in reports for note in report.notes}),
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(move(json.load(sys.stdin)))))
