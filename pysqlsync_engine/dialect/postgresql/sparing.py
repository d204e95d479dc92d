"""
Spares the server a second look at references to lookup tables: the numbers of labels come from rows that are locked, so that nobody
can delete them before the stream is committed.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

from pysqlsync_engine.data.hooks import Detour
from pysqlsync_engine.dialect.postgresql.capabilities import Features
from pysqlsync_engine.dialect.postgresql.copying import CannotSkipError
from pysqlsync_engine.errors import StatementError
from pysqlsync_engine.model.id_types import QualifiedId
from pysqlsync_engine.model.object_types import Lookup
from pysqlsync_engine.session import Session

NOTE = "the server did not check references to lookup tables again: the rows that they refer to were locked"

_MAY_SPARE = """
    WITH checked AS (
        SELECT k.oid
        FROM pg_catalog.pg_constraint k
        JOIN ROWS FROM (pg_catalog.unnest($2::text[]), pg_catalog.unnest($3::text[])) AS l (own, other)
            ON k.confrelid = pg_catalog.to_regclass(l.other)
        JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1] AND a.attname = l.own
        JOIN pg_catalog.pg_attribute b ON b.attrelid = k.confrelid AND b.attnum = k.confkey[1] AND b.attname = 'id'
        WHERE k.conrelid = pg_catalog.to_regclass($1) AND k.contype = 'f' AND cardinality(k.conkey) = 1
    )
    SELECT
        c.relkind = 'r' AND NOT c.relhasrules
        AND pg_catalog.has_table_privilege(c.oid, 'UPDATE')
        AND pg_catalog.current_setting('session_replication_role') = 'origin'
        AND EXISTS (SELECT FROM checked)
        AND NOT EXISTS (
            SELECT FROM pg_catalog.unnest($3::text[]) AS o (name)
            WHERE NOT pg_catalog.has_table_privilege(pg_catalog.to_regclass(o.name), 'UPDATE')
        )
        AND NOT EXISTS (
            SELECT FROM pg_catalog.pg_trigger t
            WHERE t.tgrelid = c.oid AND t.tgtype::integer & $4 <> 0
            AND NOT (t.tgisinternal AND t.tgenabled = 'O' AND t.tgconstraint IN (SELECT oid FROM checked))
        )
    FROM pg_catalog.pg_class c
    WHERE c.oid = pg_catalog.to_regclass($1)
"""
"""
Whether references to lookup tables are all that triggers have to do when rows of a table are written: others have to run, those among
them that check unique keys at the end, and references of other tables to this one; and so have rules, which the setting stops as well.
"""

_ON_INSERT, _ON_UPDATE = 4, 16
"""Kinds of triggers; https://github.com/postgres/postgres/blob/master/src/include/catalog/pg_trigger.h"""

_SUPERUSER = "SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user"
_PERMITTED = "SELECT pg_catalog.has_parameter_privilege('session_replication_role', 'SET')"
_SET_ROLE = "SELECT pg_catalog.set_config('session_replication_role', $1, true)"


async def may_spare(
    session: Session, table: QualifiedId, lookups: Sequence[Lookup], features: Features, *, updates: bool
) -> bool:
    """
    :param lookups: Those whose numbers of labels come from rows that are going to be locked.
    :param updates: True if rows are updated as well as inserted.
    :returns: True if the server need not check the references to them: the session has the right to say so, and nothing else depends
        on it. Nobody can add a trigger or a constraint to the table from now on, until the end of the transaction.
    """
    ((is_permitted,),) = await session.fetch(_PERMITTED if features.parameter_privileges else _SUPERUSER)
    kinds = _ON_INSERT | (_ON_UPDATE if updates else 0)
    arguments = str(table), [each.column.name for each in lookups], [str(each.table) for each in lookups], kinds
    if not is_permitted or await session.fetch(_MAY_SPARE, *arguments) != [(True,)]:
        return False
    try:
        async with session.transaction():
            await session.execute(f"LOCK TABLE {table} IN ROW EXCLUSIVE MODE")
    except StatementError as error:
        if error.sqlstate is None or error.is_lost or error.is_transient:
            raise
        return False
    # somebody may have been there before the lock
    return await session.fetch(_MAY_SPARE, *arguments) == [(True,)]


@asynccontextmanager
async def spared(session: Session) -> AsyncGenerator[None]:
    """Rows are stored without checks of references, until leaving; a statement that fails has the setting undone along with its rows."""
    await session.fetch(_SET_ROLE, "replica")
    try:
        yield
    except (Detour, CannotSkipError):
        await session.fetch(_SET_ROLE, "origin")
        raise
    await session.fetch(_SET_ROLE, "origin")
