"""Servers to measure on: those that the environment names, else those that the tests start."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from pysqlsync_engine.parameters import ConnectionParameters, SSLMode

URL_VARIABLES = {
    "postgresql": "PYSQLSYNC_BENCH_POSTGRESQL_URL",
    "mysql": "PYSQLSYNC_BENCH_MYSQL_URL",
    "mariadb": "PYSQLSYNC_BENCH_MARIADB_URL",
}
TEST_SERVERS = {"postgresql": "postgresql-system", "mysql": "mysql-system", "mariadb": "mariadb-system"}
STATEMENT_TIMEOUT_S = 1800

MYSQL_SESSION = "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', time_zone = '+00:00'"
"""Whatever the server has; the tests' has modes in which a backslash is no escape."""

SETTINGS = {
    "postgresql": ("fsync", "synchronous_commit", "full_page_writes", "shared_buffers", "max_wal_size"),
    "mysql": (
        "innodb_flush_log_at_trx_commit",
        "innodb_doublewrite",
        "innodb_buffer_pool_size",
        "innodb_redo_log_capacity",
        "log_bin",
        "sync_binlog",
    ),
    "mariadb": (
        "innodb_flush_log_at_trx_commit",
        "innodb_doublewrite",
        "innodb_buffer_pool_size",
        "log_bin",
        "sync_binlog",
    ),
}
"""Settings that decide how fast rows can be stored."""

ROOM = {
    "postgresql": {"shared_buffers": "1GB"},
    "mysql": {"innodb_buffer_pool_size": "1073741824", "innodb_redo_log_capacity": "1073741824"},
    "mariadb": {"innodb_buffer_pool_size": "1073741824"},
}
"""
Tests are fine with less than the tables of a benchmark take, and than servers have by themselves. MySQL's log has room for the rows of
a turn; with more, its files grow into memory that nobody has used yet, and turns take longer from some point on. MariaDB was slower with
more than it has by itself.
"""

DURABLE = {
    "innodb_flush_log_at_trx_commit": "1",
    "innodb_doublewrite": "ON",
    "log_bin": "binlog",
    "sync_binlog": "1",
    "server_id": "1",
}
"""
MySQL and MariaDB as they are run: a commit is one when it is on the disk, in the binary log as well. MySQL is so by itself, MariaDB but
for the binary log, which replicas and backups need.
"""

WRITING_OUT = {
    "innodb_io_capacity_max": "20000",
    "innodb_io_capacity": "20000",
    "innodb_max_dirty_pages_pct_lwm": "0",
    "innodb_max_dirty_pages_pct": "0",
}
"""Makes MySQL and MariaDB write out what is changed; none may be more, or less, than the one before permits."""

SETTLE_TIMEOUT_S = 60.0
SETTLED_PAGES = 100
"""Pages of memory that may differ from the disk when a turn begins; the server itself writes a few at any time."""


class ServerError(Exception):
    """A server is not there, or refuses a statement."""


@dataclass(frozen=True, slots=True)
class BenchServer:
    """
    A server with a database of our own.

    :param product: `postgresql`, `mysql` or `mariadb`.
    :param client: Command that sends statements: psql, or the client of MySQL or MariaDB.
    """

    product: str
    parameters: ConnectionParameters
    client: tuple[str, ...]

    @property
    def dialect(self) -> str:
        """What to pass to `get_dialect`."""
        return "postgresql" if self.product == "postgresql" else "mysql"

    @property
    def socket(self) -> str | None:
        """Path of the socket of MySQL; `None` if it is reached by TCP."""
        host = self.parameters.host
        if self.dialect == "postgresql" or not host.startswith("/"):
            return None
        return host if host.endswith(".sock") else f"{host}/mysqld.sock"

    def address(self) -> dict[str, Any]:
        """:returns: What contestants need in order to connect."""
        parameters = self.parameters
        return {
            "product": self.product,
            "dialect": self.dialect,
            "host": parameters.host,
            "port": parameters.port or (5432 if self.dialect == "postgresql" else 3306),
            "user": parameters.username,
            "password": parameters.password,
            "database": parameters.database,
            "socket": self.socket,
        }

    def command(self, *arguments: str) -> tuple[list[str], dict[str, str]]:
        """:returns: Command that runs the client with the arguments, and its environment."""
        parameters = self.parameters
        if self.dialect == "postgresql":
            environment = {
                "PGHOST": parameters.host,
                "PGPORT": str(parameters.port or 5432),
                "PGUSER": parameters.username or "",
                "PGPASSWORD": parameters.password or "",
                "PGDATABASE": parameters.database or "postgres",
                "PGOPTIONS": "-c client_min_messages=error",
            }
            return [*self.client, "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", *arguments], environment
        place = ["--protocol=tcp", f"-h{parameters.host}", f"-P{parameters.port or 3306}"]
        if self.socket is not None:
            place = [f"--socket={self.socket}"]
        words = [*self.client, "--no-defaults", *place, f"-u{parameters.username}", "--local-infile=1"]
        words += ["--default-character-set=utf8mb4", f"--init-command={MYSQL_SESSION}", "-N", "-B", *arguments]
        if parameters.database:
            words.append(parameters.database)
        return words, {"MYSQL_PWD": parameters.password or ""}

    def execute(self, *statements: str) -> str:
        """
        :returns: What the statements yield, a line per row.
        :raises ServerError: if one fails.
        """
        flag = "-c" if self.dialect == "postgresql" else "-e"
        words = [word for statement in statements for word in (flag, statement)]
        if flag == "-e":
            words = ["-e", "; ".join(statements)]
        command, environment = self.command(*words)
        result = subprocess.run(
            command,
            env={"PATH": os.environ.get("PATH", os.defpath), **environment},
            capture_output=True,
            text=True,
            timeout=STATEMENT_TIMEOUT_S,
        )
        if result.returncode:
            raise ServerError(f"{self.product}: {result.stderr.strip()}")
        return result.stdout.strip()

    @property
    def is_durable(self) -> bool:
        """True if a commit of MySQL or MariaDB is one only when it is on the disk, in the binary log as well."""
        names = ("innodb_flush_log_at_trx_commit", "log_bin", "sync_binlog")
        return all(self._setting(name) == "1" for name in names)

    def _setting(self, name: str) -> str:
        return self.execute(f"SHOW {name}" if self.dialect == "postgresql" else f"SELECT @@GLOBAL.{name}")

    def settle(self) -> None:
        """
        Let the server write out what is changed in its memory, so that no turn pays for an earlier one.

        :raises ServerError: if it does not in time.
        """
        if self.dialect == "postgresql":
            self.execute("CHECKPOINT")
            return
        before = {name: self._setting(name) for name in WRITING_OUT}
        self.execute(*(f"SET GLOBAL {name} = {value}" for name, value in WRITING_OUT.items()))
        try:
            self._await_pages()
        finally:
            self.execute(*(f"SET GLOBAL {name} = {before[name]}" for name in reversed(before)))

    def _await_pages(self) -> None:
        deadline = time.monotonic() + SETTLE_TIMEOUT_S
        while (pages := self._changed_pages()) > SETTLED_PAGES:
            if time.monotonic() > deadline:
                raise ServerError(f"{self.product}: {pages} pages are not written out after {SETTLE_TIMEOUT_S:g} s")
            time.sleep(0.1)

    def _changed_pages(self) -> int:
        return int(self.execute("SHOW GLOBAL STATUS LIKE 'Innodb_buffer_pool_pages_dirty'").split()[1])

    def cpu_s(self) -> float:
        """:returns: Seconds of the processor that all processes of the server have used; 0 if they are not on this machine."""
        try:
            if self.dialect == "mysql":
                place = Path(self._setting("pid_file"))
            else:
                place = Path(self._setting("data_directory")) / "postmaster.pid"
            return process_cpu_s(int(place.read_text().split()[0]))
        except (OSError, ValueError, ServerError):
            return 0.0

    def describe(self) -> dict[str, str]:
        """:returns: Version and settings."""
        version = self._setting("server_version" if self.dialect == "postgresql" else "version")
        settings = {name: self._setting(name) for name in SETTINGS[self.product]}
        return {"version": version.split(" ")[0], **settings}


def process_cpu_s(pid: int) -> float:
    """:returns: Seconds of the processor that a process and its children have used, those that have ended among them."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    ticks = 0
    for each in (str(pid), *children):
        try:
            # the name of the program, in brackets, may have spaces
            fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        except FileNotFoundError:
            continue  # its time is its parent's now
        ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


@contextmanager
def bench_server(product: str, *, durable: bool = False) -> Generator[BenchServer]:
    """
    Start a server, or connect to the one that the environment names, and create a database on it.

    :param durable: True for a MySQL or MariaDB whose commits wait for the disk; see `DURABLE`.
    :raises ServerError: if there is none, or the one that is named is another kind.
    """
    url = os.environ.get(URL_VARIABLES[product])
    if url:
        with _with_database(_named(product, url), durable=durable) as server:
            yield server
        return
    # the tests' own helpers need pytest, which a server that is named does not
    from tests.server_types import ServerMissingError
    from tests.servers import running

    try:
        with running(TEST_SERVERS[product], {**ROOM[product], **(DURABLE if durable else {})}) as started:
            client: Sequence[str] = getattr(started, "client", None) or (getattr(started, "psql"),)  # noqa: B009 - one of the two is there
            server = BenchServer(product, started.administrator, tuple(client))
            with _with_database(server, durable=durable) as ours:
                yield ours
    except ServerMissingError as error:
        raise ServerError(str(error)) from error


def _named(product: str, url: str) -> BenchServer:
    parts = urlsplit(url)
    names = ("psql",) if product == "postgresql" else (product, "mysql", "mariadb")
    client = next(filter(None, map(shutil.which, names)), None)
    if client is None:
        raise ServerError(f"{product}: the program {names[0]} is not installed")
    parameters = ConnectionParameters(
        host=parts.hostname or "localhost",
        port=parts.port,
        username=unquote(parts.username or ("postgres" if product == "postgresql" else "root")),
        password=unquote(parts.password) if parts.password else None,
        database=parts.path.lstrip("/") or None,
        ssl=SSLMode.PREFER,
    )
    return BenchServer(product, parameters, (client,))


@contextmanager
def _with_database(server: BenchServer, *, durable: bool) -> Generator[BenchServer]:
    if durable and not server.is_durable:
        raise ServerError("the server keeps no binary log, or does not wait for the disk")
    name = f"bench_{secrets.token_hex(4)}"
    encoding = "TEMPLATE template0 ENCODING 'UTF8'" if server.dialect == "postgresql" else "CHARACTER SET utf8mb4"
    server.execute(f"CREATE DATABASE {name} {encoding}")
    try:
        yield replace(server, parameters=replace(server.parameters, database=name))
    finally:
        server.execute(f"DROP DATABASE {name}{' WITH (FORCE)' if server.dialect == 'postgresql' else ''}")
