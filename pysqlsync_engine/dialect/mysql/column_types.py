"""Data types of columns of MySQL and MariaDB: how the server spells them, and what becomes of the model's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from pysqlsync_engine.dialect.mysql.capabilities import MAX_LABEL_CHARACTERS, Features
from pysqlsync_engine.dialect.mysql.expressions import unescape
from pysqlsync_engine.errors import UnsupportedError
from pysqlsync_engine.model.data_types import (
    SqlArray,
    SqlBinary,
    SqlBit,
    SqlBoolean,
    SqlCharacter,
    SqlDate,
    SqlDecimal,
    SqlFloat,
    SqlInteger,
    SqlInterval,
    SqlJson,
    SqlLabel,
    SqlLabelSet,
    SqlNetworkAddress,
    SqlOpaque,
    SqlTime,
    SqlTimestamp,
    SqlType,
    SqlUuid,
    SqlYear,
)

MAX_ROW_BYTES = 65_535
"""https://dev.mysql.com/doc/refman/8.4/en/column-count-limit.html"""

MAX_FIXED = 255
"""Longest `CHAR` in characters, and `BINARY` in bytes."""

_MAX_DIGITS, _MAX_SCALE = 65, 30
"""https://dev.mysql.com/doc/refman/8.4/en/fixed-point-types.html"""

_MAX_BITS = 64
_MICROSECONDS = 6

_INTERVAL = SqlDecimal(20, _MICROSECONDS)
"""Seconds: `TIME` ends after 838 hours, and microseconds in a `BIGINT` after 292,000 years, a third of what Python can say."""

_ADDRESS_CHARACTERS = 49
"""Longest text of an address of either version with its netmask."""

_INTEGERS: Mapping[str, tuple[int, tuple[str, ...], tuple[str, ...]]] = {
    "tinyint": (1, ("", "(4)"), ("", "(3)")),
    "smallint": (2, ("", "(6)"), ("", "(5)")),
    "mediumint": (3, ("", "(9)"), ("", "(8)")),
    "int": (4, ("", "(11)"), ("", "(10)")),
    "bigint": (8, ("", "(20)"), ("", "(20)")),
}
"""Bytes, and the display widths that go without saying, with a sign and without."""

_PLAIN: Mapping[str, SqlType] = {
    "tinyint(1)": SqlBoolean(),
    "float": SqlFloat(4),
    "double": SqlFloat(8),
    "longtext": SqlCharacter(),
    "longblob": SqlBinary(),
    "date": SqlDate(),
    "datetime": SqlTimestamp(0),
    "timestamp": SqlTimestamp(0, with_time_zone=True),
    "time": SqlTime(0),
    "year": SqlYear(),
    "year(4)": SqlYear(),
    "json": SqlJson(),
    "uuid": SqlUuid(),
    "inet4": SqlNetworkAddress(4),
    "inet6": SqlNetworkAddress(6),
}
_INTEGER = re.compile(r"(tinyint|smallint|mediumint|int|bigint)(\(\d+\))?( unsigned)?")
_DECIMAL = re.compile(r"decimal\((\d+),(\d+)\)")
_STRING = re.compile(r"(var)?(char|binary)\(([1-9]\d*)\)")
_TIME = re.compile(r"(datetime|timestamp|time)\(([1-6])\)")
_BIT = re.compile(r"bit\((\d+)\)")
_LABELS = re.compile(r"(enum|set)\((.*)\)", re.DOTALL)
_LABEL = re.compile(r"'((?:[^'\\]|''|\\.)*)'", re.DOTALL)

_CHARACTER_BYTES = {"latin1": 1, "ascii": 1, "binary": 1, "utf8mb3": 3, "utf8": 3, "ucs2": 2, "utf8mb4": 4}


def parse_type(definition: str) -> SqlType:
    """
    Understand a type as `information_schema` prints it.

    :returns: The type; `SqlOpaque` with the very spelling for one that is not modelled: among them `text`, `mediumtext` and
        the like, whose limits are of bytes, and numbers with a display width.
    """
    if match := _INTEGER.fullmatch(definition):
        return _PLAIN.get(definition) or _integer(match) or SqlOpaque(definition)
    return _PLAIN.get(definition) or _sized(definition) or _labelled(definition) or SqlOpaque(definition)


def _integer(match: re.Match[str]) -> SqlType | None:
    width, signed, unsigned = _INTEGERS[match[1]]
    usual = signed if match[3] is None else unsigned
    return SqlInteger(width, signed=match[3] is None) if (match[2] or "") in usual else None


def _sized(definition: str) -> SqlType | None:
    if match := _DECIMAL.fullmatch(definition):
        return SqlDecimal(int(match[1]), int(match[2]))
    if match := _STRING.fullmatch(definition):
        kind = SqlCharacter if match[2] == "char" else SqlBinary
        return kind(int(match[3]), fixed=match[1] is None)
    if match := _TIME.fullmatch(definition):
        digits = _digits(int(match[2]))
        return SqlTime(digits) if match[1] == "time" else SqlTimestamp(digits, with_time_zone=match[1] == "timestamp")
    if match := _BIT.fullmatch(definition):
        return SqlBit(int(match[1]))
    return None


def _labelled(definition: str) -> SqlType | None:
    match = _LABELS.fullmatch(definition)
    if match is None:
        return None
    labels = tuple(unescape(label[1]) for label in _LABEL.finditer(match[2]))
    return SqlLabel(labels) if match[1] == "enum" else SqlLabelSet(labels)


def _digits(precision: int | None) -> int | None:
    """:returns: The precision of a time; `None` for what a time has anyway."""
    return None if precision == _MICROSECONDS else precision


@dataclass(frozen=True, slots=True)
class Size:
    """A limit that the type itself cannot have."""

    limit: int
    exact: bool
    binary: bool


def lower_type(
    data_type: SqlType, features: Features, place: str, *, collation: str | None
) -> tuple[SqlType, Size | None]:
    """
    :param collation: Of the column or its table; `None` if it is that of the database.
    :returns: The type as the server will report it, and what remains to be checked.
    :raises UnsupportedError: if there is nothing like it.
    """
    match data_type:
        case SqlCharacter(limit=int(limit), fixed=fixed):
            return _text(limit, place, fixed=fixed, most=(MAX_ROW_BYTES - 3) // character_bytes(collation))
        case SqlBinary(limit=int(limit), fixed=fixed):
            return _bytes(limit, place, fixed=fixed)
        case SqlCharacter() | SqlBinary():
            return replace(data_type, fixed=False), None
        case _:
            return _scalar(data_type, features, place), None


def character_bytes(collation: str | None) -> int:
    """:returns: Most bytes of a character; those of `utf8mb4` if the collation is that of the database."""
    return 4 if collation is None else _CHARACTER_BYTES.get(collation.partition("_")[0], 4)


def _text(limit: int, place: str, *, fixed: bool, most: int) -> tuple[SqlType, Size | None]:
    _check_limit(limit, place)
    if limit <= (MAX_FIXED if fixed else most):
        return SqlCharacter(limit, fixed=fixed), None
    size = Size(limit, exact=fixed, binary=False)
    if limit <= most:
        return SqlCharacter(limit), size
    return _large("text", limit * 4, SqlCharacter()), size


def _bytes(limit: int, place: str, *, fixed: bool) -> tuple[SqlType, Size | None]:
    _check_limit(limit, place)
    if limit <= (MAX_FIXED if fixed else MAX_ROW_BYTES - 3):
        return SqlBinary(limit, fixed=fixed), None
    size = Size(limit, exact=fixed, binary=True)
    if limit <= MAX_ROW_BYTES - 3:
        return SqlBinary(limit), size
    return _large("blob", limit, SqlBinary()), size


def _check_limit(limit: int, place: str) -> None:
    if limit < 1:
        raise UnsupportedError(f"{place}: no string has a limit of {limit}; use 1 or more")


def _large(family: str, size: int, longest: SqlType) -> SqlType:
    if size <= MAX_ROW_BYTES:
        return SqlOpaque(family)
    return SqlOpaque(f"medium{family}") if size < 1 << 24 else longest


def _scalar(data_type: SqlType, features: Features, place: str) -> SqlType:
    match data_type:
        case SqlInteger() | SqlFloat() | SqlDecimal() | SqlBit():
            return _number(data_type, place)
        case SqlTimestamp() | SqlTime():
            return _time(data_type, place)
        case SqlInterval():
            return _INTERVAL
        case SqlUuid():
            return data_type if features.mariadb else SqlBinary(16, fixed=True)
        case SqlNetworkAddress(version=version):
            return _address(version, features)
        case SqlLabel() | SqlLabelSet():
            return _check_labels(data_type, place)
        case SqlJson() | SqlArray():
            return SqlJson()
        case _:
            return data_type


def _number(data_type: SqlInteger | SqlFloat | SqlDecimal | SqlBit, place: str) -> SqlType:
    match data_type:
        case SqlInteger(width=width) if width not in {1, 2, 3, 4, 8}:
            raise UnsupportedError(f"{place}: no integer has {width} bytes; use 1, 2, 3, 4 or 8")
        case SqlFloat(width=width) if width not in {4, 8}:
            raise UnsupportedError(f"{place}: no floating-point number has {width} bytes; use 4 or 8")
        case SqlDecimal():
            return _decimal(data_type, place)
        case SqlBit():
            return _bit(data_type, place)
        case _:
            return data_type


def _decimal(data_type: SqlDecimal, place: str) -> SqlDecimal:
    if data_type.precision is None:
        return SqlDecimal(_MAX_DIGITS, _MAX_SCALE)
    precision, scale = data_type.precision, data_type.scale or 0
    if not 1 <= precision <= _MAX_DIGITS or not 0 <= scale <= min(precision, _MAX_SCALE):
        raise UnsupportedError(
            f"{place}: no number has {precision} digits, {scale} of them decimal; use 1 to {_MAX_DIGITS}, and no more than"
            f" {_MAX_SCALE} decimal"
        )
    return SqlDecimal(precision, scale)


def _time(data_type: SqlTimestamp | SqlTime, place: str) -> SqlType:
    precision = data_type.precision
    if precision is not None and not 0 <= precision <= _MICROSECONDS:
        raise UnsupportedError(f"{place}: no time has {precision} decimal digits; use 0 to {_MICROSECONDS}")
    if isinstance(data_type, SqlTime) and data_type.with_time_zone:
        raise UnsupportedError(
            f"{place}: the server has no time of day with a time zone; use a plain time, or a datetime with a time zone"
        )
    return replace(data_type, precision=_digits(precision))


def _address(version: int | None, features: Features) -> SqlType:
    if version is None:
        return SqlCharacter(_ADDRESS_CHARACTERS)
    return SqlNetworkAddress(version) if features.mariadb else SqlBinary(4 if version == 4 else 16, fixed=True)


def _bit(data_type: SqlBit, place: str) -> SqlBit:
    length = 1 if data_type.length is None else data_type.length
    if data_type.varying or not 1 <= length <= _MAX_BITS:
        raise UnsupportedError(
            f"{place}: the server has strings of 1 to {_MAX_BITS} bits of a fixed length only; use Bits({_MAX_BITS}) or fewer,"
            " or str"
        )
    return SqlBit(length)


def _check_labels(data_type: SqlLabel | SqlLabelSet, place: str) -> SqlLabel | SqlLabelSet:
    for label in data_type.labels:
        fault = _label_fault(label, is_set=isinstance(data_type, SqlLabelSet))
        if fault is not None:
            raise UnsupportedError(
                f"{place}: label {label!r} {fault}; change it, or use EnumMode.CHECK or EnumMode.RELATION"
            )
    return data_type


def _label_fault(label: str, *, is_set: bool) -> str | None:
    if label.endswith(" "):
        return "ends with a blank, which the server removes"
    if len(label) > MAX_LABEL_CHARACTERS:
        return f"is longer than {MAX_LABEL_CHARACTERS} characters"
    if not is_basic(label):
        return "has a character that the server replaces by a question mark"
    return "has a comma, which separates labels" if is_set and "," in label else None


def is_basic(text: str) -> bool:
    """:returns: True if the server can keep the text in its dictionary, which holds three bytes a character."""
    return all("\0" < character <= "\uffff" for character in text)
