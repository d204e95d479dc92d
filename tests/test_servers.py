"""The servers that other tests run on."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import Servers
from tests.servers import Server, differs, needs

PROJECT = Path(__file__).parent.parent
SESSION = """
import sys
from tests.servers import running
with running(sys.argv[1]) as server:
    print(server.administrator.host, flush=True)
    sys.stdin.readline()
"""


def test_a_test_has_a_database_of_its_own(database: Server) -> None:
    assert database.parameters.database is not None
    assert database.parameters.database.startswith("test_")
    assert database.version.major >= 8


@needs("transactional_ddl")
def test_a_test_runs_where_its_needs_are_met(database: Server) -> None:
    assert database.capabilities.transactional_ddl
    assert database.dialect == "postgresql"


@differs("mariadb", raises=ZeroDivisionError, reason="shows what the mark does")
def test_a_difference_is_expected(mysql: Server) -> None:
    assert mysql.dialect == "mysql"
    assert mysql.version.major // (mysql.version.product != "MariaDB")


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("postgresql-embedded", "data/postmaster.pid"),
        ("mariadb-system", "mysqld.pid"),
        ("mysql-system", "mysqld.pid"),
    ],
)
def test_no_server_outlives_a_session_that_was_killed(servers: Servers, name: str, file: str) -> None:
    servers.get(name)
    session = subprocess.Popen(
        [sys.executable, "-c", SESSION, name], cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert session.stdout is not None
    directory = Path(session.stdout.readline().strip())
    if not directory.is_dir():
        session.communicate("")
        pytest.skip("the environment names a server that is not ours to stop")
    number = directory / file
    assert number.exists()
    session.kill()
    session.communicate()
    deadline = time.monotonic() + 30
    while number.exists():
        assert time.monotonic() < deadline, "the server is still running"
        time.sleep(0.05)
    shutil.rmtree(directory)
