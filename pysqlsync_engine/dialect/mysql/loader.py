"""Stores rows in MySQL and MariaDB: by way of a temporary staging table, from which one statement merges them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import suppress

from pysqlsync_engine.capabilities import Capabilities
from pysqlsync_engine.data.codec import shorten
from pysqlsync_engine.data.hooks import Hook
from pysqlsync_engine.data.load_options import LoadMode, LoadOptions
from pysqlsync_engine.data.load_report import Counts, Outcome
from pysqlsync_engine.data.loading import RowStore
from pysqlsync_engine.data.parts import EncodedBatch, Part
from pysqlsync_engine.data.target import LoadTarget
from pysqlsync_engine.data.text import TextRules
from pysqlsync_engine.dialect.mysql.capabilities import features_of
from pysqlsync_engine.dialect.mysql.names import quote, quote_table
from pysqlsync_engine.dialect.mysql.refusals import cause_of, column_of, explain, is_about_row, is_collision
from pysqlsync_engine.dialect.mysql.session import MySQLSession
from pysqlsync_engine.dialect.mysql.staging import Staging
from pysqlsync_engine.dialect.mysql.transfer import make_transfer
from pysqlsync_engine.errors import RowError, StatementError, UnsupportedError
from pysqlsync_engine.model.object_types import ForeignKeyConstraint, Table
from pysqlsync_engine.session import Session

_MODES = frozenset({LoadMode.INSERT, LoadMode.UPSERT, LoadMode.DELETE})


def _check_options(options: LoadOptions) -> None:
    """:raises UnsupportedError: if the options ask for more than this loader knows."""
    plain = (
        LoadOptions(
            options.mode,
            watermark=options.watermark,
            stream=options.stream,
            batch=options.batch,
            atomicity=options.atomicity,
            chunk_bytes=options.chunk_bytes,
            redact_values=options.redact_values,
        )
        if options.mode in _MODES
        else None
    )
    if options != plain:
        raise UnsupportedError("this loader stores streams in the modes insert, upsert and delete only")


async def _encoded(parts: AsyncIterator[Part]) -> AsyncGenerator[EncodedBatch]:
    async for part in parts:
        if isinstance(part, EncodedBatch):
            yield part


class MySQLLoader:
    """Chooses how to store a stream of rows."""

    def __init__(self, capabilities: Capabilities) -> None:
        self._features = features_of(capabilities.version)

    def open(self, target: LoadTarget) -> RowStore:
        _check_options(target.options)
        transfers = [make_transfer(target, position, self._features) for position in range(len(target.columns))]
        return _Store(Staging(target, transfers))

    async def count(self, session: Session, table: Table) -> int:
        ((rows,),) = await session.fetch(f"SELECT count(*) FROM {quote_table(table.name)}")
        return rows


class _Store:
    """Sends rows to a staging table, and merges them from there."""

    is_numbered = True

    def __init__(self, staging: Staging) -> None:
        self._staging = staging
        self.hooks: Sequence[Hook | None] = [transfer.hook for transfer in staging.transfers]
        self.text = TextRules((), obstacle="rows are sent as values")

    async def prepare(self, session: Session) -> None:
        del session

    async def store(self, session: Session, parts: AsyncIterator[Part]) -> Outcome:
        affected = await self._stage_and_merge(session, _encoded(parts))
        match self._staging.target.mode:
            case LoadMode.INSERT:
                return Outcome(Counts(inserted=affected))
            case LoadMode.DELETE:
                return Outcome(Counts(deleted=affected))
            case _:
                return Outcome(Counts(updated=affected))

    async def _stage_and_merge(self, session: Session, batches: AsyncIterator[EncodedBatch]) -> int:
        if not isinstance(session, MySQLSession):
            raise TypeError(f"expected a session of this dialect; got {type(session).__name__}")
        await session.execute(self._staging.create())
        try:
            return await self._store(session, batches)
        finally:
            # it would outlive the transaction
            with suppress(StatementError):
                await session.execute(f"DROP TEMPORARY TABLE IF EXISTS {quote_table(self._staging.name)}")

    async def _store(self, session: MySQLSession, batches: AsyncIterator[EncodedBatch]) -> int:
        staging, target = self._staging, self._staging.target
        columns = [staging.number, *(column.name.name for column in target.columns)]
        try:
            await session.copy(staging.name, columns, batches, replace=target.mode is not LoadMode.INSERT)
        except StatementError as error:
            raise explain(target, error) from cause_of(target, error)
        await _check_labels(session, staging)
        try:
            async with session.transaction():
                return await _merge_checked(session, staging)
        except StatementError as error:
            if not is_about_row(error):
                raise
            raise await _locate(session, staging, error) from cause_of(target, error)


async def _merge_checked(session: MySQLSession, staging: Staging) -> int:
    """
    Merge all rows.

    The server checks each row against those before it. Where rows may refer to each other, the references are checked when
    all are there.
    """
    if not staging.may_refer_to_itself:
        return await _merge(session, staging)
    await session.execute("SET SESSION foreign_key_checks = 0")
    try:
        affected = await _merge(session, staging)
    finally:
        await session.execute("SET SESSION foreign_key_checks = 1")
    for key in staging.foreign_keys:
        missing = await _find_missing(session, staging, key)
        if missing is not None:
            raise missing
    return affected


async def _merge(session: MySQLSession, staging: Staging, start: int = 0, stop: int | None = None) -> int:
    """
    Merge the rows with these numbers.

    :param start: Number of the row before the first one.
    :param stop: Number of the last row; `None` for all.
    :returns: Number of rows of the table that were inserted, updated or deleted.
    """
    part = staging.part(start, stop)
    match staging.target.mode:
        case LoadMode.INSERT:
            return await session.execute(staging.insert(part))
        case LoadMode.DELETE:
            return await session.execute(staging.delete(part))
        case _:
            return await _upsert(session, staging, part)


async def _upsert(session: MySQLSession, staging: Staging, part: str) -> int:
    ((given,),) = await session.fetch(staging.count(part))
    existing = 0
    if staging.is_partial or not staging.updated:
        ((existing,),) = await session.fetch(staging.count_existing(part))
    if not staging.is_partial:
        await session.execute(staging.upsert(part))
        return given if staging.updated else given - existing
    # a row that exists needs no value for the columns that are not named, which the server would ask for
    if staging.updated and existing:
        await session.execute(staging.update(part))
    if existing < given:
        await session.execute(staging.insert_missing(part))
    return given if staging.updated else given - existing


async def _check_labels(session: MySQLSession, staging: Staging) -> None:
    """
    Check that each label is in its lookup table.

    :raises RowError: for the first row that has one that is not.
    """
    found: list[tuple[int, str, str]] = []
    for position, transfer in enumerate(staging.transfers):
        if transfer.lookup is not None and transfer.lookup.extensible:
            if staging.target.mode is not LoadMode.DELETE:
                await session.execute(staging.add_labels(position, transfer.lookup.table))
        elif transfer.lookup is not None:
            rows = await session.fetch(staging.unknown_label(position))
            found += [(number, transfer.column.name.name, label) for number, label in rows]
    if found:
        number, column, label = min(found)
        raise staging.target.row_error(column, number, "not a label of the lookup table", shorten(label))


async def _locate(session: MySQLSession, staging: Staging, error: StatementError) -> StatementError | RowError:
    """
    Find the row that a merge failed on, by merging ever smaller parts of the stream; about as much work as the merge itself.
    """
    target = staging.target
    if target.mode is not LoadMode.DELETE:
        for key in target.table.foreign_keys:
            if key.name.name == error.constraint and key in staging.foreign_keys:
                return await _find_missing(session, staging, key) or explain(target, error)
    ((good, bad),) = await session.fetch(staging.first_and_last())
    good -= 1
    while bad - good > 1:
        middle = (good + bad) // 2
        try:
            async with session.transaction():
                await _merge(session, staging, good, middle)
            good = middle
        except StatementError as failure:
            if not is_about_row(failure):
                raise
            error, bad = failure, middle
    if is_collision(target, error):
        error = await _collision(session, staging, bad) or error
    error.row = bad
    column = column_of(target, error)
    value: str | None = None
    if column is not None and column in staging.target_names:
        ((value,),) = await session.fetch(staging.value_of(column, bad))
    return explain(target, error, value)


async def _collision(session: MySQLSession, staging: Staging, number: int) -> StatementError | None:
    """:returns: What the server says of the unique key in which one row collides with another, which it is asked to insert."""
    try:
        async with session.transaction():
            await session.execute(staging.insert(staging.part(number - 1, number)))
    except StatementError as error:
        return error
    return None


async def _find_missing(session: MySQLSession, staging: Staging, key: ForeignKeyConstraint) -> RowError | None:
    """:returns: Error for the first row that refers to a row which does not exist."""
    rows = await session.fetch(staging.missing(key))
    for number, value in rows:
        column = key.columns[0].name if len(key.columns) == 1 else None
        reason = f"violates foreign key {quote(key.name)}: no such row in {key.referenced_table.display}"
        return staging.target.row_error(column, number, reason, shorten(value))
    return None
