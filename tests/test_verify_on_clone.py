"""A plan is tried on a scratch database before anything of the real one is changed."""

from __future__ import annotations

from dataclasses import make_dataclass

import pytest

from pysqlsync_engine.base import SyncPolicy
from pysqlsync_engine.connection import ConnectionContext
from pysqlsync_engine.errors import CloneError
from pysqlsync_engine.factory import get_dialect
from pysqlsync_engine.model.declarations import Check, IndexOf, TableDeclaration
from pysqlsync_engine.model.key_types import PrimaryKey
from tests.servers import Server

POLICY = SyncPolicy(verify_on_clone=True)
DATABASES = {
    "postgresql": "SELECT datname FROM pg_database WHERE datname LIKE 'pysqlsync_scratch_%'",
    "mysql": "SELECT schema_name FROM information_schema.schemata WHERE schema_name LIKE 'pysqlsync_scratch_%'",
}


def ware(*fields: str, condition: str = "n > 0") -> type:
    declared = TableDeclaration(constraints=(Check(condition, name="ck_n"),), indexes=(IndexOf(("n",), "by_n"),))
    annotations = [("id", PrimaryKey[int]), ("n", int), *((name, int | None) for name in fields)]
    return make_dataclass("Ware", annotations, namespace={"__table__": declared, "__module__": __name__})


async def scratch_databases(conn: ConnectionContext) -> list[tuple[object, ...]]:
    return await conn.session.fetch(DATABASES[conn.dialect.name])


async def test_a_plan_that_works_on_the_clone_is_applied(database: Server) -> None:
    engine = get_dialect(database.dialect)
    async with engine.create_connection(database.parameters) as conn:
        explorer = engine.create_explorer(conn)
        await explorer.synchronize(classes=[ware()], policy=POLICY)
        await conn.insert_data(ware(), [ware()(1, 2)])
        report = await explorer.synchronize(classes=[ware("price")], policy=POLICY)
        assert report.steps == 1
        assert (await explorer.plan(classes=[ware("price")])).is_empty
        assert await conn.count_rows(conn.get_table(ware("price"))) == 1
        assert await scratch_databases(conn) == []


async def test_a_plan_that_fails_on_the_clone_changes_nothing(database: Server) -> None:
    engine = get_dialect(database.dialect)
    async with engine.create_connection(database.parameters) as conn:
        explorer = engine.create_explorer(conn)
        await explorer.synchronize(classes=[ware()])
        before = await explorer.discover()
        other = make_dataclass("Another", [("id", PrimaryKey[int])], namespace={"__module__": __name__})
        with pytest.raises(
            CloneError, match=r"^plan: failed on a scratch database, nothing was changed: step \d of \d"
        ):
            await explorer.synchronize(classes=[other, ware("price", condition="no_such_column > 0")], policy=POLICY)
        assert await explorer.discover() == before
        assert await scratch_databases(conn) == []
