"""How Python types become data types of columns, and Python values the defaults of columns."""

from __future__ import annotations

import datetime
import decimal
import ipaddress
import uuid
from collections.abc import Mapping
from typing import Any

from strong_typing.auxiliary import Length, MaxLength, Precision, Signed, Storage, TimePrecision

from pysqlsync_engine.errors import DefinitionError
from pysqlsync_engine.formation.inspection import TypeSpec
from pysqlsync_engine.formation.markers import find_tag
from pysqlsync_engine.model.annotations import member_label
from pysqlsync_engine.model.data_types import (
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
    SqlNetworkAddress,
    SqlTime,
    SqlTimestamp,
    SqlType,
    SqlUuid,
    SqlYear,
)
from pysqlsync_engine.model.literals import boolean_literal, is_finite, number_literal, quote_literal
from pysqlsync_engine.model.type_markers import Bits, WithTimeZone, Year

POSSIBLE_TYPES = (
    "bool, int, float, Decimal, str, bytes, datetime, date, time, timedelta, UUID, IPv4Address, IPv6Address, an Enum, a Literal"
    " of strings, dict[str, ...] (JSON), list[...] or set[...] of these, a data-class, or any with a NativeType"
)
"""What the type of a field can be, for messages."""

_SIMPLE: Mapping[type, SqlType] = {
    bool: SqlBoolean(),
    datetime.date: SqlDate(),
    uuid.UUID: SqlUuid(),
    ipaddress.IPv4Address: SqlNetworkAddress(4),
    ipaddress.IPv6Address: SqlNetworkAddress(6),
    dict: SqlJson(),
}
_INTEGER_WIDTHS = (1, 2, 3, 4, 8)
_FLOAT_WIDTHS = (4, 8)
_MAX_TIME_DIGITS = 6
"""Python keeps microseconds."""


def scalar_type(spec: TypeSpec, place: str) -> SqlType | None:
    """
    :returns: Data type of a value that is neither a list, nor an enumeration, nor an object; `None` for those.
    :raises DefinitionError: if a tag has a value that no column can have.
    """
    if not isinstance(spec.type, type):
        return None
    if spec.type in _SIMPLE:
        return _SIMPLE[spec.type]
    if spec.type in (int, float, decimal.Decimal):
        return _number_type(spec, place)
    if spec.type in (str, bytes):
        return _string_type(spec, place)
    return _time_type(spec, place)


def default_literal(value: object, spec: TypeSpec, data_type: SqlType, place: str) -> str | None:
    """
    Turn the default of a field into one of the server's.

    :param data_type: Of the column.
    :returns: ANSI literal, for truth values, finite numbers, strings and enumerations. `None` for all other types: whether a
        server would read a date, a UUID or a JSON document as Python does is for nobody to guess, so their columns have no
        default on the server, and rows must be given with a value.
    :raises DefinitionError: if the value is not one of the type, or would not be stored as it is.
    """
    if spec.type in (int, float, decimal.Decimal):
        return _number_default(value, spec, data_type, place)
    if spec.type is bool:
        if not isinstance(value, bool):
            raise _mismatch(value, "bool", place)
        return boolean_literal(value)
    if spec.type is str:
        return _text_default(value, data_type, place)
    if spec.enum_class is not None:
        if not isinstance(value, spec.enum_class):
            raise _mismatch(value, spec.enum_class.__name__, place)
        return quote_literal(member_label(value))
    return None


def _number_type(spec: TypeSpec, place: str) -> SqlType:
    if find_tag(spec, Year, place) is not None:
        return SqlYear()
    if spec.type is decimal.Decimal:
        return _decimal_type(find_tag(spec, Precision, place), place)
    storage = find_tag(spec, Storage, place)
    width = 8 if storage is None else storage.bytes
    widths = _FLOAT_WIDTHS if spec.type is float else _INTEGER_WIDTHS
    if width not in widths:
        choice = ", ".join(map(str, widths))
        raise DefinitionError(f"{place}: {spec.type.__name__} of {width} bytes; Storage must be one of {choice}")
    if spec.type is float:
        return SqlFloat(width)
    signed = find_tag(spec, Signed, place)
    return SqlInteger(width, signed=signed is None or signed.is_signed)


def _decimal_type(precision: Precision | None, place: str) -> SqlDecimal:
    if precision is None:
        return SqlDecimal()
    if not 0 <= precision.decimal_digits <= precision.significant_digits or precision.significant_digits < 1:
        raise DefinitionError(
            f"{place}: {precision!r} is not a precision; give 1 or more significant digits, of which 0 or more are decimal"
        )
    return SqlDecimal(precision.significant_digits, precision.decimal_digits)


def _string_type(spec: TypeSpec, place: str) -> SqlType:
    bits = find_tag(spec, Bits, place)
    if bits is not None:
        if bits.length is not None and bits.length < 1:
            raise DefinitionError(f"{place}: {bits!r} leaves no room for a value; give 1 or more")
        return SqlBit(bits.length, bits.varying)
    exact, most = find_tag(spec, Length, place), find_tag(spec, MaxLength, place)
    if exact is not None and most is not None:
        raise DefinitionError(f"{place}: {exact!r} and {most!r} contradict each other; keep one of them")
    tag = exact or most
    if tag is not None and tag.value < 1:
        raise DefinitionError(f"{place}: {tag!r} leaves no room for a value; give 1 or more")
    limit = None if tag is None else tag.value
    kind = SqlCharacter if spec.type is str else SqlBinary
    return kind(limit, fixed=exact is not None)


def _time_type(spec: TypeSpec, place: str) -> SqlType | None:
    tag = find_tag(spec, TimePrecision, place)
    digits = None if tag is None else tag.decimal_digits
    if digits is not None and not 0 <= digits <= _MAX_TIME_DIGITS:
        raise DefinitionError(f"{place}: {tag!r} is not possible; give 0 to {_MAX_TIME_DIGITS} decimal digits")
    with_time_zone = find_tag(spec, WithTimeZone, place) is not None
    if spec.type is datetime.datetime:
        return SqlTimestamp(digits, with_time_zone)
    if spec.type is datetime.time:
        return SqlTime(digits, with_time_zone)
    return SqlInterval(digits) if spec.type is datetime.timedelta else None


def _number_default(value: Any, spec: TypeSpec, data_type: SqlType, place: str) -> str | None:
    accepted = (int,) if spec.type is int else (int, spec.type)
    if isinstance(value, bool) or not isinstance(value, accepted):
        raise _mismatch(value, spec.type.__name__, place)
    number: int | float | decimal.Decimal = spec.type(value)
    if not is_finite(number):
        return None
    if not _fits(number, data_type):
        raise DefinitionError(f"{place}: default {value} does not fit into {data_type}; change the default or the type")
    return number_literal(number)


def _fits(number: int | float | decimal.Decimal, data_type: SqlType) -> bool:
    if isinstance(data_type, SqlInteger):
        bits = 8 * data_type.width
        low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if data_type.signed else (0, (1 << bits) - 1)
        return low <= number <= high
    if isinstance(data_type, SqlDecimal) and data_type.precision is not None and isinstance(number, decimal.Decimal):
        scale = data_type.scale or 0
        shifted = number.scaleb(scale, decimal.Context(prec=decimal.MAX_PREC))
        return shifted == shifted.to_integral_value() and abs(shifted) < 10**data_type.precision
    return True


def _text_default(value: object, data_type: SqlType, place: str) -> str:
    if not isinstance(value, str):
        raise _mismatch(value, "str", place)
    if "\0" in value:
        raise DefinitionError(f"{place}: default {value!r} has a NUL character; remove it")
    if isinstance(data_type, SqlCharacter) and data_type.limit is not None and len(value) > data_type.limit:
        raise DefinitionError(
            f"{place}: default {value!r} is longer than {data_type.limit} characters; shorten it or raise the limit"
        )
    return quote_literal(value)


def _mismatch(value: object, expected: str, place: str) -> DefinitionError:
    return DefinitionError(f"{place}: expected a default of type {expected}; got {value!r}")
