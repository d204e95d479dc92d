"""The schema asset: plans, shows, applies or refuses, and stops the tables below it."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import dagster as dg
import pytest

from pysqlsync_dagster import DatabaseResource
from pysqlsync_engine.factory import get_dialect
from pysqlsync_engine.parameters import ConnectionParameters
from tests import orders_job, orders_model
from tests.changed import changed
from tests.servers import Server

SCHEMA = dg.AssetKey(["shop", "schema"])
CUSTOMER = dg.AssetKey(["shop", "Customer"])
ALLOW_ALL = {"shop__schema": {"config": {"allow": ["DELETES_DATA", "DROPS_OBJECT", "NARROWS_TYPE"]}}}


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
    module: ModuleType = orders_model,
    *,
    ops: dict[str, Any] | None = None,
    selection: list[dg.AssetKey] | None = None,
) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        orders_job.assets(module),
        resources={"database": database},
        instance=instance,
        tags=orders_job.partition_range("2024-01-01", "2024-01-02"),
        run_config={**orders_job.QUIET, "ops": ops or {}},
        selection=selection,
        raise_on_error=False,
    )


def execute(parameters: ConnectionParameters, statement: str) -> None:
    async def send() -> None:
        async with get_dialect("postgresql").create_connection(parameters) as connection:
            await connection.session.execute(statement)

    asyncio.run(send())


def schema_metadata(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    (event,) = [event for event in result.get_asset_materialization_events() if event.asset_key == SCHEMA]
    return {name: value.value for name, value in event.materialization.metadata.items()}


def loaded(result: dg.ExecuteInProcessResult) -> set[str]:
    """:returns: Names of the tables that a run loaded."""
    keys = {event.asset_key for event in result.get_asset_materialization_events()}
    return {key.path[-1] for key in keys if key is not None} - {"schema"}


def failures(result: dg.ExecuteInProcessResult) -> str:
    events = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    return "\n".join(str(each.user_failure_data.description if each.user_failure_data else each) for each in events)


def test_an_empty_database_gets_the_plan_that_is_shown(
    database: DatabaseResource, instance: dg.DagsterInstance
) -> None:
    result = run(database, instance, selection=[SCHEMA])
    assert result.success
    shown = schema_metadata(result)
    assert shown["state"] == "applied"
    assert shown["plan"].count("```") == 2
    assert 'CREATE TABLE "shop"."Customer"' in shown["plan"]
    (check,) = result.get_asset_check_evaluations()
    assert check.passed
    assert check.check_name == "in_sync"


def test_a_second_run_plans_nothing_and_has_the_same_data_version(
    database: DatabaseResource, instance: dg.DagsterInstance
) -> None:
    results = [run(database, instance, selection=[SCHEMA]) for _ in range(2)]
    assert schema_metadata(results[1])["steps"] == 0
    versions = {
        (event.materialization.tags or {})["dagster/data_version"]
        for result in results
        for event in result.get_asset_materialization_events()
    }
    assert len(versions) == 1


@pytest.mark.parametrize(
    ("replacement", "hazard"),
    [
        (("    name: Annotated", "    full_name: Annotated"), "deletes data"),
        (("MaxLength(100)", "MaxLength(50)"), "narrows a type"),
        (("    total: Annotated[Decimal, Precision(10, 2)]\n", ""), "deletes data"),
        ((inspect.getsource(orders_model.Voucher), "pass\n"), "deletes data"),
    ],
    ids=["renamed field", "shorter text", "removed field", "removed class"],
)
def test_a_destructive_change_is_refused_and_shown_and_stops_all_tables(
    database: DatabaseResource, instance: dg.DagsterInstance, replacement: tuple[str, str], hazard: str
) -> None:
    assert run(database, instance).success
    result = run(database, instance, changed(orders_model, replacement))
    assert not result.success
    assert loaded(result) == set()
    shown = schema_metadata(result)
    assert shown["state"] == "refused"
    assert hazard in shown["hazards"]
    assert hazard in shown["plan"]
    assert "TABLE" in shown["plan"]
    assert "shop." in shown["refused"]
    (check,) = result.get_asset_check_evaluations()
    assert not check.passed
    assert check.blocking
    assert check.metadata["plan"].value == shown["plan"]


def test_a_refused_plan_changes_nothing(database: DatabaseResource, instance: dg.DagsterInstance) -> None:
    run(database, instance)
    run(database, instance, changed(orders_model, ("    name: Annotated", "    full_name: Annotated")))
    again = run(database, instance)
    assert schema_metadata(again)["state"] == "no changes"
    assert again.success


def test_a_reviewed_plan_is_applied_with_the_configuration_that_the_refusal_tells(
    database: DatabaseResource, instance: dg.DagsterInstance
) -> None:
    run(database, instance)
    shorter = changed(orders_model, ("MaxLength(100)", "MaxLength(50)"))
    refused = schema_metadata(run(database, instance, shorter))
    assert "allow: [NARROWS_TYPE]" in refused["to_permit"]
    ops = {"shop__schema": {"config": {"allow": ["NARROWS_TYPE"]}}}
    permitted = run(database, instance, shorter, ops=ops)
    assert permitted.success, failures(permitted)
    assert schema_metadata(permitted)["state"] == "applied"


def test_rows_are_not_loaded_into_a_table_that_has_drifted(
    postgresql: Server, database: DatabaseResource, instance: dg.DagsterInstance
) -> None:
    run(database, instance)
    execute(postgresql.parameters, 'ALTER TABLE "shop"."Customer" ADD COLUMN "added_by_hand" integer')
    result = run(database, instance, selection=[CUSTOMER])
    assert not result.success
    message = failures(result)
    assert "shop.Customer: the live table is not what module 'tests.orders_model' describes" in message
    assert "materialize the asset 'shop/schema' first" in message
    assert "added_by_hand" in message


def test_drift_of_one_table_does_not_stop_another(
    postgresql: Server, database: DatabaseResource, instance: dg.DagsterInstance
) -> None:
    run(database, instance)
    execute(postgresql.parameters, 'ALTER TABLE "shop"."Order" ADD COLUMN "added_by_hand" integer')
    assert run(database, instance, selection=[CUSTOMER]).success


def test_a_table_that_was_never_created_is_named_with_what_to_do(
    database: DatabaseResource, instance: dg.DagsterInstance
) -> None:
    result = run(database, instance, selection=[CUSTOMER])
    assert "materialize the asset 'shop/schema' first" in failures(result)
