"""Rows in a form of a server's own, which it takes with less work than text: what a store says of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeAlias

from pysqlsync_engine.data.arrow_columns import ColumnWriter, FittedColumn
from pysqlsync_engine.data.guard import Span
from pysqlsync_engine.data.text import TextFormat

Layout: TypeAlias = Sequence[int | None]
"""For each cell of a record the position of its column; `None` for one that is left out."""


MAX_SLOW_SPANS = 32
"""Most runs of records in a chunk that are parsed apart; with more of them the whole chunk is, as each costs messages of its own."""


class Splitter(Protocol):
    """Splits text of a file into records that a server stores exactly, and others."""

    def split(self, records: bytes) -> list[Span]:
        """:returns: All records, in order; neighbours of a kind are one span."""
        ...

    def find_cell(self, record: bytes) -> tuple[int, bytes] | None:
        """:returns: Position and text of the first cell of a record that is not as the server would have it."""
        ...


class OwnForm(Protocol):
    """Chooses what writes rows of a stream in the form of the server. Asked once, before the first row is sent."""

    async def for_columns(self, columns: Sequence[FittedColumn]) -> ColumnWriter | None:
        """:returns: What writes rows of these columns of Apache Arrow; `None` if nothing does so exactly."""
        ...

    async def for_text(self, form: TextFormat, layout: Layout) -> Splitter | None:
        """:returns: What makes rows of the text of a file, as `Span.written`; `None` if nothing does so exactly."""
        ...
