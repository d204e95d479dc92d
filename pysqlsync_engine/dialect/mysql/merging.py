"""Merges the rows of a staging table into the table that they are meant for, in the way that each mode asks for."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Protocol

from pysqlsync_engine.data.load_options import LoadMode, OnDuplicate
from pysqlsync_engine.data.load_report import Counts
from pysqlsync_engine.data.stubs import insert_stubs
from pysqlsync_engine.data.target import LoadTarget
from pysqlsync_engine.dialect.mysql.capabilities import features_of
from pysqlsync_engine.dialect.mysql.driver import DUPLICATE_KEY, error_number
from pysqlsync_engine.dialect.mysql.names import quote, quote_list, quote_table
from pysqlsync_engine.dialect.mysql.ranges import ranges
from pysqlsync_engine.dialect.mysql.refusals import is_about_row
from pysqlsync_engine.dialect.mysql.session import MySQLSession
from pysqlsync_engine.dialect.mysql.staging import BY_KEY, Staging, drop, is_partial, temporary_name
from pysqlsync_engine.errors import StatementError
from pysqlsync_engine.model.constraint_types import ForeignKeyConstraint
from pysqlsync_engine.model.id_types import LocalId, QualifiedId

HITS = "@pysqlsync_hits"
"""Variable of the session that counts the rows which exist."""

NO_LIMIT = "LIMIT 18446744073709551615"
"""Without a limit, the order of a derived table is not kept."""


class Merge(Protocol):
    """What a mode does with staged rows. The rows may come in several parts."""

    async def begin(self, session: MySQLSession) -> Counts:
        """Do what comes before all rows, such as to delete those that the stream lacks."""
        ...

    async def apply(self, session: MySQLSession, part: str) -> Counts:
        """
        Merge some rows, in the order of their keys.

        :param part: Condition for them.
        """
        ...


class InsertMerge:
    """Adds rows."""

    def __init__(self, staging: Staging) -> None:
        self._staging = staging

    async def begin(self, session: MySQLSession) -> Counts:
        del session
        return Counts()

    async def apply(self, session: MySQLSession, part: str) -> Counts:
        return Counts(inserted=await session.execute(insert_rows(self._staging, part)))


class DeleteMerge(InsertMerge):
    """Deletes the rows that have the keys."""

    async def apply(self, session: MySQLSession, part: str) -> Counts:
        return Counts(deleted=await session.execute(f"DELETE t FROM {_existing(self._staging, part)}"))


class UpsertMerge(InsertMerge):
    """Adds rows, and updates those that exist; a row that would stay as it is is not written."""

    async def apply(self, session: MySQLSession, part: str) -> Counts:
        staging = self._staging
        older = 0
        if staging.is_versioned:
            older = await skip_older(session, staging, part)
        inserted, existing, changed = await self._write(session, part)
        if staging.target.options.only_changed or not self._assigned():
            return Counts(inserted, changed, existing - changed, superseded=older)
        return Counts(inserted, existing, superseded=older)

    async def _write(self, session: MySQLSession, part: str) -> tuple[int, int, int]:
        """:returns: Number of rows that are new, of those that exist, and of those that were changed."""
        if self._staging.is_partial:
            await lock_existing(session, self._staging, part)
            return await self._update_and_insert(session, part)
        features = features_of(session.capabilities.version)
        if features.inherits_locks and self._staging.is_sorted and session.has_others and session.locks_rows_only:
            with suppress(_OvertakenError):
                async with session.transaction():
                    return await self._write_ranges(session, part)
        return await self._insert_or_update(session, part)

    async def _write_ranges(self, session: MySQLSession, part: str) -> tuple[int, int, int]:
        """As `_update_and_insert`; inserts rows of a range while the pages that it has updated are still at hand."""
        total = (0, 0, 0)
        async with aclosing(ranges(session, self._staging, part)) as found:
            async for some in found:
                inserted, existing, changed = await self._update_and_insert(session, some)
                total = (total[0] + inserted, total[1] + existing, total[2] + changed)
        return total

    async def _insert_or_update(self, session: MySQLSession, part: str) -> tuple[int, int, int]:
        await session.execute(f"SET {HITS} = 0")
        outcome = await session.run(self._upsert(part))
        ((existing,),) = await session.fetch(f"SELECT {HITS}")
        given, _ = _told(outcome.message)
        # all rows count, and those that were changed once more
        return given - int(existing), int(existing), outcome.affected - given

    def _upsert(self, part: str) -> str:
        """
        :returns: Statement that inserts rows, and updates those that exist.

        The server also takes a row for existing that has the same values in another unique key. It would then update a row
        that the stream does not mean; the key of that one is therefore set to NULL, which the server refuses.
        """
        staging = self._staging
        guard = f"{staging.table}.{quote(staging.keys[0])}"
        counted = f"({HITS} := {HITS} + 1)"
        assigned = [f"{guard} = IF({staging.matches(staging.table)} AND {counted}, {guard}, NULL)"]
        assigned += [f"{staging.table}.{name} = {value}" for name, value in self._assigned()]
        return f"{insert_rows(staging, part)} ON DUPLICATE KEY UPDATE {', '.join(assigned)}"

    def _assigned(self) -> list[tuple[str, str]]:
        """:returns: What a row that exists is given: quoted names of columns, and values."""
        staging = self._staging
        return [(quote(name), staging.values[name]) for name in staging.updated]

    async def _update_and_insert(self, session: MySQLSession, part: str) -> tuple[int, int, int]:
        """
        Write the rows that exist, then the others.

        The former need no value for the columns that are not named, which the server would ask for. Neither statement locks gaps
        between rows in a transaction that `locks_rows_only`, while in some servers `ON DUPLICATE KEY UPDATE`, which is a little
        faster, does: pages that are split pass locks of rows on to gaps then, which keep all other streams out.

        :raises _OvertakenError: if somebody has added one of the rows in between, as nobody can where gaps are locked.
        """
        staging = self._staging
        ((given,),) = await session.fetch(staging.count(part))
        assigned = self._assigned() or [(quote(staging.keys[0]), f"t.{quote(staging.keys[0])}")]
        outcome = await session.run(
            f"UPDATE {staging.joined()} STRAIGHT_JOIN {staging.rows_of_key} ON {staging.matches('t')}"
            f" SET {', '.join(f't.{name} = {value}' for name, value in assigned)} WHERE {part}"
        )
        existing, changed = _told(outcome.message)
        inserted = 0
        if existing < given:
            join = f" LEFT JOIN {staging.rows_of_key} ON {staging.matches('t')}"
            absent = f"{part} AND t.{quote(staging.keys[0])} IS NULL"
            try:
                inserted = await session.execute(insert_rows(staging, absent, join))
            except StatementError as error:
                if staging.is_partial or error_number(error.__cause__) != DUPLICATE_KEY:
                    raise
                raise _OvertakenError from error
        if existing + inserted != given:
            raise _OvertakenError
        return inserted, existing, changed


class _OvertakenError(StatementError):
    """Another session has added a row that was about to be added."""

    def __init__(self) -> None:
        super().__init__(
            "another session has added one of the rows meanwhile; repeat the stream",
            sqlstate="40001",
            is_transient=True,
        )


class MirrorMerge(UpsertMerge):
    """As `UpsertMerge`; deletes, or marks as deleted, what the stream lacks."""

    def __init__(self, staging: Staging, *, keeps_missing: bool) -> None:
        """:param keeps_missing: True if it is not known which rows are missing."""
        super().__init__(staging)
        self._keeps_missing = keeps_missing
        deleted_at = staging.target.options.deleted_at
        self._deleted_at = None if deleted_at is None else LocalId(deleted_at)

    def _assigned(self) -> list[tuple[str, str]]:
        marks = [] if self._deleted_at is None else [(quote(self._deleted_at), "NULL")]
        return [*super()._assigned(), *marks]

    async def begin(self, session: MySQLSession) -> Counts:
        if self._keeps_missing:
            return Counts()
        if self._deleted_at is None:
            return Counts(deleted=await delete_missing(session, self._staging))
        mark = f"t.{quote(self._deleted_at)}"
        async with all_keys(session, self._staging) as keys:
            missing = missing_rows(self._staging, keys)
            marked = f"SET {mark} = CURRENT_TIMESTAMP(6) WHERE {missing.condition} AND {mark} IS NULL"
            return Counts(deleted=await session.execute(f"UPDATE {missing.source} {marked}"))


class ReplaceMerge(UpsertMerge):
    """
    Lets the table have the rows of the stream and no others.

    Rows that others refer to are updated rather than deleted and inserted, as their deletion might take the others along.
    """

    def __init__(self, staging: Staging) -> None:
        super().__init__(staging)
        self._keeps = False

    def _assigned(self) -> list[tuple[str, str]]:
        table = self._staging.target.table
        others = [c.name for c in table.columns if c.name not in self._staging.named and c.generated is None]
        return [*super()._assigned(), *((quote(name), "DEFAULT") for name in others)]

    async def begin(self, session: MySQLSession) -> Counts:
        staging = self._staging
        name = staging.target.table.name
        ((is_referenced,),) = await session.fetch(
            "SELECT EXISTS (SELECT 1 FROM information_schema.key_column_usage"
            " WHERE referenced_table_schema = COALESCE(%s, database()) AND referenced_table_name = %s)",
            name.namespace,
            name.name,
        )
        self._keeps = bool(is_referenced and staging.keys)
        if self._keeps:
            return Counts(deleted=await delete_missing(session, staging))
        return Counts(deleted=await session.execute(f"DELETE FROM {staging.table}"))

    async def apply(self, session: MySQLSession, part: str) -> Counts:
        if self._keeps:
            return await super().apply(session, part)
        return Counts(inserted=await session.execute(insert_rows(self._staging, part)))


@dataclass(frozen=True, slots=True)
class MissingRows:
    """
    Rows of the table, `t`, whose keys the stream lacks.

    :param source: What stands in `FROM`.
    :param condition: What is true for them.
    """

    source: str
    condition: str


def missing_rows(staging: Staging, keys: str) -> MissingRows:
    """:param keys: Table with all keys of the stream."""
    source = f"{staging.table} t LEFT JOIN {keys} k {BY_KEY} ON {has_key(staging, 't')}"
    return MissingRows(source, f"k.{quote(staging.keys[0])} IS NULL")


async def delete_missing(session: MySQLSession, staging: Staging) -> int:
    """:returns: How many rows were deleted, as the stream lacks their keys."""
    own = [key for key in staging.target.table.foreign_keys if key.referenced_table == staging.target.table.name]
    columns = dict.fromkeys(c for key in own for c in key.columns if staging.target.table.column(c.name).nullable)
    async with all_keys(session, staging) as keys:
        missing = missing_rows(staging, keys)
        if columns:
            # rows are deleted one by one, and each may be one that another of them still refers to
            assigned = ", ".join(f"t.{quote(name)} = NULL" for name in columns)
            await session.execute(f"UPDATE {missing.source} SET {assigned} WHERE {missing.condition}")
        return await session.execute(f"DELETE t FROM {missing.source} WHERE {missing.condition}")


def insert_rows(staging: Staging, part: str, join: str = "") -> str:
    """:returns: Statement that inserts rows."""
    return f"INSERT INTO {staging.table} ({quote_list(staging.names)}) {staging.select(part, join)} ORDER BY {staging.order()}"


async def lock_existing(session: MySQLSession, staging: Staging, part: str, more: str = "") -> int:
    """
    :param more: What else is true for the rows of the table, `t`.
    :returns: How many rows of the table have a key of the stream; they are locked in the order of their keys.
    """
    ((existing,),) = await session.fetch(f"SELECT count(*) FROM {_existing(staging, part, more)} FOR UPDATE")
    return existing


async def skip_older(session: MySQLSession, staging: Staging, part: str, more: str = "") -> int:
    """
    :param more: What else is true for the rows of the table, `t`.
    :returns: How many rows are not to be merged, as those of the table are newer.
    """
    await lock_existing(session, staging, part, more)
    return await session.execute(
        f"UPDATE {staging.joined()} STRAIGHT_JOIN {staging.rows_of_key} ON {staging.matches('t')}{more}"
        f" SET s.{quote(staging.skipped)} = 1 WHERE {part} AND {staging.is_older('t')}"
    )


def _existing(staging: Staging, part: str, more: str = "") -> str:
    """:returns: What follows `FROM` for the rows of the table, `t`, that have a key of the stream, in the order of the keys."""
    if staging.is_sorted:
        return f"{staging.joined()} STRAIGHT_JOIN {staging.rows_of_key} ON {staging.matches('t')}{more} WHERE {part}"
    keys = f"({_select_keys(staging, part)} ORDER BY {quote_list(staging.keys)} {NO_LIMIT}) k"
    return f"{keys} STRAIGHT_JOIN {staging.rows_of_key} ON {has_key(staging, 't')}{more}"


def _select_keys(staging: Staging, part: str) -> str:
    keys = ", ".join(f"{staging.values[key]} AS {quote(key)}" for key in staging.keys)
    return f"SELECT {keys} FROM {staging.joined()} WHERE {part}"


def has_key(staging: Staging, table: str) -> str:
    """:returns: Condition for the row of the table that has a key of `k`."""
    return " AND ".join(f"{table}.{quote(key)} = k.{quote(key)}" for key in staging.keys)


@asynccontextmanager
async def all_keys(session: MySQLSession, staging: Staging) -> AsyncGenerator[str]:
    """:returns: Quoted name of a table with all keys of the stream, also of rows that are not merged; dropped on leaving."""
    name = temporary_name()
    keys = quote_list(staging.keys)
    given = " AND ".join(f"{staging.values[key]} IS NOT NULL" for key in staging.keys)
    try:
        await session.execute(
            f"CREATE TEMPORARY TABLE {quote_table(name)} (PRIMARY KEY ({keys})) ENGINE = InnoDB AS"
            f" SELECT DISTINCT * FROM ({_select_keys(staging, given)}) q ORDER BY {keys}"
        )
        yield quote_table(name)
    finally:
        with suppress(StatementError):
            await session.execute(drop([name]))


@asynccontextmanager
async def found_rows(session: MySQLSession, staging: Staging, query: str) -> AsyncGenerator[QualifiedId]:
    """
    :param query: Yields numbers of staged rows.
    :returns: Name of a table with these, as a statement cannot refer to the staging table twice; dropped on leaving.
    """
    name = temporary_name()
    try:
        await session.execute(staging.create_found(name, query))
        yield name
    finally:
        with suppress(StatementError):
            await session.execute(drop([name]))


async def skip_rows(session: MySQLSession, staging: Staging, query: str) -> int:
    """
    :param query: Yields numbers of staged rows that are not to be merged.
    :returns: How many these are.
    """
    async with found_rows(session, staging, query) as found:
        return await session.execute(staging.skip(found))


async def skip_superseded(session: MySQLSession, staging: Staging) -> int:
    """:returns: How many rows are not to be merged, as another one of the same key is."""
    ((rows, keys),) = await session.fetch(staging.count_keys())
    return 0 if rows == keys else await skip_rows(session, staging, staging.superseded())


async def add_stubs(session: MySQLSession, staging: Staging) -> int:
    """See `insert_stubs`."""

    def write(key: ForeignKeyConstraint) -> str:
        value, other = staging.values[key.columns[0]], quote(key.referenced_columns[0])
        parent = quote_table(key.referenced_table)
        return (
            f"INSERT INTO {parent} ({other}) SELECT DISTINCT {value} FROM {staging.joined()}"
            f" LEFT JOIN {parent} o ON o.{other} = {value} WHERE {staging.part()} AND {value} IS NOT NULL AND o.{other} IS NULL"
            f" ORDER BY 1 ON DUPLICATE KEY UPDATE {parent}.{other} = {parent}.{other}"
        )

    return await insert_stubs(session, staging.target, write, is_about_row)


async def ease_locks(session: MySQLSession, target: LoadTarget) -> None:
    """
    Let the next transaction lock no gaps between rows, if nothing depends on those: a mode that is about rows which are not there,
    or two statements that must find the same rows.
    """
    is_versioned = target.options.on_duplicate is OnDuplicate.HIGHEST
    is_simple_upsert = target.mode is LoadMode.UPSERT and not is_versioned and not is_partial(target)
    if is_simple_upsert or target.mode in {LoadMode.INSERT, LoadMode.DELETE}:
        await session.lock_rows_only()


def _told(message: str) -> tuple[int, int]:
    """
    :param message: `Rows matched: 40  Changed: 30  Warnings: 0`, or `Records: 50  Duplicates: 30  Warnings: 0`; the session asked for
        English.
    :returns: How many rows were found or inserted, and how many of them were changed, or updated in the place of an insertion.
    """
    rows, changed, *_ = map(int, re.findall(r": (\d+)", message))
    return rows, changed
