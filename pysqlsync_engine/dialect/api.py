"""The record through which a dialect is plugged in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pysqlsync_engine.capabilities import Capabilities
from pysqlsync_engine.data.auditing import Auditor
from pysqlsync_engine.data.journal import Journal
from pysqlsync_engine.data.loading import Loader
from pysqlsync_engine.dialect.page_reader import PageReader
from pysqlsync_engine.model.object_types import Catalog
from pysqlsync_engine.parameters import ConnectionParameters
from pysqlsync_engine.session import Session, SessionPool

if TYPE_CHECKING:
    from pysqlsync_engine.discovery.reader import CatalogReader
    from pysqlsync_engine.migration.plan import Writer


class OpenPool(Protocol):
    """Opens a pool of sessions."""

    def __call__(
        self, parameters: ConnectionParameters, *, min_size: int, max_size: int
    ) -> AbstractAsyncContextManager[SessionPool]:
        """:returns: A pool that is closed on leaving the context."""
        ...


@dataclass(frozen=True, slots=True)
class Dialect:
    """
    All that the engine asks of a database product.

    :param name: What users pass to `get_dialect`.
    :param offline: Capabilities to assume without a server: those of the oldest version that is fully supported.
    :param lower: The catalog as a server of these capabilities will report it back; raises `UnsupportedError`.
    :param writer: Writer for a server of these capabilities.
    :param reader: Reader for a server of these capabilities.
    :param loader: Loader for a server of these capabilities.
    :param journal: Journal of streams for a server of these capabilities.
    :param auditor: Asks about the rows of tables, over one session.
    :param canonicalize: The desired catalog (third argument) with its expressions as the server prints them; those that read
        the same in the current one (second argument) are not asked for. Changes nothing that lasts.
    :param scratch_database: A session to a new and empty database that is like that of the given session, and is dropped on
        leaving the context.
    :param connect: Opens one session, closed on leaving the context; raises `ConnectError`.
    :param open_pool: Opens several.
    :param script_settings: Statements that a script begins with, as its strings are written for a session that has them.
    :param pages: How rows are read a page at a time; `None` if they cannot be.
    """

    name: str
    offline: Capabilities
    lower: Callable[[Catalog, Capabilities], Catalog]
    writer: Callable[[Capabilities], Writer]
    reader: Callable[[Capabilities], CatalogReader]
    loader: Callable[[Capabilities], Loader]
    journal: Callable[[Capabilities], Journal]
    auditor: Callable[[Session], Auditor]
    canonicalize: Callable[[Session, Catalog, Catalog], Awaitable[Catalog]]
    scratch_database: Callable[[Session], AbstractAsyncContextManager[Session]]
    connect: Callable[[ConnectionParameters], AbstractAsyncContextManager[Session]]
    open_pool: OpenPool
    script_settings: tuple[str, ...] = ()
    pages: PageReader | None = None
