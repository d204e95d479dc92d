"""Partitions of every kind, loaded side by side and on schedule, on real servers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pytest

from pysqlsync_dagster import (
    AssetOptions,
    ByPartition,
    DatabaseResource,
    PartitionSlice,
    SyncSchedule,
    TableFeed,
    TableModule,
    build_assets,
    build_sync_defs,
)
from pysqlsync_engine.base import GeneratorOptions, LoadMode, LoadOptions
from pysqlsync_engine.data.sources import Fields, Window
from pysqlsync_engine.factory import get_dialect
from pysqlsync_engine.parameters import ConnectionParameters
from pysqlsync_engine.session import Batch
from tests import orders_job, orders_model
from tests.servers import Server

CUSTOMER = dg.AssetKey(["shop", "Customer"])
ORDER = dg.AssetKey(["shop", "Order"])
FIELDS = Fields(("id", "email"), (int, str))
BARRIER_TIMEOUT_S = 20.0

Partitions = dg.PartitionsDefinition[Any]


@pytest.fixture
def database(postgresql: Server, monkeypatch: pytest.MonkeyPatch) -> DatabaseResource:
    monkeypatch.setenv(orders_job.PASSWORD_VARIABLE, postgresql.parameters.password or "")
    return orders_job.resource(postgresql.parameters)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:  # pyright: ignore[reportUnknownMemberType] - of Dagster
        yield instance


@pytest.fixture
def home() -> Iterator[dg.DagsterInstance]:
    """An instance that schedules can find again."""
    with dg.instance_for_test() as instance:
        yield instance


def customers_of(part: PartitionSlice) -> orders_job.Rows:
    """:returns: As many customers as the key has characters that are letters of `aeiou`; all different."""
    number = sum(part.key.count(letter) for letter in "aeiou")
    first = sum(ord(character) << (7 * (index % 8)) for index, character in enumerate(part.key)) & 0x7FFFFFFF
    return orders_job.Rows(FIELDS, [(first * 10 + n, f"{n}.{part.key}@example.org") for n in range(number)])


class Hours:
    """Record source whose partitions have as many customers as they have days."""

    fields = FIELDS

    def batches(self, window: Window | None) -> Iterator[Batch]:
        assert window is not None
        first = int(window.start.timestamp())
        days = max(1, (window.end - window.start).days)
        yield [(first + number, f"{first + number}@example.org") for number in range(days)]


def customer_assets(partitions: Partitions, source: Any, options: AssetOptions | None = None) -> list[Any]:
    tables = TableModule(
        orders_model,
        options=GeneratorOptions(namespaces={orders_model: "shop"}),
        partitions={orders_model.Customer: partitions},
    )
    return build_assets(tables, sources={orders_model.Customer: source}, options=options)


def run(
    assets: list[Any], database: DatabaseResource, instance: dg.DagsterInstance, **arguments: Any
) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        assets,
        resources={"database": database},
        instance=instance,
        run_config=orders_job.QUIET,
        raise_on_error=False,
        **arguments,
    )


def counts(instance: dg.DagsterInstance, key: dg.AssetKey) -> dict[str | None, Any]:
    """:returns: Rows that each partition says it has."""
    found: dict[str | None, Any] = {}
    for record in instance.fetch_materializations(key, limit=100).records:
        assert record.asset_materialization is not None
        found[record.partition_key] = record.asset_materialization.metadata["dagster/partition_row_count"].value
    return found


def fetch(parameters: ConnectionParameters, statement: str) -> list[tuple[Any, ...]]:
    async def ask() -> list[tuple[Any, ...]]:
        async with get_dialect("postgresql").create_connection(parameters) as connection:
            return await connection.session.fetch(statement)

    return asyncio.run(ask())


@pytest.mark.parametrize(
    ("partitions", "expected"),
    [
        (dg.HourlyPartitionsDefinition("2024-01-01-00:00"), {"2024-01-01-05:00": 1, "2024-01-01-06:00": 1}),
        (dg.MonthlyPartitionsDefinition("2024-01-01"), {"2024-01-01": 31, "2024-02-01": 29, "2024-03-01": 31}),
    ],
    ids=["hourly", "monthly"],
)
def test_windows_of_other_lengths_than_a_day_are_loaded_in_one_run(
    database: DatabaseResource, instance: dg.DagsterInstance, partitions: Partitions, expected: dict[str, int]
) -> None:
    keys = list(expected)
    tags = orders_job.partition_range(keys[0], keys[-1])
    assert run(customer_assets(partitions, Hours()), database, instance, tags=tags).success
    assert counts(instance, CUSTOMER) == expected


def test_static_partitions_are_loaded_in_one_run_with_a_source_each(
    database: DatabaseResource, instance: dg.DagsterInstance
) -> None:
    assets = customer_assets(dg.StaticPartitionsDefinition(["asia", "europe", "us"]), ByPartition(customers_of))
    result = run(assets, database, instance, tags=orders_job.partition_range("asia", "us"))
    assert result.success
    assert counts(instance, CUSTOMER) == {"asia": 3, "europe": 4, "us": 1}


def test_dynamic_partitions_are_loaded_as_they_appear(
    postgresql: Server, database: DatabaseResource, instance: dg.DagsterInstance
) -> None:
    assets = customer_assets(dg.DynamicPartitionsDefinition(name="files"), ByPartition(customers_of))
    instance.add_dynamic_partitions("files", ["one.csv", "two.csv"])
    for key in ("one.csv", "two.csv"):
        assert run(assets, database, instance, partition_key=key).success
    assert counts(instance, CUSTOMER) == {"one.csv": 2, "two.csv": 1}
    assert fetch(postgresql.parameters, 'SELECT count(*) FROM "shop"."Customer"') == [(3,)]


def test_partitions_of_two_dimensions_tell_sources_both_of_them(
    database: DatabaseResource, instance: dg.DagsterInstance
) -> None:
    partitions = dg.MultiPartitionsDefinition(
        {"day": orders_job.DAYS, "region": dg.StaticPartitionsDefinition(["europe", "us"])}
    )
    seen: list[PartitionSlice] = []

    def source(part: PartitionSlice) -> orders_job.Rows:
        seen.append(part)
        key = int(part.values["day"].replace("-", ""))
        return AnyWindow(FIELDS, [(key, f"{key}@{part.values['region']}.example.org")])

    assets = customer_assets(partitions, ByPartition(source, windowed=True))
    key = dg.MultiPartitionKey({"day": "2024-01-05", "region": "europe"})
    assert run(assets, database, instance, partition_key=key).success
    (part,) = seen
    assert part.values == {"day": "2024-01-05", "region": "europe"}
    assert part.window is not None
    assert part.window.start == datetime(2024, 1, 5, tzinfo=UTC)
    assert counts(instance, CUSTOMER) == {str(key): 1}
    (record,) = instance.fetch_materializations(CUSTOMER, limit=1).records
    assert isinstance(record.partition_key, dg.MultiPartitionKey)
    assert record.partition_key.keys_by_dimension == {"day": "2024-01-05", "region": "europe"}


class AnyWindow(orders_job.Rows):
    def batches(self, window: Window | None) -> Iterator[Batch]:
        assert window is not None
        yield self.rows


class Meeting:
    """Record source whose partitions go on only once a number of them have begun."""

    fields = FIELDS

    def __init__(self, expected: int, *, fails_on: str | None = None) -> None:
        self._expected = expected
        self._fails_on = fails_on
        self._barrier: asyncio.Barrier | None = None

    async def batches(self, window: Window | None) -> AsyncIterator[Batch]:
        assert window is not None
        self._barrier = self._barrier or asyncio.Barrier(self._expected)
        async with asyncio.timeout(BARRIER_TIMEOUT_S):
            await self._barrier.wait()
        if window.key == self._fails_on:
            raise ConnectionResetError("the shop has closed")
        yield [(window.start.day, f"{window.start.day}@example.org")]


def test_partitions_are_loaded_side_by_side(database: DatabaseResource, instance: dg.DagsterInstance) -> None:
    assets = customer_assets(orders_job.DAYS, Meeting(3), AssetOptions(concurrency=3))
    assert run(assets, database, instance, tags=orders_job.partition_range("2024-01-01", "2024-01-06")).success
    assert counts(instance, CUSTOMER) == {f"2024-01-0{day}": 1 for day in range(1, 7)}


def test_what_is_recorded_is_what_is_stored_when_one_of_several_fails(
    postgresql: Server, database: DatabaseResource, instance: dg.DagsterInstance
) -> None:
    assets = customer_assets(orders_job.DAYS, Meeting(3, fails_on="2024-01-05"), AssetOptions(concurrency=3))
    result = run(assets, database, instance, tags=orders_job.partition_range("2024-01-01", "2024-01-09"))
    assert not result.success
    stored = {f"2024-01-0{day}" for (day,) in fetch(postgresql.parameters, 'SELECT id FROM "shop"."Customer"')}
    assert instance.get_materialized_partitions(CUSTOMER) == stored
    assert stored >= {"2024-01-01", "2024-01-02", "2024-01-03"}
    assert "2024-01-05" not in stored


def test_a_named_batch_is_stored_once_for_each_partition(
    postgresql: Server, database: DatabaseResource, instance: dg.DagsterInstance
) -> None:
    feed = TableFeed(Hours(), load=LoadOptions(LoadMode.INSERT, stream="hours", batch="customers"))
    assets = customer_assets(dg.MonthlyPartitionsDefinition("2024-01-01"), feed)
    tags = orders_job.partition_range("2024-01-01", "2024-02-01")
    for _ in range(2):
        assert run(assets, database, instance, tags=tags).success
    assert fetch(postgresql.parameters, 'SELECT count(*) FROM "shop"."Customer"') == [(31 + 29,)]
    (last, *_) = instance.fetch_materializations(CUSTOMER, limit=1).records
    assert last.asset_materialization is not None
    assert last.asset_materialization.metadata["repeated"].value is True
    assert "dagster/partition_row_count" not in last.asset_materialization.metadata


def shop(database: DatabaseResource, schedule: SyncSchedule, options: AssetOptions | None = None) -> dg.Definitions:
    return build_sync_defs(
        orders_model,
        target=database,
        sources={
            orders_model.Customer: orders_job.customers(),
            orders_model.Order: orders_job.OrdersByDay(),
        },
        namespace="shop",
        partitions={orders_model.Order: orders_job.DAYS},
        schedule=schedule,
        options=options,
        executor=dg.in_process_executor,
    )


def tick(definitions: dg.Definitions, name: str, instance: dg.DagsterInstance, at: datetime) -> list[dg.RunRequest]:
    repository = definitions.get_repository_def()
    with dg.build_schedule_context(
        instance=instance, scheduled_execution_time=at, repository_def=repository
    ) as context:
        return list(definitions.resolve_schedule_def(name).evaluate_tick(context).run_requests or ())


def test_a_schedule_loads_the_last_day_and_those_that_rows_come_late_for_in_one_run(
    database: DatabaseResource, home: dg.DagsterInstance
) -> None:
    definitions = shop(database, SyncSchedule(hour_of_day=3, late=2))
    (request,) = tick(definitions, "shop_daily_schedule", home, datetime(2024, 1, 10, 3, tzinfo=UTC))
    assert request.tags == {**request.tags, **orders_job.partition_range("2024-01-07", "2024-01-09")}
    (whole,) = tick(definitions, "shop_whole_schedule", home, datetime(2024, 1, 10, 6, tzinfo=UTC))
    config = orders_job.QUIET
    runs = {"shop_schema": dict[str, str](), "shop_whole": whole.tags, "shop_daily": request.tags}
    for job, tags in runs.items():
        result = definitions.resolve_job_def(job).execute_in_process(instance=home, tags=tags, run_config=config)
        assert result.success
    assert counts(home, ORDER) == {"2024-01-07": 7, "2024-01-08": 8, "2024-01-09": 9}


def test_a_schedule_asks_for_a_run_per_partition_where_the_backfill_policy_says_so(
    database: DatabaseResource, home: dg.DagsterInstance
) -> None:
    options = AssetOptions(backfill_policy=dg.BackfillPolicy.multi_run())
    definitions = shop(database, SyncSchedule(late=1), options)
    requests = tick(definitions, "shop_daily_schedule", home, datetime(2024, 1, 10, tzinfo=UTC))
    assert [request.partition_key for request in requests] == ["2024-01-08", "2024-01-09"]
    assert len({request.run_key for request in requests}) == 2


def test_the_definitions_of_one_call_have_jobs_checks_and_schedules(database: DatabaseResource) -> None:
    definitions = shop(database, SyncSchedule(cron="30 5 * * *", hour_of_day=4, running=True))
    dg.Definitions.validate_loadable(definitions)
    names = {job.name for job in definitions.resolve_all_job_defs()}
    assert names >= {"shop_schema", "shop_all", "shop_whole", "shop_daily"}
    crons = {
        name: definitions.resolve_schedule_def(name).cron_schedule
        for name in ("shop_whole_schedule", "shop_daily_schedule")
    }
    assert crons == {"shop_whole_schedule": "30 5 * * *", "shop_daily_schedule": "0 4 * * *"}
    checks = {key.name for key in definitions.resolve_asset_graph().asset_check_keys}
    assert checks == {"in_sync", "schema_drift", "orphans_recommended_by", "rejected_rows"}


def test_a_module_for_one_kind_of_server_is_refused_with_a_target_of_another(database: DatabaseResource) -> None:
    with pytest.raises(ValueError, match=r"is for mysql, but its target is postgresql"):
        build_sync_defs(orders_job.tables(dialect="mysql"), target=database, sources={})
