"""The journal of streams in MySQL and MariaDB: two tables with a prefix of their own."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC

from pysqlsync_engine.capabilities import Capabilities
from pysqlsync_engine.data.cursor import MarkKind, MarkValue
from pysqlsync_engine.data.journal import KEPT_DAYS, BatchRecordedError, Entry, Mark, forbidden
from pysqlsync_engine.dialect.mysql.capabilities import features_of
from pysqlsync_engine.dialect.mysql.driver import DUPLICATE_KEY, error_number
from pysqlsync_engine.dialect.mysql.names import quote, quote_text
from pysqlsync_engine.dialect.mysql.session import MySQLSession
from pysqlsync_engine.errors import JournalError, StatementError
from pysqlsync_engine.model.managed import JOURNAL_COMMENT, JOURNAL_NAMESPACE
from pysqlsync_engine.session import Session

WATERMARKS = f"{JOURNAL_NAMESPACE}__watermarks"
BATCHES = f"{JOURNAL_NAMESPACE}__batches"

DENIED = frozenset({1044, 1142, 1143, 1227})
"""Numbers of errors: the user lacks a privilege; https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html"""

MAX_REMOVED = 1000
"""Most old records that one stream lets go, so that it is not held up."""


class MySQLJournal:
    """Records what streams bring; see `Journal` for what its methods promise."""

    def __init__(self, capabilities: Capabilities) -> None:
        self._collation = features_of(capabilities.version).exact_collation

    async def prepare(self, session: Session) -> None:
        try:
            if not await _exist(session):
                await self._create(session)
            await session.execute(
                f"DELETE FROM {BATCHES} WHERE is_generated = 1 AND committed_at < utc_timestamp(6) - INTERVAL %s DAY"
                " ORDER BY committed_at LIMIT %s",
                KEPT_DAYS,
                MAX_REMOVED,
            )
        except StatementError as error:
            if error_number(error.__cause__) not in DENIED:
                raise
            raise await self._forbidden(session, error) from error

    async def _create(self, session: Session) -> None:
        if isinstance(session, MySQLSession) and session.in_transaction:
            raise JournalError(
                "journal of streams: its tables are not there yet, and to create them would commit the transaction that is open;"
                " load a first stream outside of it"
            )
        for statement in self._creation():
            await session.execute(statement)

    def _creation(self) -> tuple[str, ...]:
        """:returns: Statements that do nothing the second time, so that an administrator may execute them in advance."""
        options = (
            f"ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE {self._collation} COMMENT = {quote_text(JOURNAL_COMMENT)}"
        )
        return (
            f"""CREATE TABLE IF NOT EXISTS {WATERMARKS} (
    stream varchar(190) NOT NULL,
    table_name varchar(190) NOT NULL,
    value longtext,
    kind varchar(30),
    row_count bigint NOT NULL,
    written_at datetime(6) NOT NULL,
    PRIMARY KEY (stream, table_name)
) {options}""",
            f"""CREATE TABLE IF NOT EXISTS {BATCHES} (
    stream varchar(190) NOT NULL,
    table_name varchar(190) NOT NULL,
    batch varchar(255) NOT NULL,
    is_generated tinyint NOT NULL,
    row_count bigint NOT NULL,
    counts longtext NOT NULL,
    watermark longtext,
    committed_at datetime(6) NOT NULL,
    PRIMARY KEY (stream, table_name, batch),
    INDEX batches_generated (is_generated, committed_at)
) {options}""",
        )

    async def _forbidden(self, session: Session, error: StatementError) -> JournalError:
        ((account, database),) = await session.fetch("SELECT current_user(), database()")
        user, _, host = account.rpartition("@")
        grants = [
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON {quote(database)}.{table} TO {quote(user)}@{quote(host)}"
            for table in (WATERMARKS, BATCHES)
        ]
        return forbidden(error, [f"USE {quote(database)}", *self._creation(), *grants])

    async def record(self, session: Session, entry: Entry) -> None:
        if entry.stream:
            await _record_mark(session, entry)
        if entry.batch is None:
            return
        try:
            await session.execute(
                f"INSERT INTO {BATCHES} (stream, table_name, batch, is_generated, row_count, counts, watermark, committed_at)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s, utc_timestamp(6))",
                entry.stream,
                entry.table,
                entry.batch,
                int(entry.is_generated),
                entry.batch_rows,
                json.dumps(asdict(entry.counts)),
                None if entry.watermark is None else entry.watermark.text,
            )
        except StatementError as error:
            if error_number(error.__cause__) == DUPLICATE_KEY:
                raise BatchRecordedError(entry.batch) from error
            raise

    async def has_batch(self, session: Session, entry: Entry) -> bool:
        if not await _exist(session):
            return False
        found = await session.fetch(
            f"SELECT 1 FROM {BATCHES} WHERE stream = %s AND table_name = %s AND batch = %s",
            entry.stream,
            entry.table,
            entry.batch,
        )
        return bool(found)

    async def read_mark(self, session: Session, stream: str, table: str) -> Mark | None:
        if not await _exist(session):
            return None
        found = await session.fetch(
            f"SELECT value, kind, written_at, row_count FROM {WATERMARKS} WHERE stream = %s AND table_name = %s",
            stream,
            table,
        )
        for text, kind, written_at, rows in found:
            value = None if text is None else MarkValue(MarkKind(kind), text).parse()
            return Mark(stream, table, value, written_at.replace(tzinfo=UTC), rows)
        return None

    async def forget(self, session: Session, stream: str, table: str) -> None:
        if not await _exist(session):
            return
        async with session.transaction():
            for name in (WATERMARKS, BATCHES):
                await session.execute(f"DELETE FROM {name} WHERE stream = %s AND table_name = %s", stream, table)


async def _record_mark(session: Session, entry: Entry) -> None:
    mark = entry.watermark
    names = (entry.stream, entry.table)
    # holds the row until the commit, so that streams of the same name compare one after the other
    await session.execute(
        f"INSERT INTO {WATERMARKS} (stream, table_name, value, kind, row_count, written_at)"
        " VALUES (%s, %s, %s, %s, %s, utc_timestamp(6))"
        " ON DUPLICATE KEY UPDATE row_count = row_count + %s, written_at = utc_timestamp(6)",
        *names,
        None if mark is None else mark.text,
        None if mark is None else mark.kind.value,
        entry.rows,
        entry.rows,
    )
    if mark is None:
        return
    ((text, kind),) = await session.fetch(
        f"SELECT value, kind FROM {WATERMARKS} WHERE stream = %s AND table_name = %s FOR UPDATE", *names
    )
    if text is not None and not mark.is_after(MarkValue(MarkKind(kind), text)):
        return
    await session.execute(
        f"UPDATE {WATERMARKS} SET value = %s, kind = %s WHERE stream = %s AND table_name = %s",
        mark.text,
        mark.kind.value,
        *names,
    )


async def _exist(session: Session) -> bool:
    ((count,),) = await session.fetch(
        "SELECT count(*) FROM information_schema.tables WHERE table_schema = database()"
        f" AND table_name IN ({quote_text(WATERMARKS)}, {quote_text(BATCHES)})"
    )
    return count == 2
