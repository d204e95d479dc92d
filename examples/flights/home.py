"""Where the demo keeps its Dagster instance, and who may use it: one demo at a time."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import dagster as dg

PROJECT = Path(__file__).resolve().parents[2]
DEMO_TAG = "flights/demo"

DAGSTER_YAML = """\
# written by the flights demo
telemetry:
  enabled: false
nux:
  enabled: false
"""

UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def prepare_home(directory: Path | None = None) -> Path:
    """
    Make the directory of the Dagster instance, and tell Dagster about it.

    :param directory: `None` is where `DAGSTER_HOME` says, else `.var/dagster` of the project.
    :returns: The directory.
    """
    chosen = directory or Path(os.environ.get("DAGSTER_HOME") or PROJECT / ".var" / "dagster")
    home = chosen.resolve()
    home.mkdir(parents=True, exist_ok=True)
    settings = home / "dagster.yaml"
    if not settings.exists():
        draft = settings.with_suffix(f".{os.getpid()}")
        draft.write_text(DAGSTER_YAML)
        draft.replace(settings)  # at once, as another process may be reading it
    os.environ["DAGSTER_HOME"] = str(home)
    return home


@contextmanager
def only_one(home: Path, name: str, *, wait_s: float = 0.0) -> Generator[None, None, None]:
    """
    Keep out other programs of the same name; the system lets go of the lock when the process ends, however it ends.

    :param wait_s: Seconds to wait for another one to end: one that was told to stop takes moments to do so.
    :raises BlockingIOError: if another one is running on the same instance all that time.
    """
    with (home / f"{name}.lock").open("w") as file:
        lock(file, wait_s=wait_s)
        yield


def lock(file: TextIO, *, wait_s: float) -> None:
    """Lock a file, as soon as nobody else holds it; raises `BlockingIOError` when the time is up."""
    deadline = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(0.1)
        else:
            return


def bury_killed_runs(instance: dg.DagsterInstance) -> int:
    """
    Record runs of demos that were killed as failed: nobody else will, and the UI would show them as running for ever.

    :returns: How many there were. Call it while no other demo runs.
    """
    dead = instance.get_runs(dg.RunsFilter(statuses=UNFINISHED, tags={DEMO_TAG: "true"}))
    for run in dead:
        instance.report_run_failed(run, "The demo was killed; the next one loads the same rows again.")
    return len(dead)
