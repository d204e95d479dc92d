"""Lines of LOAD DATA as the form of these servers' own; see `OwnForm`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pysqlsync_engine.data.arrow_columns import ColumnWriter, FittedColumn
from pysqlsync_engine.data.own_form import Layout, Splitter
from pysqlsync_engine.data.target import LoadTarget
from pysqlsync_engine.data.text import TextFormat
from pysqlsync_engine.dialect.mysql.live_types import find_types
from pysqlsync_engine.dialect.mysql.text_lines import choose_cells
from pysqlsync_engine.dialect.mysql.transfer import Transfer
from pysqlsync_engine.dialect.text_rows import are_among, make_rows
from pysqlsync_engine.session import Session


class LineForm:
    """Chooses what writes the rows of a stream."""

    def __init__(self, target: LoadTarget, transfers: Sequence[Transfer]) -> None:
        self._target = target
        self._transfers = transfers
        self._types: Mapping[str, str | None] = {}

    async def prepare(self, session: Session) -> None:
        self._types = await find_types(session, self._target.table.name)

    def for_columns(self, columns: Sequence[FittedColumn]) -> ColumnWriter | None:
        """:returns: `None`: columns of Apache Arrow are sent as text."""
        del columns
        return None

    def for_text(self, form: TextFormat, layout: Layout) -> Splitter | None:
        looked_up = {transfer.column.name.name for transfer in self._transfers if transfer.lookup is not None}
        rows = make_rows(form, layout, choose_cells(self._transfers), looked_up, lines=True)
        return rows if rows is not None and are_among(self._types, rows.types) else None
