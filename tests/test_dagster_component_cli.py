"""What a newcomer types: components are listed, written into a fresh project, checked, loaded and served."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from examples.flights.ui import HOST, free_port
from pysqlsync_engine.factory import get_dialect
from tests.dagster_services import wait_until
from tests.servers import Server

IN_PROCESS = '{"execution": {"config": {"in_process": {}}}}'
VARIABLE = "SHOP_DATABASE_PASSWORD"
PYPROJECT = """
[project]
name = "shop_project"
version = "0.1"

[tool.dg]
directory_type = "project"

[tool.dg.project]
root_module = "shop_project"
"""
DEFINITIONS = """
from pathlib import Path

import dagster as dg


@dg.definitions
def defs():
    return dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
"""


@dataclass(frozen=True, slots=True)
class DgProject:
    """A project in a directory of its own, and the program `dg` in it."""

    root: Path
    environment: dict[str, str]

    @property
    def defs(self) -> Path:
        return self.root / "src" / "shop_project" / "defs"

    def command(self, *arguments: str) -> list[str]:
        return [str(Path(sys.executable).with_name("dg")), *arguments]

    def dg(self, *arguments: str, status: int = 0) -> str:
        """:returns: What the program says; it must end with that status."""
        result = subprocess.run(
            self.command(*arguments), cwd=self.root, env=self.environment, capture_output=True, text=True, timeout=120
        )
        said = result.stdout + result.stderr
        assert result.returncode == status, said
        password = self.environment[VARIABLE]
        assert not password or password not in said
        return said


@pytest.fixture(scope="module")
def server(servers: Any) -> Iterator[Server]:
    with servers.get("postgresql-system").database() as database:
        yield database


@pytest.fixture(scope="module")
def project(server: Server, tmp_path_factory: pytest.TempPathFactory) -> DgProject:
    """A fresh project with two components that `dg` has written, on a real server."""
    root = tmp_path_factory.mktemp("shop")
    package, home = root / "src" / "shop_project", root / "home"
    (package / "defs").mkdir(parents=True)
    home.mkdir()
    (root / "pyproject.toml").write_text(PYPROJECT)
    (package / "__init__.py").write_text("")
    (package / "definitions.py").write_text(DEFINITIONS)
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    environment = {
        **os.environ,
        "PYTHONPATH": str(root / "src"),
        "DAGSTER_HOME": str(home),
        "COLUMNS": "200",
        VARIABLE: server.parameters.password or "",
    }
    made = DgProject(root, environment)
    parameters = server.parameters
    address = [
        "--host",
        parameters.host,
        "--username",
        str(parameters.username),
        "--database",
        str(parameters.database),
    ]
    if parameters.port is not None:
        address += ["--port", str(parameters.port)]
    secret = ["--password-variable", VARIABLE]
    made.dg("scaffold", "defs", "pysqlsync_dagster.SqlSyncComponent", "shop", *address, *secret, "--namespace", "shop")
    made.dg("scaffold", "defs", "pysqlsync_dagster.ReflectedDatabaseComponent", "crm", *address, *secret)
    return made


def test_components_are_listed_with_what_they_are_for(project: DgProject) -> None:
    listed = {each["key"]: each["summary"] for each in json.loads(project.dg("list", "components", "--json"))["items"]}
    assert listed["pysqlsync_dagster.SqlSyncComponent"].startswith("Tables of a PostgreSQL, MySQL or MariaDB database")
    assert listed["pysqlsync_dagster.ReflectedDatabaseComponent"].startswith("The tables of a live PostgreSQL")


def test_what_was_written_is_valid_and_its_rows_are_loaded(project: DgProject, server: Server) -> None:
    assert "All component YAML validated successfully" in project.dg("check", "yaml", "--validate-requirements")
    assert "All definitions loaded successfully" in project.dg("check", "defs")
    assert "RUN_SUCCESS" in project.dg("launch", "--job", "shop_all", "--config-json", IN_PROCESS)
    assert customers(server) == "1 ada@example.org Ada, 2 bob@example.org None"
    password = project.environment[VARIABLE].encode()
    written = [path for path in project.root.rglob("*") if path.is_file()]
    assert password
    assert any(b"shop__Customer" in path.read_bytes() for path in written if path.suffix == ".db")
    assert [path for path in written if password in path.read_bytes()] == []


def customers(server: Server) -> str:
    """:returns: What is in the table of the model that is written for newcomers."""

    async def ask() -> str:
        async with get_dialect("postgresql").create_connection(server.parameters) as conn:
            rows = await conn.session.fetch('SELECT id, email, name FROM shop."Customer" ORDER BY id')
            return ", ".join(" ".join(map(str, row)) for row in rows)

    return asyncio.run(ask())


def test_a_live_database_is_asked_when_its_state_is_refreshed(project: DgProject, server: Server) -> None:
    assert "ReflectedDatabaseComponent" in project.dg("utils", "refresh-defs-state")
    (state,) = (project.defs / ".local_defs_state").rglob("state")
    assert not server.parameters.password or server.parameters.password not in state.read_text()
    listed = json.loads(project.dg("list", "defs", "--json"))
    keys = {asset["asset_key"] for asset in listed["assets"]}
    assert {"shop/Customer", "shop/schema"} <= keys


def test_mistakes_in_yaml_are_told_with_their_lines_and_what_is_expected(project: DgProject) -> None:
    path = project.defs / "shop" / "defs.yaml"
    text = path.read_text()
    changed = (
        text.replace("namespace:", "namspace:")
        .replace("type: postgresql", "type: oracle\n    pool_size: many")
        .replace("path: customers.csv", "path: customers.csv\n        format: excel")
    )
    try:
        path.write_text(changed)
        said = project.dg("check", "yaml", status=1)
    finally:
        path.write_text(text)
    for expected in (
        r"defs\.yaml:\d+ .*attributes\.namspace .*'namspace' was unexpected",
        r"defs\.yaml:\d+ .*attributes\.target\.type 'oracle' is not one of \['postgresql', 'mysql', 'embedded'\]",
        r"defs\.yaml:\d+ .*attributes\.target\.pool_size 'many' is not of type 'integer'",
        r"attributes\.tables\.Customer\.files\.format 'excel' is not one of \['csv', 'tsv', 'jsonl', 'parquet'\]",
    ):
        assert re.search(expected, said), said


def test_the_project_is_served(project: DgProject, tmp_path: Path) -> None:
    port = free_port(4100)
    command = project.command("dev", "--host", HOST, "--port", str(port), "--no-check-yaml")
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=project.root, env=project.environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        address = f"http://{HOST}:{port}"
        keys = wait_until(lambda: asset_keys(address) if process.poll() is None else ["ended"], "dg dev answers")
        assert ["shop", "Customer"] in keys, (tmp_path / "log").read_text()
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        # it does not always obey
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    said = (tmp_path / "log").read_text()
    assert not project.environment[VARIABLE] or project.environment[VARIABLE] not in said


def asset_keys(address: str) -> list[Any]:
    """:returns: Keys of the assets that a webserver knows; none while it does not answer."""
    body = json.dumps({"query": "{ assetNodes { assetKey { path } } }"}).encode()
    request = urllib.request.Request(f"{address}/graphql", body, {"Content-Type": "application/json"})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - our own server
            return [node["assetKey"]["path"] for node in json.load(answer)["data"]["assetNodes"]]
    except OSError:
        return []
