"""The demo: loads, loads again, survives being killed, and refuses what would destroy."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from rich.console import Console

from examples.flights import demo, model
from examples.flights.definitions import flight_definitions
from examples.flights.home import UNFINISHED, only_one
from pysqlsync_dagster import ServerResource
from pysqlsync_engine.factory import get_dialect
from tests import orders_job
from tests.changed import changed
from tests.flights_home import PROJECT, FlightsHome, flights_home
from tests.servers import Server

TWO_DAYS = "1,785"
START_TIMEOUT_S = 120.0


@pytest.fixture(scope="module")
def loaded_home() -> Iterator[FlightsHome]:
    """A place in which the demo has loaded two days."""
    with flights_home() as home:
        result = home.demo("--days", "2")
        assert result.returncode == 0, result.stdout + result.stderr
        assert f"│ {TWO_DAYS} │" in result.stdout.replace("  ", "")
        assert "schema: applied" in result.stdout
        assert "make ui" in result.stdout
        yield home


def instance_of(home: FlightsHome) -> dg.DagsterInstance:
    return dg.DagsterInstance.from_config(home.variables["DAGSTER_HOME"])


def test_a_second_demo_plans_no_change_and_loads_the_same_rows(loaded_home: FlightsHome) -> None:
    result = loaded_home.demo("--days", "2")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "schema: no changes" in result.stdout
    assert "verified: all 32,696 rows" in result.stdout


def test_the_days_of_a_demo_are_recorded_with_their_own_counts(loaded_home: FlightsHome) -> None:
    with instance_of(loaded_home) as instance:
        records = instance.fetch_materializations(dg.AssetKey(["flights", "Flight"]), limit=2).records
    counts = {
        record.partition_key: record.asset_materialization.metadata["dagster/partition_row_count"].value
        for record in records
        if record.asset_materialization is not None
    }
    assert counts == {"2013-01-01": 842, "2013-01-02": 943}


@pytest.mark.parametrize(
    ("replacement", "hazard", "statement"),
    [
        (("    tzone: Annotated", "    zone: Annotated"), "deletes data", "ALTER TABLE"),
        (
            (
                "name: Annotated[str, MaxLength(64)]\n\n\n@dataclass(slots=True)\nclass Airport",
                "name: Annotated[str, MaxLength(20)]\n\n\n@dataclass(slots=True)\nclass Airport",
            ),
            "narrows a type",
            "ALTER TABLE",
        ),
        (("@dataclass(slots=True)\nclass Weather", "class Weather"), "drop table flights.Weather", "DROP TABLE"),
    ],
    ids=["renamed field", "shorter text", "removed class"],
)
def test_a_destructive_change_is_refused_in_the_terminal(
    loaded_home: FlightsHome, monkeypatch: pytest.MonkeyPatch, replacement: tuple[str, str], hazard: str, statement: str
) -> None:
    for name, value in loaded_home.variables.items():
        monkeypatch.setenv(name, value)
    output = io.StringIO()
    status = demo.run(Console(file=output, soft_wrap=True), days=1, module=changed(model, replacement))
    assert status == 1
    assert "schema: refused" in output.getvalue()
    assert hazard in output.getvalue()
    assert statement in output.getvalue()
    assert "approve: '" in output.getvalue()


def test_a_number_of_days_that_the_year_does_not_have_is_refused(loaded_home: FlightsHome) -> None:
    result = loaded_home.demo("--days", "366")
    assert result.returncode == 1
    assert result.stdout == "days: expected 1 to 365; got 366\n"


@pytest.mark.parametrize("said", ["server:", "Plane", "Flight"])
def test_a_demo_that_was_killed_is_finished_by_the_next_one(said: str) -> None:
    with flights_home() as home:
        kill_when_it_says(home, said)
        result = home.demo("--days", "31")
        assert result.returncode == 0, result.stdout + result.stderr
        assert "27,004" in result.stdout
        with instance_of(home) as instance:
            assert instance.get_runs(dg.RunsFilter(statuses=UNFINISHED)) == []


def kill_when_it_says(home: FlightsHome, said: str) -> None:
    """Start a demo of a month, and kill it when a line of its output starts with a text."""
    process = subprocess.Popen(
        home.command("--days", "31"),
        cwd=PROJECT,
        env=home.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    with process, process.stdout:
        began = time.monotonic()
        for line in process.stdout:
            assert time.monotonic() - began < START_TIMEOUT_S
            if line.strip().startswith(said):
                os.kill(process.pid, signal.SIGKILL)
                break
    assert process.returncode == -signal.SIGKILL


def test_a_day_is_loaded_as_scheduled_and_then_with_the_actual_times(
    postgresql: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(orders_job.PASSWORD_VARIABLE, postgresql.parameters.password or "")
    database = orders_job.resource(postgresql.parameters)
    flown = 'SELECT count(*), count("dep_time"), count("tailnum") FROM "flights"."Flight"'
    assert load_day(database, "scheduled").success
    assert fetch(postgresql, flown) == [(842, 0, 0)]
    assert load_day(database, "actual").success
    assert fetch(postgresql, flown) == [(842, 838, 842)]
    assert load_day(database, "scheduled").success
    assert fetch(postgresql, flown) == [(842, 838, 842)]


def load_day(database: ServerResource, feed: str) -> dg.ExecuteInProcessResult:
    job = flight_definitions(database).resolve_job_def("flights_all")
    config: dict[str, Any] = {**demo.QUIET, "ops": {"flights__Flight": {"config": {"feed": feed}}}}
    with dg.DagsterInstance.ephemeral() as instance:  # pyright: ignore[reportUnknownMemberType] - of Dagster
        return job.execute_in_process(run_config=config, instance=instance, partition_key="2013-01-01")


def fetch(server: Server, statement: str) -> list[tuple[Any, ...]]:
    async def ask() -> list[tuple[Any, ...]]:
        async with get_dialect("postgresql").create_connection(server.parameters) as connection:
            return await connection.session.fetch(statement)

    return asyncio.run(ask())


def test_a_demo_waits_for_one_that_is_about_to_end(tmp_path: Path) -> None:
    holder = ExitStack()
    holder.enter_context(only_one(tmp_path, "demo"))
    with pytest.raises(BlockingIOError), only_one(tmp_path, "demo"):
        pass
    release = threading.Timer(0.3, holder.close)
    release.start()
    with only_one(tmp_path, "demo", wait_s=30):
        assert release.finished.is_set()
    release.join()
