"""The servers that other tests run on."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

from tests.servers import Server, differs, needs

PROJECT = Path(__file__).parent.parent
SESSION = """
import sys
from tests.servers import running
with running("postgresql-embedded") as server:
    print(server.administrator.host, flush=True)
    sys.stdin.readline()
"""


def test_a_test_has_a_database_of_its_own(postgresql: Server) -> None:
    assert postgresql.parameters.database is not None
    assert postgresql.parameters.database.startswith("test_")
    assert postgresql.version.major >= 13


@needs("transactional_ddl")
def test_a_test_runs_where_its_needs_are_met(postgresql: Server) -> None:
    assert postgresql.capabilities.transactional_ddl


@differs("postgresql", raises=ZeroDivisionError, reason="shows what the mark does")
def test_a_difference_is_expected(postgresql: Server) -> None:
    assert postgresql.version.major // 0


def test_no_server_outlives_a_session_that_was_killed() -> None:
    session = subprocess.Popen(
        [sys.executable, "-c", SESSION], cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert session.stdout is not None
    directory = Path(session.stdout.readline().strip())
    number = directory / "data" / "postmaster.pid"
    assert number.exists()
    session.kill()
    session.communicate()
    deadline = time.monotonic() + 30
    while number.exists():
        assert time.monotonic() < deadline, "the server is still running"
        time.sleep(0.05)
    shutil.rmtree(directory)
