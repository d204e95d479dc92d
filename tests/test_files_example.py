"""The example that keeps tables in step with a folder of Parquet and packed TSV files."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from examples.files import sample
from examples.files.definitions import DAYS, defs, weather
from pysqlsync_dagster import build_file_sensor
from pysqlsync_dagster.incremental import FileWatch, news_by_key
from pysqlsync_engine.factory import get_dialect
from pysqlsync_engine.session import Row
from tests import orders_job
from tests.servers import Server

MONDAY, TUESDAY, WEDNESDAY = (sample.FIRST_DAY + timedelta(days=number) for number in range(3))
READING, ALARM = (dg.AssetKey(["weather", name]) for name in ("Reading", "Alarm"))


def age(folder: Path, pattern: str = "*.*", *, ago_s: float = 60) -> None:
    """Let files look as if they had been written some time ago."""
    then = time.time() - ago_s
    for path in folder.rglob(pattern):
        os.utime(path, (then, then))


class Weather:
    """A folder, a database, and the example that keeps one in step with the other."""

    def __init__(self, server: Server, folder: Path, instance: dg.DagsterInstance) -> None:
        self.server = server
        self.folder = folder
        self.instance = instance
        self.definitions = weather(orders_job.resource(server.parameters), folder)
        self._cursors: dict[str, str | None] = {}

    def run(self, job: str, request: dg.RunRequest | None = None) -> None:
        key = None if request is None else request.partition_key
        tags = {} if request is None else {name: str(value) for name, value in request.tags.items()}
        result = self.definitions.resolve_job_def(job).execute_in_process(
            instance=self.instance, run_config=orders_job.QUIET, partition_key=key, tags=tags
        )
        assert result.success
        assert all(check.passed for check in result.get_asset_check_evaluations())

    def due(self, sensor: str) -> list[dg.RunRequest]:
        """:returns: Runs that a sensor wants now; what it has seen before is known to it."""
        with dg.build_sensor_context(
            instance=self.instance, cursor=self._cursors.get(sensor), definitions=self.definitions
        ) as context:
            result = self.definitions.resolve_sensor_def(sensor).evaluate_tick(context)
        self._cursors[sensor] = result.cursor or self._cursors.get(sensor)
        return list(result.run_requests or ())

    def rows(self, statement: str) -> list[Row]:
        async def ask() -> list[Row]:
            async with get_dialect("postgresql").create_connection(self.server.parameters) as connection:
                return await connection.session.fetch(statement)

        return asyncio.run(ask())

    def materialized(self, key: dg.AssetKey) -> dict[str, dict[str, Any]]:
        """:returns: What the last load of each partition has told."""
        found: dict[str, dict[str, Any]] = {}
        for record in reversed(self.instance.fetch_materializations(key, limit=100).records):
            assert record.asset_materialization is not None
            shown = record.asset_materialization.metadata
            found[str(record.partition_key)] = {name: value.value for name, value in shown.items()}
        return found


@pytest.fixture
def place(postgresql: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Weather]:
    monkeypatch.setenv(orders_job.PASSWORD_VARIABLE, postgresql.parameters.password or "")
    sample.write_stations(tmp_path)
    with dg.instance_for_test() as instance:
        yield Weather(postgresql, tmp_path, instance)


@pytest.mark.parametrize("postgresql", ["postgresql-embedded"], indirect=True)
def test_days_are_loaded_when_their_files_arrive_and_again_when_these_change(place: Weather) -> None:
    sample.write_readings(place.folder, MONDAY)
    sample.write_readings(place.folder, TUESDAY, celsius=1)
    sample.write_alarm(place.folder, MONDAY, 1)
    assert place.due("new_readings") == []  # whoever writes them may not be done
    age(place.folder)
    place.run("weather_schema")
    place.run("weather_whole")
    for sensor in ("new_readings", "new_alarms"):
        for request in place.due(sensor):
            place.run(f"__anonymous_asset_job_{sensor}", request)
        assert place.due(sensor) == []
    loaded = place.materialized(READING)
    assert {key: shown["rows"] for key, shown in loaded.items()} == {str(MONDAY): 48, str(TUESDAY): 48}
    assert place.rows('SELECT count(*), count(celsius), max(celsius) FROM weather."Reading"') == [(96, 94, 8.75)]
    assert place.rows('SELECT name, altitude FROM weather."Station" ORDER BY id') == [
        ("Zugspitze", pytest.approx(2962)),
        ("Helgoland", None),
    ]
    ((fault, sensors, at),) = place.rows('SELECT fault::text, sensors, at FROM weather."Alarm"')
    assert (fault, sensors, at.isoformat()) == ("frozen", ["wind", "rain"], f"{MONDAY}T05:30:00+00:00")
    sample.write_readings(place.folder, MONDAY, celsius=20)
    age(place.folder / "readings", f"{MONDAY}.*", ago_s=30)
    (request,) = place.due("new_readings")
    assert request.partition_key == str(MONDAY)
    place.run("__anonymous_asset_job_new_readings", request)
    assert place.rows('SELECT count(*), max(celsius) FROM weather."Reading"') == [(96, 27.75)]


@pytest.mark.parametrize("postgresql", ["postgresql-embedded"], indirect=True)
def test_a_day_without_alarms_has_no_file_and_no_rows(place: Weather) -> None:
    for number, day in enumerate((MONDAY, TUESDAY, WEDNESDAY)):
        sample.write_readings(place.folder, day)
        if day != TUESDAY:
            sample.write_alarm(place.folder, day, number)
    tags = {"dagster/asset_partition_range_start": str(MONDAY), "dagster/asset_partition_range_end": str(WEDNESDAY)}
    place.run("weather_all", dg.RunRequest(tags=tags))
    assert [place.materialized(ALARM)[str(day)]["rows"] for day in (MONDAY, TUESDAY, WEDNESDAY)] == [1, 0, 1]
    assert place.rows('SELECT count(*) FROM weather."Reading"') == [(144,)]


def test_the_definitions_load_without_a_folder() -> None:
    dg.Definitions.validate_loadable(defs)
    graph = defs.resolve_asset_graph()
    assert dg.AssetKey("weather_files") in graph.get(READING).parent_keys


def test_files_become_runs_for_their_days() -> None:
    names = ["2026-01-05.a", "2026-01-06.a", "2026-01-05.b", "2026-01-09.a", "2025-12-31.a", "README", "2999-01-01.a"]
    news = news_by_key(dict.fromkeys(names, "1"), DAYS, lambda path: path[:10])
    assert [
        (request.partition_key, request.tags.get("dagster/asset_partition_range_end")) for request in news.requests
    ] == [
        (None, "2026-01-06"),
        ("2026-01-09", None),
    ]
    assert set(news.left) == {"2025-12-31.a", "README"}
    assert news.early == {"2999-01-01.a"}
    again = news_by_key(dict.fromkeys(names, "2"), DAYS, lambda path: path[:10])
    assert [request.run_key for request in again.requests] != [request.run_key for request in news.requests]


def test_files_of_static_partitions_are_runs_of_their_own() -> None:
    regions = dg.StaticPartitionsDefinition(["asia", "europe"])
    news = news_by_key({"asia.csv": "1", "europe.csv": "1", "mars.csv": "1"}, regions, lambda path: path.split(".")[0])
    assert [request.partition_key for request in news.requests] == ["asia", "europe"]
    assert set(news.left) == {"mars.csv"}


def test_a_file_of_a_day_that_has_not_ended_waits_for_its_end(tmp_path: Path) -> None:
    (tmp_path / "2999-01-01.csv").write_text("")
    (tmp_path / "notes.txt").write_text("")
    age(tmp_path)
    sensor = build_file_sensor(
        "days", target=dg.AssetSelection.all(), watch=FileWatch(tmp_path), partitions=DAYS, key=lambda path: path[:10]
    )
    with dg.build_sensor_context() as context:
        result = sensor.evaluate_tick(context)
    assert not result.run_requests
    assert set(json.loads(result.cursor or "")) == {"notes.txt"}


@pytest.mark.parametrize(
    ("partitions", "key", "message"),
    [
        (DAYS, None, "nothing tells the partition of a file"),
        (dg.DynamicPartitionsDefinition(name="files"), str, "leave `key` out"),
    ],
)
def test_a_sensor_that_cannot_tell_partitions_is_refused(partitions: Any, key: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build_file_sensor(
            "days", target=dg.AssetSelection.all(), watch=FileWatch(Path()), partitions=partitions, key=key
        )
