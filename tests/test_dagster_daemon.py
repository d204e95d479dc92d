"""Runs that are launched as the pages launch them, by webserver and daemon, on a real server."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pysqlsync_engine.factory import get_dialect
from tests import orders_job, resumable_job
from tests.conftest import Servers
from tests.dagster_services import Services, dagster_services, wait_until
from tests.resumable_job import Control
from tests.servers import Server, postgresql_names

ORDER = ["shop", "Order"]
QUIET_DAYS = (1, 8)
KILLED_DAYS = (11, 16)
KILLED_ON = "2024-01-14"
ENDED_DAYS = (21, 25)
ENDED_ON = "2024-01-23"


@pytest.fixture(scope="module")
def server(servers: Servers) -> Iterator[Server]:
    with servers.get(postgresql_names()[0]).database() as server:
        yield server


@pytest.fixture(scope="module")
def control(tmp_path_factory: pytest.TempPathFactory) -> Control:
    """Where a test tells the source when to stop."""
    return Control(tmp_path_factory.mktemp("control"))


@pytest.fixture(scope="module")
def services(server: Server, control: Control, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """Dagster's processes, with the tables in place and customers loaded."""
    variables = {
        orders_job.PASSWORD_VARIABLE: server.parameters.password or "",
        orders_job.ADDRESS_VARIABLE: orders_job.address(server.parameters),
        resumable_job.CONTROL_VARIABLE: str(control.directory),
    }
    home = tmp_path_factory.mktemp("dagster") / "home"
    code = ["-m", "tests.resumable_job", "-a", "definitions"]
    with dagster_services(home, code, variables=variables) as services:
        for job in ("shop_schema", "shop_whole"):
            services.succeed(services.launch(job))
        yield services


def execute(server: Server, statement: str) -> list[tuple[Any, ...]]:
    async def ask() -> list[tuple[Any, ...]]:
        async with get_dialect("postgresql").create_connection(server.parameters) as connection:
            return await connection.session.fetch(statement)

    return asyncio.run(ask())


def stored(server: Server, keys: list[str]) -> dict[str, int]:
    """:returns: How many orders of some days are stored."""
    statement = """SELECT to_char(ordered_at AT TIME ZONE 'UTC', 'YYYY-MM-DD'), count(*) FROM shop."Order" GROUP BY 1"""
    return {day: count for day, count in execute(server, statement) if day in keys}


def days(first: int, last: int) -> dict[str, int]:
    """:returns: Orders of some days of January: there are n on the n-th."""
    return {f"2024-01-{day:02}": day for day in range(first, last + 1)}


@pytest.fixture(scope="module")
def backfills(services: Services, control: Control) -> dict[str, str]:
    """Two backfills, one of which stops in the middle."""
    control.stop_at(KILLED_ON)
    return {
        "quiet": services.backfill([ORDER], list(days(*QUIET_DAYS))),
        "killed": services.backfill([ORDER], list(days(*KILLED_DAYS))),
    }


def test_a_backfill_of_the_daemon_is_one_run_with_counts_of_each_partition(
    services: Services, server: Server, backfills: dict[str, str]
) -> None:
    expected = days(*QUIET_DAYS)
    assert services.finish_backfill(backfills["quiet"]) == "COMPLETED_SUCCESS"
    (run,) = services.runs(dagster__backfill=backfills["quiet"])
    assert run["status"] == "SUCCESS"
    assert services.materializations(ORDER, list(expected)) == list(expected.items())
    assert stored(server, list(expected)) == expected


def test_a_backfill_whose_run_is_killed_goes_on_by_itself_with_what_is_missing(
    services: Services, server: Server, control: Control, backfills: dict[str, str]
) -> None:
    process = wait_until(lambda: control.stopped(KILLED_ON), "the source to stop")
    assert services.materializations(ORDER, list(days(*KILLED_DAYS))) == list(days(11, 13).items())
    os.kill(process, signal.SIGKILL)
    control.go_on(KILLED_ON)
    assert services.finish_backfill(backfills["killed"]) == "COMPLETED_SUCCESS"
    second, first = services.runs(dagster__backfill=backfills["killed"])
    assert (first["status"], second["status"]) == ("FAILURE", "SUCCESS")
    assert second["parentRunId"] == first["runId"]
    expected = days(*KILLED_DAYS)
    assert control.begun(min(expected), max(expected)) == [*days(11, 14), *days(14, 16)]
    assert services.materializations(ORDER, list(expected)) == list(expected.items())
    assert stored(server, list(expected)) == expected


def test_a_run_that_is_terminated_keeps_what_it_has_stored_and_no_part_of_a_partition(
    services: Services, server: Server, control: Control
) -> None:
    wanted = days(*ENDED_DAYS)
    control.stop_at(ENDED_ON)
    run = services.launch("shop_daily", tags=orders_job.partition_range(min(wanted), max(wanted)))
    wait_until(lambda: control.stopped(ENDED_ON), "the source to stop")
    services.terminate(run)
    assert services.finish(run) == "CANCELED"
    control.go_on(ENDED_ON)
    assert services.materializations(ORDER, list(wanted)) == list(days(21, 22).items())
    assert stored(server, list(wanted)) == days(21, 22)


def schema_metadata(services: Services) -> dict[str, str]:
    """:returns: What the latest materialization of the schema asset shows as text."""
    question = """query Latest($key: AssetKeyInput!) { assetOrError(assetKey: $key) { ... on Asset {
        assetMaterializations(limit: 1) { metadataEntries { label ... on TextMetadataEntry { text }
        ... on MarkdownMetadataEntry { mdStr } } } } } }"""
    (event,) = services.ask(question, key={"path": ["shop", "schema"]})["assetMaterializations"]
    return {entry["label"]: entry.get("text") or entry.get("mdStr") for entry in event["metadataEntries"]}


def test_a_destructive_plan_is_refused_and_then_applied_by_a_launch_with_its_fingerprint(
    services: Services, server: Server
) -> None:
    execute(server, 'ALTER TABLE shop."Customer" ADD COLUMN added_by_hand integer')
    assert services.finish(services.launch("shop_schema")) == "FAILURE"
    shown = schema_metadata(services)
    assert shown["state"] == "refused"
    assert 'DROP COLUMN "added_by_hand"' in shown["plan"]
    approval = {"ops": {"shop__schema": {"config": {"approve": shown["fingerprint"]}}}}
    services.succeed(services.launch("shop_schema", config=approval))
    assert schema_metadata(services)["state"] == "applied"
    columns = execute(server, "SELECT column_name::text FROM information_schema.columns WHERE table_name = 'Customer'")
    assert ("added_by_hand",) not in columns
    # the approval was for that plan, not for the next one that does the like
    execute(server, 'ALTER TABLE shop."Customer" ADD COLUMN added_later integer')
    assert services.finish(services.launch("shop_schema", config=approval)) == "FAILURE"
    execute(server, 'ALTER TABLE shop."Customer" DROP COLUMN added_later')


def content_of(path: Path) -> bytes:
    """:returns: What a file holds; nothing if the services, which go on, have removed it meanwhile."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def test_the_password_is_in_no_event_configuration_or_log(services: Services, server: Server) -> None:
    password = server.parameters.password
    assert password
    files = [path for path in services.home.rglob("*") if path.is_file()]
    assert any(path.name == "runs.db" for path in files)
    assert any(path.suffix == ".err" for path in files)
    assert [str(path) for path in files if password.encode() in content_of(path)] == []
