"""Runs that are started by what is new: files, and rows of another database."""

import asyncio
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from pysqlsync_dagster import (
    ByPartition,
    DatabaseResource,
    FileWatch,
    PartitionSlice,
    RowWatch,
    SinceWatermark,
    SyncSchedule,
    TableFeed,
    TableModule,
    build_file_sensor,
    build_row_sensor,
    build_sync_defs,
    build_watermark_schedule,
    plan_tables,
)
from pysqlsync_engine.base import GeneratorOptions, LoadMode, LoadOptions, Watermark
from pysqlsync_engine.data.csv import CsvSource
from pysqlsync_engine.data.sources import Fields
from tests import orders_job, orders_model
from tests.servers import Server

CUSTOMER = dg.AssetKey(["shop", "Customer"])
ORDER = dg.AssetKey(["shop", "Order"])
FIELDS = Fields(("id", "email"), (int, str))
SHOP = GeneratorOptions(namespaces={orders_model: "shop"})
LONG_AGO_S = 3600.0


@pytest.fixture
def home() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as instance:
        yield instance


@pytest.fixture
def resource(database: Server, monkeypatch: pytest.MonkeyPatch) -> DatabaseResource:
    monkeypatch.setenv(orders_job.PASSWORD_VARIABLE, database.parameters.password or "")
    return orders_job.resource(database.parameters, dialect=database.dialect)


@pytest.fixture
def postgresql_resource(postgresql: Server, monkeypatch: pytest.MonkeyPatch) -> DatabaseResource:
    monkeypatch.setenv(orders_job.PASSWORD_VARIABLE, postgresql.parameters.password or "")
    return orders_job.resource(postgresql.parameters)


class Ticks:
    """A sensor that is evaluated again and again, as the daemon does it."""

    def __init__(self, sensor: dg.SensorDefinition, definitions: dg.Definitions, instance: dg.DagsterInstance) -> None:
        self._sensor = sensor
        self._definitions = definitions
        self._instance = instance
        self._cursor: str | None = None

    def next(self) -> list[dg.RunRequest]:
        with dg.SensorEvaluationContext(
            instance_ref=self._instance.get_ref(),
            last_tick_completion_time=None,
            last_run_key=None,
            cursor=self._cursor,
            repository_name=None,
            log_key=None,
            repository_def=self._definitions.get_repository_def(),
            sensor_name=self._sensor.name,
        ) as context:
            result = self._definitions.resolve_sensor_def(self._sensor.name).evaluate_tick(context)
        self._cursor = result.cursor or self._cursor
        for request in result.dynamic_partitions_requests or ():
            self._instance.add_dynamic_partitions(request.partitions_def_name, list(request.partition_keys))
        return list(result.run_requests or ())


def write(directory: Path, name: str, text: str, *, age_s: float = LONG_AGO_S) -> None:
    path = directory / name
    path.write_text(text)
    then = time.time() - age_s
    os.utime(path, (then, then))


def test_each_new_file_becomes_a_partition_and_is_loaded(
    postgresql_resource: DatabaseResource, home: dg.DagsterInstance, tmp_path: Path
) -> None:
    files = dg.DynamicPartitionsDefinition(name="customer_files")

    def source(part: PartitionSlice) -> CsvSource:
        return CsvSource(tmp_path / part.key, FIELDS, name=part.key)

    sensor = build_file_sensor(
        "new_customer_files",
        target=dg.AssetSelection.assets(CUSTOMER),
        watch=FileWatch(tmp_path, "*.csv", settled_s=LONG_AGO_S / 4),
        partitions=files,
    )
    definitions = build_sync_defs(
        orders_model,
        target=postgresql_resource,
        sources={orders_model.Customer: ByPartition(source)},
        namespace="shop",
        partitions={orders_model.Customer: files},
        sensors=[sensor],
        executor=dg.in_process_executor,
    )
    ticks = Ticks(sensor, definitions, home)
    assert ticks.next() == []
    write(tmp_path, "one.csv", "id,email\n1,a@example.org\n")
    write(tmp_path, "two.csv", "id,email\n2,b@example.org\n3,c@example.org\n")
    write(tmp_path, "three,four.csv", "id,email\n")
    write(tmp_path, "growing.csv", "id,ema", age_s=0)
    write(tmp_path, "notes.txt", "")
    requests = ticks.next()
    assert [request.partition_key for request in requests] == ["one.csv", "two.csv"]
    assert ticks.next() == []
    definitions.resolve_job_def("shop_schema").execute_in_process(instance=home, run_config=orders_job.QUIET)
    for request in requests:
        job = definitions.resolve_job_def("shop_customer_files")
        key = request.partition_key
        assert job.execute_in_process(instance=home, partition_key=key, run_config=orders_job.QUIET).success
    assert home.get_materialized_partitions(CUSTOMER) == {"one.csv", "two.csv"}
    write(tmp_path, "one.csv", "id,email\n1,z@example.org\n", age_s=LONG_AGO_S / 2)
    (changed,) = ticks.next()
    assert changed.partition_key == "one.csv"
    assert changed.run_key not in {request.run_key for request in requests}


def test_files_without_partitions_start_one_run(home: dg.DagsterInstance, tmp_path: Path) -> None:
    sensor = build_file_sensor(
        "new_files", target=dg.AssetSelection.assets(CUSTOMER), watch=FileWatch(tmp_path, most=2), running=True
    )
    definitions = dg.Definitions(assets=[dg.AssetSpec(CUSTOMER)], sensors=[sensor])
    ticks = Ticks(sensor, definitions, home)
    for number in range(3):
        write(tmp_path, f"{number}.csv", "", age_s=LONG_AGO_S - number)
    numbers = [[request.tags["files"] for request in ticks.next()] for _ in range(3)]
    assert numbers == [["2"], ["1"], []]
    (tmp_path / "0.csv").unlink()
    assert ticks.next() == []
    write(tmp_path, "0.csv", "", age_s=LONG_AGO_S)
    assert len(ticks.next()) == 1
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING


def insert(database: DatabaseResource, cls: type, rows: list[Any]) -> None:
    async def send() -> None:
        async with database.connect(SHOP) as connection:
            await connection.create_objects([cls])
            await connection.upsert_data(cls, rows)

    asyncio.run(send())


def test_rows_with_higher_values_in_another_database_start_a_run(
    resource: DatabaseResource, home: dg.DagsterInstance
) -> None:
    watch = RowWatch(resource, orders_model.Customer, "id", SHOP)
    sensor = build_row_sensor("new_customers", target=dg.AssetSelection.assets(CUSTOMER), watch=watch)
    ticks = Ticks(sensor, dg.Definitions(assets=[dg.AssetSpec(CUSTOMER)], sensors=[sensor]), home)
    insert(resource, orders_model.Customer, [])
    assert ticks.next() == []
    keys: list[str | None] = []
    for rows in ([5], [], [3], [12]):
        insert(resource, orders_model.Customer, [orders_model.Customer(n, f"{n}@example.org", None) for n in rows])
        keys += [request.run_key for request in ticks.next()]
    assert keys == ["5", "12"]


def test_a_missing_variable_of_the_environment_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOME_PASSWORD", raising=False)
    from pysqlsync_dagster import PostgreSQLResource

    with pytest.raises(ValueError, match="password: the environment has no variable SOME_PASSWORD"):
        PostgreSQLResource(password=dg.EnvVar("SOME_PASSWORD")).resolved()


class OrdersSince:
    """Record source of the orders from a moment on."""

    fields = Fields(
        ("id", "customer", "ordered_at", "state", "total"), (int, int, datetime, orders_model.OrderState, Decimal)
    )

    def __init__(self, orders: list[orders_model.Order], since: datetime | None) -> None:
        self._orders = [order for order in orders if since is None or order.ordered_at >= since]

    def batches(self, window: object) -> Iterator[list[tuple[Any, ...]]]:
        assert window is None
        yield [(each.id, 1, each.ordered_at, each.state, each.total) for each in self._orders]


def test_a_schedule_runs_only_where_a_source_is_ahead_of_the_watermark(
    postgresql_resource: DatabaseResource, home: dg.DagsterInstance
) -> None:
    ann = orders_model.Customer(1, "a@example.org", "Ann")
    start = datetime(2024, 5, 1, 8, tzinfo=UTC)
    orders: list[orders_model.Order] = []
    tables = type(orders_job.tables())(
        orders_model, "postgresql", GeneratorOptions(namespaces={orders_model: "copy"}), prefix=("copied",)
    )
    feed = TableFeed(
        SinceWatermark(lambda since: OrdersSince(orders, since)),
        load=LoadOptions(watermark=Watermark("orders", "ordered_at")),
    )
    sources = {orders_model.Customer: orders_job.customers(), orders_model.Order: feed}
    planned = plan_tables(tables, sources=sources)
    watches = {orders_model.Order: RowWatch(postgresql_resource, orders_model.Order, "ordered_at", SHOP)}
    built = build_sync_defs(tables, target=postgresql_resource, sources=sources, executor=dg.in_process_executor)
    job = built.resolve_job_def("copied__copy_all")
    schedule = build_watermark_schedule("news", job=job, planned=planned, database=postgresql_resource, watches=watches)

    def order(number: int) -> None:
        at = start + timedelta(minutes=number)
        orders.append(orders_model.Order(number, ann, None, at, orders_model.OrderState.open, Decimal(1)))
        insert(postgresql_resource, orders_model.Customer, [ann])
        insert(postgresql_resource, orders_model.Order, orders)

    def is_due() -> bool:
        at = datetime.now(UTC)
        with dg.build_schedule_context(instance=home, scheduled_execution_time=at) as context:
            return bool(schedule.evaluate_tick(context).run_requests)

    order(1)
    assert is_due()
    for number in (2, 3):
        assert job.execute_in_process(instance=home, run_config=orders_job.QUIET).success
        assert not is_due()
        order(number)
        assert is_due()


def test_a_table_without_a_watermark_cannot_be_scheduled_by_it() -> None:
    planned = plan_tables(orders_job.tables(), sources={orders_model.Customer: orders_job.customers()})
    watch = RowWatch(orders_job.resource(orders_job.ConnectionParameters()), orders_model.Customer, "id", SHOP)
    with pytest.raises(ValueError, match="watches: Customer is not loaded from a watermark"):
        build_watermark_schedule(
            "news", job=None, planned=planned, database=watch.database, watches={orders_model.Customer: watch}
        )


class Nothing:
    """A source without rows."""

    fields = FIELDS

    def batches(self, window: object) -> Iterator[list[tuple[Any, ...]]]:
        assert window is None
        yield from ()


def nothing_since(since: Any) -> Nothing:
    assert since is None
    return Nothing()


ORDERS = LoadOptions(watermark=Watermark("orders", "id"))


@pytest.mark.parametrize(
    ("feed", "message"),
    [
        (TableFeed(Nothing(), loads={"all": LoadOptions()}), "no source is named all"),
        (
            TableFeed({"news": SinceWatermark(nothing_since)}, loads={"news": LoadOptions(LoadMode.UPSERT)}),
            "its source is read from a watermark, but it has none",
        ),
        (
            TableFeed(
                {"news": SinceWatermark(nothing_since)},
                load=ORDERS,
                loads={"news": replace(ORDERS, mode=LoadMode.MIRROR)},
            ),
            "mode mirror would take all rows before the watermark for missing",
        ),
    ],
)
def test_a_load_that_does_not_go_with_its_source_is_refused(feed: TableFeed, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plan_tables(TableModule(orders_model), sources={orders_model.Customer: feed})


def test_a_schedule_may_read_another_source_than_other_runs_do(home: dg.DagsterInstance) -> None:
    feed = TableFeed({"news": Nothing(), "all": Nothing()}, loads={"all": LoadOptions(LoadMode.MIRROR)})
    definitions = build_sync_defs(
        orders_model,
        target=orders_job.resource(orders_job.ConnectionParameters()),
        sources={orders_model.Customer: feed, orders_model.Order: Nothing()},
        schedule=SyncSchedule(feed="all"),
    )
    schedule = definitions.resolve_schedule_def("public_whole_schedule")
    with dg.build_schedule_context(instance=home, scheduled_execution_time=datetime.now(UTC)) as context:
        (request,) = list(schedule.evaluate_tick(context).run_requests or ())
    assert request.run_config == {"ops": {"public__Customer": {"config": {"feed": "all"}}}}
