"""Finds all staged rows that cannot be stored: with one statement for each constraint, as far as one can tell, else one by one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import TypeVar

from pysqlsync_engine.data.load_options import LoadMode
from pysqlsync_engine.data.load_report import Counts
from pysqlsync_engine.dialect.postgresql.locating import (
    add_stubs,
    is_checked_for_duplicates,
    refers_to_nothing,
    unknown_label,
)
from pysqlsync_engine.dialect.postgresql.merging import Merge
from pysqlsync_engine.dialect.postgresql.refusals import blamed_column, explain, is_about_row
from pysqlsync_engine.dialect.postgresql.rejects import Rejected, missing_column
from pysqlsync_engine.dialect.postgresql.staging import Relation, Staging, names
from pysqlsync_engine.errors import StatementError
from pysqlsync_engine.model.id_types import LocalId, single
from pysqlsync_engine.model.object_types import CheckConstraint
from pysqlsync_engine.session import Session

SYNTAX_OR_ACCESS = "42"
"""Class of SQLSTATE of a statement that is wrong by itself: an expression mentions a column that the stream does not have."""

Answer = TypeVar("Answer")


def _is_unanswerable(error: StatementError) -> bool:
    return error.sqlstate is not None and error.sqlstate[:2] == SYNTAX_OR_ACCESS


class Checker:
    """Sets staged rows aside that cannot be stored."""

    def __init__(self, session: Session, staging: Staging, rejected: Rejected, spared: str | None) -> None:
        self._session = session
        self._staging = staging
        self._rejected = rejected
        # text that is no key cannot be converted to one
        has_text_key = any(t.cast is not None and t.column.name in staging.keys for t in staging.transfers)
        self._spared = None if has_text_key else spared
        self._rows = f"({staging.rows(staging.rows_staged)})"
        self._is_careful = False

    async def check(self) -> Counts:
        """
        Set aside what violates a constraint, leave out all rows of a key but the one that is stored, and add what the rest refers to.

        :returns: How many rows are left out, and how many were added elsewhere.
        """
        await self._check_casts()
        rejected = self._rejected.rows
        try:
            # one savepoint for all questions: each of its own would cost as much as many a question
            async with self._session.transaction():
                return await self._check_all()
        except StatementError as error:
            if not _is_unanswerable(error):
                raise
        self._rejected.rows = rejected
        self._is_careful = True
        return await self._check_all()

    async def _check_all(self) -> Counts:
        conditions = list(self._conditions())
        if await self._is_any_true([condition for condition, *_ in conditions]):
            for condition, reason, column in conditions:
                await self._take(
                    f"SELECT q.{self._staging.number} FROM {self._rows} q WHERE {condition}", reason, column
                )
        for name, lookup in ((t.column.name, t.lookup) for t in self._staging.transfers):
            if lookup is not None and self._staging.target.needs_label(lookup):
                query = (
                    f"SELECT s.{self._staging.number} FROM {self._staging.name} s WHERE {unknown_label(name, lookup)}"
                )
                await self._take(query, "not a label of the lookup table", name.name)
        await self._check_duplicates()
        await self._check_references()
        superseded = await self._leave_out()
        for query, reason, column in self._unique_keys():
            await self._take(query, reason, column)
        return Counts(superseded=superseded, stubbed=await add_stubs(self._session, self._staging))

    async def _take(self, query: str, reason: str, column: str | None) -> int:
        async def take() -> int:
            return await self._rejected.take(self._session, self._staging, query, reason, column, self._spared)

        return await self._answered(take, unless=0)

    async def _answered(self, ask: Callable[[], Awaitable[Answer]], *, unless: Answer) -> Answer:
        """
        Ask something.

        :param unless: The answer to a question that is wrong by itself, once it is known that there is one.
        """
        if not self._is_careful:
            return await ask()
        try:
            async with self._session.transaction():
                return await ask()
        except StatementError as error:
            if not _is_unanswerable(error):
                raise
            return unless

    async def _is_any_true(self, conditions: Sequence[str]) -> bool:
        """:returns: False if no row has one of some conditions, which is asked for all at once; true if nobody can tell."""
        if not conditions:
            return False
        condition = " OR ".join(f"({each})" for each in conditions)

        async def look() -> bool:
            ((found,),) = await self._session.fetch(f"SELECT EXISTS (SELECT FROM {self._rows} q WHERE {condition})")
            return found

        return await self._answered(look, unless=True)

    async def _check_casts(self) -> None:
        """Set aside what is no text of its type."""
        staging = self._staging
        for transfer in staging.transfers:
            if transfer.cast is None:
                continue
            name, cast = transfer.column.name, transfer.cast

            async def convert(condition: str, name: LocalId = name, cast: str = cast) -> None:
                await self._session.fetch(f"SELECT count(s.{name}::{cast}) FROM {staging.name} s WHERE {condition}")

            for number, error in await self._failing(convert):
                error.column = error.column or name.name
                await self._take_one(number, error)

    def _conditions(self) -> Iterator[tuple[str, str, str | None]]:
        """:returns: Conditions of a row `q` that cannot be stored, each with the reason and the column at fault."""
        staging = self._staging
        target = staging.target
        if target.mode is LoadMode.DELETE:
            return
        for column in target.columns:
            if not column.nullable:
                yield f"q.{column.name} IS NULL", "NULL is not permitted", column.name.name
        for check in target.table.constraints:
            if isinstance(check, CheckConstraint) and check.enforced and self._is_told(check.columns):
                column = check.columns[0].name if len(check.columns) == 1 else None
                yield f"NOT ({check.expression})", f"violates check {check.name.name}", column
        missing = missing_column(staging)
        if missing is not None and target.mode is not LoadMode.HISTORY:
            is_new = f"NOT EXISTS (SELECT FROM {target.table.name} t WHERE {staging.matches('t', 'q')})"
            keeps = target.mode in {LoadMode.UPSERT, LoadMode.MIRROR}
            yield is_new if keeps else "true", "no value is given, and there is no default", missing.name
        if target.mode is LoadMode.INSERT and staging.keys:
            exists = f"EXISTS (SELECT FROM {target.table.name} t WHERE {staging.matches('t', 'q')})"
            yield exists, "a row of this key exists", single(staging.keys)

    def _is_told(self, columns: Sequence[LocalId]) -> bool:
        """:returns: True if the stream has all columns that an expression is about; any, if it is not known which these are."""
        return self._staging.named.issuperset(columns)

    async def _check_duplicates(self) -> None:
        staging = self._staging
        if staging.keys and (staging.target.mode is LoadMode.INSERT or is_checked_for_duplicates(staging)):
            query = self._later_rows(staging.keys)
            await self._take(query, "another row of the stream has the same key", single(staging.keys))

    def _later_rows(self, columns: Sequence[LocalId]) -> str:
        """:returns: Query for rows that have the same values as one before."""
        number = self._staging.number
        return (
            f"SELECT d.{number} FROM (SELECT q.{number}, row_number() OVER (PARTITION BY {names(columns, 'q.')}"
            f" ORDER BY q.{number}) AS copies FROM {self._rows} q WHERE num_nulls({names(columns, 'q.')}) = 0) d"
            " WHERE d.copies > 1"
        )

    async def _check_references(self) -> None:
        """Set aside rows that refer to nothing, and then those that refer to these."""
        staging = self._staging
        if staging.target.mode is LoadMode.DELETE:
            return
        checked = [
            key
            for key in staging.target.table.foreign_keys
            if staging.named.issuperset(key.columns) and key.enforced and key not in staging.target.stub_keys
        ]
        found = True
        while found:
            found = False
            for key in checked:
                condition = refers_to_nothing(staging, key, staging.rows_staged)
                query = f"SELECT q.{staging.number} FROM {self._rows} q WHERE {condition}"
                taken = await self._take(query, f"refers to nothing ({key.name.name})", single(key.columns))
                found = found or (taken > 0 and key.referenced_table == staging.target.table.name)

    async def _leave_out(self) -> int:
        """:returns: How many rows were left out as another one of the same key is stored."""
        staging = self._staging
        if not staging.keys or staging.target.mode in {LoadMode.INSERT, LoadMode.DELETE}:
            return 0
        return await self._session.execute(
            f"DELETE FROM {staging.name} d WHERE d.{staging.number} IN ({staging.superseded_rows(staging.rows_staged)})"
        )

    def _unique_keys(self) -> Iterator[tuple[str, str, str | None]]:
        """:returns: Queries for rows with values that must not be there twice, each with the reason and the column at fault."""
        staging = self._staging
        target = staging.target
        if target.mode in {LoadMode.DELETE, LoadMode.HISTORY}:
            return
        number, table = staging.number, target.table.name
        for name, columns in target.unique_columns():
            yield self._later_rows(columns), f"another row of the stream has the same values ({name})", single(columns)
            if target.mode is LoadMode.REPLACE or (target.mode is LoadMode.MIRROR and staging.deleted_at is None):
                continue
            matches = " AND ".join(f"t.{column} = q.{column}" for column in columns)
            others = ""
            if staging.keys and target.mode is not LoadMode.INSERT:
                # a row that is in the stream gets other values, most likely
                others = f" AND NOT EXISTS (SELECT FROM {self._rows} o WHERE {staging.matches('o', 't')})"
            query = (
                f"SELECT q.{number} FROM {self._rows} q WHERE EXISTS (SELECT FROM {table} t WHERE {matches}{others})"
            )
            yield query, f"another row has the same values ({name})", single(columns)

    async def merge_each(self, merge: Merge) -> Counts:
        """
        Merge parts that are as large as possible, and set rows aside that cannot be merged.

        What is refused is tried again after all others, as long as that helps: a row may refer to one that comes later.
        """
        await merge.begin(self._session)
        total = Counts()

        async def apply(condition: str) -> None:
            nonlocal total
            part = Relation(f"(SELECT * FROM {self._staging.name} s WHERE {condition})", f"s.{self._staging.number}")
            ((rows,),) = await self._session.fetch(f"SELECT count(*) FROM {part.source} s")
            total += await merge.apply(self._session, part, rows)

        failing = await self._failing(apply)
        is_helpful = True
        while failing and is_helpful:
            left: list[tuple[int, StatementError]] = []
            for number, _ in failing:
                left += await self._failing(apply, [(number, number)])
            is_helpful = len(left) < len(failing)
            failing = left
        for number, error in failing:
            await self._take_one(number, error)
        return total

    async def _take_one(self, number: int, error: StatementError) -> None:
        reason = explain(self._staging.target, error).reason
        query = f"SELECT {number:d}::bigint"
        await self._take(query, reason, blamed_column(self._staging.target, error))

    async def _failing(
        self, attempt: Callable[[str], Awaitable[None]], ranges: Sequence[tuple[int, int]] | None = None
    ) -> list[tuple[int, StatementError]]:
        """
        Attempt something with ever smaller ranges of rows.

        :param attempt: Takes a condition of the rows `s` of a range.
        :param ranges: Numbers of the first and the last row of each; `None` for all.
        :returns: Numbers of rows with which it fails, and why.
        """
        number = self._staging.number
        if ranges is None:
            ((first, last),) = await self._session.fetch(
                f"SELECT min({number}), max({number}) FROM {self._staging.name}"
            )
            ranges = [] if first is None else [(first, last)]
        failing: list[tuple[int, StatementError]] = []
        pending = list(reversed(ranges))
        while pending:
            first, last = pending.pop()
            try:
                async with self._session.transaction():
                    await attempt(f"s.{number} BETWEEN {first:d} AND {last:d}")
            except StatementError as error:
                if not is_about_row(error):
                    raise
                if first == last:
                    failing.append((first, error))
                else:
                    middle = (first + last) // 2
                    pending += [(middle + 1, last), (first, middle)]
        return failing
