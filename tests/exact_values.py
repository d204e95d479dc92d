"""Values of every type, good and bad, and what is expected of them: what the tests of exactness are made of."""

from __future__ import annotations

import asyncio
import enum
import ipaddress
import json
import math
import struct
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, make_dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import RFC_4122, UUID

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from strong_typing.auxiliary import (
    MaxLength,
    Precision,
    TimePrecision,
    float32,
    int8,
    int16,
    int32,
    int64,
    uint8,
    uint32,
)

from pysqlsync_engine.base import ConnectionContext, GeneratorOptions
from pysqlsync_engine.factory import get_dialect
from pysqlsync_engine.model.key_types import PrimaryKey
from pysqlsync_engine.model.type_markers import AwareDatetime, Bits
from tests.server_types import Server

Predicate = Callable[[Any], bool]


class Mood(enum.Enum):
    GOOD = "good"
    BAD = "it's \\ bad"


def always(_: Any) -> bool:
    """For values that are all stored."""
    return True


def is_text(value: Any) -> bool:
    """:returns: True for a string that a server can hold: without NUL, without lone surrogates."""
    return isinstance(value, str) and "\0" not in value and not any("\ud800" <= letter <= "\udfff" for letter in value)


def is_integer(bits: int, *, signed: bool = True) -> Predicate:
    """:returns: Predicate for an integer, and nothing else, in a range."""
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    return lambda value: type(value) is int and low <= value <= high


def is_finite(value: Any) -> bool:
    """:returns: True for a number that all servers have."""
    return math.isfinite(value)


def fits_decimal(precision: int, scale: int) -> Predicate:
    """:returns: Predicate for numbers that need not be rounded."""

    def fits(value: Decimal) -> bool:
        if not value.is_finite():
            return False
        scaled = value.scaleb(scale) if value.adjusted() < 60 else None
        return scaled is not None and scaled == scaled.to_integral_value() and abs(scaled) < 10**precision

    return fits


def rounds_to_milliseconds(value: datetime) -> bool:
    """:returns: True for a time that three digits after the second are enough for."""
    return value.microsecond % 1000 == 0


def in_unix_time(value: datetime) -> bool:
    """:returns: True for moments that `timestamp` of MySQL has."""
    return (
        datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC) <= value.astimezone(UTC) < datetime(2038, 1, 19, 3, 14, 7, tzinfo=UTC)
    )


def single(value: float) -> float:
    """:returns: The nearest number of 32 bits."""
    return struct.unpack("<f", struct.pack("<f", value))[0]


@dataclass(frozen=True)
class Case:
    """
    A type of field.

    :param values: Good ones and bad ones.
    :param fits: Which of them are stored.
    :param narrow: Which of those MySQL and MariaDB store too, where their type has fewer values.
    :param shown: What is compared; most values are as they are.
    :param query: What is read back; `value` unless a server prints fewer digits than it has.
    :param text: How a value is spelled in a file; `None` if files do not have such values.
    """

    annotation: Any
    values: st.SearchStrategy[Any]
    fits: Predicate = always
    narrow: Predicate = always
    shown: Callable[[Any], Any] = lambda value: value
    text: Callable[[Any], str] | None = str
    query: str = "value"


LETTERS = st.characters(codec=None)
TEXTS = st.text(LETTERS, max_size=20) | st.sampled_from(
    ["", " ", "a ", "\\N", "\\", "NULL", "\0", "a\0", "\ud800", "\t", "\n", "\r\n", "\f\v\b", "\x1a", "'\"`", "𝄞", "\u2028", "\u202e", "\\.", "\\x41", "%s"]
)  # fmt: skip
FLOATS = st.floats() | st.sampled_from([0.1, -0.0, 1e308, 5e-324, 2.0**53, 1 / 3])
MOMENTS = st.datetimes() | st.sampled_from([datetime.min, datetime.max, datetime(2000, 1, 1), datetime(1, 1, 2)])
ZONES = st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30)), timezone(-timedelta(hours=11))])


def plain(value: datetime) -> datetime:
    """:returns: The time in UTC, without a zone: not all servers tell one."""
    return value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)


def around(bits: int) -> st.SearchStrategy[int]:
    """:returns: Integers, many of them near the ends of a range."""
    edges = [sign * (1 << shift) + offset for sign in (1, -1) for shift in (bits - 1, bits) for offset in (-1, 0, 1)]
    return st.integers(-(1 << bits), 1 << bits) | st.sampled_from([0, *edges])


def has_variant(value: UUID) -> bool:
    """:returns: True for a UUID as the standard has it; MariaDB refuses some others."""
    return value.variant == RFC_4122 and value.version in range(1, 6)


def has_offset(value: datetime) -> bool:
    """:returns: True for a moment whose UTC time is one that Python has."""
    if value.tzinfo is None:
        return False
    try:
        value.astimezone(UTC)
    except OverflowError:
        return False
    return True


def spell_moment(value: datetime) -> str:
    """:returns: The moment as a file has it."""
    return value.isoformat(" ")


def spell_document(value: Any) -> str:
    """:returns: The document as a file has it."""
    return json.dumps(value)


DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**62), 2**62) | st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=3), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip

CASES: dict[str, Case] = {
    "bool": Case(bool, st.booleans(), shown=bool, text=lambda value: "true" if value else "false"),
    "int8": Case(int8, around(16), is_integer(16), is_integer(8)),
    "int16": Case(int16, around(16), is_integer(16)),
    "int32": Case(int32, around(32), is_integer(32)),
    "int64": Case(int64, around(64), is_integer(64)),
    "uint8": Case(uint8, around(16), is_integer(16), is_integer(8, signed=False)),
    "uint32": Case(uint32, around(64), is_integer(64), is_integer(32, signed=False)),
    "float64": Case(float, FLOATS, narrow=is_finite, text=repr),
    "float32": Case(float32, st.floats(width=32), narrow=is_finite, shown=single, text=repr, query="value * 1e0"),
    "decimal": Case(
        Annotated[Decimal, Precision(10, 3)], st.decimals(allow_nan=False), fits_decimal(10, 3), text=lambda value: f"{value:f}"
    ),
    "text": Case(str, TEXTS, is_text, text=None),
    "varchar": Case(Annotated[str, MaxLength(5)], TEXTS, lambda value: is_text(value) and len(value) <= 5, text=None),
    "bytes": Case(bytes, st.binary(max_size=20), text=lambda value: value.hex()),
    "date": Case(date, st.dates() | st.sampled_from([date.min, date.max]), text=date.isoformat),
    "time": Case(time, st.times() | st.sampled_from([time.min, time.max]), text=time.isoformat),
    "datetime": Case(datetime, MOMENTS | st.datetimes(timezones=ZONES), lambda value: value.tzinfo is None, text=spell_moment),
    "milliseconds": Case(Annotated[datetime, TimePrecision(3)], MOMENTS, rounds_to_milliseconds, text=spell_moment),
    "moment": Case(AwareDatetime, st.datetimes(timezones=ZONES) | MOMENTS, has_offset, in_unix_time, shown=plain, text=spell_moment),
    "timedelta": Case(timedelta, st.timedeltas(), text=None),
    "uuid": Case(UUID, st.uuids(), narrow=has_variant),
    "ipv4": Case(ipaddress.IPv4Address, st.ip_addresses(v=4)),
    "ipv6": Case(ipaddress.IPv6Address, st.ip_addresses(v=6)),
    "enum": Case(Mood, st.sampled_from([*Mood, "good", "GOOD", "1", ""]), lambda value: value in {*Mood, "good"}, text=None),
    "literal": Case(Literal["a", "b c"], st.sampled_from(["a", "b c", "", "1", "A"]), lambda value: value in {"a", "b c"}),
    "bits": Case(Annotated[str, Bits(3)], st.text("012", min_size=2, max_size=4), lambda value: len(value) == 3 and "2" not in value),
    "json": Case(dict[str, Any], st.dictionaries(st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=3), DOCUMENTS, max_size=3), text=spell_document),
}  # fmt: skip


def is_same(stored: Any, given: Any) -> bool:
    """:returns: True if both are equal. What is no number equals itself here; MariaDB keeps no sign of a zero."""
    return stored == given or (isinstance(given, float) and math.isnan(given) and math.isnan(stored))


def read_back(stored: Any, kind: type) -> Any:
    """:returns: What a driver gives, as a value of a type: some servers have no type of their own for it."""
    if isinstance(stored, str) and kind in {dict, list}:
        return json.loads(stored)
    if isinstance(stored, datetime):
        return plain(stored)
    spell: Callable[[], str] | None = getattr(stored, "as_string", None)
    if spell is not None:
        return spell().replace(" ", "")
    return _READERS[stored.__class__, kind](stored) if (stored.__class__, kind) in _READERS else stored


def _seconds(stored: Decimal) -> timedelta:
    return timedelta(microseconds=int(stored.scaleb(6)))


_READERS: dict[tuple[type, type], Callable[[Any], Any]] = {
    (bytes, UUID): lambda stored: UUID(bytes=stored),
    (str, UUID): UUID,
    (bytes, ipaddress.IPv4Address): ipaddress.IPv4Address,
    (str, ipaddress.IPv4Address): ipaddress.IPv4Address,
    (bytes, ipaddress.IPv6Address): ipaddress.IPv6Address,
    (str, ipaddress.IPv6Address): ipaddress.IPv6Address,
    (Decimal, timedelta): _seconds,
    (timedelta, time): lambda stored: (datetime.min + stored).time(),
    (bytes, str): lambda stored: f"{int.from_bytes(stored):03b}",
    (str, Mood): Mood,
}


EXAMPLES = 10
VALUES = 200
"""In all 2,000 values of a type."""

Rows = dict[int, Any]

Check = Callable[[ConnectionContext, type, Rows], Coroutine[Any, Any, None]]
"""Given the class of a table and values by their keys, stores these, and looks at what the table has then."""


def check_many(server: Server, case: Case, check: Check) -> None:
    """Check many values of a type in a table of a key and a value, by one connection."""
    sample = make_dataclass("sample", [("id", PrimaryKey[int]), ("value", case.annotation | None)])
    number = 0

    with asyncio.Runner() as runner:
        context = get_dialect(server.dialect).create_connection(server.parameters, GeneratorOptions())
        connection = runner.run(context.__aenter__())

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
        )
        @given(st.lists(case.values | st.none(), min_size=VALUES, max_size=VALUES))
        def check_values(values: list[Any]) -> None:
            nonlocal number
            rows = dict(enumerate(values, start=number + 1))
            number += len(values)
            runner.run(check(connection, sample, rows))

        try:
            runner.run(connection.create_objects([sample]))
            check_values()
            assert number == EXAMPLES * VALUES
        finally:
            runner.run(context.__aexit__(None, None, None))
