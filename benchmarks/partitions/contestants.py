"""The same rows by the engine alone, and through Dagster; and what Dagster takes for assets that do nothing."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from benchmarks.partitions import tables
from benchmarks.rows.servers import BenchServer
from pysqlsync_dagster import CheckOptions, DatabaseResource, MySQLResource, PostgreSQLResource, build_sync_defs
from pysqlsync_engine.base import ConnectionParameters, GeneratorOptions
from pysqlsync_engine.data.sources import Window
from pysqlsync_engine.factory import get_dialect

PASSWORD_VARIABLE = "PYSQLSYNC_BENCH_PASSWORD"  # noqa: S105 - a name, not a password
FIRST_DAY = datetime(2024, 1, 1, tzinfo=UTC)
QUIET: Mapping[str, Any] = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}

EPHEMERAL, SQLITE = "ephemeral", "sqlite"
KINDS = (EPHEMERAL, SQLITE)
"""Where runs are recorded: in memory, or in files of SQLite as `dagster dev` does."""


@contextmanager
def sqlite_instance() -> Generator[dg.DagsterInstance]:
    """Make an instance whose files are gone afterwards, and which tells nobody about its runs."""
    settings = {"telemetry": {"enabled": False}}
    with (
        tempfile.TemporaryDirectory(prefix="pysqlsync-bench-") as directory,
        dg.DagsterInstance.local_temp(directory, overrides=settings) as instance,
    ):
        yield instance


def instance_of(kind: str) -> AbstractContextManager[dg.DagsterInstance]:
    """:returns: A new instance of that kind."""
    return dg.DagsterInstance.ephemeral() if kind == EPHEMERAL else sqlite_instance()


@dataclass(frozen=True, slots=True)
class Task:
    """
    What is to be loaded into which database.

    :param rows: Of each partition of each table.
    """

    server: BenchServer
    partitions: int
    rows: int

    @property
    def days(self) -> list[datetime]:
        """First moments of the partitions."""
        return [FIRST_DAY + timedelta(days=number) for number in range(self.partitions)]

    @property
    def definition(self) -> dg.DailyPartitionsDefinition:
        """The partitions, as Dagster knows them."""
        end = FIRST_DAY + timedelta(days=self.partitions)
        return dg.DailyPartitionsDefinition(FIRST_DAY.date().isoformat(), end_date=end.date().isoformat())

    @property
    def range_tags(self) -> dict[str, str]:
        """Tags of a run that loads all of them."""
        first, last = self.days[0].date().isoformat(), self.days[-1].date().isoformat()
        return {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}

    @property
    def parameters(self) -> ConnectionParameters:
        """Where the database is."""
        parameters = self.server.parameters
        return parameters if self.server.socket is None else replace(parameters, host=self.server.socket)

    @property
    def resource(self) -> DatabaseResource:
        """The same, for Dagster; the password is put into the environment."""
        parameters = self.parameters
        os.environ[PASSWORD_VARIABLE] = parameters.password or ""
        kind = PostgreSQLResource if self.server.dialect == "postgresql" else MySQLResource
        return kind(
            host=parameters.host,
            port=parameters.port,
            username=parameters.username,
            password=dg.EnvVar(PASSWORD_VARIABLE),
            database=parameters.database,
            ssl=parameters.ssl,
        )

    @property
    def options(self) -> GeneratorOptions:
        """How the classes become tables."""
        return GeneratorOptions(namespaces={tables: tables.NAMESPACE})

    def sources(self) -> dict[type, tables.Days]:
        """:returns: All rows, made now."""
        return {cls: tables.Days(cls, self.days, self.rows) for cls in tables.TABLES}

    def table_names(self) -> list[str]:
        """:returns: Names of the tables, quoted."""
        if self.server.dialect == "postgresql":
            return [f'{tables.NAMESPACE}."{cls.__name__}"' for cls in tables.TABLES]
        return [f"`{tables.NAMESPACE}__{cls.__name__}`" for cls in tables.TABLES]

    def create(self) -> None:
        """Create the tables."""

        async def synchronize() -> None:
            engine = get_dialect(self.server.dialect)
            async with engine.create_connection(self.parameters, self.options) as connection:
                await engine.create_explorer(connection).synchronize(module=tables)

        asyncio.run(synchronize())

    def empty(self) -> None:
        """Remove all rows."""
        self.server.execute(*(f"TRUNCATE TABLE {name}" for name in self.table_names()))

    def check(self) -> None:
        """:raises RuntimeError: if not all rows are there."""
        counts = [int(self.server.execute(f"SELECT count(*) FROM {name}")) for name in self.table_names()]
        if counts != [self.partitions * self.rows] * len(counts):
            raise RuntimeError(f"expected {self.partitions * self.rows} rows in each table; got {counts}")


async def load_with_engine(task: Task, sources: Mapping[type, tables.Days]) -> None:
    """Load all partitions of all tables, each in a transaction of its own, one after the other."""
    engine = get_dialect(task.server.dialect)
    async with engine.create_pool(task.parameters) as pool:
        for cls, source in sources.items():
            async with pool.connection(task.options) as connection:
                table = connection.get_table(cls)
            for day in task.days:
                window = Window(start=day, end=day + timedelta(days=1), key=day.date().isoformat())
                await pool.load(table, source, window=window)


def asset_keys() -> list[dg.AssetKey]:
    """:returns: Keys of the assets that are loaded."""
    return [dg.AssetKey([tables.NAMESPACE, cls.__name__]) for cls in tables.TABLES]


def job_of(definitions: dg.Definitions) -> dg.JobDefinition:
    """:returns: The job that loads the tables, and nothing else."""
    selection = dg.AssetSelection.assets(*asset_keys()).without_checks()
    job = dg.define_asset_job("load", selection=selection)
    return dg.Definitions.merge(definitions, dg.Definitions(jobs=[job])).resolve_job_def("load")


def loading_job(task: Task, sources: Mapping[type, tables.Days]) -> dg.JobDefinition:
    """:returns: The job that loads them as assets of the package."""
    definitions = build_sync_defs(
        tables,
        target=task.resource,
        sources=sources,
        namespace=tables.NAMESPACE,
        partitions=dict.fromkeys(tables.TABLES, task.definition),
        checks=CheckOptions(constraints=False, max_rejected_share=None),
        executor=dg.in_process_executor,
    )
    return job_of(definitions)


def empty_asset(key: dg.AssetKey, partitions: dg.PartitionsDefinition[Any]) -> dg.AssetsDefinition:
    """:returns: An asset that loads nothing, for all partitions in one run."""

    @dg.multi_asset(
        name=key.to_python_identifier(),
        specs=[dg.AssetSpec(key, partitions_def=partitions)],
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    async def load_nothing() -> dg.MaterializeResult[Any]:
        return dg.MaterializeResult(asset_key=key)

    return load_nothing


def empty_job(task: Task) -> dg.JobDefinition:
    """:returns: A job of as many assets and partitions in which nothing is done."""
    assets = [empty_asset(key, task.definition) for key in asset_keys()]
    return job_of(dg.Definitions(assets=assets, executor=dg.in_process_executor))


def execute(job: dg.JobDefinition, task: Task, instance: dg.DagsterInstance) -> None:
    """Run all partitions in one run, in this process."""
    result = job.execute_in_process(instance=instance, tags=task.range_tags, run_config=QUIET)
    marked = instance.get_materialized_partitions(asset_keys()[-1])
    if not result.success or len(marked) != task.partitions:
        raise RuntimeError(f"expected {task.partitions} materialized partitions; got {len(marked)}")


ENGINE = "engine alone"


@dataclass(frozen=True, slots=True)
class Contestant:
    """
    One who takes turns.

    :param run: Does the task; given the instance, if there is a kind.
    :param kind: Of the instance; `None` without Dagster.
    :param stores: True if the rows are in the tables afterwards.
    """

    name: str
    run: Callable[[dg.DagsterInstance | None], None]
    kind: str | None = None
    stores: bool = True


def empty_name(kind: str) -> str:
    """:returns: Name of the run that does nothing."""
    return f"empty assets, {kind}"


def loading_name(kind: str) -> str:
    """:returns: Name of the run that loads."""
    return f"assets, {kind}"


def contestants(task: Task) -> list[Contestant]:
    """:returns: Who takes turns, in order."""
    sources = task.sources()
    nothing, loading = empty_job(task), loading_job(task, sources)

    def runs(job: dg.JobDefinition) -> Callable[[dg.DagsterInstance | None], None]:
        def run(instance: dg.DagsterInstance | None) -> None:
            assert instance is not None  # noqa: S101 - there is a kind
            execute(job, task, instance)

        return run

    found = [Contestant(ENGINE, lambda _: asyncio.run(load_with_engine(task, sources)))]
    for kind in KINDS:
        found.append(Contestant(empty_name(kind), runs(nothing), kind, stores=False))
        found.append(Contestant(loading_name(kind), runs(loading), kind))
    return found
