"""Contestants, the cases that they meet in, and rounds in which each takes its turn."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmarks.rows import statements
from benchmarks.rows.inputs import Inputs
from benchmarks.rows.programs.together import seconds_told
from benchmarks.rows.results import CaseResult, Goal, Run
from benchmarks.rows.servers import BenchServer

HERE = Path(__file__).parent
PROJECT = HERE.parent.parent
LAUNCH = HERE / "launch.py"
RUN_TIMEOUT_S = 3600
MESSAGE_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class Arena:
    """
    Where a case takes place.

    :param server: `None` for cases that need none.
    :param peer_python: Interpreter that has the other tools installed.
    """

    server: BenchServer | None
    inputs: Inputs
    peer_python: Path

    @property
    def opponent(self) -> BenchServer:
        """The server of a case that has one."""
        if self.server is None:
            raise RuntimeError("the case has no server")
        return self.server


@dataclass(frozen=True, slots=True)
class Command:
    """
    How to run a contestant once.

    :param request: What a program of ours reads from its standard input; `None` for the client of a server, which tells the time that
        each statement took.
    :param by_clock: True to take the time from start to end of the process.
    """

    words: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    request: Mapping[str, Any] | None = None
    by_clock: bool = False


Start = Callable[[Arena], Command]


@dataclass(frozen=True, slots=True)
class Contestant:
    """
    Somebody who does the task of a case.

    :param name: For people; unique in its case.
    :param apart: True if it writes a table of its own, which cannot be compared.
    """

    name: str
    start: Start
    apart: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """
    A task, and who does it.

    :param table: Class whose table is written; `None` for a case without a server.
    :param before: File that the table is filled with before each turn; `None` to start with an empty one.
    :param rows_of: Input whose rows are counted for the rate.
    :param limit: Contestant that shows what the server can do; ratios are to it.
    :param enum_mode: How enumerations are stored; `None` as the server has them.
    :param durable: True for a server whose commits wait for the disk; see `bench_server`.
    """

    name: str
    title: str
    table: str | None
    contestants: Sequence[Contestant]
    rows_of: str = "events"
    before: str | None = None
    limit: str | None = None
    goals: Sequence[Goal] = ()
    enum_mode: str | None = None
    count: Callable[[Inputs], int] | None = None
    durable: bool = False

    def rows(self, inputs: Inputs) -> int:
        """:returns: Rows that each contestant moves."""
        return self.count(inputs) if self.count else inputs.count(self.rows_of)


def own(action: str, *files: str, **task: Any) -> Start:
    """
    :param files: Inputs, one for each stream.
    :returns: How the engine does a task.
    """
    return _program([sys.executable, "-m", "benchmarks.rows.programs.own"], action, files, task)


def peer(program: str, action: str, *files: str, **task: Any) -> Start:
    """:returns: How another tool does a task; `program` is a file of the directory `peers`."""

    def start(arena: Arena) -> Command:
        command = [str(arena.peer_python), str(HERE / "peers" / f"{program}.py")]
        return _program(command, action, files, task)(arena)

    return start


def _program(words: Sequence[str], action: str, files: Sequence[str], task: Mapping[str, Any]) -> Start:
    def start(arena: Arena) -> Command:
        request = {"action": action, "files": [str(arena.inputs.path(name)) for name in files], **task}
        if arena.server is not None:
            request["server"] = arena.server.address()
        return Command(words, {"PYTHONPATH": str(PROJECT)}, request)

    return start


Write = Callable[[BenchServer, Inputs], Sequence[str]]
"""Makes the statements of a task."""


def client(write: Write) -> Start:
    """:returns: How the program of the server does a task."""

    def start(arena: Arena) -> Command:
        return Command(*_client_command(arena, write))

    return start


def clients(*writes: Write) -> Start:
    """:returns: How several of them do parts of it at the same time."""

    def start(arena: Arena) -> Command:
        commands = [_client_command(arena, write) for write in writes]
        environment = {"PYTHONPATH": str(PROJECT), **commands[0][1]}
        request = {"commands": [words for words, _ in commands]}
        return Command([sys.executable, "-m", "benchmarks.rows.programs.together"], environment, request)

    return start


def _client_command(arena: Arena, write: Write) -> tuple[list[str], dict[str, str]]:
    server = arena.opponent
    lines = write(server, arena.inputs)
    if server.dialect == "postgresql":
        return server.command("-c", r"\timing on", *(word for line in lines for word in ("-c", line)))
    return server.command("-vvv", "-e", "; ".join(["START TRANSACTION", *lines, "COMMIT"]))


def run(command: Command) -> Run:
    """Run a contestant; a failure is a result, too."""
    with tempfile.TemporaryDirectory(prefix="pysqlsync-bench-") as directory:
        usage = Path(directory) / "usage.json"
        words = [sys.executable, "-I", "-S", str(LAUNCH), str(usage), *command.words]
        environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": directory, "LANG": "C.UTF-8"}
        done = subprocess.run(
            words,
            input=json.dumps(command.request) if command.request is not None else "",
            env={**environment, **command.environment},
            cwd=directory,
            capture_output=True,
            text=True,
            timeout=RUN_TIMEOUT_S,
        )
        if not usage.exists():
            return Run(error=done.stderr[-MESSAGE_CHARACTERS:].strip())
        used = json.loads(usage.read_text())
    if used["status"]:
        lines = done.stderr.strip().splitlines() or [f"exit status {used['status']}"]
        return Run(error=lines[-1][:MESSAGE_CHARACTERS])
    told = {"seconds": used["wall_s"]} if command.by_clock else _told(command, done.stdout)
    return Run(
        seconds=round(told["seconds"], 4),
        cpu_s=round(told.get("cpu_s", used["user_s"] + used["system_s"]), 2),
        rss_mb=round(used["rss_kb"] / 1024, 1),
        speed=told.get("speed"),
        notes=tuple(told.get("notes", ())),
    )


def _told(command: Command, output: str) -> dict[str, Any]:
    if command.request is not None:
        told: dict[str, Any] = json.loads(output.strip().splitlines()[-1])
        return told
    return {"seconds": seconds_told(output)}


def compete(case: Case, arena: Arena, rounds: int, tell: Callable[[str], None]) -> CaseResult:
    """
    Let all contestants take turns.

    A contestant that fails is not asked again. After the first turn of each, what is in the table is compared.
    """
    turns: dict[str, list[Run]] = {contestant.name: [] for contestant in case.contestants}
    digests: dict[str, str] = {}
    for number in range(rounds):
        for contestant in case.contestants:
            done = turns[contestant.name]
            if done and done[-1].error:
                continue
            _prepare(case, arena)
            result = _turn(contestant, arena)
            done.append(result)
            if number == 0 and case.table is not None and not contestant.apart and not result.error:
                digests[contestant.name] = arena.opponent.execute(statements.digest(arena.opponent, case.table))
            shown = f"{result.seconds:.2f} s" if result.error is None else result.error
            tell(f"{case.name}, round {number + 1}: {contestant.name}: {shown}")
    expected = next(iter(digests.values()), None)
    return CaseResult(
        name=case.name,
        title=case.title,
        server=arena.server.product if arena.server else None,
        rows=case.rows(arena.inputs),
        limit=case.limit,
        goals=tuple(case.goals),
        runs={name: tuple(done) for name, done in turns.items()},
        differing=tuple(name for name, digest in digests.items() if digest != expected),
    )


def _turn(contestant: Contestant, arena: Arena) -> Run:
    command = contestant.start(arena)
    if arena.server is None:
        return run(command)
    before = arena.server.cpu_s()
    result = run(command)
    return replace(result, server_cpu_s=round(arena.server.cpu_s() - before, 2))


def _prepare(case: Case, arena: Arena) -> None:
    if case.table is None:
        return
    server = arena.opponent
    server.execute(statements.empty(server, case.table))
    if case.before is not None:
        server.execute(*statements.fill(server, case.table, arena.inputs.path(case.before)))
    server.settle()
