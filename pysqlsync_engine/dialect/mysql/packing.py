"""Makes shipments of the parts of a stream: says which text is taken, and what becomes of each cell."""

from __future__ import annotations

from collections.abc import Sequence

from pysqlsync_engine.data.codec import compile_encoder
from pysqlsync_engine.data.hooks import Hook
from pysqlsync_engine.data.lines import compile_line_encoder
from pysqlsync_engine.data.parts import BinaryPart, EncodedBatch
from pysqlsync_engine.data.target import LoadTarget
from pysqlsync_engine.data.text import TextPart, TextRules
from pysqlsync_engine.dialect.mysql.sending import Sendable
from pysqlsync_engine.dialect.mysql.shipments import Shipment, ship_lines, ship_rows, ship_text
from pysqlsync_engine.dialect.mysql.spellings import find_spelling
from pysqlsync_engine.dialect.mysql.staging import Cell, is_staged
from pysqlsync_engine.dialect.mysql.transfer import Transfer, strict_hook
from pysqlsync_engine.dialect.text_rows import find_line_speller
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
        self._encode_lines = compile_line_encoder(
            self.hooks, [transfer.is_text for transfer in transfers], find_line_speller()
        )
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

    def pack(self, gathered: Sendable, *, is_numbered: bool) -> Shipment:
        """:param is_numbered: False for rows that go to the table itself."""
        rows, texts, lines = self._row_cells, self._text_cells, self._line_cells
        if not is_numbered:
            rows, texts, lines = ([_given(cell) for cell in cells] for cells in (rows, texts, lines))
        if isinstance(gathered, EncodedBatch):
            return ship_rows(gathered, self._encode_lines, self._encode, rows)
        if made := [part for part in gathered if isinstance(part, BinaryPart)]:
            return ship_lines(made, texts, lines)
        return ship_text([part for part in gathered if isinstance(part, TextPart)], texts)


def _given(cell: Cell | None) -> Cell | None:
    """:returns: The cell; for a column that counts, one that the server refuses if it is NULL, rather than to count."""
    if cell is None or not cell.is_counted:
        return cell
    return Cell(cell.column, f"IFNULL({cell.cast}, 'NULL')", is_counted=True)


def _unchanged(batch: Batch) -> Batch:
    return batch
