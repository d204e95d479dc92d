"""Keeps versions of rows: one that differs from the version in force ends that one, and becomes the next."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, date

from pysqlsync_engine.data.fitting import simple_hook
from pysqlsync_engine.data.load_options import History
from pysqlsync_engine.data.load_report import Counts
from pysqlsync_engine.dialect.mysql.merging import all_keys, lock_existing, missing_rows, skip_older
from pysqlsync_engine.dialect.mysql.names import quote, quote_list, quote_table
from pysqlsync_engine.dialect.mysql.session import MySQLSession
from pysqlsync_engine.dialect.mysql.staging import Staging, drop, temporary_name
from pysqlsync_engine.dialect.mysql.wire import literal
from pysqlsync_engine.errors import StatementError
from pysqlsync_engine.model.data_types import SqlCharacter, SqlDate, SqlTimestamp
from pysqlsync_engine.model.id_types import LocalId
from pysqlsync_engine.model.object_types import Column

INVALID_MOMENT = "22008"
"""Class of data exceptions: a moment that is out of range."""

NEXT, SAME, LATE = "next", "same", "late"
"""Whether a version in force begins before the moment of the change, at it, or after it."""


class HistoryMerge:
    """Adds a version for each row that is new or has changed, and ends the one before."""

    def __init__(self, staging: Staging, *, keeps_missing: bool) -> None:
        history = staging.target.options.history or History()
        table = staging.target.table
        self._staging = staging
        self._closes_missing = history.closes_missing and not keeps_missing
        self._from = LocalId(history.valid_from)
        self._to = LocalId(history.valid_to)
        self._current = None if history.current is None else LocalId(history.current)
        self._given = _moment(staging, history)
        self._at = self._given or ""
        own = {self._from, self._to, self._current}
        self._kept = [
            column.name
            for column in table.columns
            if column.name not in staging.named | own and column.generated is None and column.identity is None
        ]

    async def begin(self, session: MySQLSession) -> Counts:
        """End versions whose keys the stream lacks."""
        if not self._at:
            column = self._staging.target.table.column(self._from.name)
            digits = getattr(column.data_type, "precision", None)
            ((now,),) = await session.fetch(f"SELECT CURRENT_TIMESTAMP({6 if digits is None else digits:d})")
            self._at = literal(now.date() if isinstance(column.data_type, SqlDate) else now)
        if not self._closes_missing:
            return Counts()
        async with all_keys(session, self._staging) as keys:
            missing = missing_rows(self._staging, keys)
            return Counts(
                deleted=await session.execute(
                    f"UPDATE {missing.source} SET {self._ending()} WHERE {missing.condition} AND t.{quote(self._to)} IS NULL"
                )
            )

    async def apply(self, session: MySQLSession, part: str) -> Counts:
        staging = self._staging
        in_force = f" AND t.{quote(self._to)} IS NULL"
        await lock_existing(session, staging, part, in_force)
        older = await skip_older(session, staging, part, in_force) if staging.is_versioned else 0
        ((given,),) = await session.fetch(staging.count(part))
        changes = temporary_name()
        try:
            await session.execute(self._find_changes(quote_table(changes), part))
            inserted, updated = await self._write(session, quote_table(changes))
        finally:
            with suppress(StatementError):
                await session.execute(drop([changes]))
        return Counts(inserted, updated, given - inserted - updated, superseded=older)

    async def _write(self, session: MySQLSession, changes: str) -> tuple[int, int]:
        """:returns: How many rows were new, and how many got another version."""
        staging = self._staging
        if await session.fetch(f"SELECT 1 FROM {changes} WHERE state = '{LATE}' LIMIT 1"):
            raise StatementError("a later version is in force", sqlstate=INVALID_MOMENT, column=self._from.name)
        chosen = f"{staging.joined()} JOIN {changes} c ON s.{quote(staging.number)} = c.{quote(staging.number)}"
        matches = f"{staging.matches('t')} AND t.{quote(self._to)} IS NULL"
        updated = await session.execute(
            f"UPDATE {chosen} JOIN {staging.table} t ON {matches} SET {self._ending()} WHERE c.state = '{NEXT}'"
        )
        kept = "".join(f", t.{quote(name)}" for name in self._kept)
        ended = f"t.{quote(self._to)} = {self._at} AND t.{quote(self._from)} < {self._at}"
        await session.execute(
            f"{self._insertion(self._kept)} SELECT {self._values()}{kept} FROM {chosen}"
            f" JOIN {staging.table} t ON {staging.matches('t')} AND {ended} WHERE c.state = '{NEXT}' ORDER BY {staging.order()}"
        )
        inserted = await session.execute(
            f"{self._insertion([])} SELECT {self._values()} FROM {chosen} WHERE c.state = 'new' ORDER BY {staging.order()}"
        )
        if staging.updated:
            assigned = ", ".join(f"t.{quote(name)} = {staging.values[name]}" for name in staging.updated)
            updated += await session.execute(
                f"UPDATE {chosen} JOIN {staging.table} t ON {matches} SET {assigned} WHERE c.state = '{SAME}'"
            )
        return inserted, updated

    def _ending(self) -> str:
        current = "" if self._current is None else f", t.{quote(self._current)} = 0"
        return f"t.{quote(self._to)} = {self._at}{current}"

    def _find_changes(self, name: str, part: str) -> str:
        """:returns: Statement that gathers rows that differ from the version in force, and says what becomes of each."""
        staging = self._staging
        key, begins, number = f"t.{quote(staging.keys[0])}", f"t.{quote(self._from)}", quote(staging.number)
        changed = [_differs(staging.target.table.column(c.name), staging.values[c]) for c in staging.updated]
        return (
            f"CREATE TEMPORARY TABLE {name} ({number} bigint NOT NULL PRIMARY KEY, state varchar(4) NOT NULL) ENGINE = InnoDB"
            f" AS SELECT s.{number}, CASE WHEN {key} IS NULL THEN 'new' WHEN {begins} < {self._at} THEN '{NEXT}'"
            f" WHEN {begins} = {self._at} THEN '{SAME}' ELSE '{LATE}' END AS state FROM {staging.joined()}"
            f" LEFT JOIN {staging.table} t ON {staging.matches('t')} AND t.{quote(self._to)} IS NULL"
            f" WHERE {part} AND ({' OR '.join([f'{key} IS NULL', *changed])})"
        )

    def _insertion(self, more: list[LocalId]) -> str:
        current = [] if self._current is None else [self._current]
        columns = [*self._staging.names, self._from, self._to, *current, *more]
        return f"INSERT INTO {self._staging.table} ({quote_list(columns)})"

    def _values(self) -> str:
        values = ", ".join(self._staging.values.values())
        return f"{values}, {self._at}, NULL{'' if self._current is None else ', 1'}"


def _differs(column: Column, value: str) -> str:
    """:returns: Condition that a row of the table has another value, whatever its collation takes for equal."""
    own = f"t.{quote(column.name)}"
    if isinstance(column.data_type, SqlCharacter):
        return f"NOT (CAST({own} AS BINARY) <=> CAST({value} AS BINARY))"
    return f"NOT ({own} <=> {value})"


def _moment(staging: Staging, history: History) -> str | None:
    """
    :returns: Literal for the moment of the change, of the type of the column; `None` if it is that of the transaction.
    :raises ValueError: if the moment that is given does not fit the column.
    """
    data_type = staging.target.table.column(history.valid_from).data_type
    if history.at is None:
        return None
    at: date = history.at
    if isinstance(data_type, SqlDate):
        at = history.at.date()
    elif isinstance(data_type, SqlTimestamp) and not data_type.with_time_zone and history.at.tzinfo is not None:
        at = history.at.astimezone(UTC).replace(tzinfo=None)
    return literal(simple_hook(data_type).encode(at))
