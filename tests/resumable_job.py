"""
The small shop with a source that stops for good where a test wants it to, as definitions and as a program of its own.

A directory, which the environment names, is how a test speaks to the source, whatever process that is in: with `hang` in it goes the key
of the day in the middle of which the source stops; `hanging` has the number of its process then, and `begun` the days in order.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg

from pysqlsync_dagster import AssetOptions, build_sync_defs
from pysqlsync_engine.data.sources import Window
from pysqlsync_engine.session import Batch
from tests import orders_job, orders_model

CONTROL_VARIABLE = "ORDERS_CONTROL"
JOB_NAME = "shop_tables"


class StoppingOrders(orders_job.OrdersByDay):
    """Orders by day, a batch for each; stops in the middle of a day when it is told so."""

    def batches(self, window: Window | None) -> Iterator[Batch]:
        assert window is not None
        control = Path(os.environ[CONTROL_VARIABLE])
        with (control / "begun").open("a") as begun:
            begun.write(f"{window.key}\n")
        for batch in super().batches(window):
            yield batch
            self._stop(control, window.key)

    def _stop(self, control: Path, key: str | None) -> None:
        hang = control / "hang"
        while hang.exists() and hang.read_text() == key:
            (control / "hanging").write_text(str(os.getpid()))
            time.sleep(0.05)


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
