"""
The small shop twice, for tests of what pages show: one that is in order, and an archive whose tables somebody has changed by hand.

As a program it loads both: `python -m tests.shop_pages`, on the instance and the embedded server that the environment names.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, timedelta
from decimal import Decimal

import dagster as dg

from pysqlsync_dagster import EmbeddedPostgreSQLResource, TableFeed, build_sync_defs
from pysqlsync_engine.base import LoadOptions, OnError
from pysqlsync_engine.data.sources import Window
from pysqlsync_engine.session import Batch
from tests import orders_job, orders_model

FIRST, LAST = "2024-01-01", "2024-01-30"
BY_HAND = 'ALTER TABLE "archive"."Customer" ADD COLUMN fax text'

QUARANTINE = LoadOptions(on_error=OnError.QUARANTINE)


class OrdersWithStrangers(orders_job.OrdersByDay):
    """As many orders as the day of the month, and on the thirteenth one more, by a customer that nobody knows."""

    def batches(self, window: Window | None) -> Iterator[Batch]:
        yield from super().batches(window)
        assert window is not None
        if window.start.day == 13:
            at = window.start.astimezone(UTC) + timedelta(hours=12)
            yield [(1399, 99, at, orders_model.OrderState.shipped, Decimal("13.13"))]


def customers() -> orders_job.Rows:
    """:returns: Two customers, and one whose address is too long."""
    rows = orders_job.customers()
    return orders_job.Rows(rows.fields, [*rows.rows, (3, f"{'c' * 321}@example.org", "Cat")])


def database() -> EmbeddedPostgreSQLResource:
    """:returns: The database of both."""
    return EmbeddedPostgreSQLResource(database="shop")


DATABASE = database()
"""One resource, as definitions that are put together can share no two of the same name."""


def shop() -> dg.Definitions:
    """:returns: The shop that is in order, but for some rows."""
    return build_sync_defs(
        orders_job.tables(),
        target=DATABASE,
        sources={
            orders_model.Customer: TableFeed(customers(), QUARANTINE, upstream=dg.AssetKey(["crm", "contacts"])),
            orders_model.Order: TableFeed(OrdersWithStrangers(), QUARANTINE),
        },
        executor=dg.in_process_executor,
    )


def archive() -> dg.Definitions:
    """:returns: The one that has been changed by hand."""
    return build_sync_defs(
        [orders_model.Customer],
        target=DATABASE,
        sources={orders_model.Customer: orders_job.customers()},
        namespace="archive",
        executor=dg.in_process_executor,
    )


defs = dg.Definitions.merge(shop(), archive())


async def change_by_hand() -> None:
    async with DATABASE.connect() as connection:
        await connection.session.execute(BY_HAND)


def run(job: str, instance: dg.DagsterInstance, tags: dict[str, str] | None = None) -> bool:
    """:returns: True if the run went well."""
    definition = defs.resolve_job_def(job)
    return definition.execute_in_process(
        instance=instance, tags=tags, run_config=orders_job.QUIET, raise_on_error=False
    ).success


def main() -> None:
    with dg.DagsterInstance.get() as instance:
        assert run("shop_all", instance, orders_job.partition_range(FIRST, LAST))
        assert run("archive_all", instance)
        asyncio.run(change_by_hand())
        assert not run("archive_all", instance)


if __name__ == "__main__":
    main()
