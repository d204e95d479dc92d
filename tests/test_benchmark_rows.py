"""The benchmark of rows: its files are always the same, its arithmetic is right, and the page says what the results say."""

from __future__ import annotations

import csv
import hashlib
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from benchmarks.rows import events, page
from benchmarks.rows.chart import draw
from benchmarks.rows.inputs import Inputs
from benchmarks.rows.results import CaseResult, Goal, Report, Run, read_report
from benchmarks.rows.show import cells, describe
from benchmarks.rows.tables import Event
from pysqlsync_engine.data.tsv import unescape
from pysqlsync_engine.formation.inspection import inspect_class

ROWS = 400


@pytest.fixture
def inputs(tmp_path: Path) -> Inputs:
    return Inputs(tmp_path / "files", ROWS, tmp_path / "not-needed")


def lines(inputs: Inputs, name: str) -> list[str]:
    with inputs.path(name).open(encoding="utf-8", newline="") as file:
        return list(file)


def parsed(line: str) -> list[str | None]:
    return [None if cell == "\\N" else unescape(cell) for cell in line.removesuffix("\n").split("\t")]


def test_events_are_the_same_for_everyone(inputs: Inputs) -> None:
    digest = hashlib.sha256(inputs.path("events.tsv").read_bytes()).hexdigest()
    assert digest[:16] == "af7cd36fe842dace"
    assert [each.column_name for each in inspect_class(Event).fields] == list(events.COLUMNS)


def test_events_have_nulls_escapes_and_keys_that_differ(inputs: Inputs) -> None:
    rows = [parsed(line) for line in lines(inputs, "events.tsv")]
    assert {len(row) for row in rows} == {14}
    assert len({row[0] for row in rows}) == ROWS
    for position, name in enumerate(events.COLUMNS):
        assert any(row[position] is None for row in rows) == (name in {"account_id", "referrer", "note"})
    assert any(row[-1] is not None and "\n" in row[-1] and "\t" in row[-1] for row in rows)


def test_csv_and_parquet_have_the_rows_of_tsv(inputs: Inputs) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    expected = [parsed(line) for line in lines(inputs, "events.tsv")]
    with inputs.path("events.csv").open(encoding="utf-8", newline="") as file:
        assert [[cell or None for cell in row] for row in csv.reader(file)][1:] == expected
    columns = parquet.read_table(inputs.path("events.parquet")).to_pydict()
    assert list(columns) == list(events.COLUMNS)
    assert columns["id"] == [row[0] for row in expected]
    assert columns["note"] == [row[-1] for row in expected]
    assert [str(moment) for moment in columns["occurred_at"]] == [row[1] for row in expected]


def test_files_for_upserts_share_keys_as_they_should(inputs: Inputs) -> None:
    rows = [parsed(line) for line in lines(inputs, "events.tsv")]
    base = [parsed(line) for line in lines(inputs, "events.base.tsv")]
    again = [parsed(line) for line in lines(inputs, "events.reload.tsv")]
    assert [row[0] for row in base] == [row[0] for row in rows][::2]
    assert all(row not in rows for row in base)
    assert [row[0] for row in again] == [row[0] for row in rows]
    assert sum(one != other for one, other in zip(rows, again, strict=True)) == ROWS // 20
    assert lines(inputs, "events.1.tsv") + lines(inputs, "events.2.tsv") == lines(inputs, "events.tsv")
    assert [line.strip() for line in lines(inputs, "events.keys.tsv")] == [row[0] for row in rows][::4]


def result(**runs: tuple[Run, ...]) -> CaseResult:
    goals = (
        Goal("own", "limit", 0.5),
        Goal("own", "peer*", 3),
        Goal("own", None, 100, "memory"),
        Goal("own", "broken", 2),
    )
    return CaseResult("case", "A case", "postgresql", 1_000, "limit", goals, runs)


SECONDS = result(
    own=(Run(2, rss_mb=90), Run(1, rss_mb=80), Run(9, rss_mb=80)),
    limit=(Run(1, rss_mb=10), Run(1), Run(1)),
    peer_slow=(Run(8),),
    peer_fast=(Run(4),),
    broken=(Run(error="no such <thing>"),),
)


def test_goals_compare_medians_with_the_best_of_the_rivals() -> None:
    assert SECONDS.rate("own") == 500
    assert SECONDS.ratio("own") == 0.5
    assert SECONDS.best("own") == 1
    assert [(verdict.got, verdict.met) for verdict in SECONDS.verdicts()] == [
        (0.5, True),
        (2.0, False),
        (80, True),
        (None, None),
    ]
    assert describe(SECONDS.verdicts()[1]) == (
        "own: at least 3 times the rate of peer, the fastest way; 2.00 (best turns: 4.00): not met"
    )


def test_a_contestant_that_failed_says_why() -> None:
    assert cells(SECONDS, "broken")[0] == "failed"
    assert cells(SECONDS, "broken")[-1] == "no such <thing>"


def test_results_are_read_as_they_were_written(tmp_path: Path) -> None:
    report = Report({"date": "2026-01-01", "servers": {}}, (SECONDS,))
    report.write(tmp_path / "results.json")
    assert read_report(tmp_path / "results.json") == report
    other = Report({"date": "2026-01-02", "servers": {}}, (result(own=(Run(1),)),))
    assert report.merged(other).cases == other.cases


def test_the_chart_has_a_bar_for_each_contestant_with_a_result() -> None:
    chart = ElementTree.fromstring(draw(Report({}, (SECONDS,))))  # noqa: S314 - we wrote it
    bars = [each for each in chart.iter("{http://www.w3.org/2000/svg}rect") if each.get("x")]
    lengths = [float(bar.get("width", "0")) for bar in bars]
    assert len(lengths) == 4
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[0] == pytest.approx(lengths[1] * 2, rel=0.01)


def test_the_page_says_what_the_results_say() -> None:
    report = read_report(page.RESULTS)
    assert page.PAGE.read_text() == page.write_page(report), "run python -m benchmarks.rows.page"
    assert page.CHART.read_text() == draw(report)
