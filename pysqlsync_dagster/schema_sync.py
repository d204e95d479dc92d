"""The schema of a module as an asset: plan, show the plan, apply it if the policy permits, and say whether all is in sync."""

# Annotations are not postponed here: Dagster reads those of a step as objects.

from dataclasses import dataclass, replace
from typing import Any

import dagster as dg
from pydantic import Field

from pysqlsync_dagster.metadata import plan_hazards, plan_markdown, plan_summary, sql_markdown, used_types
from pysqlsync_dagster.resources import DatabaseResource
from pysqlsync_dagster.translator import TableModule, group_name
from pysqlsync_engine.base import ConnectionContext, Explorer, Hazard, Plan, SyncPolicy, touches
from pysqlsync_engine.errors import DriftError, EngineError, HazardError, StalePlanError
from pysqlsync_engine.model.object_types import Table

IN_SYNC = "in_sync"
"""Name of the check that stops the tables when the live schema is not the described one."""

MAX_PLAN_ATTEMPTS = 3
"""How often to plan again when another session changes the schema between planning and applying."""


class SchemaConfig(dg.Config):
    """What one run of the schema asset may do besides what the definitions permit."""

    allow: list[Hazard] = Field(
        default_factory=list[Hazard],
        description="Destructive hazards to permit in this run only, after a review of the plan: DELETES_DATA, "
        "DROPS_OBJECT, NARROWS_TYPE.",
    )


@dataclass(frozen=True, slots=True)
class SchemaOutcome:
    """
    What became of one attempt to synchronize.

    :param plan: What was to be done.
    :param refusal: Why nothing was done; `None` if the plan was applied.
    :param remaining: What is still to be done; empty if the live schema is as described.
    """

    plan: Plan
    refusal: str | None
    remaining: Plan

    @property
    def is_in_sync(self) -> bool:
        """True if the live schema is the described one now."""
        return self.refusal is None and self.remaining.is_empty

    @property
    def state(self) -> str:
        """One word or two for the UI."""
        if self.refusal is not None:
            return "refused"
        if not self.remaining.is_empty:
            return "not in sync"
        return "no changes" if self.plan.is_empty else "applied"


def explorer_of(connection: ConnectionContext) -> Explorer:
    """:returns: An explorer that uses the connection."""
    return Explorer(connection.session, connection.dialect, connection.options)


async def synchronize(connection: ConnectionContext, tables: TableModule, policy: SyncPolicy) -> SchemaOutcome:
    """
    Plan, and apply exactly this plan if the policy permits it; a refusal is an outcome, not an error.

    :raises EngineError: if the plan was permitted but could not be applied.
    """
    explorer = explorer_of(connection)
    for attempt in range(MAX_PLAN_ATTEMPTS):
        plan = await explorer.plan(module=tables.module, policy=policy)
        try:
            if not plan.is_empty:
                await explorer.apply(plan, policy=policy)
        except HazardError as error:
            return SchemaOutcome(plan, str(error), plan)
        except StalePlanError:
            if attempt + 1 == MAX_PLAN_ATTEMPTS:
                raise
            continue
        except EngineError as error:
            raise dg.Failure(
                description=str(error), metadata={"plan": dg.MetadataValue.md(plan_markdown(plan))}
            ) from error
        return SchemaOutcome(plan, None, await explorer.plan(module=tables.module, policy=policy))
    raise AssertionError("unreachable: the last attempt returns or raises")


async def require_in_sync(
    connection: ConnectionContext, tables: TableModule, table: Table, *, policy: SyncPolicy, schema_key: dg.AssetKey
) -> None:
    """
    Compare one table with its class before rows are loaded into it; nothing is changed.

    :raises DriftError: if the live table, or a type it uses, is not as described.
    """
    names = frozenset({table.name, *(lookup.table for lookup in table.lookups)})
    names = names.union(*(used_types(column.data_type) for column in table.columns))
    plan = await explorer_of(connection).plan(module=tables.module, policy=policy)
    pending = [step.summary for step in plan.steps if touches(step.operation) & names]
    if pending:
        raise DriftError(
            f"{table.name.display}: the live table is not what module {tables.title!r} describes "
            f"({'; '.join(pending)}); nothing was loaded; materialize the asset {schema_key.to_user_string()!r} "
            "first, it shows and applies the plan"
        )


def permission(outcome: SchemaOutcome, op_name: str) -> str:
    """:returns: Run configuration, in YAML, that permits the hazards of a refused plan for one run."""
    needed = sorted({h.name for step in outcome.plan.steps for h in step.hazards if h.is_destructive})
    return f"ops:\n  {op_name}:\n    config:\n      allow: [{', '.join(needed)}]"


def outcome_metadata(outcome: SchemaOutcome, tables: TableModule, op_name: str) -> dict[str, Any]:
    """:returns: What the UI shows of an outcome, the same for the asset and for its check."""
    shown: dict[str, Any] = {
        "state": outcome.state,
        "steps": len(outcome.plan.steps),
        "changes": plan_summary(outcome.plan),
        "hazards": plan_hazards(outcome.plan),
        "plan": dg.MetadataValue.md(plan_markdown(outcome.plan)),
        "module": tables.title,
    }
    if outcome.refusal is not None:
        shown["refused"] = dg.MetadataValue.text(outcome.refusal)
        shown["to_permit"] = dg.MetadataValue.md(
            "Nothing was changed. After a review of the plan, materialize this asset alone with the run configuration\n\n"
            f"```yaml\n{permission(outcome, op_name)}\n```"
        )
    elif not outcome.remaining.is_empty:
        shown["remaining"] = dg.MetadataValue.md(plan_markdown(outcome.remaining))
    return shown


def check_description(outcome: SchemaOutcome) -> str:
    """:returns: One sentence for the list of checks."""
    match outcome.state:
        case "refused":
            return f"The plan was refused and the live schema is not the described one: {plan_hazards(outcome.plan)}."
        case "not in sync":
            return "The plan was applied, but the live schema is still not the described one."
        case _:
            return "The live schema is the described one."


def schema_asset_key(tables: TableModule) -> dg.AssetKey:
    """:returns: Key of the schema asset of a module: `schema`, below the namespace."""
    described = tables.tables()
    namespace = described[0].name.namespace if described else None
    return dg.AssetKey(["schema"] if namespace is None else [namespace, "schema"])


def schema_spec(tables: TableModule) -> dg.AssetSpec:
    """:returns: What is known of the schema asset of a module before its first run."""
    key = schema_asset_key(tables)
    return dg.AssetSpec(
        key,
        description=f"Tables of module `{tables.title}`: planned, reviewed here, and applied before rows are loaded.",
        group_name=group_name(key.path[0] if len(key.path) > 1 else None),
        kinds={tables.dialect, "schema"},
        owners=tables.owners,
        metadata={"definition": dg.MetadataValue.md(sql_markdown(tables.script()))},
    )


def schema_result(outcome: SchemaOutcome, shown: dict[str, Any]) -> dg.MaterializeResult[Any]:
    """:returns: An outcome as Dagster records it: the asset and its check, with the same metadata."""
    check = dg.AssetCheckResult(
        passed=outcome.is_in_sync, check_name=IN_SYNC, metadata=shown, description=check_description(outcome)
    )
    version = dg.DataVersion(outcome.remaining.source_fingerprint)
    return dg.MaterializeResult(metadata=shown, data_version=version, check_results=[check])


def build_schema_asset(
    tables: TableModule, *, policy: SyncPolicy | None = None, resource: str = "database", pool: str | None = None
) -> dg.AssetsDefinition:
    """
    Build the asset that brings the live schema to the state that the data-classes describe.

    Its plan is shown as Markdown in every case. Where the policy does not permit the plan nothing is changed, and the
    blocking check `in_sync` fails, so that no table below is loaded.

    :param policy: What may be done without asking; destructive steps are refused by default.
    :param resource: Key of the database resource.
    :param pool: Concurrency pool of the asset.
    """
    base = policy or SyncPolicy()
    spec = schema_spec(tables)
    op_name = spec.key.to_python_identifier()
    check = dg.AssetCheckSpec(
        IN_SYNC,
        asset=spec.key,
        blocking=True,
        description="The live schema is what the data-classes describe; no table is loaded while it is not.",
    )

    @dg.multi_asset(name=op_name, specs=[spec], check_specs=[check], required_resource_keys={resource}, pool=pool)
    async def synchronize_schema(context: dg.AssetExecutionContext, config: SchemaConfig):
        database: DatabaseResource = getattr(context.resources, resource)
        permitted = replace(base, allow=base.allow | set(config.allow))
        async with database.connection(tables.options) as connection:
            outcome = await synchronize(connection, tables, permitted)
        context.log.info(f"{outcome.state}; steps: {len(outcome.plan.steps)}; hazards: {plan_hazards(outcome.plan)}")
        if not outcome.is_in_sync:
            context.log.error(outcome.refusal or check_description(outcome))
        return schema_result(outcome, outcome_metadata(outcome, tables, op_name))

    return synchronize_schema
