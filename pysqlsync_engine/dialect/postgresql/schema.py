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
    from pysqlsync_engine.dialect.postgresql.online import PostgreSQLOnlineWriter
    from pysqlsync_engine.dialect.postgresql.reader import PostgreSQLReader


def writer(capabilities: Capabilities) -> PostgreSQLOnlineWriter:
    """:returns: Writer for a server of these capabilities."""
    from pysqlsync_engine.dialect.postgresql.online import PostgreSQLOnlineWriter

    return PostgreSQLOnlineWriter(capabilities)


def reader(capabilities: Capabilities) -> PostgreSQLReader:
    """:returns: Reader for a server of these capabilities."""
    from pysqlsync_engine.dialect.postgresql.reader import PostgreSQLReader

    return PostgreSQLReader(capabilities)


def canonicalize(session: Session, current: Catalog, desired: Catalog) -> Awaitable[Catalog]:
    """:returns: The desired catalog with its expressions as the server prints them."""
    from pysqlsync_engine.dialect.postgresql import scratch

    return scratch.canonicalize(session, current, desired)


def scratch_database(session: Session) -> AbstractAsyncContextManager[Session]:
    """:returns: A session to a new and empty database, which is dropped on leaving the context."""
    from pysqlsync_engine.dialect.postgresql import scratch

    return scratch.scratch_database(session)
