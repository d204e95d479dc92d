"""
Makes rows in the form of a server of the text of a file: the server has less work with them than with the text, and what is exact is
found out on the way.

The code that does it is compiled when the package is installed. Where it could not be, text goes to the server as it is.
"""

from __future__ import annotations

import enum
import importlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any

from pysqlsync_engine.data.guard import Span, is_decodable, joined, record_pattern
from pysqlsync_engine.data.own_form import MAX_SLOW_SPANS, Layout
from pysqlsync_engine.data.text import TextFormat
from pysqlsync_engine.model.annotations import Unwrapped, key_annotations, unwrap

if TYPE_CHECKING:
    from pysqlsync_engine.dialect._text_rows import RowWriter

MAX_LABELS = 64
"""Most labels of a column, as each is compared with the cell."""

NO_LIMIT = -1


class CellKind(enum.IntEnum):
    """What a cell is read as; numbered as in `native/fields.h`."""

    TEXT = 0
    JSONB = 1
    INTEGER = 2
    FLOAT = 3
    DECIMAL = 4
    BOOLEAN = 5
    UUID = 6
    ADDRESS = 7
    DATE = 8
    TIMESTAMP = 9
    TIMESTAMPTZ = 10
    TIME = 11


@dataclass(frozen=True, slots=True)
class CellForm:
    """
    How the cells of a column are read, and what is written.

    :param types: Those of the server that hold what is written, by their names in the catalog; none for labels that are looked up, which
        are text wherever they are.
    :param limit: Most characters, bytes of a number, digits of a second, or digits before the point.
    :param scale: Digits after the point, or most bytes of text.
    :param first: First year, or 0 for integers without a sign.
    :param last: Last year.
    :param labels: The only texts that a cell may be; any text if there is none.
    :param nullable: False if the cells are no good if one spells NULL.
    """

    kind: CellKind
    types: tuple[str, ...]
    limit: int = NO_LIMIT
    scale: int = NO_LIMIT
    first: int = NO_LIMIT
    last: int = NO_LIMIT
    labels: tuple[str, ...] = ()
    nullable: bool = True


@cache
def find_compiled() -> ModuleType | None:
    """:returns: The code that makes rows, `_text_rows`; `None` if it was not compiled."""
    try:
        return importlib.import_module("pysqlsync_engine.dialect._text_rows")
    except ImportError:
        return None


def find_line_speller() -> Callable[[list[Any], int], bytes] | None:
    """:returns: What spells rows of so many values as lines, `spell_lines`; `None` if it was not compiled."""
    compiled = find_compiled()
    return None if compiled is None else compiled.spell_lines


def find_line_sorter() -> Callable[[list[bytes], int, int], bytes]:
    """
    :returns: What puts lines in order, `sort_lines`.
    :raises RuntimeError: if it was not compiled, and so nothing that makes lines.
    """
    compiled = find_compiled()
    if compiled is None:
        raise RuntimeError("nothing is compiled that puts lines in order")
    return compiled.sort_lines


def make_rows(
    form: TextFormat,
    layout: Layout,
    cells: Mapping[str, CellForm | None],
    *,
    lines: bool = False,
) -> TextRows | None:
    """
    :param cells: For each column of the stream, by name, how its cells are read; `None` if nothing is known that does.
    :param lines: True for lines of LOAD DATA without a character set, false for rows of binary COPY.
    :returns: What makes rows of records; `None` if a column has no form that is known, or nothing is compiled.
    """
    delimiter, quote = form.delimiter.encode(), (form.quote or "").encode()
    forms = list(cells.values())
    chosen = [None if position is None else forms[position] for position in layout]
    compiled = find_compiled()
    if compiled is None or len(delimiter) != 1 or len(quote) > 1:
        return None
    fields: list[Any] = []
    for position, cell in zip(layout, chosen, strict=True):
        if cell is not None and len(cell.labels) <= MAX_LABELS:
            labels = tuple(label.encode() for label in cell.labels)
            fields.append((cell.kind, cell.nullable, cell.limit, cell.scale, cell.first, cell.last, labels))
        elif position is None:
            fields.append(None)
        else:
            return None
    writer = compiled.RowWriter(tuple(fields), delimiter, quote, form.null.encode(), lines=lines)
    types = {name: cell.types for name, cell in cells.items() if cell is not None and cell.types}
    # text that is no UTF-8 is refused by a server that reads all of it as text
    return TextRows(writer, form, types, checks_encoding=lines or None in fields)


class TextRows:
    """Makes rows of records; see `Splitter`."""

    def __init__(
        self, writer: RowWriter, form: TextFormat, types: Mapping[str, Sequence[str]], *, checks_encoding: bool
    ) -> None:
        """
        Take what is compiled for a layout.

        :param types: See `Splitter.types`.
        :param checks_encoding: True to leave text that is no UTF-8 to others.
        """
        self.types = types
        self._writer = writer
        self._record = record_pattern(form)
        self._ends = re.compile(rb"[\n" + re.escape(form.delimiter.encode()) + rb"]")
        self._checks_encoding = checks_encoding

    def split(self, records: bytes) -> list[Span]:
        spans: list[Span] = []
        position, bad = 0, 0
        if self._checks_encoding and not is_decodable(records):
            bad = MAX_SLOW_SPANS + 1
        while position < len(records) and bad <= MAX_SLOW_SPANS:
            written, rows, end, cell, _ = self._writer.write(records, position)
            if rows:
                spans.append(Span(position, end, rows, is_good=True, written=written))
            position = end
            if cell >= 0:
                match = self._record.match(records, position)
                end = len(records) if match is None else match.end()
                spans.append(Span(position, end, 1, is_good=False))
                position = end
                bad += 1
        if position < len(records):
            # so many of them are parsed with all that is around them
            rest = sum(1 for _ in self._record.finditer(records, position))
            spans.append(Span(position, len(records), rest, is_good=False))
        return joined(spans)

    def find_cell(self, record: bytes) -> tuple[int, bytes] | None:
        _, _, _, cell, start = self._writer.write(record, 0)
        return None if cell < 0 else (cell, self._ends.split(record[start:], maxsplit=1)[0])


def cell_type(declared: Unwrapped) -> Any:
    """:returns: The Python type of the values in cells: for a class that describes another table, that of its key, if it is one."""
    kind: Any = declared.type
    if not (isinstance(kind, type) and is_dataclass(kind)):
        return kind  # pyright: ignore[reportUnknownVariableType] - any class
    keys = tuple(key_annotations(kind).values())
    return cell_type(unwrap(keys[0])) if len(keys) == 1 else kind
