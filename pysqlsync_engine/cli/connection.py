"""What the commands do with a connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from types import ModuleType
from typing import Any, TypeVar

from pysqlsync_engine.cli.dsn import Target
from pysqlsync_engine.data.load_report import LoadReport
from pysqlsync_engine.discovery.assemble import assemble
from pysqlsync_engine.engine import Engine
from pysqlsync_engine.factory import get_dialect
from pysqlsync_engine.migration.apply import ApplyReport
from pysqlsync_engine.migration.diff import compare
from pysqlsync_engine.migration.order import order
from pysqlsync_engine.migration.plan import Plan, fingerprint, make_plan
from pysqlsync_engine.model.object_types import Catalog
from pysqlsync_engine.options import GeneratorOptions, SyncPolicy
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


async def discover(target: Target, namespaces: Sequence[str] | None) -> Catalog:
    """:returns: What is in the database; `None` for all namespaces but the server's own."""
    engine = engine_of(target)
    async with engine.create_connection(target.parameters) as conn:
        return await engine.create_explorer(conn).discover(namespaces)


async def plan_modules(
    target: Target, options: GeneratorOptions, modules: Sequence[ModuleType], policy: SyncPolicy
) -> Plan:
    """:returns: How the database becomes what the classes of the modules describe."""
    engine = engine_of(target)
    async with engine.create_connection(target.parameters, options) as conn:
        return await engine.create_explorer(conn).plan(modules=modules, policy=policy)


async def apply_plan(target: Target, options: GeneratorOptions, plan: Plan, policy: SyncPolicy) -> ApplyReport:
    """:returns: What was done to carry out a plan; it is refused if the database is not the one that it was made for."""
    engine = engine_of(target)
    async with engine.create_connection(target.parameters, options) as conn:
        return await engine.create_explorer(conn).apply(plan, policy=policy)


async def plan_databases(source: Target, target: Target, namespaces: Sequence[str] | None, keep: Sequence[str]) -> Plan:
    """:returns: How the first database becomes like the second one."""
    engine, other = engine_of(source), engine_of(target)
    async with engine.create_connection(source.parameters) as conn, other.create_connection(target.parameters) as model:
        current = await engine.create_explorer(conn).discover(namespaces)
        desired = await other.create_explorer(model).discover(namespaces)
        difference = compare(current, desired, keep=keep, capabilities=conn.capabilities)
        writer = conn.dialect.writer(conn.capabilities)
        plan = make_plan(order(difference.operations), writer, dialect=engine.name, fingerprint=fingerprint(current))
        return replace(plan, target=desired, keep=tuple(keep), warnings=difference.warnings)


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


async def plan_classes_to_database(
    options: GeneratorOptions, modules: Sequence[ModuleType], target: Target, keep: Sequence[str]
) -> Plan:
    """:returns: How what the classes of the modules describe becomes like the database."""
    engine = engine_of(target)
    async with engine.create_connection(target.parameters, options) as conn:
        forward = await engine.create_explorer(conn).plan(modules=modules)
        namespaces = [namespace.name.name for namespace in forward.target.namespaces]
        lookups = [table.name for table in forward.target.tables() if table.labels is not None]
        reader = conn.dialect.reader(conn.capabilities)
        desired = assemble(await reader.fetch(conn.session, namespaces, lookups=lookups))
        difference = compare(forward.target, desired, keep=keep, capabilities=conn.capabilities)
        writer = conn.dialect.writer(conn.capabilities)
        plan = make_plan(
            order(difference.operations), writer, dialect=engine.name, fingerprint=fingerprint(forward.target)
        )
        return replace(plan, target=desired, keep=tuple(keep), warnings=difference.warnings)
