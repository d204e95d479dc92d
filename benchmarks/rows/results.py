"""What a benchmark measured: medians, ratios, and which goals were met."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

DURABLE_SUFFIX = "-durable"
"""What the name of a server ends with in results if its commits wait for the disk."""


@dataclass(frozen=True, slots=True)
class Run:
    """
    One turn of a contestant.

    :param seconds: Time of the task itself, without that to start and to connect, unless the case says otherwise.
    :param cpu_s: Seconds of the processor that the client used for the task; of a program that does not tell, from its start to its end.
    :param server_cpu_s: Of all processes of the server meanwhile; 0 if it is not on this machine.
    :param rss_mb: Peak of the memory that the client's process held.
    :param speed: Way that the engine chose.
    :param error: Last line of what was told when it failed; `None` if it did not.
    """

    seconds: float = 0.0
    cpu_s: float = 0.0
    server_cpu_s: float = 0.0
    rss_mb: float = 0.0
    speed: str | None = None
    notes: tuple[str, ...] = ()
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Goal:
    """
    What a contestant should reach.

    :param rival: Contestant that it is compared with; `None` for a value of its own. A star at the end stands for the best of those
        whose names begin so.
    :param measure: `rate` (rows per second; more is better) or `memory` (less is better).
    :param bound: For `rate`, the least ratio to the rival, or the least rows per second; for `memory`, the greatest ratio, or megabytes.
    """

    contestant: str
    rival: str | None
    bound: float
    measure: str = "rate"


@dataclass(frozen=True, slots=True)
class Verdict:
    """
    How far a goal was reached.

    :param got: Of medians; `None` if one of the two has no result.
    :param best: The same of the best turn of each; `None` if the goal has no rival, or is one of memory.
    """

    goal: Goal
    got: float | None
    best: float | None

    @property
    def met(self) -> bool | None:
        """True if the goal was reached; `None` if that is not known."""
        if self.got is None:
            return None
        return self.got >= self.goal.bound if self.goal.measure == "rate" else self.got <= self.goal.bound


@dataclass(frozen=True, slots=True)
class CaseResult:
    """
    All turns of a case.

    :param server: Product; `None` for a case without a server.
    :param differing: Contestants after whose turn the table had other rows than after that of the first one.
    :param commit: Of the engine that took part.
    """

    name: str
    title: str
    server: str | None
    rows: int
    limit: str | None
    goals: tuple[Goal, ...]
    runs: Mapping[str, Sequence[Run]]
    differing: tuple[str, ...] = ()
    commit: str = ""

    def median(self, contestant: str, measure: str) -> float | None:
        """
        :param measure: Attribute of a run.
        :returns: Median over the turns that did not fail; `None` if there is none.
        """
        values = [getattr(run, measure) for run in self.runs.get(contestant, ()) if run.error is None]
        return statistics.median(values) if values else None

    def best(self, contestant: str) -> float | None:
        """:returns: Least seconds of a turn: what others on the machine disturbed least; `None` if no turn went well."""
        values = [run.seconds for run in self.runs.get(contestant, ()) if run.error is None]
        return min(values, default=None)

    def rate(self, contestant: str) -> float | None:
        """:returns: Rows per second, of the median."""
        seconds = self.median(contestant, "seconds")
        return self.rows / seconds if seconds else None

    def ratio(self, contestant: str) -> float | None:
        """:returns: Rate as a part of the limit's."""
        own, limit = self.rate(contestant), self.rate(self.limit) if self.limit else None
        return own / limit if own and limit else None

    def error(self, contestant: str) -> str | None:
        """:returns: Why the contestant has no result."""
        return next((run.error for run in self.runs[contestant] if run.error), None)

    def verdicts(self) -> list[Verdict]:
        """:returns: How far each goal was reached."""
        return [self._verdict(goal) for goal in self.goals]

    def _verdict(self, goal: Goal) -> Verdict:
        own, own_best = self._value(goal.contestant, goal.measure), self.best(goal.contestant)
        if goal.rival is None or own is None or own_best is None:
            return Verdict(goal, own, None)
        rival = self._rival(goal)
        value = self._value(rival, goal.measure)
        if value is None:
            return Verdict(goal, None, None)
        rival_best = self.best(rival) if goal.measure == "rate" else None
        return Verdict(goal, own / value, rival_best / own_best if rival_best else None)

    def _rival(self, goal: Goal) -> str:
        rival = goal.rival or ""
        if not rival.endswith("*"):
            return rival
        names = [name for name in self.runs if name.startswith(rival[:-1])]
        return max(names, key=lambda name: self.rate(name) or 0.0, default=rival)

    def _value(self, name: str, measure: str) -> float | None:
        return self.rate(name) if measure == "rate" else self.median(name, "rss_mb")


@dataclass(frozen=True, slots=True)
class Report:
    """
    All cases of a run.

    :param about: What it was measured with: date, commit, machine, versions, settings of the servers.
    """

    about: Mapping[str, Any]
    cases: Sequence[CaseResult] = field(default_factory=tuple[CaseResult, ...])

    def write(self, path: Path) -> None:
        """Write JSON that `read_report` reads."""
        path.write_text(json.dumps(asdict(self), indent=1, default=list) + "\n")

    def merged(self, other: Report) -> Report:
        """:returns: The cases of both; those of the other one take the place of ones with the same name and server."""
        cases = {(case.server, case.name): case for case in self.cases}
        cases |= {(case.server, case.name): case for case in other.cases}
        servers = {**self.about.get("servers", {}), **other.about.get("servers", {})}
        return Report({**other.about, "servers": servers}, tuple(cases.values()))


def read_report(path: Path) -> Report:
    """:returns: What `Report.write` wrote."""
    document: dict[str, Any] = json.loads(path.read_text())
    return Report(document["about"], tuple(map(_case, document["cases"])))


def _case(found: dict[str, Any]) -> CaseResult:
    goals = tuple(Goal(**goal) for goal in found.pop("goals"))
    turns: dict[str, list[dict[str, Any]]] = found.pop("runs")
    runs = {name: tuple(map(_run, done)) for name, done in turns.items()}
    differing = tuple(found.pop("differing"))
    return CaseResult(goals=goals, runs=runs, differing=differing, **found)


def _run(found: dict[str, Any]) -> Run:
    notes = tuple(found.pop("notes"))
    return Run(notes=notes, **found)
