"""Streams of rows into tables: one stream is one transaction."""

from __future__ import annotations

import enum
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from itertools import chain
from typing import Any, Protocol

from pysqlsync_engine.data.batches import bounded
from pysqlsync_engine.data.codec import (
    NumberedEncoder,
    check_width,
    compile_encoder,
    compile_numbered_encoder,
    find_bad_cell,
    shorten,
)
from pysqlsync_engine.data.hooks import Hook
from pysqlsync_engine.data.sources import Batches, Fields
from pysqlsync_engine.errors import EngineError, RowError, StatementError
from pysqlsync_engine.model.object_types import Column, Table
from pysqlsync_engine.session import Batch, Row, Session

ENCODED_ROWS = 256
"""Rows that are encoded at once: few enough to still be in the processor's cache when the driver reads them."""


class LoadMode(enum.Enum):
    """What becomes of the rows of a stream."""

    INSERT = "insert"
    UPSERT = "upsert"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class LoadReport:
    """
    What a stream did.

    :param table: Qualified name of the table, for people.
    :param rows: Rows that the stream held.
    :param affected: Rows of the table that were inserted, updated or deleted; less than `rows` where the stream had
        several rows of a key, or where there was nothing to delete.
    :param batches: Batches that were sent.
    :param seconds: Wall-clock time from the first row to the commit.
    """

    table: str
    mode: LoadMode
    rows: int
    affected: int
    batches: int
    seconds: float

    @property
    def rows_per_second(self) -> float:
        """Rows of the stream per second; 0 for an empty stream."""
        return self.rows / self.seconds if self.rows else 0.0


@dataclass(frozen=True, slots=True)
class LoadTarget:
    """
    Where the rows of one stream go.

    :param columns: The named columns of the table, in the order of the values of a row.
    :param types: Python type (annotation) of each value.
    :param redact_values: True if messages must not show values of rows.
    """

    table: Table
    columns: tuple[Column, ...]
    types: tuple[Any, ...]
    mode: LoadMode
    redact_values: bool = False

    def row_error(self, column: str | None, row: int | None, reason: str, value: str | None = None) -> RowError:
        """
        :param reason: What is wrong, without the value.
        :param value: The value in a form that fits in a message; `None` if it is not known.
        :returns: Error for a row of the stream, without the value if values are redacted.
        """
        if self.redact_values:
            return RowError(self.table.name.display, column, row, reason.removesuffix("; got"))
        return RowError(self.table.name.display, column, row, reason, value)


class RowStore(Protocol):
    """Stores one stream of rows; made for it by a `Loader`."""

    @property
    def hooks(self) -> Sequence[Hook | None]:
        """For each named column what makes its values fit for the driver; `None` if they are as they are."""
        ...

    @property
    def is_numbered(self) -> bool:
        """True if `store` expects rows that start with their number in the stream, from 1."""
        ...

    async def store(self, session: Session, batches: AsyncIterator[EncodedBatch]) -> int:
        """
        Store the encoded rows, inside the current transaction.

        :returns: Number of rows of the table that were inserted, updated or deleted.
        :raises RowError: if the server refuses a row.
        """
        ...


class Loader(Protocol):
    """What a dialect knows about storing rows: which values its driver takes, and the SQL that merges them."""

    def open(self, target: LoadTarget) -> RowStore:
        """
        Choose how to store a stream; nothing is sent yet.

        :raises TypeError: if a column cannot take the values of its field without loss.
        """
        ...

    async def count(self, session: Session, table: Table) -> int:
        """:returns: Number of rows in the table; the server reads all of it."""
        ...


async def load(
    session: Session,
    loader: Loader,
    *,
    table: Table,
    fields: Fields,
    mode: LoadMode,
    batches: Batches,
    redact_values: bool = False,
) -> LoadReport:
    """
    Store a stream of rows in one transaction, or nothing of it. Inside a transaction of the caller it is a savepoint.

    The last row of a key wins. Memory is bounded by a batch, as far as the source bounds its own.

    :param fields: Columns and Python types of the values of a row.
    :param batches: Rows, sync or async; consumed once, lazily, and closed early if a row is refused.
    :param redact_values: True if messages must not show values of rows.
    :raises ValueError: if the fields do not fit the table; nothing is read or sent.
    :raises TypeError: if a column cannot hold what its field has; nothing is read or sent.
    :raises RowError: if a row cannot be stored.
    """
    target = choose_target(table, fields, mode, redact_values=redact_values)
    store = loader.open(target)
    stream = _Stream(target, store.hooks, numbered=store.is_numbered)
    async with aclosing(bounded(batches)) as source:
        # before the transaction, so that it is not idle while a slow source prepares its first row
        first = await anext(source, None)
        started = time.monotonic()
        affected = 0 if first is None else await _send(session, store, stream, _joined(first, source))
    return LoadReport(
        table=table.name.display,
        mode=mode,
        rows=stream.rows,
        affected=affected,
        batches=stream.batches,
        seconds=time.monotonic() - started,
    )


async def _send(session: Session, store: RowStore, stream: _Stream, source: AsyncGenerator[Batch]) -> int:
    async with aclosing(source), aclosing(stream.encode(source)) as encoded, session.transaction():
        try:
            return await store.store(session, encoded)
        except StatementError as error:
            if error.sqlstate is not None:
                raise
            # a hook or the driver refused a value; the hooks know best which one and why
            raise stream.find_bad_row(error) from (None if stream.target.redact_values else error)
        except RowError as error:
            raise stream.with_value(error) from error.__cause__


async def _joined(first: Batch, rest: AsyncIterator[Batch]) -> AsyncGenerator[Batch]:
    yield first
    async for batch in rest:
        yield batch


def choose_target(table: Table, fields: Fields, mode: LoadMode, *, redact_values: bool = False) -> LoadTarget:
    """
    :returns: Where the fields go.
    :raises ValueError: if a name is unknown or repeated, or a column of the key is missing that the mode needs.
    """
    name, names = table.name.display, fields.names
    if not names:
        raise ValueError(f"{name}: no fields are named; name at least one column")
    for position, field in enumerate(names):
        if field not in table.column_names:
            raise ValueError(f"{name}: no column {field!r}; columns: {', '.join(table.column_names)}")
        if field in names[:position]:
            raise ValueError(f"{name}: column {field!r} is named twice; name each column once")
    if mode is not LoadMode.INSERT:
        if not table.key_names:
            raise ValueError(f"{name}: rows cannot be told apart without a primary key; insert them instead")
        missing = [key for key in table.key_names if key not in names]
        if missing:
            raise ValueError(f"{name}: expected the primary key among the fields; add {', '.join(missing)}")
    columns = tuple(table.column(field) for field in names)
    return LoadTarget(table, columns, fields.types, mode, redact_values)


class EncodedBatch:
    """
    Rows as the driver takes them, encoded while they are sent, so that client and server work at the same time.

    Iterating raises whatever a hook raises; it may be done again.
    """

    def __init__(self, rows: Batch, encode: NumberedEncoder, first: int) -> None:
        self._rows = rows
        self._encode = encode
        self._first = first

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Row]:
        return chain.from_iterable(map(self._encode_from, range(0, len(self._rows), ENCODED_ROWS)))

    def recoded(self, encode: NumberedEncoder) -> EncodedBatch:
        """:returns: The same rows, encoded in another way."""
        return EncodedBatch(self._rows, encode, self._first)

    def _encode_from(self, start: int) -> Batch:
        return self._encode(self._rows[start : start + ENCODED_ROWS], self._first + start)


class _Stream:
    """The rows on their way: counts them, and knows the batch that is being sent."""

    def __init__(self, target: LoadTarget, hooks: Sequence[Hook | None], *, numbered: bool) -> None:
        self.target = target
        self.rows = 0
        self.batches = 0
        self._hooks = hooks
        self._batch: Batch = ()
        self._encode = compile_numbered_encoder(hooks) if numbered else _plain(hooks)

    async def encode(self, source: AsyncIterator[Batch]) -> AsyncGenerator[EncodedBatch]:
        async for batch in source:
            self._batch = batch
            first = self.rows + 1
            self.rows += len(batch)
            self.batches += 1
            yield EncodedBatch(batch, self._encode, first)

    def find_bad_row(self, error: StatementError) -> EngineError:
        """:returns: What is wrong with the batch that is being sent; the same error if its values are fine."""
        cell = find_bad_cell(self._batch, self._hooks)
        if cell is None:
            return error
        column = None if cell.field is None else self.target.columns[cell.field].name.name
        number = self.rows - len(self._batch) + cell.index + 1
        return self.target.row_error(column, number, cell.reason, shorten(cell.value))

    def with_value(self, error: RowError) -> RowError:
        """:returns: The error, with the value at fault if the server did not show it and the row is still at hand."""
        before = self.rows - len(self._batch)
        names = [column.name.name for column in self.target.columns]
        if error.value is not None or error.row is None or error.row <= before or error.column not in names:
            return error
        value = self._batch[error.row - before - 1][names.index(error.column)]
        if value is None or str(value) in error.reason:
            return error
        return self.target.row_error(error.column, error.row, error.reason, shorten(value))


def _plain(hooks: Sequence[Hook | None]) -> NumberedEncoder:
    encode = compile_encoder(hooks)
    width = len(hooks)

    def encode_batch(batch: Batch, _first: int) -> Batch:
        if encode is not None:
            return encode(batch)
        check_width(batch, width)
        return batch

    return encode_batch
