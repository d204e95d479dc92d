"""
Stores rows in MySQL and MariaDB by `LOAD DATA LOCAL`: into the table itself, or into a temporary staging table from which they are
merged.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from functools import partial

from pysqlsync_engine.capabilities import Capabilities
from pysqlsync_engine.data.hooks import Hook
from pysqlsync_engine.data.load_options import LoadMode, OnDuplicate, OnError
from pysqlsync_engine.data.load_report import Counts, Outcome
from pysqlsync_engine.data.loading import RowStore
from pysqlsync_engine.data.parts import Part, Rejects
from pysqlsync_engine.data.target import LoadTarget
from pysqlsync_engine.data.text import TextRules
from pysqlsync_engine.dialect.mysql.capabilities import features_of
from pysqlsync_engine.dialect.mysql.live_types import find_types
from pysqlsync_engine.dialect.mysql.locating import (
    add_labels,
    check_rows,
    locate_merged,
    locate_sent,
    merge_checked,
)
from pysqlsync_engine.dialect.mysql.merging import add_stubs, ease_locks, skip_superseded
from pysqlsync_engine.dialect.mysql.modes import make_merge
from pysqlsync_engine.dialect.mysql.names import quote_table
from pysqlsync_engine.dialect.mysql.packing import Packer
from pysqlsync_engine.dialect.mysql.quarantine import LenientStore
from pysqlsync_engine.dialect.mysql.refusals import cause_of, is_about_row
from pysqlsync_engine.dialect.mysql.sending import Ahead, send
from pysqlsync_engine.dialect.mysql.session import MySQLSession, as_mysql
from pysqlsync_engine.dialect.mysql.shipments import Numbering
from pysqlsync_engine.dialect.mysql.staging import Destination, Staging, drop, is_partial
from pysqlsync_engine.dialect.mysql.text_lines import choose_cells
from pysqlsync_engine.dialect.mysql.transfer import Transfer, make_transfer
from pysqlsync_engine.dialect.mysql.watermarks import find_watermark
from pysqlsync_engine.dialect.native_form import NativeForm, require_types
from pysqlsync_engine.errors import StatementError
from pysqlsync_engine.model.id_types import LocalId
from pysqlsync_engine.model.object_types import Table
from pysqlsync_engine.session import Session

NO_FILES = "the server takes no files of clients (local_infile is off), so rows are sent as statements"


class MySQLLoader:
    """Chooses how to store a stream of rows."""

    def __init__(self, capabilities: Capabilities) -> None:
        self._capabilities = capabilities

    def open(self, target: LoadTarget) -> RowStore:
        features = features_of(self._capabilities.version)
        transfers = [make_transfer(target, position, features) for position in range(len(target.columns))]
        obstacle = None if self._capabilities.client_files else NO_FILES
        is_lenient = target.options.on_error is OnError.QUARANTINE
        packer = Packer(target, transfers, obstacle=obstacle, is_lenient=is_lenient)
        if is_lenient:
            return LenientStore(target, transfers, packer, self._capabilities)
        if _is_direct(target, transfers):
            return DirectStore(target, transfers, packer)
        return StagedStore(target, transfers, packer)

    async def count(self, session: Session, table: Table) -> int:
        ((rows,),) = await session.fetch(f"SELECT count(*) FROM {quote_table(table.name)}")
        return rows


def _is_direct(target: LoadTarget, transfers: Sequence[Transfer]) -> bool:
    """:returns: True if rows can be sent to the table itself."""
    options, table = target.options, target.table
    return (
        options.mode is LoadMode.INSERT
        and options.on_duplicate is not OnDuplicate.HIGHEST
        # only staged rows can be asked for their highest value
        and (options.watermark is None or options.watermark.column is None)
        and not any(transfer.lookup is not None for transfer in transfers)
        and not target.stub_keys
        # the server checks each row against those before it
        and not any(key.referenced_table == table.name for key in table.foreign_keys)
        # a row without a value would get one that nobody has asked for
        and not is_partial(target)
    )


class StagedStore:
    """Sends rows to a staging table, and merges them from there."""

    is_numbered = False

    def __init__(self, target: LoadTarget, transfers: Sequence[Transfer], packer: Packer) -> None:
        self.own_form = NativeForm(target.table.name, find_types, choose_cells(transfers), lines=True)
        self._target = target
        self._transfers = transfers
        self._packer = packer
        self.hooks: Sequence[Hook | None] = packer.hooks
        self.text: TextRules = packer.rules

    async def prepare(self, session: Session) -> None:
        await ease_locks(as_mysql(session), self._target)

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
        numbering = await send_all(session, self._packer, staging.destination, parts)
        await add_labels(session, staging)
        await check_rows(session, staging, numbering)
        superseded = 0
        if staging.keys and staging.target.mode not in {LoadMode.INSERT, LoadMode.DELETE}:
            superseded = await skip_superseded(session, staging)
        stubbed = await add_stubs(session, staging)
        merge = make_merge(staging)
        try:
            async with session.transaction():
                counts = await merge.begin(session)
                counts += await merge_checked(session, staging, merge, numbering)
        except StatementError as error:
            if not is_about_row(error) or not numbering.sent:
                raise
            raise await locate_merged(session, staging, merge, error, numbering) from cause_of(self._target, error)
        watermark = await find_watermark(session, staging)
        return Outcome(counts + Counts(superseded=superseded, stubbed=stubbed), watermark, self._packer.notes)


class DirectStore(StagedStore):
    """Sends rows to the table itself; by way of a staging table if it could not be rolled back."""

    async def store(self, session: Session, parts: AsyncIterator[Part]) -> Outcome:
        session = as_mysql(session)
        if not await _is_transactional(session, self._target.table):
            return await super().store(session, parts)
        destination = Destination(self._target.table.name, order=_order_of(self._target.table))
        numbering = await send_all(session, self._packer, destination, parts)
        return Outcome(Counts(inserted=numbering.sent), notes=self._packer.notes)


def _order_of(table: Table) -> LocalId | None:
    """:returns: The column by which a table is kept in order before all others; `None` if rows are numbered as they come."""
    is_counting = any(column.identity is not None for column in table.columns)
    return None if is_counting or table.primary_key is None else table.primary_key.columns[0]


async def send_all(
    session: MySQLSession, packer: Packer, destination: Destination, parts: AsyncIterator[Part]
) -> Numbering:
    """
    Send all rows of a stream to a table.

    :returns: What numbers the rows have.
    :raises RowError: for a row that the server refuses.
    """
    numbering = Numbering()
    ahead = Ahead(parts, packer.pack, destination, spells=session.capabilities.client_files)
    name, live = packer.target.table.name, None
    try:
        while (shipment := await ahead.take()) is not None:
            if isinstance(shipment, Rejects):
                raise TypeError("rows that are set aside are not sent")
            if live is None and session.capabilities.client_files and (numbering.sent or shipment.lines is not None):
                if not numbering.sent:
                    # without a record it locks the table all the same, and asks for no other right than the next one
                    await session.load(partial(shipment.load_into, destination), (), 0)
                live = await find_types(session, name)
                packer.see_types(live)
            if live is not None and shipment.lines is not None:
                require_types(live, name, shipment.lines.types)
            try:
                async with session.transaction():
                    await send(session, destination, shipment, numbering.sent, ahead)
            except StatementError as error:
                located = await locate_sent(session, packer.target, destination, shipment, error, numbering.sent)
                if located is error:
                    raise
                raise located from cause_of(packer.target, error)
            numbering.add(shipment.runs)
    finally:
        await ahead.close()
    return numbering


async def _is_transactional(session: MySQLSession, table: Table) -> bool:
    """:returns: True if what is stored in the table can be rolled back; also if there is no such table."""
    found = await session.fetch(
        "SELECT engine FROM information_schema.tables WHERE table_schema = COALESCE(%s, database()) AND table_name = %s",
        table.name.namespace,
        table.name.name,
    )
    return all(engine == "InnoDB" for (engine,) in found)
