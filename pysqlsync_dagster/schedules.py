"""When tables are loaded: partitions once they have ended, and with them those that rows may still come late for."""

# Annotations are not postponed here: Dagster reads those of a schedule as objects.

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from typing import Any, TypeAlias

import dagster as dg

RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"

Job: TypeAlias = Any
"""A job of assets; Dagster's own name for the type is not public."""

Partitions: TypeAlias = dg.PartitionsDefinition[Any]


@dataclass(frozen=True, slots=True)
class SyncSchedule:
    """
    When tables are loaded. Schedules are stopped until somebody starts them in the UI, unless `running` says otherwise.

    :param cron: For tables that are loaded whole; those with partitions that are no ranges of time have all of them loaded then.
    :param timezone: Of `cron`.
    :param minute_of_hour: When, after the end of an hour or a day, its partition is loaded.
    :param hour_of_day: The same for partitions of a day and longer.
    :param feed: Name of the source that is read, for tables that have several; `None` reads the first of each.
    :param late: How many partitions before the last one are loaded again each time, as rows may come late.
    """

    cron: str = "0 6 * * *"
    timezone: str = "UTC"
    minute_of_hour: int = 0
    hour_of_day: int = 0
    feed: str | None = None
    late: int = 0
    running: bool = False

    @property
    def status(self) -> dg.DefaultScheduleStatus:
        """What a schedule is when nobody has started or stopped it."""
        return dg.DefaultScheduleStatus.RUNNING if self.running else dg.DefaultScheduleStatus.STOPPED

    def timing(self, partitions: Partitions | None) -> tuple[str, str]:
        """:returns: When to load, as a cron expression, and its time zone: after partitions of time have ended."""
        windows = None if partitions is None else time_dimension(partitions)
        if windows is None:
            return self.cron, self.timezone
        hour = None if "*" in windows.cron_schedule.split()[1] else self.hour_of_day
        return windows.get_cron_schedule(self.minute_of_hour, hour), windows.timezone


def time_dimension(partitions: Partitions) -> dg.TimeWindowPartitionsDefinition | None:
    """:returns: What tells the range of time of a partition; `None` if nothing does."""
    if isinstance(partitions, dg.TimeWindowPartitionsDefinition):
        return partitions
    if not isinstance(partitions, dg.MultiPartitionsDefinition):
        return None
    found = (time_dimension(each.partitions_def) for each in partitions.partitions_defs)
    return next((windows for windows in found if windows is not None), None)


def due_keys(partitions: Partitions, at: datetime, *, late: int, instance: dg.DagsterInstance) -> list[str]:
    """
    :param at: The moment, with a time zone.
    :param late: See `SyncSchedule`.
    :returns: Keys of the partitions to load, the oldest first: of those of time the last ones that have ended, else all.
    """
    if isinstance(partitions, dg.TimeWindowPartitionsDefinition):
        return list(partitions.get_partition_keys(current_time=at))[-(late + 1) :]
    if isinstance(partitions, dg.MultiPartitionsDefinition):
        names = [each.name for each in partitions.partitions_defs]
        keys = [due_keys(each.partitions_def, at, late=late, instance=instance) for each in partitions.partitions_defs]
        return [dg.MultiPartitionKey(dict(zip(names, chosen, strict=True))) for chosen in product(*keys)]
    return list(partitions.get_partition_keys(current_time=at, dynamic_partitions_store=instance))


def run_requests(
    partitions: Partitions | None,
    keys: Sequence[str],
    *,
    tick: str,
    single_run: bool,
    run_config: Mapping[str, Any] | None = None,
) -> Iterator[dg.RunRequest]:
    """
    :param partitions: `None` for tables that are loaded whole.
    :param tick: What tells these runs from those of other times.
    :param single_run: True to load ranges of time in one run.
    :returns: Requests for runs that load the partitions, or the tables.
    """
    if partitions is None:
        yield dg.RunRequest(run_key=tick, run_config=run_config)
        return
    if not keys:
        return
    if single_run and isinstance(partitions, dg.TimeWindowPartitionsDefinition):
        ends = {RANGE_START: keys[0], RANGE_END: keys[-1]}
        yield dg.RunRequest(run_key=f"{tick} {keys[-1]}", run_config=run_config, tags=ends)
        return
    for key in keys:
        yield dg.RunRequest(run_key=f"{tick} {key}", run_config=run_config, partition_key=key)


def build_table_schedule(
    job: Job,
    *,
    schedule: SyncSchedule,
    partitions: Partitions | None = None,
    single_run: bool = True,
    run_config: Mapping[str, Any] | None = None,
) -> dg.ScheduleDefinition:
    """
    Build a schedule for a job that loads tables.

    :param partitions: Of all tables of the job; `None` if they are loaded whole.
    :param single_run: False if the assets take one partition per run, see `AssetOptions.backfill_policy`.
    :param run_config: Of the runs.
    """
    cron, timezone = schedule.timing(partitions)

    def load_tables(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest]:
        at = context.scheduled_execution_time
        keys = [] if partitions is None else due_keys(partitions, at, late=schedule.late, instance=context.instance)
        yield from run_requests(partitions, keys, tick=at.isoformat(), single_run=single_run, run_config=run_config)

    return dg.ScheduleDefinition(
        name=f"{job.name}_schedule",
        job=job,
        cron_schedule=cron,
        execution_timezone=timezone,
        default_status=schedule.status,
        execution_fn=load_tables,
    )
