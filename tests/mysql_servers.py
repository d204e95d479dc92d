"""
Servers of MySQL and MariaDB for tests; see `tests.servers`.

MariaDB is the system's. MySQL is the one that an environment variable names, or the system's if it is not MariaDB in disguise,
or the one that `.ci/mysql-server` has unpacked.
"""

from __future__ import annotations

import fcntl
import functools
import os
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from urllib.parse import unquote, urlsplit

from pysqlsync_engine.capabilities import ServerVersion
from pysqlsync_engine.dialect.mysql.capabilities import MARIADB, parse_version
from pysqlsync_engine.embedded.accounts import server_account
from pysqlsync_engine.parameters import ConnectionParameters, SSLMode
from tests.server_types import START_TIMEOUT_S, STOP_TIMEOUT_S, Server, ServerMissingError, new_database

URL_VARIABLE = "PYSQLSYNC_TEST_MYSQL_URL"
HOME_VARIABLE = "PYSQLSYNC_TEST_MYSQL_HOME"
TEMPLATES_VARIABLE = "PYSQLSYNC_TEST_TEMPLATES"
"""Where the workers of a session share data directories; set by the process that starts them."""

USER = "tester"
SYSTEM_PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/local/sbin:/usr/sbin:/sbin"

SETTINGS = [
    "--skip-networking",
    "--local-infile=1",
    "--skip-log-bin",
    "--skip-name-resolve",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-doublewrite=0",
    "--innodb-buffer-pool-size=64M",
    "--performance-schema=OFF",
    "--max-connections=60",
    # none of these is what the engine wants, which sets its own
    "--sql-mode=ANSI_QUOTES,NO_BACKSLASH_ESCAPES",
    "--default-time-zone=+05:00",
    "--character-set-server=latin1",
]

MYSQL_SETTINGS = ["--mysqlx=OFF", "--secure-file-priv=NULL"]


@dataclass(frozen=True, slots=True)
class Programs:
    """
    Programs of one installation.

    :param server: Command that runs the server.
    :param install: Command that makes a data directory, but for the directory itself.
    :param client: Command that sends statements.
    :param settings: Of the server, besides those that all have.
    """

    server: tuple[str, ...]
    install: tuple[str, ...]
    client: tuple[str, ...]
    settings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunningMySQL:
    """A server for the whole session; see `RunningServer`."""

    name: str
    administrator: ConnectionParameters
    version: ServerVersion
    client: tuple[str, ...]

    def execute(self, statement: str) -> str:
        """:returns: What the statement yields, a line per row."""
        parameters = self.administrator
        path = Path(parameters.host) / "mysqld.sock"
        place = [f"--socket={path}"] if parameters.host.startswith("/") else ["--protocol=tcp", f"-h{parameters.host}"]
        if not parameters.host.startswith("/"):
            place.append(f"-P{parameters.port or 3306}")
        result = subprocess.run(
            [*self.client, "--no-defaults", *place, f"-u{parameters.username}", "-N", "-B", "-e", statement],
            env={"PATH": os.defpath, "MYSQL_PWD": parameters.password or ""},
            capture_output=True,
            text=True,
            timeout=60,
        )
        if result.returncode != 0:
            raise ServerMissingError(f"{self.name}: {result.stderr.strip()}")
        return result.stdout.strip()

    @contextmanager
    def database(self) -> Generator[Server, None, None]:
        """Create an empty database and drop it on leaving."""
        name = new_database()
        self.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        try:
            yield Server(self.name, replace(self.administrator, database=name), self.version)
        finally:
            self._drop(name)

    def _drop(self, name: str) -> None:
        # a connection that was left open may hold locks that a DROP would wait for
        ids = self.execute(f"SELECT id FROM information_schema.processlist WHERE db = '{name}'").split()
        for number in ids:
            try:
                self.execute(f"KILL {number}")
            except ServerMissingError:
                continue  # it has ended by itself
        self.execute(f"DROP DATABASE {name}")


def mysql_names() -> list[str]:
    """:returns: The servers that tests run on, whether or not they are there."""
    return ["mariadb-system", "mysql-system"]


@contextmanager
def running_mysql(name: str, settings: Mapping[str, str] = MappingProxyType({})) -> Generator[RunningMySQL, None, None]:
    """
    Start a server, or connect to the one that the environment names.

    :param settings: What a server that is started is given in place of the tests' own settings.
    :raises ServerMissingError: if its programs are not installed or it does not answer.
    """
    if name == "mysql-system" and URL_VARIABLE in os.environ:
        yield _connect(name, os.environ[URL_VARIABLE])
        return
    programs = _mariadb() if name == "mariadb-system" else _mysql()
    if programs is None:
        package = "install the package `mariadb-server`" if name == "mariadb-system" else "run .ci/mysql-server"
        raise ServerMissingError(f"{name}: no server programs found; {package}")
    with _instance(name, programs, settings) as server:
        yield server


def _connect(name: str, url: str) -> RunningMySQL:
    parts = urlsplit(url)
    client = shutil.which("mysql") or shutil.which("mariadb")
    if client is None:
        raise ServerMissingError(f"{name}: no client is installed; install the package `default-mysql-client`")
    parameters = ConnectionParameters(
        host=parts.hostname or "localhost",
        port=parts.port,
        username=unquote(parts.username or "root"),
        password=unquote(parts.password) if parts.password else None,
        ssl=SSLMode.PREFER,
    )
    return _with_version(RunningMySQL(name, parameters, ServerVersion(MARIADB, 0), (client,)))


def _with_version(server: RunningMySQL) -> RunningMySQL:
    return replace(server, version=parse_version(server.execute("SELECT VERSION()")))


def _mariadb() -> Programs | None:
    server, install, client = (
        shutil.which(program, path=SYSTEM_PATH) for program in ("mariadbd", "mariadb-install-db", "mariadb")
    )
    if server is None or install is None or client is None:
        return None
    options = ("--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve")
    return Programs((server, "--no-defaults"), (install, *options), (client,))


def _mysql() -> Programs | None:
    server, client = (shutil.which(program, path=SYSTEM_PATH) for program in ("mysqld", "mysql"))
    if server is not None and client is not None and not _is_mariadb(server):
        command = (server, "--no-defaults")
        return Programs(command, (*command, "--initialize-insecure"), (client,), tuple(MYSQL_SETTINGS))
    return _unpacked()


@functools.cache
def _is_mariadb(server: str) -> bool:
    told = subprocess.run([server, "--no-defaults", "--version"], capture_output=True, text=True, timeout=60)
    return "mariadb" in told.stdout.lower()


def _unpacked() -> Programs | None:
    home = _home()
    loader = next(home.glob("usr/lib/*-linux-gnu/ld-linux-*.so.*"), None)
    if loader is None or not (home / "usr/sbin/mysqld").exists():
        return None
    libraries = f"{loader.parent}:{loader.parent}/mysql"
    run = (str(loader), "--library-path", libraries)
    places = (
        f"--basedir={home}/usr",
        f"--lc-messages-dir={home}/usr/share/mysql",
        f"--plugin-dir={home}/usr/lib/mysql/plugin",
    )
    server = (*run, f"{home}/usr/sbin/mysqld", "--no-defaults", *places)
    return Programs(server, (*server, "--initialize-insecure"), (*run, f"{home}/usr/bin/mysql"), tuple(MYSQL_SETTINGS))


def _home() -> Path:
    """:returns: Where `.ci/mysql-server` unpacks to."""
    if HOME_VARIABLE in os.environ:
        return Path(os.environ[HOME_VARIABLE])
    if os.geteuid() == 0:
        return Path("/var/cache/pysqlsync/mysql-server")
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pysqlsync/mysql-server"


@contextmanager
def _instance(name: str, programs: Programs, chosen: Mapping[str, str]) -> Generator[RunningMySQL, None, None]:
    account = server_account()
    # short, because the path of a socket is limited to 107 bytes
    directory = Path(tempfile.mkdtemp(prefix="pysqlsync-test-", dir="/tmp"))
    account.own(directory)
    parameters = ConnectionParameters(host=str(directory), username="root", ssl=SSLMode.PREFER)
    try:
        _make_data(name, programs, directory / "data")
        with _process(programs, directory, chosen) as process:
            server = RunningMySQL(name, parameters, ServerVersion(MARIADB, 0), programs.client)
            _wait(server, process, directory / "log")
            password = secrets.token_urlsafe(18)
            server.execute(
                f"SET sql_mode = ''; CREATE USER {USER}@localhost IDENTIFIED BY '{password}';"
                f" GRANT ALL ON *.* TO {USER}@localhost WITH GRANT OPTION"
            )
            yield _with_version(replace(server, administrator=replace(parameters, username=USER, password=password)))
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _make_data(name: str, programs: Programs, data: Path) -> None:
    """Make a data directory; it takes seconds, so the workers of a session share one that they copy."""
    account = server_account()
    if TEMPLATES_VARIABLE not in os.environ:
        _install(programs, data)
        return
    templates = Path(os.environ[TEMPLATES_VARIABLE])
    with (templates / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (templates / name).exists():
            making = templates / f"{name}.new"
            shutil.rmtree(making, ignore_errors=True)
            _install(programs, making)
            # its number is what servers that replicate tell each other apart by
            (making / "auto.cnf").unlink(missing_ok=True)
            making.rename(templates / name)
    copied = account.run(["cp", "-r", str(templates / name), str(data)])
    if copied.returncode != 0:
        raise ServerMissingError(f"{name}: {copied.stderr.strip()}")


def share_templates() -> None:
    """Let the workers that are started from here on share data directories."""
    templates = Path(tempfile.mkdtemp(prefix="pysqlsync-test-", dir="/tmp"))
    server_account().own(templates)
    os.environ[TEMPLATES_VARIABLE] = str(templates)


def remove_templates() -> None:
    """Remove what the workers have shared."""
    templates = os.environ.pop(TEMPLATES_VARIABLE, None)
    if templates is not None:
        shutil.rmtree(templates, ignore_errors=True)


def _install(programs: Programs, data: Path) -> None:
    account = server_account()
    result = account.run([*programs.install, f"--datadir={data}", "--innodb-flush-log-at-trx-commit=0"])
    if result.returncode != 0:
        raise ServerMissingError(f"{programs.install[0]}: {(result.stderr or result.stdout).strip()[-2000:]}")


@contextmanager
def _process(
    programs: Programs, directory: Path, chosen: Mapping[str, str]
) -> Generator[subprocess.Popen[bytes], None, None]:
    command = [*programs.server, f"--datadir={directory}/data", f"--socket={directory}/mysqld.sock"]
    command += [f"--pid-file={directory}/mysqld.pid", f"--tmpdir={directory}", *SETTINGS, *programs.settings]
    # the last one counts
    command += [f"--{key}={value}" for key, value in chosen.items()]
    # the kernel stops the server when the test session dies, even of SIGKILL; see `tests.servers`
    with (directory / "log").open("wb") as log:
        process = server_account().spawn(["setsid", "setpriv", "--pdeathsig", "TERM", *command], log=log.fileno())
    try:
        yield process
    finally:
        # nothing of the data is wanted any more
        process.kill()
        process.wait(STOP_TIMEOUT_S)


def _wait(server: RunningMySQL, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            server.execute("SELECT 1")
            return
        except ServerMissingError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise ServerMissingError(f"{server.name}: did not start: {log.read_text()[-2000:]}") from error
        time.sleep(0.05)
