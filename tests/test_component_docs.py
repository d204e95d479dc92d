"""The page about components is what happens, when its files are those of a project."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest

from pysqlsync_dagster import ReflectedDatabaseComponent
from pysqlsync_engine.factory import get_dialect
from tests import orders_job
from tests.component_project import QUIETLY, Project, new_project
from tests.servers import Server
from tests.test_documents import PROJECT, blocks

pytestmark = QUIETLY

PAGE = PROJECT / "docs" / "how-to" / "component.md"
TABLES = """
CREATE SCHEMA crm;
CREATE TABLE crm.contacts (id bigint PRIMARY KEY, changed timestamptz NOT NULL);
INSERT INTO crm.contacts VALUES (1, '2026-01-05 08:30+00'), (2, '2026-01-05 09:30+00');
"""


@pytest.fixture
def project(servers: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Project, Server]]:
    """The files of the page as a project, and the database; its name and that of the user are those of the test."""
    with servers.get("postgresql-system").database() as server, new_project() as made:
        parameters = server.parameters
        monkeypatch.setenv("SHOP_HOST", parameters.host)
        monkeypatch.setenv("SHOP_PASSWORD", parameters.password or "")
        for block in blocks(PAGE):
            if block.kind == "file":
                path = made.sandbox.defs_folder_path / block.title
                path.parent.mkdir(parents=True, exist_ok=True)
                text = block.text.replace("username: loader", f"username: {parameters.username}")
                path.write_text(text.replace("database: shop\n", f"database: {parameters.database}\n"))
        yield made, server


def run(defs: dg.Definitions, instance: dg.DagsterInstance, job: str, **arguments: Any) -> dict[str, dict[str, Any]]:
    """:returns: Metadata of what was materialized, by key."""
    result = defs.resolve_job_def(job).execute_in_process(
        instance=instance, run_config=orders_job.QUIET, raise_on_error=False, **arguments
    )
    assert result.success, [event for event in result.all_events if event.is_step_failure]
    assert all(
        check.passed for check in result.get_asset_check_evaluations() if check.check_name in {"in_sync", "source_rows"}
    )
    return {
        "/".join(event.asset_key.path): {name: value.value for name, value in event.materialization.metadata.items()}
        for event in result.get_asset_materialization_events()
        if event.asset_key is not None
    }


def test_the_shop_of_the_page_is_loaded(project: tuple[Project, Server]) -> None:
    made, _ = project
    (made.sandbox.defs_folder_path / "crm" / "defs.yaml").unlink()
    with dg.DagsterInstance.ephemeral() as instance, made.definitions() as defs:  # pyright: ignore[reportUnknownMemberType]
        told = run(defs, instance, "shop_all", tags=orders_job.partition_range("2026-01-05", "2026-01-05"))
        assert {
            key: (told[key]["rows"], told[key]["rejected"]) for key in ("shop/Customer", "shop/Order", "shop/Rate")
        } == {
            "shop/Customer": (2, 0),
            "shop/Order": (2, 1),
            "shop/Rate": (2, 0),
        }
        jobs = {job.name for job in defs.get_repository_def().get_all_jobs()} - {"__ASSET_JOB"}
        assert jobs == {"shop_schema", "shop_all", "shop_whole", "shop_daily"}
        assert {each.name for each in defs.schedules or ()} == {"shop_whole_schedule", "shop_daily_schedule"}
        node = defs.resolve_asset_graph().get(dg.AssetKey(["shop", "Rate"]))
        assert (node.tags["domain"], node.description, node.group_name) == ("sales", "Rate", "sales")


async def test_the_live_database_of_the_page_is_shown_and_copied(project: tuple[Project, Server], servers: Any) -> None:
    made, server = project
    with servers.get("postgresql-system").database() as second:
        path = made.sandbox.defs_folder_path / "crm" / "defs.yaml"
        path.write_text(path.read_text().replace("shop_copy", str(second.parameters.database)))
        async with get_dialect("postgresql").create_connection(server.parameters) as conn:
            for statement in filter(str.strip, TABLES.split(";")):
                await conn.session.execute(statement)
        with made.sandbox.load_component_and_build_defs(path.parent) as (component, _):
            assert isinstance(component, ReflectedDatabaseComponent)
            await component.refresh_state(made.sandbox.project_root)
        with dg.DagsterInstance.ephemeral() as instance, made.definitions() as defs:  # pyright: ignore[reportUnknownMemberType]
            told = await asyncio.to_thread(run, defs, instance, "replica__crm_all")
            assert told["replica/crm/contacts"]["rows"] == 2
            node = defs.resolve_asset_graph().get(dg.AssetKey(["replica", "crm", "contacts"]))
            assert dg.AssetKey(["live", "crm", "contacts"]) in node.parent_keys
