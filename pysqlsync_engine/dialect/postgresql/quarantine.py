"""Stores rows by way of a staging table, and sets aside those that cannot be stored."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence

from pysqlsync_engine.capabilities import Capabilities
from pysqlsync_engine.data.batches import joined
from pysqlsync_engine.data.guard import record_pattern
from pysqlsync_engine.data.hooks import Hook
from pysqlsync_engine.data.load_report import Counts, Outcome
from pysqlsync_engine.data.parts import BinaryPart, EncodedBatch, Part, Reject, Rejects, Run
from pysqlsync_engine.data.records import describe_row
from pysqlsync_engine.data.target import LoadTarget
from pysqlsync_engine.data.text import TextPart, TextRules
from pysqlsync_engine.dialect.postgresql.checking import Checker
from pysqlsync_engine.dialect.postgresql.copying import Copier
from pysqlsync_engine.dialect.postgresql.locating import add_labels, keep_labels
from pysqlsync_engine.dialect.postgresql.merging import advance_identity, make_merge, prepare_merge
from pysqlsync_engine.dialect.postgresql.refusals import is_about_row
from pysqlsync_engine.dialect.postgresql.rejects import Rejected
from pysqlsync_engine.dialect.postgresql.staging import Staging
from pysqlsync_engine.dialect.postgresql.transfer import Transfer
from pysqlsync_engine.dialect.postgresql.watermarks import find_watermark
from pysqlsync_engine.errors import RowError, StatementError
from pysqlsync_engine.session import Session

SENT_AGAIN_ROWS = 256
"""Rows that are sent at once after one of a part was refused, as others may be: so few are soon sent again."""


class LenientStore:
    """Sets rows aside that cannot be stored; see `RowStore` for what its methods promise."""

    is_numbered = False
    own_form = None

    def __init__(
        self, target: LoadTarget, transfers: Sequence[Transfer], rules: TextRules, capabilities: Capabilities
    ) -> None:
        self.hooks: Sequence[Hook | None] = [transfer.hook for transfer in transfers]
        self.text = rules
        self._target = target
        self._transfers = transfers
        self._capabilities = capabilities

    async def prepare(self, session: Session) -> None:
        await Rejected(self._target, self._capabilities).prepare(session)

    async def store(self, session: Session, parts: AsyncIterator[Part]) -> Outcome:
        staging = Staging(self._target, self._transfers)
        rejected = Rejected(self._target, self._capabilities)
        await rejected.forget(session)
        for statement in staging.create():
            await session.execute(statement)
        copier = LenientCopier(session, staging, rejected)
        async for part in joined(parts):
            await copier.send(part)
        await add_labels(session, staging)
        await keep_labels(session, staging, locks=False)
        await prepare_merge(session, staging)
        # the keys of rows that never were in the staging table are not known
        keeps_missing = rejected.rows > 0
        spared = None
        if staging.deletes_missing and not keeps_missing:
            spared = str(staging.related("spared"))
            await session.execute(staging.create_spared(spared))
        checker = Checker(session, staging, rejected, spared)
        checked = await checker.check()
        merge = make_merge(staging, spared=spared, keeps_missing=keeps_missing)
        ((rows,),) = await session.fetch(staging.count())
        try:
            async with session.transaction():
                counts = await merge.begin(session)
                counts += await merge.apply(session, staging.rows_staged, rows)
        except StatementError as error:
            if not is_about_row(error) or not rows:
                raise
            counts = await checker.merge_each(merge)
        watermark = await find_watermark(session, staging)
        await advance_identity(session, self._target)
        notes = list(rejected.notes)
        if staging.deletes_missing and keeps_missing:
            notes.append("rows that the stream lacks were kept, as it is not known which keys the rejected rows have")
        return Outcome(counts + checked + Counts(rejected=rejected.rows), watermark, tuple(notes))


class LenientCopier:
    """Sends the parts of a stream to the staging table, and sets rows aside that the server cannot read."""

    def __init__(self, session: Session, staging: Staging, rejected: Rejected) -> None:
        self._session = session
        self._staging = staging
        self._rejected = rejected
        self._copier = Copier(session, staging.target, staging.name, add_column=staging.add_column)

    async def send(self, part: Part) -> None:
        """
        Send a part.

        :raises LoadError: if too many rows are set aside by now.
        """
        if isinstance(part, Rejects):
            await self._rejected.write(self._session, part.rows)
            return
        if isinstance(part, BinaryPart):
            raise TypeError("expected rows as text or as values, which can be taken apart; got them in binary form")
        pieces = deque(_runs_of(part))
        while pieces:
            piece = pieces.popleft()
            try:
                await self._send(piece)
            except RowError as error:
                if error.row is None:
                    raise
                before, bad, after = _split(piece, error.row)
                await self._rejected.write(self._session, [self._reject(bad, error)])
                pieces.extendleft(reversed([*_pieces(before), *_pieces(after)]))

    async def _send(self, piece: TextPart | EncodedBatch) -> None:
        first = piece.first if isinstance(piece, TextPart) else piece.runs[0].first
        if isinstance(piece, TextPart):
            # a column that was added inside of a savepoint would be gone if a record is refused
            await self._copier.find_columns(piece)
        async with self._session.transaction():
            await self._session.fetch(self._staging.set_number(), first)
            if isinstance(piece, TextPart):
                await self._copier.send_bytes(piece)
            else:
                await self._copier.send_rows(piece)

    def _reject(self, bad: TextPart | EncodedBatch, error: RowError) -> Reject:
        if isinstance(bad, TextPart):
            record = bad.records.decode(errors="backslashreplace").removesuffix("\n")
        else:
            record = describe_row([column.name.name for column in self._staging.target.columns], bad.runs[0].rows[0])
        return Reject(error.row or 0, error.reason, error.column, record)


def _runs_of(part: TextPart | EncodedBatch) -> list[TextPart | EncodedBatch]:
    """:returns: Parts whose rows follow each other in the stream."""
    if isinstance(part, TextPart):
        return [part]
    runs: list[Run] = []
    for run in part.runs:
        if runs and runs[-1].first + len(runs[-1].rows) == run.first:
            runs[-1] = Run([*runs[-1].rows, *run.rows], runs[-1].first)
        else:
            runs.append(run)
    return [part.with_runs((run,)) for run in runs]


def _split(
    piece: TextPart | EncodedBatch, number: int
) -> tuple[TextPart | EncodedBatch | None, TextPart | EncodedBatch, TextPart | EncodedBatch | None]:
    """:returns: Rows before the one with a number, that one, and rows after it."""
    first = piece.first if isinstance(piece, TextPart) else piece.runs[0].first
    place, rows = number - first, len(piece.runs[0].rows) if isinstance(piece, EncodedBatch) else piece.rows
    bad = _cut(piece, place, place + 1)
    before = _cut(piece, 0, place) if place else None
    return before, bad, _cut(piece, place + 1, rows) if place + 1 < rows else None


def _pieces(piece: TextPart | EncodedBatch | None) -> Iterator[TextPart | EncodedBatch]:
    """:returns: The rows, a few at a time."""
    if piece is None:
        return
    rows = piece.rows if isinstance(piece, TextPart) else len(piece)
    for start in range(0, rows, SENT_AGAIN_ROWS):
        yield _cut(piece, start, min(start + SENT_AGAIN_ROWS, rows))


def _cut(piece: TextPart | EncodedBatch, start: int, end: int) -> TextPart | EncodedBatch:
    """:returns: Some rows of a part, whose rows follow each other in the stream."""
    if isinstance(piece, EncodedBatch):
        run = piece.runs[0]
        return piece.with_runs((Run(run.rows[start:end], run.first + start),))
    ends = [0, *(match.end() for match in record_pattern(piece.form).finditer(piece.records))]
    return TextPart(piece.records[ends[start] : ends[end]], end - start, piece.first + start, piece.form, piece.layout)
