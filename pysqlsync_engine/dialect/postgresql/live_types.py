"""The types that columns have on the server, which rows in binary form are written for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pysqlsync_engine.dialect.text_rows import are_among
from pysqlsync_engine.errors import StatementError
from pysqlsync_engine.model.id_types import QualifiedId
from pysqlsync_engine.session import Session

SERIALIZATION_FAILURE = "40001"

_LIVE_TYPES = """
    SELECT
        a.attname::text,
        CASE
            WHEN t.typtype = 'e' THEN 'enum'
            WHEN t.typnamespace = 'pg_catalog'::regnamespace THEN t.typname::text
        END
    FROM pg_catalog.pg_attribute a
    JOIN pg_catalog.pg_type c ON c.oid = a.atttypid
    JOIN pg_catalog.pg_type t ON t.oid = CASE c.typtype WHEN 'd' THEN c.typbasetype ELSE c.oid END
    WHERE a.attrelid = pg_catalog.to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped
"""
"""Names of columns and of their types; of domains, those that they are made of. Types of others have no names here."""


async def find_types(session: Session, table: QualifiedId) -> dict[str, str | None]:
    """:returns: By name of a column its type as far as it has a name here; nothing for a table that does not exist."""
    return dict(await session.fetch(_LIVE_TYPES, str(table)))


async def confirm_types(session: Session, table: QualifiedId, types: Mapping[str, Sequence[str]]) -> None:
    """
    Make sure that columns are what rows were written for.

    :param table: Is locked, so that they stay so.
    :raises StatementError: if they were changed since; the stream can be sent again.
    """
    if not are_among(await find_types(session, table), types):
        raise StatementError(
            f"{table.display}: columns got other types while rows were made for them; send the stream again",
            statement=_LIVE_TYPES,
            sqlstate=SERIALIZATION_FAILURE,
            is_transient=True,
        )
