"""Results as tables on a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from benchmarks.rows.results import CaseResult, Report, Verdict


def show(report: Report, console: Console) -> None:
    """Print a table for each case, and the goals below it."""
    for case in report.cases:
        console.print(_table(case))
        for verdict in case.verdicts():
            console.print(f"  {describe(verdict)}", highlight=False)
        for name in case.differing:
            console.print(f"  [red]{name} stored other rows than the first contestant did")
        console.print()


def _table(case: CaseResult) -> Table:
    place = f"{case.server}: " if case.server else ""
    table = Table(title=f"{place}{case.title} ({case.rows:,} rows)", title_justify="left")
    table.add_column("")
    for heading in ("rows/s", "of the limit", "seconds", "best", "CPU s", "server's", "MB"):
        table.add_column(heading, justify="right")
    table.add_column("way")
    for name in case.runs:
        table.add_row(name, *cells(case, name))
    return table


def cells(case: CaseResult, name: str) -> list[str]:
    """:returns: Rate, ratio to the limit, seconds, least seconds, CPU, the server's, memory and way; what failed says so."""
    rate, seconds, best = case.rate(name), case.median(name, "seconds"), case.best(name)
    if rate is None or seconds is None or best is None:
        return ["failed", "", "", "", "", "", "", (case.error(name) or "")[:80]]
    ratio = case.ratio(name)
    cpu, server_cpu, memory = (case.median(name, measure) for measure in ("cpu_s", "server_cpu_s", "rss_mb"))
    return [
        thousands(rate),
        "" if ratio is None else f"{ratio:.2f}",
        f"{seconds:.2f}",
        f"{best:.2f}",
        f"{cpu:.1f}",
        f"{server_cpu:.1f}",
        f"{memory:.0f}",
        case.runs[name][0].speed or "",
    ]


def thousands(rate: float) -> str:
    """:returns: A rate for people: `3.1 M`, `276 k`, `1.7 k`."""
    if rate >= 1_000_000:
        return f"{rate / 1_000_000:.1f} M"
    return f"{rate / 1000:,.0f} k" if rate >= 10_000 else f"{rate / 1000:.1f} k"


def describe(verdict: Verdict) -> str:
    """:returns: A goal, what was reached, and whether that is enough."""
    goal = verdict.goal
    state = {True: "met", False: "not met", None: "no result"}[verdict.met]
    return f"{goal.contestant}: {claim(verdict)}; {reached(verdict)}: {state}"


def claim(verdict: Verdict) -> str:
    """:returns: What was to be reached."""
    goal = verdict.goal
    match goal.measure, goal.rival:
        case "memory", None:
            return f"at most {goal.bound:g} MB"
        case "memory", rival:
            return f"at most {goal.bound:g} times the memory of {rival}"
        case _, None:
            return f"at least {goal.bound:,.0f} rows/s"
        case _, rival:
            return f"at least {goal.bound:g} times the rate of {rival.removesuffix('*')}" + (
                ", the fastest way" if rival.endswith("*") else ""
            )


def reached(verdict: Verdict) -> str:
    """:returns: What was reached."""
    if verdict.got is None:
        return "-"
    if verdict.goal.rival is not None:
        return f"{verdict.got:.2f}" + (f" (best turns: {verdict.best:.2f})" if verdict.best else "")
    return f"{verdict.got:.0f} MB" if verdict.goal.measure == "memory" else f"{verdict.got:,.0f}"
