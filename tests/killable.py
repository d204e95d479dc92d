"""Servers that a test may kill and start again."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from pysqlsync_engine.embedded.accounts import server_account
from tests.server_types import DIALECTS, START_TIMEOUT_S, STOP_TIMEOUT_S, Running, ServerMissingError
from tests.servers import running

PID_FILES = ("data/postmaster.pid", "mysqld.pid")

_DURABLE = {
    "--innodb-flush-log-at-trx-commit=0": "--innodb-flush-log-at-trx-commit=1",
    "--innodb-doublewrite=0": "--innodb-doublewrite=1",
}
"""As a rule servers for tests write their log once in a second, and pages once; here, what is committed has to survive."""


@dataclass
class KillableServer:
    """
    A server of one test's own.

    :param directory: Where its data, its socket and its log are.
    """

    server: Running
    directory: Path
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        command = Path(f"/proc/{self.pid}/cmdline").read_bytes().rstrip(b"\0").split(b"\0")
        self.command = [_DURABLE.get(word, word) for word in map(os.fsdecode, command)]

    @property
    def pid(self) -> int:
        """Number of its first process."""
        file = next(path for name in PID_FILES if (path := self.directory / name).exists())
        return int(file.read_text().split()[0])

    def kill(self) -> None:
        """Kill all its processes at once, so that nothing is written any more."""
        pid = self.pid
        processes = [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]
        for each in processes:
            with suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)
        # one that nobody has waited for counts as running
        if self.process is None:
            os.waitpid(pid, 0)
        else:
            self.process.wait(STOP_TIMEOUT_S)
        deadline = time.monotonic() + STOP_TIMEOUT_S
        while any(_is_alive(each) for each in processes):
            assert time.monotonic() < deadline, "the server does not die"
            time.sleep(0.01)

    def start(self, options: Sequence[str] = ()) -> None:
        """
        Start it again, on the same data.

        :param options: Of its program, besides those that it had.
        """
        command = ["setsid", "setpriv", "--pdeathsig", "KILL", *self.command, *options]
        with (self.directory / "log").open("ab") as log:
            self.process = server_account().spawn(command, log=log.fileno())
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                self.server.execute("SELECT 1")
                return
            except ServerMissingError:
                assert self.process.poll() is None, (self.directory / "log").read_text()[-2000:]
                assert time.monotonic() < deadline, "the server does not start"
            time.sleep(0.05)

    def end(self) -> None:
        """Kill it, if it was started again."""
        if self.process is not None and self.process.poll() is None:
            self.kill()


def _is_alive(pid: int) -> bool:
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except (FileNotFoundError, ProcessLookupError):
        return False


@contextmanager
def killable(name: str) -> Generator[KillableServer, None, None]:
    """
    Start a server that nobody else uses.

    :raises ServerMissingError: if its programs are not installed.
    """
    with running(name) as server:
        killable_server = KillableServer(server, Path(server.administrator.host))
        try:
            if DIALECTS[server.version.product] == "mysql":
                # what it was prepared with has to survive the first kill, too
                server.execute("SET GLOBAL innodb_flush_log_at_trx_commit = 1; FLUSH ENGINE LOGS")
                killable_server.kill()
                killable_server.start()
            yield killable_server
        finally:
            killable_server.end()


@contextmanager
def small_disk(directory: Path, size: str) -> Generator[None, None, None]:
    """
    Mount a file system of that size, in memory.

    :raises ServerMissingError: if this process may not mount one.
    """
    directory.mkdir()
    result = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(directory)],
        capture_output=True,
        text=True,
        timeout=10,
    )
    if result.returncode != 0:
        raise ServerMissingError(f"a small disk: {result.stderr.strip()}; run the tests as root")
    try:
        server_account().own(directory)
        yield
    finally:
        # lazily, as the server may still have files open
        subprocess.run(["umount", "--lazy", str(directory)], check=True, timeout=10)
