"""Deletes rows by arrays of their keys: for keys that the driver has as values, faster than by way of a staging table."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

from pysqlsync_engine.data.encoding import plain_encoder
from pysqlsync_engine.data.hooks import Detour, Hook
from pysqlsync_engine.data.load_options import LoadMode, OnError
from pysqlsync_engine.data.load_report import Counts, Outcome
from pysqlsync_engine.data.parts import EncodedBatch, Part
from pysqlsync_engine.data.target import LoadTarget
from pysqlsync_engine.data.text import TextRules
from pysqlsync_engine.dialect.postgresql.copying import Feed
from pysqlsync_engine.dialect.postgresql.refusals import is_about_row, refuse
from pysqlsync_engine.dialect.postgresql.staged import StagedStore
from pysqlsync_engine.dialect.postgresql.staging import names
from pysqlsync_engine.dialect.postgresql.transfer import Transfer, watch_limits
from pysqlsync_engine.errors import StatementError
from pysqlsync_engine.model.data_types import (
    SqlCharacter,
    SqlDate,
    SqlDecimal,
    SqlInteger,
    SqlTimestamp,
    SqlUuid,
)
from pysqlsync_engine.model.id_types import LocalId
from pysqlsync_engine.session import Row, Session

KEYS_AT_ONCE = 10_000
"""Keys of one statement: with more of them it is no faster."""

_KEY_TYPES = (SqlInteger, SqlUuid, SqlCharacter, SqlDecimal, SqlDate, SqlTimestamp)
"""Types of which the driver knows arrays."""


def takes_keys(target: LoadTarget, transfers: Sequence[Transfer]) -> bool:
    """:returns: True if rows can be deleted by arrays of their keys."""
    options = target.options
    keys = [target.table.column(name) for name in target.key_names]
    return (
        target.mode is LoadMode.DELETE
        and options.on_error is OnError.FAIL
        and (options.watermark is None or options.watermark.column is None)
        and all(isinstance(column.data_type, _KEY_TYPES) for column in keys)
        and not any(transfer.is_text for transfer in transfers)
    )


class KeyStore:
    """Deletes rows by their keys; from the first part on that is text, by way of a staging table."""

    is_numbered = False

    def __init__(self, target: LoadTarget, transfers: Sequence[Transfer], rules: TextRules) -> None:
        self.hooks: Sequence[Hook | None] = [
            transfer.hook if transfer.limits is None else watch_limits(transfer.hook) for transfer in transfers
        ]
        self.text = rules
        self._target = target
        self._staged = StagedStore(target, transfers, rules)
        fields = [column.name.name for column in target.columns]
        self._positions = [fields.index(name) for name in target.key_names]
        self._statement = _deletion(target)

    async def prepare(self, session: Session) -> None:
        del session

    async def store(self, session: Session, parts: AsyncIterator[Part]) -> Outcome:
        feed = Feed(parts)
        deleted = 0
        while (part := await feed.next()) is not None:
            try:
                rows = list(part) if isinstance(part, EncodedBatch) else None
            except Detour:
                rows = None
            if rows is None or not isinstance(part, EncodedBatch):
                feed.give_back(part)
                feed.recode(plain_encoder(self._staged.hooks))
                outcome = await self._staged.store_from(session, feed)
                return Outcome(outcome.counts + Counts(deleted=deleted), notes=outcome.notes)
            for start in range(0, len(rows), KEYS_AT_ONCE):
                deleted += await self._delete(session, rows[start : start + KEYS_AT_ONCE], part, start)
        return Outcome(Counts(deleted=deleted))

    async def _delete(self, session: Session, rows: Sequence[Row], batch: EncodedBatch, start: int) -> int:
        """
        :param start: How many rows of the batch come before.
        :returns: How many rows of the table were deleted.
        """
        try:
            async with session.transaction():
                return await session.execute(self._statement, *self._arrays(rows))
        except StatementError as error:
            if not is_about_row(error):
                raise
            place, error = await self._bisect(session, rows, error)
            error.row = batch.number_of(start + place)
            refuse(self._target, error)

    def _arrays(self, rows: Sequence[Row]) -> Iterator[list[Any]]:
        return ([row[position] for row in rows] for position in self._positions)

    async def _bisect(self, session: Session, rows: Sequence[Row], error: StatementError) -> tuple[int, StatementError]:
        """:returns: Place of the first row that cannot be deleted, from 1, and what the server says of it."""
        good, bad = 0, len(rows)
        while bad - good > 1:
            middle = (good + bad) // 2
            try:
                async with session.transaction():
                    await session.execute(self._statement, *self._arrays(rows[good:middle]))
                good = middle
            except StatementError as failure:
                if failure.sqlstate is None:
                    raise
                error, bad = failure, middle
        return bad, error


def _deletion(target: LoadTarget) -> str:
    """:returns: Statement that deletes the rows of keys, in their order, so that streams do not lock each other out."""
    table, keys = target.table, [LocalId(name) for name in target.key_names]
    types = [f"{table.column(key.name).data_type}[]" for key in keys]
    arrays = ", ".join(f"CAST(${position} AS {name})" for position, name in enumerate(types, 1))
    if len(keys) == 1:
        # the server looks keys of an array up in their order
        return f"DELETE FROM {table.name} WHERE {keys[0]} = ANY({arrays})"
    listed = names(keys)
    matches = " AND ".join(f"t.{key} = s.{key}" for key in keys)
    return (
        f"DELETE FROM {table.name} t USING (SELECT DISTINCT {listed} FROM unnest({arrays}) u({listed}) ORDER BY {listed}) s"
        f" WHERE {matches}"
    )
