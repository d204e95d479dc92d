"""The schema of a module: plan, apply the plan if it is permitted or approved, and say whether all is in sync."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

import dagster as dg
from pydantic import Field

from pysqlsync_dagster.feeds import Contract
from pysqlsync_dagster.metadata import plan_markdown, used_types
from pysqlsync_dagster.translator import TableModule
from pysqlsync_engine.base import ConnectionContext, Explorer, Hazard, Plan, SyncPolicy, created_tables, touches
from pysqlsync_engine.errors import DriftError, EngineError, HazardError, StalePlanError
from pysqlsync_engine.model.id_types import QualifiedId
from pysqlsync_engine.model.object_types import Table

MAX_PLAN_ATTEMPTS = 3
"""How often to plan again when another session changes the schema between planning and applying."""

FINGERPRINT_DIGITS = 16


class SchemaConfig(dg.Config):
    """What one run of the schema asset may do besides what the definitions permit."""

    allow: list[Hazard] = Field(
        default_factory=list[Hazard],
        description="Destructive hazards to permit in this run only, after a review of the plan: DELETES_DATA, "
        "DROPS_OBJECT, NARROWS_TYPE.",
    )
    approve: str | None = Field(
        default=None,
        description="Fingerprint of the plan that was reviewed: this plan is applied, whatever it destroys, and no other.",
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

    @property
    def message(self) -> str:
        """One sentence for people; that of a refusal has the fingerprint by which the plan is approved."""
        match self.state:
            case "refused":
                return f"{self.refusal}\nfingerprint of the plan: {plan_fingerprint(self.plan)}"
            case "not in sync":
                return "The plan was applied, but the live schema is still not the described one."
            case _:
                return "The live schema is the described one."


def plan_fingerprint(plan: Plan) -> str:
    """:returns: What tells the plan from others: from those that do something else, and from those that start elsewhere."""
    parts = (plan.dialect, plan.source_fingerprint, str(plan.online), *plan.statements)
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:FINGERPRINT_DIGITS]


def explorer_of(connection: ConnectionContext) -> Explorer:
    """:returns: An explorer that uses the connection."""
    return Explorer(connection.session, connection.dialect, connection.options)


def needed_names(table: Table) -> frozenset[QualifiedId]:
    """:returns: Names of a table, and of the types and lookup tables without which its rows cannot be stored."""
    names = frozenset({table.name, *(lookup.table for lookup in table.lookups)})
    return names.union(*(used_types(column.data_type) for column in table.columns))


def frozen_changes(plan: Plan, frozen: frozenset[QualifiedId]) -> list[str]:
    """:returns: Summaries of the steps that change tables which are there already and are to be left as they are."""
    fixed = frozen - created_tables(plan)
    return [step.summary for step in plan.steps if touches(step.operation) & fixed]


def refusal_text(plan: Plan, frozen: frozenset[QualifiedId], approved: str | None) -> str | None:
    """:returns: Why a plan is not even tried; `None` if the policy is to decide."""
    if plan.is_empty:
        return None
    if approved is not None:
        found = plan_fingerprint(plan)
        if found == approved:
            return None
        return f"plan: the one that was approved is {approved}, but what is to be done now is {found}; review it again"
    changes = frozen_changes(plan, frozen)
    return f"plan: it changes tables that are frozen, nothing was changed: {'; '.join(changes)}" if changes else None


async def synchronize(
    connection: ConnectionContext,
    tables: TableModule,
    policy: SyncPolicy,
    *,
    contracts: Mapping[type, Contract] | None = None,
    approved: str | None = None,
) -> SchemaOutcome:
    """
    Plan, and apply exactly this plan if it is approved, or if policy and contracts permit it; a refusal is an outcome, not
    an error.

    :param contracts: What may become of tables, by class.
    :param approved: Fingerprint of the only plan that may be applied; `None` leaves it to policy and contracts.
    :raises dagster.Failure: if the plan was permitted but could not be applied.
    """
    explorer = explorer_of(connection)
    frozen = frozenset(
        connection.get_table(cls).name for cls, contract in (contracts or {}).items() if contract is Contract.FREEZE
    )
    if approved is not None:
        policy = replace(policy, allow=frozenset(Hazard))
    for attempt in range(MAX_PLAN_ATTEMPTS):
        plan = await explorer.plan(**tables.scope, policy=policy)
        refusal = refusal_text(plan, frozen, approved)
        if refusal is not None:
            return SchemaOutcome(plan, refusal, plan)
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
        return SchemaOutcome(plan, None, await explorer.plan(**tables.scope, policy=policy))
    raise AssertionError("unreachable: the last attempt returns or raises")


async def require_in_sync(
    connection: ConnectionContext, tables: TableModule, cls: type, *, policy: SyncPolicy, schema_key: dg.AssetKey
) -> None:
    """
    Compare one table with its class before rows are loaded into it; nothing is changed.

    Only this class is formed, and what it refers to: each step does this, and all of them together would take the square of the
    number of tables.

    :raises DriftError: if the live table, or a type it uses, is not as described.
    """
    table = connection.get_table(cls)
    names = needed_names(table)
    plan = await explorer_of(connection).plan(classes=(cls,), policy=policy)
    pending = [step.summary for step in plan.steps if touches(step.operation) & names]
    if pending:
        raise DriftError(
            f"{table.name.display}: the live table is not what module {tables.title!r} describes "
            f"({'; '.join(pending)}); nothing was loaded; materialize the asset {schema_key.to_user_string()!r} "
            "first, it shows and applies the plan"
        )
