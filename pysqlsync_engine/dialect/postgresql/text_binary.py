"""
Makes rows of binary COPY of the text of a file: the server has less work with them than with text, and what is exact is found out on
the way.

The code that does it is compiled when the package is installed. Where it could not be, text goes to the server as it is.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from dataclasses import dataclass, is_dataclass
from datetime import date, datetime, time
from decimal import Decimal
from functools import cache
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import UUID

from pysqlsync_engine.data.guard import Span, is_decodable, joined, record_pattern
from pysqlsync_engine.data.own_form import MAX_SLOW_SPANS, Layout
from pysqlsync_engine.data.target import LoadTarget
from pysqlsync_engine.data.text import TextColumn, TextFormat, TextRules
from pysqlsync_engine.dialect.postgresql.binary_rows import STRINGS
from pysqlsync_engine.dialect.postgresql.text_rules import plain_labels
from pysqlsync_engine.dialect.postgresql.transfer import Transfer
from pysqlsync_engine.model.annotations import key_annotations, unwrap
from pysqlsync_engine.model.data_types import (
    SqlBoolean,
    SqlCharacter,
    SqlDate,
    SqlDecimal,
    SqlFloat,
    SqlInteger,
    SqlJson,
    SqlNamed,
    SqlNetworkAddress,
    SqlTime,
    SqlTimestamp,
    SqlType,
    SqlUuid,
)

if TYPE_CHECKING:
    from pysqlsync_engine.dialect.postgresql._text_rows import RowWriter

MAX_LABELS = 64
"""Most labels of a column, as each is compared with the cell."""

NO_LIMIT = -1

_CellField: TypeAlias = tuple[int, bool, int, int, tuple[bytes, ...]]
"""A field as the compiled code takes it."""


class CellKind(enum.IntEnum):
    """What a cell is read as; numbered as in `text_rows/fields.h`."""

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

    :param types: Those of the server that read this form and no other, by their names in the catalog; `enum` is any enumeration.
    :param limit: Characters, bytes of a number, digits of a second, or digits before the point.
    :param scale: Digits after the point.
    """

    kind: CellKind
    types: tuple[str, ...]
    limit: int = NO_LIMIT
    scale: int = NO_LIMIT


@cache
def find_compiled() -> type[RowWriter] | None:
    """:returns: The code that makes rows of text; `None` if it was not compiled."""
    try:
        from pysqlsync_engine.dialect.postgresql._text_rows import RowWriter
    except ImportError:
        return None
    return RowWriter


def choose_text(
    form: TextFormat, layout: Layout, target: LoadTarget, transfers: Sequence[Transfer], rules: TextRules
) -> TextRows | None:
    """
    :param rules: What the store takes as text; each column has one.
    :returns: What makes rows of records; `None` if a column has no form that is known here, or nothing is compiled.
    """
    delimiter, quote = form.delimiter.encode(), (form.quote or "").encode()
    compiled = find_compiled()
    if compiled is None or len(delimiter) != 1 or len(quote) > 1:
        return None
    fields: list[_CellField | None] = []
    types: dict[str, tuple[str, ...]] = {}
    for position in layout:
        if position is None:
            fields.append(None)
            continue
        transfer, rule = transfers[position], rules.columns[position]
        chosen = None if rule is None else _choose(target.types[position], transfer, rule)
        labels = plain_labels(unwrap(target.types[position]))
        if chosen is None or rule is None or len(labels or ()) > MAX_LABELS or labels == []:
            return None
        if transfer.lookup is None:
            types[transfer.column.name.name] = chosen.types
        spelled = tuple(label.encode() for label in labels or ())
        fields.append((chosen.kind, rule.nullable, chosen.limit, chosen.scale, spelled))
    writer = compiled(tuple(fields), delimiter, quote, form.null.encode())
    return TextRows(writer, form, types, skips=None in fields)


class TextRows:
    """Makes rows of records; see `Splitter`."""

    def __init__(self, writer: RowWriter, form: TextFormat, types: dict[str, tuple[str, ...]], *, skips: bool) -> None:
        """
        Take what is compiled for a layout.

        :param skips: True if cells are left out, which nobody looks at.
        """
        self.types = types
        """By name of a column the types that it has to have; bytes of one type may be a value of another one."""
        self._writer = writer
        self._record = record_pattern(form)
        self._ends = re.compile(rb"[\n" + re.escape(form.delimiter.encode()) + rb"]")
        self._skips = skips

    def split(self, records: bytes) -> list[Span]:
        spans: list[Span] = []
        position, bad = 0, 0
        if self._skips and not is_decodable(records):
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


def _choose(annotation: Any, transfer: Transfer, rule: TextColumn) -> CellForm | None:
    """:returns: How the cells of a column are read; `None` if nothing is known that does."""
    declared: Any = unwrap(annotation).type
    if isinstance(declared, type) and is_dataclass(declared):
        keys = tuple(key_annotations(declared).values())
        return _choose(keys[0], transfer, rule) if len(keys) == 1 else None
    if transfer.cast is not None:
        # what the server converts is text that it has to parse
        return None
    if transfer.lookup is not None:
        return CellForm(CellKind.TEXT, STRINGS)
    return _choose_text(declared, transfer.column.data_type, rule) or _choose_number(
        declared, transfer.column.data_type
    )


def _choose_text(declared: Any, data_type: SqlType, rule: TextColumn) -> CellForm | None:
    match data_type:
        case SqlCharacter() | SqlNamed():
            return CellForm(
                CellKind.TEXT, (*STRINGS, "enum"), NO_LIMIT if rule.max_characters is None else rule.max_characters
            )
        case SqlJson(binary=True):
            return CellForm(CellKind.JSONB, ("jsonb",))
        case SqlJson():
            return CellForm(CellKind.TEXT, ("json",))
        case SqlUuid() if declared in {UUID, str}:
            return CellForm(CellKind.UUID, ("uuid",))
        case SqlNetworkAddress(version=version):
            only = {IPv4Address: 4, IPv6Address: 6}.get(declared, version)
            return CellForm(CellKind.ADDRESS, ("inet",), NO_LIMIT if only is None else only)
        case _:
            return None


def _choose_number(declared: Any, data_type: SqlType) -> CellForm | None:
    match data_type:
        case SqlBoolean():
            return CellForm(CellKind.BOOLEAN, ("bool",))
        case SqlInteger(width=2 | 4 | 8 as width) if declared is int:
            return CellForm(CellKind.INTEGER, (f"int{width}",), width)
        case SqlFloat(width=4 | 8 as width) if declared is float:
            return CellForm(CellKind.FLOAT, (f"float{width}",), width)
        case SqlDecimal(precision=None) if declared is Decimal:
            return CellForm(CellKind.DECIMAL, ("numeric",))
        case SqlDecimal(precision=int(precision), scale=scale) if declared is Decimal:
            return CellForm(CellKind.DECIMAL, ("numeric",), precision - (scale or 0), scale or 0)
        case _:
            return _choose_moment(declared, data_type)


def _choose_moment(declared: Any, data_type: SqlType) -> CellForm | None:
    match data_type:
        case SqlDate() if declared is date:
            return CellForm(CellKind.DATE, ("date",))
        case SqlTimestamp(precision=precision, with_time_zone=True) if declared is datetime:
            return CellForm(CellKind.TIMESTAMPTZ, ("timestamptz",), 6 if precision is None else precision)
        case SqlTimestamp(precision=precision) if declared is datetime:
            return CellForm(CellKind.TIMESTAMP, ("timestamp",), 6 if precision is None else precision)
        case SqlTime(precision=precision, with_time_zone=False) if declared is time:
            return CellForm(CellKind.TIME, ("time",), 6 if precision is None else precision)
        case _:
            return None
