"""The journal of streams in PostgreSQL: two tables in a namespace of their own."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC

from pysqlsync_engine.capabilities import Capabilities
from pysqlsync_engine.data.cursor import MarkKind, MarkValue
from pysqlsync_engine.data.journal import KEPT_DAYS, BatchRecordedError, Entry, Mark, forbidden
from pysqlsync_engine.errors import StatementError
from pysqlsync_engine.model.managed import JOURNAL_COMMENT, JOURNAL_NAMESPACE
from pysqlsync_engine.session import Session

WATERMARKS = f"{JOURNAL_NAMESPACE}.watermarks"
BATCHES = f"{JOURNAL_NAMESPACE}.batches"

CREATION = (
    f"CREATE SCHEMA IF NOT EXISTS {JOURNAL_NAMESPACE}",
    f"""CREATE TABLE IF NOT EXISTS {WATERMARKS} (
    stream text NOT NULL,
    table_name text NOT NULL,
    value text,
    kind text,
    row_count bigint NOT NULL,
    written_at timestamptz NOT NULL,
    PRIMARY KEY (stream, table_name)
)""",
    f"""CREATE TABLE IF NOT EXISTS {BATCHES} (
    stream text NOT NULL,
    table_name text NOT NULL,
    batch text NOT NULL,
    is_generated boolean NOT NULL,
    row_count bigint NOT NULL,
    counts jsonb NOT NULL,
    watermark text,
    committed_at timestamptz NOT NULL,
    PRIMARY KEY (stream, table_name, batch)
)""",
    f"CREATE INDEX IF NOT EXISTS batches_generated ON {BATCHES} (committed_at) WHERE is_generated",
    f"COMMENT ON TABLE {WATERMARKS} IS '{JOURNAL_COMMENT}'",
    f"COMMENT ON TABLE {BATCHES} IS '{JOURNAL_COMMENT}'",
)
"""Each does nothing the second time, so that an administrator may execute them in advance."""

GRANTS = (
    f"GRANT USAGE ON SCHEMA {JOURNAL_NAMESPACE} TO {{user}}",
    f"GRANT SELECT, INSERT, UPDATE, DELETE ON {WATERMARKS}, {BATCHES} TO {{user}}",
)

CREATION_LOCK = 0x7079_7371_6C73_796E
"""Number of the lock that whoever creates the tables holds, so that two sessions do not wait for each other."""

ATTEMPTS = 3
"""How often to try: a session may remember that a name was free, and learns only by failing that it no longer is."""

TAKEN = frozenset({"23505", "42P06", "42P07"})
"""What `IF NOT EXISTS` does not prevent then: unique_violation, duplicate_schema, duplicate_table."""

INSUFFICIENT_PRIVILEGE = "42501"

MAX_REMOVED = 1000
"""Most old records that one stream lets go, so that it is not held up."""


class PostgreSQLJournal:
    """Records what streams bring; see `Journal` for what its methods promise."""

    def __init__(self, _capabilities: Capabilities) -> None:
        pass

    async def prepare(self, session: Session) -> None:
        try:
            if not await _exist(session):
                await _create(session)
            await session.execute(
                f"DELETE FROM {BATCHES} WHERE ctid = ANY(ARRAY("
                f"SELECT ctid FROM {BATCHES} WHERE is_generated AND committed_at < now() - make_interval(days => $1::int)"
                " ORDER BY committed_at LIMIT $2::int FOR UPDATE SKIP LOCKED))",
                KEPT_DAYS,
                MAX_REMOVED,
            )
        except StatementError as error:
            if error.sqlstate != INSUFFICIENT_PRIVILEGE:
                raise
            ((user,),) = await session.fetch("SELECT quote_ident(current_user)")
            raise forbidden(error, [*CREATION, *(statement.format(user=user) for statement in GRANTS)]) from error

    async def record(self, session: Session, entry: Entry) -> None:
        if entry.stream:
            await _record_mark(session, entry)
        if entry.batch is None:
            return
        inserted = await session.execute(
            f"INSERT INTO {BATCHES} (stream, table_name, batch, is_generated, row_count, counts, watermark, committed_at)"
            " VALUES ($1, $2, $3, $4, $5, $6::text::jsonb, $7, clock_timestamp()) ON CONFLICT DO NOTHING",
            entry.stream,
            entry.table,
            entry.batch,
            entry.is_generated,
            entry.batch_rows,
            json.dumps(asdict(entry.counts)),
            None if entry.watermark is None else entry.watermark.text,
        )
        if not inserted:
            raise BatchRecordedError(entry.batch)

    async def has_batch(self, session: Session, entry: Entry) -> bool:
        if not await _exist(session):
            return False
        found = await session.fetch(
            f"SELECT 1 FROM {BATCHES} WHERE stream = $1 AND table_name = $2 AND batch = $3",
            entry.stream,
            entry.table,
            entry.batch,
        )
        return bool(found)

    async def read_mark(self, session: Session, stream: str, table: str) -> Mark | None:
        if not await _exist(session):
            return None
        found = await session.fetch(
            f"SELECT value, kind, written_at, row_count FROM {WATERMARKS} WHERE stream = $1 AND table_name = $2",
            stream,
            table,
        )
        for text, kind, written_at, rows in found:
            value = None if text is None else MarkValue(MarkKind(kind), text).parse()
            return Mark(stream, table, value, written_at.astimezone(UTC), rows)
        return None

    async def forget(self, session: Session, stream: str, table: str) -> None:
        if not await _exist(session):
            return
        async with session.transaction():
            for name in (WATERMARKS, BATCHES):
                await session.execute(f"DELETE FROM {name} WHERE stream = $1 AND table_name = $2", stream, table)


async def _record_mark(session: Session, entry: Entry) -> None:
    mark = entry.watermark
    # holds the row until the commit, so that streams of the same name compare one after the other
    ((text, kind),) = await session.fetch(
        f"INSERT INTO {WATERMARKS} AS w (stream, table_name, value, kind, row_count, written_at)"
        " VALUES ($1, $2, $3, $4, $5, clock_timestamp()) ON CONFLICT (stream, table_name) DO UPDATE"
        " SET row_count = w.row_count + EXCLUDED.row_count, written_at = EXCLUDED.written_at RETURNING value, kind",
        entry.stream,
        entry.table,
        None if mark is None else mark.text,
        None if mark is None else mark.kind.value,
        entry.rows,
    )
    if mark is None or (text is not None and not mark.is_after(MarkValue(MarkKind(kind), text))):
        return
    await session.execute(
        f"UPDATE {WATERMARKS} SET value = $3, kind = $4 WHERE stream = $1 AND table_name = $2",
        entry.stream,
        entry.table,
        mark.text,
        mark.kind.value,
    )


async def _exist(session: Session) -> bool:
    ((exist,),) = await session.fetch(
        "SELECT pg_catalog.to_regclass($1::text) IS NOT NULL AND pg_catalog.to_regclass($2::text) IS NOT NULL",
        WATERMARKS,
        BATCHES,
    )
    return exist


async def _create(session: Session) -> None:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            async with session.transaction():
                await session.fetch("SELECT pg_catalog.pg_advisory_xact_lock($1::bigint)", CREATION_LOCK)
                for statement in CREATION:
                    await session.execute(statement)
        except StatementError as error:
            if error.sqlstate not in TAKEN or attempt == ATTEMPTS:
                raise
        else:
            return
