"""The schema of a live database: discover it, plan how it becomes what the data-classes describe, and make it so."""

from __future__ import annotations

import glob
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from types import ModuleType

from pysqlsync_engine.described import lowered_catalog, select_classes
from pysqlsync_engine.dialect.api import Dialect
from pysqlsync_engine.discovery.assemble import assemble
from pysqlsync_engine.errors import ApplyError, CloneError, DriftError, PlanError, StalePlanError, StatementError
from pysqlsync_engine.formation.namespaces import Definition, definition_name
from pysqlsync_engine.migration.apply import ApplyReport, apply
from pysqlsync_engine.migration.diff import Difference, compare
from pysqlsync_engine.migration.operations import (
    AddForeignKey,
    CreateEnum,
    CreateNamespace,
    CreateStruct,
    CreateTable,
    FillLookup,
)
from pysqlsync_engine.migration.order import order
from pysqlsync_engine.migration.plan import Plan, fingerprint, make_plan
from pysqlsync_engine.model.id_types import QualifiedId
from pysqlsync_engine.model.managed import without_managed
from pysqlsync_engine.model.object_types import Catalog, Table
from pysqlsync_engine.options import GeneratorOptions, Hazard, SyncPolicy
from pysqlsync_engine.session import Session

SCHEMA_LOCK = "pysqlsync schema"
"""One lock for a whole database: two plans for different namespaces may still meet at a shared type or foreign key."""


def created_tables(plan: Plan) -> frozenset[QualifiedId]:
    """:returns: Names of the tables that the plan creates."""
    return frozenset(step.operation.table.name for step in plan.steps if isinstance(step.operation, CreateTable))


def alterations(plan: Plan) -> list[str]:
    """:returns: Summaries of those steps that change what was there before, rather than add something new."""
    created = created_tables(plan)
    altered: list[str] = []
    for step in plan.steps:
        match step.operation:
            case CreateNamespace() | CreateEnum() | CreateStruct() | CreateTable():
                continue
            case AddForeignKey(table=name) | FillLookup(table=Table(name=name)) if name in created:
                continue
            case _:
                altered.append(step.summary)
    return altered


class Explorer:
    """
    Discovers the schema behind one connection and brings it to the state that data-classes describe.

    :param session: Used by nobody else at the same time.
    """

    def __init__(self, session: Session, dialect: Dialect, options: GeneratorOptions) -> None:
        self._session = session
        self._dialect = dialect
        self._options = options

    async def discover(self, namespaces: Sequence[str] | None = None) -> Catalog:
        """
        Read the current state of the database, but for tables that the engine keeps for itself, which are listed as unmanaged.

        :param namespaces: Those to read; `None` reads all but the server's own. One that does not exist is left out.
        :raises DiscoveryError: if the server's catalog cannot be understood.
        """
        return await self._fetch(namespaces, ())

    async def plan(
        self,
        *,
        module: ModuleType | None = None,
        modules: Sequence[ModuleType] | None = None,
        classes: Sequence[type] | None = None,
        policy: SyncPolicy | None = None,
    ) -> Plan:
        """
        Compare the database with the data-classes; nothing is changed, and nothing is refused.

        :param module: All entity classes that this module defines are the desired state of their namespaces.
        :param modules: Instead of one module, several.
        :param classes: Instead of modules, the classes themselves.
        :param policy: Its `keep` says which undeclared objects are left alone.
        :raises DefinitionError: if the classes describe no schema.
        """
        chosen = select_classes(module, classes, modules)
        return await self._make_plan(self._form(chosen), self._scoped(chosen, policy or SyncPolicy()))

    async def synchronize(
        self,
        *,
        module: ModuleType | None = None,
        modules: Sequence[ModuleType] | None = None,
        classes: Sequence[type] | None = None,
        policy: SyncPolicy | None = None,
    ) -> ApplyReport:
        """
        Bring the database to the state that the data-classes describe: plan, check against the policy, apply, verify.

        Only one synchronization runs in a database at a time; others wait for it, up to the policy's lock timeout.

        :raises HazardError: if the plan has destructive steps that the policy does not permit; nothing is changed.
        :raises LockTimeoutError: if a lock was not granted in time.
        :raises ApplyError: if the server refuses a step.
        :raises DriftError: if the database differs from the classes all the same; everything is rolled back.
        """
        chosen = select_classes(module, classes, modules)
        desired = self._form(chosen)
        policy = self._scoped(chosen, policy or SyncPolicy())
        async with self._exclusive(policy, online=policy.online):
            return await self._execute(await self._make_plan(desired, policy), policy)

    async def apply(self, plan: Plan, *, policy: SyncPolicy | None = None) -> ApplyReport:
        """
        Apply a plan that was made (and reviewed) earlier.

        :raises StalePlanError: if the database has changed since the plan was made.
        :raises HazardError: see `synchronize`, as for the other errors.
        """
        policy = policy or SyncPolicy()
        if plan.dialect != self._dialect.name:
            raise PlanError(f"plan: is for {plan.dialect}, but the server is {self._dialect.name}; make the plan again")
        async with self._exclusive(policy, online=plan.online):
            if fingerprint(await self._current(plan.target)) != plan.source_fingerprint:
                raise StalePlanError("plan: the live schema has changed since the plan was made; plan again")
            return await self._execute(plan, policy)

    async def ensure(self, classes: Sequence[type]) -> ApplyReport:
        """
        Create what the classes need and the database lacks; what is there already must be as described.

        :raises DriftError: if a table or type exists but differs; nothing is changed.
        """
        policy = SyncPolicy(keep=("*",))
        async with self._exclusive(policy):
            plan = await self._make_plan(self._form(tuple(classes)), policy)
            altered = alterations(plan)
            if altered:
                raise DriftError(
                    f"existing objects differ from their classes: {', '.join(altered)}; bring them up to date with "
                    "explorer.synchronize(...)"
                )
            return await self._execute(plan, policy)

    def _form(self, classes: Sequence[Definition]) -> Catalog:
        capabilities = self._session.capabilities
        return lowered_catalog(classes, options=self._options, dialect=self._dialect, capabilities=capabilities)

    def _scoped(self, classes: Sequence[Definition], policy: SyncPolicy) -> SyncPolicy:
        """
        :returns: The policy, which also keeps all that is undeclared in namespaces that none of these classes is in. Such a
            namespace takes part only as far as these classes refer to it; the rest of it belongs to other modules.
        """
        default = self._session.capabilities.default_namespace
        own = {definition_name(cls, options=self._options).namespace or default for cls in classes}
        mapped = {namespace or default for namespace in self._options.namespaces.values()}
        others = sorted(name for name in mapped - own if name is not None)
        separator = "." if self._session.capabilities.namespaces else "__"
        return replace(policy, keep=(*policy.keep, *(f"{glob.escape(name)}{separator}*" for name in others)))

    @asynccontextmanager
    async def _exclusive(self, policy: SyncPolicy, *, online: bool = False) -> AsyncGenerator[None]:
        """Let nobody else synchronize; one transaction for all that follows, unless each step is to last."""
        if self._is_stepwise(online=online):
            async with self._session.hold_schema(SCHEMA_LOCK, timeout_s=policy.lock_timeout_s):
                yield
            return
        async with self._session.transaction():
            await self._session.lock_schema(SCHEMA_LOCK, timeout_s=policy.lock_timeout_s)
            yield

    async def _fetch(self, namespaces: Sequence[str] | None, lookups: Sequence[QualifiedId]) -> Catalog:
        reader = self._dialect.reader(self._session.capabilities)
        return without_managed(assemble(await reader.fetch(self._session, namespaces, lookups=lookups)))

    async def _current(self, desired: Catalog) -> Catalog:
        namespaces = [namespace.name.name for namespace in desired.namespaces]
        lookups = [table.name for table in desired.tables() if table.labels is not None]
        return await self._fetch(namespaces, lookups)

    async def _make_plan(self, desired: Catalog, policy: SyncPolicy) -> Plan:
        current = await self._current(desired)
        desired = await self._dialect.canonicalize(self._session, current, desired)
        difference = self._compare(current, desired, policy.keep)
        writer = self._dialect.writer(self._session.capabilities)
        operations = order(difference.operations)
        plan = make_plan(
            operations,
            writer,
            dialect=self._dialect.name,
            fingerprint=fingerprint(current),
            target=desired,
            online=policy.online,
        )
        return replace(plan, keep=policy.keep, warnings=difference.warnings)

    def _is_stepwise(self, *, online: bool) -> bool:
        return online or not self._session.capabilities.transactional_ddl

    def _compare(self, current: Catalog, desired: Catalog, keep: Sequence[str]) -> Difference:
        return compare(current, desired, keep=keep, capabilities=self._session.capabilities)

    async def _execute(self, plan: Plan, policy: SyncPolicy) -> ApplyReport:
        plan.require(policy)
        if policy.verify_on_clone and not plan.is_empty:
            await self._rehearse(plan, policy)
        return await self._carry_out(plan, policy)

    async def _rehearse(self, plan: Plan, policy: SyncPolicy) -> None:
        """Carry out a plan on a copy of the schema, without its rows."""
        lookups = [table.name for table in plan.target.tables() if table.labels is not None]
        whole = await self._fetch(None, lookups)
        try:
            async with self._dialect.scratch_database(self._session) as session:
                clone = Explorer(session, self._dialect, self._options)
                building = await clone._make_plan(whole, SyncPolicy())
                await clone._transact(building, policy)
                await clone._transact(plan, policy)
        except (ApplyError, DriftError, StatementError) as error:
            raise CloneError(f"plan: failed on a scratch database, nothing was changed: {error}") from error

    async def _transact(self, plan: Plan, policy: SyncPolicy) -> None:
        async with self._exclusive(policy, online=plan.online):
            await self._carry_out(plan, policy)

    async def _carry_out(self, plan: Plan, policy: SyncPolicy) -> ApplyReport:
        report = await apply(
            plan,
            self._session,
            stepwise=self._is_stepwise(online=plan.online),
            lock_attempts=policy.lock_attempts,
            may_block=Hazard.BLOCKS_WRITES in policy.allow,
        )
        if not plan.is_empty:
            await self._verify(plan)
        return report

    async def _verify(self, plan: Plan) -> None:
        current = await self._current(plan.target)
        desired = await self._dialect.canonicalize(self._session, current, plan.target)
        remaining = order(self._compare(current, desired, plan.keep).operations)
        if remaining:
            writer = self._dialect.writer(self._session.capabilities)
            summaries = ", ".join(writer.write(operation).summary for operation in remaining)
            raise DriftError(f"the schema still differs after the plan was applied: {summaries}; please report this")
