"""Random catalogs: the difference between any two leads from the one to the other on a real server."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pysqlsync_engine.discovery.assemble import assemble
from pysqlsync_engine.factory import get_dialect
from pysqlsync_engine.migration.apply import apply
from pysqlsync_engine.migration.diff import diff
from pysqlsync_engine.migration.operations import (
    AddForeignKey,
    AlterEnum,
    AlterStruct,
    AlterTable,
    CreateEnum,
    CreateNamespace,
    CreateStruct,
    CreateTable,
    DropEnum,
    DropForeignKey,
    DropStruct,
    DropTable,
    Operation,
    touches,
)
from pysqlsync_engine.migration.order import order
from pysqlsync_engine.migration.plan import Plan, fingerprint, make_plan
from pysqlsync_engine.model.definition import types_of
from pysqlsync_engine.model.object_types import Catalog, StructType, Table
from pysqlsync_engine.session import Session
from tests.migration_strategies import NAMESPACES, catalogs
from tests.servers import Server

EMPTY = Catalog()
DIALECT = get_dialect("postgresql").dialect

# the strategies build whole schemas, which takes a while on a busy machine
PATIENT = settings(
    deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@PATIENT
@given(catalogs())
def test_a_catalog_does_not_differ_from_itself(catalog: Catalog) -> None:
    assert diff(catalog, catalog) == ()


@PATIENT
@given(catalogs(), catalogs(), st.randoms(use_true_random=False))
def test_order_does_not_depend_on_the_order_of_operations(source: Catalog, target: Catalog, random: Any) -> None:
    operations = list(diff(source, target))
    expected = order(operations)
    random.shuffle(operations)
    assert order(operations) == expected


@PATIENT
@given(catalogs(), catalogs())
def test_order_respects_what_operations_need(source: Catalog, target: Catalog) -> None:
    position = {operation: index for index, operation in enumerate(order(diff(source, target)))}
    for before in position:
        for after in position:
            if must_precede(before, after):
                assert position[before] < position[after], (before, after)


def uses(subject: Table | StructType, operation: Operation) -> bool:
    """:returns: True if a column or member has the type that the operation creates or drops."""
    return not touches(operation).isdisjoint(types_of(subject))


def must_precede(before: Operation, after: Operation) -> bool:
    """:returns: True if a server refuses the second operation as long as the first one has not been done."""
    match before, after:
        case CreateNamespace(name=namespace), CreateTable(table=table):
            return table.name.namespace == namespace.name
        case CreateTable(table=table), AddForeignKey(table=name, constraint=key):
            return table.name in {name, key.referenced_table}
        case AlterTable(target=table), AddForeignKey(table=name, constraint=key):
            return table.name in {name, key.referenced_table}
        case DropForeignKey(table=name, constraint=key), DropTable(table=table):
            return table.name in {name, key.referenced_table}
        case DropForeignKey(table=name, constraint=key), AlterTable(source=table):
            return table.name in {name, key.referenced_table}
        case ((CreateEnum() | CreateStruct()), (CreateTable(table=table) | AlterTable(target=table))):
            return uses(table, before)
        case (
            (DropTable(table=subject) | AlterTable(source=subject) | AlterStruct(source=subject)),
            (DropEnum() | DropStruct()),
        ):
            return uses(subject, after)
        case DropTable(), AlterEnum():
            return True
        case _:
            return False


@PATIENT
@given(catalogs(), catalogs())
def test_fingerprints_are_equal_for_equal_catalogs_only(source: Catalog, target: Catalog) -> None:
    assert (fingerprint(source) == fingerprint(target)) == (source == target)


async def test_a_plan_leads_from_any_catalog_to_any_other(postgresql: Server) -> None:
    async with DIALECT.connect(postgresql.parameters) as session:
        loop = asyncio.get_running_loop()

        @settings(PATIENT, max_examples=25, phases=[Phase.generate], database=None)
        @given(catalogs(), catalogs())
        def check(source: Catalog, target: Catalog) -> None:
            asyncio.run_coroutine_threadsafe(migrate(session, source, target), loop).result()

        # hypothesis is synchronous, and the session belongs to this loop
        await asyncio.to_thread(check)


async def migrate(session: Session, source: Catalog, target: Catalog) -> None:
    """Create a catalog, bring it to the state of another, and back if that is possible; then forget all about it."""
    with suppress(ForgottenError):
        async with session.transaction():
            await lead(session, source)
            plan = await lead(session, target)
            if all(step.reverse is not None for step in plan.steps):
                for step in reversed(plan.steps):
                    for statement in step.reverse or ():
                        await session.execute(statement)
                assert diff(await discover(session), source) == (), str(plan)
            raise ForgottenError


class ForgottenError(Exception):
    """Rolls a transaction back."""


async def lead(session: Session, target: Catalog) -> Plan:
    current = await discover(session)
    plan = make_plan(
        order(diff(current, target)),
        DIALECT.writer(session.capabilities),
        dialect=DIALECT.name,
        fingerprint=fingerprint(current),
    )
    await apply(plan, session)
    assert diff(await discover(session), target) == (), str(plan)
    return plan


async def discover(session: Session) -> Catalog:
    return assemble(await DIALECT.reader(session.capabilities).fetch(session, NAMESPACES))
