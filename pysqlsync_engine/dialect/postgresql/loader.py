"""
Stores rows in PostgreSQL by COPY: into the table itself, or into a temporary staging table from which they are merged.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from pysqlsync_engine.capabilities import Capabilities
from pysqlsync_engine.data.encoding import plain_encoder
from pysqlsync_engine.data.hooks import Detour, Hook
from pysqlsync_engine.data.load_options import LoadMode, OnError
from pysqlsync_engine.data.load_report import Counts, Outcome
from pysqlsync_engine.data.loading import RowStore
from pysqlsync_engine.data.parts import Part
from pysqlsync_engine.data.target import LoadTarget
from pysqlsync_engine.data.text import TextRules
from pysqlsync_engine.dialect.postgresql.capabilities import features_of
from pysqlsync_engine.dialect.postgresql.copying import CannotSkipError, Copier, Feed
from pysqlsync_engine.dialect.postgresql.merging import advance_identity
from pysqlsync_engine.dialect.postgresql.quarantine import LenientStore
from pysqlsync_engine.dialect.postgresql.staged import StagedStore
from pysqlsync_engine.dialect.postgresql.text_rules import text_rules
from pysqlsync_engine.dialect.postgresql.transfer import Transfer, make_transfer, watch_limits
from pysqlsync_engine.model.object_types import Table
from pysqlsync_engine.session import Session


class PostgreSQLLoader:
    """Chooses how to store a stream of rows."""

    def __init__(self, capabilities: Capabilities) -> None:
        self._capabilities = capabilities

    def open(self, target: LoadTarget) -> RowStore:
        transfers = [make_transfer(target, position) for position in range(len(target.columns))]
        features = features_of(self._capabilities.version)
        if target.options.on_error is OnError.QUARANTINE:
            return LenientStore(target, transfers, text_rules(target, features, strict=True), self._capabilities)
        rules = text_rules(target, features, strict=False)
        if _is_direct(target, transfers):
            return DirectStore(target, transfers, rules)
        return StagedStore(target, transfers, rules)

    async def count(self, session: Session, table: Table) -> int:
        ((rows,),) = await session.fetch(f"SELECT count(*) FROM {table.name}")
        return rows


def _is_direct(target: LoadTarget, transfers: Sequence[Transfer]) -> bool:
    """:returns: True if rows can be copied into the table itself."""
    named = {column.name for column in target.columns}
    watermark = target.options.watermark
    return (
        target.mode is LoadMode.INSERT
        # only staged rows can be asked for their highest value
        and (watermark is None or watermark.column is None)
        # a foreign key is checked at the end of a statement, when COPY no longer knows the number of the row
        and all(named.isdisjoint(key.columns) for key in target.table.foreign_keys)
        and not any(transfer.is_text for transfer in transfers)
    )


class DirectStore:
    """Copies rows into the table itself; from the first part on that COPY cannot send, by way of a staging table."""

    is_numbered = False

    def __init__(self, target: LoadTarget, transfers: Sequence[Transfer], rules: TextRules) -> None:
        self._target = target
        self._staged = StagedStore(target, transfers, rules)
        self._watches = any(transfer.limits is not None for transfer in transfers)
        self.hooks: Sequence[Hook | None] = [
            transfer.hook if transfer.limits is None else watch_limits(transfer.hook) for transfer in transfers
        ]
        self.text = rules

    async def prepare(self, session: Session) -> None:
        del session

    async def store(self, session: Session, parts: AsyncIterator[Part]) -> Outcome:
        feed = Feed(parts)
        copier = Copier(session, self._target, self._target.table.name, saves=self._watches)
        try:
            await copier.send(feed)
        except (Detour, CannotSkipError):
            feed.recode(plain_encoder(self._staged.hooks))
            outcome = await self._staged.store_from(session, feed)
            return Outcome(outcome.counts + Counts(inserted=copier.stored), notes=outcome.notes)
        await advance_identity(session, self._target)
        return Outcome(Counts(inserted=copier.stored))
