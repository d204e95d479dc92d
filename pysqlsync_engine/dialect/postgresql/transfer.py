"""How values of rows get to PostgreSQL what the driver takes, and what has to be sent in another form."""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

from pysqlsync_engine.data.fitting import choose_hook, is_class, simple_hook
from pysqlsync_engine.data.hooks import Detour, Hook, is_collection, refuse, text_hook
from pysqlsync_engine.data.labels import extensible_hook, label_hook
from pysqlsync_engine.data.target import LoadTarget
from pysqlsync_engine.model.annotations import unwrap
from pysqlsync_engine.model.data_types import (
    SqlArray,
    SqlBit,
    SqlDate,
    SqlNetworkAddress,
    SqlOpaque,
    SqlTimestamp,
    SqlType,
)
from pysqlsync_engine.model.object_types import Column, Lookup

DATE_RANGE = ("'0001-01-01'", "'9999-12-31'")
TIMESTAMP_RANGE = ("'0001-01-01 00:00:00'", "'9999-12-31 23:59:59.999999'")
TIMESTAMPTZ_RANGE = ("'0001-01-01 00:00:00+00'", "'9999-12-31 23:59:59.999999+00'")
"""First and last value that Python has; the driver sends them as infinite ones, which Python does not have."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """
    How the values of one column get to the server.

    :param hook: What makes them fit for the driver.
    :param lookup: Table in which they are looked up by label.
    :param cast: Type that their text is converted to; `None` if they are sent as what they are.
    :param limits: First and last value that Python has, as literals, for a type that also has infinite ones.
    """

    column: Column
    hook: Hook | None
    lookup: Lookup | None = None
    cast: str | None = None
    limits: tuple[str, str] | None = None

    @property
    def is_text(self) -> bool:
        return self.lookup is not None or self.cast is not None


def make_transfer(target: LoadTarget, position: int) -> Transfer:
    column, annotation = target.columns[position], target.types[position]
    kind = unwrap(annotation).type
    lookup = find_lookup(target, position)
    try:
        if lookup is not None and (is_class(kind, enum.Enum) or is_class(kind, str)):
            return Transfer(column, _lookup_hook(annotation), lookup=lookup)
        if (hook := _text_form(annotation, column.data_type)) is not None:
            return Transfer(column, hook, cast=_spelled(column.data_type))
        hook = choose_hook(annotation, column.data_type, choose_simple=_finite_hook)
    except TypeError as error:
        raise TypeError(f"{target.table.name.display}.{column.name.name}: {error}") from error
    if isinstance(column.data_type, SqlDate | SqlTimestamp):
        return Transfer(column, choose_hook(annotation, column.data_type), limits=_limits(column.data_type))
    if isinstance(column.data_type, SqlNetworkAddress) and hook is not None:
        return Transfer(column, _short_address(hook))
    return Transfer(column, hook)


def _short_address(hook: Hook) -> Hook:
    """:returns: A hook that gives the driver numbers for addresses: others it would write as text, and read again."""
    if not any(name == "IPv4Address" for name, _ in hook.names):
        return hook
    return replace(hook, expression="int({v}) if {v}.__class__ is {IPv4Address} else {encode}({v})")


def find_lookup(target: LoadTarget, position: int) -> Lookup | None:
    """:returns: Where the labels of a column are looked up; `None` if they are not."""
    name = target.columns[position].name
    return next((item for item in target.table.lookups if item.column == name), None)


def _lookup_hook(annotation: Any) -> Hook:
    declared = unwrap(annotation)
    if declared.extends is not None:
        return extensible_hook(declared.extends)
    return label_hook(declared.type) if is_class(declared.type, enum.Enum) else text_hook(None)


def _text_form(annotation: Any, data_type: SqlType) -> Hook | None:
    """:returns: Hook for a value that is sent as text, and converted by the server; `None` for one that the driver knows."""
    declared = unwrap(annotation)
    match data_type:
        case SqlBit():
            return choose_hook(annotation, data_type)
        case SqlOpaque() if is_class(declared.type, str):
            return text_hook(None)
        case SqlArray(element=element) if is_class(declared.type, list) and declared.arguments:
            inner = _text_form(declared.arguments[0], element)
            return None if inner is None else _array_text_hook(inner)
        case _:
            return None


def _spelled(data_type: SqlType) -> str:
    return f"{_spelled(data_type.element)}[]" if isinstance(data_type, SqlArray) else str(data_type)


def _array_text_hook(element: Hook) -> Hook:
    """
    :returns: Hook that makes of a list what the server reads as an array;
        https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO
    """

    def encode(value: Any) -> str:
        if not is_collection(value):
            raise refuse(value, "list")
        return "{" + ",".join(map(write, value)) + "}"

    def write(item: Any) -> str:
        if item is None:
            return "NULL"
        text: str = element.encode(item)
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    return Hook(encode)


def _limits(data_type: SqlDate | SqlTimestamp) -> tuple[str, str]:
    if isinstance(data_type, SqlDate):
        return DATE_RANGE
    return TIMESTAMPTZ_RANGE if data_type.with_time_zone else TIMESTAMP_RANGE


def _is_limit(value: Any) -> bool:
    """:returns: True for a date or time that the driver would send as an infinite one."""
    if isinstance(value, datetime):
        plain = value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)
        return plain in {datetime.min, datetime.max}
    return isinstance(value, date) and value in {date.min, date.max}


def _finite_hook(data_type: SqlType) -> Hook:
    """:returns: Hook for a value inside a list or an object, where the first and last that Python has cannot be sent."""
    hook = simple_hook(data_type)
    if not isinstance(data_type, SqlDate | SqlTimestamp):
        return hook

    def encode(value: Any) -> Any:
        encoded = hook.encode(value)
        if _is_limit(encoded):
            raise ValueError("cannot store the first or last date and time of Python inside a list or an object")
        return encoded

    return Hook(encode)


def watch_limits(hook: Hook | None) -> Hook | None:
    """:returns: A hook that does the same, but raises `Detour` for the first and last date and time of Python."""
    if hook is None:
        return None
    inner = hook.encode

    def encode(value: Any) -> Any:
        encoded = inner(value)
        if _is_limit(encoded):
            raise Detour
        return encoded

    # years 1 and 9999 are rare enough to call the function
    expression = hook.expression.replace(" else {encode}({v})", " and 1 < {v}.year < 9999 else {encode}({v})")
    return Hook(encode, expression, hook.names)
