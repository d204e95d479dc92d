"""How Python values become JSON documents that read back as they were; `model.json_values` is the way back."""

from __future__ import annotations

import base64
import dataclasses
import enum
import json
import operator
import typing
from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address
from typing import Any, TypeGuard
from uuid import UUID

from pysqlsync_engine.data.hooks import (
    Hook,
    address_hook,
    binary_hook,
    boolean_hook,
    check_text,
    date_hook,
    float_hook,
    interval_hook,
    is_collection,
    refuse,
    text_hook,
    time_hook,
    timestamp_hook,
    uuid_hook,
)
from pysqlsync_engine.data.labels import label_text_hook
from pysqlsync_engine.model.annotations import Unwrapped, column_name, find_tag, member_annotations, unwrap
from pysqlsync_engine.model.type_markers import WithTimeZone

ToJson = Callable[[Any], Any]
"""Makes of a Python value what `json` writes; raises `TypeError` or `ValueError`, whose text is the reason without the value."""

_MIN_INTEGER, _MAX_INTEGER = -(1 << 63), (1 << 64) - 1
"""Numbers that servers keep exactly; https://dev.mysql.com/doc/refman/8.4/en/json.html"""


def document_hook(annotation: Any) -> Hook:
    """
    :param annotation: Type of a field.
    :returns: Hook that makes the text of a JSON document of a value: RFC 3339 for dates and times, ISO 8601 for durations, base64
        for bytes, text for numbers of any precision, UUIDs and addresses, the value (or the name, if that is neither text nor a
        number) for a member of an enumeration, a list for a list or a set, an object for a data-class. A value that is JSON
        already (of a `dict` without types) is written as it is. A list or an object may also be given as `list` or `dict`.
    :raises TypeError: if JSON has no such values.
    """
    convert = to_json(annotation)

    def encode(value: Any) -> str:
        text = json.dumps(convert(value), ensure_ascii=False, allow_nan=False)
        check_text(text)
        return text

    return Hook(encode)


def to_json(annotation: Any) -> ToJson:
    """:returns: Converter for values of a type other than `None`; see `document_hook`."""
    return _converter(annotation, {})


def _converter(annotation: Any, known: dict[type, ToJson]) -> ToJson:
    """:param known: Converters of data-classes, which may contain themselves; filled in."""
    declared = unwrap(annotation)
    kind: Any = declared.type
    if declared.extends is not None:
        return _extensible(declared.extends)
    if declared.labels:
        return label_text_hook(declared.labels).encode
    if kind is Any or kind is object:
        return _unchanged
    if issubclass(kind, dict):
        return _mapping(declared, known)
    if issubclass(kind, list | set | frozenset | tuple):
        return _sequence(declared, known)
    if issubclass(kind, enum.Enum):
        return _member(kind)
    if is_dataclass(kind):
        return _class_converter(typing.cast(type, kind), known)  # no object is the type of a field
    if kind not in _SCALARS:
        raise TypeError(f"no value of JSON stands for type {kind.__name__}")
    return _SCALARS[kind](declared)


def _class_converter(cls: type, known: dict[type, ToJson]) -> ToJson:
    if cls not in known:
        known[cls] = lambda value: known[cls](value)
        known[cls] = _object(cls, known)
    return lambda value: known[cls](value)


def _unchanged(value: Any) -> Any:
    _check_keys(value)
    return value


def _check_keys(value: Any) -> None:
    """
    Check that no key of an object would become a string.

    :raises TypeError: if a key is not a string.
    """
    if _is_mapping(value):
        for key, member in value.items():
            if not isinstance(key, str):
                raise TypeError(f"cannot encode {type(key).__name__} as key of a JSON object")
            _check_keys(member)
    elif is_collection(value):
        for element in value:
            _check_keys(element)


def _mapping(declared: Unwrapped, known: dict[type, ToJson]) -> ToJson:
    if len(declared.arguments) != 2 or unwrap(declared.arguments[1]).type is Any:
        return _unchanged  # free-form: any document
    convert = _converter(declared.arguments[1], known)

    def encode(value: Any) -> dict[str, Any]:
        if not _is_mapping(value):
            raise refuse(value, "dict")
        for key in value:
            if not isinstance(key, str):
                raise TypeError(f"cannot encode {type(key).__name__} as key of a JSON object")
        return {key: _convert_part(f"property {key!r}", convert, item) for key, item in value.items()}

    return encode


def _sequence(declared: Unwrapped, known: dict[type, ToJson]) -> ToJson:
    convert = _converter(declared.arguments[0], known) if declared.arguments else _unchanged
    is_set = issubclass(declared.type, set | frozenset)

    def encode(value: Any) -> list[Any]:
        if not is_collection(value) or (not is_set and isinstance(value, set | frozenset)):
            raise refuse(value, "set" if is_set else "list")
        items = [_convert_part(f"element {index}", convert, item) for index, item in enumerate(value)]
        if not is_set:
            return items
        texts = {json.dumps(item, sort_keys=True): item for item in items}
        if len(texts) < len(items):
            raise ValueError("expected each element of a set once")
        return [texts[text] for text in sorted(texts)]

    return encode


def _member(kind: type[enum.Enum]) -> ToJson:
    written = {member: _written(member) for member in kind}
    by_value = {member.value: member for member in kind if isinstance(member.value, str | int | float)}
    labels = ", ".join(str(text) for text in written.values())

    def encode(value: Any) -> Any:
        if not isinstance(value, kind) and isinstance(value, str | int | float):
            value = by_value.get(value)
        if not isinstance(value, kind):
            raise ValueError(f"not a label of {kind.__name__}; expected one of {labels}; got")
        return written[value]

    return encode


def _written(member: enum.Enum) -> Any:
    return member.value if isinstance(member.value, str | int | float) else member.name


def _extensible(kind: type[enum.Enum]) -> ToJson:
    check = text_hook(None).encode
    return lambda value: _written(value) if isinstance(value, kind) else check(value)


@dataclasses.dataclass(frozen=True, slots=True)
class _Property:
    """
    A field of a data-class as a property of an object.

    :param omitted: True if a reader takes a property that is missing for `None`.
    """

    field: str
    name: str
    convert: ToJson
    omitted: bool


def _object(cls: type, known: dict[type, ToJson]) -> ToJson:
    defaults = {
        field.name: field.default is None
        or (field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING)
        for field in dataclasses.fields(cls)
    }
    properties = [
        _Property(name, column_name(name, unwrap(annotation).tags), _converter(annotation, known), defaults[name])
        for name, annotation in member_annotations(cls).items()
    ]
    names = {item.name for item in properties}

    def encode(value: Any) -> dict[str, Any]:
        if _is_mapping(value):
            unknown = next((key for key in value if key not in names), None)
            if unknown is not None:
                raise ValueError(f"{cls.__name__} has no property {unknown!r}")
            items = [(item, value.get(item.name)) for item in properties]
        elif type(value) is cls:
            items = [(item, getattr(value, item.field)) for item in properties]
        else:
            raise refuse(value, cls.__name__)
        return {
            item.name: _convert_part(f"property {item.name!r}", item.convert, member)
            for item, member in items
            if member is not None or not item.omitted
        }

    return encode


def _convert_part(place: str, convert: ToJson, value: Any) -> Any:
    if value is None:
        return None
    try:
        return convert(value)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{place}: {error}") from None


def _is_mapping(value: Any) -> TypeGuard[Mapping[Any, Any]]:
    return isinstance(value, dict)


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise refuse(value, "integer")
    number = operator.index(value)
    if not _MIN_INTEGER <= number <= _MAX_INTEGER:
        raise ValueError(f"expected an integer from {_MIN_INTEGER} to {_MAX_INTEGER}; got")
    return number


def _decimal(value: Any) -> str:
    if not isinstance(value, Decimal | int) or isinstance(value, bool):
        raise refuse(value, "Decimal")
    if not Decimal(value).is_finite():
        raise ValueError("expected a finite number; got")
    return str(value)


def _moment(value: datetime) -> str:
    text = value.isoformat()
    return f"{text[:-6]}Z" if text.endswith("+00:00") else text


def _duration(value: timedelta) -> str:
    sign, length = ("-", -value) if value < timedelta(0) else ("", value)
    minutes, seconds = divmod(length.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    fraction = f".{length.microseconds:06d}".rstrip("0") if length.microseconds else ""
    return f"{sign}P{length.days}DT{hours}H{minutes}M{seconds}{fraction}S"


def _checked(hook: Hook, convert: Callable[[Any], Any]) -> ToJson:
    """:returns: Converter for what a hook takes."""
    check = hook.encode
    return lambda value: convert(check(value))


def _is_aware(declared: Unwrapped) -> bool:
    return find_tag(declared.tags, WithTimeZone) is not None


_SCALARS: Mapping[Any, Callable[[Unwrapped], ToJson]] = {
    bool: lambda _: boolean_hook().encode,
    int: lambda _: _integer,
    float: lambda _: float_hook(8).encode,
    Decimal: lambda _: _decimal,
    str: lambda _: text_hook(None).encode,
    bytes: lambda _: _checked(binary_hook(), lambda value: base64.b64encode(value).decode("ascii")),
    datetime: lambda declared: _checked(timestamp_hook(None, with_time_zone=_is_aware(declared)), _moment),
    date: lambda _: _checked(date_hook(), date.isoformat),
    time: lambda declared: _checked(time_hook(None, with_time_zone=_is_aware(declared)), time.isoformat),
    timedelta: lambda _: _checked(interval_hook(None), _duration),
    UUID: lambda _: _checked(uuid_hook(), str),
    IPv4Address: lambda _: _checked(address_hook(4), str),
    IPv6Address: lambda _: _checked(address_hook(6), str),
}
