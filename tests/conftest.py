"""Fixtures that every test may ask for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from pysqlsync_engine.dialect.postgresql.capabilities import capabilities_of
from tests.servers import RunningServer, Server, ServerMissingError, postgresql_names, running


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--require-servers", action="store_true", help="fail, instead of skip, where a database server is missing"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs(capability): run only on servers that have the capability")
    config.addinivalue_line("markers", "differs(server, raises, reason): must fail on this server, for this reason")
    config.addinivalue_line("markers", "browser: opens pages in Chromium")


class Servers:
    """The servers of this session, each started when a test first asks for it, or known to be missing."""

    def __init__(self, *, required: bool) -> None:
        self._required = required
        self._stack = ExitStack()
        self._started: dict[str, RunningServer | ServerMissingError] = {}

    def get(self, name: str) -> RunningServer:
        if name not in self._started:
            try:
                self._started[name] = self._stack.enter_context(running(name))
            except ServerMissingError as error:
                self._started[name] = error
        server = self._started[name]
        if isinstance(server, RunningServer):
            return server
        if self._required:
            pytest.fail(f"a required server is missing: {server}", pytrace=False)
        pytest.skip(str(server))

    def close(self) -> None:
        self._stack.close()


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
    running_server = servers.get(request.param)
    skip_unable(request, running_server)
    expect_difference(request, running_server.name)
    with running_server.database() as server:
        yield server


def skip_unable(request: pytest.FixtureRequest, server: RunningServer) -> None:
    capabilities = capabilities_of(server.version)
    for mark in request.node.iter_markers("needs"):
        if not getattr(capabilities, mark.args[0]):
            pytest.skip(f"{server.version} has no {mark.args[0]}")


def expect_difference(request: pytest.FixtureRequest, name: str) -> None:
    for mark in request.node.iter_markers("differs"):
        product = name.split("-", maxsplit=1)[0]
        if mark.args[0] in {name, product}:
            request.applymarker(pytest.mark.xfail(strict=True, **mark.kwargs))
