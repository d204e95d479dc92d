"""Rows as tuples on their way to a store: encoded by compiled code, checked one by one where bad ones are set aside."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from functools import cached_property

from pysqlsync_engine.data.codec import (
    NumberedEncoder,
    check_width,
    compile_encoder,
    compile_numbered_encoder,
    find_bad_cell,
    shorten,
)
from pysqlsync_engine.data.hooks import Hook
from pysqlsync_engine.data.load_options import OnError
from pysqlsync_engine.data.parts import ENCODED_ROWS, EncodedBatch, Part, Reject, Rejects, Run
from pysqlsync_engine.data.records import describe_row
from pysqlsync_engine.data.sources import BadRecord
from pysqlsync_engine.data.target import LoadTarget
from pysqlsync_engine.errors import EngineError, RowError, StatementError
from pysqlsync_engine.session import Batch

REMEMBERED_RUNS = 36
"""Runs of rows that are kept for a while: those of a statement, and those that are prepared for the next one."""


class TupleEncoder:
    """Makes parts of a stream of tuples, and remembers those that are being sent, to say what is wrong with them."""

    def __init__(self, target: LoadTarget, hooks: Sequence[Hook | None], *, numbered: bool) -> None:
        """
        Remember what to compile; rows that go another way need no code.

        :param hooks: For each column what makes its values fit for the driver.
        :param numbered: True to put the number of each row in front.
        """
        self._target = target
        self._hooks = hooks
        self._is_numbered = numbered
        self._runs: deque[Run] = deque(maxlen=REMEMBERED_RUNS)

    @cached_property
    def _encode(self) -> NumberedEncoder:
        return compile_numbered_encoder(self._hooks) if self._is_numbered else plain_encoder(self._hooks)

    @cached_property
    def _check(self) -> NumberedEncoder:
        # an expression may leave it to the driver to refuse a value; it would then refuse the batch as a whole
        return compile_numbered_encoder([None if hook is None else Hook(hook.encode) for hook in self._hooks])

    @property
    def is_lenient(self) -> bool:
        """True if rows that cannot be encoded are set aside."""
        return self._target.options.on_error is OnError.QUARANTINE

    def parts(self, rows: Batch, first: int) -> Iterator[Part]:
        """
        :param first: Number of the first row.
        :returns: The rows for the store.
        """
        run = Run(rows, first)
        self._runs.append(run)
        if self.is_lenient:
            yield from self._checked_parts(run)
        else:
            yield EncodedBatch((run,), self._encode)

    def _checked_parts(self, run: Run) -> Iterator[Part]:
        """:returns: The rows that can be encoded, and apart from them those that cannot."""
        good: list[Run] = []
        rejects: list[Reject] = []
        for start in range(0, len(run.rows), ENCODED_ROWS):
            block = Run(run.rows[start : start + ENCODED_ROWS], run.first + start)
            try:
                self._check(block.rows, block.first)
            except Exception:  # noqa: BLE001 - a value may be of any class, which may raise anything
                found = _separate(block, self._hooks, self._target)
                good += found[0]
                rejects += found[1]
            else:
                good.append(block)
        if rejects:
            yield Rejects(tuple(rejects))
        if good:
            yield EncodedBatch(good, self._encode)

    def explain(self, error: StatementError) -> EngineError:
        """:returns: What is wrong with the rows that are being sent; the same error if their values are fine."""
        for run in self._runs:
            cell = find_bad_cell(run.rows, self._hooks)
            if cell is not None:
                column = None if cell.field is None else self._target.columns[cell.field].name.name
                return self._target.row_error(column, run.first + cell.index, cell.reason, shorten(cell.value))
        return error

    def with_value(self, error: RowError) -> RowError:
        """:returns: The error, with the value at fault if it tells none and the row is among those that are being sent."""
        for run in self._runs:
            error = with_value(error, run, self._target)
        return error


def with_value(error: RowError, run: Run, target: LoadTarget) -> RowError:
    """:returns: The error, with the value at fault if it tells none and the row is among these."""
    names = [column.name.name for column in target.columns]
    if error.value is not None or error.row is None or error.column not in names:
        return error
    if not run.first <= error.row < run.first + len(run.rows):
        return error
    value = run.rows[error.row - run.first][names.index(error.column)]
    if value is None or str(value) in error.reason:
        return error
    return target.row_error(error.column, error.row, error.reason, shorten(value))


def bad_record(row: int, record: BadRecord) -> Reject:
    """:returns: The record as a row that is set aside."""
    return Reject(row, record.reason, record.column, record.record, record.place)


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
