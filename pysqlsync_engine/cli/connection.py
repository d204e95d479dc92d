"""What the commands do with a connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from pysqlsync_engine.cli.dsn import Target
from pysqlsync_engine.data.load_report import LoadReport
from pysqlsync_engine.engine import Engine
from pysqlsync_engine.factory import get_dialect
from pysqlsync_engine.options import GeneratorOptions
from pysqlsync_engine.streams import StreamJob

Result = TypeVar("Result")


def wait(task: Coroutine[Any, Any, Result]) -> Result:
    """:returns: What the task returns, once it is done."""
    return asyncio.run(task)


async def watched(task: Coroutine[Any, Any, Result], look: Callable[[], None], *, interval_s: float = 0.2) -> Result:
    """:returns: What the task returns; looks after it as often as told until then."""

    async def keep_looking() -> None:
        while True:
            await asyncio.sleep(interval_s)
            look()

    watcher = asyncio.create_task(keep_looking())
    try:
        return await task
    finally:
        watcher.cancel()


def engine_of(target: Target) -> Engine:
    """:returns: The engine for the database."""
    return get_dialect(target.dialect)


async def load_rows(
    target: Target, options: GeneratorOptions, cls: type, jobs: Sequence[StreamJob], connections: int
) -> list[LoadReport]:
    """
    :param cls: Whose table the jobs are for, on whatever server it is.
    :param connections: How many of them are under way at most.
    :returns: What was stored of each.
    """
    engine = engine_of(target)
    if len(jobs) == 1:
        async with engine.create_connection(target.parameters, options) as conn:
            return [await conn.load(conn.get_table(cls), jobs[0].source, options=jobs[0].options)]
    async with engine.create_pool(target.parameters, options, max_size=connections) as pool:
        async with pool.connection() as conn:
            table = conn.get_table(cls)
        reports = await pool.load_all([replace(job, table=table) for job in jobs], connections=connections)
    return [reports[job.name] for job in jobs]
