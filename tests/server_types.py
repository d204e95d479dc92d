"""What servers for tests have in common, whatever their product."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from pysqlsync_engine.capabilities import Capabilities, ServerVersion
from pysqlsync_engine.dialect.mysql import capabilities as mysql
from pysqlsync_engine.dialect.postgresql import capabilities as postgresql
from pysqlsync_engine.parameters import ConnectionParameters

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 20.0

CAPABILITIES: dict[str, Callable[[ServerVersion], Capabilities]] = {
    postgresql.PRODUCT: postgresql.capabilities_of,
    mysql.MYSQL: mysql.capabilities_of,
    mysql.MARIADB: mysql.capabilities_of,
}
DIALECTS = {postgresql.PRODUCT: "postgresql", mysql.MYSQL: "mysql", mysql.MARIADB: "mysql"}


class ServerMissingError(Exception):
    """A server that tests ask for is not installed or does not answer."""


@dataclass(frozen=True, slots=True)
class Server:
    """
    A running server, with an empty database of the test's own.

    :param name: Which one of the servers it is: `postgresql-system`, `postgresql-embedded`, `mariadb-system`, `mysql-system`.
    :param parameters: Address of the database; dropped when the test ends.
    """

    name: str
    parameters: ConnectionParameters
    version: ServerVersion

    @property
    def capabilities(self) -> Capabilities:
        """What the server can do."""
        return CAPABILITIES[self.version.product](self.version)

    @property
    def dialect(self) -> str:
        """What to pass to `get_dialect`."""
        return DIALECTS[self.version.product]


class Running(Protocol):
    """A server for the whole session."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> ServerVersion: ...

    @property
    def administrator(self) -> ConnectionParameters: ...

    def execute(self, statement: str) -> str:
        """:returns: What the statement yields, a line per row; sent without the drivers that are tested."""
        ...

    def database(self) -> AbstractContextManager[Server]:
        """Create an empty database and drop it on leaving, also if connections to it are still open."""
        ...


_numbers = itertools.count(1)


def new_database() -> str:
    """:returns: A name that no other test has."""
    return f"test_{next(_numbers)}_{secrets.token_hex(4)}"
