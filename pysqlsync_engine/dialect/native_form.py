"""Rows in the form of a server, as far as columns are on the server what they are described as; see `OwnForm`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeAlias

from pysqlsync_engine.data.arrow_columns import ColumnWriter, FittedColumn
from pysqlsync_engine.data.own_form import Layout, Splitter
from pysqlsync_engine.data.text import TextFormat
from pysqlsync_engine.dialect.text_rows import CellForm, make_rows
from pysqlsync_engine.errors import StatementError
from pysqlsync_engine.model.id_types import QualifiedId
from pysqlsync_engine.session import Session

SERIALIZATION_FAILURE = "40001"

LiveTypes: TypeAlias = Mapping[str, str | None]
"""By name of a column the type that it has on the server; `None` for one to which nothing but text is sent."""

FindTypes: TypeAlias = Callable[[Session, QualifiedId], Awaitable[LiveTypes]]
"""Asks a server for the columns of a table; there are none if it does not exist."""


class NativeForm:
    """Chooses what makes rows of text."""

    def __init__(
        self,
        table: QualifiedId,
        find_types: FindTypes,
        cells: Mapping[str, CellForm | None],
        *,
        lines: bool = False,
    ) -> None:
        """
        Know what rows are made of, and where they go.

        :param cells: See `make_rows`, as for `lines`.
        """
        self._table = table
        self._find_types = find_types
        self._cells = cells
        self._lines = lines
        self._live: LiveTypes = {}

    async def prepare(self, session: Session) -> None:
        self._live = await self._find_types(session, self._table)

    def for_columns(self, columns: Sequence[FittedColumn]) -> ColumnWriter | None:
        """:returns: `None`: columns of Apache Arrow are sent as text."""
        del columns
        return None

    def for_text(self, form: TextFormat, layout: Layout) -> Splitter | None:
        rows = make_rows(form, layout, self._cells, lines=self._lines)
        return rows if rows is not None and self.has(rows.types) else None

    def has(self, types: Mapping[str, Sequence[str]]) -> bool:
        """:returns: True if columns have types that they may have."""
        return has_types(self._live, types)


async def confirm_types(
    session: Session, table: QualifiedId, find_types: FindTypes, types: Mapping[str, Sequence[str]]
) -> None:
    """
    Make sure that columns are what rows were written for: bytes of one type may be a value of another.

    :param table: Is locked, so that they stay so.
    :param types: See `BinaryPart.types`.
    :raises StatementError: if they were changed since; the stream can be sent again.
    """
    require_types(await find_types(session, table), table, types)


def require_types(live: LiveTypes, table: QualifiedId, types: Mapping[str, Sequence[str]]) -> None:
    """
    Make sure that columns are what rows were written for; see `confirm_types`.

    :param live: What they are since the table is locked.
    """
    if not has_types(live, types):
        raise StatementError(
            f"{table.display}: columns got other types while rows were made for them; send the stream again",
            statement=f"rows for {table.display}",
            sqlstate=SERIALIZATION_FAILURE,
            is_transient=True,
        )


def has_types(live: LiveTypes, types: Mapping[str, Sequence[str]]) -> bool:
    """:returns: True if columns have types that they may have."""
    return all(live.get(name) in expected for name, expected in types.items())
