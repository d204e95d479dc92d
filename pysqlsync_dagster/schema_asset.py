"""The schema of a module in Dagster: an asset with a blocking check, a plain op and a job, and a drift check per table."""

# Annotations are not postponed here: Dagster reads those of a step as objects.

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import dagster as dg

from pysqlsync_dagster.feeds import Contract
from pysqlsync_dagster.metadata import plan_hazards, plan_markdown, plan_summary, sql_markdown
from pysqlsync_dagster.resources import DatabaseResource
from pysqlsync_dagster.schema_sync import SchemaConfig, SchemaOutcome, plan_fingerprint, synchronize
from pysqlsync_dagster.translator import TableModule, group_name
from pysqlsync_engine.base import SyncPolicy

IN_SYNC = "in_sync"
"""Name of the check that stops the tables when the live schema is not the described one."""


def permission(outcome: SchemaOutcome, op_name: str) -> str:
    """:returns: Run configuration, in YAML, that approves a refused plan, and no other."""
    return f"ops:\n  {op_name}:\n    config:\n      approve: '{plan_fingerprint(outcome.plan)}'"


def permission_markdown(outcome: SchemaOutcome, op_name: str) -> str:
    """:returns: What to do about a refused plan, for the UI."""
    return (
        "After a review of the plan, approve it: materialize this asset alone with the run configuration\n\n"
        f"```yaml\n{permission(outcome, op_name)}\n```\n\nIf the plan is another one by then, it is refused again."
    )


def outcome_markdown(outcome: SchemaOutcome, op_name: str) -> str:
    """:returns: What the page of the check says above everything else: what happened, and what to do about it."""
    if outcome.refusal is None:
        return outcome.message
    return f"{outcome.refusal}\n\n{permission_markdown(outcome, op_name)}"


def outcome_metadata(outcome: SchemaOutcome, tables: TableModule, op_name: str) -> dict[str, Any]:
    """:returns: What the UI shows of an outcome, the same for the asset and for its check."""
    shown: dict[str, Any] = {
        "state": outcome.state,
        "steps": len(outcome.plan.steps),
        "changes": plan_summary(outcome.plan),
        "hazards": plan_hazards(outcome.plan),
        "plan": dg.MetadataValue.md(plan_markdown(outcome.plan)),
        "fingerprint": plan_fingerprint(outcome.plan),
        "module": tables.title,
    }
    if outcome.refusal is not None:
        shown["refused"] = dg.MetadataValue.text(outcome.refusal)
        shown["to_permit"] = dg.MetadataValue.md(permission_markdown(outcome, op_name))
    elif not outcome.remaining.is_empty:
        shown["remaining"] = dg.MetadataValue.md(plan_markdown(outcome.remaining))
    return shown


def schema_asset_key(tables: TableModule) -> dg.AssetKey:
    """:returns: Key of the schema asset of a module: `schema`, below the prefix and the namespace."""
    described = tables.tables()
    namespace = described[0].name.namespace if described else None
    return dg.AssetKey([*tables.prefix, *([] if namespace is None else [namespace]), "schema"])


def schema_spec(tables: TableModule) -> dg.AssetSpec:
    """:returns: What is known of the schema asset of a module before its first run."""
    key = schema_asset_key(tables)
    return dg.AssetSpec(
        key,
        description=f"Tables of `{tables.title}`: planned, reviewed here, and applied before rows are loaded.",
        group_name=tables.group or group_name(key.path[-2] if len(key.path) > 1 else None),
        kinds={tables.dialect, "schema"},
        owners=tables.owners,
        metadata={"definition": dg.MetadataValue.md(sql_markdown(tables.script()))},
    )


def schema_result(outcome: SchemaOutcome, tables: TableModule, op_name: str) -> dg.MaterializeResult[Any]:
    """:returns: An outcome as Dagster records it: the asset and its check, with the same metadata."""
    shown = outcome_metadata(outcome, tables, op_name)
    check = dg.AssetCheckResult(
        passed=outcome.is_in_sync,
        check_name=IN_SYNC,
        metadata=shown,
        description=outcome_markdown(outcome, op_name),
    )
    version = dg.DataVersion(outcome.remaining.source_fingerprint)
    return dg.MaterializeResult(metadata=shown, data_version=version, check_results=[check])


async def synchronize_once(
    context: dg.OpExecutionContext | dg.AssetExecutionContext,
    database: DatabaseResource,
    tables: TableModule,
    *,
    policy: SyncPolicy,
    contracts: Mapping[type, Contract],
    config: SchemaConfig,
) -> SchemaOutcome:
    """:returns: What became of one attempt, as it is told in the log."""
    permitted = replace(policy, allow=policy.allow | set(config.allow))
    async with database.connection(tables.options) as connection:
        outcome = await synchronize(connection, tables, permitted, contracts=contracts, approved=config.approve)
    context.log.info(f"{outcome.state}; steps: {len(outcome.plan.steps)}; hazards: {plan_hazards(outcome.plan)}")
    return outcome


def failure(outcome: SchemaOutcome, op_name: str) -> dg.Failure:
    """:returns: Why the run fails, and what approves the plan; a retry would not help."""
    advice = f"\nto approve it after a review, launch with\n{permission(outcome, op_name)}" if outcome.refusal else ""
    return dg.Failure(description=f"{outcome.message}{advice}", allow_retries=False)


def build_schema_asset(
    tables: TableModule,
    *,
    policy: SyncPolicy | None = None,
    contracts: Mapping[type, Contract] | None = None,
    resource: str = "database",
    pool: str | None = None,
) -> dg.AssetsDefinition:
    """
    Build the asset that brings the live schema to the state that the data-classes describe.

    Its plan is shown as Markdown in every case. Where neither policy and contracts permit the plan, nor the run approves it by
    its fingerprint, nothing is changed, the blocking check `in_sync` fails, and so does the run: no table below is loaded.

    :param policy: What may be done without asking; destructive steps are refused by default.
    :param contracts: What may become of tables, by class.
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

    @dg.multi_asset(
        name=op_name,
        specs=[spec],
        check_specs=[check],
        required_resource_keys={resource},
        pool=pool,
        # it has no partitions; without this, Dagster refuses to load several of those of the tables in the same run
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    async def synchronize_schema(context: dg.AssetExecutionContext, config: SchemaConfig):
        database: DatabaseResource = getattr(context.resources, resource)
        outcome = await synchronize_once(
            context, database, tables, policy=base, contracts=contracts or {}, config=config
        )
        yield schema_result(outcome, tables, op_name)
        if not outcome.is_in_sync:
            raise failure(outcome, op_name)

    return synchronize_schema


def build_schema_op(
    tables: TableModule,
    *,
    policy: SyncPolicy | None = None,
    contracts: Mapping[type, Contract] | None = None,
    resource: str = "database",
    name: str | None = None,
) -> dg.OpDefinition:
    """
    Build the same as a plain op, for graphs and jobs without assets. Its output is the plan that was applied, as SQL.

    :param name: Name of the op; `None` is `synchronize_` and the namespace.
    """
    base = policy or SyncPolicy()
    path = schema_asset_key(tables).path[:-1]
    op_name = name or dg.AssetKey(["synchronize", *(path or ["schema"])]).to_python_identifier().replace("__", "_")

    @dg.op(name=op_name, required_resource_keys={resource}, out=dg.Out(str, description="The plan, as SQL."))
    async def synchronize_op(context: dg.OpExecutionContext, config: SchemaConfig) -> str:
        database: DatabaseResource = getattr(context.resources, resource)
        outcome = await synchronize_once(
            context, database, tables, policy=base, contracts=contracts or {}, config=config
        )
        if not outcome.is_in_sync:
            raise failure(outcome, op_name)
        context.add_output_metadata(outcome_metadata(outcome, tables, op_name))
        return str(outcome.plan)

    return synchronize_op


def build_schema_job(
    tables: TableModule,
    *,
    target: DatabaseResource | None = None,
    policy: SyncPolicy | None = None,
    contracts: Mapping[type, Contract] | None = None,
    resource: str = "database",
    name: str | None = None,
) -> dg.JobDefinition:
    """
    Build a job that does nothing but bring the schema up to date: the op of `build_schema_op` alone.

    :param target: The database; `None` takes the resource of the definitions that the job becomes part of.
    :param name: Name of the job, and of its op; `None` is `synchronize_` and the namespace.
    """
    step = build_schema_op(tables, policy=policy, contracts=contracts, resource=resource, name=name)

    @dg.graph(name=f"{step.name}_graph" if name is None else f"{name}_graph")
    def steps() -> None:
        step()

    resources: dict[str, Any] = {} if target is None else {resource: target}
    return steps.to_job(  # pyright: ignore[reportUnknownMemberType] - of Dagster
        name=name or step.name, resource_defs=resources
    )
