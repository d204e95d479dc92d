"""
Measure what Dagster costs when it loads partitions: `python -m benchmarks.partitions --help`.

Contestants take turns in each round, in one process, so that all meet the same machine. The goal is shown beside what was reached; it
does not fail the run.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Column, Table

from benchmarks.partitions.contestants import (
    ENGINE,
    KINDS,
    Contestant,
    Task,
    contestants,
    empty_name,
    instance_of,
    loading_name,
)
from benchmarks.rows.servers import ServerError, bench_server

PROJECT = Path(__file__).resolve().parents[2]
GOAL = 1.3
"""Most that a run should take, of the engine alone and a run of empty assets together."""


@dataclass(frozen=True, slots=True)
class Turn:
    """
    What a turn took.

    :param cpu_s: Seconds of the processor that this process used.
    :param server_cpu_s: Of all processes of the server meanwhile.
    """

    wall_s: float
    cpu_s: float
    server_cpu_s: float

    @property
    def work_s(self) -> float:
        """Seconds of the processor, here and in the server."""
        return self.cpu_s + self.server_cpu_s


Turns = Mapping[str, Sequence[Turn]]

MEASURES = ("work_s", "cpu_s", "wall_s")
"""The first is what the goal is about: others on the machine disturb it least."""

HEADINGS = {"work_s": "CPU with server's", "cpu_s": "CPU", "wall_s": "wall clock"}


def take_turn(task: Task, contestant: Contestant) -> Turn:
    """:returns: What it took to load all rows into empty tables, or to do nothing."""
    task.empty()
    gc.collect()
    if contestant.kind is None:
        turn = timed(task, contestant, None)
    else:
        with instance_of(contestant.kind) as instance:
            turn = timed(task, contestant, instance)
    if contestant.stores:
        task.check()
    return turn


def timed(task: Task, contestant: Contestant, instance: Any) -> Turn:
    """:returns: What the task itself took."""
    server_s, cpu_s, started = task.server.cpu_s(), time.process_time(), time.perf_counter()
    contestant.run(instance)
    wall_s, cpu_s = time.perf_counter() - started, time.process_time() - cpu_s
    return Turn(wall_s, cpu_s, task.server.cpu_s() - server_s)


def compete(task: Task, rounds: int) -> dict[str, list[Turn]]:
    """:returns: All turns by contestant; those of a first round, in which modules are imported, are left out."""
    everybody = contestants(task)
    found: dict[str, list[Turn]] = {}
    for number in range(rounds + 1):
        for contestant in everybody:
            turn = take_turn(task, contestant)
            if number:
                found.setdefault(contestant.name, []).append(turn)
    return found


def median(turns: Turns, name: str, measure: str) -> float:
    """:param measure: Attribute of a turn."""
    return statistics.median(getattr(turn, measure) for turn in turns[name])


def best(turns: Turns, name: str, measure: str) -> float:
    """:returns: The least of all turns: what others on the machine disturbed least."""
    return min(getattr(turn, measure) for turn in turns[name])


def ratio(turns: Turns, kind: str, measure: str, choose: Callable[[Turns, str, str], float] = median) -> float:
    """:returns: What a run takes, as a part of what the engine alone and a run of empty assets take together."""
    parts = choose(turns, ENGINE, measure) + choose(turns, empty_name(kind), measure)
    return choose(turns, loading_name(kind), measure) / parts


def show(turns: Turns, title: str, console: Console) -> None:
    """Print medians, and what they are compared with the goal."""
    console.print(title, highlight=False)
    table = Table("", *(Column(heading, justify="right") for heading in ("wall s", "CPU s", "server's CPU s")))
    for name in turns:
        values = [median(turns, name, measure) for measure in ("wall_s", "cpu_s", "server_cpu_s")]
        table.add_row(name, *(f"{value:.3f}" for value in values))
    console.print(table)
    table = Table(
        "run / (engine + empty assets)", *(Column(HEADINGS[measure], justify="right") for measure in MEASURES), "goal"
    )
    for kind in KINDS:
        shown = [
            f"{ratio(turns, kind, each):.2f} (best turns: {ratio(turns, kind, each, best):.2f})" for each in MEASURES
        ]
        table.add_row(kind, *shown, f"{GOAL} {'met' if ratio(turns, kind, 'work_s') <= GOAL else 'missed'}")
    console.print(table)


def about(options: argparse.Namespace, servers: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """:returns: What it was measured with."""
    told = subprocess.run(["git", "-C", str(PROJECT), "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": told.stdout.strip(),
        "partitions": options.partitions,
        "rows": options.rows,
        "rounds": options.rounds,
        "load": round(os.getloadavg()[2], 1),
        "machine": f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "dagster": version("dagster"),
        "servers": servers,
    }


def report(turns: Turns) -> dict[str, Any]:
    """:returns: Turns and ratios of one server, for JSON."""
    return {
        "turns": {name: [asdict(turn) for turn in taken] for name, taken in turns.items()},
        "ratios": {
            kind: {
                measure: {"median": ratio(turns, kind, measure), "best": ratio(turns, kind, measure, best)}
                for measure in MEASURES
            }
            for kind in KINDS
        },
    }


def parser() -> argparse.ArgumentParser:
    """:returns: The options of the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.partitions", description="Measure what Dagster costs.")
    parser.add_argument("--partitions", type=int, default=30, help="of each of three tables")
    parser.add_argument("--rows", type=int, default=100, help="of each partition of each table")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each contestant")
    parser.add_argument("--servers", default="postgresql", help="of postgresql,mysql,mariadb")
    place = PROJECT / ".var" / "benchmarks" / "partitions.json"
    parser.add_argument("--output", type=Path, default=place, help="where JSON is written")
    return parser


def main() -> int:
    options = parser().parse_args()
    console = Console(width=max(Console().width, 120))
    results: dict[str, Any] = {}
    servers: dict[str, Mapping[str, str]] = {}
    for product in options.servers.split(","):
        try:
            with bench_server(product) as server:
                servers[product] = server.describe()
                task = Task(server, options.partitions, options.rows)
                task.create()
                turns = compete(task, options.rounds)
        except ServerError as error:
            console.print(f"{product} is left out: {error}", highlight=False)
            continue
        title = f"{product}: {options.partitions} partitions of 3 tables, {options.rows} rows each; medians of {options.rounds}"
        show(turns, title, console)
        results[product] = report(turns)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps({"about": about(options, servers), "results": results}, indent=1) + "\n")
    console.print(f"written: {options.output}", highlight=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
