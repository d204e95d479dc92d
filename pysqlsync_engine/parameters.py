"""Where a database server is and how to log in."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field


class SSLMode(enum.Enum):
    """How far a connection is protected, with libpq's names and meaning; no mode falls back to a weaker one silently."""

    DISABLE = "disable"
    PREFER = "prefer"
    REQUIRE = "require"
    VERIFY_CA = "verify-ca"
    VERIFY_FULL = "verify-full"


@dataclass(frozen=True, slots=True)
class ConnectionParameters:
    """
    Address and credentials of one database.

    The password never shows in `repr()`, so the object is safe in logs and tracebacks.

    :param host: Host name or address; a path that starts with `/` is the directory of a Unix-domain socket, or the
        socket itself for MySQL.
    :param port: Port number; `None` takes the product's own (5432, 3306).
    :param username: Name to log in with; `None` takes the driver's default.
    :param password: `None` logs in without one (peer authentication, password file).
    :param database: Database to open; `None` takes the server's default for the user.
    :param ssl: Protection of the connection; `None` is `VERIFY_FULL` for a host that is not local, else `PREFER`.
    :param connect_timeout_s: Seconds to wait for the server to accept the connection.
    :param command_timeout_s: Seconds a single statement may take; `None` sets no limit.
    """

    host: str = "localhost"
    port: int | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    database: str | None = None
    ssl: SSLMode | None = None
    connect_timeout_s: float = 10.0
    command_timeout_s: float | None = None

    @property
    def is_local(self) -> bool:
        """True if the server is on this machine, so that no network lies between."""
        return self.host.startswith("/") or self.host in {"localhost", "127.0.0.1", "::1"}
