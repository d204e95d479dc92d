"""Tells which records of a file a server would store exactly as they would be stored as values: by one regular expression."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, is_dataclass
from datetime import date, datetime, time
from decimal import Decimal
from functools import cached_property
from ipaddress import IPv4Address, IPv6Address
from typing import Any
from uuid import UUID

from pysqlsync_engine.data.sources import Fields
from pysqlsync_engine.data.target import LoadTarget
from pysqlsync_engine.data.text import TextColumn, TextFormat, TextRules
from pysqlsync_engine.model.annotations import key_annotations, member_label, unwrap
from pysqlsync_engine.model.data_types import SqlJson, SqlType

_ALIKE = frozenset({str, int, float, Decimal, bool, datetime, date, time, UUID, IPv4Address, IPv6Address})
"""Types whose values files spell as servers do, as far as the rules of a store say so."""

_ANY = TextColumn()


def find_obstacle(form: TextFormat, fields: Fields, target: LoadTarget, rules: TextRules) -> str | None:
    """:returns: Why a store cannot be given the text of a file; `None` if it can, as far as is known before it is read."""
    if rules.obstacle is not None:
        return rules.obstacle
    if form.quote is not None and not rules.quoted:
        return "the server reads no cells in quotes"
    for name, annotation, column, rule in zip(fields.names, fields.types, target.columns, rules.columns, strict=True):
        if not _is_alike(annotation, column.data_type):
            return f"column {name!r}: files spell its values otherwise than the server does"
        if rule is None:
            return f"column {name!r}: the server would not store the text exactly"
    return None


def _is_alike(annotation: Any, data_type: SqlType) -> bool:
    """:returns: True if the text that a source reads as a value is how a server spells that value."""
    declared = unwrap(annotation)
    kind: Any = declared.type
    if kind in _ALIKE:
        return True
    if not isinstance(kind, type):
        return False
    if issubclass(kind, enum.Enum):
        return all(str(member.value) == member_label(member) for member in kind)
    cls: type[Any] = kind  # pyright: ignore[reportUnknownVariableType] - any class
    if is_dataclass(cls):
        keys = tuple(key_annotations(cls).values())
        return len(keys) == 1 and _is_alike(keys[0], data_type)
    # any document, which is not looked into
    is_free = len(declared.arguments) != 2 or unwrap(declared.arguments[1]).type is Any
    return cls is dict and is_free and isinstance(data_type, SqlJson)


@dataclass(frozen=True, slots=True)
class Span:
    """
    Records that follow each other.

    :param is_good: True if the server may be given them as they are.
    """

    start: int
    end: int
    rows: int
    is_good: bool


class Guard:
    """Splits text of a file into records that a server stores exactly, and others."""

    def __init__(self, form: TextFormat, layout: Sequence[int | None], rules: TextRules, *, is_complete: bool) -> None:
        """
        Compile the expressions for a layout.

        :param layout: For each cell of a record the position of its column; `None` for one that is left out.
        :param is_complete: True to find all that is wrong, false to leave to the server what it refuses itself.
        """
        self._form = form
        self._cells = [_ANY if position is None else rules.columns[position] or _ANY for position in layout]
        self._escapes = rules.escapes
        self._checks_encoding = is_complete or not rules.decodes
        self._bad_escape = _bad_escape(form, rules.escapes)
        self._plain = _compile_run(
            _plain_cells(form, self._cells, is_complete=is_complete or not rules.counts_cells), form
        )

    @cached_property
    def _strict(self) -> re.Pattern[bytes]:
        """Expression for records that may have escapes, quotes or control characters."""
        return _compile_run(_strict_cells(self._form, self._cells, self._escapes), self._form)

    @cached_property
    def _record(self) -> re.Pattern[bytes]:
        return record_pattern(self._form)

    def split(self, records: bytes) -> list[Span]:
        """:returns: All records, in order; neighbours of a kind are one span."""
        pattern = self._strict if self._is_special(records) else self._plain
        spans: list[Span] = []
        position, size = 0, len(records)
        while position < size:
            match = pattern.match(records, position)
            end = position if match is None else match.end()
            if end > position:
                spans.append(Span(position, end, self._count(records, position, end), is_good=True))
            position = end
            if position < size:
                end = self._end(records, position)
                spans.append(Span(position, end, 1, is_good=False))
                position = end
        if self._checks_encoding and not _is_decodable(records):
            spans = [part for span in spans for part in self._decodable(records, span)]
        return _joined(spans)

    def _is_special(self, records: bytes) -> bool:
        """:returns: True if there is a character for which each cell has to be looked at."""
        if b"\r" in records or b"\0" in records:
            return True
        quote = self._form.quote
        return self._bad_escape.search(records) is not None if quote is None else quote.encode() in records

    def _count(self, records: bytes, start: int, end: int) -> int:
        if self._form.quote is None or records.find(self._form.quote.encode(), start, end) < 0:
            return records.count(b"\n", start, end)
        return sum(1 for _ in self._record.finditer(records, start, end))

    def _end(self, records: bytes, start: int) -> int:
        match = self._record.match(records, start)
        return len(records) if match is None else match.end()

    def _decodable(self, records: bytes, span: Span) -> Iterator[Span]:
        if not span.is_good:
            yield span
            return
        for match in self._record.finditer(records, span.start, span.end):
            yield Span(match.start(), match.end(), 1, _is_decodable(match[0]))

    def find_cell(self, record: bytes) -> tuple[int, bytes] | None:
        """:returns: Position and text of the first cell of a record that is not as the server would have it."""
        position, delimiter = 0, re.escape(self._form.delimiter.encode())
        for index, cell in enumerate(_strict_cells(self._form, self._cells, self._escapes)):
            end = rb"\n" if index == len(self._cells) - 1 else delimiter
            match = re.compile(cell + end).match(record, position)
            if match is None:
                return index, re.split(rb"[\n" + delimiter + rb"]", record[position:], maxsplit=1)[0]
            position = match.end()
        return None


def _joined(spans: list[Span]) -> list[Span]:
    joined: list[Span] = []
    for span in spans:
        last = joined[-1] if joined else None
        if last is not None and last.is_good == span.is_good:
            joined[-1] = Span(last.start, span.end, last.rows + span.rows, span.is_good)
        else:
            joined.append(span)
    return joined


def _is_decodable(records: bytes) -> bool:
    if records.isascii():
        return True
    try:
        records.decode()
    except UnicodeDecodeError:
        return False
    return True


def record_pattern(form: TextFormat) -> re.Pattern[bytes]:
    """:returns: Expression for one record, of whatever cells, with its line feed."""
    if form.quote is None:
        return re.compile(rb"[^\n]*+\n")
    quote, delimiter = re.escape(form.quote.encode()), re.escape(form.delimiter.encode())
    rest = rb"[^" + delimiter + rb"\n]*+"
    quoted = quote + rb"(?:[^" + quote + rb"]++|" + quote + quote + rb")*+" + quote + rest
    plain = rb"(?!" + quote + rb")" + rest
    cell = rb"(?:" + quoted + rb"|" + plain + rb")"
    return re.compile(rb"(?:" + cell + delimiter + rb")*+" + cell + rb"\n")


def _bad_escape(form: TextFormat, escapes: str) -> re.Pattern[bytes]:
    """:returns: Expression for a backslash of its own, an escape that the server does not know, or a NULL that is no whole cell."""
    known = re.escape(escapes.replace("\\", "").replace("N", "")).encode()
    edge = rb"[" + re.escape(form.delimiter.encode()) + rb"\n]"
    return re.compile(rb"\\(?:[^N" + known + rb"]|N(?:(?<!" + edge + rb"\\N)|(?!" + edge + rb")))")


def _compile_run(cells: Sequence[bytes], form: TextFormat) -> re.Pattern[bytes]:
    """:returns: Expression for as many records as possible, one after another."""
    delimiter = re.escape(form.delimiter.encode())
    head = b"".join(b"(?>" + cell + delimiter + b")" for cell in cells[:-1])
    # alone on its line, it would be the end of the rows, or none at all
    single = rb"(?!(?:\\\.)?\n)" if form.quote is not None and len(cells) == 1 else b""
    return re.compile(b"(?:" + single + head + b"(?>" + cells[-1] + rb"\n))*+")


def _plain_cells(form: TextFormat, cells: Sequence[TextColumn], *, is_complete: bool) -> list[bytes]:
    """
    :param is_complete: False if the server refuses records that have not as many cells as they should. Then cells of any text need
        not end before the line does, and those at the end are one, which is found faster.
    :returns: Expressions for cells without special characters.
    """
    delimiter, null = re.escape(form.delimiter.encode()), re.escape(form.null.encode())
    other = rb"[^" + delimiter + rb"\n]"
    if is_complete:
        return [_cell(cell, null, other, other + b"*+") for cell in cells]
    guarded = len(cells)
    while guarded and cells[guarded - 1] == _ANY:
        guarded -= 1
    tail = [] if guarded == len(cells) else [rb"[^\n]*+"]
    # one at the very end is ended by the line only
    ends = [delimiter] * (guarded - 1 + len(tail)) + [rb"\n"]
    return [
        b"[^" + end + b"]*+" if cell == _ANY else _cell(cell, null, other, other + b"*+")
        for cell, end in zip(cells[:guarded], ends, strict=False)
    ] + tail


def _strict_cells(form: TextFormat, cells: Sequence[TextColumn], escapes: str) -> list[bytes]:
    """:returns: Expressions for cells one by one, which look at every character."""
    delimiter, null = re.escape(form.delimiter.encode()), re.escape(form.null.encode())
    if form.quote is None:
        other = rb"[^" + delimiter + rb"\n\r\x00\\]"
        text = other + rb"*+(?:\\[" + re.escape(escapes).encode() + rb"]" + other + rb"*+)*+"
        return [_cell(cell, null, other, text) for cell in cells]
    quote = re.escape(form.quote.encode())
    bare = rb"[^" + delimiter + rb"\n\r\x00" + quote + rb"]"
    inner = rb"[^\r\x00" + quote + rb"]"
    quoted = b"(?:" + inner + b"++|" + quote + quote + b")*+"
    return [
        b"(?:" + _cell(cell, null, bare, bare + b"*+")
        # in quotes it would not be NULL to a server
        + b"|" + quote + b"(?!" + null + quote + b")" + _text(cell, inner, quoted) + quote + b")"
        for cell in cells
    ]  # fmt: skip


def _cell(cell: TextColumn, null: bytes, other: bytes, text: bytes) -> bytes:
    """
    :param other: Class of the characters of a cell, but for escapes.
    :param text: Expression for a cell of any text.
    """
    if cell == _ANY and other + b"*+" == text:
        return text
    return b"(?:" + null + b"(?!" + other + b")|" + _text(cell, other, text) + b")"


def _text(cell: TextColumn, other: bytes, text: bytes) -> bytes:
    """:returns: Expression for a cell that is not NULL."""
    single = b"(?:" + other[:-1] + rb"\x80-\xff]|[\xc2-\xf4][\x80-\xbf]*+)"
    if cell.pattern is not None:
        text = b"(?:" + cell.pattern.encode() + b")"
    elif cell.max_characters is not None:
        # one that has no more bytes than characters are allowed is found much faster
        text = b"(?:" + other + b"{0,%d}+(?!" % cell.max_characters + other + b")|"
        text += single + b"{0,%d}+)" % cell.max_characters
    elif cell.max_bytes is not None:
        return other + b"{0,%d}+" % cell.max_bytes
    if cell.pattern is not None and cell.max_characters is not None:
        text = b"(?!" + single + b"{%d})" % (cell.max_characters + 1) + text
    return text if cell.max_bytes is None else b"(?!" + other + b"{%d})" % (cell.max_bytes + 1) + text
