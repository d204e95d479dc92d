"""The small shop as Dagster definitions, as an importable module: other processes have to find it, too."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import ModuleType
from typing import Any

import dagster as dg

from pysqlsync_dagster import (
    AssetOptions,
    MySQLResource,
    PostgreSQLResource,
    TableModule,
    TableTranslator,
    build_assets,
)
from pysqlsync_engine.base import GeneratorOptions, SyncPolicy
from pysqlsync_engine.data.sources import Fields, Window
from pysqlsync_engine.parameters import ConnectionParameters
from pysqlsync_engine.session import Batch, Row
from tests import orders_model

DAYS = dg.DailyPartitionsDefinition("2024-01-01", end_date="2024-02-01")
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
PASSWORD_VARIABLE = "ORDERS_DATABASE_PASSWORD"
ADDRESS_VARIABLE = "ORDERS_DATABASE"


class Rows:
    """Record source that holds its rows."""

    def __init__(self, fields: Fields, rows: Sequence[Row]) -> None:
        self.fields = fields
        self.rows = list(rows)

    def batches(self, window: Window | None) -> Iterator[Batch]:
        assert window is None
        yield self.rows


class OrdersByDay:
    """
    Record source of orders: on the n-th day of the month there are n of them.

    :param fails_on: Key of the day in the middle of which the source fails.
    """

    fields = Fields(
        ("id", "customer", "ordered_at", "state", "total"), (int, int, datetime, orders_model.OrderState, Decimal)
    )

    def __init__(self, *, fails_on: str | None = None) -> None:
        self.fails_on = fails_on

    def batches(self, window: Window | None) -> Iterator[Batch]:
        assert window is not None
        state = orders_model.OrderState.open
        for number in range(window.start.day):
            at = window.start.astimezone(UTC) + timedelta(minutes=number)
            yield [(window.start.day * 100 + number, 1 + number % 2, at, state, Decimal("9.90"))]
        if window.key == self.fails_on:
            raise ConnectionResetError("the shop has closed")


def customers() -> Rows:
    rows = [(1, "ann@example.org", "Ann"), (2, "bob@example.org", None)]
    return Rows(Fields(("id", "email", "name"), (int, str, str)), rows)


def tables(module: ModuleType = orders_model, *, dialect: str = "postgresql") -> TableModule:
    return TableModule(
        module,
        dialect=dialect,
        options=GeneratorOptions(namespaces={module: "shop"}),
        owners=("team:shop",),
        partitions={module.Order: DAYS},
    )


def assets(
    module: ModuleType = orders_model,
    *,
    orders: Any = None,
    customer_rows: Rows | None = None,
    translator: TableTranslator | None = None,
    policy: SyncPolicy | None = None,
    options: AssetOptions | None = None,
    dialect: str = "postgresql",
) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    sources = {module.Customer: customer_rows or customers(), module.Order: orders or OrdersByDay()}
    described = tables(module, dialect=dialect)
    return build_assets(described, sources=sources, translator=translator, policy=policy, options=options)


def resource(parameters: ConnectionParameters, *, dialect: str = "postgresql") -> PostgreSQLResource | MySQLResource:
    """:returns: The database at this address; its password is taken from the environment."""
    kind = MySQLResource if dialect == "mysql" else PostgreSQLResource
    return kind(
        host=parameters.host,
        port=parameters.port,
        username=parameters.username,
        password=dg.EnvVar(PASSWORD_VARIABLE),
        database=parameters.database,
        ssl=parameters.ssl,
    )


def environment_resource() -> PostgreSQLResource | MySQLResource:
    """:returns: The database that the environment names, see `address`."""
    host, port, username, name, dialect = os.environ[ADDRESS_VARIABLE].split("|")
    parameters = ConnectionParameters(host=host, port=int(port) if port else None, username=username, database=name)
    return resource(parameters, dialect=dialect)


def job() -> dg.JobDefinition:
    """:returns: The job over all assets, on the database that the environment names."""
    database = environment_resource()
    definitions = dg.Definitions(
        assets=assets(dialect=database.dialect),
        resources={"database": database},
        jobs=[
            dg.define_asset_job(  # pyright: ignore[reportUnknownMemberType] - of Dagster
                "shop", executor_def=dg.multiprocess_executor
            )
        ],
    )
    return definitions.resolve_job_def("shop")


def address(parameters: ConnectionParameters, *, dialect: str = "postgresql") -> str:
    """:returns: What `environment_resource` expects in the environment."""
    parts = (parameters.host, parameters.port or "", parameters.username, parameters.database, dialect)
    return "|".join(map(str, parts))


def partition_range(first: str, last: str) -> dict[str, str]:
    return {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
