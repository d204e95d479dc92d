"""Meters and their readings as Dagster definitions, for any executor: a step for each table, a week of readings in each run."""

from __future__ import annotations

import dagster as dg

from examples.meters import model
from examples.meters.source import Meters, Readings
from pysqlsync_dagster import AssetOptions, PostgreSQLResource, SyncSchedule, build_sync_defs

DAYS = dg.DailyPartitionsDefinition("2026-01-01", end_date="2026-03-01")
DAYS_PER_RUN = 7
"""A step loads the days of its run, so a backfill spreads over the workers by having several runs."""

POOL_SIZE = 2
"""Connections of each process that executes a step; see `docs/how-to/scale-out.md` for how many there are in all."""


def database() -> PostgreSQLResource:
    """:returns: The database that the environment of each process names."""
    return PostgreSQLResource(
        host=dg.EnvVar("METERS_HOST"),
        port=dg.EnvVar.int("METERS_PORT"),
        username=dg.EnvVar("METERS_USER"),
        password=dg.EnvVar("METERS_PASSWORD"),
        database=dg.EnvVar("METERS_DATABASE"),
        pool_size=POOL_SIZE,
    )


def meter_defs(executor: dg.ExecutorDefinition) -> dg.Definitions:
    """:returns: All definitions; steps are executed where the executor says."""
    return build_sync_defs(
        model,
        target=database(),
        sources={model.Meter: Meters(), model.Reading: Readings()},
        namespace="meters",
        partitions={model.Reading: DAYS},
        options=AssetOptions(
            concurrency=POOL_SIZE,
            backfill_policy=dg.BackfillPolicy.multi_run(max_partitions_per_run=DAYS_PER_RUN),
            retry_policy=dg.RetryPolicy(max_retries=2, delay=5),
        ),
        schedule=SyncSchedule(),
        executor=executor,
    )
