"""Schemas of live databases: planned, synchronized, refused, and by whom they are shared."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import make_dataclass
from types import ModuleType
from typing import Any

import pytest

from pysqlsync_engine.base import (
    ConnectionContext,
    EnumMode,
    Explorer,
    GeneratorOptions,
    Hazard,
    SyncPolicy,
)
from pysqlsync_engine.errors import ApplyError, DriftError, HazardError, LockTimeoutError, StalePlanError
from pysqlsync_engine.explorer import SCHEMA_LOCK
from pysqlsync_engine.factory import get_dialect
from pysqlsync_engine.model.key_types import PrimaryKey
from tests import orders_model
from tests.changed import changed
from tests.orders_model import Customer, Order
from tests.servers import Server

ENGINE = get_dialect("postgresql")
SHOP = GeneratorOptions(namespaces={orders_model: "shop"})


@asynccontextmanager
async def connected(server: Server, options: GeneratorOptions = SHOP) -> AsyncGenerator[ConnectionContext]:
    async with ENGINE.create_connection(server.parameters, options) as connection:
        yield connection


@asynccontextmanager
async def explored(server: Server, options: GeneratorOptions = SHOP) -> AsyncGenerator[Explorer]:
    async with connected(server, options) as connection:
        yield ENGINE.create_explorer(connection)


def shop_with(*replacements: tuple[str, str]) -> tuple[ModuleType, GeneratorOptions]:
    module = changed(orders_model, *replacements)
    return module, GeneratorOptions(namespaces={module: "shop"})


def module_of(name: str, **classes: Any) -> ModuleType:
    module = ModuleType(name)
    vars(module).update(classes)
    return module


async def test_a_plan_changes_nothing(postgresql: Server) -> None:
    async with explored(postgresql) as explorer:
        before = await explorer.discover()
        plan = await explorer.plan(module=orders_model)
        assert not plan.is_empty
        assert await explorer.discover() == before


@pytest.mark.parametrize("mode", [EnumMode.TYPE, EnumMode.CHECK, EnumMode.RELATION])
async def test_a_second_synchronization_executes_no_statement(postgresql: Server, mode: EnumMode) -> None:
    options = GeneratorOptions(enum_mode=mode, namespaces={orders_model: "shop"})
    async with explored(postgresql, options) as explorer:
        assert (await explorer.synchronize(module=orders_model)).statements > 0
    async with explored(postgresql, options) as explorer:
        assert (await explorer.synchronize(module=orders_model)).statements == 0


async def test_either_a_module_or_classes_are_asked_for(postgresql: Server) -> None:
    async with explored(postgresql) as explorer:
        with pytest.raises(ValueError, match="either module="):
            await explorer.plan()
        with pytest.raises(ValueError, match="either module="):
            await explorer.plan(module=orders_model, classes=[Order])


@pytest.mark.parametrize(
    ("old", "new", "hazard"),
    [
        (
            'email: Unique[Annotated[str, MaxLength(320), Pii("e-mail")]]',
            'mail: Unique[Annotated[str, MaxLength(320), Pii("e-mail")]]',
            "DELETES_DATA",
        ),
        ("Annotated[str, MaxLength(100)]", "Annotated[str, MaxLength(50)]", "NARROWS_TYPE"),
        ("@dataclass(slots=True)\nclass Voucher", "class Voucher", "DELETES_DATA"),
    ],
    ids=["renamed field", "shorter text", "removed class"],
)
async def test_destructive_changes_are_refused_until_permitted(
    postgresql: Server, old: str, new: str, hazard: str
) -> None:
    async with explored(postgresql) as explorer:
        await explorer.synchronize(module=orders_model)
    module, options = shop_with((old, new))
    async with explored(postgresql, options) as explorer:
        before = await explorer.discover(["shop"])
        with pytest.raises(HazardError, match=f"Hazard.{hazard}"):
            await explorer.synchronize(module=module)
        assert await explorer.discover(["shop"]) == before
        await explorer.synchronize(module=module, policy=SyncPolicy(allow={Hazard[hazard]}))
        assert (await explorer.plan(module=module)).is_empty


async def test_undeclared_tables_can_be_kept(postgresql: Server) -> None:
    async with connected(postgresql) as connection:
        explorer = ENGINE.create_explorer(connection)
        await explorer.synchronize(module=orders_model)
        await connection.session.execute("CREATE TABLE shop.legacy_orders (id int)")
        with pytest.raises(HazardError, match=r"keep=\('shop\.legacy_orders',\)"):
            await explorer.synchronize(module=orders_model)
        policy = SyncPolicy(keep=("shop.legacy_*",))
        assert (await explorer.synchronize(module=orders_model, policy=policy)).statements == 0


async def test_namespaces_of_other_modules_are_touched_only_where_referred_to(postgresql: Server) -> None:
    people_class = make_dataclass("Person", [("id", PrimaryKey[int])])
    hidden_class = make_dataclass("Secret", [("id", PrimaryKey[int])])
    people = module_of("people", Person=people_class, Secret=hidden_class)
    sales_class = make_dataclass("Sale", [("id", PrimaryKey[int]), ("person", people_class)])
    sales = module_of("sales", Sale=sales_class)
    options = GeneratorOptions(namespaces={people: "people", sales: "sales"})
    async with explored(postgresql, options) as explorer:
        await explorer.synchronize(module=people)
        await explorer.synchronize(module=sales)
        assert (await explorer.plan(module=people)).is_empty
        tables = {table.name.display for table in (await explorer.discover(["people", "sales"])).tables()}
        assert tables == {"people.Person", "people.Secret", "sales.Sale"}


async def test_one_synchronization_waits_for_another(postgresql: Server) -> None:
    async with explored(postgresql) as one, explored(postgresql) as other:
        reports = await asyncio.gather(one.synchronize(module=orders_model), other.synchronize(module=orders_model))
    assert sorted(report.statements > 0 for report in reports) == [False, True]


async def test_a_synchronization_gives_up_when_the_lock_is_not_granted(postgresql: Server) -> None:
    async with connected(postgresql) as holder, explored(postgresql) as explorer:
        async with holder.session.transaction():
            await holder.session.lock_schema(SCHEMA_LOCK, timeout_s=1)
            with pytest.raises(LockTimeoutError):
                await explorer.synchronize(module=orders_model, policy=SyncPolicy(lock_timeout_s=0.2))
        await explorer.synchronize(module=orders_model)


async def test_a_synchronization_does_not_wait_for_readers_beyond_the_lock_timeout(postgresql: Server) -> None:
    module, options = shop_with(
        ("name: Annotated[str, MaxLength(100)] | None", "name: Annotated[str, MaxLength(200)] | None")
    )
    async with connected(postgresql) as reader, explored(postgresql, options) as explorer:
        await reader.create_objects([Customer, Order, orders_model.Voucher])
        async with reader.session.transaction():
            await reader.session.fetch('SELECT * FROM shop."Customer"')
            with pytest.raises(LockTimeoutError):
                await explorer.synchronize(module=module, policy=SyncPolicy(lock_timeout_s=0.2))
        await explorer.synchronize(module=module)


async def test_a_reviewed_plan_is_applied_as_it_is(postgresql: Server) -> None:
    async with explored(postgresql) as explorer:
        plan = await explorer.plan(module=orders_model)
    async with explored(postgresql) as explorer:
        assert (await explorer.apply(plan)).statements == len(plan.statements)
        assert (await explorer.plan(module=orders_model)).is_empty


async def test_a_plan_is_not_applied_to_a_schema_that_has_changed_since(postgresql: Server) -> None:
    async with connected(postgresql) as connection:
        explorer = ENGINE.create_explorer(connection)
        plan = await explorer.plan(module=orders_model)
        await connection.session.execute("CREATE SCHEMA shop")
        await connection.session.execute("CREATE TABLE shop.other (id int)")
        with pytest.raises(StalePlanError, match="plan again"):
            await explorer.apply(plan)


async def test_a_step_that_fails_on_rows_leaves_nothing_behind(postgresql: Server) -> None:
    module, options = shop_with(
        ("name: Annotated[str, MaxLength(100)] | None", "name: Annotated[str, MaxLength(100)]"),
        ("code: PrimaryKey", "percent: int | None\n    code: PrimaryKey"),
    )
    async with connected(postgresql) as connection, explored(postgresql, options) as explorer:
        await connection.create_objects([Customer, Order, orders_model.Voucher])
        await connection.upsert_data(Customer, [Customer(1, "ada@example.org", None)])
        before = await explorer.discover(["shop"])
        with pytest.raises(ApplyError, match=r"shop\.Customer\.name") as caught:
            await explorer.synchronize(module=module)
        assert caught.value.applied == 0
        assert await explorer.discover(["shop"]) == before


async def test_created_objects_are_left_alone_when_created_again(postgresql: Server) -> None:
    async with connected(postgresql) as connection:
        assert (await connection.create_objects([Order])).statements > 0
        assert (await connection.create_objects([Order, Customer])).statements == 0


async def test_objects_that_differ_are_not_created_over(postgresql: Server) -> None:
    async with connected(postgresql) as connection:
        await connection.session.execute("CREATE SCHEMA shop")
        await connection.session.execute('CREATE TABLE shop."Customer" (id bigint PRIMARY KEY)')
        with pytest.raises(DriftError, match=r"shop\.Customer.*synchronize"):
            await connection.create_objects([Customer])
