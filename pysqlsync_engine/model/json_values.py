"""What stands for a Python value in a JSON document, and how the value is had from it."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import enum
import ipaddress
import re
import typing
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from pysqlsync_engine.model.annotations import (
    Unwrapped,
    column_name,
    key_annotations,
    member_annotations,
    unwrap,
)

FromJson = Callable[[Any], Any]
"""Makes a Python value of a parsed JSON value other than null; raises `ValueError` if it does not stand for one."""

_DURATION = re.compile(
    r"([+-])?P(?:(\d+)W)?(?:(\d+)D)?(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:[.,](\d{1,6})0*)?S)?)?", re.ASCII
)
_NANOSECONDS = re.compile(r"[.,]\d{6}\d*[1-9]")


class ExactFloat(float):
    """
    A JSON number that remembers its digits, so that a `Decimal` made of it has all of them; see `json.loads(parse_float=)`.

    :param text: As it is written in the document.
    """

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> ExactFloat:
        """:returns: The number that the text stands for."""
        number = super().__new__(cls, text)
        number.text = text
        return number


def from_json(annotation: Any) -> FromJson:
    """
    :param annotation: Type of a field.
    :returns: Converter for values of the type as JSON has them: RFC 3339 for dates and times, ISO 8601 for durations, base64 for
        bytes, the label for an enumeration, an object for a data-class, the key for a class that describes another table.
        Free-form values are kept as they are.
    :raises TypeError: if JSON has no such values.
    """
    return _from_json(annotation, {})


def _from_json(annotation: Any, known: dict[Any, FromJson]) -> FromJson:
    """:param known: Converters of data-classes, which may contain themselves; filled in."""
    declared = unwrap(annotation)
    kind: Any = declared.type
    if kind is Any or kind in {dict, object, tuple}:
        return _mapping(declared, known) if len(declared.arguments) == 2 and kind is dict else _unchanged
    if issubclass(kind, enum.Enum):
        return _label(kind)
    if dataclasses.is_dataclass(kind):
        return _class_converter(kind, known)
    if kind in {list, set, frozenset}:
        return _sequence(kind, declared, known)
    if kind not in _CONVERTERS:
        raise TypeError(f"no value of JSON stands for type {kind.__name__}")
    return _CONVERTERS[kind]


def _unchanged(value: Any) -> Any:
    return value


def _label(kind: type[enum.Enum]) -> FromJson:
    members = {member.value if isinstance(member.value, str | int | float) else member.name: member for member in kind}

    def convert(value: Any) -> enum.Enum:
        try:
            return members[value]
        except (KeyError, TypeError):
            raise ValueError(f"expected one of {', '.join(map(str, members))}") from None

    return convert


def _mapping(declared: Unwrapped, known: dict[Any, FromJson]) -> FromJson:
    if unwrap(declared.arguments[1]).type is Any:
        return _unchanged  # free-form: any document
    member = _from_json(declared.arguments[1], known)

    def convert(value: Any) -> Any:
        if not isinstance(value, Mapping):
            raise _mismatch("an object", value)
        items = typing.cast("Mapping[str, Any]", value).items()
        return {key: _convert_part(f"property {key!r}", member, item) for key, item in items}

    return convert


def _sequence(kind: Any, declared: Unwrapped, known: dict[Any, FromJson]) -> FromJson:
    element = _from_json(declared.arguments[0], known) if declared.arguments else _unchanged

    def convert(value: Any) -> Any:
        if not isinstance(value, list):
            raise _mismatch("a list", value)
        items: list[Any] = []
        for index, item in enumerate(typing.cast("list[Any]", value)):
            items.append(_convert_part(f"element {index}", element, item))
        return kind(items)

    return convert


def _class_converter(kind: Any, known: dict[Any, FromJson]) -> FromJson:
    if key_annotations(kind):
        return _reference(kind)
    if kind not in known:
        known[kind] = lambda value: known[kind](value)
        known[kind] = _instance(kind, known)
    return lambda value: known[kind](value)


def _instance(kind: Any, known: dict[Any, FromJson]) -> FromJson:
    """:returns: Converter for objects that become instances of a data-class."""
    members = member_annotations(kind)
    names = {column_name(name, unwrap(annotation).tags): name for name, annotation in members.items()}
    converters = {name: _from_json(annotation, known) for name, annotation in members.items()}

    def convert(value: Any) -> Any:
        if not isinstance(value, Mapping):
            raise _mismatch("an object", value)
        given: dict[str, Any] = {}
        for key, item in typing.cast("Mapping[str, Any]", value).items():
            if key not in names:
                raise ValueError(f"{kind.__name__} has no property {key!r}")
            given[names[key]] = _convert_part(f"property {key!r}", converters[names[key]], item)
        for field in dataclasses.fields(kind):
            if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
                given.setdefault(field.name, None)
        return kind(**given)

    return convert


def _reference(kind: Any) -> FromJson:
    """:returns: Converter for the key of another table, which may also be given as an object that has only the key."""
    keys = key_annotations(kind)
    if len(keys) != 1:
        return _unchanged
    ((name, annotation),) = keys.items()
    heading = column_name(name, unwrap(annotation).tags)
    convert_key = from_json(annotation)

    def convert(value: Any) -> Any:
        if not isinstance(value, Mapping):
            return convert_key(value)
        found = typing.cast("Mapping[str, Any]", value)
        if set(found) != {heading}:
            raise ValueError(
                f"expected the key of {kind.__name__}, which has a table of its own, or an object of {heading!r} only"
            )
        return convert_key(found[heading])

    return convert


def _convert_part(place: str, convert: FromJson, value: Any) -> Any:
    if value is None:
        return None
    try:
        return convert(value)
    except (ValueError, ArithmeticError) as error:
        raise ValueError(f"{place}: {error}") from error


def _mismatch(expected: str, value: Any) -> ValueError:
    found = next((name for kind, name in _JSON_NAMES if isinstance(value, kind)), "an object")
    return ValueError(f"expected {expected}; got {found}")


def _as_text(value: Any) -> str:
    if not isinstance(value, str):
        raise _mismatch("a string", value)
    return value


def _as_truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _mismatch("true or false", value)
    return value


def _as_integer(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer():
        # 1.0 and 1e3 are integers in JSON Schema; digits that a float has not are to be had from the text
        return int(Decimal(value.text)) if isinstance(value, ExactFloat) else int(value)
    raise _mismatch("an integer", value)


def _as_float(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _mismatch("a number", value)
    return float(value)


def _as_decimal(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise _mismatch("a number", value)
    text = value.text if isinstance(value, ExactFloat) else str(value)
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ValueError("expected a number") from None


def _as_bytes(value: Any) -> bytes:
    try:
        return base64.b64decode(_as_text(value), validate=True)
    except binascii.Error:
        raise ValueError("expected base64") from None


def _reader(read: FromJson, expected: str) -> FromJson:
    """
    :param read: Makes a value of text; its errors may have the text in them.
    :returns: The same, with errors that have not.
    """

    def convert(value: Any) -> Any:
        text = _as_text(value)
        try:
            return read(text)
        except ValueError:
            raise ValueError(f"expected {expected}") from None

    return convert


_read_datetime = _reader(datetime.fromisoformat, "a date and time, such as 2024-01-31T12:30:00")
_read_time = _reader(time.fromisoformat, "a time of day, such as 12:30:00")


def _as_datetime(value: Any) -> datetime:
    return _read_datetime(_without_nanoseconds(_as_text(value)))


def _as_time(value: Any) -> time:
    return _read_time(_without_nanoseconds(_as_text(value)))


def _without_nanoseconds(text: str) -> str:
    """:returns: The text, if it has no digits that Python would cut off."""
    if _NANOSECONDS.search(text):
        raise ValueError("expected at most 6 digits of fractional seconds")
    return text


def _as_duration(value: Any) -> timedelta:
    text = _as_text(value)
    match = _DURATION.fullmatch(text)
    if match is None or text[-1] in "PT":
        raise ValueError("expected a duration of weeks, days, hours, minutes and seconds, such as P1DT2H30M")
    sign, *counts, fraction = match.groups()
    weeks, days, hours, minutes, seconds = (int(count or 0) for count in counts)
    microseconds = int((fraction or "").ljust(6, "0"))
    length = timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds, microseconds=microseconds)
    return -length if sign == "-" else length


_CONVERTERS: Mapping[Any, FromJson] = {
    str: _as_text,
    int: _as_integer,
    float: _as_float,
    Decimal: _as_decimal,
    bool: _as_truth,
    bytes: _as_bytes,
    datetime: _as_datetime,
    date: _reader(date.fromisoformat, "a date, such as 2024-01-31"),
    time: _as_time,
    timedelta: _as_duration,
    UUID: _reader(UUID, "a UUID"),
    ipaddress.IPv4Address: _reader(ipaddress.IPv4Address, "an address of IPv4"),
    ipaddress.IPv6Address: _reader(ipaddress.IPv6Address, "an address of IPv6"),
}

_JSON_NAMES: tuple[tuple[type, str], ...] = (
    (str, "a string"),
    (bool, "true or false"),
    (int, "a number"),
    (float, "a number"),
    (list, "a list"),
    (type(None), "null"),
)
