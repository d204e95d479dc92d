"""A place of its own for the flights demo: Dagster instance and embedded server, both gone afterwards."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pysqlsync_engine.embedded import EmbeddedPostgreSQL

PROJECT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class FlightsHome:
    """
    Where a demo keeps what it has.

    :param data: Directory of the user's data, below which the server is.
    """

    path: Path
    data: Path

    @property
    def variables(self) -> dict[str, str]:
        """What has to be in the environment of a demo."""
        return {"DAGSTER_HOME": str(self.path / "dagster"), "XDG_DATA_HOME": str(self.data), "PYTHONUNBUFFERED": "1"}

    @property
    def environment(self) -> dict[str, str]:
        """Environment for a program of its own."""
        return {**os.environ, **self.variables}

    def command(self, *arguments: str) -> list[str]:
        """:returns: What runs the demo."""
        return [sys.executable, "-m", "examples.flights.demo", *arguments]

    def demo(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the demo to its end."""
        return subprocess.run(
            self.command(*arguments), cwd=PROJECT, env=self.environment, capture_output=True, text=True, timeout=240
        )


@contextmanager
def flights_home() -> Generator[FlightsHome, None, None]:
    """Make a place for demos; its server is stopped and all is removed on leaving."""
    # open to the account that the server runs as, which the directories of pytest are not
    path = Path(tempfile.mkdtemp(prefix="flights-", dir="/tmp"))
    path.chmod(0o755)
    home = FlightsHome(path, path / "data")
    try:
        yield home
    finally:
        for server in home.data.glob("pysqlsync/postgresql-*"):
            EmbeddedPostgreSQL(server).stop(force=True)
        shutil.rmtree(path, ignore_errors=True)
