"""
The flights job as Dagster definitions: a schema, five tables, and one partition for each day of 2013.

Flights refer to planes and airports that the other files do not have. What becomes of them is said in `FLIGHTS`, and why in
`README.md`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType

import dagster as dg

from examples.flights import model
from examples.flights.files import FlightFile, data_directory
from examples.flights.source import FlightsByDay, FlightSource, table_file
from pysqlsync_dagster import (
    AssetOptions,
    CheckOptions,
    DatabaseResource,
    EmbeddedPostgreSQLResource,
    SyncSchedule,
    TableFeed,
    TableModule,
    build_sync_defs,
)
from pysqlsync_engine.base import GeneratorOptions, LoadOptions, OnError, entities

NAMESPACE = "flights"

DAYS = dg.DailyPartitionsDefinition("2013-01-01", end_date="2014-01-01", timezone="America/New_York")
"""A day is that of the scheduled departure, on the clocks of New York."""

FLIGHTS = LoadOptions(
    stubs=("tailnum",),  # planes that the register lacks are added
    on_error=OnError.QUARANTINE,  # flights to airports that are not known are set aside
)
"""How flights are stored; the other tables are stored as a whole or not at all."""

MAX_REJECTED_SHARE = 0.05
"""Share of the flights of a run that may be set aside before the asset has a warning."""


def database() -> EmbeddedPostgreSQLResource:
    """:returns: The database of the example, in the embedded server at its usual place."""
    return EmbeddedPostgreSQLResource(database="flights")


def flight_tables(module: ModuleType = model) -> TableModule:
    """:returns: The tables of the module, in the namespace of the flights."""
    return TableModule(
        module,
        options=GeneratorOptions(namespaces={module: NAMESPACE}),
        owners=("team:flights",),
        partitions={cls: DAYS for cls in entities(module) if cls.__name__ == "Flight"},
    )


def flight_sources(module: ModuleType = model) -> dict[type, FlightSource]:
    """
    :returns: Where the rows of each table come from; flights as they were flown, or as they were scheduled. A class that the
        package has no file for is shown, but not loaded.
    """
    directory = data_directory()
    flights = FlightFile(directory / "flights.csv.zip")
    sources: dict[str, Callable[[type], FlightSource]] = {
        "Airline": lambda cls: table_file(cls, directory / "airlines.csv"),
        "Airport": lambda cls: table_file(cls, directory / "airports.csv"),
        "Plane": lambda cls: table_file(cls, directory / "planes.csv"),
        "Weather": lambda cls: table_file(cls, directory / "weather.csv"),
        "Flight": lambda cls: {
            "actual": FlightsByDay(cls, flights),
            "scheduled": FlightsByDay(cls, flights, scheduled=True),
        },
    }
    return {cls: sources[cls.__name__](cls) for cls in entities(module) if cls.__name__ in sources}


def flight_definitions(
    database: DatabaseResource, module: ModuleType = model, *, sources: Mapping[type, FlightSource] | None = None
) -> dg.Definitions:
    """
    Build assets, checks, jobs and the daily schedule.

    :param database: Where the tables are.
    :param sources: Where rows come from instead of the files of the package.
    """
    tables = flight_tables(module)
    feeds = {
        cls: TableFeed(source, load=FLIGHTS) if cls in tables.partitions else TableFeed(source)
        for cls, source in (sources or flight_sources(module)).items()
    }
    return build_sync_defs(
        tables,
        target=database,
        sources=feeds,
        options=AssetOptions(concurrency=2),  # two days at a time, each in a transaction of its own
        schedule=SyncSchedule(hour_of_day=6, timezone="America/New_York"),
        checks=CheckOptions(max_rejected_share=MAX_REJECTED_SHARE),
        executor=dg.in_process_executor,  # steps are short: a process for each would take longer than its work
    )
