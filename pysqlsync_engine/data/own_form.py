"""Rows in a form of a server's own, which it takes with less work than text: what a store says of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeAlias

from pysqlsync_engine.data.arrow_columns import ColumnWriter, FittedColumn
from pysqlsync_engine.data.guard import Span
from pysqlsync_engine.data.text import TextFormat
from pysqlsync_engine.session import Session

Layout: TypeAlias = Sequence[int | None]
"""For each cell of a record the position of its column; `None` for one that is left out."""

MAX_SLOW_SPANS = 32
"""Most runs of records in a chunk that are parsed apart; with more of them the whole chunk is, as each costs messages of its own."""


class Splitter(Protocol):
    """Splits text of a file into records that a server stores exactly, and others."""

    @property
    def types(self) -> Mapping[str, Sequence[str]]:
        """By name of a column the types that it has to have for `Span.written`; see `BinaryPart`."""
        ...

    def split(self, records: bytes) -> list[Span]:
        """:returns: All records, in order; neighbours of a kind are one span."""
        ...

    def find_cell(self, record: bytes) -> tuple[int, bytes] | None:
        """:returns: Position and text of the first cell of a record that is not as the server would have it."""
        ...


class OwnForm(Protocol):
    """Chooses what writes rows of a stream in the form of the server, if the columns are there what they are described as."""

    async def prepare(self, session: Session) -> None:
        """Find out what types columns have, before the transaction begins; nothing is written of what is not known."""
        ...

    def for_columns(self, columns: Sequence[FittedColumn]) -> ColumnWriter | None:
        """:returns: What writes rows of these columns of Apache Arrow; `None` if nothing does so exactly."""
        ...

    def for_text(self, form: TextFormat, layout: Layout) -> Splitter | None:
        """:returns: What makes rows of the text of a file, as `Span.written`; `None` if nothing does so exactly."""
        ...
