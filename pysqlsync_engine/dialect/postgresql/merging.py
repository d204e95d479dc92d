"""Merges the staging table of a stream into its table, in the way that each mode asks for, and counts what that does."""

from __future__ import annotations

from typing import Protocol

from pysqlsync_engine.data.load_options import LoadMode
from pysqlsync_engine.data.load_report import Counts
from pysqlsync_engine.data.target import LoadTarget
from pysqlsync_engine.dialect.postgresql.history import HistoryMerge
from pysqlsync_engine.dialect.postgresql.merge_statements import (
    insert_into,
    lock_rows,
    lock_table,
    missing_rows,
    on_conflict,
    update_or_insert,
)
from pysqlsync_engine.dialect.postgresql.refusals import is_about_row
from pysqlsync_engine.dialect.postgresql.staging import Relation, Staging, names
from pysqlsync_engine.errors import StatementError
from pysqlsync_engine.session import Session

COUNTED = """
    WITH members AS (
        SELECT pg_catalog.to_regclass($1)::oid AS oid
        UNION SELECT relid::oid FROM pg_catalog.pg_partition_tree(pg_catalog.to_regclass($1))
    )
    SELECT
        (SELECT relkind = 'p' FROM pg_catalog.pg_class WHERE oid = pg_catalog.to_regclass($1)),
        pg_catalog.current_setting('track_counts') = 'on' AND NOT EXISTS (
            SELECT FROM pg_catalog.pg_trigger t WHERE t.tgrelid IN (SELECT oid FROM members) AND NOT t.tgisinternal
        ),
        (SELECT sum(pg_catalog.pg_stat_get_xact_tuples_inserted(oid))::bigint FROM members)
"""
"""
Whether a table has partitions; whether the server counts rows that are inserted, and would count no others along; and those that the
transaction has inserted so far (https://www.postgresql.org/docs/current/monitoring-stats.html).
"""

MAX_ARRAY_KEYS = 1_000_000
"""Most keys that the server is to hold in an array."""

SAMPLED_ROWS = 10_000
"""How many rows of a stream tell whether it is one of those that have many keys twice; fewer are merged with care anyway."""

MERGE_MEMORY = "64MB"
"""What the server may use for a join or a sort before it writes to its disk."""

REFERENCED = """
    SELECT EXISTS (
        SELECT FROM pg_catalog.pg_constraint k WHERE k.confrelid = pg_catalog.to_regclass($1) AND k.contype = 'f'
    )
"""


class Merge(Protocol):
    """What a mode does with staged rows. The rows may come in several parts."""

    async def begin(self, session: Session) -> Counts:
        """Do what comes before all rows, such as to delete those that the stream lacks."""
        ...

    async def apply(self, session: Session, relation: Relation, rows: int) -> Counts:
        """
        Store rows.

        :param rows: How many these are.
        """
        ...


def make_merge(staging: Staging, *, spared: str | None = None, keeps_missing: bool = False) -> Merge:
    """
    Choose what a mode does.

    :param spared: Table with keys of rows that are not to be taken for missing, though they are not in the staging table.
    :param keeps_missing: True if it is not known which rows are missing.
    """
    match staging.target.mode:
        case LoadMode.INSERT:
            return InsertMerge(staging)
        case LoadMode.DELETE:
            return DeleteMerge(staging)
        case LoadMode.REPLACE:
            return ReplaceMerge(staging)
        case LoadMode.MIRROR:
            return UpsertMerge(staging) if keeps_missing else MirrorMerge(staging, spared)
        case LoadMode.HISTORY:
            return HistoryMerge(staging, spared, keeps_missing=keeps_missing)
        case LoadMode.UPSERT:
            return UpsertMerge(staging)


class InsertMerge:
    """Adds rows, in the order of the stream."""

    def __init__(self, staging: Staging) -> None:
        self._staging = staging

    async def begin(self, session: Session) -> Counts:
        del session
        return Counts()

    async def apply(self, session: Session, relation: Relation, rows: int) -> Counts:
        del rows
        return Counts(inserted=await session.execute(insert_into(self._staging, self._staging.ordered_rows(relation))))


class DeleteMerge:
    """Deletes rows by their keys."""

    def __init__(self, staging: Staging) -> None:
        self._staging = staging

    async def begin(self, session: Session) -> Counts:
        del session
        return Counts()

    async def apply(self, session: Session, relation: Relation, rows: int) -> Counts:
        staging = self._staging
        table, keys = staging.target.table.name, staging.keys_only(relation)
        if len(staging.keys) == 1 and rows <= MAX_ARRAY_KEYS:
            # the server looks keys of an array up one after another in their order; a join would have to lock them first
            condition = f"t.{staging.keys[0]} = ANY(ARRAY({keys} ORDER BY 1))"
            return Counts(deleted=await session.execute(f"DELETE FROM {table} t WHERE {condition}"))
        await session.fetch(lock_rows(staging, staging.stored_rows(relation), "UPDATE"))
        statement = f"DELETE FROM {table} t USING ({keys}) s WHERE {staging.matches('t', 's')}"
        return Counts(deleted=await session.execute(statement))


class UpsertMerge:
    """Adds rows, or updates those that have their keys."""

    resets = False
    """True to give columns that are not named their default values."""

    def __init__(self, staging: Staging) -> None:
        self._staging = staging

    async def begin(self, session: Session) -> Counts:
        del session
        return Counts()

    async def apply(self, session: Session, relation: Relation, rows: int) -> Counts:
        staging = self._staging
        options = staging.target.options
        is_looked_at = options.only_changed or not staging.updated
        if not is_looked_at and rows > SAMPLED_ROWS and await self._may_take_any(session, relation):
            counts = await self._write_any(session, relation, rows)
            if counts is not None:
                return counts
        keys = await _count_keys(session, staging, relation) if is_looked_at else rows
        is_distinct = is_looked_at and keys == rows
        is_filtered = options.only_changed or (staging.is_versioned and staging.is_partial)
        query = staging.changed_rows(relation, distinct=is_distinct) if is_filtered else staging.stored_rows(relation)
        older = 0
        if staging.is_versioned and is_looked_at:
            older = await _count_older(session, staging, relation)
        inserted, updated = await self._write(session, query)
        unchanged = keys - inserted - updated - older if is_looked_at else 0
        return Counts(inserted, updated, unchanged, superseded=rows - inserted - updated - unchanged)

    async def _may_take_any(self, session: Session, relation: Relation) -> bool:
        """:returns: True if it may be tried to store any row of each key first. A trigger would see rows that are superseded."""
        staging = self._staging
        if not staging.is_plain or staging.is_versioned or staging.is_partial:
            return False
        ((_, is_counted, _),) = await session.fetch(COUNTED, str(staging.target.table.name))
        if not is_counted:
            return False
        ((keys,),) = await session.fetch(staging.count_first(relation, SAMPLED_ROWS))
        return keys == SAMPLED_ROWS

    async def _write_any(self, session: Session, relation: Relation, rows: int) -> Counts | None:
        """
        Store any row of each key, and then the last ones of those keys that have several: most streams have none.

        :returns: `None` if that could not be done, as a row may be to blame that is superseded; nothing is changed then.
        """
        staging = self._staging
        try:
            async with session.transaction():
                inserted, updated = await self._write(session, staging.any_rows(relation))
                if inserted + updated < rows:
                    last = staging.last_of_several(relation)
                    await session.execute(insert_into(staging, last) + on_conflict(staging, resets=self.resets))
        except StatementError as error:
            if not is_about_row(error) or await _count_keys(session, staging, relation) == rows:
                raise
            return None
        return Counts(inserted, updated, superseded=rows - inserted - updated)

    async def _write(self, session: Session, query: str) -> tuple[int, int]:
        """:returns: How many rows were inserted, and updated."""
        staging = self._staging
        if staging.is_partial:
            await session.fetch(lock_rows(staging, query, "NO KEY UPDATE"))
            ((updated, inserted),) = await session.fetch(update_or_insert(staging, query))
            return inserted, updated
        statement = insert_into(staging, query) + on_conflict(staging, resets=self.resets)
        ((is_partitioned, is_counted, before),) = await session.fetch(COUNTED, str(staging.target.table.name))
        if is_counted:
            written = await session.execute(statement)
            ((_, _, after),) = await session.fetch(COUNTED, str(staging.target.table.name))
            return after - before, written - (after - before)
        if not is_partitioned:
            ((inserted, updated),) = await session.fetch(
                f"WITH written AS ({statement} RETURNING xmax = 0 AS is_new)"
                " SELECT count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE NOT is_new) FROM written"
            )
            return inserted, updated
        # rows of partitions do not tell whether they are new
        ((existing,),) = await session.fetch(lock_rows(staging, query, "NO KEY UPDATE"))
        ((rows,),) = await session.fetch(f"SELECT count(*) FROM ({query}) q")
        written = await session.execute(statement)
        return rows - existing, written - (rows - existing)


class MirrorMerge(UpsertMerge):
    """As `UpsertMerge`; deletes, or marks as deleted, what the stream lacks."""

    def __init__(self, staging: Staging, spared: str | None) -> None:
        super().__init__(staging)
        self._spared = spared

    async def begin(self, session: Session) -> Counts:
        staging = self._staging
        table = staging.target.table.name
        await session.execute(lock_table(staging))
        marked = staging.deleted_at
        missing = missing_rows(staging, self._spared)
        if marked is None:
            return Counts(deleted=await session.execute(f"DELETE FROM {table} t WHERE {missing}"))
        statement = f"UPDATE {table} t SET {marked} = CURRENT_TIMESTAMP WHERE t.{marked} IS NULL AND {missing}"
        return Counts(deleted=await session.execute(statement))


class ReplaceMerge(UpsertMerge):
    """
    Lets the table have the rows of the stream and no others.

    Rows that others refer to are updated rather than deleted and inserted, as their deletion might take the others along.
    """

    resets = True

    def __init__(self, staging: Staging) -> None:
        super().__init__(staging)
        self._keeps = False

    async def begin(self, session: Session) -> Counts:
        staging = self._staging
        table = staging.target.table.name
        await session.execute(lock_table(staging))
        ((is_referenced,),) = await session.fetch(REFERENCED, str(table))
        self._keeps = is_referenced and bool(staging.keys)
        condition = f" t WHERE {missing_rows(staging, None)}" if self._keeps else ""
        return Counts(deleted=await session.execute(f"DELETE FROM {table}{condition}"))

    async def apply(self, session: Session, relation: Relation, rows: int) -> Counts:
        staging = self._staging
        if self._keeps:
            return await super().apply(session, relation, rows)
        query = staging.stored_rows(relation) if staging.keys else staging.ordered_rows(relation)
        inserted = await session.execute(insert_into(staging, query))
        return Counts(inserted, superseded=rows - inserted)


async def prepare_merge(session: Session, staging: Staging) -> None:
    """
    Let the server use memory for the order of staged rows until the end of the transaction; and where they are to be joined with the
    table, let it know how many these are and how their keys are spread.
    """
    options = staging.target.options
    is_joined = staging.target.mode not in {LoadMode.INSERT, LoadMode.UPSERT}
    if staging.keys and (is_joined or staging.is_partial or options.only_changed):
        await session.execute(f"ANALYZE {staging.name} ({names(staging.keys)})")
    await session.fetch(
        "SELECT pg_catalog.set_config('work_mem', $1, true)"
        " WHERE pg_catalog.pg_size_bytes(pg_catalog.current_setting('work_mem')) < pg_catalog.pg_size_bytes($1)",
        MERGE_MEMORY,
    )


async def _count_keys(session: Session, staging: Staging, relation: Relation) -> int:
    """:returns: How many different keys the rows have."""
    ((keys,),) = await session.fetch(f"SELECT count(*) FROM ({staging.keys_only(relation)}) k")
    return keys


async def _count_older(session: Session, staging: Staging, relation: Relation) -> int:
    """:returns: How many rows of the stream are older than those of the table."""
    query = (
        f"SELECT count(*) FROM ({staging.stored_rows(relation)}) s JOIN {staging.target.table.name} t"
        f" ON {staging.matches('t', 's')} WHERE NOT {staging.is_newer('s', 't')}"
    )
    ((older,),) = await session.fetch(query)
    return older


async def count_own(session: Session, staging: Staging) -> int:
    """:returns: How many rows of the table this transaction has added whose keys are staged: a row that is seen before it is committed."""
    keys = staging.keys_only(staging.rows_staged)
    since = "pg_catalog.age(pg_catalog.pg_current_xact_id()::xid) - pg_catalog.age(t.xmin)"
    transaction = f"(pg_catalog.pg_current_xact_id()::text::bigint + {since})::text::xid8"
    ((rows,),) = await session.fetch(
        f"SELECT count(*) FROM ({keys}) s JOIN {staging.target.table.name} t ON {staging.matches('t', 's')}"
        f" WHERE CASE WHEN {since} >= 0 THEN pg_catalog.pg_xact_status({transaction}) = 'in progress' ELSE false END"
    )
    return rows


async def advance_identity(session: Session, target: LoadTarget) -> None:
    """Let the server continue after the highest number that was given: COPY and INSERT do not advance sequences."""
    if target.mode is LoadMode.DELETE:
        return
    table = target.table.name
    for column in target.columns:
        if column.identity is None and not (column.default or "").startswith("nextval("):
            continue
        await session.fetch(
            "SELECT pg_catalog.setval(s.sequence, m.highest)"
            " FROM (SELECT pg_catalog.pg_get_serial_sequence($1, $2)::regclass AS sequence) s,"
            f" (SELECT max({column.name}) AS highest FROM {table}) m"
            " WHERE s.sequence IS NOT NULL AND m.highest > coalesce(pg_catalog.pg_sequence_last_value(s.sequence), 0)",
            str(table),
            column.name.name,
        )
