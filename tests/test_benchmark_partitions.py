"""The benchmark of what Dagster costs, with few rows: that it runs, and what it writes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rich", reason="rich is not installed")

from benchmarks.partitions.__main__ import Turn, ratio
from tests.conftest import Servers

PROJECT = Path(__file__).resolve().parents[1]


def turn(seconds: float) -> Turn:
    return Turn(seconds, seconds / 2, seconds / 4)


def test_a_run_is_compared_with_the_engine_and_a_run_of_empty_assets_together() -> None:
    turns = {
        "engine alone": [turn(1), turn(100), turn(2)],
        "empty assets, sqlite": [turn(3), turn(3), turn(3)],
        "assets, sqlite": [turn(6), turn(6), turn(7)],
    }
    assert ratio(turns, "sqlite", "wall_s") == pytest.approx(6 / (2 + 3))
    assert ratio(turns, "sqlite", "cpu_s") == pytest.approx(6 / (2 + 3))
    assert turns["assets, sqlite"][0].work_s == pytest.approx(3 + 1.5)


def test_all_contestants_take_turns_and_what_they_took_is_written(servers: Servers, tmp_path: Path) -> None:
    servers.get("postgresql-system")
    output = tmp_path / "partitions.json"
    command = [sys.executable, "-m", "benchmarks.partitions", "--partitions", "2", "--rows", "3", "--rounds", "1"]
    told = subprocess.run([*command, "--output", str(output)], cwd=PROJECT, capture_output=True, text=True, timeout=240)
    assert told.returncode == 0, told.stdout + told.stderr
    assert "best turns" in told.stdout
    written: dict[str, Any] = json.loads(output.read_text())
    found = written["results"]["postgresql"]
    assert {name: len(turns) for name, turns in found["turns"].items()} == {
        "engine alone": 1,
        "empty assets, ephemeral": 1,
        "assets, ephemeral": 1,
        "empty assets, sqlite": 1,
        "assets, sqlite": 1,
    }
    assert all(found["ratios"][kind]["work_s"]["median"] > 0 for kind in ("ephemeral", "sqlite"))
