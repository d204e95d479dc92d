"""From the name of a dialect to its engine; a driver is imported only when its dialect is asked for."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from pysqlsync_engine.dialect.api import Dialect
from pysqlsync_engine.engine import Engine
from pysqlsync_engine.errors import DialectError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

ENTRY_POINT_GROUP = "pysqlsync_engine.dialects"
"""Entry points of other packages: the name of a dialect, and where its `Dialect` record is, as `module:attribute`."""

BUILT_IN = {
    "ansi": "pysqlsync_engine.dialect.ansi_dialect:DIALECT",
    "mysql": "pysqlsync_engine.dialect.mysql:DIALECT",
    "postgresql": "pysqlsync_engine.dialect.postgresql:DIALECT",
}
"""Dialects of this package, by name."""


def known_dialects() -> tuple[str, ...]:
    """:returns: Names that `get_dialect` accepts, sorted; whether a driver is installed is not looked at."""
    return tuple(sorted({*BUILT_IN, *(point.name for point in _registered())}))


def _registered() -> Iterable[EntryPoint]:
    """:returns: Where other packages have their dialects."""
    # takes a while to import, which a process that uses a dialect of this package need not wait for
    from importlib.metadata import entry_points

    return entry_points(group=ENTRY_POINT_GROUP)


def get_dialect(name: str) -> Engine:
    """
    :param name: `postgresql`, `mysql` (which is for MariaDB, too), or the name under which another package registers a dialect.
    :returns: The engine for databases of this kind.
    :raises DialectError: if the name is unknown, or the driver of the dialect is not installed.
    """
    target = BUILT_IN.get(name)
    if target is None:
        target = next((point.value for point in _registered() if point.name == name), None)
    if target is None:
        raise DialectError(f"unknown dialect: {name!r}; known: {', '.join(known_dialects())}")
    module, _, attribute = target.partition(":")
    dialect = getattr(importlib.import_module(module), attribute)
    if not isinstance(dialect, Dialect):
        raise DialectError(f"dialect {name!r}: expected a Dialect at {target}; got {type(dialect).__name__}")
    return Engine(dialect)
