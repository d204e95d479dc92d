"""Runs programs as an account without privileges, which is what a PostgreSQL server insists on."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Mapping, Sequence
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
        """Make a file or directory of ours the account's own; never follows a symbolic link."""
        if self.switch:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def can(self, test: str, path: Path) -> bool:
        """:param test: Operator of test(1): `-x` is whether the account may enter a directory or run a file."""
        return self.run(["test", test, str(path)]).returncode == 0

    def run(
        self, command: Sequence[str], *, environment: Mapping[str, str] | None = None, text: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """
        Run a program to its end, with output captured; a failure is told by its return code.

        :param environment: Variables besides those of `server_environment()`.
        :param text: What the program reads from its standard input.
        :raises EmbeddedServerError: if the program cannot be run or does not end in time.
        """
        try:
            return subprocess.run(  # noqa: S603 (programs that we looked up, no shell)
                command,
                cwd="/",
                env={**server_environment(), **(environment or {})},
                input=text or "",
                capture_output=True,
                text=True,
                timeout=COMMAND_TIMEOUT_S,
                check=False,
                user=self.uid if self.switch else None,
                group=self.gid if self.switch else None,
                extra_groups=[] if self.switch else None,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise EmbeddedServerError(f"{command[0]}: cannot be run as {self.name}: {error}") from error

    def spawn(self, command: Sequence[str], *, log: Path) -> subprocess.Popen[bytes]:
        """Start a program that outlives us: a session of its own, no terminal, output appended to a log."""
        descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            os.fchown(descriptor, self.uid, self.gid)
            return subprocess.Popen(  # noqa: S603 (programs that we looked up, no shell)
                command,
                cwd="/",
                env=server_environment(),
                stdin=subprocess.DEVNULL,
                stdout=descriptor,
                stderr=descriptor,
                start_new_session=True,
                user=self.uid if self.switch else None,
                group=self.gid if self.switch else None,
                extra_groups=[] if self.switch else None,
            )
        except OSError as error:
            raise EmbeddedServerError(f"{command[0]}: cannot be run as {self.name}: {error}") from error
        finally:
            os.close(descriptor)


def server_account() -> Account:
    """
    Choose who the server runs as: ourselves, or for root the account `postgres`, else `nobody`.

    :raises EmbeddedServerError: if we are root and the system has neither.
    """
    if os.geteuid() != 0:
        return Account(_own_name(), os.geteuid(), os.getegid(), switch=False)
    for name in SERVER_ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid, switch=True)
    raise EmbeddedServerError(
        f"embedded PostgreSQL: root must not run a server, and there is no account {' or '.join(SERVER_ACCOUNTS)};"
        " create one, or run as a plain user"
    )


def server_environment() -> dict[str, str]:
    """Variables for the programs: nothing of the caller's `PG...` settings, language or time zone reaches them."""
    return {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def _own_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:  # a container may run under a number without a name
        return str(os.geteuid())
