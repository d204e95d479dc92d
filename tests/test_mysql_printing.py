"""What MySQL and MariaDB are sent: compiled code prints what the functions that say what is wrong with a value would print."""

from __future__ import annotations

import enum
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, ip_address
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysqlsync_engine.data.hooks import Hook
from pysqlsync_engine.data.labels import label_hook, label_text_hook
from pysqlsync_engine.data.lines import Spell, compile_line_encoder
from pysqlsync_engine.dialect.mysql.printing import (
    address_digits_hook,
    among,
    decimal_hook,
    moment_hook,
    printed_address_hook,
    uuid_digits_hook,
)
from pysqlsync_engine.dialect.text_rows import find_line_speller
from pysqlsync_engine.model.data_types import SqlDate, SqlTime, SqlTimestamp


class Color(enum.Enum):
    red = "red"
    dark = "dark red"


class Size(enum.IntEnum):
    small = 1
    large = 2


class Word(enum.StrEnum):
    red = "red"


def hook_among(kind: type[enum.Enum], *labels: str) -> Hook:
    return among(label_hook(kind), kind, labels)


HOOKS: dict[str, Hook] = {
    "members": hook_among(Color, "red", "dark red"),
    "members of which one is not permitted": hook_among(Color, "red", "other"),
    "members by name": hook_among(Size, "small", "large"),
    "labels": among(label_text_hook(["red", "blue"]), str, ["red", "green"]),
    "UUIDs": uuid_digits_hook(),
    "IPv4 digits": address_digits_hook(4),
    "IPv6 digits": address_digits_hook(6),
    "addresses": printed_address_hook(None),
    "IPv6": printed_address_hook(6),
    "decimals": decimal_hook(6, 2),
    "whole decimals": decimal_hook(6, 0),
    "long decimals": decimal_hook(38, 30),
    "any decimals": decimal_hook(None, None),
    "dates": moment_hook(SqlDate()),
    "times": moment_hook(SqlTime(3)),
    "timestamps": moment_hook(SqlTimestamp(0)),
    "moments": moment_hook(SqlTimestamp(6, with_time_zone=True)),
}


def to_the_second(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)


ZONES = st.just(UTC) | st.builds(timezone, st.timedeltas(timedelta(hours=-20), timedelta(hours=20)))

VALUES = st.one_of(
    st.sampled_from([*Color, *Size, *Word, "red", "dark red", "small", "blue", "green", "other", "", 1, True, b"x"]),
    st.uuids() | st.uuids().map(str),
    st.ip_addresses() | st.ip_addresses().map(str),
    st.sampled_from([IPv4Interface("10.0.0.1/8"), IPv6Address("fe80::1%eth0"), ip_address("::ffff:1.2.3.4")]),
    st.decimals() | st.decimals(-20_000, 20_000, places=2) | st.integers(),
    st.sampled_from([Decimal("-0.00"), Decimal("1E+3"), Decimal("1E-30"), Decimal("Infinity"), Decimal("sNaN")]),
    st.dates() | st.times() | st.times(timezones=ZONES) | st.datetimes() | st.datetimes(timezones=ZONES),
    st.datetimes(datetime(1970, 1, 1), datetime(2038, 2, 1), timezones=ZONES),
    st.datetimes().map(to_the_second),
)


def outcome(spell: Callable[[Any], Any], value: Any) -> str | None:
    """:returns: What a value is printed as; `None` if it is refused."""
    try:
        return str(spell(value))
    except (TypeError, ValueError, ArithmeticError, LookupError):
        return None


@pytest.mark.parametrize("spell", [None, find_line_speller()])
@pytest.mark.parametrize("name", HOOKS)
@given(value=VALUES)
def test_compiled_code_prints_what_the_function_would(name: str, spell: Spell | None, value: Any) -> None:
    hook = HOOKS[name]
    encode = compile_line_encoder([hook], [False], spell)
    printed = outcome(lambda value: encode([(value,)])[:-1].decode(), value)
    expected = outcome(hook.encode, value)
    if printed is not None and expected is not None and isinstance(value, Decimal):
        # with as many digits after the point as the column has
        assert Decimal(printed) == Decimal(expected)
        assert "E" not in printed
    else:
        assert printed == expected


SPELLED: list[tuple[str, Any, str]] = [
    ("members", Color.dark, "dark red"),
    ("members by name", Size.large, "large"),
    ("labels", "red", "red"),
    ("UUIDs", UUID(int=1), "00000000000000000000000000000001"),
    ("IPv4 digits", IPv4Address("10.0.0.1"), "0a000001"),
    ("IPv6 digits", IPv6Address("::1"), "00000000000000000000000000000001"),
    ("decimals", Decimal("12.5"), "12.50"),
    ("long decimals", Decimal("1E-9"), "0.000000001"),
    ("dates", date(24, 1, 2), "0024-01-02"),
    ("times", time(1, 2, 3, 4000), "01:02:03.004000"),
    ("moments", datetime(2024, 1, 2, tzinfo=UTC), "2024-01-02 00:00:00"),
    ("moments", datetime(2024, 1, 2, tzinfo=timezone(timedelta(hours=1))), "2024-01-01 23:00:00"),
]


@pytest.mark.parametrize(("name", "value", "text"), SPELLED)
def test_values_are_spelled_as_the_server_reads_them(name: str, value: Any, text: str) -> None:
    for spell in (None, find_line_speller()):
        assert compile_line_encoder([HOOKS[name]], [False], spell)([(value,)]) == f"{text}\n".encode()
