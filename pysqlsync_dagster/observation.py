"""Looks at tables that somebody else loads: how many rows they have, and whether they are still as they were described."""

# Annotations are not postponed here: Dagster reads those of a step as objects.

from collections.abc import Mapping
from typing import Any

import dagster as dg

from pysqlsync_dagster.drift import table_drift
from pysqlsync_dagster.metadata import plan_summary
from pysqlsync_dagster.resources import DatabaseResource
from pysqlsync_dagster.schema_sync import explorer_of
from pysqlsync_dagster.translator import TableModule
from pysqlsync_engine.base import ConnectionContext, Plan, SyncPolicy, created_tables
from pysqlsync_engine.model.object_types import Table


async def observed(connection: ConnectionContext, plan: Plan, table: Table) -> dict[str, Any]:
    """
    :param plan: What would make the live tables as they were described.
    :returns: What the UI shows of a table now.
    """
    if table.name in created_tables(plan):
        return {"state": "missing"}
    drift = table_drift(plan, table)
    shown: dict[str, Any] = {"dagster/row_count": await connection.count_rows(table), "state": "as described"}
    if not drift.plan.is_empty:
        shown |= {"state": "changed", "changes_to_undo": plan_summary(drift.plan)}
    return shown


def build_observable_tables(
    tables: TableModule, specs: Mapping[type, dg.AssetSpec], *, resource: str, name: str
) -> dg.AssetsDefinition:
    """
    Build assets of tables that are not loaded, but can be looked at; all rows are counted then.

    :param specs: By class.
    :param resource: Key of the database resource.
    :param name: Name of the step, which can look at some of the tables.
    """

    @dg.multi_observable_source_asset(
        name=name, specs=list(specs.values()), can_subset=True, required_resource_keys={resource}
    )
    async def observe_tables(context: dg.AssetExecutionContext):
        database: DatabaseResource = getattr(context.resources, resource)
        async with database.connection(tables.options) as connection:
            plan = await explorer_of(connection).plan(**tables.scope, policy=SyncPolicy(keep=("*",)))
            for cls, spec in specs.items():
                if spec.key in context.selected_asset_keys:
                    shown = await observed(connection, plan, connection.get_table(cls))
                    yield dg.ObserveResult(asset_key=spec.key, metadata=shown)

    return observe_tables
