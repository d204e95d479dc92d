"""Starts, finds and stops the process of an embedded server."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from pysqlsync_engine.embedded.binaries import Binaries
from pysqlsync_engine.embedded.cluster import tail
from pysqlsync_engine.embedded.directory import ServerDirectory
from pysqlsync_engine.errors import EmbeddedServerError

LOCAL_ADDRESS = "127.0.0.1"
FAST_SHUTDOWN_TIMEOUT_S = 30.0
IMMEDIATE_SHUTDOWN_TIMEOUT_S = 10.0
POLL_INTERVAL_S = 0.02
PORT_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Postmaster:
    """
    The first process of a running server.

    :param ready: False while it starts up, recovers, or shuts down.
    """

    pid: int
    port: int
    socket_directory: Path
    ready: bool


def find_postmaster(directory: ServerDirectory) -> Postmaster | None:
    """
    Find the running server of this directory.

    The number in the server's own file is believed only if the process of that number is a server at work in the data
    directory: after a crash the number may be another program's.
    """
    lines = _pid_file(directory)
    if len(lines) < 5 or not lines[0].isdecimal() or not _serves(directory, int(lines[0])):
        return None
    ready = len(lines) > 7 and lines[7].strip() == "ready"
    return Postmaster(int(lines[0]), int(lines[3]), Path(lines[4]), ready)


def start_postmaster(
    directory: ServerDirectory, binaries: Binaries, *, port: int | None, timeout_s: float
) -> Postmaster:
    """
    Start the server as a process that outlives us.

    :param port: Port to try first; if it is taken, a free one is used. `None` takes the one that was used last.
    :raises EmbeddedServerError: with the tail of its log, if it does not get ready.
    """
    _end_leftovers(directory)
    message = ""
    preferred = port or directory.port()
    for _ in range(PORT_ATTEMPTS):
        chosen = _free_port(preferred)
        position = directory.log.stat().st_size if directory.log.exists() else 0
        postmaster = _start(directory, binaries, port=chosen, timeout_s=timeout_s)
        if postmaster is not None:
            directory.remember_port(chosen)
            return postmaster
        message = _read_log(directory, position)
        if "Address already in use" not in message:
            break
        preferred = None
    raise EmbeddedServerError(f"{directory.path}: the server did not start; see {directory.log}:\n{tail(message)}")


def wait_until_ready(directory: ServerDirectory, *, timeout_s: float) -> Postmaster | None:
    """
    Wait for a server that somebody else has started, or is stopping.

    :returns: `None` if no server runs (any more), or it has not become ready.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        postmaster = find_postmaster(directory)
        if postmaster is None or postmaster.ready:
            return postmaster
        if time.monotonic() > deadline:
            return None
        time.sleep(POLL_INTERVAL_S)


def stop_postmaster(directory: ServerDirectory) -> bool:
    """
    Stop the server: sessions are ended and rolled back; if that takes too long, it is stopped as by a power failure.

    :returns: False if no server was running.
    :raises EmbeddedServerError: if it cannot be stopped.
    """
    postmaster = find_postmaster(directory)
    if postmaster is None:
        return False
    for number, timeout_s in (
        (signal.SIGINT, FAST_SHUTDOWN_TIMEOUT_S),
        (signal.SIGQUIT, IMMEDIATE_SHUTDOWN_TIMEOUT_S),
    ):
        with contextlib.suppress(ProcessLookupError):
            os.kill(postmaster.pid, number)
        if _wait_for_end(directory, timeout_s):
            return True
    raise EmbeddedServerError(f"{directory.path}: process {postmaster.pid} does not end; see {directory.log}")


def _start(directory: ServerDirectory, binaries: Binaries, *, port: int, timeout_s: float) -> Postmaster | None:
    """:returns: `None` if the server ended before it was ready."""
    command = ["setsid", "--fork", binaries.program("postgres"), "-D", str(directory.data)]
    command += [word for setting in _settings(directory, port) for word in ("-c", setting)]
    # The server inherits the writing end, so that reading tells when it has ended, whoever its parent is by then.
    reader, writer = os.pipe()
    with open(reader, "rb", buffering=0) as end:
        with open(writer, "wb"), open(directory.open_log(), "ab") as log:
            directory.account.spawn(command, log=log.fileno(), inherit=[writer]).wait()
        os.set_blocking(reader, False)
        return _wait_for_start(directory, end, timeout_s)


def _settings(directory: ServerDirectory, port: int) -> list[str]:
    """:returns: Settings besides the server's defaults; durability is left as it is, on."""
    sockets = str(directory.socket_directory()).replace('"', '""')
    return [
        f"port={port}",
        f"listen_addresses={LOCAL_ADDRESS}",
        f'unix_socket_directories="{sockets}"',
        "unix_socket_permissions=0700",
        "timezone=UTC",
        "log_timezone=UTC",
        "log_line_prefix=%m [%p] ",
    ]


def _wait_for_start(directory: ServerDirectory, end: FileIO, timeout_s: float) -> Postmaster | None:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        postmaster = find_postmaster(directory)
        if postmaster is not None and postmaster.ready:
            return postmaster
        if end.read(1) == b"":
            return None
        time.sleep(POLL_INTERVAL_S)
    stop_postmaster(directory)
    raise EmbeddedServerError(
        f"{directory.path}: the server was not ready within {timeout_s:.0f} s; see {directory.log},"
        " or give it more time with `start_timeout_s`"
    )


def _pid_file(directory: ServerDirectory) -> list[str]:
    try:
        return (directory.data / "postmaster.pid").read_text().splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return []


def _processes(directory: ServerDirectory) -> list[int]:
    """:returns: Numbers of all server processes at work in the data directory, with or without a postmaster."""
    pids = (int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal())
    return [pid for pid in pids if _serves(directory, pid)]


def _serves(directory: ServerDirectory, pid: int) -> bool:
    """:returns: True if a process is one of the server's: its program, its account, and at work in its directory."""
    path = Path("/proc", str(pid))
    try:
        if path.stat().st_uid != directory.account.uid or (path / "comm").read_text().strip() != "postgres":
            return False
        place = os.readlink(path / "cwd")
    except PermissionError:
        # In a container, root may lack the privilege to see where processes of others are at work.
        place = directory.account.run(["readlink", str(path / "cwd")]).stdout.removesuffix("\n")
    except OSError:  # it has just ended
        return False
    return place == os.path.realpath(directory.data)


def _end_leftovers(directory: ServerDirectory) -> None:
    """
    Clear away what a server that was killed has left behind.

    Its children end by themselves soon after; a new server must not start before, as they may still be writing.
    """
    if not _wait_for_end(directory, IMMEDIATE_SHUTDOWN_TIMEOUT_S):
        for pid in _processes(directory):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGQUIT)
        if not _wait_for_end(directory, IMMEDIATE_SHUTDOWN_TIMEOUT_S):
            raise EmbeddedServerError(
                f"{directory.path}: processes {_processes(directory)} of an earlier server do not end; end them"
            )
    # Where a number is by now another program's (or, in a container, a dead process that nobody has collected), the
    # server would refuse to start. Other numbers are left to the server to judge, as it also looks for shared memory.
    lines = _pid_file(directory)
    if lines and Path("/proc", lines[0].strip()).exists():
        (directory.data / "postmaster.pid").unlink()
    for leftover in directory.socket_directory().glob(".s.PGSQL.*"):
        leftover.unlink()


def _wait_for_end(directory: ServerDirectory, timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while _processes(directory):
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_INTERVAL_S)
    return True


def _free_port(preferred: int | None) -> int:
    for port in (preferred, 0):
        if port is None:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind((LOCAL_ADDRESS, port))
                return int(probe.getsockname()[1])
    raise EmbeddedServerError(f"embedded PostgreSQL: no port is free at {LOCAL_ADDRESS}; end what uses them")


def _read_log(directory: ServerDirectory, position: int) -> str:
    with directory.log.open(errors="replace") as log:
        log.seek(position)
        return log.read()
