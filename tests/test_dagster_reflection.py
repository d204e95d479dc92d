"""Live databases as assets: what is kept of them, how it is brought up to date, and copies in a second database."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pytest
from dagster.components.core.component_tree import ComponentTreeException

from pysqlsync_engine.base import ConnectionContext
from pysqlsync_engine.errors import ConnectError
from pysqlsync_engine.factory import get_dialect
from tests import orders_job
from tests.component_project import QUIETLY, REFLECTED, SECRET, Project, new_project, settings
from tests.servers import Server

pytestmark = QUIETLY

CANARY = "correct-horse-battery"
STATEMENTS = (
    "CREATE TABLE customers (id integer PRIMARY KEY, email varchar(100) NOT NULL UNIQUE)",
    """
    CREATE TABLE orders (
        id bigint PRIMARY KEY,
        customer integer NOT NULL,
        total numeric(10, 2),
        changed timestamp NOT NULL,
        CONSTRAINT fk_customer FOREIGN KEY (customer) REFERENCES customers (id)
    )
    """,
    "CREATE TABLE notes (id integer PRIMARY KEY, words text)",
)


@pytest.fixture
def project() -> Iterator[Project]:
    with new_project() as made:
        yield made


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:  # pyright: ignore[reportUnknownMemberType] - of Dagster
        yield instance


@asynccontextmanager
async def connected(server: Server) -> AsyncGenerator[ConnectionContext]:
    async with get_dialect(server.dialect).create_connection(server.parameters) as conn:
        yield conn


async def execute(server: Server, *statements: str) -> None:
    async with connected(server) as conn:
        for statement in statements:
            await conn.session.execute(statement)


async def refresh(project: Project) -> str:
    """:returns: What is kept of the database, as text."""
    with project.component() as component:
        await component.refresh_state(project.sandbox.project_root)
    (state,) = project.sandbox.project_root.rglob("state")
    return state.read_text()


def key_of(server: Server, *parts: str) -> dg.AssetKey:
    """:returns: Key of a table; databases of MySQL have no namespaces."""
    *prefix, name = parts
    return dg.AssetKey([*prefix, *(["public"] if server.dialect == "postgresql" else []), name])


def keys(project: Project) -> set[dg.AssetKey]:
    with project.definitions() as defs:
        return {spec.key for spec in defs.resolve_all_asset_specs()}


async def test_tables_are_shown_as_they_were_when_the_state_was_refreshed(
    database: Server, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(orders_job.PASSWORD_VARIABLE, database.parameters.password or "")
    project.describe(REFLECTED, {"database": settings(database), "owners": ["team:crm"], "group": "crm"})
    await execute(database, *STATEMENTS)
    state = await refresh(project)
    assert json.loads(state)["dialect"] == database.dialect
    assert database.parameters.password is None or database.parameters.password not in state
    customers, orders, notes = (key_of(database, name) for name in ("customers", "orders", "notes"))
    monkeypatch.delenv(orders_job.PASSWORD_VARIABLE)
    with project.definitions() as defs:
        graph = defs.resolve_asset_graph()
        assert graph.get_all_asset_keys() == {customers, orders, notes}
        node = graph.get(orders)
        assert (node.parent_keys, node.group_name, list(node.owners)) == ({customers}, "crm", ["team:crm"])
        assert (node.is_executable, node.is_external) == (False, True)
        columns = {column.name: column for column in node.metadata["dagster/column_schema"].columns}
        assert list(columns) == ["id", "customer", "total", "changed"]
        assert not columns["changed"].constraints.nullable
        assert "references customers.id" in columns["customer"].constraints.other
        references = node.metadata["dagster/code_references"].code_references
        assert [reference.file_path.rpartition("/")[2] for reference in references] == ["defs.yaml"]
    monkeypatch.setenv(orders_job.PASSWORD_VARIABLE, database.parameters.password or "")
    await execute(database, "DROP TABLE notes", "CREATE TABLE parcels (id integer PRIMARY KEY)")
    assert keys(project) == {customers, orders, notes}
    await refresh(project)
    assert keys(project) == {customers, orders, key_of(database, "parcels")}


@pytest.fixture
def one_server(servers: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """An empty database, where one kind of server is enough."""
    with servers.get("postgresql-system").database() as server:
        monkeypatch.setenv(orders_job.PASSWORD_VARIABLE, server.parameters.password or "")
        yield server


async def test_what_a_chosen_table_refers_to_comes_along(one_server: Server, project: Project) -> None:
    await execute(
        one_server, *STATEMENTS, "CREATE SCHEMA hidden", "CREATE TABLE hidden.secrets (id integer PRIMARY KEY)"
    )
    project.describe(REFLECTED, {"database": settings(one_server), "tables": ["*.or*"], "prefix": ["crm"]})
    await refresh(project)
    assert keys(project) == {key_of(one_server, "crm", name) for name in ("customers", "orders")}
    project.describe(REFLECTED, {"database": settings(one_server), "namespaces": ["hidden"]})
    await refresh(project)
    assert keys(project) == {dg.AssetKey(["hidden", "secrets"])}


async def test_namespaces_that_refer_to_each_other_are_copied_together(
    one_server: Server, servers: Any, project: Project, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    await execute(
        one_server,
        *STATEMENTS,
        "CREATE SCHEMA audit",
        "CREATE TYPE audit.kind AS ENUM ('call', 'mail')",
        "CREATE TABLE audit.contacts (id integer PRIMARY KEY, customer integer REFERENCES customers, kind audit.kind)",
        "INSERT INTO customers VALUES (1, 'ann@example.org')",
        "INSERT INTO audit.contacts VALUES (1, 1, 'mail')",
    )
    with servers.get("postgresql-system").database() as second:
        monkeypatch.setenv("SECOND_PASSWORD", second.parameters.password or "")
        replica = {"target": settings(second, variable="SECOND_PASSWORD")}
        project.describe(REFLECTED, {"database": settings(one_server), "tables": ["audit.*"], "replica": replica})
        await refresh(project)
        with project.definitions() as defs:
            contacts = defs.resolve_asset_graph().get(dg.AssetKey(["replica", "audit", "contacts"]))
            assert contacts.parent_keys >= {
                dg.AssetKey(["audit", "contacts"]),
                dg.AssetKey(["replica", "public", "customers"]),
            }
            for job in ("replica__public_all", "replica__audit_all"):
                run = defs.resolve_job_def(job).execute_in_process
                await asyncio.to_thread(run, instance=instance, run_config=orders_job.QUIET)
        async with connected(second) as conn:
            found = await conn.session.fetch("SELECT id, customer, kind FROM audit.contacts")
    assert [tuple(row) for row in found] == [(1, 1, "mail")]


@pytest.mark.parametrize("name", ["postgresql-system", "mariadb-system"])
async def test_observing_tables_counts_rows_and_tells_what_has_changed(
    name: str, servers: Any, project: Project, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    with servers.get(name).database() as server:
        monkeypatch.setenv(orders_job.PASSWORD_VARIABLE, server.parameters.password or "")
        await execute(server, *STATEMENTS)
        project.describe(REFLECTED, {"database": settings(server), "observe": True})
        await refresh(project)
        rows = "INSERT INTO customers VALUES (1, 'a'), (2, 'b'), (3, 'c')"
        await execute(server, rows, "ALTER TABLE orders ADD COLUMN note text", "DROP TABLE notes")
        with project.definitions() as defs:
            job = defs.resolve_implicit_global_asset_job_def()
            result = await asyncio.to_thread(job.execute_in_process, instance=instance, run_config=orders_job.QUIET)
    told = {
        event.asset_key: {
            name: value.value for name, value in event.asset_observation_data.asset_observation.metadata.items()
        }
        for event in result.get_asset_observation_events()
    }
    customers, orders, notes = (key_of(server, name) for name in ("customers", "orders", "notes"))
    assert told[customers] == {"dagster/row_count": 3, "state": "as described"}
    assert told[orders]["state"] == "changed"
    assert re.fullmatch(r"drop column (public\.)?orders\.note", str(told[orders]["changes_to_undo"]))
    assert told[notes] == {"state": "missing"}


async def test_tables_are_copied_into_a_database_of_another_product(
    one_server: Server,
    servers: Any,
    project: Project,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await execute(
        one_server,
        *STATEMENTS,
        "INSERT INTO customers VALUES (1, 'ann@example.org')",
        "INSERT INTO orders SELECT n, 1, n + 0.5, TIMESTAMP '2026-01-01' + n * INTERVAL '1 minute' FROM generate_series(1, 3) n",
    )
    with servers.get("mariadb-system").database() as second:
        monkeypatch.setenv("SECOND_PASSWORD", second.parameters.password or "")
        replica = {
            "target": settings(second, variable="SECOND_PASSWORD"),
            "watermarks": {"public.orders": "changed"},
            "overlap": 60,
            "load": {"only_changed": True},
        }
        project.describe(REFLECTED, {"database": settings(one_server), "prefix": ["crm"], "replica": replica})
        await refresh(project)
        orders, copied = dg.AssetKey(["crm", "public", "orders"]), dg.AssetKey(["replica", "public", "orders"])
        with project.definitions() as defs:
            assert defs.resolve_asset_graph().get(copied).parent_keys >= {orders}
            counted: list[Any] = []
            for statement in (
                "DELETE FROM orders WHERE id = 1",
                "INSERT INTO orders VALUES (4, 1, 0, '2026-01-02')",
                "",
            ):
                job = defs.resolve_job_def("replica__public_all")
                result = await asyncio.to_thread(job.execute_in_process, instance=instance, run_config=orders_job.QUIET)
                (event,) = [each for each in result.get_asset_materialization_events() if each.asset_key == copied]
                counted.append(
                    [event.materialization.metadata[name].value for name in ("rows", "inserted", "unchanged")]
                )
                await execute(one_server, statement) if statement else None
        assert counted == [[3, 3, 0], [1, 0, 1], [2, 1, 1]]
        async with connected(second) as conn:
            rows = await conn.session.fetch("SELECT id, total, changed FROM public__orders ORDER BY id")
    assert [row[0] for row in rows] == [1, 2, 3, 4]
    assert rows[3][2] == datetime(2026, 1, 2, tzinfo=UTC).replace(tzinfo=None)


def test_without_state_it_is_told_what_to_do(project: Project, caplog: pytest.LogCaptureFixture) -> None:
    project.describe(REFLECTED, {"database": {"type": "mysql", "host": "db.example.org"}})
    with caplog.at_level(logging.WARNING):
        assert keys(project) == set()
    assert "defs.yaml: nothing is known of the database yet; run `dg utils refresh-defs-state`" in caplog.text


async def test_the_name_of_the_state_has_names_of_variables_only(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(orders_job.PASSWORD_VARIABLE, CANARY)
    monkeypatch.setenv("CRM_HOST", "127.0.0.1")
    database = {"type": "postgresql", "host": "{{ env.CRM_HOST }}", "port": 1, "password": SECRET, "database": "crm"}
    project.describe(REFLECTED, {"database": database})
    with project.component() as component:
        assert component.defs_state_config.key == "ReflectedDatabaseComponent[postgresql/CRM_HOST/crm]"
        assert CANARY not in repr(component)
    with pytest.raises(ConnectError, match=r"127\.0\.0\.1:1") as caught:
        await refresh(project)
    assert CANARY not in str(caught.value)


def test_a_copy_needs_a_prefix_of_its_own(project: Project) -> None:
    database = {"type": "mysql", "host": "db.example.org"}
    replica: dict[str, Any] = {"target": database, "prefix": []}
    project.describe(REFLECTED, {"database": database, "replica": replica})
    with pytest.raises(ComponentTreeException) as caught, project.definitions():
        pass
    assert re.search(r"defs\.yaml: attributes\.replica\.prefix: expected another prefix", str(caught.value.__cause__))
