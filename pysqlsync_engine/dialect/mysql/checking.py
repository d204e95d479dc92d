"""Finds all staged rows that cannot be stored: with one statement for each constraint, as far as one can tell, else one by one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import aclosing, suppress

from pysqlsync_engine.data.load_options import LoadMode
from pysqlsync_engine.data.load_report import Counts
from pysqlsync_engine.dialect.mysql.locating import (
    NOT_A_LABEL,
    SAME_KEY,
    is_checked_for_duplicates,
    said_of,
    unchecked_references,
)
from pysqlsync_engine.dialect.mysql.merging import Merge, add_stubs, skip_superseded
from pysqlsync_engine.dialect.mysql.names import quote, quote_list, quote_table
from pysqlsync_engine.dialect.mysql.refusals import column_of, explain, is_about_row, refers_to_nothing
from pysqlsync_engine.dialect.mysql.rejects import Rejected
from pysqlsync_engine.dialect.mysql.sending import find_all_refused
from pysqlsync_engine.dialect.mysql.session import MySQLSession
from pysqlsync_engine.dialect.mysql.shipments import Numbering
from pysqlsync_engine.dialect.mysql.staging import Staging, drop, temporary_name
from pysqlsync_engine.errors import RowError, StatementError
from pysqlsync_engine.model.id_types import LocalId, QualifiedId, single
from pysqlsync_engine.model.object_types import CheckConstraint, ForeignKeyConstraint

SYNTAX_OR_ACCESS = "42"
"""Class of SQLSTATE of a statement that is wrong by itself: an expression mentions a column that the stream does not have."""


def _is_unanswerable(error: StatementError) -> bool:
    return error.sqlstate is not None and error.sqlstate[:2] == SYNTAX_OR_ACCESS


class Checker:
    """Sets staged rows aside that cannot be stored."""

    def __init__(self, session: MySQLSession, staging: Staging, numbering: Numbering, rejected: Rejected) -> None:
        self._session = session
        self._staging = staging
        self._numbering = numbering
        self._rejected = rejected

    async def check(self) -> Counts:
        """
        Set aside what violates a constraint, leave out all rows of a key but the one that is stored, and add what the rest refers to.

        :returns: How many rows are left out, and how many were added elsewhere.
        """
        staging = self._staging
        conditions = list(self._conditions())
        if await self._is_any_true([condition for condition, *_ in conditions]):
            for condition, reason, column in conditions:
                await self._take(self._rows(condition), reason, column)
        for query, reason, column in self._violations():
            await self._take(query, reason, column)
        for position, transfer in enumerate(staging.transfers):
            if transfer.lookup is not None and staging.target.needs_label(transfer.lookup):
                await self._take(staging.unknown_labels(position), NOT_A_LABEL, transfer.column.name.name)
        if staging.keys and (staging.target.mode is LoadMode.INSERT or is_checked_for_duplicates(staging)):
            await self._take(staging.repeated(staging.keys), SAME_KEY, single(staging.keys))
        await self._check_references()
        superseded = 0
        if staging.keys and staging.target.mode not in {LoadMode.INSERT, LoadMode.DELETE}:
            superseded = await skip_superseded(self._session, staging)
        for query, reason, column in self._unique_keys():
            await self._take(query, reason, column)
        return Counts(superseded=superseded, stubbed=await add_stubs(self._session, staging))

    async def _take(self, query: str, reason: str, column: str | None) -> int:
        try:
            async with self._session.transaction():
                return await self._rejected.take(self._session, self._staging, self._numbering, query, reason, column)
        except StatementError as error:
            if not _is_unanswerable(error):
                raise
            return 0

    async def _is_any_true(self, conditions: Sequence[str]) -> bool:
        """:returns: False if no row has one of some conditions, which is asked for all at once; true if nobody can tell."""
        if not conditions:
            return False
        condition = " OR ".join(f"({each})" for each in conditions)
        try:
            async with self._session.transaction():
                ((found,),) = await self._session.fetch(f"SELECT EXISTS ({self._rows(f'({condition})')})")
        except StatementError as error:
            if not _is_unanswerable(error):
                raise
            return True
        return bool(found)

    def _conditions(self) -> Iterator[tuple[str, str, str | None]]:
        """:returns: Conditions of rows `s` that cannot be stored, each with the reason and the column at fault."""
        staging = self._staging
        target = staging.target
        if target.mode is LoadMode.DELETE:
            for key in staging.keys:
                yield f"s.{quote(key)} IS NULL", "NULL is not permitted", key.name
            return
        for column in target.columns:
            if not column.nullable:
                yield f"s.{quote(column.name)} IS NULL", "NULL is not permitted", column.name.name
        looked_up = {t.column.name for t in staging.transfers if t.lookup is not None}
        for check in target.table.constraints:
            if not isinstance(check, CheckConstraint) or not check.enforced:
                continue
            if staging.named.issuperset(check.columns) and looked_up.isdisjoint(check.columns):
                yield f"NOT ({check.expression})", f"violates check {check.name.name}", single(check.columns)

    def _violations(self) -> Iterator[tuple[str, str, str | None]]:
        """:returns: Queries for rows that cannot be stored in the table as it is, each with the reason and the column at fault."""
        staging = self._staging
        target = staging.target
        if target.mode is LoadMode.DELETE:
            return
        needed = next((c for c in target.table.columns if not c.is_optional and c.name not in staging.named), None)
        if needed is not None and target.mode is not LoadMode.HISTORY:
            keeps = target.mode in {LoadMode.UPSERT, LoadMode.MIRROR}
            query = self._joined("LEFT JOIN", f"t.{quote(staging.keys[0])} IS NULL") if keeps else self._rows("TRUE")
            yield query, "no value is given, and there is no default", needed.name.name
        if target.mode is LoadMode.INSERT and staging.keys:
            yield self._joined("JOIN", "TRUE"), "a row of this key exists", single(staging.keys)

    def _rows(self, condition: str) -> str:
        staging = self._staging
        return f"SELECT s.{quote(staging.number)} FROM {quote_table(staging.name)} s WHERE {staging.part()} AND {condition}"

    def _joined(self, join: str, condition: str) -> str:
        staging = self._staging
        return (
            f"SELECT s.{quote(staging.number)} FROM {staging.joined()} {join} {staging.rows_of_key} ON {staging.matches('t')}"
            f" WHERE {staging.part()} AND {condition}"
        )

    async def _check_references(self) -> None:
        """Set aside rows that refer to nothing, and then those that refer to these."""
        staging = self._staging
        if staging.target.mode is LoadMode.DELETE:
            return
        checked = [key for key in staging.foreign_keys if key not in staging.target.stub_keys]
        found = True
        while found:
            found = False
            for key in checked:
                is_own = key.referenced_table == staging.target.table.name
                taken = await self._check_reference(
                    key, is_own=is_own and staging.named.issuperset(key.referenced_columns)
                )
                found = found or (taken > 0 and is_own)

    async def _check_reference(self, key: ForeignKeyConstraint, *, is_own: bool) -> int:
        staging = self._staging
        reason, column = refers_to_nothing(key), single(key.columns)
        if not is_own:
            return await self._take(staging.missing(key), reason, column)
        own = temporary_name()
        try:
            await self._session.execute(self._create_own(own, key.referenced_columns))
            return await self._take(staging.missing(key, own), reason, column)
        finally:
            with suppress(StatementError):
                await self._session.execute(drop([own]))

    def _create_own(self, name: QualifiedId, columns: Sequence[LocalId]) -> str:
        """:returns: Statement that keeps what rows of the stream may refer to."""
        staging = self._staging
        values = ", ".join(f"{staging.values[column]} AS {quote(column)}" for column in columns)
        given = " AND ".join(f"{staging.values[column]} IS NOT NULL" for column in columns)
        return (
            f"CREATE TEMPORARY TABLE {quote_table(name)} (PRIMARY KEY ({quote_list(columns)})) ENGINE = InnoDB AS"
            f" SELECT DISTINCT {values} FROM {staging.joined()} WHERE {staging.part()} AND {given}"
        )

    def _unique_keys(self) -> Iterator[tuple[str, str, str | None]]:
        """:returns: Queries for rows with values that must not be there twice, each with the reason and the column at fault."""
        staging = self._staging
        target = staging.target
        if target.mode in {LoadMode.DELETE, LoadMode.HISTORY}:
            return
        for name, columns in target.unique_columns():
            yield staging.repeated(columns), f"another row of the stream has the same values ({name})", single(columns)
            if target.mode is LoadMode.INSERT:
                matches = " AND ".join(f"t.{quote(column)} = {staging.values[column]}" for column in columns)
                query = (
                    f"SELECT s.{quote(staging.number)} FROM {staging.joined()} JOIN {staging.table} t ON {matches}"
                    f" WHERE {staging.part()}"
                )
                yield query, f"another row has the same values ({name})", single(columns)

    async def merge(self, merge: Merge) -> Counts:
        """Merge the rows that are left; what is refused nevertheless is found one by one."""
        try:
            async with self._session.transaction():
                return await self._merge_all(merge)
        except StatementError as error:
            if not is_about_row(error) or not self._numbering.sent:
                raise
        return await self._merge_each(merge)

    async def _merge_all(self, merge: Merge) -> Counts:
        counts = await merge.begin(self._session)
        async with unchecked_references(self._session, self._staging):
            return counts + await merge.apply(self._session, self._staging.part())

    async def _merge_each(self, merge: Merge) -> Counts:
        session, staging = self._session, self._staging
        ((first, last),) = await session.fetch(staging.first_and_last())
        total = await merge.begin(session)

        async def attempt(start: int, stop: int) -> None:
            nonlocal total
            async with session.transaction(), unchecked_references(session, staging):
                counts = await merge.apply(session, staging.part(start, stop))
            total += counts

        async with aclosing(find_all_refused(attempt, first - 1, last)) as found:
            async for place, error in found:
                await self._take_one(place, await said_of(session, staging, place, error))
        return total

    async def _take_one(self, place: int, error: StatementError) -> None:
        explained = explain(self._staging.target, error)
        reason = explained.reason if isinstance(explained, RowError) else str(error)
        query = f"SELECT {place:d} AS {quote(self._staging.number)}"
        await self._take(query, reason, column_of(self._staging.target, error))
