"""Keeps versions of rows: one that differs from the version in force ends that one, and becomes the next."""

from __future__ import annotations

from datetime import UTC, date

from pysqlsync_engine.data.fitting import simple_hook
from pysqlsync_engine.data.load_options import History
from pysqlsync_engine.data.load_report import Counts
from pysqlsync_engine.dialect.postgresql.merge_statements import lock_table, missing_rows
from pysqlsync_engine.dialect.postgresql.staging import Relation, Staging, names
from pysqlsync_engine.errors import StatementError
from pysqlsync_engine.model.data_types import SqlDate, SqlTimestamp
from pysqlsync_engine.model.id_types import LocalId
from pysqlsync_engine.model.literals import quote_literal
from pysqlsync_engine.model.object_types import IdentityMode
from pysqlsync_engine.session import Session

INVALID_MOMENT = "22008"
"""datetime_field_overflow: what the server says of a moment that is out of range."""


class HistoryMerge:
    """Adds a version for each row that is new or has changed, and ends the one before."""

    def __init__(self, staging: Staging, spared: str | None, *, keeps_missing: bool) -> None:
        history = staging.target.options.history or History()
        table = staging.target.table
        self._staging = staging
        self._spared = spared
        self._table = str(table.name)
        self._closes_missing = history.closes_missing and not keeps_missing
        self._from = LocalId(history.valid_from)
        self._to = LocalId(history.valid_to)
        self._current = None if history.current is None else LocalId(history.current)
        self._at = _moment(staging, history)
        self._changes = staging.related("changes")
        self._state = staging.free_name("state")
        own = {self._from, self._to, self._current}
        self._kept = [
            column.name
            for column in table.columns
            if column.name not in staging.named | own and column.generated is None and column.identity is None
        ]
        self._always = any(c.identity is IdentityMode.ALWAYS and c.name in staging.named for c in table.columns)

    async def begin(self, session: Session) -> Counts:
        """End versions whose keys the stream lacks."""
        await session.execute(lock_table(self._staging))
        if not self._closes_missing:
            return Counts()
        missing = missing_rows(self._staging, self._spared)
        return Counts(
            deleted=await session.execute(
                f"UPDATE {self._table} t SET {self._ending()} WHERE t.{self._to} IS NULL AND {missing}"
            )
        )

    async def apply(self, session: Session, relation: Relation, rows: int) -> Counts:
        staging = self._staging
        ((keys,),) = await session.fetch(f"SELECT count(*) FROM ({staging.keys_only(relation)}) k")
        await session.execute(f"DROP TABLE IF EXISTS {self._changes}")
        await session.execute(self._find_changes(relation))
        late = await session.fetch(f"SELECT FROM {self._changes} WHERE {self._state} = 'late' LIMIT 1")
        if late:
            raise StatementError("a later version is in force", sqlstate=INVALID_MOMENT, column=self._from.name)
        updated = await session.execute(
            f"UPDATE {self._table} t SET {self._ending()} FROM {self._changes} c"
            f" WHERE {staging.matches('t', 'c')} AND t.{self._to} IS NULL AND c.{self._state} = 'next'"
        )
        await session.execute(self._insert_next())
        inserted = await session.execute(self._insert_new())
        if staging.updated:
            assigned = ", ".join(f"{name} = c.{name}" for name in staging.updated)
            updated += await session.execute(
                f"UPDATE {self._table} t SET {assigned} FROM {self._changes} c"
                f" WHERE {staging.matches('t', 'c')} AND t.{self._to} IS NULL AND c.{self._state} = 'same'"
            )
        ((older,),) = await session.fetch(f"SELECT count(*) FROM {self._changes} WHERE {self._state} = 'older'")
        return Counts(inserted, updated, keys - inserted - updated - older, superseded=rows - keys + older)

    def _ending(self) -> str:
        current = "" if self._current is None else f", {self._current} = false"
        return f"{self._to} = {self._at}{current}"

    def _find_changes(self, relation: Relation) -> str:
        """:returns: Statement that gathers rows that differ from the version in force, and says what becomes of each."""
        staging = self._staging
        key, begins = f"t.{staging.keys[0]}", f"t.{self._from}"
        older = f" WHEN NOT {staging.is_newer('s', 't')} THEN 'older'" if staging.is_versioned else ""
        return (
            f"CREATE TEMPORARY TABLE {self._changes} ON COMMIT DROP AS SELECT s.*, CASE WHEN {key} IS NULL THEN 'new'{older}"
            f" WHEN {begins} < {self._at} THEN 'next' WHEN {begins} = {self._at} THEN 'same' ELSE 'late' END AS {self._state}"
            f" FROM ({staging.stored_rows(relation)}) s"
            f" LEFT JOIN {self._table} t ON {staging.matches('t', 's')} AND t.{self._to} IS NULL"
            f" WHERE {key} IS NULL OR {staging.differs('s', 't')}"
        )

    def _insert_next(self) -> str:
        """:returns: Statement that adds versions after others, with the values that these have in columns that are not named."""
        staging = self._staging
        kept = "".join(f", t.{name}" for name in self._kept)
        return (
            f"{self._insertion(self._kept)} SELECT {self._values()}{kept} FROM {self._changes} c"
            f" JOIN {self._table} t ON {staging.matches('t', 'c')} AND t.{self._to} = {self._at} AND t.{self._from} < {self._at}"
            f" WHERE c.{self._state} = 'next' ORDER BY {names(staging.keys, 'c.')}"
        )

    def _insert_new(self) -> str:
        keys = names(self._staging.keys, "c.")
        return f"{self._insertion([])} SELECT {self._values()} FROM {self._changes} c WHERE c.{self._state} = 'new' ORDER BY {keys}"

    def _insertion(self, more: list[LocalId]) -> str:
        current = [] if self._current is None else [self._current]
        columns = [column.name for column in self._staging.target.columns]
        overriding = " OVERRIDING SYSTEM VALUE" if self._always else ""
        return f"INSERT INTO {self._table} ({names([*columns, self._from, self._to, *current, *more])}){overriding}"

    def _values(self) -> str:
        columns = names((column.name for column in self._staging.target.columns), "c.")
        return f"{columns}, {self._at}, NULL{'' if self._current is None else ', true'}"


def _moment(staging: Staging, history: History) -> str:
    """
    :returns: Expression for the moment of the change, of the type of the column.
    :raises ValueError: if the moment that is given does not fit the column.
    """
    data_type = staging.target.table.column(history.valid_from).data_type
    if history.at is None:
        return f"CAST(CURRENT_TIMESTAMP AS {data_type})"
    at: date = history.at
    if isinstance(data_type, SqlDate):
        at = history.at.date()
    elif isinstance(data_type, SqlTimestamp) and not data_type.with_time_zone and history.at.tzinfo is not None:
        at = history.at.astimezone(UTC).replace(tzinfo=None)
    return f"CAST({quote_literal(str(simple_hook(data_type).encode(at)))} AS {data_type})"
