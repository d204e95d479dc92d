"""
How values of rows get to MySQL and MariaDB: as integers, or as text with the escapes that `LOAD DATA` and string literals
share.
"""

from __future__ import annotations

import enum
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address
from typing import Any
from uuid import UUID

from pysqlsync_engine.data.fitting import choose_hook, is_class, natural_type, simple_hook
from pysqlsync_engine.data.hooks import Encode, Hook, refuse
from pysqlsync_engine.data.labels import extensible_hook, label_hook
from pysqlsync_engine.data.target import LoadTarget
from pysqlsync_engine.dialect.mysql.capabilities import Features
from pysqlsync_engine.dialect.mysql.values import address_hook, label_set_hook, labels_hook, year_hook
from pysqlsync_engine.model.annotations import Unwrapped, unwrap
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
LABEL = "varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
"""What labels of a lookup table are staged as."""

MAX_KEY_CHARACTERS = 3000
"""Longest staged text of a key; https://dev.mysql.com/doc/refman/8.4/en/innodb-limits.html"""

_LONG_NUMBER = re.compile(r"\d{19}")

_TEXTS = frozenset({"tinytext", "text", "mediumtext", "longtext"})
_BLOBS = frozenset({"tinyblob", "blob", "mediumblob", "longblob"})
_SHAPES = frozenset(
    {"geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon", "geomcollection"}
    | {"geometrycollection"}
)


@dataclass(frozen=True, slots=True)
class Transfer:
    """
    How the values of one column get to the server.

    :param hook: What makes integers or escaped text of them.
    :param staged: Type of the column in the staging table; `None` if it is that of the column itself.
    :param cast: What makes the value of what is staged, with `{}` for it.
    :param lookup: Table in which they are looked up by label.
    """

    column: Column
    hook: Hook
    staged: str | None = None
    cast: str = "{}"
    lookup: Lookup | None = None


def make_transfer(target: LoadTarget, position: int, features: Features) -> Transfer:
    """:raises TypeError: if values of the field cannot be stored in the column without loss."""
    column, declared = target.columns[position], unwrap(target.types[position])
    lookup = next((item for item in target.table.lookups if item.column == column.name), None)
    try:
        if lookup is not None and (is_class(declared.type, enum.Enum) or is_class(declared.type, str)):
            hook = label_hook(declared.type) if is_class(declared.type, enum.Enum) else _text_hook(None)
            if declared.extends is not None:
                hook = extensible_hook(declared.extends, MAX_LABEL_CHARACTERS)
            return Transfer(column, _escaped(hook), LABEL, lookup=lookup)
        sent = _as_sent(column.data_type, declared)
        if isinstance(sent, SqlJson):
            hook = choose_hook(target.types[position], sent) or _text_hook(None)
            return Transfer(column, _escaped(_checked_document(hook) if features.native_json else hook))
        return _transfer(column, target.types[position], sent)
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
        case SqlOpaque(definition=name) if name in _TEXTS:
            return SqlCharacter()
        case SqlOpaque(definition=name) if name in _BLOBS:
            return SqlBinary()
        case SqlOpaque(definition=name) if name.partition(" ")[0] in _SHAPES:
            return data_type
        case SqlOpaque():
            return natural_type(kind) if isinstance(kind, type) and not is_class(kind, str) else SqlCharacter()
        case _:
            return data_type


def _transfer(column: Column, annotation: Any, sent: SqlType) -> Transfer:
    if isinstance(column.data_type, SqlBinary) or isinstance(sent, SqlBinary):
        size = getattr(column.data_type, "limit", None)
        most = MAX_KEY_CHARACTERS if size is None else min(2 * size, MAX_KEY_CHARACTERS)
        staged = (
            f"varchar({most}) CHARACTER SET ascii COLLATE ascii_bin"
            if size is not None
            else "longtext CHARACTER SET ascii"
        )
        return Transfer(column, _binary_hook(annotation, sent, column.data_type), staged, "UNHEX({})")
    if isinstance(sent, SqlOpaque):
        return Transfer(column, _escaped(_text_hook(None)), "longtext", "ST_GeomFromText({})")
    if isinstance(sent, SqlBit):
        return Transfer(column, _bit_hook(sent), "bigint unsigned")
    return Transfer(column, _hook(annotation, sent))


def _hook(annotation: Any, sent: SqlType) -> Hook:
    declared = unwrap(annotation)
    if isinstance(sent, SqlLabel):
        return _escaped(labels_hook(declared.type, sent.labels))
    if isinstance(sent, SqlLabelSet):
        return _escaped(label_set_hook(declared, sent.labels))
    if isinstance(sent, SqlNetworkAddress):
        return _escaped(address_hook(sent.version))
    if isinstance(sent, SqlCharacter) and is_class(declared.type, UUID):
        return _converted(simple_hook(SqlUuid()), str)
    if isinstance(sent, SqlCharacter) and getattr(declared.type, "__module__", "") == "ipaddress":
        return _escaped(address_hook(None))
    if isinstance(sent, SqlYear):
        return year_hook()
    hook = choose_hook(annotation, sent, choose_simple=_simple)
    if hook is None:
        raise TypeError(f"cannot send values for a column of type {sent}")
    has_labels = is_class(declared.type, enum.Enum) or declared.extends is not None
    return _escaped(hook) if has_labels and not isinstance(sent, SqlInteger) else hook


def _simple(data_type: SqlType) -> Hook:
    """:returns: Hook that makes integers or escaped text of the values of a plain type."""
    match data_type:
        case SqlInteger(width=width, signed=signed):
            return _integer_hook(width, signed=signed)
        case SqlCharacter(limit=limit):
            return _text_hook_escaped(limit)
        case SqlTimestamp(with_time_zone=True):
            return _converted(simple_hook(data_type), _in_utc)
        case SqlTimestamp():
            return _printed(simple_hook(data_type), ".isoformat(' ')", _as_line)
        case SqlDate() | SqlTime():
            return _printed(simple_hook(data_type), ".isoformat()", lambda value: value.isoformat())
        case SqlBoolean():
            return Hook(
                lambda value: "1" if simple_hook(data_type).encode(value) else "0",
                "'1' if {v} is True else '0' if {v} is False else {encode}({v})",
            )
        case SqlFloat():
            return _float_hook(data_type)
        case SqlDecimal():
            return _converted(simple_hook(data_type), _digits)
        case SqlInterval():
            return _converted(simple_hook(data_type), _seconds)
        case _:
            return _converted(simple_hook(data_type), str)


def _converted(hook: Hook, convert: Callable[[Any], str]) -> Hook:
    inner: Encode = hook.encode
    return Hook(lambda value: convert(inner(value)))


def _printed(hook: Hook, method: str, convert: Callable[[Any], str]) -> Hook:
    """
    :param hook: One that passes most values on as they are.
    :param method: Call that prints them.
    """
    inner: Encode = hook.encode
    return Hook(
        lambda value: convert(inner(value)), hook.expression.replace("{v} if", "{v}" + method + " if", 1), hook.names
    )


def _escaped(hook: Hook) -> Hook:
    return _converted(hook, escape)


def escape(text: str) -> str:
    """:returns: The text as `LOAD DATA` reads it; in quotes, which have to be doubled, it is a literal of the same text."""
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\0", "\\0")


def _text_hook(limit: int | None) -> Hook:
    """:returns: Hook for a string, which may have NUL characters."""

    def encode(value: Any) -> str:
        if not isinstance(value, str):
            raise refuse(value, "text")
        if limit is not None and len(value) > limit:
            raise ValueError(f"expected at most {limit} characters; got {len(value)}")
        try:
            value.encode()
        except UnicodeEncodeError:
            raise ValueError("lone surrogate cannot be stored as text") from None
        return value

    return Hook(encode)


def _text_hook_escaped(limit: int | None) -> Hook:
    inner = _text_hook(limit).encode
    # a lone surrogate is noticed when the rows are sent
    fits = "" if limit is None else " and len({v}) <= {limit}"
    return Hook(
        lambda value: escape(inner(value)),
        "{escape}({v}) if {v}.__class__ is str" + fits + " else {encode}({v})",
        (("escape", escape), ("limit", limit)),
    )


def _integer_hook(width: int, *, signed: bool) -> Hook:
    bits = 8 * width
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    # wide enough for unsigned ones, which have a range of their own
    inner = simple_hook(SqlInteger(width if signed else 16)).encode

    def encode(value: Any) -> int:
        number: int = inner(value)
        if not low <= number <= high:
            raise ValueError(f"expected an integer of {bits} bits, {low} to {high}; got")
        return number

    return Hook(
        encode,
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
    return Hook(
        encode, "{repr}({v}) if {v}.__class__ is float and {v} - {v} == 0.0 else {encode}({v})", (("repr", repr),)
    )


def _digits(number: Decimal) -> str:
    if not number.is_finite():
        raise ValueError("cannot store a number that is not finite")
    return f"{number:f}"


def _seconds(value: timedelta) -> str:
    return f"{Decimal(value // timedelta(microseconds=1)).scaleb(-6):f}"


def _as_line(value: datetime) -> str:
    return value.isoformat(" ")


def _in_utc(value: datetime) -> str:
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ")


def _binary_hook(annotation: Any, sent: SqlType, data_type: SqlType) -> Hook:
    """:returns: Hook that makes hexadecimal digits of bytes, and of values that are stored as such."""
    if isinstance(sent, SqlUuid):
        return _converted(simple_hook(sent), lambda value: value.hex)
    if isinstance(sent, SqlNetworkAddress):
        return _converted(address_hook(sent.version, as_text=False), lambda value: value.packed.hex())
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

    return _converted(hook, convert)


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
