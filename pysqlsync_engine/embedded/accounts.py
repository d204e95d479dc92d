"""Runs programs as an account without privileges, which is what a PostgreSQL server insists on."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pysqlsync_engine.errors import EmbeddedServerError

SERVER_ACCOUNTS = ("postgres", "nobody")
COMMAND_TIMEOUT_S = 120.0


@dataclass(frozen=True, slots=True)
class Account:
    """
    Who the server runs as.

    :param switch: True if we are root and have to become somebody else to run a program.
    """

    name: str
    uid: int
    gid: int
    switch: bool

    def own(self, path: Path) -> None:
        """Make a file or directory that we created the account's own; never follows a symbolic link."""
        if not self.switch:
            return
        try:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)
        except OSError as error:
            raise EmbeddedServerError(f"{path}: cannot be given to {self.name}: {error}; use another place") from error

    def can(self, test: str, path: Path) -> bool:
        """:param test: Operator of test(1): with `-x`, whether the account may enter a directory or run a file."""
        return self.run(["test", test, str(path)]).returncode == 0

    def run(
        self, command: Sequence[str], *, environment: Mapping[str, str] | None = None, text: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """
        Run a program to its end, with output captured; a failure is told by its return code.

        :param environment: Variables besides those of `server_environment()`.
        :param text: What the program reads from `/dev/stdin`; a password comes this way, so that no file and no list
            of processes shows it. Shorter than 4,096 bytes, as it has to fit into a pipe.
        :raises EmbeddedServerError: if the program cannot be run or does not end in time.
        """
        with self._pipe(text) as stdin:
            try:
                return subprocess.run(  # noqa: S603 (programs that we looked up, no shell)
                    command,
                    cwd="/",
                    env={**server_environment(), **(environment or {})},
                    stdin=stdin,
                    capture_output=True,
                    text=True,
                    errors="replace",
                    timeout=COMMAND_TIMEOUT_S,
                    check=False,
                    user=self.uid if self.switch else None,
                    group=self.gid if self.switch else None,
                    extra_groups=[] if self.switch else None,
                )
            except (OSError, subprocess.TimeoutExpired) as error:
                raise EmbeddedServerError(f"{command[0]}: cannot be run as {self.name}: {error}") from error

    def spawn(self, command: Sequence[str], *, log: int, inherit: Sequence[int] = ()) -> subprocess.Popen[bytes]:
        """
        Start a program and do not wait for it.

        :param log: Open file that takes all output.
        :param inherit: Open files that the program gets besides.
        """
        try:
            return subprocess.Popen(  # noqa: S603 (programs that we looked up, no shell)
                command,
                cwd="/",
                env=server_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=inherit,
                umask=0o077,
                user=self.uid if self.switch else None,
                group=self.gid if self.switch else None,
                extra_groups=[] if self.switch else None,
            )
        except OSError as error:
            raise EmbeddedServerError(f"{command[0]}: cannot be run as {self.name}: {error}") from error

    @contextmanager
    def _pipe(self, text: str) -> Generator[int, None, None]:
        reader, writer = os.pipe()
        try:
            os.write(writer, text.encode())
            os.close(writer)
            if self.switch:
                # `/dev/stdin` is opened anew by its reader, who has to be the owner for that.
                os.fchown(reader, self.uid, self.gid)
            yield reader
        finally:
            os.close(reader)


def server_account() -> Account:
    """
    Choose who the server runs as: ourselves, or for root the account `postgres`, else `nobody`.

    :raises EmbeddedServerError: if we are root and the system has neither.
    """
    if os.geteuid() != 0:
        return _account(os.geteuid())
    for name in SERVER_ACCOUNTS:
        try:
            return _account(pwd.getpwnam(name).pw_uid)
        except KeyError:
            continue
    raise EmbeddedServerError(
        f"embedded PostgreSQL: root must not run a server, and there is no account {' or '.join(SERVER_ACCOUNTS)};"
        " create one, or run as a plain user"
    )


def owner_account(path: Path) -> Account:
    """:returns: Who a file or directory belongs to, which is who has to run the server that uses it."""
    return _account(path.lstat().st_uid)


def server_environment() -> dict[str, str]:
    """Variables for the programs: nothing of the caller's `PG...` settings, language or time zone reaches them."""
    return {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def _account(uid: int) -> Account:
    switch = uid != os.geteuid()
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:  # in a container one may be a number without a name
        return Account(str(uid), uid, os.getegid(), switch)
    return Account(entry.pw_name, uid, entry.pw_gid, switch)
