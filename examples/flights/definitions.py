"""The flights job as Dagster definitions: a schema, five tables, and one partition for each day of 2013."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType

import dagster as dg

from examples.flights import model
from examples.flights.files import FlightFile, data_directory
from examples.flights.source import FlightsByDay, table_file
from pysqlsync_dagster import DatabaseResource, EmbeddedPostgreSQLResource, Source, TableModule, build_assets
from pysqlsync_engine.base import GeneratorOptions

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
        partitions={module.Flight: DAYS},
    )


def flight_sources(module: ModuleType = model) -> dict[type, Source]:
    """:returns: Where the rows of each table come from; flights as they were flown, or as they were scheduled."""
    directory = data_directory()
    flights = FlightFile(directory / "flights.csv.zip")
    return {
        module.Airline: table_file(module.Airline, directory / "airlines.csv"),
        module.Airport: table_file(module.Airport, directory / "airports.csv"),
        module.Plane: table_file(module.Plane, directory / "planes.csv"),
        module.Weather: table_file(module.Weather, directory / "weather.csv"),
        module.Flight: {
            "actual": FlightsByDay(module.Flight, flights),
            "scheduled": FlightsByDay(module.Flight, flights, scheduled=True),
        },
    }


def flight_definitions(
    database: DatabaseResource, module: ModuleType = model, *, sources: Mapping[type, Source] | None = None
) -> dg.Definitions:
    """
    Build assets, jobs and the daily schedule.

    :param database: Where the tables are.
    :param sources: Where rows come from instead of the files of the package.
    """
    assets = build_assets(flight_tables(module), sources=sources or flight_sources(module))
    daily = dg.define_asset_job(  # pyright: ignore[reportUnknownMemberType] - of Dagster
        "flights_daily",
        selection=dg.AssetSelection.assets([NAMESPACE, module.Flight.__name__]),
        description="Loads the flights of one day, or of several; the schema must be in sync.",
    )
    return dg.Definitions(
        assets=assets,
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
            daily,
        ],
        schedules=[
            dg.build_schedule_from_partitioned_job(  # pyright: ignore[reportUnknownMemberType] - of Dagster
                daily, hour_of_day=6
            )
        ],
    )
