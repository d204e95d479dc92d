"""One asset for each data-class of a module, and the schema asset above them."""

# Annotations are not postponed here: Dagster reads those of a step as objects.

from collections.abc import AsyncIterator, Callable, Collection, Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any

import dagster as dg

from pysqlsync_dagster.feeds import Source, TableFeed, feed_of
from pysqlsync_dagster.load_metadata import RejectPreview
from pysqlsync_dagster.metadata import pii_columns
from pysqlsync_dagster.resources import DatabaseResource
from pysqlsync_dagster.schema_asset import build_schema_asset
from pysqlsync_dagster.table_loader import TableLoader
from pysqlsync_dagster.translator import TableModule, TableTranslator, build_table_specs
from pysqlsync_engine.base import SyncPolicy


@dataclass(frozen=True, slots=True)
class AssetOptions:
    """
    How the assets of the tables of a module execute.

    :param resource: Key of the database resource.
    :param backfill_policy: How many partitions a run loads; all of them by default, each in its own transaction.
    :param retry_policy: What to do when a load fails.
    :param pool: Concurrency pool of the assets.
    :param op_tags: Tags of the steps.
    :param concurrency: Most partitions of a table to load at the same time, each on a connection of the resource's own pool.
    :param preview: What the UI shows of rows that were set aside.
    :param automation_condition: When assets are to be loaded, for those that the translator says nothing of.
    :param freshness_policy: How old assets may be, for those that the translator says nothing of.
    """

    resource: str = "database"
    backfill_policy: dg.BackfillPolicy | None = None
    retry_policy: dg.RetryPolicy | None = None
    pool: str | None = None
    op_tags: Mapping[str, str] | None = None
    concurrency: int = 1
    preview: RejectPreview = RejectPreview()
    automation_condition: dg.AutomationCondition[Any] | None = None
    freshness_policy: dg.FreshnessPolicy | None = None

    def complete(self, spec: dg.AssetSpec) -> dg.AssetSpec:
        """:returns: The spec, with what it leaves open."""
        return spec.replace_attributes(  # pyright: ignore[reportUnknownMemberType] - of Dagster
            automation_condition=spec.automation_condition or self.automation_condition,  # pyright: ignore[reportUnknownMemberType]
            freshness_policy=spec.freshness_policy or self.freshness_policy,
        )

    def step_arguments(self) -> dict[str, Any]:
        """:returns: Arguments of `multi_asset` that are the same for all steps."""
        return {
            "backfill_policy": self.backfill_policy or dg.BackfillPolicy.single_run(),
            "retry_policy": self.retry_policy,
            "pool": self.pool,
            "op_tags": self.op_tags,
        }


@dataclass(frozen=True, slots=True)
class TableSet:
    """
    The tables of a module as assets; see `plan_tables`. Immutable, and the same in every process.

    :param schema: Asset that plans and applies the schema.
    :param specs: Of all tables, by class.
    :param loaders: Of the tables that have a source, those that others refer to first.
    """

    tables: TableModule
    schema: dg.AssetsDefinition
    specs: Mapping[type, dg.AssetSpec]
    loaders: tuple[TableLoader, ...]
    policy: SyncPolicy
    options: AssetOptions

    @property
    def external(self) -> list[dg.AssetSpec]:
        """Tables that somebody else loads, and assets that rows come from as far as feeds describe them."""
        loaded = {loader.cls for loader in self.loaders}
        others = [spec for cls, spec in self.specs.items() if cls not in loaded]
        above: dict[dg.AssetKey, dg.AssetSpec] = {}
        for loader in self.loaders:
            if isinstance(spec := loader.feed.upstream, dg.AssetSpec):
                # drawn with the table, unless they are said to belong elsewhere
                group = spec.group_name or loader.spec.group_name
                above[spec.key] = spec.replace_attributes(group_name=group)  # pyright: ignore[reportUnknownMemberType] - of Dagster
        return [*above.values(), *others]

    async def load(
        self, context: dg.AssetExecutionContext, database: DatabaseResource, *, classes: Collection[type] | None = None
    ) -> AsyncIterator[dg.AssetMaterialization | dg.MaterializeResult[Any]]:
        """
        Load the tables that the run has selected, for the body of `table_assets`.

        :param classes: Tables to load now; `None` for all.
        :returns: What to yield to Dagster, after each partition and after each table.
        """
        for loader in self.loaders:
            if loader.key in context.selected_asset_keys and (classes is None or loader.cls in classes):
                async for event in loader.load(context, database):
                    yield event


def references_first(specs: Mapping[type, dg.AssetSpec]) -> list[type]:
    """:returns: The classes, those whose assets others depend on first."""
    by_key = {spec.key: cls for cls, spec in specs.items()}
    graph = {spec.key: [dep.asset_key for dep in spec.deps if dep.asset_key in by_key] for spec in specs.values()}
    return [by_key[key] for key in TopologicalSorter(graph).static_order()]


def plan_tables(
    tables: TableModule,
    *,
    sources: Mapping[type, Source | TableFeed],
    translator: TableTranslator | None = None,
    policy: SyncPolicy | None = None,
    options: AssetOptions | None = None,
) -> TableSet:
    """
    Form all that the definitions need of a module of data-classes; nothing is asked of a server, or of a source.

    :param sources: Where the rows of each table come from. A table without one is shown, but loaded by somebody else.
    :param translator: Says how tables become assets.
    :param policy: What the schema asset may do without asking.
    :param options: How the table assets execute.
    :raises ValueError: if a source is given for a class that is no table of the module, or does not fit its partitions.
    """
    options = options or AssetOptions()
    policy = policy or SyncPolicy()
    feeds = {cls: feed_of(source) for cls, source in sources.items()}
    contracts = {cls: feed.contract for cls, feed in feeds.items()}
    schema = build_schema_asset(tables, policy=policy, resource=options.resource, contracts=contracts)
    specs = build_table_specs(tables, translator=translator, upstream=[schema.key], feeds=feeds)
    specs = {cls: options.complete(spec) for cls, spec in specs.items()}
    for cls, feed in feeds.items():
        # a translator may have chosen other partitions
        feed.check(specs[cls].partitions_def, specs[cls].key.to_user_string())
    personal = {each.cls for each in tables.tables() if pii_columns(each.table)}
    loaders = tuple(
        TableLoader(
            tables,
            cls,
            specs[cls],
            feeds[cls],
            policy,
            schema.key,
            concurrency=options.concurrency,
            preview=options.preview,
            has_pii=cls in personal,
        )
        for cls in references_first(specs)
        if cls in feeds
    )
    return TableSet(tables, schema, specs, loaders, policy, options)


def build_table_asset(loader: TableLoader, *, options: AssetOptions) -> dg.AssetsDefinition:
    """:returns: The asset that loads the rows of one table."""

    @dg.multi_asset(
        name=loader.op_name,
        specs=[loader.spec],
        config_schema=loader.config_schema(),
        required_resource_keys={options.resource},
        **options.step_arguments(),
    )
    async def load_table(context: dg.AssetExecutionContext):
        database: DatabaseResource = getattr(context.resources, options.resource)
        config: Any = context.op_execution_context.op_config
        feed = config["feed"] if len(loader.feed.sources) > 1 else None
        async for event in loader.load(context, database, feed=feed):
            yield event

    return load_table


def table_assets(planned: TableSet, *, name: str | None = None) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """
    Make assets of all tables that have a source, loaded by one step whose body is the user's.

    ```python
    shop = plan_tables(TableModule(model), sources={model.Customer: customers, model.Order: orders})

    @table_assets(shop)
    async def load_shop(context: dg.AssetExecutionContext, database: PostgreSQLResource):
        async for result in shop.load(context, database):
            yield result

    defs = dg.Definitions(assets=[shop.schema, *shop.external, load_shop], resources={"database": ...})
    ```

    A run may select some of the tables.

    :param name: Name of the step; `None` for that of the function.
    """

    def decorate(body: Callable[..., Any]) -> dg.AssetsDefinition:
        decorator = dg.multi_asset(
            name=name or body.__name__,
            specs=[loader.spec for loader in planned.loaders],
            can_subset=True,
            **planned.options.step_arguments(),
        )
        return decorator(body)

    return decorate


def build_assets(
    tables: TableModule,
    *,
    sources: Mapping[type, Source | TableFeed],
    translator: TableTranslator | None = None,
    policy: SyncPolicy | None = None,
    options: AssetOptions | None = None,
) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """
    Build the assets of a module of data-classes: its schema, and a table for each class. See `plan_tables`.

    Each table has a step of its own, so that one that fails does not keep others from being loaded.
    """
    planned = plan_tables(tables, sources=sources, translator=translator, policy=policy, options=options)
    loaded = [build_table_asset(loader, options=planned.options) for loader in planned.loaders]
    return [planned.schema, *loaded, *planned.external]
