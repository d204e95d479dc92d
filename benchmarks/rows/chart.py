"""Results as a chart: a bar for each contestant, in SVG, without any library."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from benchmarks.rows.results import CaseResult, Report
from benchmarks.rows.show import thousands

WIDTH, LABEL_WIDTH, VALUE_WIDTH = 880, 310, 110
BAR_HEIGHT, ROW_HEIGHT, TITLE_HEIGHT, GAP = 14, 20, 30, 14
OWN = "engine"
COLOURS = {"own": "#2f6fde", "limit": "#7a7a7a", "other": "#c9ced6"}
PRODUCT_NAMES = {"postgresql": "PostgreSQL", "mysql": "MySQL", "mariadb": "MariaDB", None: "No server"}


def draw(report: Report) -> str:
    """:returns: The chart of all cases, one below the other; longer bars are faster, to scale within a case."""
    top = GAP
    parts: list[str] = []
    for case in report.cases:
        parts.append(_case(case, top))
        top += _height(case)
    style = (
        "text { font: 12px system-ui, sans-serif; fill: #1f2328; } .title { font-weight: 600; font-size: 13px; }"
        " .value { font-variant-numeric: tabular-nums; }"
    )
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{top}" viewBox="0 0 {WIDTH} {top}" role="img">'
    title = "<title>Rows per second of each contestant</title>"
    return "\n".join(
        [head, title, f"<style>{style}</style>", '<rect width="100%" height="100%" fill="#fff"/>', *parts, "</svg>\n"]
    )


def shown(case: CaseResult) -> Sequence[str]:
    """:returns: Contestants that have a result, the fastest first."""
    rates = {name: rate for name in case.runs if (rate := case.rate(name)) is not None}
    return sorted(rates, key=lambda name: -rates[name])


def _height(case: CaseResult) -> int:
    return TITLE_HEIGHT + ROW_HEIGHT * len(shown(case)) + GAP


def _case(case: CaseResult, top: int) -> str:
    names = shown(case)
    fastest = max((case.rate(name) or 0.0 for name in names), default=1.0)
    lines = [_text(16, top + 16, f"{PRODUCT_NAMES[case.server]}: {case.title}", "title")]
    for number, name in enumerate(names):
        rate = case.rate(name) or 0.0
        y = top + TITLE_HEIGHT + number * ROW_HEIGHT
        length = max(1.0, (WIDTH - LABEL_WIDTH - VALUE_WIDTH) * rate / fastest)
        lines += [
            _text(LABEL_WIDTH - 8, y + 11, name, "label", anchor="end"),
            f'<rect x="{LABEL_WIDTH}" y="{y}" width="{length:.1f}" height="{BAR_HEIGHT}" rx="2" fill="{_colour(case, name)}"/>',
            _text(LABEL_WIDTH + length + 6, y + 11, f"{thousands(rate)} rows/s", "value"),
        ]
    return "\n".join(lines)


def _colour(case: CaseResult, name: str) -> str:
    if name.startswith((OWN, "pysqlsync load")):
        return COLOURS["own"]
    return COLOURS["limit" if name == case.limit else "other"]


def _text(x: float, y: float, text: str, kind: str, *, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y}" class="{kind}" text-anchor="{anchor}">{escape(text)}</text>'
