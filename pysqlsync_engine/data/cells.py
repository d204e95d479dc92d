"""How cells of text become values of the types of fields, and what is said of one that does not."""

from __future__ import annotations

import enum
import ipaddress
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from pysqlsync_engine.data.fitting import is_class
from pysqlsync_engine.data.sources import Fields
from pysqlsync_engine.errors import LoadError
from pysqlsync_engine.model.annotations import key_annotations, unwrap
from pysqlsync_engine.model.json_values import ExactFloat, from_json

Convert = Callable[[str], Any]
"""Makes a value of the text of a cell; raises `ValueError` if the text does not stand for one."""

_TEXTS = frozenset({timedelta, ipaddress.IPv4Address, ipaddress.IPv6Address})
"""Types whose values are strings in JSON, and are spelled in a cell as that string."""

_NANOSECONDS = re.compile(r"[.,]\d{6}\d*[1-9]")


class RecordError(LoadError):
    """
    A record of a source does not hold what its fields should.

    :param place: Where it is: `wares.parquet: row 7`.
    :param column: Name of the column; `None` if the record as a whole is at fault.
    :param reason: What is wrong, without the value.
    :param value: What is there, shortened; `None` if it is not to be shown.
    """

    def __init__(self, place: str, column: str | None, reason: str, value: str | None = None) -> None:
        where = place if column is None else f"{place}, column {column!r}"
        super().__init__(f"{where}: {reason}" if value is None else f"{where}: {reason}: {value}")
        self.place = place
        self.column = column
        self.reason = reason
        self.value = value

    def redacted(self) -> RecordError:
        """:returns: The error without the value."""
        return RecordError(self.place, self.column, self.reason)


class CellError(RecordError):
    """
    A cell of a file does not hold what its column should; see `RecordError`.

    :param file: Name of the file, for people.
    :param line: Number of the line on which the record ends, from 1; the header counts.
    """

    def __init__(self, file: str, line: int, column: str | None, reason: str, value: str | None = None) -> None:
        super().__init__(f"{file}: line {line}", column, reason, value)
        self.file = file
        self.line = line

    def redacted(self) -> CellError:
        return CellError(self.file, self.line, self.column, self.reason)


class UnknownLabelError(ValueError):
    """A cell holds a text that is not a label of its enumeration."""


class LabelConverter:
    """
    Makes members of an enumeration of their labels.

    :param members: By label.
    """

    def __init__(self, kind: type[enum.Enum]) -> None:
        self.members = {str(member.value): member for member in kind}

    def __call__(self, text: str) -> enum.Enum:
        """:returns: The member that has the label."""
        try:
            return self.members[text]
        except KeyError:
            raise UnknownLabelError(f"expected one of {', '.join(self.members)}") from None


def converter_for(annotation: Any) -> Convert:
    """
    :returns: Converter for the spelling that a type has by itself: ISO 8601 for dates and times (with `Z` or an offset for
        a moment), `true`/`false`, `t`/`f`, `yes`/`no`, `1`/`0` for a truth value, the label for an enumeration, the key for a
        class that describes another table.
    :raises TypeError: if the type has none.
    """
    kind = unwrap(annotation).type
    if is_class(kind, enum.Enum):
        return LabelConverter(kind)
    if is_dataclass(kind):
        return _key_converter(kind)
    if kind is Any:
        return str
    if kind not in _CONVERTERS:
        raise TypeError(f"no converter for cells of type {getattr(kind, '__name__', kind)}; give CsvSource one")
    return _CONVERTERS[kind]


def _key_converter(kind: Any) -> Convert:
    """:returns: Converter for the key of a class; raises `TypeError` if a cell cannot hold the key."""
    keys = key_annotations(kind)
    if len(keys) != 1:
        raise TypeError(
            f"no converter for cells of type {kind.__name__}, which has a key of {len(keys)} fields; give CsvSource one"
        )
    return converter_for(*keys.values())


def cell_converter(annotation: Any) -> Convert:
    """
    :returns: Converter as of `converter_for`; besides, an ISO 8601 duration for a `timedelta`, an address for an IP address,
        and JSON for a list, a free-form document or an object.
    :raises TypeError: if the type has no spelling.
    """
    kind = unwrap(annotation).type
    if kind in {list, set, frozenset, dict, tuple} or (
        isinstance(kind, type) and is_dataclass(kind) and not key_annotations(kind)
    ):
        return _document(annotation)
    if kind in _TEXTS:
        return from_json(annotation)
    if kind is bytes:
        # as PostgreSQL writes it, or digits alone
        return lambda text: bytes.fromhex(text.removeprefix("\\x"))
    return converter_for(annotation)


def cell_converters(fields: Fields) -> Mapping[str, Convert]:
    """
    :returns: Converter of each field.
    :raises TypeError: if the type of one has no spelling.
    """
    converters: dict[str, Convert] = {}
    for name, annotation in zip(fields.names, fields.types, strict=True):
        try:
            converters[name] = cell_converter(annotation)
        except TypeError as error:
            raise TypeError(f"{name}: {error}") from error
    return converters


def _document(annotation: Any) -> Convert:
    convert = from_json(annotation)
    return lambda text: convert(json.loads(text, parse_float=ExactFloat))


def as_truth(text: str) -> bool:
    """:returns: The truth value that the text stands for."""
    value = TRUTH.get(text.lower())
    if value is None:
        raise ValueError("not a truth value")
    return value


def as_decimal(text: str) -> Decimal:
    """:returns: The number, with all of its digits."""
    try:
        return Decimal(_plain(text))
    except InvalidOperation:
        raise ValueError("not a number") from None


def as_integer(text: str) -> int:
    """:returns: The number."""
    return int(_plain(text))


def as_float(text: str) -> float:
    """:returns: The number."""
    return float(_plain(text))


def _plain(text: str) -> str:
    """:returns: The text of a number, without what only Python permits in one."""
    if "_" in text or not text.isascii():
        raise ValueError("not a number")
    return text


def as_datetime(text: str) -> datetime:
    """:returns: The date and time, which has no digits that Python would cut off."""
    return datetime.fromisoformat(_without_nanoseconds(text))


def as_time(text: str) -> time:
    """:returns: The time of day, which has no digits that Python would cut off."""
    return time.fromisoformat(_without_nanoseconds(text))


def _without_nanoseconds(text: str) -> str:
    if _NANOSECONDS.search(text):
        raise ValueError("expected at most 6 digits of fractional seconds")
    return text


TRUTH = {"true": True, "t": True, "yes": True, "1": True, "false": False, "f": False, "no": False, "0": False}

_CONVERTERS: dict[Any, Convert] = {
    str: str,
    int: as_integer,
    float: as_float,
    Decimal: as_decimal,
    bool: as_truth,
    datetime: as_datetime,
    date: date.fromisoformat,
    time: as_time,
    UUID: UUID,
    bytes: bytes.fromhex,
}
"""Converter for each type that has a spelling of its own."""
