"""Everything that Dagster needs to keep some data-classes in step with their sources, in one call."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from types import ModuleType
from typing import Any

import dagster as dg

from pysqlsync_dagster.assets import AssetOptions, TableSet, build_table_asset, plan_tables
from pysqlsync_dagster.checks import (
    Counter,
    build_constraint_checks,
    build_freshness_checks,
    build_source_count_checks,
)
from pysqlsync_dagster.drift import build_drift_checks
from pysqlsync_dagster.feeds import Source, TableFeed
from pysqlsync_dagster.history_checks import RowBounds, build_rejected_checks, build_row_bounds_checks
from pysqlsync_dagster.incremental import NewRows, build_watermark_schedule
from pysqlsync_dagster.resources import DatabaseResource
from pysqlsync_dagster.schedules import Job, Partitions, SyncSchedule, build_table_schedule
from pysqlsync_dagster.translator import TableModule, TableTranslator
from pysqlsync_engine.base import GeneratorOptions, SyncPolicy


def table_module(
    tables: ModuleType | Sequence[type],
    *,
    dialect: str,
    namespace: str | None,
    owners: Sequence[str] = (),
    partitions: Mapping[type, Partitions] | None = None,
    prefix: Sequence[str] = (),
    group: str | None = None,
) -> TableModule:
    """:returns: Data-classes as one schema; all modules that define them have the same namespace."""
    if isinstance(tables, ModuleType):
        modules = [tables]
    else:
        modules = list(dict.fromkeys(sys.modules[cls.__module__] for cls in tables))
    return TableModule(
        tables if isinstance(tables, ModuleType) else tuple(tables),
        dialect=dialect,
        options=GeneratorOptions(namespaces=dict.fromkeys(modules, namespace)),
        owners=tuple(owners),
        partitions=partitions or {},
        prefix=tuple(prefix),
        group=group,
    )


def partition_groups(planned: TableSet) -> dict[Partitions | None, list[dg.AssetKey]]:
    """:returns: Assets that are loaded, by their partitions."""
    groups: dict[Partitions | None, list[dg.AssetKey]] = {}
    for loader in planned.loaders:
        groups.setdefault(loader.spec.partitions_def, []).append(loader.key)
    return groups


def partitions_title(partitions: Partitions | None) -> str:
    """:returns: How often tables with these partitions are loaded, in a word that can be part of a name."""
    match partitions:
        case None:
            return "whole"
        case dg.DynamicPartitionsDefinition(name=str(name)):
            return re.sub(r"\W", "_", name)
        case _:
            return type(partitions).__name__.removesuffix("PartitionsDefinition").lower()


def build_job(planned: TableSet, suffix: str, keys: Sequence[dg.AssetKey], description: str) -> Job:
    """:returns: A job that loads some tables of the set, with a name that begins like that of the set."""
    name = planned.schema.key.to_python_identifier().removesuffix("schema").strip("_") or "tables"
    return dg.define_asset_job(  # pyright: ignore[reportUnknownMemberType] - of Dagster
        f"{name}_{suffix}", selection=dg.AssetSelection.assets(*keys), description=description
    )


def feed_config(planned: TableSet, keys: Sequence[dg.AssetKey], feed: str | None) -> dict[str, Any]:
    """
    :param feed: Name of a source.
    :returns: Run configuration by which this source is read, for those of the tables that have several, and one of this name.
    """
    chosen = [
        loader
        for loader in planned.loaders
        if loader.key in keys and feed in loader.feed.sources and len(loader.feed.sources) > 1
    ]
    return {"ops": {loader.op_name: {"config": {"feed": feed}} for loader in chosen}} if chosen else {}


def build_new_rows_job(
    planned: TableSet, wanted: NewRows, target: DatabaseResource
) -> tuple[Job, dg.ScheduleDefinition]:
    """:returns: A job that loads the tables whose sources are watched, and the schedule that does so where one has new rows."""
    keys = [loader.key for loader in planned.loaders if loader.cls in wanted.watches]
    job = build_job(planned, "new_rows", keys, "Loads what is new in the sources; the schema must be in sync.")
    schedule = build_watermark_schedule(
        f"{job.name}_schedule",
        job=job,
        planned=planned,
        database=target,
        watches=wanted.watches,
        cron=wanted.cron,
        timezone=wanted.timezone,
        running=wanted.running,
    )
    return job, schedule


def build_jobs(planned: TableSet, schedule: SyncSchedule | None) -> tuple[list[Job], list[dg.ScheduleDefinition]]:
    """
    :param schedule: When tables are loaded; `None` for no schedules.
    :returns: A job for the schema, one for all assets, and one for the tables of each kind of partitions; and the schedules of the
        latter.
    """
    schema = planned.schema.key
    loaded = [loader.key for loader in planned.loaders]
    jobs = [
        build_job(
            planned, "schema", [schema], "Plans the schema, shows the plan, and applies it if nothing is lost by it."
        ),
        build_job(planned, "all", [schema, *loaded], "The schema, then all tables that are loaded."),
    ]
    policy = planned.options.backfill_policy or dg.BackfillPolicy.single_run()
    single_run = policy.max_partitions_per_run is None
    schedules: list[dg.ScheduleDefinition] = []
    taken: set[str] = set()
    for partitions, keys in partition_groups(planned).items():
        title = partitions_title(partitions)
        title = title if title not in taken else f"{title}_{len(taken)}"
        taken.add(title)
        loading = build_job(planned, title, keys, "Loads tables; the schema must be in sync.")
        jobs.append(loading)
        if schedule is not None:
            schedules.append(
                build_table_schedule(
                    loading,
                    schedule=schedule,
                    partitions=partitions,
                    single_run=single_run,
                    run_config=feed_config(planned, keys, schedule.feed),
                )
            )
    return jobs, schedules


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """
    Which checks are made, besides those of the schema.

    :param constraints: True to check what nobody else sees to, see `build_constraint_checks`; as are `enforced` and `blocking`.
    :param max_rejected_share: Share of the rows of a run that may be rejected; `None` not to look at it.
    :param row_bounds: When a number of rows is out of the ordinary; `None` not to look at it.
    :param max_age: See `build_freshness_checks`.
    :param source_rows: See `build_source_count_checks`.
    """

    constraints: bool = True
    enforced: bool = False
    blocking: bool = False
    max_rejected_share: float | None = 0.0
    row_bounds: RowBounds | None = None
    max_age: Mapping[type, tuple[str, timedelta]] = field(default_factory=dict[type, tuple[str, timedelta]])
    source_rows: Mapping[type, Counter | None] = field(default_factory=dict[type, Counter | None])


def build_checks(planned: TableSet, options: CheckOptions) -> list[dg.AssetChecksDefinition]:
    """:returns: The checks that are asked for, and that of the schema of each table."""
    built = [build_drift_checks(planned)]
    if options.constraints:
        built += build_constraint_checks(planned, enforced=options.enforced, blocking=options.blocking)
    built += build_freshness_checks(planned, options.max_age)
    built += build_source_count_checks(planned, options.source_rows)
    if planned.loaders and options.max_rejected_share is not None:
        built.append(build_rejected_checks(planned, share=options.max_rejected_share))
    if planned.loaders and options.row_bounds is not None:
        built.append(build_row_bounds_checks(planned, options.row_bounds))
    return built


def build_sync_defs(
    tables: ModuleType | Sequence[type] | TableModule,
    *,
    target: DatabaseResource,
    sources: Mapping[type, Source | TableFeed],
    namespace: str | None = None,
    owners: Sequence[str] = (),
    partitions: Mapping[type, Partitions] | None = None,
    prefix: Sequence[str] = (),
    group: str | None = None,
    translator: TableTranslator | None = None,
    policy: SyncPolicy | None = None,
    options: AssetOptions | None = None,
    schedule: SyncSchedule | None = None,
    new_rows: NewRows | None = None,
    checks: CheckOptions | None = None,
    sensors: Sequence[dg.SensorDefinition] = (),
    executor: dg.ExecutorDefinition | None = None,
) -> dg.Definitions:
    """
    Build assets, checks, jobs and schedules of a module of data-classes, and the resource of their database.

    Definitions of several databases are put together by `Definitions.merge`; each then needs a resource key of its own
    (`AssetOptions.resource`), and those with the same tables a prefix.

    :param tables: A module, all of whose tables take part; some data-classes; or a `TableModule`, where names, owners, partitions,
        prefix and group are said already.
    :param target: The database.
    :param sources: Where the rows of each table come from. A table without one is shown, but loaded by somebody else.
    :param namespace: Of the tables; `None` for the default one of the database.
    :param owners: See `TableModule`, as for partitions, prefix and group.
    :param translator: Says how tables become assets.
    :param policy: What the schema asset may do without asking.
    :param options: How the table assets execute.
    :param schedule: When tables are loaded; `None` for no schedules.
    :param new_rows: Which sources are looked at for new rows, and how often; for tables that are read from a watermark.
    :param checks: Which checks are made of rows.
    :param sensors: What else starts runs.
    :param executor: How steps execute; `None` for a process each.
    :raises ValueError: see `plan_tables`; or if the module is meant for another kind of database.
    """
    if not isinstance(tables, TableModule):
        tables = table_module(
            tables,
            dialect=target.dialect,
            namespace=namespace,
            owners=owners,
            partitions=partitions,
            prefix=prefix,
            group=group,
        )
    if tables.dialect != target.dialect:
        raise ValueError(f"module {tables.title!r} is for {tables.dialect}, but its target is {target.dialect}")
    planned = plan_tables(tables, sources=sources, translator=translator, policy=policy, options=options)
    jobs, schedules = build_jobs(planned, schedule)
    if new_rows is not None:
        job, looking = build_new_rows_job(planned, new_rows, target)
        jobs.append(job)
        schedules.append(looking)
    loaded = [build_table_asset(loader, options=planned.options) for loader in planned.loaders]
    resources: dict[str, Any] = {planned.options.resource: target}
    return dg.Definitions(
        assets=[planned.schema, *loaded, *planned.external],
        asset_checks=build_checks(planned, checks or CheckOptions()),
        jobs=jobs,
        schedules=schedules,
        sensors=list(sensors),
        resources=resources,
        executor=executor,
    )
