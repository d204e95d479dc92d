"""
What the dialect does with schemas. Its parts are imported where they are asked for: a process that loads rows starts sooner without.
"""

from __future__ import annotations

from collections.abc import Awaitable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

from pysqlsync_engine.capabilities import Capabilities
from pysqlsync_engine.model.object_types import Catalog
from pysqlsync_engine.session import Session

if TYPE_CHECKING:
    from pysqlsync_engine.dialect.mysql.online import MySQLOnlineWriter
    from pysqlsync_engine.dialect.mysql.reader import MySQLReader


def writer(capabilities: Capabilities) -> MySQLOnlineWriter:
    """:returns: Writer for a server of these capabilities."""
    from pysqlsync_engine.dialect.mysql.online import MySQLOnlineWriter

    return MySQLOnlineWriter(capabilities)


def reader(capabilities: Capabilities) -> MySQLReader:
    """:returns: Reader for a server of these capabilities."""
    from pysqlsync_engine.dialect.mysql.reader import MySQLReader

    return MySQLReader(capabilities)


def canonicalize(session: Session, current: Catalog, desired: Catalog) -> Awaitable[Catalog]:
    """:returns: The desired catalog with its expressions as the server prints them."""
    from pysqlsync_engine.dialect.mysql import scratch

    return scratch.canonicalize(session, current, desired)


def scratch_database(session: Session) -> AbstractAsyncContextManager[Session]:
    """:returns: A session to a new and empty database, which is dropped on leaving the context."""
    from pysqlsync_engine.dialect.mysql import scratch

    return scratch.scratch_database(session)
