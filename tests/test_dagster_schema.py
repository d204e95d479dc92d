"""The schema asset: plans, shows, applies or refuses, and stops the tables below it."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import dagster as dg
import pytest

from pysqlsync_dagster import (
    Contract,
    DatabaseResource,
    TableFeed,
    build_assets,
    build_drift_checks,
    build_schema_job,
    plan_tables,
)
from pysqlsync_engine.data.sources import Fields
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


def fetch(parameters: ConnectionParameters, statement: str) -> list[tuple[Any, ...]]:
    async def ask() -> list[tuple[Any, ...]]:
        async with get_dialect("postgresql").create_connection(parameters) as connection:
            return await connection.session.fetch(statement)

    return asyncio.run(ask())


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


def approve(fingerprint: str) -> dict[str, Any]:
    return {"shop__schema": {"config": {"approve": fingerprint}}}


def test_a_hazard_can_be_permitted_for_one_run(database: DatabaseResource, instance: dg.DagsterInstance) -> None:
    run(database, instance)
    shorter = changed(orders_model, ("MaxLength(100)", "MaxLength(50)"))
    permitted = run(database, instance, shorter, ops={"shop__schema": {"config": {"allow": ["NARROWS_TYPE"]}}})
    assert permitted.success, failures(permitted)
    assert schema_metadata(permitted)["state"] == "applied"


def test_a_refused_plan_fails_the_run_with_its_fingerprint_which_approves_it(
    database: DatabaseResource, instance: dg.DagsterInstance
) -> None:
    run(database, instance)
    shorter = changed(orders_model, ("MaxLength(100)", "MaxLength(50)"))
    refused = run(database, instance, shorter)
    fingerprint = schema_metadata(refused)["fingerprint"]
    assert f"fingerprint of the plan: {fingerprint}" in failures(refused)
    assert f"approve: '{fingerprint}'" in failures(refused)
    assert f"approve: '{fingerprint}'" in schema_metadata(refused)["to_permit"]
    (check,) = refused.get_asset_check_evaluations()
    assert f"```yaml\nops:\n  shop__schema:\n    config:\n      approve: '{fingerprint}'\n```" in (
        check.description or ""
    )
    approved = run(database, instance, shorter, ops=approve(fingerprint))
    assert approved.success, failures(approved)
    assert schema_metadata(approved)["state"] == "applied"
    assert schema_metadata(approved)["fingerprint"] == fingerprint


def test_an_approval_is_for_one_plan_only(
    postgresql: Server, database: DatabaseResource, instance: dg.DagsterInstance
) -> None:
    run(database, instance)
    shorter = changed(orders_model, ("MaxLength(100)", "MaxLength(50)"))
    fingerprint = schema_metadata(run(database, instance, shorter))["fingerprint"]
    another = changed(orders_model, ("MaxLength(100)", "MaxLength(40)"))
    refused = run(database, instance, another, ops=approve(fingerprint))
    assert not refused.success
    assert f"the one that was approved is {fingerprint}, but what is to be done now is" in failures(refused)
    execute(postgresql.parameters, 'ALTER TABLE "shop"."Customer" ADD COLUMN "added_by_hand" integer')
    assert not run(database, instance, shorter, ops=approve(fingerprint)).success
    execute(postgresql.parameters, 'ALTER TABLE "shop"."Customer" DROP COLUMN "added_by_hand"')
    assert run(database, instance, shorter, ops=approve(fingerprint)).success


def test_an_approved_run_that_is_started_again_has_nothing_left_to_do(
    database: DatabaseResource, instance: dg.DagsterInstance
) -> None:
    run(database, instance)
    shorter = changed(orders_model, ("MaxLength(100)", "MaxLength(50)"))
    fingerprint = schema_metadata(run(database, instance, shorter))["fingerprint"]
    results = [run(database, instance, shorter, ops=approve(fingerprint)) for _ in range(2)]
    assert [schema_metadata(result)["state"] for result in results] == ["applied", "no changes"]


LONGER = ("MaxLength(100)", "MaxLength(200)")


def frozen(module: ModuleType, *, contract: Contract = Contract.FREEZE) -> list[Any]:
    feed = TableFeed(orders_job.customers(), contract=contract)
    return build_assets(orders_job.tables(module), sources={module.Customer: feed})


def test_a_frozen_table_is_created_and_then_left_alone_until_a_plan_is_approved(
    database: DatabaseResource, instance: dg.DagsterInstance
) -> None:
    def attempt(module: ModuleType, ops: dict[str, Any] | None = None) -> dg.ExecuteInProcessResult:
        return dg.materialize(
            frozen(module),
            resources={"database": database},
            instance=instance,
            run_config={**orders_job.QUIET, "ops": ops or {}},
            raise_on_error=False,
        )

    assert attempt(orders_model).success
    longer = changed(orders_model, LONGER)
    refused = attempt(longer)
    assert not refused.success
    assert loaded(refused) == set()
    assert "plan: it changes tables that are frozen" in failures(refused)
    assert "shop.Customer.name" in failures(refused)
    approved = attempt(longer, approve(schema_metadata(refused)["fingerprint"]))
    assert approved.success, failures(approved)


def test_a_frozen_table_does_not_keep_others_from_changing(
    database: DatabaseResource, instance: dg.DagsterInstance
) -> None:
    for module in (orders_model, changed(orders_model, ("MaxLength(20)", "MaxLength(30)"))):
        result = dg.materialize(
            frozen(module), resources={"database": database}, instance=instance, run_config=orders_job.QUIET
        )
        assert schema_metadata(result)["state"] == "applied"


def test_fields_that_the_class_lacks_are_an_error_unless_the_contract_discards_them(
    postgresql: Server, database: DatabaseResource, instance: dg.DagsterInstance
) -> None:
    rows = orders_job.Rows(
        Fields(("id", "shoe_size", "email"), (int, int, str)), [(1, 43, "ann@example.org"), (2, 38, "bob@example.org")]
    )

    def attempt(contract: Contract) -> dg.ExecuteInProcessResult:
        feed = TableFeed(rows, contract=contract)
        return dg.materialize(
            build_assets(orders_job.tables(), sources={orders_model.Customer: feed}),
            resources={"database": database},
            instance=instance,
            run_config=orders_job.QUIET,
            raise_on_error=False,
        )

    refused, discarded = attempt(Contract.EVOLVE), attempt(Contract.DISCARD_COLUMNS)
    assert "shoe_size" in failures(refused)
    assert discarded.success, failures(discarded)
    found = fetch(postgresql.parameters, 'SELECT id, email FROM "shop"."Customer" ORDER BY id')
    assert found == [(1, "ann@example.org"), (2, "bob@example.org")]


def test_the_schema_step_is_also_a_job_without_assets(database: DatabaseResource, instance: dg.DagsterInstance) -> None:
    def attempt(module: ModuleType, approved: str | None = None) -> dg.ExecuteInProcessResult:
        job = build_schema_job(orders_job.tables(module), target=database)
        config = {"ops": {"synchronize_shop": {"config": {"approve": approved}}}} if approved else {}
        return job.execute_in_process(
            instance=instance, run_config={**orders_job.QUIET, **config}, raise_on_error=False
        )

    first = attempt(orders_model)
    assert first.success, failures(first)
    assert "CREATE TABLE" in first.output_for_node("synchronize_shop")
    shorter = changed(orders_model, ("MaxLength(100)", "MaxLength(50)"))
    message = failures(attempt(shorter))
    fingerprint = message.partition("fingerprint of the plan: ")[2][:16]
    again = attempt(shorter, fingerprint)
    assert again.success, failures(again)
    assert "varying(50)" in again.output_for_node("synchronize_shop")


def test_drift_is_told_per_table_with_the_plan_that_brings_it_back(
    postgresql: Server, database: DatabaseResource, instance: dg.DagsterInstance
) -> None:
    planned = plan_tables(orders_job.tables(), sources={})
    checks = build_drift_checks(planned)
    assert run(database, instance).success
    for statement in (
        'ALTER TABLE "shop"."Customer" DROP COLUMN "name"',
        'ALTER TABLE "shop"."Order" ADD COLUMN "added_by_hand" integer',
    ):
        execute(postgresql.parameters, statement)
    result = dg.materialize(
        [planned.schema, *planned.external, checks],
        resources={"database": database},
        instance=instance,
        selection=dg.AssetSelection.checks(checks),
        run_config=orders_job.QUIET,
    )
    found = {each.asset_key.path[-1]: each for each in result.get_asset_check_evaluations()}
    states = {name: (each.passed, each.severity.value, each.metadata["state"].value) for name, each in found.items()}
    assert states == {
        "Customer": (False, "WARN", "additive"),
        "Order": (False, "ERROR", "destructive"),
        "Voucher": (True, "WARN", "in sync"),
    }
    assert "added_by_hand" in str(found["Order"].metadata["plan"].value)
    assert "added_by_hand" not in str(found["Customer"].metadata["plan"].value)


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
