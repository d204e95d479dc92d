"""The types that columns have on the server, which rows in binary form are written for."""

from __future__ import annotations

from pysqlsync_engine.model.id_types import QualifiedId
from pysqlsync_engine.session import Session

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
