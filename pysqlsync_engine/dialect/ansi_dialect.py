"""Scripts in ANSI SQL, for no server in particular."""

from __future__ import annotations

from typing import Any, NoReturn

from pysqlsync_engine.capabilities import Capabilities, ServerVersion
from pysqlsync_engine.dialect.ansi import AnsiWriter
from pysqlsync_engine.dialect.api import Dialect
from pysqlsync_engine.errors import UnsupportedError
from pysqlsync_engine.model.object_types import Catalog
from pysqlsync_engine.options import ArrayMode, EnumMode, StructMode
from pysqlsync_engine.session import Session

OFFLINE = Capabilities(
    version=ServerVersion("ANSI SQL", 2023),
    default_namespace=None,
    max_identifier_bytes=128,
    enum_modes=(EnumMode.CHECK, EnumMode.RELATION),
    transactional_ddl=True,
    composite_types=True,
    arrays=True,
    struct_modes=(StructMode.TYPE, StructMode.JSON),
    array_modes=(ArrayMode.ARRAY, ArrayMode.JSON, ArrayMode.RELATION),
    domains=True,
)


def lower(catalog: Catalog, _capabilities: Capabilities) -> Catalog:
    """:returns: The catalog as it is, since there is no server that would report it otherwise."""
    return catalog


async def canonicalize(_session: Session, _current: Catalog, desired: Catalog) -> Catalog:
    """:returns: The desired catalog as it is."""
    return desired


def refuse(*_arguments: Any, **_options: Any) -> NoReturn:
    """
    Refuse whatever needs a server.

    :raises UnsupportedError: always.
    """
    raise UnsupportedError(
        "ansi: there is no server of this dialect; use create_generator() for a script, or the dialect of your server"
    )


DIALECT = Dialect(
    name="ansi",
    offline=OFFLINE,
    lower=lower,
    writer=AnsiWriter,
    reader=refuse,
    loader=refuse,
    journal=refuse,
    auditor=refuse,
    canonicalize=canonicalize,
    scratch_database=refuse,
    connect=refuse,
    open_pool=refuse,
)
