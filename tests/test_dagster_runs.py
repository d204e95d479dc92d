"""Tables that are loaded through Dagster, on real servers."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest

from pysqlsync_dagster import DatabaseResource
from pysqlsync_engine.data.sources import Fields, Window
from pysqlsync_engine.factory import get_dialect
from pysqlsync_engine.parameters import ConnectionParameters
from pysqlsync_engine.session import Batch
from tests import orders_job
from tests.orders_job import OrdersByDay, Rows, partition_range
from tests.servers import Server

ORDER = dg.AssetKey(["shop", "Order"])
CUSTOMER = dg.AssetKey(["shop", "Customer"])
SCHEMA = dg.AssetKey(["shop", "schema"])


@pytest.fixture
def database(postgresql: Server, monkeypatch: pytest.MonkeyPatch) -> DatabaseResource:
    monkeypatch.setenv(orders_job.PASSWORD_VARIABLE, postgresql.parameters.password or "")
    return orders_job.resource(postgresql.parameters)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:  # pyright: ignore[reportUnknownMemberType] - of Dagster
        yield instance


def run(
    database: DatabaseResource,
    instance: dg.DagsterInstance,
    *,
    tags: dict[str, str] | None = None,
    ops: dict[str, Any] | None = None,
    selection: Any = None,
    **assets: Any,
) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        orders_job.assets(**assets),
        resources={"database": database},
        instance=instance,
        tags=tags or partition_range("2024-01-01", "2024-01-03"),
        run_config={**orders_job.QUIET, "ops": ops or {}},
        selection=selection,
        raise_on_error=False,
    )


def shown(result: dg.ExecuteInProcessResult, key: dg.AssetKey) -> dict[str | None, dict[str, Any]]:
    """:returns: Metadata of the materializations of an asset, by partition key."""
    events = [event for event in result.get_asset_materialization_events() if event.asset_key == key]
    return {
        event.partition: {name: value.value for name, value in event.materialization.metadata.items()}
        for event in events
    }


def fetch(parameters: ConnectionParameters, statement: str) -> list[tuple[Any, ...]]:
    async def ask() -> list[tuple[Any, ...]]:
        async with get_dialect("postgresql").create_connection(parameters) as connection:
            return await connection.session.fetch(statement)

    return asyncio.run(ask())


def failures(result: dg.ExecuteInProcessResult | dg.JobExecutionResult) -> str:
    """:returns: What the failed steps say."""
    data = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    return "\n".join(
        f"{each.user_failure_data.description if each.user_failure_data else ''}\n{each.error_display_string}"
        for each in data
    )


def test_one_run_creates_the_schema_and_loads_all_tables(
    postgresql: Server, database: DatabaseResource, instance: dg.DagsterInstance
) -> None:
    result = run(database, instance)
    assert result.success, failures(result)
    assert fetch(postgresql.parameters, 'SELECT count(*) FROM "shop"."Customer"') == [(2,)]
    assert fetch(postgresql.parameters, 'SELECT count(*) FROM "shop"."Order"') == [(6,)]
    assert "CREATE TABLE" in shown(result, SCHEMA)[None]["plan"]


def test_each_partition_of_one_run_has_counts_of_its_own(
    database: DatabaseResource, instance: dg.DagsterInstance
) -> None:
    result = run(database, instance)
    counts = {key: each["dagster/partition_row_count"] for key, each in shown(result, ORDER).items()}
    assert counts == {"2024-01-01": 1, "2024-01-02": 2, "2024-01-03": 3}
    assert shown(result, ORDER)["2024-01-03"]["rows"] == 3
    assert shown(result, CUSTOMER)[None]["dagster/row_count"] == 2


def test_the_number_of_rows_is_that_of_the_table_not_of_the_last_source(
    database: DatabaseResource, instance: dg.DagsterInstance
) -> None:
    assert run(database, instance).success
    fewer = Rows(Fields(("id", "email"), (int, str)), [(1, "ada@example.org")])
    again = shown(run(database, instance, customer_rows=fewer), CUSTOMER)[None]
    assert (again["rows"], again["dagster/row_count"]) == (1, 2)


def test_the_same_assets_can_be_loaded_twice_in_one_process(
    database: DatabaseResource, instance: dg.DagsterInstance
) -> None:
    first, second = run(database, instance), run(database, instance)
    assert first.success
    assert second.success
    assert shown(second, SCHEMA)[None]["state"] == "no changes"
    counts = [{key: each["rows"] for key, each in shown(result, ORDER).items()} for result in (first, second)]
    assert counts[0] == counts[1]


def test_a_source_without_rows_is_a_load_of_zero_rows(database: DatabaseResource, instance: dg.DagsterInstance) -> None:
    fields = Fields(("id", "email"), (int, str))
    nobody = Rows(fields, [])
    nobody.rows = []
    result = run(database, instance, customer_rows=nobody, orders=Empty())
    assert result.success, failures(result)
    assert shown(result, CUSTOMER)[None]["rows"] == 0
    assert shown(result, ORDER)["2024-01-02"]["dagster/partition_row_count"] == 0


class Empty(OrdersByDay):
    def batches(self, window: Window | None) -> Iterator[Batch]:
        assert window is not None
        return iter(())


def test_partitions_before_a_failure_are_stored_and_recorded(
    database: DatabaseResource, instance: dg.DagsterInstance
) -> None:
    result = run(database, instance, orders=OrdersByDay(fails_on="2024-01-03"))
    assert not result.success
    assert failures(result).startswith(
        "partition 2024-01-03: ConnectionResetError: the shop has closed; 2 of 3 partitions were stored and are recorded"
    )
    assert instance.get_materialized_partitions(ORDER) == {"2024-01-01", "2024-01-02"}
    assert len(instance.fetch_materializations(ORDER, limit=10).records) == 2


def test_a_partition_that_fails_leaves_no_rows(
    postgresql: Server, database: DatabaseResource, instance: dg.DagsterInstance
) -> None:
    run(database, instance, orders=OrdersByDay(fails_on="2024-01-03"))
    assert fetch(postgresql.parameters, 'SELECT max(id) FROM "shop"."Order"') == [(201,)]


def test_a_row_that_cannot_be_stored_is_named_with_table_and_column(
    database: DatabaseResource, instance: dg.DagsterInstance
) -> None:
    rows = Rows(Fields(("id", "email"), (int, str)), [(1, "a@example.org"), (2, 5)])
    message = failures(run(database, instance, customer_rows=rows))
    assert "shop.Customer.email: row 2" in message


def test_the_run_chooses_among_named_sources(database: DatabaseResource, instance: dg.DagsterInstance) -> None:
    feeds = {"all": OrdersByDay(), "none": Empty()}
    first = run(database, instance, orders=feeds)
    second = run(database, instance, orders=feeds, ops={"shop__Order": {"config": {"feed": "none"}}})
    assert [shown(each, ORDER)["2024-01-02"]["rows"] for each in (first, second)] == [2, 0]
    assert shown(second, ORDER)["2024-01-02"]["feed"] == "none"


def test_a_server_that_cannot_be_reached_is_named_without_the_password(
    monkeypatch: pytest.MonkeyPatch, instance: dg.DagsterInstance
) -> None:
    monkeypatch.setenv(orders_job.PASSWORD_VARIABLE, "correct-horse-battery")
    nowhere = ConnectionParameters(host="127.0.0.1", port=1, username="nobody", database="nothing")
    result = run(orders_job.resource(nowhere), instance)
    message = failures(result)
    assert "127.0.0.1" in message
    events = "\n".join(repr(entry) for entry in instance.all_logs(result.run_id))
    assert "correct-horse-battery" not in events


def test_steps_in_processes_of_their_own_load_the_same_rows(
    postgresql: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    parameters = postgresql.parameters
    monkeypatch.setenv(orders_job.PASSWORD_VARIABLE, parameters.password or "")
    monkeypatch.setenv(orders_job.ADDRESS_VARIABLE, orders_job.address(parameters))
    monkeypatch.setenv("PYTHONWARNINGS", "ignore")
    with (
        dg.instance_for_test() as instance,
        dg.execute_job(
            dg.reconstructable(orders_job.job),
            instance=instance,
            tags=partition_range("2024-01-01", "2024-01-03"),
            run_config={**orders_job.QUIET, "execution": {"config": {"max_concurrent": 2}}},
        ) as result,
    ):
        assert result.success, failures(result)
        started = [event for event in result.all_events if event.event_type_value == "STEP_WORKER_STARTED"]
        processes = {str(event.engine_event_data.metadata["pid"].value) for event in started}
        records = instance.fetch_materializations(ORDER, limit=10).records
        counts = {
            record.partition_key: record.asset_materialization.metadata["dagster/partition_row_count"].value
            for record in records
            if record.asset_materialization is not None
        }
    assert counts == {"2024-01-01": 1, "2024-01-02": 2, "2024-01-03": 3}
    assert len(processes) == 3
    assert str(os.getpid()) not in processes
