"""The ways that rows of a source can take to a store, and which one is open to them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from typing import Protocol

from pysqlsync_engine.data.batches import Lenient, bounded
from pysqlsync_engine.data.codec import (
    NumberedEncoder,
    check_width,
    compile_encoder,
    compile_numbered_encoder,
    find_bad_cell,
    shorten,
)
from pysqlsync_engine.data.hooks import Detour, Hook
from pysqlsync_engine.data.load_options import OnError
from pysqlsync_engine.data.load_report import Speed
from pysqlsync_engine.data.parts import ENCODED_ROWS, EncodedBatch, Part, Reject, Rejects, Run
from pysqlsync_engine.data.records import describe_row
from pysqlsync_engine.data.sources import BadRecord, LenientSource, RecordSource, Window
from pysqlsync_engine.data.target import LoadTarget
from pysqlsync_engine.errors import EngineError, RowError, StatementError
from pysqlsync_engine.session import Batch


class Way(Protocol):
    """
    The rows of a source on their way to a store.

    :param rows: How many have come by, those that were rejected among them.
    :param batches: Parts in which they were sent.
    :param sent_bytes: Bytes of text that went through as they are.
    :param notes: Why a faster way is not open.
    """

    rows: int
    batches: int
    sent_bytes: int
    speed: Speed
    notes: tuple[str, ...]

    def parts(self) -> AsyncGenerator[Part]:
        """:returns: The rows, lazily and once; the source is closed as soon as no more are wanted."""
        ...

    def explain(self, error: StatementError) -> EngineError:
        """:returns: What is wrong with the part that is being sent; the same error if its values are fine."""
        ...

    def with_value(self, error: RowError) -> RowError:
        """:returns: The error, with the value at fault if the server did not show it and the row is still at hand."""
        ...


class TupleWay:
    """Encodes tuples by code that is compiled for their fields."""

    speed = Speed.TUPLES

    def __init__(
        self,
        source: RecordSource,
        window: Window | None,
        target: LoadTarget,
        hooks: Sequence[Hook | None],
        *,
        numbered: bool,
        notes: Sequence[str] = (),
    ) -> None:
        """
        Prepare an encoder.

        :param hooks: For each column what makes its values fit for the driver.
        :param numbered: True to put the number of each row in front.
        """
        self.rows = 0
        self.batches = 0
        self.sent_bytes = 0
        self.notes = tuple(notes)
        self._source = source
        self._window = window
        self._target = target
        self._hooks = hooks
        self._run = Run((), 1)
        self._encode = compile_numbered_encoder(hooks) if numbered else plain_encoder(hooks)

    async def parts(self) -> AsyncGenerator[Part]:
        is_lenient = self._target.options.on_error is OnError.QUARANTINE
        batches: Lenient = (
            self._source.lenient_batches(self._window)
            if is_lenient and isinstance(self._source, LenientSource)
            else self._source.batches(self._window)
        )
        async with aclosing(bounded(batches)) as source:
            async for batch in source:
                self._run = Run((), self.rows + 1)
                if isinstance(batch, BadRecord):
                    self.rows += 1
                    yield Rejects((bad_record(self.rows, batch),))
                    continue
                self._run = Run(batch, self.rows + 1)
                self.rows += len(batch)
                self.batches += 1
                if is_lenient:
                    for part in checked_parts(self._run, self._hooks, self._encode, self._target):
                        yield part
                else:
                    yield EncodedBatch((self._run,), self._encode)

    def explain(self, error: StatementError) -> EngineError:
        cell = find_bad_cell(self._run.rows, self._hooks)
        if cell is None:
            return error
        column = None if cell.field is None else self._target.columns[cell.field].name.name
        return self._target.row_error(column, self._run.first + cell.index, cell.reason, shorten(cell.value))

    def with_value(self, error: RowError) -> RowError:
        names = [column.name.name for column in self._target.columns]
        run = self._run
        if error.value is not None or error.row is None or error.row < run.first or error.column not in names:
            return error
        value = run.rows[error.row - run.first][names.index(error.column)]
        if value is None or str(value) in error.reason:
            return error
        return self._target.row_error(error.column, error.row, error.reason, shorten(value))


def bad_record(row: int, record: BadRecord) -> Reject:
    """:returns: The record as a row that is set aside."""
    return Reject(row, record.reason, record.column, record.record, record.place)


def checked_parts(
    run: Run, hooks: Sequence[Hook | None], encode: NumberedEncoder, target: LoadTarget
) -> Iterable[EncodedBatch | Rejects]:
    """:returns: The rows that can be encoded, and apart from them those that cannot."""
    good: list[Run] = []
    rejects: list[Reject] = []
    for start in range(0, len(run.rows), ENCODED_ROWS):
        block = Run(run.rows[start : start + ENCODED_ROWS], run.first + start)
        try:
            encode(block.rows, block.first)
        except Detour:
            good.append(block)
        except Exception:  # noqa: BLE001 - a value may be of any class, which may raise anything
            found = _separate(block, hooks, target)
            good += found[0]
            rejects += found[1]
        else:
            good.append(block)
    if rejects:
        yield Rejects(tuple(rejects))
    if good:
        yield EncodedBatch(good, encode)


def _separate(run: Run, hooks: Sequence[Hook | None], target: LoadTarget) -> tuple[list[Run], list[Reject]]:
    good: list[Run] = []
    rejects: list[Reject] = []
    start = 0
    while (cell := find_bad_cell(run.rows[start:], hooks)) is not None:
        bad = start + cell.index
        if bad > start:
            good.append(Run(run.rows[start:bad], run.first + start))
        column = None if cell.field is None else target.columns[cell.field].name.name
        names = [item.name.name for item in target.columns]
        rejects.append(Reject(run.first + bad, cell.reason, column, describe_row(names, run.rows[bad])))
        start = bad + 1
    if start < len(run.rows):
        good.append(Run(run.rows[start:], run.first + start))
    return good, rejects


def plain_encoder(hooks: Sequence[Hook | None]) -> NumberedEncoder:
    """:returns: Encoder that leaves the numbers of rows out."""
    encode = compile_encoder(hooks)
    width = len(hooks)

    def encode_batch(batch: Batch, _first: int) -> Batch:
        if encode is not None:
            return encode(batch)
        check_width(batch, width)
        return batch

    return encode_batch
