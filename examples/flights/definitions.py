"""The flights job as Dagster definitions: a schema, five tables, and one partition for each day of 2013."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType

import dagster as dg

from examples.flights import model
from examples.flights.files import FlightFile, data_directory
from examples.flights.source import FlightsByDay, FlightSource, table_file
from pysqlsync_dagster import DatabaseResource, EmbeddedPostgreSQLResource, TableModule, build_assets
from pysqlsync_engine.base import GeneratorOptions, entities

NAMESPACE = "flights"

DAYS = dg.DailyPartitionsDefinition("2013-01-01", end_date="2014-01-01", timezone="America/New_York")
"""A day is that of the scheduled departure, on the clocks of New York."""


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
    Build assets, jobs and the daily schedule.

    :param database: Where the tables are.
    :param sources: Where rows come from instead of the files of the package.
    """
    tables = flight_tables(module)
    by_day = [
        dg.define_asset_job(  # pyright: ignore[reportUnknownMemberType] - of Dagster
            "flights_daily",
            selection=dg.AssetSelection.assets([NAMESPACE, cls.__name__]),
            description="Loads the flights of one day, or of several; the schema must be in sync.",
        )
        for cls in tables.partitions
    ]
    return dg.Definitions(
        assets=build_assets(tables, sources=sources or flight_sources(module)),
        resources={"database": database},
        executor=dg.in_process_executor,  # steps are short: a process for each would take longer than its work
        jobs=[
            dg.define_asset_job(  # pyright: ignore[reportUnknownMemberType] - of Dagster
                "flights_schema",
                selection=dg.AssetSelection.assets([NAMESPACE, "schema"]),
                description="Plans the schema, shows the plan, and applies it if nothing is lost by it.",
            ),
            dg.define_asset_job(  # pyright: ignore[reportUnknownMemberType] - of Dagster
                "flights_all",
                selection=dg.AssetSelection.all(),
                description="Schema, all tables, and the flights of some days.",
            ),
            *by_day,
        ],
        schedules=[
            dg.build_schedule_from_partitioned_job(  # pyright: ignore[reportUnknownMemberType] - of Dagster
                job, hour_of_day=6
            )
            for job in by_day
        ],
    )
