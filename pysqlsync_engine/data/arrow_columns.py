"""Columns of Apache Arrow as a table has them: checked and converted as a whole, without an object per value."""

from __future__ import annotations

import enum
import importlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, is_dataclass, replace
from datetime import date, datetime, time
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address
from typing import Any, Protocol
from uuid import UUID

from pysqlsync_engine.data.target import LoadTarget
from pysqlsync_engine.data.text import TextColumn, TextRules
from pysqlsync_engine.model.annotations import key_annotations, member_label, unwrap
from pysqlsync_engine.model.data_types import (
    SqlBoolean,
    SqlCharacter,
    SqlDate,
    SqlDecimal,
    SqlFloat,
    SqlInteger,
    SqlTime,
    SqlTimestamp,
    SqlType,
)

Fit = Callable[[Any], Any]
"""Makes an array of an array; raises `NotExactError`."""

PART_ROWS = 2048
"""Rows that are written at once."""

_SINGLE_TEXT = (UUID, IPv4Address, IPv6Address, str)
_UNITS = {None: "us", 6: "us", 3: "ms", 0: "s"}
"""Units of time by the digits of a second that a column keeps."""

SECOND = {"us": 10**6, "ms": 10**3, "s": 1}
"""How many of a unit a second has."""


class NotExactError(Exception):
    """Some value of a column has to be sent, or refused, as a value."""


class Kind(enum.Enum):
    """What the arrays of a column hold when they fit; any value may be NULL."""

    NOTHING = "null"
    """NULL, and nothing else."""

    INTEGER = "integer"
    FLOAT = "float"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"

    DAY = "day"
    """A day, from year 1 to year 9999."""

    MOMENT = "moment"
    """Units of time since 1970, as integers; in UTC if there is a time zone."""

    CLOCK = "clock"
    """A time of day."""

    TEXT = "text"
    """Strings without NUL that the column has room for."""


@dataclass(frozen=True, slots=True)
class FittedColumn:
    """
    What is done with the arrays of a column.

    :param unit: Unit of moments: `us`, `ms` or `s`.
    :param has_zone: True for moments in UTC.
    :param scale: Digits of decimals after the point.
    """

    kind: Kind
    fit: Fit
    unit: str = "us"
    has_zone: bool = False
    scale: int = 0


class ColumnWriter(Protocol):
    """Makes bytes of fitted columns."""

    @property
    def types(self) -> Mapping[str, Sequence[str]]:
        """By name of a column the types that it has to have; none for text. See `BinaryPart`."""
        ...

    def write(self, batch: Any) -> bytes:
        """
        :returns: The rows of a record batch, in the form of a server.
        :raises NotExactError: if a value has to be sent otherwise.
        """
        ...


class ColumnFitter:
    """Chooses what makes the columns of a stream fit."""

    def __init__(self, schema: Any, target: LoadTarget, rules: TextRules) -> None:
        """
        Choose how each column is checked and converted.

        :param schema: Of the record batches.
        """
        self._arrow = importlib.import_module("pyarrow")
        self._compute = importlib.import_module("pyarrow.compute")
        self.names = [column.name.name for column in target.columns]
        self.columns: list[FittedColumn] = []
        self.obstacle = rules.obstacle
        """Why rows have to be sent as values; `None` if columns can be."""
        if self.obstacle is not None:
            return
        for field, column, annotation, rule in zip(schema, target.columns, target.types, rules.columns, strict=True):
            fitted = None if rule is None else self._choose(field.type, annotation, column.data_type, rule)
            if fitted is None:
                self.obstacle = f"column {column.name.name!r}: {field.type} is sent as values"
                return
            self.columns.append(fitted)

    def _choose(self, kind: Any, annotation: Any, data_type: SqlType, rule: TextColumn) -> FittedColumn | None:
        """:returns: What makes values of an Arrow type fit; `None` if there is nothing that does so exactly."""
        types = self._arrow.types
        if types.is_null(kind):
            return FittedColumn(Kind.NOTHING, _same)
        if types.is_dictionary(kind):
            inner = self._choose(kind.value_type, annotation, data_type, rule)
            return None if inner is None else replace(inner, fit=self._decoding(inner.fit))
        declared: Any = unwrap(annotation).type
        if isinstance(declared, type) and issubclass(declared, enum.Enum):
            return self._label(kind, declared, rule)
        if isinstance(declared, type) and is_dataclass(declared):
            keys = tuple(key_annotations(declared).values())
            return self._choose(kind, keys[0], data_type, rule) if len(keys) == 1 else None
        if declared in _SINGLE_TEXT:
            return self._text(data_type, rule) if _is_text(types, kind) else None
        choose = _CHOICES.get(declared)
        return None if choose is None else choose(self, kind, data_type, rule)

    def _as_string(self, array: Any) -> Any:
        return array.cast(self._arrow.string())

    def _decoding(self, fit: Fit) -> Fit:
        return lambda array: fit(self._decoded(array))

    def _decoded(self, array: Any) -> Any:
        """:returns: The values that a dictionary array stands for."""
        values = array.dictionary
        if self._arrow.types.is_string_view(values.type):
            # which the library cannot take one by one
            array = self._arrow.DictionaryArray.from_arrays(array.indices, self._as_string(values))
        return array.dictionary_decode()

    def _require(self, condition: Any) -> None:
        """:raises NotExactError: unless the condition holds for all values but NULL."""
        if self._compute.all(condition).as_py() is False:
            raise NotExactError

    def _within(self, array: Any, least: int, most: int) -> None:
        limits = self._compute.min_max(array).as_py()
        if limits["min"] is not None and not (least <= limits["min"] and limits["max"] <= most):
            raise NotExactError

    def integer(self, kind: Any, data_type: SqlType, rule: TextColumn) -> FittedColumn | None:
        """:returns: Integers that are in range, whatever their width."""
        del rule
        if not self._arrow.types.is_integer(kind):
            return None
        match data_type:
            case SqlInteger(width=width, signed=signed):
                bits = 8 * width
                least, most = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
            case SqlDecimal(precision=precision, scale=scale):
                most = 10 ** (38 if precision is None else precision - (scale or 0)) - 1
                least = -most
            case _:
                return None

        def fit(array: Any) -> Any:
            self._within(array, least, most)
            return array

        return FittedColumn(Kind.INTEGER, fit)

    def floating(self, kind: Any, data_type: SqlType, rule: TextColumn) -> FittedColumn | None:
        """:returns: Floating-point numbers, of as many bits as the column has."""
        if not isinstance(data_type, SqlFloat) or kind not in (self._arrow.float32(), self._arrow.float64()):
            return None
        if data_type.width == 4 and kind != self._arrow.float32():
            return None
        takes_all = rule.pattern is None or re.fullmatch(rule.pattern, "nan") is not None
        wanted = self._arrow.float32() if data_type.width == 4 else self._arrow.float64()

        def fit(array: Any) -> Any:
            if not takes_all:
                self._require(self._compute.is_finite(array))
            return array.cast(wanted)

        return FittedColumn(Kind.FLOAT, fit)

    def decimal(self, kind: Any, data_type: SqlType, rule: TextColumn) -> FittedColumn | None:
        """:returns: Exact numbers, with no more digits than the column has."""
        if self._arrow.types.is_integer(kind):
            return self.integer(kind, data_type, rule)
        if not isinstance(data_type, SqlDecimal) or not self._arrow.types.is_decimal(kind):
            return None
        if kind.scale < 0:
            return None
        precision, scale = data_type.precision, data_type.scale or 0
        if precision is None or (kind.scale <= scale and kind.precision - kind.scale <= precision - scale):
            return FittedColumn(Kind.DECIMAL, _same, scale=kind.scale)
        if precision > 38 or scale < 0:
            return None
        narrow = self._arrow.decimal128(precision, scale)
        return FittedColumn(Kind.DECIMAL, lambda array: array.cast(narrow), scale=scale)

    def boolean(self, kind: Any, data_type: SqlType, rule: TextColumn) -> FittedColumn | None:
        """:returns: Truth values."""
        del rule
        if not isinstance(data_type, SqlBoolean) or not self._arrow.types.is_boolean(kind):
            return None
        return FittedColumn(Kind.BOOLEAN, _same)

    def day(self, kind: Any, data_type: SqlType, rule: TextColumn) -> FittedColumn | None:
        """:returns: Days."""
        del rule
        if not isinstance(data_type, SqlDate) or kind != self._arrow.date32():
            return None

        def fit(array: Any) -> Any:
            self._within(array.cast(self._arrow.int32()), _days(date.min), _days(date.max))
            return array

        return FittedColumn(Kind.DAY, fit)

    def moment(self, kind: Any, data_type: SqlType, rule: TextColumn) -> FittedColumn | None:
        """:returns: Days with a time."""
        del rule
        if not isinstance(data_type, SqlTimestamp) or not self._arrow.types.is_timestamp(kind):
            return None
        unit = _UNITS.get(data_type.precision)
        if unit is None or (kind.tz is not None) != data_type.with_time_zone:
            return None
        second = SECOND[unit]

        def fit(array: Any) -> Any:
            numbers = array.cast(self._arrow.timestamp(unit, kind.tz)).cast(self._arrow.int64())
            # the first and the last day are left to those who know what a server makes of them
            self._within(numbers, (_days(date.min) + 1) * 86_400 * second, _days(date.max) * 86_400 * second - 1)
            return numbers

        return FittedColumn(Kind.MOMENT, fit, unit, has_zone=kind.tz is not None)

    def clock(self, kind: Any, data_type: SqlType, rule: TextColumn) -> FittedColumn | None:
        """:returns: Times of day."""
        del rule
        if not isinstance(data_type, SqlTime) or data_type.with_time_zone or not self._arrow.types.is_time(kind):
            return None
        unit = _UNITS.get(data_type.precision)
        if unit is None:
            return None
        wanted = self._arrow.time64("us") if unit == "us" else self._arrow.time32(unit)
        return FittedColumn(Kind.CLOCK, lambda array: array.cast(wanted))

    def _label(self, kind: Any, labels: type[enum.Enum], rule: TextColumn) -> FittedColumn | None:
        if not _is_text(self._arrow.types, kind) or any(str(each.value) != member_label(each) for each in labels):
            return None
        known = {member_label(member) for member in labels}

        def fit(array: Any) -> Any:
            text = self._as_string(array)
            found = {label for label in self._compute.unique(text).to_pylist() if label is not None}
            if not found <= known or (
                rule.pattern is not None and any(not re.fullmatch(rule.pattern, t) for t in found)
            ):
                raise NotExactError
            return text

        return FittedColumn(Kind.TEXT, fit)

    def _text(self, data_type: SqlType, rule: TextColumn) -> FittedColumn:
        limit = data_type.limit if isinstance(data_type, SqlCharacter) else rule.max_characters
        max_bytes = rule.max_bytes if limit is None else None
        pattern = None if rule.pattern is None else f"^(?:{as_re2(rule.pattern)})$"

        def fit(array: Any) -> Any:
            text = self._as_string(array)
            if limit is not None:
                self._within(self._compute.utf8_length(text), 0, limit)
            if max_bytes is not None:
                self._within(self._compute.binary_length(text), 0, max_bytes)
            if pattern is not None:
                self._require(self._compute.match_substring_regex(text, pattern))
            if b"\0" in bytes_of(text):
                raise NotExactError
            return text

        return FittedColumn(Kind.TEXT, fit)


def release_memory() -> None:
    """Let the library let go of memory that it keeps."""
    importlib.import_module("pyarrow").default_memory_pool().release_unused()


def bytes_of(array: Any) -> bytes:
    """:returns: All strings of an array, which may be a slice of a much longer one, one after another."""
    _, ends, values = array.buffers()
    if values is None:
        return b""
    offsets: Any = memoryview(ends).cast("i")
    start, end = offsets[array.offset], offsets[array.offset + len(array)]
    found: bytes = values.slice(start, end - start).to_pybytes()
    return found


def _same(array: Any) -> Any:
    return array


def _is_text(types: Any, kind: Any) -> bool:
    return types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)


def _days(day: date) -> int:
    return day.toordinal() - date(1970, 1, 1).toordinal()


_COUNT = re.compile(r"\{\d*,?\d*\}|[*+?]")
_SYNTAX = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?>|\{\d*,?\d*\}|.", re.DOTALL)


def as_re2(pattern: str) -> str:
    """:returns: A regular expression without possessive quantifiers and atomic groups, which match the same as a whole or more."""
    kept: list[str] = []
    for item in _SYNTAX.findall(pattern):
        if item == "+" and kept and _COUNT.fullmatch(kept[-1]):
            continue
        kept.append("(?:" if item == "(?>" else item)
    return "".join(kept)


_CHOICES: dict[Any, Callable[[ColumnFitter, Any, SqlType, TextColumn], FittedColumn | None]] = {
    int: ColumnFitter.integer,
    float: ColumnFitter.floating,
    Decimal: ColumnFitter.decimal,
    bool: ColumnFitter.boolean,
    date: ColumnFitter.day,
    datetime: ColumnFitter.moment,
    time: ColumnFitter.clock,
}
"""What makes arrays fit that are to be values of a Python type."""
