"""What YAML says of all tables of a component: what a plan may do, how steps execute, when, and what is checked."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal, TypeAlias

import dagster as dg
from pydantic import Field

from pysqlsync_dagster.assets import AssetOptions
from pysqlsync_dagster.components.settings import Settings
from pysqlsync_dagster.components.values import Text
from pysqlsync_dagster.history_checks import RowBounds
from pysqlsync_dagster.load_metadata import RejectPreview
from pysqlsync_dagster.schedules import SyncSchedule
from pysqlsync_dagster.sync_defs import CheckOptions
from pysqlsync_engine.base import Hazard, SyncPolicy


class PolicySettings(Settings):
    """What the schema asset may do without asking; see `SyncPolicy`."""

    allow: list[Hazard] = Field(
        default_factory=list[Hazard], description="Destructive hazards that are permitted everywhere."
    )
    allow_drop: dict[str, list[str]] = Field(
        default_factory=dict[str, list[str]],
        description="Patterns of names of what may be dropped, by kind: table, column, type, member, namespace.",
    )
    keep: list[Text] = Field(
        default_factory=list[str], description="Patterns of names of tables and types that no class describes."
    )
    online: bool = Field(default=False, description="True to let others read and write meanwhile.")
    verify_on_clone: bool = Field(default=False, description="True to try a plan on a scratch database first.")
    lock_timeout_s: float = Field(default=5.0, description="Seconds to wait for each lock.")
    lock_attempts: int = Field(default=5, description="How often a step is tried if a lock is not granted.")

    def policy(self) -> SyncPolicy:
        """:raises ValueError: if a kind is unknown."""
        given: dict[str, Any] = {name: getattr(self, name) for name in self.model_fields_set}
        if "allow" in given:
            given["allow"] = frozenset(self.allow)
        if "keep" in given:
            given["keep"] = tuple(self.keep)
        return SyncPolicy(**given)


class RetrySettings(Settings):
    """What to do when a load fails."""

    max_retries: int = Field(default=1, description="How often to try again.")
    delay_s: float | None = Field(default=None, description="Seconds to wait before.")
    backoff: Literal["linear", "exponential"] | None = Field(default=None, description="How the delay grows.")
    jitter: Literal["full", "plus_minus"] | None = Field(default=None, description="How the delay is varied.")

    def policy(self) -> dg.RetryPolicy:
        """:returns: The same, for Dagster."""
        backoff = None if self.backoff is None else dg.Backoff[self.backoff.upper()]
        jitter = None if self.jitter is None else dg.Jitter[self.jitter.upper()]
        return dg.RetryPolicy(max_retries=self.max_retries, delay=self.delay_s, backoff=backoff, jitter=jitter)


class ExecutionSettings(Settings):
    """How the assets of tables execute; see `AssetOptions`."""

    concurrency: int = Field(default=1, description="Most partitions of a table to load at the same time.")
    pool: Text | None = Field(default=None, description="Concurrency pool of the assets.")
    retry: RetrySettings | None = Field(default=None, description="What to do when a load fails.")
    partitions_per_run: int | None = Field(
        default=None, description="Most partitions that a run of a backfill loads; all of them in one run if not given."
    )
    op_tags: dict[str, str] = Field(default_factory=dict[str, str], description="Tags of the steps.")
    rejected_rows_shown: int = Field(default=10, description="How many rejected rows the UI shows.")
    rejected_values_shown: bool | None = Field(
        default=None, description="False to show only where they are; else values are shown unless they are personal."
    )


class FreshnessSettings(Settings):
    """How long ago a table may have been loaded."""

    fail_hours: float = Field(description="Hours after which it is overdue.")
    warn_hours: float | None = Field(default=None, description="Hours after which to warn.")


def resolve_freshness(context: dg.ResolutionContext, model: Any) -> dg.FreshnessPolicy | None:
    """:returns: The policy that some YAML describes."""
    if model is None:
        return None
    settings = FreshnessSettings.resolve_from_model(context, model)
    warn = None if settings.warn_hours is None else timedelta(hours=settings.warn_hours)
    return dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=settings.fail_hours), warn_window=warn)


Freshness: TypeAlias = Annotated[
    dg.FreshnessPolicy | None,
    dg.Resolver(resolve_freshness, model_field_type=FreshnessSettings.model() | None),  # pyright: ignore[reportArgumentType]
]
"""A policy, or its settings in YAML."""

Automation: TypeAlias = Annotated[
    Any, dg.Resolver.default(model_field_type=str | None, examples=["{{ dg.AutomationCondition.eager() }}"])
]
"""A condition, which YAML has as a template."""


class ScheduleSettings(Settings):
    """When tables are loaded; see `SyncSchedule`."""

    cron: Text = Field(default="0 6 * * *", description="For tables without partitions of time.")
    timezone: Text = Field(default="UTC", description="Of cron.")
    minute_of_hour: int = Field(
        default=0, description="When, after the end of an hour or a day, its partition is loaded."
    )
    hour_of_day: int = Field(default=0, description="The same for partitions of a day and longer.")
    late: int = Field(default=0, description="How many partitions before the last one are loaded again each time.")
    running: bool = Field(default=False, description="True to start schedules as soon as they are there.")

    def schedule(self) -> SyncSchedule:
        """:returns: The same, for `build_sync_defs`."""
        return SyncSchedule(**self.model_dump())


class CheckSettings(Settings):
    """Which checks are made of all tables; see `CheckOptions`."""

    constraints: bool = Field(default=True, description="Checks what no constraint of the database sees to.")
    enforced: bool = Field(default=False, description="Checks also what constraints see to.")
    blocking: bool = Field(default=False, description="True to load nothing below a table that fails.")
    max_rejected_share: float | None = Field(
        default=0.0, description="Share of the rows of a run that may be rejected."
    )
    row_bounds: bool = Field(default=False, description="Checks that the number of rows is like that of loads before.")

    def options(
        self,
        *,
        max_age: Mapping[type, tuple[str, timedelta]] | None = None,
        source_rows: Collection[type] = (),
    ) -> CheckOptions:
        """
        :param max_age: How old the newest row of a table may be, by one of its columns.
        :param source_rows: Tables that are counted with their sources.
        """
        given = self.model_dump(exclude={"row_bounds"})
        bounds = RowBounds() if self.row_bounds else None
        counted = dict.fromkeys(source_rows)
        return CheckOptions(**given, row_bounds=bounds, max_age=max_age or {}, source_rows=counted)


def asset_options(
    execution: ExecutionSettings, resource: str, *, freshness: dg.FreshnessPolicy | None = None, automation: Any = None
) -> AssetOptions:
    """
    :param resource: Key of the database resource.
    :returns: How the assets of tables execute.
    """
    most = execution.partitions_per_run
    return AssetOptions(
        resource=resource,
        backfill_policy=None if most is None else dg.BackfillPolicy.multi_run(most),
        retry_policy=None if execution.retry is None else execution.retry.policy(),
        pool=execution.pool,
        op_tags=execution.op_tags or None,
        concurrency=execution.concurrency,
        preview=RejectPreview(execution.rejected_rows_shown, execution.rejected_values_shown),
        automation_condition=automation,
        freshness_policy=freshness,
    )
