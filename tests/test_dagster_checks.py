"""Checks that are made from the data-classes, on real servers."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from pysqlsync_dagster import (
    AssetOptions,
    CheckOptions,
    DatabaseResource,
    RowBounds,
    TableFeed,
    TableSet,
    build_constraint_checks,
    build_freshness_checks,
    build_rejected_checks,
    build_row_bounds_checks,
    build_source_count_checks,
    build_sync_defs,
    plan_tables,
)
from pysqlsync_engine.base import LoadOptions, OnError
from pysqlsync_engine.data.sources import Fields
from pysqlsync_engine.factory import get_dialect
from tests import open_model, orders_job, orders_model
from tests.servers import Server

CUSTOMER = dg.AssetKey(["shop", "Customer"])
FIELDS = Fields(("id", "email"), (int, str))


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:  # pyright: ignore[reportUnknownMemberType] - of Dagster
        yield instance


class Shop:
    """A database with the tables of the shop, and checks of them."""

    def __init__(self, server: Server, instance: dg.DagsterInstance) -> None:
        self.server = server
        self.instance = instance
        self.database: DatabaseResource = orders_job.resource(server.parameters, dialect=server.dialect)

    def plan(self, customers: Any = None, options: AssetOptions | None = None) -> TableSet:
        tables = orders_job.tables(dialect=self.server.dialect)
        tables = type(tables)(tables.module, tables.dialect, tables.options)
        sources = {} if customers is None else {orders_model.Customer: customers}
        return plan_tables(tables, sources=sources, options=options)

    def materialize(self, assets: list[Any], **arguments: Any) -> dg.ExecuteInProcessResult:
        return dg.materialize(
            assets,
            resources={"database": self.database},
            instance=self.instance,
            run_config=orders_job.QUIET,
            raise_on_error=False,
            **arguments,
        )

    def create(self, *statements: str) -> None:
        """Create the tables, then change rows as somebody else would."""
        planned = self.plan()
        assert self.materialize([planned.schema]).success

        async def send() -> None:
            engine = get_dialect(self.server.dialect)
            async with engine.create_connection(self.server.parameters) as connection:
                for statement in statements:
                    await connection.session.execute(statement)

        asyncio.run(send())

    def insert(self, table: str, *rows: str) -> list[str]:
        """:returns: Statements that insert rows, as this server names the table."""
        name = f"shop__{table}" if self.server.dialect == "mysql" else f'"shop"."{table}"'
        return [f"INSERT INTO {name} VALUES ({row})" for row in rows]

    def check(
        self, planned: TableSet, checks: list[dg.AssetChecksDefinition]
    ) -> dict[tuple[str, str], dg.AssetCheckEvaluation]:
        """:returns: What the checks say, by table and name."""
        specs = list(planned.specs.values())
        result = self.materialize([planned.schema, *specs, *checks], selection=dg.AssetSelection.checks(*checks))
        return {(each.asset_key.path[-1], each.check_name): each for each in result.get_asset_check_evaluations()}


@pytest.fixture
def shop(database: Server, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.setenv(orders_job.PASSWORD_VARIABLE, database.parameters.password or "")
    return Shop(database, instance)


def test_a_relation_without_a_constraint_is_checked_for_rows_that_are_not_there(shop: Shop) -> None:
    state = "'open'"
    shop.create(
        *shop.insert("Customer", "1, 'a@example.org', 'Ann'"),
        *shop.insert("Order", *(f"{n}, 1, {n}, '2024-01-01 00:00:00', {state}, 1.00" for n in (1, 7, 8))),
    )
    planned = shop.plan()
    found = shop.check(planned, build_constraint_checks(planned))
    assert set(found) == {("Order", "orphans_recommended_by")}
    (orphans,) = found.values()
    assert not orphans.passed
    assert orphans.severity is dg.AssetCheckSeverity.WARN
    assert str(orphans.description).startswith("2 rows refer by (recommended_by) to rows that")
    assert orphans.metadata["examples"].value == "7\n8"


def test_what_the_server_sees_to_can_be_checked_as_well(shop: Shop) -> None:
    shop.create(*shop.insert("Customer", "1, 'a@example.org', 'Ann'"))
    planned = shop.plan()
    found = shop.check(planned, build_constraint_checks(planned, enforced=True))
    assert all(each.passed for each in found.values())
    assert set(found) >= {
        ("Customer", "unique_id"),
        ("Customer", "unique_email"),
        ("Customer", "not_null_email"),
        ("Order", "orphans_customer"),
        ("Order", "not_null_total"),
    }
    assert ("Customer", "not_null_name") not in found


def test_labels_that_an_open_enumeration_does_not_know_are_told(
    database: Server, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(orders_job.PASSWORD_VARIABLE, database.parameters.password or "")
    shop = Shop(database, instance)
    rows = [(1, "open"), (2, "lost"), (3, "lost")]
    planned = plan_tables(
        open_model.tables(database.dialect),
        sources={open_model.Parcel: orders_job.Rows(Fields(("id", "state"), (int, str)), rows)},
    )
    (checks,) = build_constraint_checks(planned)
    definitions = build_sync_defs(
        planned.tables,
        target=shop.database,
        sources={loader.cls: loader.feed for loader in planned.loaders},
        executor=dg.in_process_executor,
    )
    job = definitions.resolve_job_def("shop_all")
    result = job.execute_in_process(instance=instance, run_config=orders_job.QUIET)
    found = {each.check_name: each for each in result.get_asset_check_evaluations()}
    assert [spec.name for spec in checks.check_specs] == ["labels_state"]
    assert not found["labels_state"].passed
    assert found["labels_state"].metadata["examples"].value == "lost"
    assert found["in_sync"].passed


def test_a_blocking_check_is_an_error(shop: Shop) -> None:
    shop.create(
        *shop.insert("Customer", "1, 'a@example.org', 'Ann'"),
        *shop.insert("Order", "1, 1, 7, '2024-01-01 00:00:00', 'open', 1.00"),
    )
    planned = shop.plan()
    (orphans,) = shop.check(planned, build_constraint_checks(planned, blocking=True)).values()
    assert orphans.severity is dg.AssetCheckSeverity.ERROR
    assert orphans.blocking


def test_rows_are_fresh_by_what_the_table_holds(shop: Shop) -> None:
    planned = shop.plan()
    limits = {orders_model.Order: ("ordered_at", timedelta(hours=2))}
    shop.create(*shop.insert("Customer", "1, 'a@example.org', 'Ann'"))
    (empty,) = shop.check(planned, build_freshness_checks(planned, limits)).values()
    assert (empty.passed, empty.description) == (False, "the table has no rows")
    verdicts: list[bool] = []
    for number, age in enumerate((timedelta(hours=3), timedelta(hours=1)), start=1):
        at = f"{datetime.now(UTC) - age:%Y-%m-%d %H:%M:%S}"
        shop.create(*shop.insert("Order", f"{number}, 1, NULL, '{at}', 'open', 1.00"))
        (found,) = shop.check(planned, build_freshness_checks(planned, limits)).values()
        verdicts.append(found.passed)
    assert verdicts == [False, True]


def test_a_table_is_compared_with_its_source(shop: Shop) -> None:
    planned = shop.plan(orders_job.customers())
    shop.create(*shop.insert("Customer", "1, 'a@example.org', 'Ann'"))

    async def hundred() -> int:
        return 100

    found = [
        shop.check(planned, build_source_count_checks(planned, {orders_model.Customer: counter}, tolerance=tolerance))
        for counter, tolerance in ((None, 0.0), (None, 0.5), (hundred, 0.0))
    ]
    checks = [each["Customer", "source_rows"] for each in found]
    assert [check.passed for check in checks] == [False, True, False]
    assert [check.metadata["source_rows"].value for check in checks] == [2, 2, 100]
    with pytest.raises(ValueError, match="counters: Order is not loaded by these definitions"):
        build_source_count_checks(planned, {orders_model.Order: None})


def test_rejected_rows_of_the_last_run_are_too_many_or_not(
    postgresql: Server, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(orders_job.PASSWORD_VARIABLE, postgresql.parameters.password or "")
    rows = orders_job.Rows(FIELDS, [(1, "a@example.org"), (2, "b" * 321), (3, "c@example.org")])

    def definitions(share: float) -> dg.Definitions:
        return build_sync_defs(
            (orders_model.Customer,),
            target=orders_job.resource(postgresql.parameters),
            sources={orders_model.Customer: TableFeed(rows, load=LoadOptions(on_error=OnError.QUARANTINE))},
            namespace="shop",
            checks=CheckOptions(max_rejected_share=share),
            executor=dg.in_process_executor,
        )

    verdicts: list[tuple[bool, Any]] = []
    for share in (0.0, 0.5):
        job = definitions(share).resolve_job_def("shop_all")
        result = job.execute_in_process(instance=instance, run_config=orders_job.QUIET)
        found = {check.check_name: check for check in result.get_asset_check_evaluations()}
        verdicts.append((found["rejected_rows"].passed, found["rejected_rows"].metadata["rejected"].value))
    assert verdicts == [(False, 1), (True, 1)]


def record(instance: dg.DagsterInstance, rows: int) -> None:
    """Record a load as a run would."""
    instance.report_runless_asset_event(
        dg.AssetMaterialization(CUSTOMER, metadata={"rows": rows, "rejected": 0, "dagster/row_count": rows})
    )


def test_a_number_of_rows_out_of_the_ordinary_is_told(instance: dg.DagsterInstance) -> None:
    planned = plan_tables(orders_job.tables(), sources={orders_model.Customer: orders_job.customers()})
    checks = build_row_bounds_checks(planned, RowBounds(minimum=4))

    def verdict() -> dg.AssetCheckEvaluation:
        result = dg.materialize(
            [*planned.specs.values(), checks],
            instance=instance,
            selection=dg.AssetSelection.checks(checks),
            run_config=orders_job.QUIET,
        )
        (found,) = result.get_asset_check_evaluations()
        return found

    for rows in (100, 104, 98):
        record(instance, rows)
    few = verdict()
    assert few.passed
    assert few.description == "2 loads before; 4 are needed to tell"
    for rows in (101, 99, 102):
        record(instance, rows)
    assert verdict().passed
    record(instance, 12)
    assert not verdict().passed
    record(instance, 103)
    assert verdict().passed


def test_bounds_are_around_the_median_and_not_moved_by_the_odd_one() -> None:
    bounds = RowBounds(deviations=3.0, share=0.1, minimum=3)
    assert bounds.around([10, 10]) is None
    assert bounds.around([1000, 1000, 1000, 5]) == (900.0, 1100.0)
    low, high = bounds.around([90, 100, 110, 1_000_000]) or (0.0, 0.0)
    assert low < 90
    assert 110 < high < 1000


def test_checks_of_history_are_made_of_tables_that_are_loaded_only() -> None:
    planned = plan_tables(orders_job.tables(), sources={orders_model.Customer: orders_job.customers()})
    keys = [spec.asset_key for spec in build_rejected_checks(planned).check_specs]
    assert keys == [CUSTOMER]
