"""
Stores rows in PostgreSQL by COPY: into the table itself, or into a temporary staging table from which they are merged.
"""

from __future__ import annotations

from pysqlsync_engine.capabilities import Capabilities
from pysqlsync_engine.data.load_options import OnError
from pysqlsync_engine.data.loading import RowStore
from pysqlsync_engine.data.target import LoadTarget
from pysqlsync_engine.dialect.postgresql.capabilities import features_of
from pysqlsync_engine.dialect.postgresql.direct import DirectStore, FillingStore, fills_directly, inserts_directly
from pysqlsync_engine.dialect.postgresql.quarantine import LenientStore
from pysqlsync_engine.dialect.postgresql.staged import StagedStore
from pysqlsync_engine.dialect.postgresql.text_rules import text_rules
from pysqlsync_engine.dialect.postgresql.transfer import make_transfer
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
        if inserts_directly(target, transfers):
            return DirectStore(target, transfers, rules, features)
        if fills_directly(target, transfers):
            return FillingStore(target, transfers, rules, features)
        return StagedStore(target, transfers, rules, features)

    async def count(self, session: Session, table: Table) -> int:
        ((rows,),) = await session.fetch(f"SELECT count(*) FROM {table.name}")
        return rows
