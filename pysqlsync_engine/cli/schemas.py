"""What the commands do with the schema behind a connection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import ModuleType

from pysqlsync_engine.cli.connection import engine_of
from pysqlsync_engine.cli.dsn import Target
from pysqlsync_engine.discovery.assemble import assemble
from pysqlsync_engine.migration.apply import ApplyReport
from pysqlsync_engine.migration.diff import compare
from pysqlsync_engine.migration.order import order
from pysqlsync_engine.migration.plan import Plan, fingerprint, make_plan
from pysqlsync_engine.model.object_types import Catalog
from pysqlsync_engine.options import GeneratorOptions, SyncPolicy


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
