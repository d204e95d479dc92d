"""Functions and collations that tables use are discovered, written as Python, and created before the tables."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import ModuleType

import pytest

from pysqlsync_engine.base import GeneratorOptions
from pysqlsync_engine.connection import ConnectionContext
from pysqlsync_engine.discovery.python_module import live_modules
from pysqlsync_engine.errors import DefinitionError
from pysqlsync_engine.factory import get_dialect
from pysqlsync_engine.model.object_types import Catalog, Prerequisite
from tests.servers import Server

ENGINE = get_dialect("postgresql")
STATEMENTS = (
    "CREATE SCHEMA util",
    "CREATE COLLATION util.\"it's\" (provider = libc, locale = 'C')",
    "CREATE FUNCTION util.inner_check(text) RETURNS boolean IMMUTABLE LANGUAGE sql AS $$ SELECT $1 <> '' $$",
    "CREATE FUNCTION util.is_fine(text) RETURNS boolean IMMUTABLE LANGUAGE sql AS $$ SELECT util.inner_check($1) $$",
    "CREATE FUNCTION util.unused() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
    'CREATE TABLE public.t (name text COLLATE util."it\'s", CHECK (util.is_fine(name)))',
    "CREATE INDEX ON public.t (util.is_fine(name))",
)


@pytest.fixture
def module() -> Iterator[ModuleType]:
    made = ModuleType("described_with_functions")
    yield made
    sys.modules.pop(made.__name__, None)


async def discovered(conn: ConnectionContext) -> Catalog:
    return await ENGINE.create_explorer(conn).discover(["public"])


async def test_what_tables_use_comes_along_into_an_empty_database(postgresql: Server, module: ModuleType) -> None:
    options = GeneratorOptions(namespaces={module: "public"})
    async with ENGINE.create_connection(postgresql.parameters, options) as conn:
        for statement in STATEMENTS:
            await conn.session.execute(statement)
        catalog = await discovered(conn)
        assert [each.name for each in catalog.prerequisites] == ["it's", "inner_check", "is_fine"]
        live_modules(catalog, {"public": module})
        explorer = ENGINE.create_explorer(conn)
        assert (await explorer.plan(module=module)).is_empty
        await conn.session.execute("DROP TABLE public.t")
        await conn.session.execute("DROP SCHEMA util CASCADE")
        await explorer.synchronize(module=module)
        assert await discovered(conn) == catalog
        assert (await discovered(conn)).prerequisites == catalog.prerequisites
        assert (await explorer.plan(module=module)).is_empty


async def test_a_function_that_differs_is_replaced(postgresql: Server, module: ModuleType) -> None:
    options = GeneratorOptions(namespaces={module: "public"})
    async with ENGINE.create_connection(postgresql.parameters, options) as conn:
        for statement in STATEMENTS:
            await conn.session.execute(statement)
        live_modules(await discovered(conn), {"public": module})
        await conn.session.execute(
            "CREATE OR REPLACE FUNCTION util.is_fine(text) RETURNS boolean IMMUTABLE LANGUAGE sql"
            " AS $$ SELECT util.inner_check($1) OR $1 IS NULL $$"
        )
        explorer = ENGINE.create_explorer(conn)
        plan = await explorer.plan(module=module)
        assert [step.summary for step in plan.steps] == [
            "create function util.is_fine(text) in place of the one that is there"
        ]
        await explorer.apply(plan)
        assert (await explorer.plan(module=module)).is_empty


def test_one_function_cannot_be_defined_in_two_ways(module: ModuleType) -> None:
    from dataclasses import make_dataclass

    from pysqlsync_engine.model.declarations import TableDeclaration

    def table(name: str, body: str) -> type:
        function = Prerequisite("function", "public", "f", "", f"CREATE OR REPLACE FUNCTION public.f() {body}")
        declared = TableDeclaration(requires=(function,))
        return make_dataclass(name, [("x", int)], namespace={"__table__": declared, "__module__": module.__name__})

    with pytest.raises(DefinitionError, match=r"^function public\.f\(\): is defined in two ways"):
        ENGINE.form_catalog(classes=[table("A", "one"), table("B", "another")])
