"""What a run tells of the rows that it loaded, and bodies of steps that are the user's, on real servers."""

# Annotations are not postponed here: Dagster reads those of a step as objects.

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import dagster as dg
import pytest

from pysqlsync_dagster import (
    AssetOptions,
    DatabaseResource,
    RejectPreview,
    SinceWatermark,
    TableFeed,
    build_assets,
    plan_tables,
    table_assets,
)
from pysqlsync_engine.base import LoadMode, LoadOptions, OnError, Watermark
from pysqlsync_engine.data.sources import Fields
from tests import orders_job, orders_model
from tests.servers import Server

CUSTOMER = dg.AssetKey(["shop", "Customer"])
ORDER = dg.AssetKey(["shop", "Order"])
SCHEMA = dg.AssetKey(["shop", "schema"])
FIELDS = Fields(("id", "email", "name"), (int, str, str))
ORDER_FIELDS = Fields(
    ("id", "customer", "ordered_at", "state", "total"), (int, int, datetime, orders_model.OrderState, Decimal)
)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:  # pyright: ignore[reportUnknownMemberType] - of Dagster
        yield instance


@pytest.fixture
def loader(database: Server, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> "Loader":
    monkeypatch.setenv(orders_job.PASSWORD_VARIABLE, database.parameters.password or "")
    return Loader(orders_job.resource(database.parameters, dialect=database.dialect), instance, database.dialect)


class Loader:
    """Loads customers and orders into a database, as often as a test likes."""

    def __init__(self, database: DatabaseResource, instance: dg.DagsterInstance, dialect: str) -> None:
        self.database = database
        self.instance = instance
        self.tables = orders_job.tables(dialect=dialect)

    def load(
        self, sources: dict[type, Any], options: AssetOptions | None = None, **arguments: Any
    ) -> dg.ExecuteInProcessResult:
        return self.materialize(build_assets(self.tables, sources=sources, options=options), **arguments)

    def materialize(self, assets: Sequence[Any], **arguments: Any) -> dg.ExecuteInProcessResult:
        return dg.materialize(
            assets,
            resources={"database": self.database},
            instance=self.instance,
            run_config=orders_job.QUIET,
            **arguments,
        )


def shown(result: dg.ExecuteInProcessResult, key: dg.AssetKey) -> dict[str, Any]:
    (event,) = [event for event in result.get_asset_materialization_events() if event.asset_key == key]
    return {name: value.value for name, value in event.materialization.metadata.items()}


def some_customers(*rows: tuple[int, str, str | None]) -> orders_job.Rows:
    return orders_job.Rows(FIELDS, list(rows))


def test_what_became_of_the_rows_is_told_apart(loader: Loader) -> None:
    first = some_customers((1, "a@example.org", "Ann"), (2, "b@example.org", "Bob"))
    second = some_customers((2, "b@example.org", "Bobby"), (3, "c@example.org", None))
    told = [shown(loader.load({orders_model.Customer: rows}), CUSTOMER) for rows in (first, second)]
    assert [(each["rows"], each["inserted"], each["updated"]) for each in told] == [(2, 2, 0), (2, 1, 1)]
    assert [each["dagster/row_count"] for each in told] == [2, 3]
    assert {"seconds", "rows_per_second", "speed"} <= set(told[0])
    assert not {"superseded", "bytes"} & set(told[0])


def test_each_run_shows_columns_and_their_lineage_as_they_were_then(loader: Loader) -> None:
    feed = TableFeed(orders_job.customers(), upstream=dg.AssetKey(["crm", "contacts"]))
    told = shown(loader.load({orders_model.Customer: feed}), CUSTOMER)
    lineage = told["dagster/column_lineage"].deps_by_column
    assert lineage["email"] == [dg.TableColumnDep(dg.AssetKey(["crm", "contacts"]), "email")]
    assert [column.name for column in told["dagster/column_schema"].columns] == ["id", "email", "name"]


class OrdersSince:
    """Record source of orders from a moment on, which knows what it was asked for."""

    fields = ORDER_FIELDS

    def __init__(self, orders: dict[int, datetime], asked: list[datetime | None], since: datetime | None) -> None:
        asked.append(since)
        self._orders = {key: at for key, at in orders.items() if since is None or at >= since}

    def batches(self, window: object) -> Iterator[list[tuple[Any, ...]]]:
        assert window is None
        yield [(key, 1, at, orders_model.OrderState.open, Decimal(1)) for key, at in self._orders.items()]


def test_a_source_is_read_from_where_its_stream_has_come_to(loader: Loader) -> None:
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)
    orders = {1: start, 2: start + timedelta(minutes=10)}
    asked: list[datetime | None] = []
    feed = TableFeed(
        SinceWatermark(lambda since: OrdersSince(orders, asked, since), overlap=timedelta(minutes=5)),
        load=LoadOptions(watermark=Watermark("orders", "ordered_at")),
    )
    tables = orders_job.tables(dialect=loader.tables.dialect)
    loader.tables = type(tables)(tables.module, tables.dialect, tables.options)
    sources = {orders_model.Customer: orders_job.customers(), orders_model.Order: feed}
    first = shown(loader.load(sources), ORDER)
    orders[3] = start + timedelta(minutes=20)
    second = shown(loader.load(sources), ORDER)
    assert asked == [None, start + timedelta(minutes=5)]
    assert [(each["rows"], each["dagster/row_count"]) for each in (first, second)] == [(2, 2), (2, 3)]
    assert 0 < second["lag_seconds"] - timedelta(minutes=100).total_seconds() < 120


def test_a_source_without_news_says_how_far_it_had_come_before(loader: Loader) -> None:
    start = datetime.now(UTC).replace(microsecond=0)
    feed = TableFeed(
        SinceWatermark(lambda since: OrdersSince({} if since else {1: start}, [], since)),
        load=LoadOptions(watermark=Watermark("orders", "ordered_at")),
    )
    tables = orders_job.tables(dialect=loader.tables.dialect)
    loader.tables = type(tables)(tables.module, tables.dialect, tables.options)
    sources = {orders_model.Customer: orders_job.customers(), orders_model.Order: feed}
    told = [shown(loader.load(sources), ORDER) for _ in range(2)]
    assert [each["rows"] for each in told] == [1, 0]
    assert told[0]["watermark"] == told[1]["watermark"]


def test_a_watermark_is_needed_by_a_source_that_is_read_from_one() -> None:
    feed = TableFeed(SinceWatermark(lambda since: OrdersSince({}, [], since)))
    with pytest.raises(ValueError, match=r"shop\.Customer: its source is read from a watermark, but it has none"):
        orders_job.tables().tables({orders_model.Customer: feed})


@pytest.mark.parametrize(("values", "record"), [(None, "(hidden)"), (True, "Ann")], ids=["hidden", "shown"])
def test_rejected_rows_are_shown_with_reasons_and_without_what_is_said_of_persons(
    loader: Loader, values: bool | None, record: str
) -> None:
    rows = some_customers((1, "a@example.org", "Bob"), (2, "b" * 321, "Ann"), (3, "c@example.org", None))
    feed = TableFeed(rows, load=LoadOptions(LoadMode.UPSERT, on_error=OnError.QUARANTINE))
    options = AssetOptions(preview=RejectPreview(values=values))
    told = shown(loader.load({orders_model.Customer: feed}, options), CUSTOMER)
    assert (told["rows"], told["rejected"], told["dagster/row_count"]) == (3, 1, 2)
    (rejected,) = told["rejected_rows"].records
    assert rejected.data["row"] == 2
    assert rejected.data["column"] == "email"
    assert record in rejected.data["record"]
    assert told["rejected_table"] in {"shop.Customer__rejected", "shop__Customer__rejected"}


def shop(loader: Loader) -> tuple[Any, list[Any]]:
    """:returns: All tables of the shop, and the assets of a step whose body is the test's."""
    planned = plan_tables(
        loader.tables,
        sources={orders_model.Order: orders_job.OrdersByDay(), orders_model.Customer: orders_job.customers()},
    )

    @table_assets(planned)
    async def load_shop(context: dg.AssetExecutionContext, database: DatabaseResource):
        context.log.info("the body is the user's")
        async for result in planned.load(context, database):
            yield result

    return planned, [planned.schema, load_shop, *planned.external]


def test_the_body_of_a_step_for_all_tables_is_the_users(loader: Loader) -> None:
    _, assets = shop(loader)
    result = loader.materialize(assets, tags=orders_job.partition_range("2024-01-01", "2024-01-02"))
    assert [event.asset_key for event in result.get_asset_materialization_events()] == [
        SCHEMA,
        CUSTOMER,
        ORDER,
        ORDER,
    ]
    assert "load_shop" in {event.step_key for event in result.all_events if event.is_step_success}


def test_a_run_may_select_some_of_the_tables_of_a_step(loader: Loader) -> None:
    _, assets = shop(loader)
    loader.materialize(assets, selection=[SCHEMA])
    result = loader.materialize(assets, selection=[CUSTOMER])
    assert {event.asset_key for event in result.get_asset_materialization_events()} == {CUSTOMER}
