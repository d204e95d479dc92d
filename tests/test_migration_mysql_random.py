"""Random catalogs of MySQL and MariaDB: the difference between any two leads from the one to the other."""

from __future__ import annotations

import asyncio

from hypothesis import HealthCheck, Phase, given, settings

from pysqlsync_engine.dialect.mysql import DIALECT
from pysqlsync_engine.dialect.mysql.capabilities import features_of
from pysqlsync_engine.discovery.assemble import assemble
from pysqlsync_engine.migration.apply import apply
from pysqlsync_engine.migration.diff import diff
from pysqlsync_engine.migration.order import order
from pysqlsync_engine.migration.plan import fingerprint, make_plan
from pysqlsync_engine.migration.summary import summarize
from pysqlsync_engine.model.object_types import Catalog
from pysqlsync_engine.session import Session
from tests.mysql_strategies import NAMESPACES, mysql_catalogs
from tests.server_types import Server

# each example creates and alters tables of a server on which no schema change can be rolled back
PATIENT = settings(
    deadline=None,
    max_examples=12,
    phases=[Phase.generate],
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


async def test_a_plan_leads_from_any_catalog_of_mysql_to_any_other(mysql: Server) -> None:
    async with DIALECT.connect(mysql.parameters) as session:
        await session.execute("CREATE TABLE `keep__canary` (id int)")
        loop = asyncio.get_running_loop()
        anything = mysql_catalogs(features_of(mysql.version))

        @PATIENT
        @given(anything, anything)
        def check(source: Catalog, target: Catalog) -> None:
            asyncio.run_coroutine_threadsafe(migrate(session, source, target), loop).result()

        # hypothesis is synchronous, and the session belongs to this loop
        await asyncio.to_thread(check)


async def migrate(session: Session, source: Catalog, target: Catalog) -> None:
    """Create a catalog on top of what the last example left, and bring it to the state of another."""
    await lead(session, source)
    await lead(session, target)


async def lead(session: Session, target: Catalog) -> None:
    current = await discover(session)
    desired = DIALECT.lower(target, session.capabilities)
    desired = await DIALECT.canonicalize(session, current, desired)
    operations = order(diff(current, desired, capabilities=session.capabilities))
    writer = DIALECT.writer(session.capabilities)
    plan = make_plan(operations, writer, dialect=DIALECT.name, fingerprint=fingerprint(current))
    await apply(plan, session, stepwise=True)
    reached = await discover(session)
    again = await DIALECT.canonicalize(session, reached, desired)
    remaining = diff(reached, again, capabilities=session.capabilities)
    assert remaining == (), "\n".join(map(summarize, remaining)) + f"\n\n{plan}"


async def discover(session: Session) -> Catalog:
    namespaces = (*NAMESPACES, "keep")
    found = assemble(await DIALECT.reader(session.capabilities).fetch(session, namespaces))
    return Catalog(tuple(n for n in found.namespaces if n.name.name != "keep"))
