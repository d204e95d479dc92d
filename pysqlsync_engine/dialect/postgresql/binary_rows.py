"""
Columns of Apache Arrow as rows of binary COPY, which the server takes with less work than text: it has nothing to parse.

The forms are those that the receive functions of the types read; https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-BINARY
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any, TypeAlias

from pysqlsync_engine.data.arrow_columns import SECOND, FittedColumn, Kind, NotExactError, bytes_of
from pysqlsync_engine.dialect.postgresql.transfer import Transfer
from pysqlsync_engine.model.data_types import (
    SqlCharacter,
    SqlDecimal,
    SqlFloat,
    SqlInteger,
    SqlJson,
    SqlNamed,
    SqlNetworkAddress,
    SqlType,
    SqlUuid,
)

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
"""What comes before the first row."""

TRAILER = b"\xff\xff"
"""What comes after the last one."""

NULL = b"\xff\xff\xff\xff"
"""What stands for a field and its length if there is no value."""

IPV4 = b"\2\x20\0\4"
"""Family, bits of the mask, that it is no network, and length of an address, whose bytes follow."""

BASE_DIGITS = 4
"""Decimal digits in each digit of a `numeric`."""

MAX_DIGITS = 18
"""Most decimal digits that always fit in 64 bits."""

NEGATIVE = 0x40
"""First byte of the sign of a negative `numeric`."""

_EPOCH_DAYS = (date(2000, 1, 1) - date(1970, 1, 1)).days
_MICROSECONDS = 10**6


@dataclass(frozen=True, slots=True)
class Cells:
    """
    Bytes that are as many in each row.

    :param pattern: Those of a row, as far as they are the same in all rows.
    :param changing: The others: where they are in the pattern, and what they are in each row.
    """

    pattern: bytes
    changing: Sequence[tuple[int, bytes]] = ()


Pieces: TypeAlias = list[Any]
"""What a row is made of, one after another: cells, and arrays of bytes of any length."""


@dataclass(frozen=True, slots=True)
class Field:
    """
    How a column is written.

    :param write: Makes the pieces of a field, its length among them, of the values of a column.
    :param types: Those that read this form and no other, by their names in the catalog; `enum` is any enumeration.
    :param takes_null: True if values may be NULL; else no value is given.
    """

    write: Callable[[Any], Pieces]
    types: tuple[str, ...]
    takes_null: bool = False


STRINGS = ("text", "varchar", "bpchar")


def choose_binary(columns: Sequence[FittedColumn], transfers: Sequence[Transfer]) -> BinaryRows | None:
    """:returns: What writes rows for columns of a table; `None` if one of them has no form that is known here."""
    if sys.byteorder != "little":
        # the library keeps numbers as the machine does
        return None
    rows = BinaryRows(len(columns))
    for column, transfer in zip(columns, transfers, strict=True):
        # what the server converts is text that it has to parse
        field = None if transfer.cast is not None else rows.choose(column, transfer)
        if field is None:
            return None
        rows.add(column, transfer, field)
    return rows


class BinaryRows:
    """Writes rows; see `ColumnWriter`."""

    def __init__(self, width: int) -> None:
        """:param width: Number of columns."""
        self._arrow = importlib.import_module("pyarrow")
        self._compute = importlib.import_module("pyarrow.compute")
        self._start = Cells(width.to_bytes(2))
        self._fields: list[tuple[FittedColumn, Field]] = []
        self.types: dict[str, tuple[str, ...]] = {}
        """By name of a column the types that it has to have; bytes of one type may be a value of another one."""

    def add(self, column: FittedColumn, transfer: Transfer, field: Field) -> None:
        """Let rows have one more column."""
        self._fields.append((column, field))
        if transfer.lookup is None and field.types:
            self.types[transfer.column.name.name] = field.types

    def write(self, batch: Any) -> bytes:
        pieces: Pieces = [self._start]
        try:
            for (column, field), values in zip(self._fields, batch.columns, strict=True):
                pieces += self._with_null(column.fit(values), field)
            return bytes_of(self._joined(pieces, batch.num_rows))
        except (self._arrow.ArrowInvalid, self._arrow.ArrowCapacityError) as error:
            # a conversion that would lose something, or more than two gigabytes
            raise NotExactError from error

    def _with_null(self, values: Any, field: Field) -> Pieces:
        """:returns: Pieces of a field that is NULL where its column is."""
        if values.null_count == len(values):
            return [Cells(NULL)]
        if not values.null_count or field.takes_null:
            return field.write(values)
        # any value will do where there is none
        joined = self._joined(field.write(values.fill_null(self._compute.drop_null(values)[0])), len(values))
        return [self._compute.if_else(values.is_valid(), joined, self._arrow.scalar(NULL))]

    def _joined(self, pieces: Pieces, rows: int) -> Any:
        """:returns: An array of the rows. Cells that follow each other are written as one, as each piece of a row takes its time."""
        arrays: list[Any] = []
        for are_cells, group in groupby(pieces, lambda piece: isinstance(piece, Cells)):
            run = list(group)
            arrays += [self._array_of(run, rows)] if are_cells else run
        return self._compute.binary_join_element_wise(*arrays, self._arrow.scalar(b""))

    def _array_of(self, cells: Sequence[Cells], rows: int) -> Any:
        pattern = b"".join(each.pattern for each in cells)
        width, start = len(pattern), 0
        values = bytearray(pattern * rows)
        for each in cells:
            for place, column in each.changing:
                values[start + place :: width] = column
            start += len(each.pattern)
        kind = self._arrow.binary(width)
        array = self._arrow.FixedSizeBinaryArray.from_buffers(kind, rows, [None, self._arrow.py_buffer(values)])
        return array.cast(self._arrow.binary())

    def choose(self, column: FittedColumn, transfer: Transfer) -> Field | None:
        """:returns: How a column is written; `None` if nothing is known that does."""
        data_type = transfer.column.data_type
        match column.kind:
            case Kind.NOTHING:
                return Field(lambda _values: [Cells(NULL)], ())
            case Kind.TEXT if transfer.lookup is not None:
                return Field(self._text, STRINGS, takes_null=True)
            case Kind.TEXT:
                return self._choose_text(data_type)
            case Kind.INTEGER | Kind.FLOAT | Kind.DECIMAL:
                return self._choose_number(column.kind, data_type)
            case Kind.BOOLEAN | Kind.DAY | Kind.MOMENT | Kind.CLOCK:
                return self._choose_simple(column)

    def _choose_text(self, data_type: SqlType) -> Field | None:
        match data_type:
            case SqlCharacter() | SqlNamed():
                return Field(self._text, (*STRINGS, "enum"), takes_null=True)
            case SqlJson(binary=True):
                return Field(self._documents, ("jsonb",), takes_null=True)
            case SqlJson():
                return Field(self._text, ("json",), takes_null=True)
            case SqlUuid():
                return Field(self._uuids, ("uuid",))
            case SqlNetworkAddress(version=4 | None):
                return Field(self._addresses, ("inet",))
            case _:
                return None

    def _choose_number(self, kind: Kind, data_type: SqlType) -> Field | None:
        match data_type:
            case SqlInteger(width=2 | 4 | 8 as width) if kind is Kind.INTEGER:
                wanted = getattr(self._arrow, f"int{8 * width}")()
                return Field(lambda values: self._numbers(values.cast(wanted), width), (f"int{width}",))
            case SqlFloat(width=width) if kind is Kind.FLOAT:
                return Field(lambda values: self._numbers(values, width), (f"float{width}",))
            case SqlDecimal() if kind is Kind.DECIMAL:
                return Field(self._decimals, ("numeric",))
            case _:
                return None

    def _choose_simple(self, column: FittedColumn) -> Field:
        arrow = self._arrow
        match column.kind:
            case Kind.BOOLEAN:
                return Field(lambda values: self._numbers(values.cast(arrow.uint8()), 1), ("bool",))
            case Kind.DAY:
                return Field(
                    lambda values: self._numbers(self._since_2000(values.cast(arrow.int32()), _EPOCH_DAYS), 4),
                    ("date",),
                )
            case Kind.CLOCK:
                return Field(lambda values: self._numbers(values.cast(arrow.time64("us")), 8), ("time",))
            case _:
                kind = "timestamptz" if column.has_zone else "timestamp"
                return Field(self._moments(_MICROSECONDS // SECOND[column.unit]), (kind,))

    def _raw(self, values: Any, width: int) -> bytes:
        """:returns: The values as the library keeps them, so many bytes each."""
        raw: bytes = values.buffers()[1].slice(values.offset * width, len(values) * width).to_pybytes()
        return raw

    def _numbers(self, values: Any, width: int) -> Pieces:
        """:returns: Fields of numbers, the first byte of each being the one with the most weight."""
        return [_field(width, _turned(self._raw(values, width), width))]

    def _since_2000(self, values: Any, epoch: int) -> Any:
        """:returns: Units of time since the year 2000, in place of 1970."""
        return self._compute.subtract(values, self._arrow.scalar(epoch, values.type))

    def _moments(self, factor: int) -> Callable[[Any], Pieces]:
        def write(values: Any) -> Pieces:
            scaled = self._compute.multiply(values, factor) if factor > 1 else values
            return self._numbers(self._since_2000(scaled, _EPOCH_DAYS * 86_400 * _MICROSECONDS), 8)

        return write

    def _text(self, values: Any) -> Pieces:
        return self._measured(values.cast(self._arrow.binary()), b"")

    def _documents(self, values: Any) -> Pieces:
        """Fields of `jsonb`, which start with the version of the form."""
        return self._measured(values.cast(self._arrow.binary()), b"\1")

    def _measured(self, values: Any, start: bytes) -> Pieces:
        """
        :param start: What comes before each value.
        :returns: Fields of any length.
        """
        if start:
            values = self._compute.binary_join_element_wise(self._arrow.scalar(start), values, self._arrow.scalar(b""))
        lengths = self._compute.binary_length(values)
        if values.null_count:
            # less than nothing is NULL
            lengths, values = lengths.fill_null(-1), values.fill_null(b"")
        return [Cells(bytes(4), tuple(enumerate(_turned(self._raw(lengths, 4), 4)))), values]

    def _uuids(self, values: Any) -> Pieces:
        text, rows = bytes_of(values), len(values)
        self._require_all(self._compute.binary_length(values), 36)
        if text.count(b"-") != 4 * rows or any(text[place::36] != b"-" * rows for place in (8, 13, 18, 23)):
            raise NotExactError
        try:
            raw = bytes.fromhex(text.replace(b"-", b"").decode())
        except ValueError:
            raise NotExactError from None
        if len(raw) != 16 * rows:
            # blanks count for nothing there
            raise NotExactError
        return [_field(16, [raw[place::16] for place in range(16)])]

    def _require_all(self, sizes: Any, size: int) -> None:
        """:raises NotExactError: unless all sizes are the same one."""
        limits = self._compute.min_max(sizes).as_py()
        if (limits["min"], limits["max"]) != (size, size):
            raise NotExactError

    def _addresses(self, values: Any) -> Pieces:
        octets = self._compute.split_pattern(values, ".")
        # one of version 6 is sent otherwise
        self._require_all(self._compute.list_value_length(octets), 4)
        raw = self._raw(octets.flatten().cast(self._arrow.uint8()), 1)
        return [_field(4, [raw[place::4] for place in range(4)], head=IPV4)]

    def _decimals(self, values: Any) -> Pieces:
        """Fields of `numeric`: a sign, and digits of base 10,000 around the point, of which the server leaves out those that are idle."""
        scale = values.type.scale
        if not 0 <= scale <= MAX_DIGITS:
            raise NotExactError
        raw = memoryview(self._raw(values.cast(self._arrow.decimal128(MAX_DIGITS, scale)), 16)).cast("q")
        # the lower half of each
        number = self._integers(raw[::2].tobytes())
        size = self._compute.abs(number)
        after = -(-scale // BASE_DIGITS)
        factor = 10 ** (BASE_DIGITS * after - scale)
        most = self._compute.max(size).as_py() * factor
        if most >= 10**MAX_DIGITS:
            raise NotExactError
        digits = max(after, 1, -(-len(str(most)) // BASE_DIGITS))
        head = b"".join(item.to_bytes(2, signed=True) for item in (digits, digits - after - 1, 0, scale))
        signs = self._compute.if_else(self._compute.less(number, 0), NEGATIVE, 0).cast(self._arrow.uint8())
        columns = self._digits(self._compute.multiply(size, factor), digits)
        cells = _field(2 * digits, columns, head=head)
        return [Cells(cells.pattern, [(8, self._raw(signs, 1)), *cells.changing])]

    def _integers(self, raw: bytes) -> Any:
        buffers = [None, self._arrow.py_buffer(raw)]
        return self._arrow.Array.from_buffers(self._arrow.int64(), len(raw) // 8, buffers)

    def _digits(self, values: Any, size: int) -> list[bytes]:
        """:returns: Both bytes of each of so many digits of base 10,000, the first ones first."""
        base, found = 10**BASE_DIGITS, list[bytes]()
        for place in range(size):
            digit = values
            if place < size - 1:
                values = self._compute.divide(values, base)
                digit = self._compute.subtract(digit, self._compute.multiply(values, base))
            raw = self._raw(digit, 8)
            found += [raw[::8], raw[1::8]]
        return found[::-1]


def _field(width: int, columns: Sequence[bytes], *, head: bytes = b"") -> Cells:
    """
    :param columns: The bytes of a value, from the first one to the last, each as it is in all rows.
    :param head: What is the same in all rows, before them.
    :returns: Fields with their length.
    """
    start = (len(head) + width).to_bytes(4) + head
    return Cells(start + bytes(width), [(len(start) + place, column) for place, column in enumerate(columns)])


def _turned(raw: bytes, width: int) -> list[bytes]:
    """:returns: The bytes of numbers, those with the most weight first."""
    return [raw[place::width] for place in reversed(range(width))]
