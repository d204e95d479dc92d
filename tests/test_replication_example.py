"""The example that keeps a copy of tables of PostgreSQL in MySQL and MariaDB."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import dagster as dg
import pytest

from examples.replication import model
from examples.replication.definitions import LATE, SHOP, defs, replication, rows
from examples.replication.model import Customer, Order, Tier
from pysqlsync_dagster import DatabaseResource, MySQLResource, PostgreSQLResource, ServerResource
from pysqlsync_engine.base import entities
from pysqlsync_engine.session import Row
from tests.orders_job import QUIET
from tests.servers import Server
from tests.test_documents import PROJECT

ADA, BOB, CY = (UUID(int=number << 64 | number) for number in (1, 2, 3))
NOON = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
HALF_PAST = timezone(timedelta(hours=5, minutes=30))

CUSTOMERS = [
    Customer(
        ADA,
        "Ada 😀 O'Neil",
        Tier.GOLD,
        True,
        ["é", 'with "quotes", commas', ""],
        {"theme": {"dark": True, "size": 1.5}, "seen": [1, None, "x"], "n": 9007199254740993},
        date(1970, 1, 2),
        NOON,
    ),
    Customer(BOB, "", Tier.BASIC, False, [], {}, date(9999, 12, 31), NOON.astimezone(HALF_PAST)),
]

ORDERS = [
    Order(1, ADA, Decimal("0.01"), [250, 0, -1], NOON - timedelta(days=300), NOON),
    Order(2, ADA, Decimal("9999999999.99"), [], NOON, NOON),
    Order(3, BOB, Decimal("-1.50"), [2**63 - 1], NOON, NOON),
]


def resource(kind: type[ServerResource], server: Server, variable: str) -> ServerResource:
    given = server.parameters
    return kind(
        host=given.host,
        port=given.port,
        username=given.username,
        password=dg.EnvVar(variable),
        database=given.database,
        ssl=given.ssl,
    )


class Shop:
    """Both databases, and the example that keeps them in step."""

    def __init__(self, source: DatabaseResource, target: DatabaseResource, instance: dg.DagsterInstance) -> None:
        self.source = source
        self.target = target
        self.instance = instance
        self.definitions = replication(source, target)

    def write(self, *objects: Customer | Order) -> None:
        """Write objects of one class to the source, as its application does."""

        async def upsert() -> None:
            async with self.source.connect(SHOP) as connection:
                await connection.upsert_data(type(objects[0]), list(objects))

        asyncio.run(upsert())

    def execute(self, database: DatabaseResource, statement: str) -> list[Row]:
        async def ask() -> list[Row]:
            async with database.connect(SHOP) as connection:
                return await connection.session.fetch(statement)

        return asyncio.run(ask())

    def contents(self, database: DatabaseResource) -> dict[str, list[Row]]:
        """:returns: All rows of each table, as Python has them, in the order of their keys."""

        async def read() -> dict[str, list[Row]]:
            return {
                cls.__name__: sorted([row async for batch in rows(database, cls).batches(None) for row in batch])
                for cls in entities(model)
            }

        return asyncio.run(read())

    def run(self, job: str, config: dict[str, Any] | None = None) -> dict[str, dict[str, Any]]:
        """:returns: What each table tells of its load."""
        result = self.definitions.resolve_job_def(job).execute_in_process(
            instance=self.instance, run_config={**QUIET, **(config or {})}
        )
        assert result.success
        assert all(check.passed for check in result.get_asset_check_evaluations())
        return {
            event.asset_key.path[-1]: {name: value.value for name, value in event.materialization.metadata.items()}
            for event in result.get_asset_materialization_events()
            if event.asset_key is not None and event.asset_key.path[-1] != "schema"
        }

    def due(self, schedule: str) -> list[dg.RunRequest]:
        """:returns: Runs that a schedule wants now."""
        at = datetime.now(UTC)
        with dg.build_schedule_context(instance=self.instance, scheduled_execution_time=at) as context:
            return list(self.definitions.resolve_schedule_def(schedule).evaluate_tick(context).run_requests or ())


@pytest.fixture
def shop(postgresql: Server, mysql: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    monkeypatch.setenv("SHOP_PASSWORD", postgresql.parameters.password or "")
    monkeypatch.setenv("COPY_PASSWORD", mysql.parameters.password or "")
    source = resource(PostgreSQLResource, postgresql, "SHOP_PASSWORD")
    target = resource(MySQLResource, mysql, "COPY_PASSWORD")

    async def create() -> None:
        async with source.connect(SHOP) as connection:
            await connection.create_objects(entities(model))

    asyncio.run(create())
    with dg.instance_for_test() as instance:
        shop = Shop(source, target, instance)
        shop.write(*CUSTOMERS)
        shop.write(*ORDERS)
        yield shop


def counts(shown: dict[str, dict[str, Any]], *names: str) -> dict[str, tuple[int, ...]]:
    return {table: tuple(numbers[name] for name in names) for table, numbers in shown.items()}


on_one_source = pytest.mark.parametrize("postgresql", ["postgresql-system"], indirect=True)


def test_lineage_goes_from_one_database_to_the_other_column_by_column() -> None:
    dg.Definitions.validate_loadable(defs)
    graph = defs.resolve_asset_graph()
    original, copy = (dg.AssetKey([product, "shop", "Order"]) for product in ("postgresql", "mysql"))
    assert original in graph.get(copy).parent_keys
    assert not graph.get(original).is_executable
    lineage = graph.get(copy).metadata["dagster/column_lineage"].deps_by_column
    assert [(dep.asset_key, dep.column_name) for dep in lineage["total"]] == [(original, "total")]
    schemas = [
        {column.name: column.type for column in graph.get(key).metadata["dagster/column_schema"].columns}
        for key in (original, copy)
    ]
    assert [schema["parcels"] for schema in schemas] == ["bigint[]", "json"]


@on_one_source
def test_values_of_all_types_are_copied_exactly(shop: Shop) -> None:
    assert counts(shop.run("mysql__shop_all"), "inserted", "rows") == {"Customer": (2, 2), "Order": (3, 3)}
    copied = shop.contents(shop.target)
    assert copied == shop.contents(shop.source)
    ada, bob = copied["Customer"]
    assert ada == (
        ADA,
        "Ada 😀 O'Neil",
        Tier.GOLD,
        True,
        CUSTOMERS[0].tags,
        CUSTOMERS[0].settings,
        date(1970, 1, 2),
        NOON,
    )
    assert bob[2:] == (Tier.BASIC, False, [], {}, date(9999, 12, 31), NOON)
    assert [row[2] for row in copied["Order"]] == [Decimal("0.01"), Decimal("9999999999.99"), Decimal("-1.50")]
    # what another program sees that reads the copy
    seen = shop.execute(
        shop.target,
        "SELECT tier + 0, tier, active, JSON_LENGTH(tags), JSON_EXTRACT(settings, '$.n'), UNIX_TIMESTAMP(changed)"
        " FROM shop__Customer ORDER BY joined",
    )
    assert [(int(number), label, int(active), int(length)) for number, label, active, length, *_ in seen] == [
        (2, "gold", 1, 3),
        (1, "basic", 0, 0),
    ]
    assert [number for *_, number, _ in seen] == ["9007199254740993", None]
    assert {moment for *_, moment in seen} == {Decimal("1772366400.123456")}


@on_one_source
def test_what_is_new_is_copied_and_nothing_else_is_written(shop: Shop) -> None:
    shop.run("mysql__shop_all")
    assert shop.due("mysql__shop_new_rows_schedule") == []
    unchanged = counts(shop.run("mysql__shop_new_rows"), "inserted", "updated", "unchanged")
    assert unchanged == {"Customer": (0, 0, 2), "Order": (0, 0, 3)}
    later = NOON + timedelta(hours=2)
    shop.write(replace(CUSTOMERS[1], name="Bob", tier=Tier.GOLD, changed=later))
    # one is new, and one was committed late by a transaction that had begun before the others
    late = Order(5, BOB, Decimal(5), [], NOON, NOON - LATE / 2)
    shop.write(Order(4, ADA, Decimal(4), [1], later, later), late)
    (request,) = shop.due("mysql__shop_new_rows_schedule")
    assert "Customer up to" in request.tags["news"]
    shown = shop.run("mysql__shop_new_rows", dict(request.run_config))
    assert counts(shown, "inserted", "updated") == {"Customer": (0, 1), "Order": (2, 0)}
    assert shown["Order"]["watermark"] == str(later)
    assert shop.contents(shop.target) == shop.contents(shop.source)
    assert shop.due("mysql__shop_new_rows_schedule") == []


@on_one_source
@pytest.mark.parametrize("mysql", ["mariadb-system"], indirect=True)
def test_a_trigger_tells_what_has_changed(shop: Shop) -> None:
    shop.run("mysql__shop_all")
    page = (PROJECT / "docs" / "how-to" / "replicate.md").read_text()
    (script,) = re.findall(r"```sql\n(.*?)```", page, re.DOTALL)
    for statement in re.findall(r".*?;(?=\n)", script, re.DOTALL):
        shop.execute(shop.source, statement)
    shop.execute(shop.source, """UPDATE "shop"."Customer" SET "name" = 'Augusta' WHERE "tier" = 'gold'""")
    assert len(shop.due("mysql__shop_new_rows_schedule")) == 1
    assert counts(shop.run("mysql__shop_new_rows"), "updated")["Customer"] == (1,)
    assert shop.contents(shop.target) == shop.contents(shop.source)


@on_one_source
def test_what_the_source_has_no_longer_is_deleted_at_night(shop: Shop) -> None:
    shop.run("mysql__shop_all")
    shop.execute(shop.source, f"""DELETE FROM "shop"."Customer" WHERE "id" = '{ADA}' RETURNING 1""")
    shop.write(Customer(CY, "Cy", Tier.BASIC, True, [], {}, date(2026, 1, 1), NOON - timedelta(days=9)))
    assert shop.due("mysql__shop_new_rows_schedule") == []
    (request,) = shop.due("mysql__shop_whole_schedule")
    shown = shop.run("mysql__shop_whole", dict(request.run_config))
    assert {numbers["feed"] for numbers in shown.values()} == {"everything"}
    assert counts(shown, "inserted", "deleted")["Customer"] == (1, 1)
    assert [row[0] for row in shop.contents(shop.target)["Order"]] == [3]
    assert shop.contents(shop.target) == shop.contents(shop.source)
    again = counts(shop.run("mysql__shop_whole", dict(request.run_config)), "inserted", "updated", "deleted")
    assert again == {"Customer": (0, 0, 0), "Order": (0, 0, 0)}
