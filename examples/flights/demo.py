"""
The whole way, once: start the embedded server, synchronize the schema, load all tables, verify, and say what is next.

`python -m examples.flights.demo --days 31` loads the flights of the first 31 days of 2013. It can be run again, and
killed at any moment: the next run ends in the same rows.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from types import ModuleType
from typing import Any

import dagster as dg
from rich.console import Console
from rich.table import Table as Grid

from examples.flights import model
from examples.flights.definitions import DAYS, NAMESPACE, database, flight_definitions, flight_sources, flight_tables
from examples.flights.home import DEMO_TAG, bury_killed_runs, only_one, prepare_home
from examples.flights.progress import Display, watch
from examples.flights.reader import Rejection, count_rejected_by_day, count_rows_by_day, count_stubs, rejections
from pysqlsync_dagster import EmbeddedPostgreSQLResource
from pysqlsync_engine.base import Hazard
from pysqlsync_engine.errors import EngineError

LOCK_TIMEOUT_S = 20.0
"""How long to wait for a demo that was told to stop."""

FIRST_DAY = date(2013, 1, 1)

FEED = "actual"
"""The record source of flights that is read unless a run says otherwise."""

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True, slots=True)
class Loaded:
    """
    What a run did to one table.

    :param rows: Rows that the source had, by partition key; by `None` for a table that is loaded whole.
    :param stubbed: Rows that were added to other tables.
    """

    name: str
    rows: Mapping[str | None, int]
    seconds: float
    stubbed: int

    @property
    def total(self) -> int:
        """Rows of all partitions."""
        return sum(self.rows.values())


@dataclass(frozen=True, slots=True)
class Found:
    """
    What the database has of one table, as queries count it.

    :param rows: Rows by partition key; by `None` for a table that is loaded whole.
    :param rejected: Rows that were set aside, by partition key.
    :param rejections: Why these were set aside.
    :param stubs: Rows that the source does not have, and that others refer to.
    """

    rows: Mapping[str | None, int]
    rejected: Mapping[str | None, int] = field(default_factory=dict[str | None, int])
    rejections: Sequence[Rejection] = ()
    stubs: int = 0

    def of(self, key: str | None) -> tuple[int, int]:
        """:returns: Rows of the source that are in the table, and rows that were set aside, in a partition."""
        return self.rows.get(key, 0) - (self.stubs if key is None else 0), self.rejected.get(key, 0)


def day_keys(days: int) -> list[str]:
    """
    :returns: Partition keys of the first days of the year.
    :raises ValueError: if the year is not that long.
    """
    if not 1 <= days <= 365:
        raise ValueError(f"days: expected 1 to 365; got {days}")
    return [(FIRST_DAY + timedelta(days=index)).isoformat() for index in range(days)]


def execute(
    definitions: dg.Definitions, instance: dg.DagsterInstance, keys: Sequence[str], allow: Sequence[str]
) -> dg.ExecuteInProcessResult:
    """:returns: The result of one run over all assets, with all days in one partition range."""
    config: dict[str, Any] = {**QUIET, "ops": {f"{NAMESPACE}__schema": {"config": {"allow": list(allow)}}}}
    return definitions.resolve_job_def("flights_all").execute_in_process(
        run_config=config,
        instance=instance,
        raise_on_error=False,
        tags={
            DEMO_TAG: "true",
            "dagster/asset_partition_range_start": keys[0],
            "dagster/asset_partition_range_end": keys[-1],
        },
    )


def loads(result: dg.ExecuteInProcessResult, module: ModuleType) -> list[Loaded]:
    """:returns: What the run did to each table, from what its assets say of themselves, in order of definition."""
    found: list[Loaded] = []
    for described in flight_tables(module).tables():
        name = described.table.name
        rows: dict[str | None, int] = {}
        seconds, stubbed = 0.0, 0
        for event in result.get_asset_materialization_events():
            if event.asset_key == dg.AssetKey([str(name.namespace), name.name]):
                shown = event.materialization.metadata
                rows[event.partition] = int(str(shown["rows"].value))
                stubbed += int(str(shown["stubbed"].value)) if "stubbed" in shown else 0
                seconds += float(str(shown["seconds"].value))
        found.append(Loaded(described.cls.__name__, rows, seconds, stubbed))
    return found


async def count(resource: EmbeddedPostgreSQLResource, module: ModuleType) -> dict[str, Found]:
    """:returns: What is in the database, by name of the table."""
    tables = flight_tables(module)
    found: dict[str, Found] = {}
    async with resource.open(), resource.connection(tables.options) as connection:
        for cls in tables.classes:
            table = connection.get_table(cls)
            if cls in tables.partitions:
                found[cls.__name__] = Found(
                    {**await count_rows_by_day(connection, table)},
                    {**await count_rejected_by_day(connection, table, FEED)},
                    await rejections(connection, table, FEED),
                )
            else:
                stubs = await count_stubs(connection, table) if cls.__name__ == "Plane" else 0
                found[cls.__name__] = Found({None: await connection.count_rows(table)}, stubs=stubs)
    return found


def differences(loaded: Sequence[Loaded], found: Mapping[str, Found]) -> list[str]:
    """:returns: One line for each table or day whose rows of the source are not all in the table or set aside."""
    lines: list[str] = []
    for each in loaded:
        for key, rows in each.rows.items():
            stored, rejected = found[each.name].of(key)
            if stored + rejected != rows:
                day = "" if key is None else f" {key}"
                lines.append(
                    f"{each.name}{day}: {rows:,} rows in the source; {stored:,} in the table, {rejected:,} set aside"
                )
    return lines


def summary(loaded: Sequence[Loaded], found: Mapping[str, Found]) -> Grid:
    """:returns: A line for each table: what was loaded, how fast, and what is in the database."""
    grid = Grid(title="Loaded through Dagster", title_justify="left")
    grid.add_column("asset", no_wrap=True)
    for heading in ("rows", "days", "seconds", "rows/s", "stored", "rejected"):
        grid.add_column(heading, justify="right", no_wrap=True)
    for each in loaded:
        days = "" if None in each.rows else f"{len(each.rows):,}"
        speed = f"{each.total / each.seconds:,.0f}" if each.seconds else ""
        counts = found[each.name]
        stored, rejected = (sum(counts.of(key)[index] for key in each.rows) for index in (0, 1))
        numbers = (f"{each.seconds:.2f}", speed, f"{stored:,}", f"{rejected:,}")
        grid.add_row(f"{NAMESPACE}/{each.name}", f"{each.total:,}", days, *numbers)
    return grid


def report_orphans(console: Console, loaded: Sequence[Loaded], found: Mapping[str, Found]) -> None:
    """Say what became of flights that refer to rows which the other files do not have."""
    stubbed = sum(each.stubbed for each in loaded)
    for each in loaded:
        counts = found[each.name]
        if counts.stubs:
            console.print(f"stubs: {counts.stubs:,} rows of {each.name} that only flights mention; {stubbed:,} are new")
        for rejection in counts.rejections:
            place = f'{NAMESPACE}."{each.name}__rejected"'
            values = ", ".join(rejection.values)
            console.print(
                f"set aside: {rejection.rows:,} rows in {place}: {rejection.column} {rejection.reason}: {values}",
                markup=False,
            )


def report_schema(console: Console, result: dg.ExecuteInProcessResult) -> None:
    """Say what became of the schema; the whole plan if it was refused."""
    for evaluation in result.get_asset_check_evaluations():
        if evaluation.check_name != "in_sync":
            continue
        shown = {name: value.value for name, value in evaluation.metadata.items()}
        steps = f"{shown['steps']} {'step' if shown['steps'] == 1 else 'steps'}"
        console.print(f"schema: {shown['state']}, {steps}, hazards: {shown['hazards']}")
        for name in () if evaluation.passed else ("plan", "refused", "to_permit"):
            if name in shown:
                console.print(str(shown[name]), markup=False)
        if shown["state"] == "refused":
            console.print("or here: python -m examples.flights.demo --allow HAZARD", markup=False)


def report_failures(console: Console, result: dg.ExecuteInProcessResult) -> None:
    """Say which steps failed, and why; where to read more is Dagster's pages."""
    for event in result.all_events:
        if event.is_step_failure:
            failure = event.step_failure_data
            reason = failure.user_failure_data.description if failure.user_failure_data else None
            error = failure.error.message.strip() if failure.error else ""
            console.print(f"{event.step_key}: {reason or error}", markup=False)
    console.print("[red]failed[/]: rows that were there are still there; `make ui` shows the run")


def run(console: Console, *, days: int, allow: Sequence[str] = (), module: ModuleType = model) -> int:
    """
    Run the demo.

    :param days: Days of the year whose flights to load, from the first.
    :param allow: Destructive hazards that the schema may have.
    :param module: Data-classes.
    :returns: Exit status: 0 if all rows that were loaded are in the database.
    """
    began = time.monotonic()
    keys = day_keys(days)
    home = prepare_home()
    resource = database()
    tables = flight_tables(module)
    with only_one(home, "demo", wait_s=LOCK_TIMEOUT_S), dg.DagsterInstance.get() as instance:
        if bury_killed_runs(instance):
            console.print("an earlier demo was killed; its rows are loaded again")
        server = resource.server
        server.start(resource.database)
        console.print(f"server: embedded PostgreSQL in {server.directory}; not for production")
        display = Display(console, {cls.__name__: days if cls in tables.partitions else 1 for cls in tables.classes})
        definitions = flight_definitions(resource, module, sources=watch(flight_sources(module), display))
        with display.shown():
            result = execute(definitions, instance, keys, allow)
        report_schema(console, result)
        if not result.success:
            report_failures(console, result)
            return 1
        loaded = loads(result, module)
        found = asyncio.run(count(resource, module))
        console.print(summary(loaded, found))
        report_orphans(console, loaded, found)
    return conclude(console, loaded, found, days=days, seconds=time.monotonic() - began)


def conclude(
    console: Console,
    loaded: Sequence[Loaded],
    found: Mapping[str, Found],
    *,
    days: int,
    seconds: float,
) -> int:
    """:returns: Exit status, after saying whether all is as it should be, and what to type next."""
    wrong = differences(loaded, found)
    if wrong:
        console.print("[red]wrong[/]: not all rows of the sources are in the tables or set aside")
        for line in wrong:
            console.print(f"  {line}", highlight=False)
        return 1
    total = sum(each.total for each in loaded)
    rejected = sum(found[each.name].of(key)[1] for each in loaded for key in each.rows)
    console.print(
        f"[green]verified[/]: {total:,} rows = {total - rejected:,} in the tables + {rejected:,} set aside;"
        f" {seconds:.1f} seconds in all"
    )
    console.print("next:")
    console.print("  make ui             lineage, plan and runs in the browser", highlight=False)
    if days < DAYS.get_num_partitions():
        console.print("  make demo DAYS=365  all flights of the year", highlight=False)
    console.print("  make demo           once more: no changes to the schema, the same rows", highlight=False)
    return 0


def main() -> int:
    """:returns: Exit status of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m examples.flights.demo", description="Load flights through Dagster."
    )
    parser.add_argument(
        "--days", type=int, default=31, help="days of 2013 to load, from 1 January (default: %(default)s)"
    )
    parser.add_argument(
        "--allow",
        action="append",
        default=[],
        choices=[hazard.name for hazard in Hazard if hazard.is_destructive],
        help="permit a hazard in this run, after a review of the plan",
    )
    arguments = parser.parse_args()
    console = Console(highlight=False, soft_wrap=True)
    try:
        return run(console, days=arguments.days, allow=arguments.allow)
    except BlockingIOError:
        console.print("another demo is running; wait until it has ended")
    except (EngineError, OSError, ValueError) as error:
        console.print(str(error), markup=False)
    return 1


if __name__ == "__main__":
    sys.exit(main())
