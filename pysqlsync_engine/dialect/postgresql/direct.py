"""
Stores rows by COPY into the table itself: those that are inserted, and others where the table turns out to be empty. From the first
row on that cannot be stored so, rows go by way of a staging table.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import nullcontext
from dataclasses import replace

from pysqlsync_engine.data.encoding import plain_encoder
from pysqlsync_engine.data.hooks import Detour, Hook
from pysqlsync_engine.data.load_options import LoadMode, OnDuplicate
from pysqlsync_engine.data.load_report import Counts, Outcome
from pysqlsync_engine.data.parts import Part
from pysqlsync_engine.data.target import LoadTarget
from pysqlsync_engine.data.text import TextRules
from pysqlsync_engine.dialect.postgresql.capabilities import Features
from pysqlsync_engine.dialect.postgresql.claiming import claim_empty, is_empty
from pysqlsync_engine.dialect.postgresql.copying import CannotSkipError, Copier
from pysqlsync_engine.dialect.postgresql.feeding import Feed, fed
from pysqlsync_engine.dialect.postgresql.lookup_ids import lookup_ids
from pysqlsync_engine.dialect.postgresql.merging import advance_identity, count_own
from pysqlsync_engine.dialect.postgresql.sparing import NOTE, may_spare, spared
from pysqlsync_engine.dialect.postgresql.staged import StagedStore
from pysqlsync_engine.dialect.postgresql.staging import Staging
from pysqlsync_engine.dialect.postgresql.transfer import Transfer, watch_limits
from pysqlsync_engine.dialect.postgresql.watermarks import find_highest, highest_of
from pysqlsync_engine.errors import RowError
from pysqlsync_engine.session import Session

UNIQUE_VIOLATION = "23505"

_FILLING = frozenset({LoadMode.UPSERT, LoadMode.REPLACE, LoadMode.MIRROR})
"""Modes that do the same with an empty table: they insert the rows."""


def inserts_directly(target: LoadTarget, transfers: Sequence[Transfer]) -> bool:
    """:returns: True if rows that are inserted can be copied into the table itself."""
    watermark = target.options.watermark
    return (
        target.mode is LoadMode.INSERT
        # rows that were there before have values as well
        and (watermark is None or watermark.column is None)
        and _is_plain(target, transfers)
    )


def fills_directly(target: LoadTarget, transfers: Sequence[Transfer]) -> bool:
    """:returns: True if rows can be copied into the table itself if it is empty."""
    named = {column.name.name for column in target.columns}
    return (
        target.mode in _FILLING
        and target.options.on_duplicate is OnDuplicate.LAST
        and bool(target.key_names)
        and named.issuperset(target.key_names)
        and not any(transfer.lookup is not None for transfer in transfers)
        and _is_plain(target, transfers)
    )


def _is_plain(target: LoadTarget, transfers: Sequence[Transfer]) -> bool:
    named = {column.name for column in target.columns}
    looked_up = {(each.column.name, each.lookup.table) for each in transfers if each.lookup is not None}
    return not any(each.cast is not None for each in transfers) and all(
        # such a key is checked at the end of a statement, when COPY no longer knows the number of the row
        named.isdisjoint(key.columns) or (key.columns[0], key.referenced_table) in looked_up
        for key in target.table.foreign_keys
    )


class DirectStore:
    """Copies rows that are inserted; see `RowStore` for what its methods promise."""

    is_numbered = False

    def __init__(self, target: LoadTarget, transfers: Sequence[Transfer], rules: TextRules, features: Features) -> None:
        self._target = target
        self._features = features
        self._transfers = transfers
        self._staged = StagedStore(target, transfers, rules, features)
        self.own_form = self._staged.own_form
        self._labels = lookup_ids(transfers, target.types)
        self.hooks: Sequence[Hook | None] = [
            watch_limits(transfer.hook)
            if transfer.limits is not None
            else (transfer.hook if labels is None else labels.hook)
            for transfer, labels in zip(transfers, self._labels, strict=True)
        ]
        self.text = rules

    async def prepare(self, session: Session) -> None:
        await self._staged.prepare(session)

    async def store(self, session: Session, parts: AsyncIterator[Part]) -> Outcome:
        async with fed(parts) as feed:
            return await self._store(session, feed)

    async def _store(self, session: Session, feed: Feed) -> Outcome:
        labels = [each for each in self._labels if each is not None]
        table, lookups = self._target.table.name, [each.lookup for each in labels]
        spares = bool(labels) and await may_spare(session, table, lookups, self._features, updates=False)
        for each in labels:
            await each.read(session, locks=spares)
        copier = Copier(
            session,
            self._target,
            table,
            takes_text=not labels,
            may_skip_rows=True,
            checks_keys=bool(labels) and not spares,
        )
        notes = (NOTE,) if spares else ()
        try:
            async with spared(session) if spares else nullcontext():
                await copier.send(feed)
        except (Detour, CannotSkipError):
            feed.recode(plain_encoder(self._staged.hooks))
            outcome = await self._staged.store_from(session, feed)
            counts = outcome.counts + Counts(inserted=copier.stored)
            return replace(outcome, counts=counts, notes=(*notes, *outcome.notes))
        await advance_identity(session, self._target)
        return Outcome(Counts(inserted=copier.stored), notes=notes)


class FillingStore(DirectStore):
    """Copies rows into a table that is empty, and merges them into one that is not."""

    async def _store(self, session: Session, feed: Feed) -> Outcome:
        if not await self._may_fill(session):
            feed.recode(plain_encoder(self._staged.hooks))
            return await self._staged.store_from(session, feed)
        copier = Copier(session, self._target, self._target.table.name, saves=True)
        try:
            await copier.send(feed)
        except (Detour, CannotSkipError):
            return await self._merge_rest(session, feed, copier.stored)
        except RowError:
            if copier.refusal is None or copier.refusal.sqlstate != UNIQUE_VIOLATION:
                raise
            # a key that the stream has twice
            return await self._merge_rest(session, feed, copier.stored)
        await advance_identity(session, self._target)
        return Outcome(Counts(inserted=copier.stored), await find_highest(session, self._target))

    async def _may_fill(self, session: Session) -> bool:
        name = self._target.table.name
        # rows that others add meanwhile would neither be in the stream nor known to be missing
        return await (claim_empty if self._target.mode.replaces_all else is_empty)(session, name)

    async def _merge_rest(self, session: Session, feed: Feed, stored: int) -> Outcome:
        """Upsert the rows that are left."""
        highest = await find_highest(session, self._target)
        options = replace(self._target.options, mode=LoadMode.UPSERT, only_changed=False)
        store = _RestStore(replace(self._target, options=options), self._transfers, self.text, self._features)
        feed.recode(plain_encoder(store.hooks))
        outcome = await store.store_from(session, feed)
        counts = outcome.counts
        counts = replace(
            counts,
            inserted=stored + counts.inserted,
            updated=counts.updated - store.own_rows,
            superseded=counts.superseded + store.own_rows,
        )
        return Outcome(counts, await highest_of(session, self._target, [highest, outcome.watermark]), outcome.notes)


class _RestStore(StagedStore):
    """Merges rows of which some may replace others that the same stream has copied before."""

    own_rows = 0
    """How many did."""

    async def _merge(self, session: Session, staging: Staging, copier: Copier, *, spares: bool) -> Counts:
        self.own_rows = await count_own(session, staging)
        return await super()._merge(session, staging, copier, spares=spares)
