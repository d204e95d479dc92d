"""What the Dagster UI knows of tables before they have been loaded for the first time; no server is needed."""

from __future__ import annotations

import dataclasses
import inspect
from dataclasses import replace
from datetime import timedelta
from types import ModuleType
from typing import Any

import dagster as dg
import pytest

import definitions
from examples.flights import files
from examples.flights.definitions import database, flight_definitions
from pysqlsync_dagster import (
    AssetOptions,
    ByPartition,
    DescribedTable,
    TableFeed,
    TableModule,
    TableTranslator,
    build_assets,
    build_table_specs,
    plan_tables,
)
from pysqlsync_engine.base import GeneratorOptions, History, LoadMode, LoadOptions
from pysqlsync_engine.model.key_types import NotEnforced, PrimaryKey
from tests import orders_job, orders_model


def order_spec() -> dg.AssetSpec:
    return build_table_specs(orders_job.tables(), upstream=[dg.AssetKey(["shop", "schema"])])[orders_model.Order]


def column(spec: dg.AssetSpec, name: str) -> dg.TableColumn:
    schema = spec.metadata["dagster/column_schema"]
    return next(column for column in schema.columns if column.name == name)


def module_of(*classes: type) -> ModuleType:
    """:returns: A module that defines nothing but these classes."""
    module = ModuleType("made_for_a_test")
    for cls in classes:
        cls.__module__ = module.__name__
        setattr(module, cls.__name__, cls)
    return module


def test_a_table_is_named_after_its_namespace_and_class() -> None:
    spec = order_spec()
    assert spec.key == dg.AssetKey(["shop", "Order"])
    assert spec.group_name == "shop"
    assert spec.metadata["dagster/table_name"] == "shop.Order"
    assert spec.metadata["dagster/storage_kind"] == "postgresql"
    assert spec.kinds == {"postgresql", "table"}
    assert list(spec.owners) == ["team:shop"]
    assert spec.description == "Something bought."


def test_columns_have_types_descriptions_and_constraints_before_the_first_run() -> None:
    spec = order_spec()
    key = column(spec, "id")
    assert "primary key" in key.constraints.other
    assert key.constraints.unique
    assert not key.constraints.nullable
    assert key.description == "Number of the order."
    assert column(spec, "total").type.lower().replace(" ", "") in {"decimal(10,2)", "numeric(10,2)"}
    assert column(spec, "recommended_by").constraints.nullable
    assert "one of: open, shipped" in column(spec, "state").constraints.other


def test_a_foreign_key_is_shown_and_is_a_dependency() -> None:
    spec = order_spec()
    assert "references Customer.id" in column(spec, "customer").constraints.other
    constraints = spec.metadata["dagster/column_schema"].constraints.other
    assert "customer references Customer (id), foreign key" in constraints
    assert {dep.asset_key for dep in spec.deps} == {dg.AssetKey(["shop", "schema"]), dg.AssetKey(["shop", "Customer"])}


def test_a_relation_that_is_not_enforced_is_shown_but_is_no_dependency() -> None:
    plane = dataclasses.make_dataclass("Plane", [("tailnum", PrimaryKey[str])])
    fields: list[Any] = [("id", PrimaryKey[int]), ("tailnum", NotEnforced[plane])]
    flight = dataclasses.make_dataclass("Flight", fields)
    spec = build_table_specs(TableModule(module_of(plane, flight)))[flight]
    assert not list(spec.deps)
    assert column(spec, "tailnum").constraints.other == ["relation to Plane.tailnum", "not enforced"]
    constraints = spec.metadata["dagster/column_schema"].constraints.other
    assert "tailnum relates to Plane (tailnum), not enforced" in constraints


def test_a_unique_column_is_marked() -> None:
    spec = build_table_specs(orders_job.tables())[orders_model.Customer]
    assert column(spec, "email").constraints.unique
    assert not column(spec, "name").constraints.unique


def test_code_reference_points_to_the_line_of_the_class() -> None:
    (reference,) = order_spec().metadata["dagster/code_references"].code_references
    source = inspect.getsource(orders_model).splitlines()
    assert reference.file_path == orders_model.__file__
    assert any("class Order:" in line for line in source[reference.line_number - 1 : reference.line_number + 1])


def test_a_class_made_at_run_time_has_no_code_reference() -> None:
    made = dataclasses.make_dataclass("Made", [("id", PrimaryKey[int])])
    (spec,) = build_table_specs(TableModule(module_of(made))).values()
    assert "dagster/code_references" not in spec.metadata


def test_code_version_changes_with_the_table_and_with_nothing_else() -> None:
    one = dataclasses.make_dataclass("Thing", [("id", PrimaryKey[int]), ("name", str)])
    same = dataclasses.make_dataclass("Thing", [("id", PrimaryKey[int]), ("name", str)])
    other = dataclasses.make_dataclass("Thing", [("id", PrimaryKey[int]), ("name", str | None)])
    versions = [
        next(iter(build_table_specs(TableModule(module_of(cls))).values())).code_version for cls in (one, same, other)
    ]
    assert versions[0] == versions[1]
    assert versions[0] != versions[2]
    assert versions[0]


def test_one_method_of_the_translator_changes_everything_and_dependencies_follow() -> None:
    class Renaming(TableTranslator):
        def get_asset_spec(self, described: DescribedTable) -> dg.AssetSpec:
            spec = super().get_asset_spec(described)
            return spec.replace_attributes(  # pyright: ignore[reportUnknownMemberType] - of Dagster
                key=spec.key.with_prefix("warehouse"), group_name="renamed"
            )

    specs = build_table_specs(orders_job.tables(), translator=Renaming())
    assert specs[orders_model.Order].key == dg.AssetKey(["warehouse", "shop", "Order"])
    assert specs[orders_model.Order].group_name == "renamed"
    assert [dep.asset_key for dep in specs[orders_model.Order].deps] == [dg.AssetKey(["warehouse", "shop", "Customer"])]


def test_a_module_whose_tables_refer_to_each_other_in_a_circle_has_loadable_definitions() -> None:
    import tests.circle_model as circle

    specs = build_table_specs(TableModule(circle))
    dg.Definitions.validate_loadable(dg.Definitions(assets=list(specs.values())))
    assert sum(len(list(spec.deps)) for spec in specs.values()) == 1


def test_a_table_without_a_source_is_shown_but_cannot_be_loaded() -> None:
    built = build_assets(orders_job.tables(), sources={orders_model.Customer: orders_job.customers()})
    external = [each for each in built if isinstance(each, dg.AssetSpec)]
    assert [spec.key for spec in external] == [dg.AssetKey(["shop", "Order"]), dg.AssetKey(["shop", "Voucher"])]


def test_a_source_for_a_class_of_another_module_is_refused_by_name() -> None:
    with pytest.raises(
        ValueError, match=r"OrderState is no table of module 'tests.orders_model'; tables: Customer, Order, Voucher"
    ):
        build_assets(orders_job.tables(), sources={orders_model.OrderState: orders_job.customers()})


def test_partitions_for_a_class_of_another_module_are_refused_by_name() -> None:
    tables = TableModule(orders_model, partitions={orders_model.OrderState: orders_job.DAYS})
    with pytest.raises(ValueError, match="partitions: OrderState is no table of module"):
        tables.tables()


def test_the_definitions_of_the_project_load_and_have_six_assets() -> None:
    dg.Definitions.validate_loadable(definitions.defs)
    keys = definitions.defs.resolve_asset_graph().get_all_asset_keys()
    names = ("schema", "Airline", "Airport", "Plane", "Weather", "Flight")
    assert keys == {dg.AssetKey(["flights", name]) for name in names}


def test_importing_definitions_does_not_unpack_the_flights(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise AssertionError(f"unpacked: {arguments}")

    monkeypatch.setattr(files, "unpack", refuse)
    dg.Definitions.validate_loadable(flight_definitions(database()))


def test_columns_about_persons_are_tagged() -> None:
    spec = build_table_specs(orders_job.tables())[orders_model.Customer]
    assert column(spec, "email").tags == {"PII": "e-mail"}
    assert column(spec, "id").tags == {}


def test_where_rows_come_from_is_lineage_of_assets_and_of_columns() -> None:
    crm = dg.AssetKey(["crm", "contacts"])
    feed = TableFeed(orders_job.customers(), upstream=crm, columns={"email": "mail_address"})
    spec = build_table_specs(orders_job.tables(), feeds={orders_model.Customer: feed})[orders_model.Customer]
    lineage = spec.metadata["dagster/column_lineage"].deps_by_column
    assert crm in {dep.asset_key for dep in spec.deps}
    assert lineage["email"] == [dg.TableColumnDep(crm, "mail_address")]
    assert lineage["name"] == [dg.TableColumnDep(crm, "name")]
    assert "from contacts.mail_address" in column(spec, "email").constraints.other


def test_an_asset_that_rows_come_from_may_be_described_with_the_feed() -> None:
    files = dg.AssetSpec("csv_files", description="From the tills.")
    feed = TableFeed(orders_job.customers(), upstream=files)
    sources = {orders_model.Customer: feed, orders_model.Voucher: TableFeed(orders_job.customers(), upstream=files)}
    built = build_assets(orders_job.tables(), sources=sources)
    database = orders_job.resource(orders_job.ConnectionParameters())
    graph = dg.Definitions(assets=built, resources={"database": database}).resolve_asset_graph()
    assert graph.get(dg.AssetKey(["csv_files"])).description == "From the tills."
    assert graph.get(dg.AssetKey(["csv_files"])).group_name == "shop"
    assert dg.AssetKey(["csv_files"]) in graph.get(dg.AssetKey(["shop", "Customer"])).parent_keys
    planned = plan_tables(orders_job.tables(), sources=sources)
    assert [spec.key for spec in planned.external] == [files.key, dg.AssetKey(["shop", "Order"])]


def test_foreign_keys_and_relations_are_lineage_of_columns() -> None:
    lineage = order_spec().metadata["dagster/column_lineage"].deps_by_column
    customer = [dg.TableColumnDep(dg.AssetKey(["shop", "Customer"]), "id")]
    assert lineage == {"customer": customer, "recommended_by": customer}


def test_a_prefix_tells_the_same_tables_of_two_databases_apart() -> None:
    here, there = (
        plan_tables(
            replace(orders_job.tables(dialect=dialect), prefix=(dialect,)),
            sources={orders_model.Customer: orders_job.customers()},
        )
        for dialect in ("postgresql", "mysql")
    )
    assert here.specs[orders_model.Order].key == dg.AssetKey(["postgresql", "shop", "Order"])
    assert there.specs[orders_model.Order].key == dg.AssetKey(["mysql", "shop", "Order"])
    assert here.schema.key == dg.AssetKey(["postgresql", "shop", "schema"])
    assert dg.AssetKey(["mysql", "shop", "Customer"]) in {d.asset_key for d in there.specs[orders_model.Order].deps}


def test_some_classes_of_a_module_can_be_assets_without_the_others() -> None:
    options = GeneratorOptions(namespaces={orders_model: "shop"})
    specs = build_table_specs(TableModule((orders_model.Customer,), options=options))
    assert [spec.key for spec in specs.values()] == [dg.AssetKey(["shop", "Customer"])]


def test_policies_and_conditions_pass_through_unless_the_translator_has_its_own() -> None:
    class Eager(TableTranslator):
        def get_asset_spec(self, described: DescribedTable) -> dg.AssetSpec:
            spec = super().get_asset_spec(described)
            if described.cls is not orders_model.Order:
                return spec
            return spec.replace_attributes(  # pyright: ignore[reportUnknownMemberType] - of Dagster
                automation_condition=dg.AutomationCondition.eager()
            )

    options = AssetOptions(
        automation_condition=dg.AutomationCondition.on_cron("0 6 * * *"),
        freshness_policy=dg.FreshnessPolicy.time_window(timedelta(hours=25)),
        retry_policy=dg.RetryPolicy(max_retries=2),
        pool="shop",
        op_tags={"kind": "load"},
    )
    built = orders_job.assets(translator=Eager(), options=options)
    order, customer = (
        next(
            each for each in built if isinstance(each, dg.AssetsDefinition) and each.key == dg.AssetKey(["shop", name])
        )
        for name in ("Order", "Customer")
    )
    conditions: list[Any] = [next(iter(each.specs)).automation_condition for each in (order, customer)]  # pyright: ignore[reportUnknownMemberType]
    assert conditions == [dg.AutomationCondition.eager(), dg.AutomationCondition.on_cron("0 6 * * *")]
    assert next(iter(order.specs)).freshness_policy == options.freshness_policy
    assert isinstance(order.op, dg.OpDefinition)
    assert order.op.retry_policy == options.retry_policy
    assert order.op.pool == "shop"
    assert order.op.tags["kind"] == "load"


def test_a_source_that_does_not_fit_the_partitions_is_refused() -> None:
    regions = dg.StaticPartitionsDefinition(["eu", "us"])
    tables = replace(orders_job.tables(), partitions={orders_model.Customer: regions})
    with pytest.raises(ValueError, match=r"shop\.Customer: its partitions are more than ranges of time; .*ByPartition"):
        tables.tables({orders_model.Customer: TableFeed(orders_job.customers())})
    made = TableFeed(ByPartition(lambda _: orders_job.customers()))
    with pytest.raises(ValueError, match=r"shop\.Voucher: its source is made by partition, but it has none"):
        tables.tables({orders_model.Voucher: made})
    assert tables.tables({orders_model.Customer: made})[0].feed is made


@pytest.mark.parametrize(
    "load",
    [
        LoadOptions(LoadMode.REPLACE),
        LoadOptions(LoadMode.MIRROR),
        LoadOptions(LoadMode.HISTORY, history=History(closes_missing=True)),
    ],
    ids=["replace", "mirror", "history"],
)
def test_a_mode_that_would_delete_the_rows_of_other_partitions_is_refused(load: LoadOptions) -> None:
    feed = TableFeed(orders_job.OrdersByDay(), load=load)
    with pytest.raises(ValueError, match="would take the rows of all other partitions for missing"):
        orders_job.tables().tables({orders_model.Order: feed})
