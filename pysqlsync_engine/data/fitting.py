"""Which hook makes values of a Python type fit for a column."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address
from operator import attrgetter
from typing import Any, TypeGuard
from uuid import UUID

from strong_typing.auxiliary import MaxLength, Precision, TimePrecision

from pysqlsync_engine.data import hooks
from pysqlsync_engine.data.documents import document_hook
from pysqlsync_engine.data.hooks import Encode, Hook, is_collection, refuse
from pysqlsync_engine.data.labels import extensible_hook, label_hook, label_set_hook, label_text_hook
from pysqlsync_engine.model.annotations import Unwrapped, find_tag, key_annotations, member_annotations, unwrap
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
    SqlNamed,
    SqlNetworkAddress,
    SqlOpaque,
    SqlTime,
    SqlTimestamp,
    SqlType,
    SqlUuid,
    SqlYear,
)
from pysqlsync_engine.model.id_types import QualifiedId
from pysqlsync_engine.model.type_markers import WithTimeZone

ChooseSimple = Callable[[SqlType], Hook]
"""Chooses the hook for a type of column that is neither composed of others nor defined by the catalog."""

_ADDRESSES = (IPv4Address, IPv6Address)

_ACCEPTED: dict[type[SqlType], tuple[type, ...]] = {
    SqlBoolean: (bool,),
    SqlInteger: (int,),
    SqlFloat: (float, int),
    SqlDecimal: (Decimal, int),
    SqlCharacter: (str,),
    SqlBinary: (bytes, bytearray, memoryview),
    SqlTimestamp: (datetime,),
    SqlDate: (date,),
    SqlTime: (time,),
    SqlInterval: (timedelta,),
    SqlUuid: (UUID, str),
    SqlNetworkAddress: (*_ADDRESSES, str),
    SqlBit: (str,),
    SqlYear: (int,),
    SqlLabel: (str,),
}
"""Python types whose values a column takes without loss, or refuses one by one."""

_SIMPLE: dict[type[SqlType], Callable[[Any], Hook]] = {
    SqlBoolean: lambda _: hooks.boolean_hook(),
    SqlInteger: lambda sql: hooks.integer_hook(sql.width, signed=sql.signed),
    SqlFloat: lambda sql: hooks.float_hook(sql.width),
    SqlDecimal: lambda sql: hooks.decimal_hook(sql.precision, sql.scale),
    SqlCharacter: lambda sql: hooks.text_hook(sql.limit),
    SqlBinary: lambda _: hooks.binary_hook(),
    SqlTimestamp: lambda sql: hooks.timestamp_hook(sql.precision, with_time_zone=sql.with_time_zone),
    SqlDate: lambda _: hooks.date_hook(),
    SqlTime: lambda sql: hooks.time_hook(sql.precision, with_time_zone=sql.with_time_zone),
    SqlInterval: lambda sql: hooks.interval_hook(sql.precision),
    SqlUuid: lambda _: hooks.uuid_hook(),
    SqlNetworkAddress: lambda sql: hooks.address_hook(sql.version),
    SqlBit: lambda sql: hooks.bit_hook(sql.length, varying=sql.varying),
    SqlYear: lambda _: hooks.year_hook(),
    SqlLabel: lambda sql: label_text_hook(sql.labels),
}


def simple_hook(data_type: SqlType) -> Hook:
    """:returns: Hook for a type of column that is neither composed of others nor defined by the catalog."""
    return _SIMPLE[type(data_type)](data_type)


def choose_hook(annotation: Any, data_type: SqlType, *, choose_simple: ChooseSimple = simple_hook) -> Hook | None:
    """
    Choose what encodes the values of a field for a column.

    :param annotation: Python type of the values, as written in a data-class.
    :param data_type: Type of the column, as the server has it.
    :param choose_simple: Where a driver needs more than `simple_hook` has, what to take instead.
    :returns: `None` if values are left to the driver as they are.
    :raises TypeError: if values of the Python type cannot be stored in the column without loss.
    """
    declared = unwrap(annotation)
    if isinstance(data_type, SqlJson):
        return hooks.text_hook(None) if declared.type is str and not declared.labels else document_hook(annotation)
    if isinstance(data_type, SqlLabelSet):
        return label_set_hook(unwrap(_element(declared)), data_type.labels)
    if is_class(declared.type, enum.Enum) and not isinstance(data_type, SqlInteger):
        return label_hook(declared.type)
    if is_dataclass(declared.type) and isinstance(declared.type, type):
        return _class_hook(declared.type, data_type, choose_simple)
    if isinstance(data_type, SqlArray):
        return _array_hook(declared, data_type, choose_simple)
    if isinstance(data_type, SqlNamed):
        return _named_hook(annotation, declared, choose_simple)
    if isinstance(data_type, SqlOpaque):
        return None
    return _plain_hook(declared, data_type, choose_simple)


def is_class(kind: Any, parent: type) -> bool:
    """:returns: True if `kind` is a class derived from `parent`; false for `Any`."""
    return isinstance(kind, type) and issubclass(kind, parent)


def _plain_hook(declared: Unwrapped, data_type: SqlType, choose_simple: ChooseSimple) -> Hook:
    """:returns: Hook for a value that is neither composed of others nor of a type that the catalog defines."""
    if declared.extends is not None and isinstance(data_type, SqlCharacter):
        return extensible_hook(declared.extends, data_type.limit)
    _check_accepted(declared, data_type)
    if declared.labels and isinstance(data_type, SqlCharacter | SqlLabel):
        return label_text_hook(declared.labels)
    return _as_declared(declared, choose_simple(data_type), data_type)


def _as_declared(declared: Unwrapped, hook: Hook, data_type: SqlType) -> Hook:
    """:returns: A hook that also refuses addresses of the other version, where the column takes both."""
    if isinstance(data_type, SqlNetworkAddress) and data_type.version is None and declared.type in _ADDRESSES:
        return hooks.address_hook(4 if declared.type is IPv4Address else 6)
    return hook


def _named_hook(annotation: Any, declared: Unwrapped, choose_simple: ChooseSimple) -> Hook | None:
    """:returns: Hook for a value of an enumeration without a class, or of a domain, whose values the server checks."""
    if declared.labels:
        return label_text_hook(declared.labels)
    if declared.type is str or declared.type not in _NATURAL:
        return hooks.text_hook(None) if is_class(declared.type, str) else None
    return choose_hook(annotation, natural_type(annotation), choose_simple=choose_simple)


def _element(declared: Unwrapped) -> Any:
    return declared.arguments[0] if declared.arguments else Any


def _check_accepted(declared: Unwrapped, data_type: SqlType) -> None:
    kind = declared.type
    accepted = _ACCEPTED[type(data_type)]
    refused = kind is not Any and (
        not issubclass(kind, accepted)
        # these are derived from another type, but their values mean something else
        or (issubclass(kind, bool) and bool not in accepted)
        or (issubclass(kind, datetime) and datetime not in accepted)
    )
    if refused:
        names = " or ".join(item.__name__ for item in accepted)
        raise TypeError(f"expected fields of type {names} for a column of type {data_type}; got {kind.__name__}")


def _class_hook(cls: type, data_type: SqlType, choose_simple: ChooseSimple) -> Hook | None:
    """:returns: Hook for objects: a row of another table stands for its key, other objects for a composite value."""
    keys = key_annotations(cls)
    if len(keys) == 1:
        ((name, annotation),) = keys.items()
        return _reference_hook(cls, attrgetter(name), choose_hook(annotation, data_type, choose_simple=choose_simple))
    if keys:
        raise TypeError(f"class {cls.__name__} has a key of several fields; name one field per column of the key")
    if isinstance(data_type, SqlNamed):
        return composite_hook(cls, choose_simple)
    raise TypeError(f"expected a column of a composite type for class {cls.__name__}; got {data_type}")


def _reference_hook(cls: type, get_key: Callable[[Any], Any], key_hook: Hook | None) -> Hook:
    encode_key: Encode = _unchanged if key_hook is None else key_hook.encode

    def encode(value: Any) -> Any:
        key = get_key(value) if isinstance(value, cls) else value
        if key is None:
            raise ValueError(f"object of class {cls.__name__} has no key; got")
        return encode_key(key)

    return Hook(encode)


def _unchanged(value: Any) -> Any:
    return value


def composite_hook(cls: type, choose_simple: ChooseSimple) -> Hook:
    """:returns: Hook that takes objects of a data-class, or tuples of their fields' values, and returns tuples."""
    members = member_annotations(cls)
    encoders: list[tuple[str, Encode]] = []
    for name, annotation in members.items():
        hook = choose_hook(annotation, natural_type(annotation), choose_simple=choose_simple)
        encoders.append((name, _unchanged if hook is None else hook.encode))

    def encode(value: Any) -> tuple[Any, ...]:
        if isinstance(value, cls):
            values = tuple(getattr(value, name) for name in members)
        elif _is_list(value):
            values = tuple(value)
        else:
            raise refuse(value, cls.__name__)
        if len(values) != len(encoders):
            raise ValueError(f"expected {len(encoders)} members of {cls.__name__}; got {len(values)}")
        return tuple(
            None if item is None else _encode_member(name, encode_item, item)
            for item, (name, encode_item) in zip(values, encoders, strict=True)
        )

    return Hook(encode)


def _encode_member(name: str, encode: Encode, value: Any) -> Any:
    try:
        return encode(value)
    except (TypeError, ValueError) as error:
        raise type(error)(f"member {name}: {error}") from None


def natural_type(annotation: Any) -> SqlType:
    """
    :returns: What a column would have to be to hold all values of a Python type; used for members of composite types,
        whose own types the driver checks.
    :raises TypeError: if there is none.
    """
    declared = unwrap(annotation)
    kind, tags = declared.type, declared.tags
    if (is_class(kind, list) or is_class(kind, set)) and declared.arguments:
        return SqlArray(natural_type(declared.arguments[0]))
    if is_class(kind, dict) or kind is Any:
        return SqlJson()
    if is_class(kind, enum.Enum):
        return SqlNamed(QualifiedId(None, kind.__name__))
    if is_dataclass(kind) and isinstance(kind, type):
        keys = tuple(key_annotations(kind).values())
        return natural_type(keys[0]) if len(keys) == 1 else SqlNamed(QualifiedId(None, kind.__name__))
    if kind not in _NATURAL:
        raise TypeError(f"no data type for values of type {kind}")
    return _NATURAL[kind](tags)


def _array_hook(declared: Unwrapped, data_type: SqlArray, choose_simple: ChooseSimple) -> Hook:
    kind: Any = declared.type
    if is_class(kind, set):
        return _set_hook(_array_hook(Unwrapped(list, arguments=declared.arguments), data_type, choose_simple))
    if kind is not Any and not (is_class(kind, list) or is_class(kind, tuple)):
        raise TypeError(f"expected fields of type list for a column of type {data_type}; got {kind.__name__}")
    element = _element(declared)
    # the server does not keep the number of dimensions
    is_nested = is_class(unwrap(element).type, list) and not isinstance(data_type.element, SqlArray)
    element_hook = choose_hook(element, data_type if is_nested else data_type.element, choose_simple=choose_simple)
    encode_element: Encode = _unchanged if element_hook is None else element_hook.encode

    def encode(value: Any) -> list[Any]:
        if not _is_list(value):
            raise refuse(value, "list")
        return [None if element is None else encode_element(element) for element in value]

    return Hook(encode)


def _set_hook(as_list: Hook) -> Hook:
    """:returns: Hook for a set, whose elements are stored in an order that is the same whenever the set is."""

    def encode(value: Any) -> list[Any]:
        if not is_collection(value):
            raise refuse(value, "set")
        encoded = as_list.encode(list(value))
        if len(set(map(repr, encoded))) < len(encoded):
            raise ValueError("expected each element of a set once")
        return sorted(encoded, key=repr)

    return Hook(encode)


def _is_list(value: Any) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, list | tuple)


_NATURAL: dict[Any, Callable[[tuple[Any, ...]], SqlType]] = {
    bool: lambda _: SqlBoolean(),
    int: lambda _: SqlInteger(8),
    float: lambda _: SqlFloat(8),
    Decimal: lambda tags: _natural_decimal(find_tag(tags, Precision)),
    str: lambda tags: SqlCharacter(getattr(find_tag(tags, MaxLength), "value", None)),
    bytes: lambda _: SqlBinary(),
    datetime: lambda tags: SqlTimestamp(_second_digits(tags), find_tag(tags, WithTimeZone) is not None),
    date: lambda _: SqlDate(),
    time: lambda tags: SqlTime(_second_digits(tags), find_tag(tags, WithTimeZone) is not None),
    timedelta: lambda tags: SqlInterval(_second_digits(tags)),
    UUID: lambda _: SqlUuid(),
    IPv4Address: lambda _: SqlNetworkAddress(4),
    IPv6Address: lambda _: SqlNetworkAddress(6),
}
"""Data type for a Python type, from the tags of its annotation."""


def _second_digits(tags: tuple[Any, ...]) -> int | None:
    digits: int | None = getattr(find_tag(tags, TimePrecision), "decimal_digits", None)
    return digits


def _natural_decimal(tag: Precision | None) -> SqlDecimal:
    return SqlDecimal() if tag is None else SqlDecimal(tag.significant_digits, tag.decimal_digits)
