"""Stores rows by way of a staging table, and sets aside those that cannot be stored."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, suppress

from pysqlsync_engine.capabilities import Capabilities
from pysqlsync_engine.data.hooks import Hook
from pysqlsync_engine.data.load_report import Counts, Outcome
from pysqlsync_engine.data.parts import Part, Reject, Rejects
from pysqlsync_engine.data.target import LoadTarget
from pysqlsync_engine.data.text import TextRules
from pysqlsync_engine.dialect.mysql.checking import Checker
from pysqlsync_engine.dialect.mysql.locating import add_labels
from pysqlsync_engine.dialect.mysql.merging import ease_locks
from pysqlsync_engine.dialect.mysql.modes import make_merge
from pysqlsync_engine.dialect.mysql.packing import Packer
from pysqlsync_engine.dialect.mysql.refusals import column_of, explain, is_about_row
from pysqlsync_engine.dialect.mysql.rejects import PAGE_ROWS, Rejected
from pysqlsync_engine.dialect.mysql.sending import Ahead, RawRows, find_all_refused, send
from pysqlsync_engine.dialect.mysql.session import MySQLSession, as_mysql
from pysqlsync_engine.dialect.mysql.shipments import Numbering, Shipment
from pysqlsync_engine.dialect.mysql.staging import Staging, drop
from pysqlsync_engine.dialect.mysql.transfer import Transfer
from pysqlsync_engine.dialect.mysql.watermarks import find_watermark
from pysqlsync_engine.errors import RowError, StatementError
from pysqlsync_engine.session import Session


class LenientStore:
    """Sets rows aside that cannot be stored; see `RowStore` for what its methods promise."""

    is_numbered = False
    own_form = None

    def __init__(
        self, target: LoadTarget, transfers: Sequence[Transfer], packer: Packer, capabilities: Capabilities
    ) -> None:
        self._target = target
        self._transfers = transfers
        self._packer = packer
        self._capabilities = capabilities
        self.hooks: Sequence[Hook | None] = packer.hooks
        self.text: TextRules = packer.rules

    async def prepare(self, session: Session) -> None:
        session = as_mysql(session)
        await Rejected(self._target, self._capabilities).prepare(session)
        await ease_locks(session, self._target)

    async def store(self, session: Session, parts: AsyncIterator[Part]) -> Outcome:
        session = as_mysql(session)
        staging = Staging(self._target, self._transfers)
        await session.execute(staging.create())
        try:
            return await self._store(session, staging, parts)
        finally:
            # it would outlive the transaction
            with suppress(StatementError):
                await session.execute(drop([staging.name]))

    async def _store(self, session: MySQLSession, staging: Staging, parts: AsyncIterator[Part]) -> Outcome:
        rejected = Rejected(self._target, self._capabilities)
        await rejected.forget(session)
        numbering = await self._send_all(session, staging, rejected, parts)
        # the keys of rows that never were in the staging table are not known
        keeps_missing = rejected.rows > 0
        await add_labels(session, staging)
        checker = Checker(session, staging, numbering, rejected)
        checked = await checker.check()
        counts = await checker.merge(make_merge(staging, keeps_missing=keeps_missing))
        notes = [*self._packer.notes, *rejected.notes]
        if staging.deletes_missing and keeps_missing:
            notes.append("rows that the stream lacks were kept, as it is not known which keys the rejected rows have")
        return Outcome(
            counts + checked + Counts(rejected=rejected.rows),
            await find_watermark(session, staging),
            tuple(notes),
        )

    async def _send_all(
        self, session: MySQLSession, staging: Staging, rejected: Rejected, parts: AsyncIterator[Part]
    ) -> Numbering:
        numbering = Numbering()
        spells = session.capabilities.client_files
        ahead = Ahead(parts, self._packer.pack, staging.destination, spells=spells)
        try:
            while (shipment := await ahead.take()) is not None:
                if isinstance(shipment, Rejects):
                    await rejected.write(session, shipment.rows)
                    continue
                try:
                    async with session.transaction():
                        await send(session, staging.destination, shipment, numbering.sent, ahead)
                except StatementError as error:
                    if not is_about_row(error):
                        raise
                    await self._send_piecewise(session, staging, rejected, shipment, numbering.sent)
                numbering.add(shipment.runs)
        finally:
            await ahead.close()
        return numbering

    async def _send_piecewise(
        self, session: MySQLSession, staging: Staging, rejected: Rejected, shipment: Shipment, sent: int
    ) -> None:
        """Send rows, and set aside those that the server does not take."""
        numbering = Numbering()
        numbering.add(shipment.runs)
        async with (
            RawRows(session, staging.destination, shipment, sent) as raw,
            aclosing(find_all_refused(raw.insert, 0, shipment.rows, tells_rows=True)) as found,
        ):
            refused: list[tuple[int, StatementError]] = []
            async for place, error in found:
                refused.append((place, error))
                if len(refused) == PAGE_ROWS:
                    await rejected.write(session, await self._rejects(raw, numbering, refused))
                    refused = []
            if refused:
                await rejected.write(session, await self._rejects(raw, numbering, refused))

    async def _rejects(
        self, raw: RawRows, numbering: Numbering, refused: Sequence[tuple[int, StatementError]]
    ) -> list[Reject]:
        """
        :param refused: Numbers of rows, and what was said of each.
        :returns: The rows as those that are set aside.
        """
        records = await raw.records_of([place for place, _ in refused])
        rejects: list[Reject] = []
        for (place, error), record in zip(refused, records, strict=True):
            explained = explain(self._target, error)
            reason = explained.reason if isinstance(explained, RowError) else str(error)
            rejects.append(Reject(numbering.number_of(place), reason, column_of(self._target, error), record))
        return rejects
