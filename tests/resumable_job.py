"""
The small shop with a source that stops for good where a test wants it to, as definitions and as a program of its own.

A directory, which the environment names, is how a test speaks to the source, whatever process that is in; see `Control`.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from pysqlsync_dagster import AssetOptions, build_sync_defs
from pysqlsync_engine.data.sources import Window
from pysqlsync_engine.session import Batch
from tests import orders_job, orders_model

CONTROL_VARIABLE = "ORDERS_CONTROL"
JOB_NAME = "shop_tables"


@dataclass(frozen=True, slots=True)
class Control:
    """Tells a source in another process where to stop, and a test what the source does."""

    directory: Path

    def stop_at(self, day: str) -> None:
        """Have the source stop in the middle of a day."""
        self._wanted(day).touch()

    def go_on(self, day: str) -> None:
        """Have it go on, and not stop there again."""
        self._wanted(day).unlink()

    def stopped(self, day: str) -> int | None:
        """:returns: Number of the process that has stopped in the middle of the day; `None` if none has yet."""
        file = self.directory / f"stopped-{day}"
        return int(file.read_text()) if file.exists() else None

    def begun(self, first: str = "", last: str = "~") -> list[str]:
        """:returns: Days that the source was asked for, in this order, as often as it was asked."""
        file = self.directory / "begun"
        return [day for day in file.read_text().split() if first <= day <= last]

    def _wanted(self, day: str) -> Path:
        return self.directory / f"stop-{day}"

    def begin(self, day: str) -> None:
        """Called by the source."""
        with (self.directory / "begun").open("a") as file:
            file.write(f"{day}\n")

    def stop(self, day: str) -> None:
        """Called by the source: waits where it is told to."""
        while self._wanted(day).exists():
            temporary = self.directory / f"stopping-{os.getpid()}"
            temporary.write_text(str(os.getpid()))
            temporary.replace(self.directory / f"stopped-{day}")
            time.sleep(0.05)


class StoppingOrders(orders_job.OrdersByDay):
    """Orders by day, a batch for each; stops in the middle of a day when it is told so."""

    def batches(self, window: Window | None) -> Iterator[Batch]:
        assert window is not None
        control = Control(Path(os.environ[CONTROL_VARIABLE]))
        control.begin(window.key)
        for batch in super().batches(window):
            yield batch
            control.stop(window.key)


def definitions() -> dg.Definitions:
    """:returns: All definitions, on the database that the environment names; steps execute in the process of their run."""
    shop = build_sync_defs(
        orders_job.tables(),
        target=orders_job.environment_resource(),
        sources={orders_model.Customer: orders_job.customers(), orders_model.Order: StoppingOrders()},
        options=AssetOptions(concurrency=1),
        executor=dg.in_process_executor,
    )
    job = dg.define_asset_job(JOB_NAME, dg.AssetSelection.all())  # pyright: ignore[reportUnknownMemberType] - of Dagster
    return dg.Definitions.merge(shop, dg.Definitions(jobs=[job]))


def tables_job() -> dg.JobDefinition:
    """:returns: The job over all tables, and the schema."""
    return definitions().resolve_job_def(JOB_NAME)


def main(first: str, last: str) -> None:
    with (
        dg.DagsterInstance.get() as instance,
        dg.execute_job(
            dg.reconstructable(tables_job),
            instance=instance,
            tags=orders_job.partition_range(first, last),
            run_config=orders_job.QUIET,
        ) as result,
    ):
        assert result.success


if __name__ == "__main__":
    main(*sys.argv[1:])
