"""
Files of a folder in PostgreSQL, as Dagster definitions: Parquet, and tab-separated values that are packed, or not.

```text
stations.tsv.gz               all stations, read as a whole
readings/2026-01-05.parquet   what was measured on a day: a partition
alarms/2026-01-05.tsv.zst     what was reported on a day: a partition; there are days without a file
```

`python -m examples.files.sample` makes such a folder, `dagster dev -m examples.files.definitions` serves the pages.
"""

from __future__ import annotations

import os
from pathlib import Path

import dagster as dg

from examples.files import model
from examples.files.model import Alarm, Reading, Station
from pysqlsync_dagster import (
    AssetOptions,
    DatabaseResource,
    EmbeddedPostgreSQLResource,
    FileWatch,
    SyncSchedule,
    TableFeed,
    build_file_sensor,
    build_sync_defs,
    partition_files,
)
from pysqlsync_engine.base import class_fields
from pysqlsync_engine.data.tsv import TsvSource

FOLDER = Path(os.environ.get("WEATHER_FOLDER", "weather"))

DAYS = dg.DailyPartitionsDefinition("2026-01-01")


def day_of(path: str) -> str:
    """:returns: Key of the partition that a file belongs to: `2026-01-05.parquet` is of 2026-01-05."""
    return path[: len("2026-01-05")]


def weather(database: DatabaseResource, folder: Path) -> dg.Definitions:
    """:returns: Assets of the three tables, checks, jobs, a nightly schedule, and sensors that look for new files."""
    files = dg.AssetSpec("weather_files", description=f"Files of the weather stations in {folder}.", kinds={"file"})
    sources = {
        Station: TsvSource(folder / "stations.tsv.gz", class_fields(Station)),
        Reading: partition_files(folder / "readings/{key}.parquet", Reading),
        # packed or not; no file means that no station has reported anything
        Alarm: partition_files(folder / "alarms/{key}.tsv*", Alarm, missing_ok=True),
    }
    sensors = [
        build_file_sensor(
            f"new_{name}",
            target=dg.AssetSelection.assets(["weather", cls.__name__]),
            watch=FileWatch(folder / name, pattern),
            partitions=DAYS,
            key=day_of,
        )
        for name, pattern, cls in (("readings", "*.parquet", Reading), ("alarms", "*.tsv*", Alarm))
    ]
    return build_sync_defs(
        model,
        target=database,
        sources={cls: TableFeed(source, upstream=files) for cls, source in sources.items()},
        namespace="weather",
        partitions={Reading: DAYS, Alarm: DAYS},
        sensors=sensors,
        # the stations each night; a day, and once more the two before, should a sensor have been off
        schedule=SyncSchedule(cron="0 2 * * *", hour_of_day=2, late=2),
        options=AssetOptions(concurrency=2),
        executor=dg.in_process_executor,  # steps are short: a process for each would take longer than its work
    )


defs = weather(EmbeddedPostgreSQLResource(database="weather"), FOLDER)
