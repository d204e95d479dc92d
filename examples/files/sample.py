"""
Makes a folder with files of three days to try the example with: `python -m examples.files.sample`.

It needs the extras `parquet` and `zstd`, as reading such files does.
"""

from __future__ import annotations

import gzip
from datetime import UTC, date, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import zstandard

from examples.files.definitions import FOLDER

# without types of its own
arrow: Any = import_module("pyarrow")
parquet: Any = import_module("pyarrow.parquet")

FIRST_DAY = date(2026, 1, 5)
STATIONS = ("id\tname\taltitude", "1\tZugspitze\t2962.0", "2\tHelgoland\t\\N")


def write_stations(folder: Path) -> None:
    """Write the file of all stations."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "stations.tsv.gz").write_bytes(gzip.compress(("\n".join(STATIONS) + "\n").encode()))


def write_readings(folder: Path, day: date, *, celsius: float = 0.0) -> None:
    """Write what both stations have measured in each hour of a day; the second one has been out of order at noon."""
    (folder / "readings").mkdir(parents=True, exist_ok=True)
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    rows = [
        {
            "station": station,
            "at": midnight + timedelta(hours=hour),
            "celsius": None if station == 2 and hour == 12 else celsius + station + hour / 4,
        }
        for hour in range(24)
        for station in (1, 2)
    ]
    parquet.write_table(arrow.Table.from_pylist(rows), folder / "readings" / f"{day}.parquet")


def write_alarm(folder: Path, day: date, number: int) -> None:
    """Write the only alarm of a day."""
    (folder / "alarms").mkdir(parents=True, exist_ok=True)
    lines = ("id\tstation\tat\tfault\tsensors", f'{number}\t1\t{day}T06:30:00+01:00\tfrozen\t["wind", "rain"]')
    packed = zstandard.compress(("\n".join(lines) + "\n").encode())
    (folder / "alarms" / f"{day}.tsv.zst").write_bytes(packed)


def main() -> None:
    """Write the files of three days, of which the second has no alarm."""
    write_stations(FOLDER)
    for number in range(3):
        day = FIRST_DAY + timedelta(days=number)
        write_readings(FOLDER, day, celsius=number)
        if number != 1:
            write_alarm(FOLDER, day, number)
    print(f"{FOLDER.resolve()}: files of three days, from {FIRST_DAY} on")


if __name__ == "__main__":
    main()
