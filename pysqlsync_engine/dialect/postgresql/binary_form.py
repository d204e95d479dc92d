"""Rows of binary COPY as the form of this server's own; see `OwnForm`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pysqlsync_engine.data.arrow_columns import ColumnWriter, FittedColumn
from pysqlsync_engine.data.own_form import Layout, Splitter
from pysqlsync_engine.data.target import LoadTarget
from pysqlsync_engine.data.text import TextFormat, TextRules
from pysqlsync_engine.dialect.postgresql.binary_rows import choose_binary
from pysqlsync_engine.dialect.postgresql.live_types import find_types
from pysqlsync_engine.dialect.postgresql.text_binary import choose_cells
from pysqlsync_engine.dialect.postgresql.transfer import Transfer
from pysqlsync_engine.dialect.text_rows import are_among, make_rows
from pysqlsync_engine.session import Session


class BinaryForm:
    """Chooses what writes the rows of a stream."""

    def __init__(self, target: LoadTarget, transfers: Sequence[Transfer], rules: TextRules) -> None:
        self._target = target
        self._transfers = transfers
        self._rules = rules
        self._types: Mapping[str, str | None] = {}

    async def prepare(self, session: Session) -> None:
        self._types = await find_types(session, self._target.table.name)

    def for_columns(self, columns: Sequence[FittedColumn]) -> ColumnWriter | None:
        rows = choose_binary(columns, self._transfers)
        return rows if rows is not None and are_among(self._types, rows.types) else None

    def for_text(self, form: TextFormat, layout: Layout) -> Splitter | None:
        looked_up = {transfer.column.name.name for transfer in self._transfers if transfer.lookup is not None}
        rows = make_rows(form, layout, choose_cells(self._target, self._transfers, self._rules), looked_up)
        return rows if rows is not None and are_among(self._types, rows.types) else None
