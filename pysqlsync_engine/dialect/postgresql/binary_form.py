"""Rows of binary COPY as the form of this server's own; see `OwnForm`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pysqlsync_engine.data.arrow_columns import ColumnWriter, FittedColumn
from pysqlsync_engine.data.own_form import Layout, Splitter
from pysqlsync_engine.data.target import LoadTarget
from pysqlsync_engine.data.text import TextFormat, TextRules
from pysqlsync_engine.dialect.postgresql.binary_rows import choose_binary
from pysqlsync_engine.dialect.postgresql.live_types import has_types
from pysqlsync_engine.dialect.postgresql.text_binary import choose_text
from pysqlsync_engine.dialect.postgresql.transfer import Transfer
from pysqlsync_engine.session import Session


class BinaryForm:
    """Chooses what writes the rows of a stream, if the columns are on the server what they are described as."""

    def __init__(self, target: LoadTarget, transfers: Sequence[Transfer], rules: TextRules) -> None:
        self._target = target
        self._transfers = transfers
        self._rules = rules
        self._session: Session | None = None

    def use(self, session: Session) -> None:
        """Ask a session what types columns have; before there is one, nothing is written in this form."""
        self._session = session

    async def for_columns(self, columns: Sequence[FittedColumn]) -> ColumnWriter | None:
        writer = choose_binary(columns, self._transfers)
        return writer if writer is not None and await self._has(writer.types) else None

    async def for_text(self, form: TextFormat, layout: Layout) -> Splitter | None:
        rows = choose_text(form, layout, self._target, self._transfers, self._rules)
        return rows if rows is not None and await self._has(rows.types) else None

    async def _has(self, types: Mapping[str, Sequence[str]]) -> bool:
        return self._session is not None and await has_types(self._session, self._target.table.name, types)
