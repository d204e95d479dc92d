"""Tables that YAML describes, on real servers: rows of files, of other databases and of functions; and what is said of mistakes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster._core.remote_representation.external_data import RepositorySnap
from dagster.components.core.component_tree import ComponentTree, ComponentTreeException
from dagster.components.testing.test_cases import TestTranslation

from pysqlsync_dagster import Contract, DescribedTable, PostgreSQLResource, ReflectedDatabaseComponent, SqlSyncComponent
from pysqlsync_dagster.components.place import Place
from pysqlsync_engine.base import GeneratorOptions, LoadMode, LoadOptions, OnError
from pysqlsync_engine.factory import get_dialect
from tests import orders_job, orders_model
from tests.component_project import QUIETLY, SECRET, SYNC, Project, new_project, settings
from tests.row_tables import quoted
from tests.servers import Server

pytestmark = QUIETLY

CANARY = "correct-horse-battery"
CUSTOMER = dg.AssetKey(["shop", "Customer"])
ORDER = dg.AssetKey(["shop", "Order"])
TARGET = {"type": "postgresql", "host": "db.example.org", "password": SECRET}
CUSTOMERS = "id;mail;name\n1;ann@example.org;Ann\n2;bob@example.org;NA\n"
ORDERS = '{{"id": {0}1, "customer": 1, "ordered_at": "2024-01-0{0}T10:00:00Z", "state": "open", "total": "9.90"}}\n'
RATES = """
from pysqlsync_dagster import ByPartition
from pysqlsync_engine.data.sources import Fields


class Codes:
    fields = Fields(("code",), (str,))

    def __init__(self, codes):
        self.codes = codes

    def batches(self, window):
        yield [(code,) for code in self.codes]


def vouchers(codes):
    return ByPartition(lambda part: Codes([f"{part.key}-{code}" for code in codes]))


def nothing():
    return 7
"""


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:  # pyright: ignore[reportUnknownMemberType] - of Dagster
        yield instance


@pytest.fixture
def project() -> Iterator[Project]:
    files = {
        "customers.csv": CUSTOMERS,
        "orders/1/a.jsonl": ORDERS.format(1),
        "orders/1/b.jsonl": ORDERS.format(1).replace("11", "12"),
        "orders/2/a.jsonl": ORDERS.format(2),
        "functions.py": RATES,
    }
    with new_project(files) as made:
        yield made


def shop(target: dict[str, Any], **attributes: Any) -> dict[str, Any]:
    """:returns: The shop as YAML has it."""
    days = {"type": "daily", "start_date": "2024-01-01", "end_date": "2024-02-01"}
    tables = {
        "Customer": {
            "files": {"path": "customers.csv", "delimiter": ";", "null": ["NA"], "columns": {"email": "mail"}}
        },
        "Order": {
            "partitions": days,
            "files": {
                "path": "orders/{start:%-d}/*.jsonl",
                "missing_ok": True,
                "only": ["id", "customer", "ordered_at", "state", "total"],
            },
        },
    }
    return {"target": target, "module": "tests.orders_model", "namespace": "shop", "tables": tables, **attributes}


def run(
    defs: dg.Definitions,
    instance: dg.DagsterInstance,
    job: str = "shop_all",
    *,
    fails: bool = False,
    **arguments: Any,
) -> dg.ExecuteInProcessResult:
    result = defs.resolve_job_def(job).execute_in_process(
        instance=instance, run_config=orders_job.QUIET, raise_on_error=False, **arguments
    )
    failures = [event.step_failure_data.user_failure_data for event in result.all_events if event.is_step_failure]
    assert result.success is not fails, failures
    return result


def shown(result: dg.ExecuteInProcessResult, key: dg.AssetKey) -> dict[str | None, dict[str, Any]]:
    """:returns: Metadata of an asset by partition."""
    return {
        event.partition: {name: value.value for name, value in event.materialization.metadata.items()}
        for event in result.get_asset_materialization_events()
        if event.asset_key == key
    }


async def rows(server: Server, cls: type, columns: str) -> list[tuple[Any, ...]]:
    """:returns: What is in the table of a class, in order."""
    options = GeneratorOptions(namespaces={orders_model: "shop"})
    engine = get_dialect(server.dialect)
    async with engine.create_connection(server.parameters, options) as conn:
        name = conn.get_table(cls).name
        parts = [part for part in (name.namespace, name.name) if part is not None]
        table = ".".join(quoted(conn.session, part) for part in parts)
        return [tuple(row) for row in await conn.session.fetch(f"SELECT {columns} FROM {table} ORDER BY 1")]


async def test_files_of_all_days_are_loaded_in_one_run(
    database: Server, project: Project, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(orders_job.PASSWORD_VARIABLE, database.parameters.password or "")
    project.describe(SYNC, shop(settings(database)))
    with project.definitions() as defs:
        result = await asyncio.to_thread(
            run, defs, instance, tags=orders_job.partition_range("2024-01-01", "2024-01-03")
        )
    assert shown(result, CUSTOMER)[None]["speed"] == "bytes"
    assert {key: each["rows"] for key, each in shown(result, ORDER).items()} == {
        "2024-01-01": 2,
        "2024-01-02": 1,
        "2024-01-03": 0,
    }
    assert await rows(database, orders_model.Customer, "id, email, name") == [
        (1, "ann@example.org", "Ann"),
        (2, "bob@example.org", None),
    ]
    assert [row[0] for row in await rows(database, orders_model.Order, "id")] == [11, 12, 21]


@pytest.fixture
def one_server(servers: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """An empty database, where one kind of server is enough."""
    with servers.get("postgresql-system").database() as server:
        monkeypatch.setenv(orders_job.PASSWORD_VARIABLE, server.parameters.password or "")
        yield server


async def test_rows_of_another_database_are_read_from_where_the_last_run_came_to(
    one_server: Server, project: Project, instance: dg.DagsterInstance
) -> None:
    other = {
        "connection": settings(one_server),
        "table": "crm.contacts",
        "key": ["id"],
        "watermark": "id",
        "overlap": 1,
    }
    tables = {"Customer": {"database": other, "upstream": "crm/contacts", "upstream_columns": {"email": "mail"}}}
    project.describe(SYNC, shop(settings(one_server), tables=tables))
    engine = get_dialect("postgresql")
    async with engine.create_connection(one_server.parameters) as conn:
        await conn.session.execute("CREATE SCHEMA crm")
        await conn.session.execute("CREATE TABLE crm.contacts (id bigint PRIMARY KEY, email text, name text)")
        await conn.session.execute("INSERT INTO crm.contacts VALUES (1, 'ann@example.org', 'Ann')")
        with project.definitions() as defs:
            first = await asyncio.to_thread(run, defs, instance)
            await conn.session.execute(
                "INSERT INTO crm.contacts SELECT n, n || '@example.org' FROM generate_series(2, 4) n"
            )
            second = await asyncio.to_thread(run, defs, instance)
    told = [shown(each, CUSTOMER)[None] for each in (first, second)]
    assert [(each["rows"], each["dagster/row_count"]) for each in told] == [(1, 1), (4, 4)]
    lineage = told[0]["dagster/column_lineage"].deps_by_column
    assert lineage["email"] == [dg.TableColumnDep(dg.AssetKey(["crm", "contacts"]), "mail")]


async def test_rows_of_a_day_are_read_of_another_database(
    one_server: Server, project: Project, instance: dg.DagsterInstance
) -> None:
    described = shop(settings(one_server))
    query = """
        SELECT n AS id, 1 AS customer, TIMESTAMPTZ '2024-01-01Z' + n * INTERVAL '8 hours' AS ordered_at, 'open' AS state,
            1.5 AS total
        FROM generate_series(0, 5) AS n
    """
    only = described["tables"]["Order"].pop("files")["only"]
    other = {"connection": settings(one_server), "query": query, "only": only, "time_column": "ordered_at"}
    described["tables"]["Order"]["database"] = other
    project.describe(SYNC, described)
    with project.definitions() as defs:
        days = orders_job.partition_range("2024-01-01", "2024-01-02")
        result = await asyncio.to_thread(run, defs, instance, tags=days)
    assert {key: each["rows"] for key, each in shown(result, ORDER).items()} == {"2024-01-01": 3, "2024-01-02": 3}


async def test_a_query_of_another_database_is_read_by_the_key_of_the_class(
    one_server: Server, project: Project, instance: dg.DagsterInstance
) -> None:
    query = "SELECT n AS id, n || '@example.org' AS email, NULL AS name FROM generate_series(1, 3) AS n"
    tables = {"Customer": {"database": {"connection": settings(one_server), "query": query}}}
    project.describe(SYNC, shop(settings(one_server), tables=tables))
    with project.definitions() as defs:
        await asyncio.to_thread(run, defs, instance)
    assert [row[0] for row in await rows(one_server, orders_model.Customer, "id")] == [1, 2, 3]


async def test_a_function_of_the_folder_makes_the_rows_of_each_partition(
    one_server: Server, project: Project, instance: dg.DagsterInstance
) -> None:
    voucher = {
        "python": {"call": ".functions.vouchers", "arguments": {"codes": ["a", "b"]}},
        "partitions": {"type": "static", "partition_keys": ["xmas", "easter"]},
    }
    project.describe(SYNC, shop(settings(one_server), tables={"Voucher": voucher}))
    with project.definitions() as defs:
        await asyncio.to_thread(run, defs, instance, "shop_schema")
        await asyncio.to_thread(run, defs, instance, "shop_static", partition_key="xmas")
    assert await rows(one_server, orders_model.Voucher, "code") == [("xmas-a",), ("xmas-b",)]


async def test_rows_of_a_day_are_found_by_a_column_where_files_hold_all_days(
    one_server: Server, project: Project, instance: dg.DagsterInstance
) -> None:
    described = shop(settings(one_server))
    described["tables"]["Order"]["files"] |= {"path": "orders/**/*.jsonl", "time_column": "ordered_at"}
    project.describe(SYNC, described)
    with project.definitions() as defs:
        result = await asyncio.to_thread(
            run, defs, instance, tags=orders_job.partition_range("2024-01-01", "2024-01-02")
        )
    assert {key: each["rows"] for key, each in shown(result, ORDER).items()} == {"2024-01-01": 2, "2024-01-02": 1}


def test_values_are_not_shown_where_they_are_redacted(
    one_server: Server, project: Project, instance: dg.DagsterInstance
) -> None:
    (project.folder / "bad.csv").write_text(f"id,email,name\n{CANARY},a,b\n")
    tables = {"Customer": {"files": {"path": "bad.csv"}, "load": {"redact_values": True}}}
    project.describe(SYNC, shop(settings(one_server), tables=tables))
    with project.definitions() as defs:
        result = run(defs, instance, fails=True)
    events = "\n".join(repr(entry) for entry in instance.all_logs(result.run_id))
    assert "bad.csv: line 2" in events
    assert CANARY not in events


def test_what_is_said_of_execution_checks_and_schedules_becomes_part_of_the_definitions(project: Project) -> None:
    described = shop(
        TARGET,
        owners=["team:shop"],
        group="sales",
        prefix=["eu"],
        execution={
            "pool": "shop",
            "retry": {"max_retries": 3, "delay_s": 30, "backoff": "exponential"},
            "concurrency": 2,
        },
        schedule={"late": 1, "timezone": "Europe/Budapest"},
        freshness={"fail_hours": 26, "warn_hours": 25},
        automation="{{ dg.AutomationCondition.eager() }}",
        checks={"row_bounds": True},
        policy={"allow_drop": {"column": ["shop.Order.legacy_*"]}, "keep": ["shop.old_*"], "allow": ["narrows a type"]},
    )
    described["tables"]["Order"] |= {
        "load": {"on_error": "quarantine", "max_rejects": 5},
        "contract": "freeze",
        "max_age": {"column": "ordered_at", "hours": 24},
    }
    described["tables"]["Customer"] |= {"source_rows": True}
    project.describe(SYNC, described)
    with project.definitions() as defs:
        node = defs.resolve_asset_graph().get(dg.AssetKey(["eu", "shop", "Order"]))
        assert (list(node.owners), node.group_name, node.pools) == (["team:shop"], "sales", {"shop"})
        assert isinstance(node.partitions_def, dg.DailyPartitionsDefinition)
        assert node.automation_condition  # pyright: ignore[reportUnknownMemberType] - of Dagster
        assert node.freshness_policy == dg.FreshnessPolicy.time_window(
            fail_window=timedelta(hours=26), warn_window=timedelta(hours=25)
        )
        assert defs.resolve_asset_graph().get(dg.AssetKey(["eu", "shop", "schema"])).group_name == "sales"
        loading = defs.get_assets_def(node.key)
        assert loading.op.retry_policy == dg.RetryPolicy(max_retries=3, delay=30, backoff=dg.Backoff.EXPONENTIAL)
        checks = {key.name for key in defs.resolve_asset_graph().asset_check_keys}
        assert {"in_sync", "schema_drift", "rejected_rows", "row_bounds", "fresh", "source_rows"} <= checks
        assert {each.name for each in defs.schedules or ()} == {"eu__shop_whole_schedule", "eu__shop_daily_schedule"}
        assert set(defs.resources or {}) == {"eu_shop_database"}
        references = node.metadata["dagster/code_references"].code_references
        assert {reference.file_path.rpartition("/")[2] for reference in references} == {"orders_model.py", "defs.yaml"}


def test_tables_say_only_what_is_not_as_for_all_of_them(project: Project) -> None:
    described = shop(
        TARGET, load_defaults={"on_error": "quarantine", "max_rejects": 5, "mode": "mirror"}, contract="freeze"
    )
    described["tables"]["Order"] |= {"load": {"mode": "upsert", "max_rejects": 7}, "contract": "evolve"}
    project.describe(SYNC, described)
    with project.component() as component:
        place = Place.of(ComponentTree.for_test().load_context)
        options = orders_job.tables().options
        feeds = {
            cls.__name__: component.tables[cls.__name__].feed(
                cls, place, options, usual=component.load_defaults, contract=component.contract
            )
            for cls in (orders_model.Customer, orders_model.Order)
        }
    quarantine = OnError.QUARANTINE
    assert feeds["Customer"].load == LoadOptions(LoadMode.MIRROR, on_error=quarantine, max_rejects=5)
    assert feeds["Order"].load == LoadOptions(LoadMode.UPSERT, on_error=quarantine, max_rejects=7)
    assert [each.contract for each in feeds.values()] == [Contract.FREEZE, Contract.EVOLVE]


def test_every_kind_of_partitions_can_be_described(project: Project) -> None:
    kinds: dict[str, tuple[dict[str, Any], Any]] = {
        "hourly": ({"start_date": "2024-01-01-00:00"}, dg.HourlyPartitionsDefinition("2024-01-01-00:00")),
        "weekly": (
            {"start_date": "2024-01-01", "day_offset": 1},
            dg.WeeklyPartitionsDefinition("2024-01-01", day_offset=1),
        ),
        "monthly": (
            {"start_date": "2024-01-01", "timezone": "Europe/Budapest"},
            dg.MonthlyPartitionsDefinition("2024-01-01", timezone="Europe/Budapest"),
        ),
        "dynamic": ({"name": "files"}, dg.DynamicPartitionsDefinition(name="files")),
    }
    described = shop(TARGET)
    for kind, (given, expected) in kinds.items():
        described["tables"]["Order"] |= {"partitions": {"type": kind, **given}, "files": {"path": "{key}.csv"}}
        project.describe(SYNC, described)
        with project.definitions() as defs:
            assert defs.resolve_asset_graph().get(ORDER).partitions_def == expected
    described["tables"]["Order"]["partitions"] = '{{ dg.StaticPartitionsDefinition(["a"]) }}'
    project.describe(SYNC, described)
    with project.definitions() as defs:
        assert defs.resolve_asset_graph().get(ORDER).partitions_def == dg.StaticPartitionsDefinition(["a"])


def test_several_components_are_parts_of_one_project(project: Project) -> None:
    project.describe(SYNC, shop(TARGET))
    second = project.sandbox.defs_folder_path / "archive"
    second.mkdir()
    described = shop({"type": "mysql", "host": "archive.example.org"}, prefix=["archive"], tables={}, schedule={})
    (second / "defs.yaml").write_text(yaml.safe_dump({"type": SYNC, "attributes": described}))
    with project.definitions() as defs:
        assert set(defs.resources or {}) == {"shop_database", "archive_shop_database"}
        names = {job.name for job in defs.get_repository_def().get_all_jobs()}
        assert {"shop_all", "archive__shop_all"} <= names
        assert defs.resolve_asset_graph().get(dg.AssetKey(["archive", "shop", "Order"])).kinds == {"mysql", "table"}


def test_partitions_that_a_translation_chooses_must_suit_the_source(project: Project) -> None:
    translation = {"partitions_def": {"type": "static", "partition_keys": ["a"]}}
    tables = {"Customer": {"files": {"path": "customers.csv"}}}
    project.describe(SYNC, shop(TARGET, translation=translation, tables=tables))
    with pytest.raises(ComponentTreeException) as caught, project.definitions():
        pass
    assert "defs.yaml: attributes: shop/Customer: its partitions are more than ranges of time" in explanation(
        caught.value
    )


class TestTranslationOfTables(TestTranslation):
    """What Dagster expects of every component that has a `translation`."""

    def test_translation(self, attributes: Any, assertion: Any, key_modifier: Any, project: Project) -> None:
        described = shop(TARGET, tables={}, translation=attributes)
        project.describe(SYNC, described)
        with project.component() as component, project.definitions() as defs:
            (table,) = [each for each in orders_job.tables().tables() if each.cls is orders_model.Voucher]
            key = dg.AssetKey(["shop", "Voucher"])
            spec = component.get_asset_spec(table)
            assert assertion(spec)
            assert spec.key == (key_modifier(key) if key_modifier else key)
            assert spec.key in {each.key for each in defs.resolve_all_asset_specs()}


def test_templates_of_a_translation_know_the_table(project: Project) -> None:
    translation = {
        "tags": {"of": "{{ table }}-{{ namespace }}"},
        "description": "{{ data.cls.__name__ }}: {{ spec.description }}",
    }
    project.describe(SYNC, shop(TARGET, translation=translation))
    with project.definitions() as defs:
        node = defs.resolve_asset_graph().get(CUSTOMER)
        assert node.tags["of"] == "Customer-shop"
        assert node.description == "Customer: Someone who buys."


class ShoutingComponent(SqlSyncComponent):
    """Says everything louder."""

    def get_asset_spec(self, described: DescribedTable) -> dg.AssetSpec:
        spec: Any = super().get_asset_spec(described)
        return spec.replace_attributes(description=described.cls.__name__.upper())


def test_a_component_of_your_own_may_override_what_assets_look_like() -> None:
    component = ShoutingComponent(
        target=PostgreSQLResource(host="db.example.org"), module=[orders_model.Customer], namespace="shop"
    )
    defs = component.build_defs(ComponentTree.for_test().load_context)
    assert defs.resolve_asset_graph().get(CUSTOMER).description == "CUSTOMER"


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "module": ({"module": ".modell"}, r"attributes\.module: no module '\.modell'; expected a dotted name"),
    "class": (
        {"module": ["tests.orders_model.Custmer"]},
        r"attributes\.module: module tests\.orders_model has nothing of",
    ),
    "empty": (
        {"module": "tests.orders_job"},
        r"attributes\.module: tests\.orders_job has no data-class with a primary key",
    ),
    "table": ({"tables": {"Custmer": {}}}, r"attributes\.tables\.Custmer: .* expected one of Customer, Order, Voucher"),
    "format": (
        {"tables": {"Customer": {"files": {"path": "a.txt"}}}},
        r"attributes\.tables\.Customer\.files: the path 'a\.txt' does not tell the format; give one: csv, tsv",
    ),
    "option": (
        {"tables": {"Customer": {"files": {"path": "a.tsv", "delimiter": ";"}}}},
        r"attributes\.tables\.Customer\.files: tsv has no delimiter; expected some of columns, header",
    ),
    "only": (
        {"tables": {"Customer": {"files": {"path": "a.csv", "only": ["nam"]}}}},
        r"attributes\.tables\.Customer\.files: only: Customer has no nam; columns: id, email, name",
    ),
    "two sources": (
        {"tables": {"Customer": {"files": {"path": "a.csv"}, "python": {"call": ".a.b"}}}},
        r"attributes\.tables\.Customer: expected one of files, database, python; got files and python",
    ),
    "function": (
        {"tables": {"Customer": {"python": {"call": ".functions.nothing"}}}},
        r"attributes\.tables\.Customer\.python: call: expected \.functions\.nothing to return a source; got int",
    ),
    "partitions": (
        {"tables": {"Customer": {"partitions": {"type": "daily"}, "files": {"path": "{key}.csv"}}}},
        r"type daily needs start_date; expected start_date, timezone",
    ),
    "no part": (
        {
            "tables": {
                "Customer": {
                    "partitions": '{{ dg.DailyPartitionsDefinition("2024-01-01") }}',
                    "files": {"path": "a.csv"},
                }
            }
        },
        r"attributes\.tables\.Customer: expected to be told which rows are those of a partition; put \{key\} into",
    ),
    "time column": (
        {"tables": {"Order": {"files": {"path": "a.csv", "time_column": "total"}}}},
        r"attributes\.tables\.Order\.files: time_column: total: expected a column of moments or dates",
    ),
    "overlap": (
        {"tables": {"Order": {"database": {"connection": TARGET, "overlap": 5}}}},
        r"attributes\.tables\.Order\.database: overlap: expected a watermark as well",
    ),
    "mode": (
        {"tables": {"Customer": {"files": {"path": "a.csv"}, "load": {"mode": "history"}}}},
        r"attributes\.tables\.Customer: LoadMode\.HISTORY and history=History\(\.\.\.\) go together",
    ),
    "policy": (
        {"policy": {"allow_drop": {"colum": ["*"]}}},
        r"attributes\.policy: .*colum",
    ),
    "unknown": ({"ownners": ["team:shop"]}, r"ownners.*defs\.yaml:\d+"),
    "value": (
        {"tables": {"Customer": {"load": {"mode": "upsrt"}}}},
        r"defs\.yaml:\d+ - attributes\.tables\.Customer\.load.*mode.*'insert', 'upsert'",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_mistake_is_told_with_file_and_key_and_what_is_expected(case: str, project: Project) -> None:
    change, expected = WRONG[case]
    project.describe(SYNC, shop(TARGET, **change))
    with pytest.raises(ComponentTreeException) as caught, project.definitions() as defs:
        defs.resolve_all_asset_specs()
    text = explanation(caught.value)
    assert "defs.yaml" in text
    assert re.search(expected, text, re.DOTALL), text


def explanation(error: BaseException | None) -> str:
    """:returns: What is said by an error, and by those that caused it."""
    return "" if error is None else f"{error}\n{explanation(error.__cause__ or error.__context__)}"


@pytest.mark.parametrize("password", [CANARY, 1234567890123])
def test_a_password_in_plain_text_is_refused_and_not_repeated(password: object, project: Project) -> None:
    project.describe(SYNC, shop({**TARGET, "password": password}))
    with pytest.raises(ComponentTreeException) as caught, project.definitions():
        pass
    text = explanation(caught.value)
    assert re.search(r'defs\.yaml: attributes\.target: password is given as plain text.*"\{\{ env\.NAME \}\}"', text)
    assert str(password) not in text


def test_the_password_of_the_environment_is_nowhere_in_the_definitions(
    project: Project, monkeypatch: pytest.MonkeyPatch, instance: dg.DagsterInstance
) -> None:
    monkeypatch.setenv(orders_job.PASSWORD_VARIABLE, CANARY)
    target = {**TARGET, "host": "127.0.0.1", "port": 1, "username": "{{ env('ORDERS_USER') }}"}
    monkeypatch.setenv("ORDERS_USER", "shopkeeper")
    project.describe(SYNC, shop(target))
    with project.component() as component:
        assert CANARY not in repr(component)
        assert component.target.resolved().parameters.username == "shopkeeper"
    with project.definitions() as defs:
        told = dg.serialize_value(RepositorySnap.from_def(defs.get_repository_def()))
        result = run(defs, instance, "shop_schema", fails=True)
        events = "\n".join(repr(entry) for entry in instance.all_logs(result.run_id))
    assert orders_job.PASSWORD_VARIABLE in told
    assert CANARY not in told
    assert "127.0.0.1:1" in events
    assert CANARY not in events


@pytest.mark.parametrize("component", [SqlSyncComponent, ReflectedDatabaseComponent])
def test_every_setting_is_described(component: type[dg.Component]) -> None:
    model = component.get_model_cls()
    assert model is not None
    schema = model.model_json_schema()
    described = [schema, *(schema["$defs"][name] for name in schema["$defs"] if name.endswith("SettingsModel"))]
    silent = [
        f"{each['title']}.{name}"
        for each in described
        for name, value in each["properties"].items()
        if not value.get("description")
    ]
    assert len(described) > 8
    assert silent == []
