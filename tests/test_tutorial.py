"""The tutorial does what it says: its program, its commands and what they print, as a newcomer would type them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from tests.flights_home import flights_home
from tests.servers import Server
from tests.test_documents import PROJECT, blocks, write_file

PAGE = PROJECT / "docs" / "tutorial.md"
MAX_PROGRAM_LINES = 30
TIMEOUT_S = 120
SALE = dg.AssetKey(["sales", "Sale"])
DAYS = ["2024-01-05", "2024-01-06"]

ASK_DEFINITIONS = """
import json
from sales import defs

graph = defs.resolve_asset_graph()
parents = {key.to_user_string(): sorted(each.to_user_string() for each in graph.get(key).parent_keys) for key in graph.get_all_asset_keys()}
print(json.dumps({"parents": parents, "schedules": {each.name: each.cron_schedule for each in defs.schedules}}))
"""


def program(title: str) -> str:
    """:returns: The block of the tutorial that has this title."""
    (found,) = [block.text for block in blocks(PAGE) if (block.kind, block.title) == ("program", title)]
    return found


def on_own_server(server: Server) -> str:
    """:returns: The program after the last step of the tutorial, for the server of the test."""
    parameters, text = server.parameters, program("sales")
    text = text.replace('EmbeddedPostgreSQLResource(database="shop")', program("own server").strip())
    text = text.replace("EmbeddedPostgreSQLResource", "PostgreSQLResource")
    address = f"host={parameters.host!r}, port={parameters.port!r}, username={parameters.username!r}"
    text = text.replace('host="db.example.org", username="loader"', address)
    return text.replace('database="shop"', f"database={parameters.database!r}")


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Somebody who has typed the files of the tutorial into a directory."""

    directory: Path
    environment: Mapping[str, str]

    def type(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=self.directory, env=self.environment, capture_output=True, text=True, timeout=TIMEOUT_S
        )

    def launch(self) -> subprocess.CompletedProcess[str]:
        return self.type("sh", "-c", program("launch"))

    def instance(self) -> dg.DagsterInstance:
        return dg.DagsterInstance.from_config(self.environment["DAGSTER_HOME"])


@pytest.fixture
def newcomer() -> Iterator[Newcomer]:
    with flights_home() as home:
        directory = home.path / "tutorial"
        for block in blocks(PAGE):
            if block.kind == "file":
                write_file(directory / block.title, block.text)
        write_file(directory / "sales.py", program("sales"))
        write_file(directory / "look.py", program("look"))
        write_file(home.path / "dagster" / "dagster.yaml", "telemetry: {enabled: false}\n")
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        yield Newcomer(directory, {**home.environment, "PATH": path})


def loaded_rows(newcomer: Newcomer) -> dict[str, int]:
    """:returns: Rows that each day says it has."""
    with newcomer.instance() as instance:
        records = instance.fetch_materializations(SALE, limit=10).records
        told = [record.asset_materialization for record in records]
        return {str(each.partition): int(each.metadata["rows"].value) for each in told if each is not None}  # type: ignore[arg-type]


def checks(newcomer: Newcomer) -> dict[str, bool]:
    """:returns: Of each check that the last run has made, whether it passed."""
    with newcomer.instance() as instance:
        (run,) = instance.get_runs(limit=1)
        logs = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    evaluations: list[Any] = [log.dagster_event.event_specific_data for log in logs if log.dagster_event is not None]
    return {f"{each.asset_key.to_user_string()}: {each.check_name}": each.passed for each in evaluations}


def test_thirty_lines_are_enough(newcomer: Newcomer) -> None:
    assert len(program("sales").splitlines()) <= MAX_PROGRAM_LINES
    asked = newcomer.type(sys.executable, "-c", ASK_DEFINITIONS)
    assert asked.returncode == 0, asked.stderr
    assert json.loads(asked.stdout) == {
        "parents": {"csv_files": [], "sales/schema": [], "sales/Sale": ["csv_files", "sales/schema"]},
        "schedules": {"sales_daily_schedule": "0 6 * * *"},
    }
    launched = newcomer.launch()
    assert launched.returncode == 0, launched.stderr[-4000:]
    assert loaded_rows(newcomer) == {"2024-01-05": 2, "2024-01-06": 1}
    assert checks(newcomer) == {
        "sales/schema: in_sync": True,
        **dict.fromkeys((f"sales/Sale: {name}" for name in ("schema_drift", "rejected_rows", "unique_id")), True),
        **{f"sales/Sale: not_null_{name}": True for name in ("id", "sold_on", "product", "amount")},
    }
    (expected,) = [block.text for block in blocks(PAGE) if block.kind == "output"]
    looked = newcomer.type(sys.executable, "look.py")
    assert looked.returncode == 0, looked.stderr
    assert looked.stdout == expected


@pytest.mark.parametrize("postgresql", ["postgresql-system"], indirect=True)
def test_a_server_of_ones_own_takes_the_place_of_the_embedded_one(newcomer: Newcomer, postgresql: Server) -> None:
    secret = postgresql.parameters.password or ""
    there = Newcomer(newcomer.directory, {**newcomer.environment, "SHOP_PASSWORD": secret})
    write_file(there.directory / "sales.py", on_own_server(postgresql))
    launched = there.launch()
    assert launched.returncode == 0, launched.stderr[-4000:]
    assert loaded_rows(there) == {"2024-01-05": 2, "2024-01-06": 1}
    with (there.directory / "data" / "2024-01-06.csv").open("a") as file:
        file.write("4,2024-01-06,tea,three euros\n")
    launched = there.launch()
    assert launched.returncode != 0
    printed = launched.stdout + launched.stderr
    assert program("bad cell").strip() in printed
    assert loaded_rows(there) == {"2024-01-05": 2, "2024-01-06": 1}
    assert not secret or secret not in printed
