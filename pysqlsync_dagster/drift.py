"""Checks that tell for each table whether the live one is still what its data-class describes; nothing is changed."""

# Annotations are not postponed here: Dagster reads those of a step as objects.

from dataclasses import dataclass, replace

import dagster as dg

from pysqlsync_dagster.assets import TableSet
from pysqlsync_dagster.metadata import plan_hazards, plan_markdown, plan_summary
from pysqlsync_dagster.resources import DatabaseResource
from pysqlsync_dagster.schema_sync import explorer_of, needed_names
from pysqlsync_engine.base import Plan, touches
from pysqlsync_engine.model.object_types import Table

SCHEMA_DRIFT = "schema_drift"
"""Name of the check of each table."""


@dataclass(frozen=True, slots=True)
class Drift:
    """
    How far a live table is from its data-class.

    :param plan: The steps that would bring it back, of those of the whole module.
    """

    plan: Plan

    @property
    def state(self) -> str:
        """`in sync`; `additive` if nothing would be lost by bringing it back, else `destructive`."""
        if self.plan.is_empty:
            return "in sync"
        return "destructive" if any(hazard.is_destructive for hazard in self.plan.hazards) else "additive"

    def result(self, key: dg.AssetKey) -> dg.AssetCheckResult:
        """:returns: What is recorded of it: a warning if nothing would be lost, else an error."""
        return dg.AssetCheckResult(
            asset_key=key,
            check_name=SCHEMA_DRIFT,
            passed=self.plan.is_empty,
            severity=dg.AssetCheckSeverity.ERROR if self.state == "destructive" else dg.AssetCheckSeverity.WARN,
            description=f"{self.state}: {plan_summary(self.plan)}" if not self.plan.is_empty else "in sync",
            metadata={
                "state": self.state,
                "changes": plan_summary(self.plan),
                "hazards": plan_hazards(self.plan),
                "plan": dg.MetadataValue.md(plan_markdown(self.plan)),
            },
        )


def table_drift(plan: Plan, table: Table) -> Drift:
    """:returns: Of the plan for a whole module, what concerns one table."""
    names = needed_names(table)
    return Drift(replace(plan, steps=tuple(step for step in plan.steps if touches(step.operation) & names)))


def build_drift_checks(planned: TableSet) -> dg.AssetChecksDefinition:
    """
    Build a check `schema_drift` for each table, all of which ask the server once.

    A table that would get something is a warning, one that would lose something an error; the plan is shown.
    """
    resource = planned.options.resource
    specs = [
        dg.AssetCheckSpec(SCHEMA_DRIFT, asset=spec.key, description="The live table is what its data-class describes.")
        for spec in planned.specs.values()
    ]
    name = f"{planned.schema.key.to_python_identifier()}_drift"

    @dg.multi_asset_check(name=name, specs=specs, can_subset=True, required_resource_keys={resource})
    async def check_drift(context: dg.AssetCheckExecutionContext):
        database: DatabaseResource = getattr(context.resources, resource)
        async with database.connection(planned.tables.options) as connection:
            plan = await explorer_of(connection).plan(**planned.tables.scope, policy=planned.policy)
            found = {cls: table_drift(plan, connection.get_table(cls)) for cls in planned.specs}
        wanted = {key.asset_key for key in context.selected_asset_check_keys}
        for cls, spec in planned.specs.items():
            if spec.key in wanted:
                yield found[cls].result(spec.key)

    return check_drift
