"""Fixtures that every test may ask for."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.mysql_servers import mysql_names, remove_templates, share_templates
from tests.server_types import CAPABILITIES, Running
from tests.servers import Server, ServerMissingError, postgresql_names, running, server_names


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--require-servers", action="store_true", help="fail, instead of skip, where a database server is missing"
    )


def pytest_configure(config: pytest.Config) -> None:
    if getattr(config.option, "numprocesses", None) and not hasattr(config, "workerinput"):
        share_templates()
    config.addinivalue_line("markers", "needs(capability): run only on servers that have the capability")
    config.addinivalue_line("markers", "differs(server, raises, reason): must fail on this server, for this reason")
    config.addinivalue_line("markers", "browser: opens pages in Chromium")


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        remove_templates()


class Servers:
    """The servers of this session, each started when a test first asks for it, or known to be missing."""

    def __init__(self, *, required: bool) -> None:
        self._required = required
        self._stack = ExitStack()
        self._started: dict[str, Running | ServerMissingError] = {}

    def get(self, name: str) -> Running:
        if name not in self._started:
            try:
                self._started[name] = self._stack.enter_context(running(name))
            except ServerMissingError as error:
                self._started[name] = error
        server = self._started[name]
        if not isinstance(server, ServerMissingError):
            return server
        if self._required:
            pytest.fail(f"a required server is missing: {server}", pytrace=False)
        pytest.skip(str(server))

    def close(self) -> None:
        self._stack.close()


@pytest.fixture(autouse=True)
def forget_storage() -> None:
    """
    Let Dagster forget where the last instance kept the state of definitions, if that instance is gone: what it remembers in a context
    is not always taken back in the same one.
    """
    module = sys.modules.get("dagster._core.storage.defs_state.base")
    current: Any = None if module is None else module._current_storage
    storage = None if current is None else current.get()
    reference = getattr(storage, "_instance_weakref", None)
    if current is not None and reference is not None and reference() is None:
        current.set(None)


@pytest.fixture(scope="session")
def servers(request: pytest.FixtureRequest) -> Iterator[Servers]:
    """Servers by name."""
    servers = Servers(required=bool(request.config.getoption("--require-servers")))
    try:
        yield servers
    finally:
        servers.close()


@pytest.fixture(params=postgresql_names())
def postgresql(request: pytest.FixtureRequest, servers: Servers) -> Iterator[Server]:
    """An empty PostgreSQL database for one test, which runs once per server."""
    yield from empty_database(request, servers)


@pytest.fixture(params=mysql_names())
def mysql(request: pytest.FixtureRequest, servers: Servers) -> Iterator[Server]:
    """An empty database of MySQL, and of MariaDB, for one test, which runs once per server."""
    yield from empty_database(request, servers)


@pytest.fixture(params=server_names())
def database(request: pytest.FixtureRequest, servers: Servers) -> Iterator[Server]:
    """An empty database for one test, which runs once per server of every product."""
    yield from empty_database(request, servers)


def empty_database(request: pytest.FixtureRequest, servers: Servers) -> Iterator[Server]:
    running_server = servers.get(request.param)
    skip_unable(request, running_server)
    expect_difference(request, running_server.name)
    with running_server.database() as server:
        yield server


def skip_unable(request: pytest.FixtureRequest, server: Running) -> None:
    capabilities = CAPABILITIES[server.version.product](server.version)
    for mark in request.node.iter_markers("needs"):
        if not getattr(capabilities, mark.args[0]):
            pytest.skip(f"{server.version} has no {mark.args[0]}")


def expect_difference(request: pytest.FixtureRequest, name: str) -> None:
    for mark in request.node.iter_markers("differs"):
        product = name.split("-", maxsplit=1)[0]
        if mark.args[0] in {name, product}:
            request.applymarker(pytest.mark.xfail(strict=True, **mark.kwargs))
