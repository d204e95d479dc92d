"""Columns of Apache Arrow as text that a server stores exactly: checked and converted as a whole, without an object per value."""

from __future__ import annotations

import enum
import importlib
import re
from collections.abc import Callable, Sequence
from dataclasses import is_dataclass
from datetime import date, datetime, time
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address
from typing import Any
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

Write = Callable[[Any], Any]
"""Makes an array of an array, of strings or of what has the right text anyway; raises `NotExactError`."""

PART_ROWS = 2048
"""Rows that become text at once."""

RELEASED_PARTS = 16
"""Parts after which the library lets go of memory that it keeps: seldom, as it takes about as long as to write one."""

QUOTE_MARK = b"\1"
"""What stands for a quote meanwhile, which the library would not write as it is."""

ESCAPED = (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r"), ('"', QUOTE_MARK.decode()))
"""Characters that text has a spelling for, the backslash first."""

_SINGLE_TEXT = (UUID, IPv4Address, IPv6Address, str)
_UNITS = {None: "us", 6: "us", 3: "ms", 0: "s"}
"""Units of time by the digits of a second that a column keeps."""

_MAX_EXACT_SCALE = 6
"""Digits after the point up to which small numbers are written without an exponent."""


class NotExactError(Exception):
    """Some value of a column has to be sent, or refused, as a value."""


class ColumnText:
    """What makes text of the columns of a stream."""

    def __init__(self, schema: Any, target: LoadTarget, rules: TextRules) -> None:
        """
        Choose how each column is written.

        :param schema: Of the record batches.
        """
        self._arrow = importlib.import_module("pyarrow")
        self._compute = importlib.import_module("pyarrow.compute")
        self._csv = importlib.import_module("pyarrow.csv")
        self._names = [str(position) for position in range(len(target.columns))]
        self._options = self._csv.WriteOptions(
            include_header=False, delimiter="\t", quoting_style="none", batch_size=PART_ROWS
        )
        self._written = 0
        self.obstacle: str | None = rules.obstacle
        self._writers: list[Write] = []
        if self.obstacle is not None:
            return
        for field, column, annotation, rule in zip(schema, target.columns, target.types, rules.columns, strict=True):
            write = None if rule is None else self._choose(field.type, annotation, column.data_type, rule)
            if write is None:
                self.obstacle = f"column {column.name.name!r}: {field.type} is sent as values"
                return
            self._writers.append(write)

    def write(self, batch: Any) -> bytes:
        """
        :returns: The rows as tab-separated values, each with its line feed.
        :raises NotExactError: if a value cannot be sent as text.
        """
        try:
            columns = [self._with_null(write(array)) for write, array in zip(self._writers, batch.columns, strict=True)]
            sink = self._arrow.BufferOutputStream()
            self._csv.write_csv(self._arrow.RecordBatch.from_arrays(columns, self._names), sink, self._options)
        except self._arrow.ArrowInvalid as error:
            # a conversion that would lose something, or text that the writer would have to quote
            raise NotExactError from error
        text: bytes = sink.getvalue().to_pybytes()
        self._written += 1
        if self._written % RELEASED_PARTS == 0:
            self.release()
        return text.replace(QUOTE_MARK, b'"') if QUOTE_MARK in text else text

    def release(self) -> None:
        """Let go of the memory that the library keeps."""
        self._arrow.default_memory_pool().release_unused()

    def _with_null(self, array: Any) -> Any:
        """:returns: Values of any type for which the library itself has the text; NULL is text."""
        return self._as_string(array).fill_null("\\N") if array.null_count else array

    def _choose(self, kind: Any, annotation: Any, data_type: SqlType, rule: TextColumn) -> Write | None:
        """:returns: What writes values of an Arrow type; `None` if there is nothing that does so exactly."""
        types = self._arrow.types
        if types.is_null(kind):
            return self._as_string
        if types.is_dictionary(kind):
            inner = self._choose(kind.value_type, annotation, data_type, rule)
            return None if inner is None else lambda array: inner(self._decoded(array))
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

    def _limits(self, array: Any) -> tuple[Any, Any] | None:
        """:returns: Least and greatest value; `None` if all are NULL."""
        limits = self._compute.min_max(array).as_py()
        return None if limits["min"] is None else (limits["min"], limits["max"])

    def _within(self, array: Any, least: int, most: int) -> None:
        limits = self._limits(array)
        if limits is not None and not (least <= limits[0] and limits[1] <= most):
            raise NotExactError

    def integer(self, kind: Any, data_type: SqlType, rule: TextColumn) -> Write | None:
        """:returns: Writer of integers."""
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

        def write(array: Any) -> Any:
            self._within(array, least, most)
            return array

        return write

    def floating(self, kind: Any, data_type: SqlType, rule: TextColumn) -> Write | None:
        """:returns: Writer of floating-point numbers, which are written with all digits that tell them apart."""
        if not isinstance(data_type, SqlFloat) or kind not in (self._arrow.float32(), self._arrow.float64()):
            return None
        if data_type.width == 4 and kind != self._arrow.float32():
            return None
        takes_all = rule.pattern is None or re.fullmatch(rule.pattern, "nan") is not None

        def write(array: Any) -> Any:
            if not takes_all:
                self._require(self._compute.is_finite(array))
            return array.cast(self._arrow.float64())

        return write

    def decimal(self, kind: Any, data_type: SqlType, rule: TextColumn) -> Write | None:
        """:returns: Writer of exact numbers."""
        if self._arrow.types.is_integer(kind):
            return self.integer(kind, data_type, rule)
        if not isinstance(data_type, SqlDecimal) or not self._arrow.types.is_decimal(kind):
            return None
        if kind.scale < 0 or (kind.scale > _MAX_EXACT_SCALE and rule.pattern is not None):
            return None
        precision, scale = data_type.precision, data_type.scale or 0
        if precision is None or (kind.scale <= scale and kind.precision - kind.scale <= precision - scale):
            return lambda array: array
        if precision > 38 or scale > _MAX_EXACT_SCALE:
            return None
        narrow = self._arrow.decimal128(precision, scale)
        return lambda array: array.cast(narrow)

    def boolean(self, kind: Any, data_type: SqlType, rule: TextColumn) -> Write | None:
        """:returns: Writer of truth values."""
        pairs = (("1", "0"), ("t", "f"), ("true", "false"))
        fitting = [pair for pair in pairs if rule.pattern is None or all(re.fullmatch(rule.pattern, t) for t in pair)]
        if not isinstance(data_type, SqlBoolean) or not self._arrow.types.is_boolean(kind) or not fitting:
            return None
        return lambda array: self._compute.if_else(array, *fitting[0])

    def day(self, kind: Any, data_type: SqlType, rule: TextColumn) -> Write | None:
        """:returns: Writer of days."""
        del rule
        if not isinstance(data_type, SqlDate) or kind != self._arrow.date32():
            return None

        def write(array: Any) -> Any:
            self._within(array.cast(self._arrow.int32()), _days(date.min), _days(date.max))
            return array

        return write

    def moment(self, kind: Any, data_type: SqlType, rule: TextColumn) -> Write | None:
        """:returns: Writer of days with a time, in UTC if they have a time zone."""
        if not isinstance(data_type, SqlTimestamp) or not self._arrow.types.is_timestamp(kind):
            return None
        unit = _UNITS.get(data_type.precision)
        if unit is None or (kind.tz is not None) != data_type.with_time_zone:
            return None
        suffix = _fitting_suffix(rule, "2020-01-02 03:04:05" + _fraction(unit), has_zone=kind.tz is not None)
        if suffix is None:
            return None
        plain, second = self._arrow.timestamp(unit), {"us": 10**6, "ms": 10**3, "s": 1}[unit]

        def write(array: Any) -> Any:
            numbers = array.cast(self._arrow.timestamp(unit, kind.tz)).cast(self._arrow.int64())
            # the first and the last day are left to those who know what a server makes of them
            self._within(numbers, (_days(date.min) + 1) * 86_400 * second, _days(date.max) * 86_400 * second - 1)
            moments = numbers.cast(plain)
            return self._compute.binary_join_element_wise(self._as_string(moments), suffix, "") if suffix else moments

        return write

    def clock(self, kind: Any, data_type: SqlType, rule: TextColumn) -> Write | None:
        """:returns: Writer of times of day."""
        del rule
        if not isinstance(data_type, SqlTime) or data_type.with_time_zone or not self._arrow.types.is_time(kind):
            return None
        unit = _UNITS.get(data_type.precision)
        if unit is None:
            return None
        wanted = self._arrow.time64("us") if unit == "us" else self._arrow.time32(unit)
        return lambda array: array.cast(wanted)

    def _label(self, kind: Any, labels: type[enum.Enum], rule: TextColumn) -> Write | None:
        if not _is_text(self._arrow.types, kind) or any(str(each.value) != member_label(each) for each in labels):
            return None
        known = {member_label(member) for member in labels}

        def write(array: Any) -> Any:
            text = self._as_string(array)
            found = {label for label in self._compute.unique(text).to_pylist() if label is not None}
            if not found <= known or (
                rule.pattern is not None and any(not re.fullmatch(rule.pattern, t) for t in found)
            ):
                raise NotExactError
            return self._escaped(text)

        return write

    def _text(self, data_type: SqlType, rule: TextColumn) -> Write:
        limit = data_type.limit if isinstance(data_type, SqlCharacter) else rule.max_characters
        max_bytes = rule.max_bytes if limit is None else None
        pattern = None if rule.pattern is None else f"^(?:{as_re2(rule.pattern)})$"

        def write(array: Any) -> Any:
            text = self._as_string(array)
            if limit is not None:
                self._within(self._compute.utf8_length(text), 0, limit)
            if max_bytes is not None:
                self._within(self._compute.binary_length(text), 0, max_bytes)
            if pattern is not None:
                self._require(self._compute.match_substring_regex(text, pattern))
            return self._escaped(text)

        return write

    def _escaped(self, text: Any) -> Any:
        present = _bytes_of(text)
        if b"\0" in present or QUOTE_MARK in present:
            raise NotExactError
        for character, escape in ESCAPED:
            if character.encode() in present:
                text = self._compute.replace_substring(text, character, escape)
        return text


def _bytes_of(array: Any) -> bytes:
    """:returns: All strings of an array, which may be a slice of a much longer one, one after another."""
    _, ends, values = array.buffers()
    if values is None:
        return b""
    offsets: Any = memoryview(ends).cast("i")
    start, end = offsets[array.offset], offsets[array.offset + len(array)]
    found: bytes = values.slice(start, end - start).to_pybytes()
    return found


def _is_text(types: Any, kind: Any) -> bool:
    return types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)


def _days(day: date) -> int:
    return day.toordinal() - date(1970, 1, 1).toordinal()


def _fraction(unit: str) -> str:
    return {"us": ".000006", "ms": ".006", "s": ""}[unit]


def _fitting_suffix(rule: TextColumn, sample: str, *, has_zone: bool) -> str | None:
    """:returns: How UTC is written after a moment, so that the server takes it; `None` if it takes none."""
    suffixes: Sequence[str] = ("+00", "+00:00", "Z") if has_zone else ("",)
    fitting = [each for each in suffixes if rule.pattern is None or re.fullmatch(rule.pattern, sample + each)]
    return fitting[0] if fitting else None


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


_CHOICES: dict[Any, Callable[[ColumnText, Any, SqlType, TextColumn], Write | None]] = {
    int: ColumnText.integer,
    float: ColumnText.floating,
    Decimal: ColumnText.decimal,
    bool: ColumnText.boolean,
    date: ColumnText.day,
    datetime: ColumnText.moment,
    time: ColumnText.clock,
}
"""What writes values of a Python type."""
