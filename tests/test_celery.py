"""The Celery example with all that it is made of: Redis, two workers, an instance in PostgreSQL, webserver and daemon."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import sys
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

pytest.importorskip("dagster_celery", reason="dagster-celery is not installed")
pytest.importorskip("dagster_postgres", reason="dagster-postgres is not installed")

from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from examples.meters.source import METERS, READINGS_PER_DAY
from pysqlsync_engine.factory import get_dialect
from pysqlsync_engine.parameters import ConnectionParameters
from tests.conftest import Servers
from tests.dagster_services import HOST, PROJECT, Services, any_port, dagster_services, service, wait_until
from tests.servers import postgresql_names

WORKERS = ("w1", "w2")
BROKER_PASSWORD = secrets.token_hex(16)
DAYS = [f"2026-01-{day:02}" for day in range(1, 18)]
RUNS = 3
"""As many as it takes to load the days, `DAYS_PER_RUN` in each."""

READING = ["meters", "Reading"]


@dataclass(frozen=True, slots=True)
class Deployment:
    """
    What the tests look at.

    :param broker: Connection to Redis.
    """

    services: Services
    target: ConnectionParameters
    storage: ConnectionParameters
    broker: Any
    schema_runs: list[str]
    backfill: str

    def fetch(self, parameters: ConnectionParameters, statement: str) -> list[tuple[Any, ...]]:
        async def ask() -> list[tuple[Any, ...]]:
            async with get_dialect("postgresql").create_connection(parameters) as connection:
                return await connection.session.fetch(statement)

        return asyncio.run(ask())

    def workers(self) -> Counter[str]:
        """:returns: How many steps each worker has executed."""
        question = """query Events($run: ID!) { logsForRun(runId: $run) { ... on EventConnection { events { ... on EngineEvent {
            metadataEntries { label ... on TextMetadataEntry { text } } } } } } }"""
        entries = [
            entry
            for run in self.services.runs()
            for event in self.services.ask(question, run=run["runId"])["events"]
            for entry in event.get("metadataEntries", ())
        ]
        return Counter(entry["text"].partition("@")[0] for entry in entries if entry["label"] == "Celery worker")


@contextmanager
def redis_server(program: str, directory: Path) -> Generator[tuple[str, Any]]:
    """Start a Redis of our own, which keeps nothing. :returns: Its address, and a connection."""
    port = any_port()
    settings = {"port": port, "bind": HOST, "save": "", "appendonly": "no", "dir": directory}
    file = directory / "redis.conf"
    lines = [f'{name} "{value}"' for name, value in {**settings, "requirepass": BROKER_PASSWORD}.items()]
    file.write_text("\n".join(lines))
    with service([program, str(file)], os.environ, directory / "redis.log"):
        client = Redis(HOST, port, password=BROKER_PASSWORD)

        def answers() -> bool:
            try:
                return bool(client.ping())  # pyright: ignore[reportUnknownMemberType] - has no types
            except RedisConnectionError:
                return False

        wait_until(answers, "Redis")
        yield f"redis://:{BROKER_PASSWORD}@{HOST}:{port}/0", client


def variables_of(target: ConnectionParameters, storage: ConnectionParameters, broker: str) -> dict[str, str]:
    """:returns: What the example expects in the environment of its processes."""
    name = f"{storage.username}:{quote(storage.password or '', safe='')}"
    place = f"host={quote(storage.host, safe='')}&port={storage.port}"
    return {
        "METERS_HOST": target.host,
        "METERS_PORT": str(target.port),
        "METERS_USER": target.username or "",
        "METERS_PASSWORD": target.password or "",
        "METERS_DATABASE": target.database or "",
        "DAGSTER_STORAGE_URL": f"postgresql+psycopg2://{name}@/{storage.database}?{place}",
        "CELERY_BROKER_URL": broker,
    }


def load_all(services: Services) -> tuple[list[str], str]:
    """:returns: Two runs of the schema that were started together, and the backfill of the readings, when all have ended."""
    schema_runs = [services.launch("meters_schema") for _ in WORKERS]
    for run in schema_runs:
        services.succeed(run)
    services.succeed(services.launch("meters_whole"))
    backfill = services.backfill([READING], DAYS)
    assert services.finish_backfill(backfill) == "COMPLETED_SUCCESS"
    return schema_runs, backfill


@pytest.fixture(scope="module")
def deployment(
    request: pytest.FixtureRequest, servers: Servers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    """The example at work: its schema was planned by two workers at once, and 17 days of readings were loaded by three runs."""
    program = shutil.which("redis-server")
    if program is None:
        if request.config.getoption("--require-servers"):
            pytest.fail("redis-server is not installed", pytrace=False)
        pytest.skip("redis-server is not installed")
    home = tmp_path_factory.mktemp("celery") / "home"
    server = servers.get(postgresql_names()[0])
    with ExitStack() as stack:
        target, storage = (stack.enter_context(server.database()).parameters for _ in range(2))
        address, client = stack.enter_context(redis_server(program, tmp_path_factory.mktemp("redis")))
        instance = (PROJECT / "examples/celery/dagster.yaml").read_text()
        code = ["-m", "examples.celery.definitions"]
        services = stack.enter_context(
            dagster_services(home, code, variables=variables_of(target, storage, address), instance=instance)
        )
        for name in WORKERS:
            command = [sys.executable, "-m", "celery", "-A", "examples.celery.worker", "worker", "--concurrency", "1"]
            stack.enter_context(service([*command, "-n", f"{name}@%h"], services.environment, home / f"{name}.log"))
        yield Deployment(services, target, storage, client, *load_all(services))


def test_steps_are_executed_by_both_workers(deployment: Deployment) -> None:
    assert set(deployment.workers()) == set(WORKERS)


def test_two_workers_that_plan_the_schema_at_once_apply_it_once(deployment: Deployment) -> None:
    question = """query Events($run: ID!) { logsForRun(runId: $run) { ... on EventConnection { events { ... on MaterializationEvent {
        metadataEntries { label ... on TextMetadataEntry { text } } } } } } }"""
    states = [
        entry["text"]
        for run in deployment.schema_runs
        for event in deployment.services.ask(question, run=run)["events"]
        for entry in event.get("metadataEntries", ())
        if entry["label"] == "state"
    ]
    assert sorted(states) == ["applied", "no changes"]


def test_a_backfill_spreads_over_several_runs_and_all_rows_are_there(deployment: Deployment) -> None:
    runs = deployment.services.runs(dagster__backfill=deployment.backfill)
    assert [run["status"] for run in runs] == ["SUCCESS"] * RUNS
    counted = deployment.fetch(
        deployment.target,
        """SELECT to_char(read_at AT TIME ZONE 'UTC', 'YYYY-MM-DD'), count(*), count(DISTINCT meter), sum(kilowatt_hours)::bigint
            FROM meters."Reading" GROUP BY 1 ORDER BY 1""",
    )
    total = sum(number * 100 + hour for number in range(1, METERS + 1) for hour in range(READINGS_PER_DAY))
    assert counted == [(day, METERS * READINGS_PER_DAY, METERS, total) for day in DAYS]
    recorded = deployment.services.materializations(READING)
    assert sorted(recorded) == [(day, METERS * READINGS_PER_DAY) for day in DAYS]


def test_no_password_is_in_the_instance_the_broker_or_a_log(deployment: Deployment) -> None:
    tables = deployment.fetch(
        deployment.storage, "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public'"
    )
    assert ("event_logs",) in tables
    found = [str(deployment.fetch(deployment.storage, f"SELECT t::text FROM {table} AS t")) for (table,) in tables]
    keys = deployment.broker.keys()
    assert any(key.startswith(b"celery-task-meta-") for key in keys)
    found += [str(deployment.broker.dump(key)) for key in keys]
    found += [str(path.read_bytes()) for path in deployment.services.home.rglob("*") if path.is_file()]
    assert any("Executing steps" in text for text in found)
    assert deployment.target.password
    assert not any(deployment.target.password in text for text in found)
    assert not any(BROKER_PASSWORD in text for text in found)
