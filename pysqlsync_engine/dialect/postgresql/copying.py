"""Sends the parts of a stream to a table by COPY."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Protocol, runtime_checkable

from pysqlsync_engine.data.hooks import Detour
from pysqlsync_engine.data.parts import BinaryPart, EncodedBatch
from pysqlsync_engine.data.target import LoadTarget
from pysqlsync_engine.data.text import TextPart
from pysqlsync_engine.dialect.native_form import confirm_types
from pysqlsync_engine.dialect.postgresql.feeding import (
    MAX_CHECKED_ROW_BYTES,
    MAX_COPY_ROW_BYTES,
    MAX_KEPT_ROW_BYTES,
    BytesRun,
    Feed,
    Numbers,
    RowRun,
    Sending,
    no_rows,
)
from pysqlsync_engine.dialect.postgresql.live_types import find_types
from pysqlsync_engine.dialect.postgresql.refusals import refuse
from pysqlsync_engine.errors import LoadError, RowError, StatementError
from pysqlsync_engine.model.id_types import QualifiedId
from pysqlsync_engine.session import Row, Session

SKIPPED = "pysqlsync_skipped_"
"""Start of the names of columns for cells that are left out."""


@runtime_checkable
class CopySession(Session, Protocol):
    """A session that can send rows and text."""

    async def copy(self, table: QualifiedId, columns: Sequence[str], batches: AsyncIterator[Iterable[Row]]) -> int:
        """
        Stream rows into a table by one COPY.

        :param table: Where to; need not have a namespace (a temporary table).
        :param columns: Names of the columns, in the order of the values of a row.
        :param batches: Rows whose values the driver can send as they are; each batch is iterated once.
        :returns: Number of rows sent.
        :raises StatementError: if the driver or the server refuses a value.
        """
        ...

    async def copy_binary(self, table: QualifiedId, columns: Sequence[str], chunks: AsyncIterator[bytes]) -> int:
        """Stream rows in the form of the server into a table; see the session of this dialect."""
        ...

    async def copy_text(
        self,
        table: QualifiedId,
        columns: Sequence[str],
        chunks: AsyncIterator[bytes],
        *,
        delimiter: str,
        null: str,
        quote: str | None,
    ) -> int:
        """Stream text into a table; see the session of this dialect."""
        ...


class Copier:
    """Sends rows to one table."""

    def __init__(
        self,
        session: Session,
        target: LoadTarget,
        table: QualifiedId,
        *,
        add_column: Callable[[str], str] | None = None,
        takes_text: bool = True,
        may_skip_rows: bool = False,
        checks_keys: bool = False,
        saves: bool = False,
    ) -> None:
        """
        Choose where to.

        :param add_column: Statement that gives the table a column for cells that are left out; `None` if it must not have such.
        :param takes_text: False if the text of a file is not what the table takes.
        :param may_skip_rows: True if triggers of the table may leave rows out.
        :param checks_keys: True if the server checks foreign keys of the rows.
        :param saves: True to undo what one COPY has stored if the server refuses a row of it, and to give its parts back.
        """
        if not isinstance(session, CopySession):
            raise TypeError(f"expected a session that can send rows and text; got {type(session).__name__}")
        self.numbers = Numbers()
        self.stored = 0
        self._session = session
        self._target = target
        self._table = table
        self._names = [column.name.name for column in target.columns]
        self._add_column = add_column
        self._is_confirmed = False
        self._skipped = 0
        self._takes_text = takes_text
        self._may_skip_rows = may_skip_rows
        self._saves = saves
        self._most_bytes = MAX_KEPT_ROW_BYTES if saves else MAX_CHECKED_ROW_BYTES if checks_keys else MAX_COPY_ROW_BYTES
        self.refusal: StatementError | None = None

    async def send(self, feed: Feed) -> None:
        """
        Send all parts that are left. Those that are not sent when an error is raised for one of them are still in the feed.

        :raises CannotSkipError: if a part is text that the table has no place for.
        :raises Detour: if a value has to be sent in another way.
        :raises RowError: if the server refuses a row.
        """
        while (part := await feed.next()) is not None:
            if isinstance(part, TextPart | BinaryPart):
                await self.send_bytes(part, feed)
            elif isinstance(part, EncodedBatch):
                await self.send_rows(part, feed)

    async def send_bytes(self, part: TextPart | BinaryPart, feed: Feed | None = None) -> None:
        """
        Send text, or rows in the form of the server, by one COPY.

        :param feed: Where more of the kind may come from, to be sent along with it.
        """
        try:
            columns = await self.find_columns(part)
            if isinstance(part, BinaryPart):
                await self._confirm(part, columns)
        except CannotSkipError:
            if feed is not None:
                feed.give_back([part])
            raise
        run = BytesRun(part, feed, keeps=self._saves)
        async with self._saved(run, feed):
            try:
                read = await self._copy(part, columns, run.chunks())
            except StatementError as error:
                if error is run.failure:
                    raise
                error.row = None if error.row is None else run.number_of_line(error.row)
                self.refusal = error
                refuse(self._target, error)
        if read > run.numbers.rows or (read < run.numbers.rows and not self._may_skip_rows):
            table = self._target.table.name.display
            raise LoadError(f"{table}: the server read {read} rows; expected {run.numbers.rows}")
        self._add(run, read)

    async def _confirm(self, part: BinaryPart, columns: Sequence[str]) -> None:
        if self._is_confirmed:
            return
        # without a row it locks the table all the same, and asks for no other right than the next one
        await self._session.copy_binary(self._table, columns, no_rows())
        await confirm_types(self._session, self._table, find_types, part.types)
        self._is_confirmed = True

    async def _copy(self, part: TextPart | BinaryPart, columns: Sequence[str], chunks: AsyncIterator[bytes]) -> int:
        if isinstance(part, BinaryPart):
            return await self._session.copy_binary(self._table, columns, chunks)
        form = part.form
        return await self._session.copy_text(
            self._table, columns, chunks, delimiter=form.delimiter, null=form.null, quote=form.quote
        )

    async def send_rows(self, batch: EncodedBatch, feed: Feed | None = None) -> None:
        """
        Send rows by one COPY.

        :param feed: Where more rows may come from, to be sent along with them.
        :raises Detour: if a value has to be sent in another way; the rows before it are stored.
        """
        run = RowRun(batch, feed, keeps=self._saves, most_bytes=self._most_bytes)
        async with self._saved(run, feed), aclosing(run.batches()) as batches:
            try:
                stored = await self._session.copy(self._table, self._names, batches)
            except StatementError as error:
                if error is run.failure:
                    raise
                error.row = None if error.row is None else run.numbers.number_of(error.row)
                self.refusal = error
                refuse(self._target, error)
        self._add(run, stored)
        if run.is_stopped:
            raise Detour

    @asynccontextmanager
    async def _saved(self, run: Sending, feed: Feed | None) -> AsyncGenerator[None]:
        """What is undone if the server refuses a row, so that it can be sent in another way."""
        if not self._saves:
            yield
            return
        try:
            async with self._session.transaction():
                yield
        except RowError:
            if feed is not None:
                feed.give_back(run.taken)
            raise

    def _add(self, run: Sending, stored: int) -> None:
        self.stored += stored
        for first, rows in run.numbers.spans():
            self.numbers.add(first, rows)

    async def find_columns(self, part: TextPart | BinaryPart) -> list[str]:
        """
        :returns: For each cell of a record the column that takes it; those for cells that are left out are added.
        :raises CannotSkipError: if the table cannot be given such.
        """
        names: list[str] = []
        skipped = 0
        for position in part.layout:
            if position is None:
                skipped += 1
                names.append(f"{SKIPPED}{skipped}")
            else:
                names.append(self._names[position])
        if not self._takes_text or (skipped and self._add_column is None):
            raise CannotSkipError
        while self._add_column is not None and self._skipped < skipped:
            self._skipped += 1
            await self._session.execute(self._add_column(f"{SKIPPED}{self._skipped}"))
        return names


class CannotSkipError(Exception):
    """A table has no place for text, or for cells that are left out; never leaves the store."""
