"""Finds out whether a table is empty, so that rows can be copied into it as they come."""

from __future__ import annotations

from pysqlsync_engine.errors import StatementError
from pysqlsync_engine.model.id_types import QualifiedId
from pysqlsync_engine.session import Session

EMPTY = """
    WITH members AS (
        SELECT pg_catalog.to_regclass($1)::oid AS oid
        UNION SELECT relid::oid FROM pg_catalog.pg_partition_tree(pg_catalog.to_regclass($1))
    )
    SELECT
        pg_catalog.bool_and(c.relkind IN ('r', 'p') AND NOT c.relhasrules)
        AND sum(pg_catalog.pg_relation_size(c.oid)) = 0
        AND NOT pg_catalog.row_security_active(pg_catalog.to_regclass($1))
        AND NOT EXISTS (
            SELECT FROM pg_catalog.pg_trigger t WHERE t.tgrelid IN (SELECT oid FROM members) AND NOT t.tgisinternal
        )
    FROM members JOIN pg_catalog.pg_class c USING (oid)
"""
"""Whether a table has no page yet, and COPY stores all that it is sent, as INSERT does; reads none of its rows."""


async def is_empty(session: Session, table: QualifiedId) -> bool:
    """:returns: True if rows can be copied into the table, and nobody has written to it; others may do so from now on."""
    ((found,),) = await session.fetch(EMPTY, str(table))
    return bool(found)


async def claim_empty(session: Session, table: QualifiedId) -> bool:
    """
    Keep others from writing to a table until the end of the transaction, if it is empty; nobody is waited for.

    :returns: True if nobody but this session can add rows.
    """
    if not await is_empty(session, table):
        return False
    try:
        async with session.transaction():
            await session.execute(f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE NOWAIT")
    except StatementError as error:
        if error.sqlstate is None or error.is_lost:
            raise
        # somebody writes, or the user may not lock it
        return False
    # others may have been there before the lock
    return await is_empty(session, table)
