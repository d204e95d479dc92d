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

from pysqlsync_engine.data.cell_patterns import (
    ANY,
    bad_escape,
    compile_run,
    loose_cells,
    masked_cells,
    plain_cells,
    quoted_null,
    strict_cells,
    tidy_quotes,
)
from pysqlsync_engine.data.sources import Fields
from pysqlsync_engine.data.target import LoadTarget
from pysqlsync_engine.data.text import ANY_TYPES, TextFormat, TextRules, count_lines
from pysqlsync_engine.model.annotations import key_annotations, member_label, unwrap
from pysqlsync_engine.model.data_types import SqlJson, SqlType

_ALIKE = frozenset({str, int, float, Decimal, bool, datetime, date, time, UUID, IPv4Address, IPv6Address})
"""Types whose values files spell as servers do, as far as the rules of a store say so."""

_LINE = re.compile(rb"[^\n]*+\n")
"""A record that has no line feed in it."""


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
    :param written: What it is given in place of them: the rows in its own form; `None` for their text.
    """

    start: int
    end: int
    rows: int
    is_good: bool
    written: bytes | None = None


class Guard:
    """Splits text of a file into records that a server stores exactly, and others."""

    types = ANY_TYPES

    def __init__(self, form: TextFormat, layout: Sequence[int | None], rules: TextRules, *, is_complete: bool) -> None:
        """
        Compile the expressions for a layout.

        :param layout: For each cell of a record the position of its column; `None` for one that is left out.
        :param is_complete: True to find all that is wrong, false to leave to the server what it refuses itself.
        """
        self._form = form
        self._cells = [ANY if position is None else rules.columns[position] or ANY for position in layout]
        self._escapes = rules.escapes
        self._checks_encoding = is_complete or not rules.decodes
        self._bad_escape = bad_escape(form, rules.escapes)
        self._counts_cells = is_complete or not rules.counts_cells
        self._plain = compile_run((plain_cells if self._counts_cells else loose_cells)(form, self._cells), form)

    @cached_property
    def _strict(self) -> re.Pattern[bytes]:
        """Expression for records that may have escapes, quotes or control characters."""
        return compile_run(strict_cells(self._form, self._cells, self._escapes), self._form)

    @cached_property
    def _masked(self) -> re.Pattern[bytes]:
        """Expression for records with quotes, but neither delimiters nor line feeds in them."""
        return compile_run(masked_cells(self._form, self._cells), self._form)

    @cached_property
    def _mask(self) -> Mask:
        return Mask(self._form)

    @cached_property
    def _record(self) -> re.Pattern[bytes]:
        return record_pattern(self._form)

    def split(self, records: bytes) -> list[Span]:
        """:returns: All records, in order; neighbours of a kind are one span."""
        spans = self._quick_spans(records)
        if spans is None:
            spans = list(_spans(self._strict, records, self._record))
        if self._checks_encoding and not is_decodable(records):
            spans = [part for span in spans for part in self._decodable(records, span)]
        return joined(spans)

    def _quick_spans(self, records: bytes) -> list[Span] | None:
        """:returns: As `split`; `None` if each character has to be looked at."""
        if b"\r" in records or b"\0" in records:
            return None
        if self._form.quote is not None and self._form.quote.encode() in records:
            masked = self._mask.apply(records)
            return None if masked is None else self._counted(list(_spans(self._masked, masked, _LINE)), masked)
        if self._form.quote is None:
            if self._bad_escape.search(records) is not None:
                return None
        elif b"\\.\n" in records:
            # alone on its line, it would be the end of the rows
            return None
        spans = list(_spans(self._plain, records, _LINE))
        return self._counted(spans, records) if self._counts_cells else spans

    def _counted(self, spans: list[Span], text: bytes) -> list[Span] | None:
        """:returns: The spans; `None` if a cell of those that are good has a line feed, which leaves too few delimiters."""
        delimiter, width = self._form.delimiter.encode(), len(self._cells) - 1
        good = (span for span in spans if span.is_good)
        return spans if all(text.count(delimiter, s.start, s.end) == width * s.rows for s in good) else None

    def _decodable(self, records: bytes, span: Span) -> Iterator[Span]:
        if not span.is_good:
            yield span
            return
        for match in self._record.finditer(records, span.start, span.end):
            yield Span(match.start(), match.end(), 1, is_decodable(match[0]))

    def find_cell(self, record: bytes) -> tuple[int, bytes] | None:
        """:returns: Position and text of the first cell of a record that is not as the server would have it."""
        position, delimiter = 0, re.escape(self._form.delimiter.encode())
        for index, cell in enumerate(strict_cells(self._form, self._cells, self._escapes)):
            end = rb"\n" if index == len(self._cells) - 1 else delimiter
            match = re.compile(cell + end).match(record, position)
            if match is None:
                return index, re.split(rb"[\n" + delimiter + rb"]", record[position:], maxsplit=1)[0]
            position = match.end()
        return None


class Mask:
    """Hides what is in quotes, so that each delimiter ends a cell and each line feed a record."""

    def __init__(self, form: TextFormat) -> None:
        self._quote = (form.quote or "").encode()
        self._tidy = tidy_quotes(form)
        self._quoted_null = quoted_null(form)
        # which no text has that is masked
        self._hidden = bytes.maketrans(form.delimiter.encode() + b"\n", b"\0\0")

    def apply(self, records: bytes) -> bytes | None:
        """:returns: Text of the same length; `None` if a quote is at an odd place, or around the spelling of NULL."""
        found = self._tidy.match(records)
        if found is None or found.end() < len(records) or self._quoted_null.search(records) is not None:
            return None
        pieces = records.split(self._quote)
        # between an odd quote and the next one, quotes in quotes being none of text each
        pieces[1::2] = self._quote.join(pieces[1::2]).translate(self._hidden).split(self._quote)
        return self._quote.join(pieces)


def _spans(run: re.Pattern[bytes], text: bytes, record: re.Pattern[bytes]) -> Iterator[Span]:
    """
    :param run: Expression for good records.
    :param record: Expression for any one of them.
    """
    position, size = 0, len(text)
    while position < size:
        match = run.match(text, position)
        end = position if match is None else match.end()
        if end > position:
            yield Span(position, end, _count(record, text, position, end), is_good=True)
        position = end
        if position < size:
            match = record.match(text, position)
            end = size if match is None else match.end()
            yield Span(position, end, 1, is_good=False)
            position = end


def _count(record: re.Pattern[bytes], text: bytes, start: int, end: int) -> int:
    """:returns: How many records there are from one position to another."""
    if record is not _LINE:
        return sum(1 for _ in record.finditer(text, start, end))
    return count_lines(text if end - start == len(text) else text[start:end])


def joined(spans: list[Span]) -> list[Span]:
    """:returns: The spans, those that follow each other and are of a kind as one; nothing is written yet for either."""
    found: list[Span] = []
    for span in spans:
        last = found[-1] if found else None
        if last is not None and last.is_good == span.is_good:
            found[-1] = Span(last.start, span.end, last.rows + span.rows, span.is_good)
        else:
            found.append(span)
    return found


def is_decodable(records: bytes) -> bool:
    """:returns: True for UTF-8."""
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
        return _LINE
    quote, delimiter = re.escape(form.quote.encode()), re.escape(form.delimiter.encode())
    rest = rb"[^" + delimiter + rb"\n]*+"
    quoted = quote + rb"(?:[^" + quote + rb"]++|" + quote + quote + rb")*+" + quote + rest
    plain = rb"(?!" + quote + rb")" + rest
    cell = rb"(?:" + quoted + rb"|" + plain + rb")"
    return re.compile(rb"(?:" + cell + delimiter + rb")*+" + cell + rb"\n")
