"""One asset for each data-class of a module, and the schema asset above them."""

# Annotations are not postponed here: Dagster reads those of a step as objects.

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import dagster as dg

from pysqlsync_dagster.metadata import load_metadata
from pysqlsync_dagster.resources import DatabaseResource
from pysqlsync_dagster.schema_sync import build_schema_asset, require_in_sync
from pysqlsync_dagster.streams import PartitionLoad, Source, feeds, load_windows, windows
from pysqlsync_dagster.translator import TableModule, TableTranslator, build_table_specs
from pysqlsync_engine.base import ConnectionContext, SyncPolicy
from pysqlsync_engine.data.sources import RecordSource, Window
from pysqlsync_engine.errors import EngineError


@dataclass(frozen=True, slots=True)
class AssetOptions:
    """
    How the assets of the tables of a module execute.

    :param resource: Key of the database resource.
    :param backfill_policy: How many partitions a run loads; all of them by default, each in its own transaction.
    :param retry_policy: What to do when a load fails.
    :param pool: Concurrency pool of the assets.
    :param op_tags: Tags of the steps.
    """

    resource: str = "database"
    backfill_policy: dg.BackfillPolicy | None = None
    retry_policy: dg.RetryPolicy | None = None
    pool: str | None = None
    op_tags: Mapping[str, str] | None = None


def failure_text(error: Exception, wanted: Sequence[Window | None], finished: Sequence[PartitionLoad]) -> str:
    """:returns: What went wrong in which partition, and what became of the partitions before it."""
    reason = str(error) if isinstance(error, EngineError) else f"{type(error).__name__}: {error}"
    failed = wanted[len(finished)] if len(finished) < len(wanted) else None
    if failed is None:
        return reason
    stored = f"{len(finished)} of {len(wanted)} partitions were stored and are recorded; load the others again"
    return f"partition {failed.key}: {reason}; {stored}"


@dataclass(frozen=True, slots=True)
class TableLoader:
    """
    What loads the rows of one table, as far as it is known when the definitions are made.

    :param sources: Record sources by name, the default one first.
    :param schema_key: Asset that brings the table into existence.
    """

    tables: TableModule
    cls: type
    key: dg.AssetKey
    sources: Mapping[str, RecordSource]
    policy: SyncPolicy
    schema_key: dg.AssetKey

    @property
    def partitions(self) -> dg.TimeWindowPartitionsDefinition | None:
        """`None` for a table that is loaded whole."""
        return self.tables.partitions.get(self.cls)

    def config_schema(self, op_name: str) -> dict[str, dg.Field]:
        """:returns: Run configuration that chooses among several record sources; empty where there is but one."""
        if len(self.sources) < 2:
            return {}
        choices = dg.Enum(f"{op_name}__feed", [dg.EnumValue(name) for name in self.sources])
        description = f"Where the rows come from: {', '.join(self.sources)}."
        return {"feed": dg.Field(choices, default_value=next(iter(self.sources)), description=description)}

    async def load(self, context: dg.AssetExecutionContext, connection: ConnectionContext) -> None:
        """Load the partitions of a run, or the whole table, and record each as it is stored."""
        feed: str = (
            context.op_execution_context.op_config["feed"] if len(self.sources) > 1 else next(iter(self.sources))
        )
        wanted = windows(self.partitions, context.partition_keys if self.partitions is not None else ())
        table = connection.get_table(self.cls)
        await require_in_sync(connection, self.tables, table, policy=self.policy, schema_key=self.schema_key)
        finished: list[PartitionLoad] = []
        try:
            async for load in load_windows(connection, table, self.sources[feed], wanted):
                finished.append(load)
                self.record(context, load, feed)
        except (EngineError, OSError, ValueError) as error:
            self.record_checkpoints(context, finished, feed)
            raise dg.Failure(description=failure_text(error, wanted, finished)) from error
        except BaseException:
            self.record_checkpoints(context, finished, feed)
            raise

    def record(self, context: dg.AssetExecutionContext, load: PartitionLoad, feed: str) -> None:
        """Add what one stream did to the materialization of its partition, and to the log."""
        report = load.report
        shown = load_metadata(report, total=load.total, feed=feed)
        context.add_asset_metadata(shown, asset_key=self.key, partition_key=load.key)
        place = report.table if load.key is None else f"{report.table}, partition {load.key}"
        speed = f"{report.seconds:.2f} s, {report.rows_per_second:,.0f} rows/s"
        context.log.info(f"{place}: {report.rows:,} rows loaded, {report.affected:,} affected ({speed})")

    def record_checkpoints(
        self, context: dg.AssetExecutionContext, finished: Sequence[PartitionLoad], feed: str
    ) -> None:
        """Record partitions that were stored before a failure as materialized: only the others need be run again."""
        for load in finished:
            if load.key is not None:
                shown = load_metadata(load.report, total=load.total, feed=feed)
                context.log_event(dg.AssetMaterialization(self.key, partition=load.key, metadata=shown))


def build_table_asset(loader: TableLoader, spec: dg.AssetSpec, *, options: AssetOptions) -> dg.AssetsDefinition:
    """:returns: The asset that loads the rows of one table."""
    op_name = spec.key.to_python_identifier()

    @dg.multi_asset(
        name=op_name,
        specs=[spec],
        config_schema=loader.config_schema(op_name),
        required_resource_keys={options.resource},
        backfill_policy=options.backfill_policy or dg.BackfillPolicy.single_run(),
        retry_policy=options.retry_policy,
        pool=options.pool,
        op_tags=options.op_tags,
    )
    async def load_table(context: dg.AssetExecutionContext):
        database: DatabaseResource = getattr(context.resources, options.resource)
        async with database.connection(loader.tables.options) as connection:
            try:
                await loader.load(context, connection)
            except EngineError as error:
                raise dg.Failure(description=str(error)) from error
        return dg.MaterializeResult(asset_key=spec.key)

    return load_table


def build_assets(
    tables: TableModule,
    *,
    sources: Mapping[type, Source],
    translator: TableTranslator | None = None,
    policy: SyncPolicy | None = None,
    options: AssetOptions | None = None,
) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """
    Build the assets of a module of data-classes: its schema, and a table for each class.

    :param sources: Where the rows of each table come from. A table without one is shown, but loaded by somebody else.
    :param translator: Says how tables become assets.
    :param policy: What the schema asset may do without asking.
    :param options: How the table assets execute.
    :raises ValueError: if a source is given for a class that is no table of the module.
    """
    options = options or AssetOptions()
    policy = policy or SyncPolicy()
    schema = build_schema_asset(tables, policy=policy, resource=options.resource)
    specs = build_table_specs(tables, translator=translator, upstream=[schema.key])
    strangers = [cls.__name__ for cls in sources if cls not in specs]
    if strangers:
        known = ", ".join(cls.__name__ for cls in specs)
        raise ValueError(f"sources: {', '.join(strangers)} is no table of module {tables.title!r}; tables: {known}")
    built: list[dg.AssetsDefinition | dg.AssetSpec] = [schema]
    for cls, spec in specs.items():
        if cls not in sources:
            built.append(spec)
            continue
        loader = TableLoader(tables, cls, spec.key, feeds(sources[cls]), policy, schema.key)
        built.append(build_table_asset(loader, spec, options=options))
    return built
