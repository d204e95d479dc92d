"""Rows of binary COPY as the form of this server's own; see `OwnForm`."""

from __future__ import annotations

from collections.abc import Sequence

from pysqlsync_engine.data.arrow_columns import ColumnWriter, FittedColumn
from pysqlsync_engine.data.target import LoadTarget
from pysqlsync_engine.data.text import TextRules
from pysqlsync_engine.dialect.native_form import NativeForm
from pysqlsync_engine.dialect.postgresql.binary_rows import choose_binary
from pysqlsync_engine.dialect.postgresql.live_types import find_types
from pysqlsync_engine.dialect.postgresql.text_binary import choose_cells
from pysqlsync_engine.dialect.postgresql.transfer import Transfer


class BinaryForm(NativeForm):
    """Chooses what makes rows of text, and of columns of Apache Arrow."""

    def __init__(self, target: LoadTarget, transfers: Sequence[Transfer], rules: TextRules) -> None:
        self._transfers = transfers
        super().__init__(target.table.name, find_types, choose_cells(target, transfers, rules))

    def for_columns(self, columns: Sequence[FittedColumn]) -> ColumnWriter | None:
        """See `OwnForm`."""
        rows = choose_binary(columns, self._transfers)
        return rows if rows is not None and self.has(rows.types) else None
