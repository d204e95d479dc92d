"""
The page with the figures, made of the results: `python -m benchmarks.rows.page` writes `docs/performance.md` and its chart.

    python -m benchmarks.rows.page [--results RESULTS.json]    copies the results to docs/performance.json first
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.rows.chart import PRODUCT_NAMES, draw
from benchmarks.rows.results import DURABLE_SUFFIX, CaseResult, Report, read_report
from benchmarks.rows.show import cells, claim, reached

PROJECT = Path(__file__).parent.parent.parent
RESULTS = PROJECT / "docs" / "performance.json"
PAGE = PROJECT / "docs" / "performance.md"
CHART = PROJECT / "docs" / "images" / "performance.svg"

INTRODUCTION = """\
# Performance

How fast rows get into a server, beside what the server's own client does, and beside other tools. Made by `make bench` and
`python -m benchmarks.rows.page`; `benchmarks/rows` says what is compared, and what is fair and what is
not. Compare ratios, not seconds: contestants took turns on the same machine, which is a small and shared one.

![Rows per second of each contestant](images/performance.svg)
"""

HEADINGS = ("", "rows/s", "of the limit", "seconds", "best turn", "CPU s", "server's CPU s", "MB", "way")
STATES = {True: "met", False: "**not met**", None: "no result"}


def write_page(report: Report) -> str:
    """:returns: The page, as Markdown."""
    return "\n".join([INTRODUCTION, *_about(report), *(line for case in report.cases for line in _case(case))])


def _about(report: Report) -> Iterator[str]:
    about = report.about
    yield "## Measured with"
    yield ""
    yield f"- {about['date']}; {about['machine']}; Python {about['python']}"
    yield f"- load average {about['load']}"
    if about.get("note"):
        yield f"- {about['note']}"
    yield f"- {_listed(about['packages'])}; others: {_listed(about['peers'])}"
    for product, found in about["servers"].items():
        settings = ", ".join(f"`{name}` {value}" for name, value in found.items() if name != "version")
        name = PRODUCT_NAMES[product.removesuffix(DURABLE_SUFFIX)]
        purpose = ", where commits wait for the disk" if product.endswith(DURABLE_SUFFIX) else ""
        yield f"- {name} {found['version']}{purpose}: {settings}"
    yield ""
    yield "`make bench` repeats it on the servers that it starts, or on those that the environment names;"
    yield '`make bench ARGS="--rows 1000000 --servers postgresql"` takes more rows.'
    yield ""


def _listed(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def _case(case: CaseResult) -> Iterator[str]:
    yield f"## {PRODUCT_NAMES[case.server] + ': ' if case.server else ''}{case.title}"
    yield ""
    limit = f"; the limit is *{case.limit}*" if case.limit else ""
    turns = max(map(len, case.runs.values()))
    yield f"{case.rows:,} rows; {'one turn' if turns == 1 else f'medians of {turns} turns'}{limit}; engine of commit {case.commit}."
    yield ""
    yield _row(HEADINGS)
    yield _row(["---", *["---:"] * (len(HEADINGS) - 2), "---"])
    for name in case.runs:
        yield _row([name.replace("|", "\\|"), *(cell.replace("|", "\\|") for cell in cells(case, name))])
    yield ""
    for name in case.differing:
        yield f"*{name}* stored other rows than the first one did."
        yield ""
    verdicts = case.verdicts()
    if not verdicts:
        return
    yield _row(("goal", "should be", "is", ""))
    yield _row(["---"] * 4)
    for verdict in verdicts:
        yield _row((verdict.goal.contestant, claim(verdict), reached(verdict), STATES[verdict.met]))
    yield ""


def _row(values: list[str] | tuple[str, ...]) -> str:
    return f"| {' | '.join(values)} |"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rows.page", description="Write docs/performance.md.")
    parser.add_argument("--results", type=Path, default=RESULTS, help="JSON that the benchmark wrote")
    options = parser.parse_args()
    report = read_report(options.results)
    report.write(RESULTS)
    PAGE.write_text(write_page(report))
    CHART.write_text(draw(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())
