"""How values of rows get to MySQL and MariaDB: as integers or text, of which the server makes what the column holds."""

from __future__ import annotations

import enum
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address
from typing import Any
from uuid import UUID

from pysqlsync_engine.data.fitting import choose_hook, is_class, natural_type, simple_hook
from pysqlsync_engine.data.hooks import Encode, Hook, check_text, refuse
from pysqlsync_engine.data.labels import extensible_hook, label_hook, label_set_hook
from pysqlsync_engine.data.target import LoadTarget
from pysqlsync_engine.dialect.mysql.capabilities import Features
from pysqlsync_engine.dialect.mysql.printing import (
    address_digits_hook,
    among,
    converted,
    decimal_hook,
    moment_hook,
    printed_address_hook,
    uuid_digits_hook,
)
from pysqlsync_engine.model.annotations import Unwrapped, member_label, unwrap
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
from pysqlsync_engine.model.object_types import Column, Lookup

MAX_LABEL_CHARACTERS = 255

_LONG_NUMBER = re.compile(r"\d{19}")

TEXT_BYTES = {"tinytext": 255, "text": 65_535, "mediumtext": 16_777_215, "longtext": 4_294_967_295}
"""Longest texts of the types that have a limit of their own, in bytes."""

BLOBS = frozenset({"tinyblob", "blob", "mediumblob", "longblob"})
_SHAPES = frozenset(
    {"geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon", "geomcollection"}
    | {"geometrycollection"}
)


@dataclass(frozen=True, slots=True)
class Transfer:
    """
    How the values of one column get to the server.

    :param sent: Type that says best what the values look like.
    :param declared: Python type of the values.
    :param hook: What makes integers or text of them.
    :param is_text: True if that text may hold any character.
    :param cast: SQL for the value of the column, with `{}` for what was sent.
    :param lookup: Table in which values are looked up by label.
    """

    column: Column
    sent: SqlType
    declared: Unwrapped
    hook: Hook
    is_text: bool = False
    cast: str = "{}"
    lookup: Lookup | None = None

    @property
    def is_cast(self) -> bool:
        """True if the server has to make something else of what was sent."""
        return self.cast != "{}"


def make_transfer(target: LoadTarget, position: int, features: Features) -> Transfer:
    """:raises TypeError: if values of the field cannot be stored in the column without loss."""
    column, declared = target.columns[position], unwrap(target.types[position])
    lookup = next((item for item in target.table.lookups if item.column == column.name), None)
    try:
        if lookup is not None and (is_class(declared.type, enum.Enum) or is_class(declared.type, str)):
            hook = (
                _member_hook(declared.type) if is_class(declared.type, enum.Enum) else _text_hook(MAX_LABEL_CHARACTERS)
            )
            if declared.extends is not None:
                hook = extensible_hook(declared.extends, MAX_LABEL_CHARACTERS)
            return Transfer(column, SqlCharacter(MAX_LABEL_CHARACTERS), declared, hook, is_text=True, lookup=lookup)
        sent = _as_sent(column.data_type, declared)
        return _transfer(column, declared, target.types[position], sent, features)
    except TypeError as error:
        raise TypeError(f"{target.table.name.display}.{column.name.name}: {error}") from error


def _as_sent(data_type: SqlType, declared: Unwrapped) -> SqlType:
    """:returns: The type that says best what values look like, where the column has another for want of it."""
    kind = declared.type
    match data_type:
        case SqlBinary(limit=16) if is_class(kind, UUID):
            return SqlUuid()
        case SqlBinary() if is_class(kind, IPv4Address) or is_class(kind, IPv6Address):
            return SqlNetworkAddress(4 if is_class(kind, IPv4Address) else 6)
        case SqlDecimal() if is_class(kind, timedelta):
            return SqlInterval()
        case SqlOpaque(definition=name) if name in TEXT_BYTES:
            return SqlCharacter()
        case SqlOpaque(definition=name) if name in BLOBS:
            return SqlBinary()
        case SqlOpaque(definition=name) if name.partition(" ")[0] in _SHAPES:
            return data_type
        case SqlOpaque():
            return natural_type(kind) if isinstance(kind, type) and not is_class(kind, str) else SqlCharacter()
        case _:
            return data_type


def _transfer(column: Column, declared: Unwrapped, annotation: Any, sent: SqlType, features: Features) -> Transfer:
    if isinstance(sent, SqlJson):
        hook = choose_hook(annotation, sent) or _text_hook(None)
        document = _checked_document(hook) if features.native_json else hook
        return Transfer(column, sent, declared, document, is_text=True)
    if isinstance(column.data_type, SqlBinary) or isinstance(sent, SqlBinary):
        return Transfer(column, sent, declared, _binary_hook(annotation, sent, column.data_type), cast="UNHEX({})")
    if isinstance(sent, SqlOpaque):
        return Transfer(column, sent, declared, _text_hook(None), is_text=True, cast="ST_GeomFromText({})")
    if isinstance(sent, SqlBit):
        return Transfer(column, sent, declared, _bit_hook(sent), cast="CAST({} AS UNSIGNED)")
    if isinstance(column.data_type, SqlUuid) and is_class(declared.type, UUID):
        # the server takes digits as well as what it prints
        return Transfer(column, sent, declared, uuid_digits_hook())
    return Transfer(column, sent, declared, _hook(declared, annotation, sent), is_text=_is_text(sent))


def _is_text(sent: SqlType) -> bool:
    return isinstance(sent, SqlCharacter | SqlLabel | SqlLabelSet)


def _hook(declared: Unwrapped, annotation: Any, sent: SqlType) -> Hook:
    if isinstance(sent, SqlLabelSet):
        return label_set_hook(unwrap(declared.arguments[0] if declared.arguments else str), sent.labels)
    if isinstance(sent, SqlCharacter) and is_class(declared.type, UUID):
        return converted(simple_hook(SqlUuid()), str)
    if isinstance(sent, SqlCharacter) and getattr(declared.type, "__module__", "") == "ipaddress":
        return printed_address_hook(None)
    if isinstance(sent, SqlCharacter) and is_class(declared.type, enum.Enum):
        return _member_hook(declared.type)
    hook = choose_hook(annotation, sent, choose_simple=_simple)
    if hook is None:
        raise TypeError(f"cannot send values for a column of type {sent}")
    return among(hook, declared.type, sent.labels) if isinstance(sent, SqlLabel) else hook


def _member_hook(kind: type[enum.Enum]) -> Hook:
    return among(label_hook(kind), kind, [member_label(member) for member in kind])


def _simple(data_type: SqlType) -> Hook:
    """:returns: Hook that makes integers or text of the values of a plain type."""
    match data_type:
        case SqlInteger(width=width, signed=signed):
            return _integer_hook(width, signed=signed)
        case SqlCharacter(limit=limit):
            return _text_hook(limit)
        case SqlTimestamp() | SqlDate() | SqlTime():
            return moment_hook(data_type)
        case SqlBoolean():
            return Hook(
                lambda value: "1" if simple_hook(data_type).encode(value) else "0",
                "'1' if {v} is True else '0' if {v} is False else {encode}({v})",
            )
        case SqlFloat():
            return _float_hook(data_type)
        case SqlDecimal(precision=precision, scale=scale):
            return decimal_hook(precision, scale)
        case SqlNetworkAddress(version=version):
            return printed_address_hook(version)
        case _:
            return converted(simple_hook(data_type), _PRINTED.get(type(data_type), str))


def _text_hook(limit: int | None) -> Hook:
    """:returns: Hook for a string; NUL characters and lone surrogates are refused."""

    def encode(value: Any) -> str:
        if not isinstance(value, str):
            raise refuse(value, "text")
        if limit is not None and len(value) > limit:
            raise ValueError(f"expected at most {limit} characters; got {len(value)}")
        check_text(value)
        return str.__str__(value)

    # what is refused besides is noticed when lines are made of the rows
    fits = "" if limit is None else " and len({v}) <= {limit}"
    return Hook(encode, "{v} if {v}.__class__ is str" + fits + " else {encode}({v})", (("limit", limit),))


def strict_hook(hook: Hook) -> Hook:
    """:returns: The hook without what does not refuse by itself all that has to be."""
    return Hook(hook.encode)


def _integer_hook(width: int, *, signed: bool) -> Hook:
    bits = 8 * width
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    return Hook(
        simple_hook(SqlInteger(width, signed)).encode,
        "{v} if {v}.__class__ is int and {low} <= {v} <= {high} else {encode}({v})",
        (("low", low), ("high", high)),
    )


def _float_hook(data_type: SqlFloat) -> Hook:
    inner = simple_hook(data_type).encode

    def encode(value: Any) -> str:
        number: float = inner(value)
        if number - number != 0.0:
            raise ValueError("cannot store a number that is not finite")
        return repr(float(number))

    if data_type.width == 4:
        return Hook(encode)
    # infinite ones, and those that are no number, differ from themselves
    return Hook(encode, "{v} if {v}.__class__ is float and {v} - {v} == 0.0 else {encode}({v})")


def _seconds(value: timedelta) -> str:
    return f"{Decimal(value // timedelta(microseconds=1)).scaleb(-6):f}"


_PRINTED: dict[type[SqlType], Callable[[Any], str]] = {
    SqlInterval: _seconds,
    # the server would take one digit, or two, for the end of a year
    SqlYear: lambda year: f"{year:04d}",
}


def _binary_hook(annotation: Any, sent: SqlType, data_type: SqlType) -> Hook:
    """:returns: Hook that makes hexadecimal digits of bytes, and of values that are stored as such."""
    if isinstance(sent, SqlUuid):
        return uuid_digits_hook()
    if isinstance(sent, SqlNetworkAddress):
        return address_digits_hook(sent.version)
    hook = choose_hook(annotation, sent)
    limit: int | None = getattr(data_type, "limit", None)
    fixed: bool = getattr(data_type, "fixed", False)
    if hook is None:
        raise TypeError(f"cannot send values for a column of type {data_type}")

    def convert(value: bytes) -> str:
        if limit is not None and len(value) > limit:
            raise ValueError(f"expected at most {limit} bytes; got {len(value)}")
        if fixed and len(value) != limit:
            raise ValueError(f"expected {limit} bytes, as the server would fill up with zeros; got {len(value)}")
        return value.hex()

    return converted(hook, convert)


def _bit_hook(data_type: SqlBit) -> Hook:
    length = data_type.length or 1

    def encode(value: Any) -> int:
        if not isinstance(value, str):
            raise refuse(value, "bit string")
        if len(value) != length or not set(value) <= {"0", "1"}:
            raise ValueError(f"expected {length} bits, such as {'0' * length!r}; got")
        return int(value, 2)

    return Hook(encode)


def _checked_document(hook: Hook) -> Hook:
    """:returns: Hook that refuses whole numbers which a server that parses documents would round."""
    inner: Encode = hook.encode

    def encode(value: Any) -> str:
        text: str = inner(value)
        if _LONG_NUMBER.search(text):
            _check_integers(text)
        return text

    return Hook(encode)


def _check_integers(text: str) -> None:
    def check(digits: str) -> int:
        number = int(digits)
        if not -(1 << 63) <= number < 1 << 64:
            raise _RoundedError("an integer of more than 64 bits would be rounded inside a document")
        return number

    try:
        json.loads(text, parse_int=check)
    except _RoundedError:
        raise
    except ValueError:
        # the server says what is wrong with a document that is none
        return


class _RoundedError(ValueError):
    """A number that would not be stored exactly."""
