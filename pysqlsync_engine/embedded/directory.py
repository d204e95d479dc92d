"""The directory of an embedded server: where it may be, what is in it, and who may read it."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

from pysqlsync_engine.embedded.accounts import Account, owner_account, server_account
from pysqlsync_engine.errors import EmbeddedServerError

SYSTEM_DATA_DIRECTORY = Path("/var/lib/pysqlsync")
RUNTIME_DIRECTORY = Path("/tmp")  # noqa: S108 (the directory below it is ours alone, and checked)
MAX_SOCKET_PATH_BYTES = 107
MAX_LOG_BYTES = 10 * 1024 * 1024
PLAIN_PATH = re.compile(r"[A-Za-z0-9/._ -]+")
PASSWORD_BYTES = 24
LOCK_NAME = "lock"


@dataclass(frozen=True, slots=True)
class ServerDirectory:
    """
    Files of one embedded server.

    Where root keeps a server, the directory is root's and the account may pass through it only; what the server itself
    writes is in `data`, which is the account's. So no file that root writes is in a directory that others control.

    :param account: Who the server runs as.
    """

    path: Path
    account: Account

    @property
    def data(self) -> Path:
        """Data directory of the cluster."""
        return self.path / "data"

    @property
    def log(self) -> Path:
        """What the server tells."""
        return self.path / "server.log"

    @property
    def lock(self) -> Path:
        """Held while the server is started or stopped."""
        return self.path / LOCK_NAME

    @property
    def lease(self) -> Path:
        """Held by those who need the server."""
        return self.path / "lease"

    @property
    def keep(self) -> Path:
        """Present if the server stays up when nobody needs it any more."""
        return self.path / "keep"

    @property
    def binaries(self) -> Path:
        """Copies of server programs that the account could not run where they are."""
        return self.path / "binaries"

    def major(self) -> int | None:
        """:returns: Version of the cluster; `None` if there is none yet."""
        try:
            return int((self.data / "PG_VERSION").read_text().strip())
        except FileNotFoundError:
            return None

    def password(self) -> str:
        """:returns: The password, made at first use."""
        path = self.path / "password"
        try:
            return path.read_text().strip()
        except FileNotFoundError:
            if self.data.exists():
                raise EmbeddedServerError(
                    f"{path}: the password of the server is missing; put the file back, or remove {self.path}"
                    " with all databases in it"
                ) from None
        self.write("password", secrets.token_urlsafe(PASSWORD_BYTES))
        return path.read_text().strip()

    def remove_incomplete_data(self) -> None:
        """Remove what attempts to make a cluster have left that were killed."""
        for leftover in self.path.glob("incomplete-*"):
            shutil.rmtree(leftover, ignore_errors=True)  # one that is still being written is removed the next time

    def make_incomplete_data(self) -> Path:
        """
        Make a directory for a cluster that is not complete yet.

        Each attempt has one of its own, as `initdb` may go on for a while after the program that ran it was killed.
        """
        path = self.path / f"incomplete-{secrets.token_hex(4)}"
        path.mkdir(mode=0o700)
        self.account.own(path)
        return path

    def port(self) -> int | None:
        """:returns: Port that was used last; `None` if none was."""
        try:
            return int(json.loads((self.path / "server.json").read_text())["port"])
        except (FileNotFoundError, KeyError, TypeError, ValueError):
            return None

    def remember_port(self, port: int) -> None:
        """Use this port the next time, too."""
        self.write("server.json", json.dumps({"port": port}))

    def write(self, name: str, text: str) -> None:
        """Write a file that only the owner can read; it is there as a whole or not at all."""
        temporary = self.path / f"{name}.{secrets.token_hex(4)}"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self.path / name)

    def open_log(self) -> int:
        """:returns: An open file to append to; the log of earlier runs is put away when it has grown large."""
        if self.log.exists() and self.log.stat().st_size > MAX_LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.old"))
        return os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)

    def socket_directory(self) -> Path:
        """
        Make the directory for the server's socket.

        It is below the server's own directory, unless that path is too long for the address of a socket or has
        characters that clients take for separators.

        :raises EmbeddedServerError: if somebody else was there first.
        """
        path = self.path / "socket"
        if len(os.fsencode(path / ".s.PGSQL.65535")) > MAX_SOCKET_PATH_BYTES or not PLAIN_PATH.fullmatch(str(path)):
            digest = hashlib.sha256(os.fsencode(self.path)).hexdigest()[:12]
            path = RUNTIME_DIRECTORY / f"pysqlsync-{self.account.uid}-{digest}"
        try:
            path.mkdir(mode=0o700)
            self.account.own(path)
        except FileExistsError:
            pass
        status = path.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != self.account.uid or status.st_mode & 0o077:
            raise EmbeddedServerError(
                f"{path}: is not a directory that belongs to {self.account.name} alone; remove it and try again"
            )
        return path


def default_path(major: int) -> Path:
    """:returns: Where a server is kept that is given no directory: below the user's data directory if possible."""
    home = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    name = f"postgresql-{major}"
    path = home / "pysqlsync" / name
    if path.exists() or _reachable(path, server_account()):
        return path
    return SYSTEM_DATA_DIRECTORY / name


def open_directory(path: Path) -> ServerDirectory:
    """
    Make the directory of a server, or take the one that is there.

    :raises EmbeddedServerError: if it cannot be made, is not ours, or the account of the server cannot reach it.
    """
    path = path.expanduser().absolute()
    try:
        account = _choose_account(path)
        if not _reachable(path, account):
            raise EmbeddedServerError(
                f"{path}: {account.name}, who has to run the server as root must not, cannot reach this directory;"
                f" use one that is open to all on the way, such as {SYSTEM_DATA_DIRECTORY / path.name}"
            )
        _make(path, account)
    except OSError as error:
        raise EmbeddedServerError(f"{path}: cannot be the directory of a server: {error}; use another one") from error
    return ServerDirectory(path.resolve(), account)


def find_directory(path: Path) -> ServerDirectory | None:
    """:returns: The directory of a server that was made before; `None` if there is none. Changes nothing."""
    path = path.expanduser().absolute()
    try:
        if not (path / LOCK_NAME).exists():
            return None
        return ServerDirectory(path.resolve(), _choose_account(path))
    except OSError as error:
        raise EmbeddedServerError(f"{path}: cannot be read: {error}; use the account that made it") from error


def _choose_account(path: Path) -> Account:
    """:returns: Who owns the cluster if there is one, else who is to own it."""
    if os.path.lexists(path) and path.lstat().st_uid != os.geteuid():
        owner = owner_account(path)
        raise EmbeddedServerError(f"{path}: belongs to {owner.name}; run as {owner.name}, or use another directory")
    if os.path.lexists(path / "data"):
        return owner_account(path / "data")
    return server_account()


def _make(path: Path, account: Account) -> None:
    _make_parents(path.parent, account)
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        if any(path.iterdir()) and not (path / LOCK_NAME).exists():
            raise EmbeddedServerError(
                f"{path}: is not empty and was not made for a server; use a directory that is empty or does not exist"
            ) from None
    os.chown(path, -1, account.gid if account.switch else -1)
    path.chmod(0o710 if account.switch else 0o700)
    (path / LOCK_NAME).touch(0o600)


def _make_parents(path: Path, account: Account) -> None:
    if path.is_dir():
        return
    _make_parents(path.parent, account)
    path.mkdir(exist_ok=True)
    if account.switch:
        path.chmod(0o755)  # we made it; with root's umask the account might not be able to pass through it


def _reachable(path: Path, account: Account) -> bool:
    """:returns: True if the account can enter the nearest directory above the path that exists already."""
    if not account.switch:
        return True
    parent = next(parent for parent in path.parents if parent.exists())
    return account.can("-x", parent)
