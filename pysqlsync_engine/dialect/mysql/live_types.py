"""The types that columns have on the server, which lines without a character set are written for."""

from __future__ import annotations

from pysqlsync_engine.model.id_types import QualifiedId
from pysqlsync_engine.session import Session

CHARACTER_SET = "utf8mb4"
"""That of the text in files. To a column of another one it has to be converted, which is not done for bytes."""

_LIVE_TYPES = """
    SELECT column_name, CASE data_type WHEN 'binary' THEN column_type ELSE data_type END, character_set_name
    FROM information_schema.columns
    WHERE table_schema = COALESCE(%s, database()) AND table_name = %s
"""


async def find_types(session: Session, table: QualifiedId) -> dict[str, str | None]:
    """
    :returns: By name of a column its type, `binary(16)` with its length; `None` for text of another character set. Nothing for a
        table that does not exist.
    """
    rows = await session.fetch(_LIVE_TYPES, table.namespace, table.name)
    return {name: kind if characters in {None, CHARACTER_SET} else None for name, kind, characters in rows}
