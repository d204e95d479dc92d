"""Runs that are started by what is new: files, and rows of another database."""

# Annotations are not postponed here: Dagster reads those of a sensor as objects.

import asyncio
import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg

from pysqlsync_dagster.assets import TableSet
from pysqlsync_dagster.resources import DatabaseResource
from pysqlsync_dagster.schedules import Job
from pysqlsync_engine.base import GeneratorOptions
from pysqlsync_engine.data.cursor import MarkKind, MarkValue, mark_of


@dataclass(frozen=True, slots=True)
class FileWatch:
    """
    Files to look for.

    :param directory: Where they are.
    :param pattern: Names, as `Path.glob` takes them.
    :param settled_s: Seconds for which a file must not have changed, as whoever writes it may not be done.
    :param most: How many are told at a time, the oldest first; the others follow.
    """

    directory: Path
    pattern: str = "*"
    settled_s: float = 10.0
    most: int = 100

    def changed(self, known: Mapping[str, str], now: float) -> dict[str, str]:
        """
        :param known: What earlier calls returned, together.
        :param now: Seconds since the epoch.
        :returns: By path, relative to the directory, what tells the state of a file from earlier ones; of new and changed files only.
        """
        found = [(path.stat(), path) for path in sorted(self.directory.glob(self.pattern)) if path.is_file()]
        states = [
            (status.st_mtime_ns, path.relative_to(self.directory).as_posix(), f"{status.st_mtime_ns}:{status.st_size}")
            for status, path in found
            if now - status.st_mtime >= self.settled_s
        ]
        news = sorted((changed, name, state) for changed, name, state in states if known.get(name) != state)
        return {name: state for _, name, state in news[: self.most]}


def digest(parts: Mapping[str, str]) -> str:
    """:returns: Short text that is the same for the same files in the same states."""
    return hashlib.sha256(json.dumps(dict(sorted(parts.items()))).encode()).hexdigest()[:16]


def file_requests(
    news: Mapping[str, str], partitions: dg.DynamicPartitionsDefinition | None
) -> tuple[list[dg.RunRequest], list[Any]]:
    """
    :param partitions: Where each file is a partition, whose key is its path; `None` to load everything in one run.
    :returns: Requests for runs, and for new partitions.
    """
    if partitions is None:
        return [dg.RunRequest(run_key=digest(news), tags={"files": str(len(news))})], []
    requests = [
        dg.RunRequest(run_key=f"{name} {state}", partition_key=name) for name, state in news.items() if "," not in name
    ]
    keys = [str(request.partition_key) for request in requests]
    return requests, [partitions.build_add_request(keys)] if keys else []


def build_file_sensor(
    name: str,
    *,
    target: Job,
    watch: FileWatch,
    partitions: dg.DynamicPartitionsDefinition | None = None,
    interval_s: int = 60,
    running: bool = False,
) -> dg.SensorDefinition:
    """
    Build a sensor that starts runs when there are new files, or files have changed.

    A file whose name has a comma is left out where files are partitions, as Dagster cannot load such partitions again; it is told in
    the log of the sensor.

    :param target: A job, or a selection of assets.
    :param partitions: Where each file is a partition, whose key is its path below the directory; `None` to load everything in one
        run.
    :param interval_s: Seconds between two looks.
    :param running: True to start the sensor as soon as the definitions are there.
    """

    def look(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        known: dict[str, str] = json.loads(context.cursor) if context.cursor else {}
        # one that was removed is new when it comes again, and the cursor does not grow for ever
        known = {path: state for path, state in known.items() if (watch.directory / path).exists()}
        news = watch.changed(known, time.time())
        if not news:
            return dg.SensorResult(skip_reason=f"no new files like {watch.pattern!r} in {watch.directory}")
        if partitions is not None:
            for path in news:
                if "," in path:
                    context.log.warning(f"left out, as its name has a comma: {path}")
        requests, additions = file_requests(news, partitions)
        return dg.SensorResult(
            run_requests=requests, dynamic_partitions_requests=additions, cursor=json.dumps({**known, **news})
        )

    return dg.SensorDefinition(
        name, evaluation_fn=look, target=target, minimum_interval_seconds=interval_s, default_status=status(running)
    )


def status(running: bool) -> dg.DefaultSensorStatus:  # noqa: FBT001 - the value is the subject
    """:returns: What a sensor is when nobody has started or stopped it."""
    return dg.DefaultSensorStatus.RUNNING if running else dg.DefaultSensorStatus.STOPPED


@dataclass(frozen=True, slots=True)
class RowWatch:
    """
    A table of another database whose rows are copied, and the column that tells which of them are new.

    :param cls: Data-class of the table there.
    :param column: Whose values get higher: a number that counts, or when a row was changed.
    :param options: How data-classes become tables there.
    """

    database: DatabaseResource
    cls: type
    column: str
    options: GeneratorOptions = field(default_factory=GeneratorOptions)

    async def highest(self) -> MarkValue | None:
        """:returns: The highest value of the column now; `None` in an empty table."""
        async with self.database.connect(self.options) as connection:
            table = connection.get_table(self.cls)
            value = await connection.audit.highest(table.name, table.column(self.column).name)
        return None if value is None else mark_of(comparable(value))


def comparable(value: Any) -> Any:
    """:returns: A watermark in the one form in which those of different servers are compared: moments are in UTC."""
    if not isinstance(value, datetime):
        return value
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def write_mark(mark: MarkValue) -> str:
    """:returns: A watermark as the cursor of a sensor."""
    return json.dumps([mark.kind.value, mark.text])


def read_mark(text: str | None) -> MarkValue | None:
    """:returns: The watermark that a cursor holds; `None` if there is none yet."""
    if not text:
        return None
    kind, value = json.loads(text)
    return MarkValue(MarkKind(kind), value)


def build_row_sensor(
    name: str, *, target: Job, watch: RowWatch, interval_s: int = 60, running: bool = False
) -> dg.SensorDefinition:
    """
    Build a sensor that starts a run when a table of another database has rows with higher values in a column.

    :param target: A job, or a selection of assets.
    :param interval_s: Seconds between two looks.
    :param running: True to start the sensor as soon as the definitions are there.
    """

    def look(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        known = read_mark(context.cursor)
        found = asyncio.run(watch.highest())
        if found is None or (known is not None and not found.is_after(known)):
            return dg.SensorResult(skip_reason=f"{watch.cls.__name__}.{watch.column}: nothing is new")
        request = dg.RunRequest(run_key=found.text, tags={"watermark": found.text})
        return dg.SensorResult(run_requests=[request], cursor=write_mark(found))

    return dg.SensorDefinition(
        name, evaluation_fn=look, target=target, minimum_interval_seconds=interval_s, default_status=status(running)
    )


async def reached(planned: TableSet, cls: type, database: DatabaseResource) -> MarkValue | None:
    """:returns: The watermark up to which a table has been loaded; `None` if it was not yet."""
    (loader,) = [loader for loader in planned.loaders if loader.cls is cls]
    watermark = loader.feed.load.watermark
    if watermark is None:
        return None
    async with database.connect(planned.tables.options) as connection:
        mark = await connection.read_watermark(watermark.stream, connection.get_table(cls))
    return None if mark is None or mark.value is None else mark_of(comparable(mark.value))


@dataclass(frozen=True, slots=True)
class NewRows:
    """
    When tables are loaded that are read from a watermark: when a source turns out to have rows beyond it.

    :param watches: Where the rows come from, by class.
    :param cron: When to look; nothing is run where nothing is new.
    """

    watches: Mapping[type, RowWatch]
    cron: str = "*/10 * * * *"
    timezone: str = "UTC"
    running: bool = False


def build_watermark_schedule(
    name: str,
    *,
    job: Job,
    planned: TableSet,
    database: DatabaseResource,
    watches: Mapping[type, RowWatch],
    cron: str = "*/10 * * * *",
    timezone: str = "UTC",
    running: bool = False,
) -> dg.ScheduleDefinition:
    """
    Build a schedule that starts a run if a source has rows beyond the watermark of a table, and else skips the tick.

    What a sensor keeps in its cursor is asked of the target here, so that rows which were not stored are tried again each time.

    :param job: Loads the tables.
    :param planned: The tables.
    :param database: Where they are.
    :param watches: Where their rows come from, by class.
    :raises ValueError: if a table has no watermark.
    """
    without = [cls.__name__ for cls in watches if not has_watermark(planned, cls)]
    if without:
        raise ValueError(f"watches: {', '.join(without)} is not loaded from a watermark; see SinceWatermark")

    async def news() -> list[str]:
        found: list[str] = []
        for cls, watch in watches.items():
            highest, known = await watch.highest(), await reached(planned, cls, database)
            if highest is not None and (known is None or highest.is_after(known)):
                found.append(f"{cls.__name__} up to {highest.text}")
        return found

    def decide(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        found = asyncio.run(news())
        if found:
            yield dg.RunRequest(run_key=context.scheduled_execution_time.isoformat(), tags={"news": "; ".join(found)})
        else:
            yield dg.SkipReason("no source has rows beyond the watermark of its table")

    return dg.ScheduleDefinition(
        name=name,
        job=job,
        cron_schedule=cron,
        execution_timezone=timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING if running else dg.DefaultScheduleStatus.STOPPED,
        execution_fn=decide,
    )


def has_watermark(planned: TableSet, cls: type) -> bool:
    """:returns: True if the table is loaded, and it is recorded how far."""
    return any(loader.cls is cls and loader.feed.load.watermark is not None for loader in planned.loaders)
