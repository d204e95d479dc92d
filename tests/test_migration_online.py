"""Plans whose steps last one by one: others read and write in between, and whoever comes after a failure continues."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, make_dataclass
from typing import Annotated, Any

import pytest
from strong_typing.auxiliary import MaxLength

from pysqlsync_engine.base import ConnectionContext, Engine, Hazard, Plan, SyncPolicy
from pysqlsync_engine.errors import ApplyError, EngineError, LockTimeoutError, PlanError, StalePlanError
from pysqlsync_engine.explorer import Explorer
from pysqlsync_engine.factory import get_dialect
from pysqlsync_engine.migration.diff import diff
from pysqlsync_engine.model.declarations import Check, IndexOf, TableDeclaration
from pysqlsync_engine.model.key_types import PrimaryKey, Unique
from pysqlsync_engine.model.type_markers import Backfill, RenamedFrom
from tests.servers import Server

ONLINE = SyncPolicy(allow=frozenset(Hazard), online=True)


@dataclass
class Owner:
    id: PrimaryKey[int]
    name: Annotated[str, MaxLength(20)]


def item(declaration: TableDeclaration | None = None, **annotations: Any) -> type:
    cls = make_dataclass("Item", [("id", PrimaryKey[int]), *annotations.items()], kw_only=True)
    cls.__doc__ = None
    if declaration is not None:
        cls.__table__ = declaration  # type: ignore[attr-defined]
    return cls


CODE = Annotated[str, MaxLength(20)]
BEFORE = item(code=CODE | None, old=CODE | None, gone=int | None)
AFTER = item(
    TableDeclaration(
        constraints=(Check("amount > 0", name="ck_amount"),),
        indexes=(IndexOf(("code", "amount"), name="ix_code"),),
    ),
    code=Annotated[CODE, Backfill("'none'")],
    label=Annotated[Unique[CODE], RenamedFrom("old")],
    amount=Annotated[int, Backfill("id + 1")],
    owner=Owner | None,
)


@asynccontextmanager
async def connected(server: Server) -> AsyncGenerator[tuple[ConnectionContext, Explorer]]:
    engine: Engine = get_dialect(dialect_of(server))
    async with engine.create_connection(server.parameters) as connection:
        yield connection, engine.create_explorer(connection)


async def prepare(server: Server) -> None:
    async with connected(server) as (connection, explorer):
        await explorer.synchronize(classes=[BEFORE, Owner], policy=ONLINE)
        rows = ", ".join(f"({number}, NULL, 'l{number}', 1)" for number in range(1, 26))
        await connection.session.execute(
            f"INSERT INTO Item (id, code, old, gone) VALUES {rows}".replace("Item", quoted(server))
        )


def dialect_of(server: Server) -> str:
    return "postgresql" if server.name.startswith("postgresql") else "mysql"


def quoted(server: Server) -> str:
    return '"Item"' if dialect_of(server) == "postgresql" else "`Item`"


async def test_a_plan_lets_each_step_last_and_leads_to_what_was_asked_for(database: Server, monkeypatch: Any) -> None:
    monkeypatch.setattr("pysqlsync_engine.dialect.ansi.BATCH_ROWS", 10)
    await prepare(database)
    async with connected(database) as (connection, explorer):
        await explorer.synchronize(classes=[AFTER, Owner], policy=ONLINE)
        rows = await connection.session.fetch(f"SELECT id, code, label, amount FROM {quoted(database)} ORDER BY id")
        assert rows == [(number, "none", f"l{number}", number + 1) for number in range(1, 26)]
        assert (await explorer.plan(classes=[AFTER, Owner])).is_empty


class Dying:
    """A session whose connection is cut when it is about to execute a certain statement of a plan."""

    def __init__(self, connection: ConnectionContext, statements: int, farewell: str) -> None:
        self._session = connection.session
        self._left = statements
        self._farewell = farewell

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    async def execute(self, statement: str, *arguments: Any) -> int:
        if statement.startswith(("ALTER", "CREATE INDEX", "CREATE UNIQUE", "DROP INDEX", "UPDATE")):
            self._left -= 1
            if self._left < 0:
                await self._session.execute(self._farewell)
        return await self._session.execute(statement, *arguments)


FAREWELL = {
    "postgresql": "SELECT pg_terminate_backend(pg_backend_pid())",
    "mysql": "KILL CONNECTION_ID()",
}


async def test_whoever_comes_after_a_lost_connection_continues(database: Server) -> None:
    dialect = get_dialect(dialect_of(database)).dialect
    for statements in range(40):
        async with connected(database) as (connection, _):
            for table in (quoted(database), quoted(database).replace("Item", "Owner")):
                await connection.session.execute(f"DROP TABLE IF EXISTS {table}")
        await prepare(database)
        with suppress(EngineError):
            async with connected(database) as (connection, _):
                dying: Any = Dying(connection, statements, FAREWELL[dialect.name])
                await Explorer(dying, dialect, connection.options).synchronize(classes=[AFTER, Owner], policy=ONLINE)
                assert statements > 5
                return
        async with connected(database) as (connection, explorer):
            await explorer.synchronize(classes=[AFTER, Owner], policy=ONLINE)
            assert (await explorer.plan(classes=[AFTER, Owner])).is_empty
            rows = await connection.session.fetch(f"SELECT count(*) FROM {quoted(database)} WHERE amount = id + 1")
            assert rows == [(25,)], statements
    pytest.fail("the plan has no end")


async def test_a_step_is_tried_again_until_its_lock_is_granted(postgresql: Server) -> None:
    await prepare(postgresql)
    policy = SyncPolicy(allow=frozenset(Hazard), online=True, lock_timeout_s=0.2, lock_attempts=8)
    async with connected(postgresql) as (reader, _), connected(postgresql) as (_, explorer):

        async def read_for_a_while() -> None:
            async with reader.session.transaction():
                await reader.session.fetch('SELECT * FROM "Item"')
                await asyncio.sleep(0.6)

        reading = asyncio.create_task(read_for_a_while())
        await asyncio.sleep(0.1)
        await explorer.synchronize(classes=[AFTER, Owner], policy=policy)
        await reading
        async with reader.session.transaction():
            await reader.session.fetch('SELECT * FROM "Item"')
            hasty = SyncPolicy(allow=frozenset(Hazard), online=True, lock_timeout_s=0.1, lock_attempts=1)
            with pytest.raises((ApplyError, LockTimeoutError), match="step 1 of"):
                await explorer.synchronize(classes=[BEFORE, Owner], policy=hasty)


async def test_a_plan_from_a_file_is_applied_by_another_connection_once(database: Server) -> None:
    await prepare(database)
    async with connected(database) as (_, explorer):
        plan = await explorer.plan(classes=[AFTER, Owner], policy=ONLINE)
        text = plan.to_json()
    assert Plan.from_json(text) == plan
    async with connected(database) as (_, explorer):
        report = await explorer.apply(Plan.from_json(text), policy=ONLINE)
        assert report.steps == len(plan.steps)
        with pytest.raises(StalePlanError):
            await explorer.apply(Plan.from_json(text), policy=ONLINE)
        assert diff(plan.target, plan.target) == ()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("{", "[", "is no JSON"),
        ('"version": 1', '"version": 2', "expected version 1, got 2"),
        ('"postgresql"', '"mysql"', "was changed after it was written"),
        ('"version": 1', '"version": 1, "other": 2', "expected an object of version, digest and plan"),
    ],
)
def test_a_plan_that_is_not_as_it_was_written_is_refused(old: str, new: str, message: str) -> None:
    plan = get_dialect("postgresql").create_generator().plan(tables=[Owner])
    text = plan.to_json()
    assert Plan.from_json(text) == plan
    with pytest.raises(PlanError, match=message):
        Plan.from_json(text.replace(old, new, 1))


async def test_drops_are_permitted_by_kind_and_name(postgresql: Server) -> None:
    await prepare(postgresql)
    without_gone = item(code=CODE | None, old=CODE | None)
    async with connected(postgresql) as (_, explorer):
        plan = await explorer.plan(classes=[without_gone, Owner])
        with pytest.raises(EngineError, match=r"allow_drop=\{'column': \('public.Item.gone',\)\}"):
            plan.require(SyncPolicy(allow_drop={"column": ("public.Other.*",), "table": ("*",)}))
        await explorer.apply(plan, policy=SyncPolicy(allow_drop={"column": ("public.Item.g*",)}))
    with pytest.raises(ValueError, match="unknown kind view"):
        SyncPolicy(allow_drop={"view": ("*",)})


async def test_a_hint_that_is_of_no_use_any_more_is_a_warning(database: Server) -> None:
    await prepare(database)
    async with connected(database) as (_, explorer):
        await explorer.synchronize(classes=[AFTER, Owner], policy=ONLINE)
        plan = await explorer.plan(classes=[AFTER, Owner])
        assert plan.is_empty
        assert "label: not renamed from old, as it has its name already; remove the hint" in str(plan)
