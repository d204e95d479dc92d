"""Runs over many partitions that end in the middle, on real servers: what is stored stays recorded, and only the others are loaded again."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from pysqlsync_dagster import AssetOptions, DatabaseResource
from pysqlsync_engine.data.sources import Window
from pysqlsync_engine.factory import get_dialect
from pysqlsync_engine.session import Batch
from tests import orders_job, resumable_job
from tests.conftest import Servers
from tests.servers import Server, postgresql_names

ORDER = dg.AssetKey(["shop", "Order"])
CUSTOMER = dg.AssetKey(["shop", "Customer"])
SCHEMA = dg.AssetKey(["shop", "schema"])
PROJECT = Path(__file__).resolve().parents[1]
DEADLINE_S = 60.0


@pytest.fixture
def server(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """One database is enough here: what a crash leaves in a server, its own tests look at."""
    with servers.get(postgresql_names()[0]).database() as server:
        monkeypatch.setenv(orders_job.PASSWORD_VARIABLE, server.parameters.password or "")
        monkeypatch.setenv(orders_job.ADDRESS_VARIABLE, orders_job.address(server.parameters))
        yield server


@pytest.fixture
def database(server: Server) -> DatabaseResource:
    return orders_job.resource(server.parameters)


@dataclass
class Home:
    """An instance of Dagster that processes share, and where a test tells the source when to stop."""

    instance: dg.DagsterInstance
    control: resumable_job.Control

    def run_until(self, day: str, first: str, last: str) -> None:
        """Run days in a process of its own, and kill it in the middle of one."""
        self.control.stop_at(day)
        process = subprocess.Popen([sys.executable, "-m", "tests.resumable_job", first, last], cwd=PROJECT)
        deadline = time.monotonic() + DEADLINE_S
        try:
            while self.control.stopped(day) is None:
                assert process.poll() is None, "the process has ended by itself"
                assert time.monotonic() < deadline, "the source was never asked for the day"
                time.sleep(0.05)
        finally:
            process.kill()
        assert process.wait() == -signal.SIGKILL
        self.control.go_on(day)

    def events(self, key: dg.AssetKey = ORDER) -> list[tuple[str | None, Any]]:
        """:returns: Partition and number of rows of each materialization of an asset, the oldest first."""
        records = self.instance.fetch_materializations(key, limit=100, ascending=True).records
        found = [(record.partition_key, record.asset_materialization) for record in records]
        return [(part, event.metadata["rows"].value) for part, event in found if event is not None]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv(resumable_job.CONTROL_VARIABLE, str(tmp_path))
    monkeypatch.setenv("PYTHONWARNINGS", "ignore")
    with dg.DagsterInstance.get() as instance:
        yield Home(instance, resumable_job.Control(tmp_path))


def count(server: Server) -> dict[str, int]:
    """:returns: How many orders of each day are stored."""

    async def ask() -> list[tuple[Any, ...]]:
        async with get_dialect("postgresql").create_connection(server.parameters) as connection:
            statement = (
                """SELECT to_char(ordered_at AT TIME ZONE 'UTC', 'YYYY-MM-DD'), count(*) FROM shop."Order" GROUP BY 1"""
            )
            return await connection.session.fetch(statement)

    return dict(asyncio.run(ask()))


def days(first: int, last: int) -> dict[str, int]:
    """:returns: Orders of some days of January: there are n on the n-th."""
    return {f"2024-01-{day:02}": day for day in range(first, last + 1)}


def test_days_that_were_stored_before_the_process_was_killed_stay_recorded_and_only_missing_ones_are_loaded(
    server: Server, home: Home
) -> None:
    home.run_until("2024-01-04", "2024-01-01", "2024-01-06")
    assert count(server) == days(1, 3)
    assert home.events() == list(days(1, 3).items())
    assert home.control.begun() == list(days(1, 4))
    done = home.instance.get_materialized_partitions(ORDER)
    missing = sorted(set(days(1, 6)) - done)
    resumable_job.main(missing[0], missing[-1])
    assert home.control.begun() == [*days(1, 4), *days(4, 6)]
    assert count(server) == days(1, 6)
    assert home.events() == list(days(1, 6).items())


class FailsOnce(orders_job.OrdersByDay):
    """Fails in the middle of a day, the first time that it is asked for it."""

    def __init__(self) -> None:
        super().__init__(fails_on="2024-01-03")
        self.asked: list[str | None] = []

    def batches(self, window: Window | None) -> Iterator[Batch]:
        assert window is not None
        self.asked.append(window.key)
        yield from super().batches(window)

    def forgive(self) -> None:
        self.fails_on = None


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:  # pyright: ignore[reportUnknownMemberType] - of Dagster
        yield instance


def materialize(
    database: DatabaseResource, instance: dg.DagsterInstance, source: orders_job.OrdersByDay, options: AssetOptions
) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        orders_job.assets(orders=source, options=options),
        resources={"database": database},
        instance=instance,
        tags=orders_job.partition_range("2024-01-01", "2024-01-04"),
        run_config=orders_job.QUIET,
        raise_on_error=False,
    )


def test_a_step_that_is_tried_again_leaves_what_it_has_stored_as_it_is(
    server: Server, database: DatabaseResource, instance: dg.DagsterInstance
) -> None:
    class Recovers(FailsOnce):
        def batches(self, window: Window | None) -> Iterator[Batch]:
            if self.asked.count("2024-01-03"):
                self.forgive()
            yield from super().batches(window)

    source = Recovers()
    result = materialize(database, instance, source, AssetOptions(retry_policy=dg.RetryPolicy(max_retries=1)))
    assert result.success
    assert source.asked == [*days(1, 3), *days(3, 4)]
    assert count(server) == days(1, 4)
    recorded = Counter(record.partition_key for record in instance.fetch_materializations(ORDER, limit=99).records)
    assert recorded == dict.fromkeys(days(1, 4), 1)


def test_a_run_of_its_own_loads_all_that_it_is_asked_for(
    database: DatabaseResource, instance: dg.DagsterInstance
) -> None:
    source = FailsOnce()
    assert not materialize(database, instance, source, AssetOptions()).success
    source.forgive()
    assert materialize(database, instance, source, AssetOptions()).success
    assert source.asked == [*days(1, 3), *days(1, 4)]


def test_each_partition_says_what_it_was_made_from_as_dagster_does_itself(
    database: DatabaseResource, instance: dg.DagsterInstance
) -> None:
    for _ in range(2):
        source = orders_job.OrdersByDay()
        assert materialize(database, instance, source, AssetOptions()).success
    order, customer = (instance.fetch_materializations(key, limit=1).records[0] for key in (ORDER, CUSTOMER))
    assert order.asset_materialization is not None
    assert customer.asset_materialization is not None
    tags, others = dict(order.asset_materialization.tags or {}), dict(customer.asset_materialization.tags or {})
    (loaded,) = [each for each in orders_job.assets() if isinstance(each, dg.AssetsDefinition) and ORDER in each.keys]
    assert tags["dagster/code_version"] == loaded.specs_by_key[ORDER].code_version
    assert tags["dagster/input_data_version/shop/Customer"] == others["dagster/data_version"]
    assert tags["dagster/input_event_pointer/shop/Customer"] == str(customer.storage_id)
    assert set(others) - {"dagster/partition"} <= set(tags)
