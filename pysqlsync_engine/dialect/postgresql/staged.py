"""Stores rows by way of a staging table, all of them or none."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import nullcontext

from pysqlsync_engine.data.encoding import plain_encoder
from pysqlsync_engine.data.hooks import Detour, Hook
from pysqlsync_engine.data.load_options import LoadMode
from pysqlsync_engine.data.load_report import Counts, Outcome
from pysqlsync_engine.data.parts import Part
from pysqlsync_engine.data.target import LoadTarget
from pysqlsync_engine.data.text import TextRules
from pysqlsync_engine.dialect.postgresql.binary_form import BinaryForm
from pysqlsync_engine.dialect.postgresql.capabilities import Features
from pysqlsync_engine.dialect.postgresql.copying import Copier
from pysqlsync_engine.dialect.postgresql.feeding import Feed, fed
from pysqlsync_engine.dialect.postgresql.locating import add_labels, add_stubs, check_rows, keep_labels, locate
from pysqlsync_engine.dialect.postgresql.merging import advance_identity, make_merge, prepare_merge
from pysqlsync_engine.dialect.postgresql.refusals import is_about_row
from pysqlsync_engine.dialect.postgresql.sparing import NOTE, may_spare, spared
from pysqlsync_engine.dialect.postgresql.staging import Staging
from pysqlsync_engine.dialect.postgresql.transfer import Transfer, watch_limits
from pysqlsync_engine.dialect.postgresql.watermarks import find_watermark
from pysqlsync_engine.errors import StatementError
from pysqlsync_engine.session import Session

_SPARING = frozenset({LoadMode.INSERT, LoadMode.UPSERT, LoadMode.REPLACE, LoadMode.MIRROR})
"""Modes whose merge does no more than insert and update rows."""


class StagedStore:
    """Copies rows into a staging table, and merges them from there."""

    is_numbered = False

    def __init__(self, target: LoadTarget, transfers: Sequence[Transfer], rules: TextRules, features: Features) -> None:
        self._target = target
        self._features = features
        self.own_form = BinaryForm(target, transfers, rules)
        self._transfers = transfers
        self.hooks: Sequence[Hook | None] = [
            transfer.hook if transfer.limits is None else watch_limits(transfer.hook) for transfer in transfers
        ]
        self.text = rules

    async def prepare(self, session: Session) -> None:
        pass

    async def store(self, session: Session, parts: AsyncIterator[Part]) -> Outcome:
        async with fed(parts) as feed:
            return await self.store_from(session, feed)

    async def store_from(self, session: Session, feed: Feed) -> Outcome:
        """Store the parts that are left; see `RowStore.store`."""
        # the driver remembers the shape of a table by its name
        staging = Staging(self._target, self._transfers)
        for statement in staging.create():
            await session.execute(statement)
        copier = Copier(session, self._target, staging.name, add_column=staging.add_column)
        await self._send(copier, feed, staging)
        await add_labels(session, staging)
        spares = await self._keep_labels(session, staging)
        await check_rows(session, staging, copier.numbers)
        await prepare_merge(session, staging)
        stubbed = await add_stubs(session, staging)
        counts = await self._merge(session, staging, copier, spares=spares)
        watermark = await find_watermark(session, staging)
        await advance_identity(session, self._target)
        return Outcome(counts + Counts(stubbed=stubbed), watermark, (NOTE,) if spares else ())

    async def _keep_labels(self, session: Session, staging: Staging) -> bool:
        """:returns: True if the server need not check the references of the rows."""
        mode, lookups = self._target.mode, [t.lookup for t in staging.transfers if t.lookup is not None]
        if not lookups:
            return False
        updates = mode is not LoadMode.INSERT
        spares = mode in _SPARING and await may_spare(
            session, self._target.table.name, lookups, self._features, updates=updates
        )
        await keep_labels(session, staging, locks=spares)
        return spares

    async def _send(self, copier: Copier, feed: Feed, staging: Staging) -> None:
        try:
            await copier.send(feed)
            staging.has_infinite = False
        except Detour:
            # rare enough for the other rows of such a stream to be looked at
            feed.recode(plain_encoder([transfer.hook for transfer in self._transfers]))
            await copier.send(feed)

    async def _merge(self, session: Session, staging: Staging, copier: Copier, *, spares: bool) -> Counts:
        merge = make_merge(staging)
        try:
            async with session.transaction():
                counts = await merge.begin(session)
                async with spared(session) if spares else nullcontext():
                    return counts + await merge.apply(session, staging.rows_staged, copier.stored)
        except StatementError as error:
            if not is_about_row(error) or not copier.stored:
                raise
            await locate(session, staging, merge, error, copier.numbers)
