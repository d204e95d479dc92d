"""Makes shipments of the parts of a stream: says which text is taken, and what becomes of each cell."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from pysqlsync_engine.data.codec import compile_encoder
from pysqlsync_engine.data.hooks import Hook
from pysqlsync_engine.data.lines import LineEncoder, compile_line_encoder
from pysqlsync_engine.data.parts import BinaryPart, EncodedBatch
from pysqlsync_engine.data.target import LoadTarget
from pysqlsync_engine.data.text import TextPart, TextRules
from pysqlsync_engine.dialect.mysql.line_values import choose_values, line_hook
from pysqlsync_engine.dialect.mysql.sending import Sendable
from pysqlsync_engine.dialect.mysql.shipments import (
    Lines,
    Shipment,
    order_of,
    ship_lines,
    ship_rows,
    ship_text,
    spell_rows,
)
from pysqlsync_engine.dialect.mysql.spellings import find_spelling
from pysqlsync_engine.dialect.mysql.staging import Cell, Destination, is_staged
from pysqlsync_engine.dialect.mysql.transfer import Transfer, strict_hook
from pysqlsync_engine.dialect.native_form import LiveTypes, has_types
from pysqlsync_engine.dialect.text_rows import find_line_speller
from pysqlsync_engine.model.data_types import SqlUuid
from pysqlsync_engine.session import Batch

ESCAPES = "bnrt\\"
"""https://dev.mysql.com/doc/refman/8.4/en/load-data.html"""


class Packer:
    """
    Makes shipments.

    :param obstacle: Why text of files cannot be sent; `None` if it can.
    :param is_lenient: True if rows that cannot be stored are set aside, so that all of them should be found beforehand.
    """

    def __init__(
        self, target: LoadTarget, transfers: Sequence[Transfer], *, obstacle: str | None, is_lenient: bool
    ) -> None:
        self.target = target
        self.hooks: list[Hook] = [strict_hook(t.hook) if is_lenient and t.is_text else t.hook for t in transfers]
        spellings = [find_spelling(transfer, is_sure=is_lenient) for transfer in transfers]
        self.rules = TextRules(
            tuple(None if s is None else s.cells.of(t.column) for s, t in zip(spellings, transfers, strict=True)),
            obstacle=obstacle,
            escapes=ESCAPES,
            skips=True,
            quoted=True,
            decodes=False,
            counts_cells=False,
        )
        self.notes = () if obstacle is None else (obstacle,)
        spell = find_line_speller()
        line_hooks = self.hooks if spell is None else [line_hook(hook) for hook in self.hooks]
        self._encode_lines = compile_line_encoder(line_hooks, [transfer.is_text for transfer in transfers], spell)
        # others mostly come in their order, or are not compared as they are spelled
        self._scattered = {t.column.name for t in transfers if isinstance(t.sent, SqlUuid)}
        self._transfers = transfers
        self._line_encoder: LineEncoder | None = None
        # lines are looked through for what these do not see
        self._encode = compile_encoder([strict_hook(t.hook) if t.is_text else t.hook for t in transfers]) or _unchanged
        self._row_cells = [self._cell(transfer, transfer.cast) for transfer in transfers]
        self._text_cells = [
            None if spelling is None else self._cell(transfer, spelling.cast)
            for transfer, spelling in zip(transfers, spellings, strict=True)
        ]
        self._line_cells = [self._cell(transfer, "{}") for transfer in transfers]

    def _cell(self, transfer: Transfer, cast: str) -> Cell | None:
        column = transfer.column
        if not is_staged(self.target, column.name.name):
            return None
        return Cell(column.name, cast, is_counted=column.identity is not None)

    def see_types(self, live: LiveTypes) -> None:
        """
        Spell rows as lines without a character set from now on, if the columns have the types for it.

        :param live: Those that they have since the table is locked.
        """
        values, spell = choose_values(self._transfers), find_line_speller()
        if values is None or spell is None:
            return
        named = zip(self._transfers, values, strict=True)
        if has_types(live, {t.column.name.name: value.types for t, value in named if value.types}):
            self._line_encoder = compile_line_encoder([value.hook for value in values], [], spell)

    def pack(self, gathered: Sendable, destination: Destination) -> Shipment:
        """:param destination: Has no numbers if it is the table itself."""
        rows, texts, lines = self._row_cells, self._text_cells, self._line_cells
        order = destination.order if destination.order in self._scattered else None
        if destination.number is None:
            rows, texts, lines = ([_given(cell) for cell in cells] for cells in (rows, texts, lines))
        if isinstance(gathered, EncodedBatch):
            made = None
            if self._line_encoder is not None:
                spelled = partial(spell_rows, gathered, self._line_encoder)
                # what types there are is known already
                made = Lines(tuple(lines), spelled, {}, order_of(lines, order))
            return ship_rows(gathered, self._encode_lines, self._encode, rows, made)
        if parts := [part for part in gathered if isinstance(part, BinaryPart)]:
            return ship_lines(parts, texts, lines, order)
        return ship_text([part for part in gathered if isinstance(part, TextPart)], texts)


def _given(cell: Cell | None) -> Cell | None:
    """:returns: The cell; for a column that counts, one that the server refuses if it is NULL, rather than to count."""
    if cell is None or not cell.is_counted:
        return cell
    return Cell(cell.column, f"IFNULL({cell.cast}, 'NULL')", is_counted=True)


def _unchanged(batch: Batch) -> Batch:
    return batch
