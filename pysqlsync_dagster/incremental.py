"""Runs that are started by what is new: files, and rows of another database."""

# Annotations are not postponed here: Dagster reads those of a sensor as objects.

import asyncio
import hashlib
import json
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

import dagster as dg

from pysqlsync_dagster.assets import TableSet
from pysqlsync_dagster.resources import DatabaseResource
from pysqlsync_dagster.schedules import RANGE_END, RANGE_START, Job
from pysqlsync_engine.base import GeneratorOptions
from pysqlsync_engine.data.cursor import MarkKind, MarkValue, mark_of

FilePartitions: TypeAlias = dg.PartitionsDefinition[Any]
"""Partitions that files belong to."""


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


@dataclass(frozen=True, slots=True)
class FileNews:
    """
    What follows from new and changed files.

    :param requests: For runs.
    :param additions: For new partitions.
    :param left: Files that are left out for good, each with the reason.
    :param early: Files whose partitions are still to come.
    """

    requests: Sequence[dg.RunRequest]
    additions: Sequence[Any] = ()
    left: Mapping[str, str] = field(default_factory=dict[str, str])
    early: Collection[str] = ()


def whole_news(news: Mapping[str, str]) -> FileNews:
    """:returns: One run that loads everything."""
    return FileNews([dg.RunRequest(run_key=digest(news), tags={"files": str(len(news))})])


def news_by_file(news: Mapping[str, str], partitions: dg.DynamicPartitionsDefinition) -> FileNews:
    """:returns: A run for each file, which is a partition of its own."""
    left = {name: "its name has a comma" for name in news if "," in name}
    keys = [name for name in news if name not in left]
    requests = [dg.RunRequest(run_key=f"{name} {news[name]}", partition_key=name) for name in keys]
    return FileNews(requests, [partitions.build_add_request(keys)] if keys else [], left)


def news_by_key(news: Mapping[str, str], partitions: FilePartitions, key_of: Callable[[str], str | None]) -> FileNews:
    """
    :param key_of: Tells the partition of a file; `None` for one that has none.
    :returns: Runs for the partitions that there are, each unbroken range of time in one.
    """
    keys = partitions.get_partition_keys()
    positions = {key: position for position, key in enumerate(keys)}
    found = {name: key_of(name) for name in news}
    early = {name for name, key in found.items() if key is not None and is_early(partitions, key)}
    left = {
        name: "it belongs to no partition"
        for name, key in found.items()
        if name not in early and (key is None or key not in positions)
    }
    wanted: dict[int, dict[str, str]] = {}
    for name, key in found.items():
        if key is not None and key in positions:
            wanted.setdefault(positions[key], {})[name] = news[name]
    requests: list[dg.RunRequest] = []
    for run in unbroken(sorted(wanted), joined=isinstance(partitions, dg.TimeWindowPartitionsDefinition)):
        first, last = keys[run[0]], keys[run[-1]]
        states = {name: state for position in run for name, state in wanted[position].items()}
        if len(run) == 1:
            requests.append(dg.RunRequest(run_key=f"{first} {digest(states)}", partition_key=first))
        else:
            tags = {RANGE_START: first, RANGE_END: last}
            requests.append(dg.RunRequest(run_key=f"{first} to {last} {digest(states)}", tags=tags))
    return FileNews(requests, left=left, early=early)


def is_early(partitions: FilePartitions, key: str) -> bool:
    """:returns: True if there will be such a partition of time."""
    if not isinstance(partitions, dg.TimeWindowPartitionsDefinition):
        return False
    try:
        window = partitions.time_window_for_partition_key(key)
    except (ValueError, dg.DagsterInvariantViolationError):
        return False
    last = partitions.get_last_partition_window()
    is_over = partitions.end is not None and window.start >= partitions.end
    return not is_over and (last is None or window.start >= last.end)


def unbroken(positions: Sequence[int], *, joined: bool) -> list[list[int]]:
    """:returns: The positions, those that follow each other together if they are to be joined."""
    ranges: list[list[int]] = []
    for position in positions:
        if joined and ranges and position == ranges[-1][-1] + 1:
            ranges[-1].append(position)
        else:
            ranges.append([position])
    return ranges


def build_file_sensor(
    name: str,
    *,
    target: Job,
    watch: FileWatch,
    partitions: FilePartitions | None = None,
    key: Callable[[str], str | None] | None = None,
    interval_s: int = 60,
    running: bool = False,
) -> dg.SensorDefinition:
    """
    Build a sensor that starts runs when there are new files, or files have changed.

    Files that are left out are told in the log of the sensor: those that belong to no partition, and, where files are partitions,
    those whose names have a comma, as Dagster cannot load such partitions again. A file of a day that has not ended waits.

    :param target: A job, or a selection of assets.
    :param partitions: Of the assets. Dynamic ones, where each file is a partition whose key is its path below the directory;
        or others, of which `key` tells that of a file. `None` to load everything in one run.
    :param key: Given the path of a file below the directory, returns the key of its partition; `None` for one that has none.
        Partitions of time that follow each other are loaded by one run.
    :param interval_s: Seconds between two looks.
    :param running: True to start the sensor as soon as the definitions are there.
    :raises ValueError: if nothing tells the partition of a file.
    """
    follow = follower(name, partitions, key)

    def look(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        known: dict[str, str] = json.loads(context.cursor) if context.cursor else {}
        # one that was removed is new when it comes again, and the cursor does not grow for ever
        known = {path: state for path, state in known.items() if (watch.directory / path).exists()}
        news = watch.changed(known, time.time())
        if not news:
            return dg.SensorResult(skip_reason=f"no new files like {watch.pattern!r} in {watch.directory}")
        found = follow(news)
        for path, reason in found.left.items():
            context.log.warning(f"left out, as {reason}: {path}")
        seen = {path: state for path, state in news.items() if path not in found.early}
        return dg.SensorResult(
            run_requests=list(found.requests),
            dynamic_partitions_requests=list(found.additions),
            cursor=json.dumps({**known, **seen}),
        )

    return dg.SensorDefinition(
        name, evaluation_fn=look, target=target, minimum_interval_seconds=interval_s, default_status=status(running)
    )


def follower(
    name: str, partitions: FilePartitions | None, key: Callable[[str], str | None] | None
) -> Callable[[Mapping[str, str]], FileNews]:
    """
    :param name: Of the sensor, for messages.
    :returns: What tells the consequences of new files.
    """
    if partitions is None:
        return whole_news
    if isinstance(partitions, dg.DynamicPartitionsDefinition):
        if key is not None:
            raise ValueError(f"sensor {name}: each file is a dynamic partition by its path; leave `key` out")
        return lambda news: news_by_file(news, partitions)
    if key is None:
        raise ValueError(
            f"sensor {name}: nothing tells the partition of a file; give `key`, such as `lambda path: path[:10]`"
        )
    return lambda news: news_by_key(news, partitions, key)


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
