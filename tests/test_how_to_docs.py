"""What the pages in `docs/how-to` describe is what happens, when their definitions are run on a real server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from pysqlsync_engine.base import GeneratorOptions
from pysqlsync_engine.factory import get_dialect
from tests import orders_job
from tests.servers import Server
from tests.test_documents import PROJECT, modules, run_document  # noqa: F401  # pyright: ignore[reportUnusedImport] - a fixture

PAGES = PROJECT / "docs" / "how-to"

pytestmark = pytest.mark.parametrize("postgresql", ["postgresql-system"], indirect=True)


class Page:
    """A page whose blocks have been executed, and whose definitions can be run."""

    def __init__(self, server: Server, instance: dg.DagsterInstance, variables: dict[str, Any]) -> None:
        self._server = server
        self._instance = instance
        self.variables = variables
        self.definitions: dg.Definitions = variables["defs"]

    def run(self, job: str, **arguments: Any) -> dg.ExecuteInProcessResult:
        return self.definitions.resolve_job_def(job).execute_in_process(
            instance=self._instance, run_config=orders_job.QUIET, raise_on_error=False, **arguments
        )

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        async def ask() -> list[tuple[Any, ...]]:
            async with get_dialect("postgresql").create_connection(self._server.parameters) as connection:
                return await connection.session.fetch(statement)

        return asyncio.run(ask())

    def execute(self, statement: str) -> None:
        async def send() -> None:
            async with get_dialect("postgresql").create_connection(self._server.parameters) as connection:
                await connection.session.execute(statement)

        asyncio.run(send())

    def shown(self, *key: str) -> dict[str, Any]:
        """:returns: What the last materialization of an asset says."""
        event = self._instance.get_latest_materialization_event(dg.AssetKey(key))
        assert event is not None
        assert event.asset_materialization is not None
        return {
            name: value.records if isinstance(value, dg.TableMetadataValue) else value.value
            for name, value in event.asset_materialization.metadata.items()
        }


Read = Callable[[str], Page]


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:  # pyright: ignore[reportUnknownMemberType] - of Dagster
        yield instance


@pytest.fixture
def read(postgresql: Server, modules: Path, instance: dg.DagsterInstance) -> Read:  # noqa: F811 - a fixture
    """:returns: Executes the blocks of a page."""
    return lambda name: Page(postgresql, instance, run_document(PAGES / name, postgresql, modules))


def failed(result: dg.ExecuteInProcessResult) -> set[str]:
    """:returns: Checks that have not passed."""
    return {check.check_name for check in result.get_asset_check_evaluations() if not check.passed}


def test_files_of_every_kind_become_tables(read: Read) -> None:
    page = read("files.md")
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    parquet.write_table(arrow.table({"sku": ["T-1"], "pieces": [40]}), "stock.parquet")
    assert page.run("shop_all").success
    assert page.rows('SELECT id, email, born::text FROM shop."Customer" ORDER BY id') == [
        (1, "ada@example.org", "1815-12-10"),
        (2, "grace@example.org", None),
    ]
    assert page.rows('SELECT sku, kind::text, price::text FROM shop."Product" ORDER BY sku') == [
        ("C-1", "food", "4.50"),
        ("T-1", "drink", "3.20"),
    ]
    assert page.rows('SELECT id, tags FROM shop."Visit" ORDER BY id') == [(1, ["web", "new"]), (2, [])]
    assert page.rows('SELECT sum(amount)::text FROM shop."Sale"') == [("7.70",)]
    assert page.rows('SELECT pieces FROM shop."Stock"') == [(40,)]
    assert page.rows('SELECT paid::text, amount::text FROM shop."Payment"') == [("2026-01-05", "1234.50")]
    assert page.shown("shop", "Sale")["speed"] == "bytes"
    assert page.shown("shop", "Stock")["speed"] == "arrow"


def is_due(page: Page) -> bool:
    """:returns: True if the only schedule of the page would start a run now."""
    (schedule,) = page.definitions.schedules or [None]
    assert isinstance(schedule, dg.ScheduleDefinition)
    at = datetime.now(UTC)
    with (
        dg.instance_for_test() as home,
        dg.build_schedule_context(instance=home, scheduled_execution_time=at) as context,
    ):
        return bool(schedule.evaluate_tick(context).run_requests)


def test_only_what_is_new_is_loaded(read: Read) -> None:
    page = read("incremental.md")
    engine, orders = get_dialect("postgresql"), page.variables["orders"]
    in_shop: GeneratorOptions = page.variables["in_shop"]

    async def create() -> None:
        async with engine.create_connection(page.variables["shop"].resolved().parameters, in_shop) as connection:
            await connection.create_objects([orders.Order])

    asyncio.run(create())
    for number, hour in ((1, 8), (2, 9)):
        page.execute(f"""INSERT INTO shop."Order" VALUES ({number}, 1.5, '2026-01-05 {hour}:00:00+00')""")
    assert is_due(page)
    assert page.run("copy_all").success
    assert page.shown("copy", "Order")["inserted"] == 2
    assert not is_due(page)
    page.execute("""INSERT INTO shop."Order" VALUES (3, 2.5, '2026-01-05 08:55:00+00')""")
    page.execute("""INSERT INTO shop."Order" VALUES (4, 2.5, '2026-01-05 10:00:00+00')""")
    assert page.run("copy_all").success
    shown = page.shown("copy", "Order")
    assert (shown["rows"], shown["inserted"], shown["unchanged"]) == (3, 2, 1)
    assert shown["watermark"].startswith("2026-01-05 10:00:00")
    assert page.rows('SELECT count(*) FROM copy."Order"') == [(4,)]


def test_partitions_are_loaded_from_files_of_their_own(read: Read, instance: dg.DagsterInstance) -> None:
    page = read("partitions.md")
    assert page.run("web_schema").success
    assert page.run("web_daily", tags=orders_job.partition_range("2026-01-05", "2026-01-07")).success
    loaded = instance.fetch_materializations(dg.AssetKey(["web", "Click"]), limit=10).records
    told = [record.asset_materialization for record in loaded]
    assert {each.partition: each.metadata["rows"].value for each in told if each is not None} == {
        "2026-01-05": 2,
        "2026-01-06": 1,
        "2026-01-07": 0,
    }
    assert page.run("web_static", partition_key="europe").success
    assert not page.run("web_static", partition_key="asia").success
    instance.add_dynamic_partitions("uploads", ["first.jsonl"])
    assert page.run("web_uploads", partition_key="first.jsonl").success
    assert page.rows('SELECT text FROM web."Upload"') == [("hello",)]


def test_a_plan_is_approved_as_the_page_says(read: Read) -> None:
    page = read("approve.md")
    assert page.run("shop_schema").success
    page.execute('ALTER TABLE shop."Customer" ADD COLUMN legacy_id integer')
    page.execute("CREATE TABLE shop.audit_log (id integer)")
    assert page.run("shop_schema").success
    assert page.shown("shop", "schema")["state"] == "applied"
    page.execute('ALTER TABLE shop."Customer" ADD COLUMN other integer')
    assert not page.run("shop_schema").success
    config = {"shop__schema": {"config": {"approve": page.shown("shop", "schema")["fingerprint"]}}}
    job = page.definitions.resolve_job_def("shop_schema")
    assert job.execute_in_process(run_config={"ops": config, **orders_job.QUIET}).success
    assert page.rows("SELECT count(*) FROM shop.audit_log") == [(0,)]


def test_contracts_hold_and_drift_is_told(read: Read) -> None:
    page = read("contracts.md")
    assert page.run("shop_all").success
    assert page.rows('SELECT id, name FROM shop."Customer"') == [(1, "Ada")]
    page.execute('ALTER TABLE shop."Invoice" ADD COLUMN added integer')
    result = page.run("shop_all")
    assert not result.success
    assert "frozen" in page.shown("shop", "schema")["refused"]


def test_bad_rows_are_set_aside_and_missing_ones_are_added(read: Read) -> None:
    page = read("quarantine.md")
    result = page.run("shop_all")
    assert result.success
    assert page.rows('SELECT id FROM shop."Order" ORDER BY id') == [(1,), (2,)]
    assert page.rows('SELECT sku, title FROM shop."Product" ORDER BY sku') == [("C-9", None), ("T-1", "Tea")]
    assert page.rows('SELECT row_number, column_name, place FROM shop."Order__rejected" ORDER BY 1') == [
        (3, "customer", None),
        (4, "total", "orders.csv: line 5"),
    ]
    shown = page.shown("shop", "Order")
    assert (shown["rows"], shown["inserted"], shown["rejected"]) == (4, 2, 2)
    hidden = page.shown("shop", "Customer")["rejected_rows"]
    assert [record.data["record"] for record in hidden] == ["(hidden)"]
    assert failed(result) == {"rejected_rows"}


def test_checks_find_what_the_page_says(read: Read) -> None:
    result = read("checks.md").run("shop_all")
    assert result.success
    made = {check.check_name for check in result.get_asset_check_evaluations()}
    assert made == {
        *("in_sync", "schema_drift", "fresh", "source_rows", "row_bounds", "rejected_rows", "unique_id"),
        *("orphans_customer", "not_null_id", "not_null_name", "not_null_customer", "not_null_bought"),
    }
    assert failed(result) == {"orphans_customer", "fresh"}


def test_steps_can_have_processes_of_their_own(read: Read) -> None:
    page = read("scale-out.md")
    job = page.definitions.resolve_job_def("web_daily")
    assert job.executor_def.name == "multiprocess"
    assert page.run("web_schema").success
    assert page.run("web_daily", partition_key="2026-01-05").success
    assert page.rows('SELECT count(*) FROM web."Click"') == [(2,)]
