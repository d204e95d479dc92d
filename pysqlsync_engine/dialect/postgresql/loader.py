"""
Stores rows in PostgreSQL: a binary COPY, into the table itself or into a temporary staging table from which one statement
merges them.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from uuid import uuid4

from pysqlsync_engine.capabilities import Capabilities
from pysqlsync_engine.data.codec import compile_numbered_encoder, shorten
from pysqlsync_engine.data.hooks import Detour, Hook
from pysqlsync_engine.data.load_options import LoadMode, LoadOptions
from pysqlsync_engine.data.load_report import Counts, Outcome
from pysqlsync_engine.data.loading import RowStore
from pysqlsync_engine.data.parts import EncodedBatch, Part
from pysqlsync_engine.data.target import LoadTarget
from pysqlsync_engine.data.text import TextRules
from pysqlsync_engine.dialect.postgresql.transfer import Transfer, make_transfer, watch_limits
from pysqlsync_engine.errors import RowError, StatementError, UnsupportedError
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.object_types import (
    CheckConstraint,
    ForeignKeyConstraint,
    IdentityMode,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
)
from pysqlsync_engine.session import Session

INTEGRITY_VIOLATION = "23"
"""Class of SQLSTATE whose messages name constraints and columns but no values."""

NOT_NULL_VIOLATION = "23502"

ROW_ERRORS = frozenset({"21", "22", "23", "44", "P0"})
"""Classes of SQLSTATE that a value of a row can bring about; https://www.postgresql.org/docs/current/errcodes-appendix.html"""

MAX_REASON_CHARACTERS = 200

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


class PostgreSQLLoader:
    """Chooses how to store a stream of rows."""

    def __init__(self, capabilities: Capabilities) -> None:
        self._capabilities = capabilities

    def open(self, target: LoadTarget) -> RowStore:
        _check_options(target.options)
        staging = _Staging(target, [make_transfer(target, position) for position in range(len(target.columns))])
        named = {column.name for column in target.columns}
        # a foreign key is checked at the end of a statement, when COPY no longer knows the number of the row
        is_checked_late = any(not named.isdisjoint(key.columns) for key in target.table.foreign_keys)
        if target.mode is not LoadMode.INSERT or is_checked_late or any(t.is_text for t in staging.transfers):
            return _StagedStore(staging)
        return _DirectStore(staging)

    async def count(self, session: Session, table: Table) -> int:
        ((rows,),) = await session.fetch(f"SELECT count(*) FROM {table.name}")
        return rows


class _DirectStore:
    """Copies rows into the table itself; from the first batch on that COPY cannot send, by way of a staging table."""

    is_numbered = False

    def __init__(self, staging: _Staging) -> None:
        self._staging = staging
        self.hooks: Sequence[Hook | None] = [
            transfer.hook if transfer.limits is None else watch_limits(transfer.hook) for transfer in staging.transfers
        ]
        self.text = _NO_TEXT

    async def prepare(self, session: Session) -> None:
        del session

    async def store(self, session: Session, parts: AsyncIterator[Part]) -> Outcome:
        return Outcome(Counts(inserted=await self._store(session, _encoded(parts))))

    async def _store(self, session: Session, batches: AsyncIterator[EncodedBatch]) -> int:
        target = self._staging.target
        names = [column.name.name for column in target.columns]
        sent = 0
        async for batch in batches:
            try:
                async with session.transaction():
                    sent += await session.copy(target.table.name, names, _only(batch))
            except Detour:
                staged = _StagedStore(self._staging)
                return sent + await staged.copy_and_merge(session, _again(batch, batches, staged.hooks))
            except StatementError as error:
                error.row = None if error.row is None else sent + error.row
                raise _explain(target, error) from _cause(target, error)
        await _advance_identity(session, target)
        return sent


_NO_TEXT = TextRules((), obstacle="rows are sent as values")


async def _encoded(parts: AsyncIterator[Part]) -> AsyncGenerator[EncodedBatch]:
    async for part in parts:
        if isinstance(part, EncodedBatch):
            yield part


async def _only(batch: EncodedBatch) -> AsyncGenerator[EncodedBatch]:
    yield batch


async def _again(
    first: EncodedBatch, rest: AsyncIterator[EncodedBatch], hooks: Sequence[Hook | None]
) -> AsyncGenerator[EncodedBatch]:
    """:returns: The batches from here on, numbered and encoded by other hooks."""
    encode = compile_numbered_encoder(hooks)
    yield first.recoded(encode)
    async for batch in rest:
        yield batch.recoded(encode)


class _StagedStore:
    """Copies rows into a staging table, and merges them from there."""

    is_numbered = True

    def __init__(self, staging: _Staging) -> None:
        self._staging = staging
        self.hooks: Sequence[Hook | None] = [transfer.hook for transfer in staging.transfers]
        self.text = _NO_TEXT

    async def prepare(self, session: Session) -> None:
        del session

    async def store(self, session: Session, parts: AsyncIterator[Part]) -> Outcome:
        affected = await self.copy_and_merge(session, _encoded(parts))
        match self._staging.target.mode:
            case LoadMode.INSERT:
                return Outcome(Counts(inserted=affected))
            case LoadMode.DELETE:
                return Outcome(Counts(deleted=affected))
            case _:
                return Outcome(Counts(updated=affected))

    async def copy_and_merge(self, session: Session, batches: AsyncIterator[EncodedBatch]) -> int:
        staging = self._staging
        target = staging.target
        await session.execute(staging.create())
        names = [column.name.name for column in target.columns]
        try:
            await session.copy(staging.name, [staging.number.name, *names], batches)
        except StatementError as error:
            raise _explain(target, error) from _cause(target, error)
        await _check_labels(session, staging)
        try:
            async with session.transaction():
                affected = await _merge(session, staging, str(staging.name))
        except StatementError as error:
            if error.sqlstate is None:
                raise
            raise await _locate(session, staging, error) from _cause(target, error)
        await _advance_identity(session, target)
        return affected


class _Staging:
    """
    The staging table of one stream, and the SQL that reads it.

    It has a name of its own, as the driver remembers the shapes of tables; its columns are typed like those of the table
    that they are meant for, but none has a constraint.
    """

    def __init__(self, target: LoadTarget, transfers: Sequence[Transfer]) -> None:
        self.target = target
        self.transfers = transfers
        self.name = QualifiedId(None, f"pysqlsync_{uuid4().hex}")
        self.number = LocalId(
            next(n for n in ("row", "row_number", self.name.name) if n not in target.table.column_names)
        )
        self.keys = () if target.table.primary_key is None else target.table.primary_key.columns
        named = {column.name for column in target.columns}
        self.is_partial = any(not c.is_optional and c.name not in named for c in target.table.columns)

    def create(self) -> str:
        columns = [f"''::text AS {t.column.name}" if t.is_text else str(t.column.name) for t in self.transfers]
        return (
            f"CREATE TEMPORARY TABLE {self.name} ON COMMIT DROP AS"
            f" SELECT 0::bigint AS {self.number}, {', '.join(columns)} FROM {self.target.table.name} WITH NO DATA"
        )

    def rows(self, relation: str) -> str:
        """:returns: Query for the rows as the table will have them: labels looked up, text converted."""
        columns = [f"s.{self.number}"]
        joins: list[str] = []
        for position, transfer in enumerate(self.transfers):
            name = transfer.column.name
            expression = f"s.{name}"
            if transfer.lookup is not None:
                expression = f'l{position}."id"'
                joins.append(f' LEFT JOIN {transfer.lookup.table} l{position} ON l{position}."value" = s.{name}')
            elif transfer.cast is not None:
                expression = f"s.{name}::{transfer.cast}"
            elif transfer.limits is not None:
                first, last = transfer.limits
                expression = (
                    f"CASE s.{name} WHEN '-infinity' THEN {first} WHEN 'infinity' THEN {last} ELSE s.{name} END"
                )
            columns.append(f"{expression} AS {name}")
        return f"SELECT {', '.join(columns)} FROM {relation} s{''.join(joins)}"

    def last_rows(self, relation: str) -> str:
        """:returns: Query for the last row of each key, in the order of the keys, so that streams do not lock each other."""
        keys = _list(self.keys)
        return f"SELECT DISTINCT ON ({keys}) * FROM ({self.rows(relation)}) r ORDER BY {keys}, {self.number} DESC"

    def insert(self, query: str) -> str:
        names = [column.name for column in self.target.columns]
        is_overriding = any(column.identity is IdentityMode.ALWAYS for column in self.target.columns)
        overriding = " OVERRIDING SYSTEM VALUE" if is_overriding else ""
        return (
            f"INSERT INTO {self.target.table.name} ({_list(names)}){overriding} SELECT {_list(names)} FROM ({query}) q"
        )

    def on_conflict(self) -> str:
        assigned = ", ".join(f"{name} = EXCLUDED.{name}" for name in self.updated)
        return f" ON CONFLICT ({_list(self.keys)}) DO {f'UPDATE SET {assigned}' if assigned else 'NOTHING'}"

    @property
    def updated(self) -> list[LocalId]:
        return [column.name for column in self.target.columns if column.name not in self.keys]

    def matches(self, left: str, right: str) -> str:
        return " AND ".join(f"{left}.{key} = {right}.{key}" for key in self.keys)

    def lock(self, relation: str, strength: str) -> str:
        """:returns: Statement that locks the rows with keys of the stream, in the order of the keys."""
        return (
            f"SELECT count(*) FROM (SELECT FROM {self.target.table.name} t"
            f" JOIN ({self.last_rows(relation)}) s ON {self.matches('t', 's')}"
            f" ORDER BY {_list(self.keys, 's.')} FOR {strength} OF t) q"
        )

    def update_or_insert(self, relation: str) -> str:
        """
        :returns: Query that updates the rows that exist, inserts the others, and counts both. Unlike `ON CONFLICT` it does
            not ask existing rows for columns that are not named.
        """
        keys = _list(self.keys, "t.")
        joined = f"FROM source s WHERE {self.matches('t', 's')}"
        if self.updated:
            assigned = ", ".join(f"{name} = s.{name}" for name in self.updated)
            existing = f"UPDATE {self.target.table.name} t SET {assigned} {joined} RETURNING {keys}"
        else:
            existing = f"SELECT {keys} FROM {self.target.table.name} t, source s WHERE {self.matches('t', 's')}"
        missing = (
            f"SELECT * FROM source s WHERE NOT EXISTS (SELECT FROM existing e WHERE {self.matches('e', 's')})"
            f" ORDER BY {_list(self.keys, 's.')}"
        )
        return (
            f"WITH source AS MATERIALIZED ({self.last_rows(relation)}), existing AS ({existing}),"
            f" inserted AS ({self.insert(missing)}{self.on_conflict()} RETURNING 1)"
            f" SELECT {'(SELECT count(*) FROM existing) + ' if self.updated else ''}(SELECT count(*) FROM inserted)"
        )


def _list(names: Sequence[LocalId], prefix: str = "") -> str:
    return ", ".join(f"{prefix}{name}" for name in names)


async def _merge(session: Session, staging: _Staging, relation: str) -> int:
    """:returns: Number of rows of the table that were inserted, updated or deleted."""
    match staging.target.mode:
        case LoadMode.INSERT:
            return await session.execute(staging.insert(f"{staging.rows(relation)} ORDER BY {staging.number}"))
        case LoadMode.DELETE:
            await session.fetch(staging.lock(relation, "UPDATE"))
            keys = f"({staging.last_rows(relation)}) s WHERE {staging.matches('t', 's')}"
            return await session.execute(f"DELETE FROM {staging.target.table.name} t USING {keys}")
        case _:
            if not staging.is_partial:
                return await session.execute(staging.insert(staging.last_rows(relation)) + staging.on_conflict())
            await session.fetch(staging.lock(relation, "NO KEY UPDATE"))
            ((affected,),) = await session.fetch(staging.update_or_insert(relation))
            return affected


async def _check_labels(session: Session, staging: _Staging) -> None:
    """
    Check that each label is in its lookup table.

    :raises RowError: for the first row that has one that is not.
    """
    found: list[tuple[int, str, str]] = []
    for transfer in staging.transfers:
        if transfer.lookup is not None and transfer.lookup.extensible:
            await _add_labels(session, staging, transfer.column.name, transfer.lookup.table)
        elif transfer.lookup is not None:
            name, table = transfer.column.name, transfer.lookup.table
            rows = await session.fetch(
                f"SELECT s.{staging.number}, s.{name} FROM {staging.name} s WHERE s.{name} IS NOT NULL"
                f' AND NOT EXISTS (SELECT FROM {table} l WHERE l."value" = s.{name}) ORDER BY 1 LIMIT 1'
            )
            found += [(number, name.name, label) for number, label in rows]
    if found:
        number, column, label = min(found)
        raise staging.target.row_error(column, number, "not a label of the lookup table", shorten(label))


async def _add_labels(session: Session, staging: _Staging, name: LocalId, table: QualifiedId) -> None:
    """Add the labels of a column that its lookup table does not have yet."""
    if staging.target.mode is not LoadMode.DELETE:
        await session.execute(
            f'INSERT INTO {table} ("value") SELECT DISTINCT s.{name} FROM {staging.name} s WHERE s.{name} IS NOT NULL'
            f' AND NOT EXISTS (SELECT FROM {table} l WHERE l."value" = s.{name}) ORDER BY 1 ON CONFLICT ("value") DO NOTHING'
        )


async def _locate(session: Session, staging: _Staging, error: StatementError) -> StatementError | RowError:
    """
    Find the row that a merge failed on, by merging ever smaller parts of the stream; about as much work as the merge itself.
    """
    target = staging.target
    winners = QualifiedId(None, f"{staging.name.name}_last")
    keys = _list(staging.keys)
    last = f" DISTINCT ON ({keys})" if target.mode is not LoadMode.INSERT else ""
    order = f" ORDER BY {keys}, {staging.number} DESC" if last else ""
    await session.execute(
        f"CREATE TEMPORARY TABLE {winners} ON COMMIT DROP AS SELECT{last} * FROM {staging.name}{order}"
    )
    missing = await _find_missing(session, staging, error, winners)
    if missing is not None:
        error.row, value = missing
        return _explain(target, error, value)
    ((good, bad),) = await session.fetch(f"SELECT 0, max({staging.number}) FROM {winners}")
    while bad - good > 1:
        middle = (good + bad) // 2
        part = f"(SELECT * FROM {winners} WHERE {staging.number} > {good:d} AND {staging.number} <= {middle:d})"
        try:
            async with session.transaction():
                await _merge(session, staging, part)
            good = middle
        except StatementError as failure:
            if failure.sqlstate is None:
                raise
            error, bad = failure, middle
    error.row = bad
    column = _column(target, error)
    value: str | None = None
    if column is not None and column in {c.name.name for c in target.columns}:
        ((value,),) = await session.fetch(
            f"SELECT {LocalId(column)}::text FROM {winners} WHERE {staging.number} = {bad:d}"
        )
    return _explain(target, error, value)


async def _find_missing(
    session: Session, staging: _Staging, error: StatementError, winners: QualifiedId
) -> tuple[int, str] | None:
    """:returns: Number and value of the first row that refers to a row which neither exists nor is in the stream."""
    target, table = staging.target, staging.target.table
    named = {column.name for column in target.columns}
    for key in table.foreign_keys:
        if target.mode is LoadMode.DELETE or key.name.name != error.constraint or not named.issuperset(key.columns):
            continue
        pairs = list(zip(key.columns, key.referenced_columns, strict=True))
        matches = " AND ".join(f"o.{other} = q.{own}" for own, other in pairs)
        present = f"EXISTS (SELECT FROM {key.referenced_table} o WHERE {matches})"
        if key.referenced_table == table.name and named.issuperset(key.referenced_columns):
            present += f" OR EXISTS (SELECT FROM ({staging.rows(str(winners))}) o WHERE {matches})"
        value = ", ".join(f"q.{own}" for own, _ in pairs)
        rows = await session.fetch(
            f"SELECT q.{staging.number}, concat_ws(', ', {value}) FROM ({staging.rows(str(winners))}) q"
            f" WHERE num_nulls({value}) = 0 AND NOT ({present}) ORDER BY 1 LIMIT 1"
        )
        return next(((number, text) for number, text in rows), None)
    return None


def _column(target: LoadTarget, error: StatementError) -> str | None:
    """:returns: Column that the server names, or that the constraint which it names is about."""
    if error.column is not None:
        return error.column
    key = () if target.table.primary_key is None else (target.table.primary_key,)
    for item in (*key, *target.table.constraints):
        is_about_columns = isinstance(
            item, PrimaryKeyConstraint | ForeignKeyConstraint | UniqueConstraint | CheckConstraint
        )
        if item.name.name == error.constraint and is_about_columns and len(item.columns) == 1:
            return item.columns[0].name
    return None


def _explain(target: LoadTarget, error: StatementError, value: str | None = None) -> StatementError | RowError:
    """:returns: What the server said of a row of the stream; the same error if it is not about a row."""
    if error.sqlstate is None or error.sqlstate[:2] not in ROW_ERRORS:
        return error
    reason = str(error)
    if error.sqlstate[:2] != INTEGRITY_VIOLATION:
        # such messages quote the value
        reason = (
            f"refused by the server (SQLSTATE {error.sqlstate})"
            if target.redact_values
            else reason[:MAX_REASON_CHARACTERS]
        )
    elif value is None and error.detail is not None and error.sqlstate != NOT_NULL_VIOLATION:
        value = error.detail
    return target.row_error(_column(target, error), error.row, reason, None if value is None else shorten(value))


def _cause(target: LoadTarget, error: StatementError) -> StatementError | None:
    """:returns: The cause to chain; none if it would show values that are redacted."""
    return None if target.redact_values else error


async def _advance_identity(session: Session, target: LoadTarget) -> None:
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
