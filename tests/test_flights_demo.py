"""The demo: loads, loads again, survives being killed, and refuses what would destroy."""

from __future__ import annotations

import asyncio
import io
import json
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

TWO_DAYS = {"2013-01-01": 842, "2013-01-02": 943}
TO_UNKNOWN_AIRPORTS = {"2013-01-01": 26, "2013-01-02": 26}
"""Flights of these days to airports that the list does not have."""

START_TIMEOUT_S = 120.0


@pytest.fixture(scope="module")
def loaded_home() -> Iterator[FlightsHome]:
    """A place in which the demo has loaded two days."""
    with flights_home() as home:
        result = home.demo("--days", "2")
        assert result.returncode == 0, result.stdout + result.stderr
        assert "verified: 32,696 rows = 32,644 in the tables + 52 set aside" in result.stdout
        assert "stubs: 163 rows of Plane that only flights mention; 163 are new" in result.stdout
        assert "dest refers to nothing (fk_Flight_dest): BQN, PSE, SJU, STT" in result.stdout
        assert "schema: applied" in result.stdout
        assert "make ui" in result.stdout
        yield home


def instance_of(home: FlightsHome) -> dg.DagsterInstance:
    return dg.DagsterInstance.from_config(home.variables["DAGSTER_HOME"])


def test_a_second_demo_plans_no_change_and_loads_the_same_rows(loaded_home: FlightsHome) -> None:
    result = loaded_home.demo("--days", "2")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "schema: no changes" in result.stdout
    assert "verified: 32,696 rows = 32,644 in the tables + 52 set aside" in result.stdout
    assert "stubs: 163 rows of Plane that only flights mention; 0 are new" in result.stdout


def test_the_days_of_a_demo_are_recorded_with_their_own_counts(loaded_home: FlightsHome) -> None:
    shown = days_of(loaded_home)
    assert {key: numbers["rows"] for key, numbers in shown.items()} == TWO_DAYS
    assert {key: numbers["rejected"] for key, numbers in shown.items()} == TO_UNKNOWN_AIRPORTS
    stored = {key: numbers["dagster/partition_row_count"] for key, numbers in shown.items()}
    assert stored == {key: rows - TO_UNKNOWN_AIRPORTS[key] for key, rows in TWO_DAYS.items()}


def test_the_days_of_a_demo_show_their_own_rejected_rows(loaded_home: FlightsHome) -> None:
    for key, numbers in days_of(loaded_home).items():
        records = [json.loads(record.data["record"]) for record in numbers["rejected_rows"]]
        assert len(records) == 10
        assert {record["day"] for record in records} == {str(int(key[-2:]))}
        assert {record["dest"] for record in records} <= {"BQN", "PSE", "SJU", "STT"}
        assert {record.data["column"] for record in numbers["rejected_rows"]} == {"dest"}


def days_of(home: FlightsHome) -> dict[str, dict[str, Any]]:
    """:returns: What the pages show of the last load of each day, by partition key."""
    with instance_of(home) as instance:
        records = instance.fetch_materializations(dg.AssetKey(["flights", "Flight"]), limit=2).records
    return {
        str(record.partition_key): {
            name: getattr(value, "records", value.value)
            for name, value in record.asset_materialization.metadata.items()
        }
        for record in records
        if record.asset_materialization is not None
    }


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
        assert "26,324 │      680" in result.stdout
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
    assert fetch(postgresql, flown) == [(816, 0, 0)]
    assert load_day(database, "actual").success
    assert fetch(postgresql, flown) == [(816, 812, 816)]
    assert load_day(database, "scheduled").success
    assert fetch(postgresql, flown) == [(816, 812, 816)]
    assert fetch(postgresql, REJECTED) == [("actual/2013-01-01", 26), ("scheduled/2013-01-01", 26)]


REJECTED = 'SELECT batch, count(*) FROM "flights"."Flight__rejected" GROUP BY 1 ORDER BY 1'


@pytest.mark.parametrize("postgresql", ["postgresql-system"], indirect=True)
def test_flights_leave_quarantine_when_their_airport_is_known_and_they_are_loaded_again(
    postgresql: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(orders_job.PASSWORD_VARIABLE, postgresql.parameters.password or "")
    database = orders_job.resource(postgresql.parameters)
    flights = """SELECT count(*), count(*) FILTER (WHERE dest = 'SJU') FROM "flights"."Flight" """
    stubs = """SELECT count(*), count("type"), count("seats") FROM "flights"."Plane" WHERE "type" IS NULL"""
    result = load_day(database, "actual")
    checks = {(each.asset_key.path[-1], each.check_name): each for each in result.get_asset_check_evaluations()}
    assert (
        checks["Flight", "rejected_rows"].description
        == "26 of 842 rows of the last run were rejected; they are in the table flights.Flight__rejected, with reasons"
    )
    assert all(check.passed for check in checks.values())
    assert fetch(postgresql, flights) == [(816, 0)]
    assert fetch(postgresql, stubs) == [(104, 0, 0)]
    fetch(
        postgresql,
        """INSERT INTO "flights"."Airport" VALUES ('SJU', 'Luis Munoz Marin', 18.44, -66, 9, -4, 'N') RETURNING 1""",
    )
    assert load_day(database, "actual").success
    assert fetch(postgresql, flights) == [(836, 20)]
    assert fetch(postgresql, REJECTED) == [("actual/2013-01-01", 6)]


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
