"""
What makes a value of a row fit for a driver: for each kind of column a hook that passes a value on as it is, converts it
without loss, or refuses it.
"""

from __future__ import annotations

import operator
import struct
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Context, Decimal, Inexact, InvalidOperation
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface, ip_interface
from typing import Any, TypeGuard, TypeVar
from uuid import UUID

Encode = Callable[[Any], Any]

UNCHANGED = "{v}"
"""Expression of a hook for a driver that itself refuses what cannot be stored as it is."""

MAX_INTEGER_DIGITS = 131_072
"""Most digits of a number before the decimal point; https://www.postgresql.org/docs/current/datatype-numeric.html"""

MAX_FRACTION_DIGITS = 16_383
"""Most digits of a number after the decimal point."""

MIN_YEAR, MAX_YEAR = 1901, 2155
"""https://dev.mysql.com/doc/refman/8.4/en/year.html"""

Temporal = TypeVar("Temporal", datetime, time)


class Detour(Exception):  # noqa: N818 - a signal between a hook and its loader
    """Raised by a hook for a value that can be stored, but has to be sent in another way."""


@dataclass(frozen=True, slots=True)
class Hook:
    """
    Encodes the values of one field. NULL never reaches a hook.

    :param encode: Takes a value, returns what the driver is given; raises `TypeError` or `ValueError`, whose text is the
        reason without the value, for one that cannot be stored as it is.
    :param expression: What the compiled encoder does in place of calling `encode` for each value: a Python expression in
        which `{v}` stands for the value, `{encode}` for the function above, and others for `names`. It must store what
        `encode` stores, and fail (here or in the driver) where `encode` fails; the reason is then asked of `encode`.
    :param names: What else the expression refers to.
    """

    encode: Encode
    expression: str = "{encode}({v})"
    names: tuple[tuple[str, Any], ...] = ()


def refuse(value: Any, expected: str) -> TypeError:
    """:returns: Error for a value of a type that a column cannot take."""
    return TypeError(f"cannot encode {type(value).__name__} as {expected}")


def is_collection(value: Any) -> TypeGuard[Collection[Any]]:
    """:returns: True for a set, a list or a tuple: what the elements of a set can be given as."""
    return isinstance(value, set | frozenset | list | tuple)


def boolean_hook() -> Hook:
    """:returns: Hook for a truth value; numbers are refused."""

    def encode(value: Any) -> bool:
        if value is True or value is False:
            return value
        raise refuse(value, "boolean")

    return Hook(encode, UNCHANGED)


def integer_hook(width: int, *, signed: bool = True) -> Hook:
    """
    :param width: Bytes of storage.
    :returns: Hook for an integer; truth values and numbers with a fraction part are refused.
    """
    limit = 1 << (8 * width - 1 if signed else 8 * width)
    least = -limit if signed else 0

    def encode(value: Any) -> int:
        if isinstance(value, bool) or not hasattr(value, "__index__"):
            raise refuse(value, "integer")
        number = operator.index(value)
        if not least <= number < limit:
            raise ValueError(f"expected an integer of {8 * width} bits, {least} to {limit - 1}; got")
        return number

    return Hook(encode, "{v} if {v}.__class__ is int else {encode}({v})")


def float_hook(width: int) -> Hook:
    """
    :param width: Bytes of storage; with 4 a number is rounded to the nearest that can be held, as is inherent.
    :returns: Hook for a floating-point number; an integer only if it can be held exactly.
    """

    def encode(value: Any) -> float:
        if isinstance(value, float):
            number = value
        elif isinstance(value, int) and not isinstance(value, bool):
            number = float(value)
            if int(number) != value:
                raise ValueError("cannot encode int as float without rounding")
        else:
            raise refuse(value, "float")
        if width == 4:
            _check_single(number)
        return number

    return Hook(encode, "{v} if {v}.__class__ is float else {encode}({v})")


def _check_single(number: float) -> None:
    try:
        struct.pack("<f", number)
    except OverflowError:
        raise ValueError("out of range of a 32-bit float") from None


def decimal_hook(precision: int | None, scale: int | None) -> Hook:
    """
    :returns: Hook for an exact number; one with more digits than the column holds is refused rather than rounded.
    """
    if precision is None:
        return Hook(
            _encode_number,
            "{v} if {v}.__class__ is {Decimal} and {v} == {v} and {v}.adjusted() < {limit} else {encode}({v})",
            (("Decimal", Decimal), ("limit", MAX_INTEGER_DIGITS)),
        )
    digits, unit = scale or 0, Decimal(1).scaleb(-(scale or 0))
    context = Context(prec=precision, traps=[Inexact, InvalidOperation])

    def encode(value: Any) -> Decimal:
        number = value if value.__class__ is Decimal else _as_decimal(value)
        try:
            number.quantize(unit, None, context)
        except Inexact:
            raise ValueError(f"expected at most {digits} digits after the decimal point; got") from None
        except InvalidOperation:
            raise ValueError(f"expected at most {precision - digits} digits before the decimal point; got") from None
        return number

    return Hook(encode)


def _as_decimal(value: Any) -> Decimal:
    if isinstance(value, Decimal):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    raise refuse(value, "decimal")


def _encode_number(value: Any) -> Decimal:
    number = _as_decimal(value)
    if number.is_snan():
        raise ValueError("cannot store a signaling NaN")
    exponent = number.as_tuple().exponent
    if isinstance(exponent, int) and (number.adjusted() >= MAX_INTEGER_DIGITS or exponent < -MAX_FRACTION_DIGITS):
        raise ValueError(f"expected at most {MAX_INTEGER_DIGITS}.{MAX_FRACTION_DIGITS} digits; got")
    return number


def text_hook(limit: int | None) -> Hook:
    """
    :param limit: Characters that fit; `None` if all do.
    :returns: Hook for a string; one that is too long is refused even if only blanks would be cut off.
    """

    def encode(value: Any) -> str:
        if not isinstance(value, str):
            raise refuse(value, "text")
        if limit is not None and len(value) > limit:
            raise ValueError(f"expected at most {limit} characters; got {len(value)}")
        check_text(value)
        return value

    if limit is None:
        return Hook(encode, UNCHANGED)
    return Hook(encode, "{v} if {v}.__class__ is str and len({v}) <= {limit} else {encode}({v})", (("limit", limit),))


def check_text(value: str) -> None:
    """
    Check that a string can be stored as text.

    :raises ValueError: if it has a character that no server stores.
    """
    if "\0" in value:
        raise ValueError("NUL character cannot be stored as text")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("lone surrogate cannot be stored as text") from None


def binary_hook() -> Hook:
    """:returns: Hook for a byte string."""

    def encode(value: Any) -> bytes:
        if isinstance(value, bytes | bytearray):
            return bytes(value)
        if isinstance(value, memoryview):
            return value.tobytes()
        raise refuse(value, "bytes")

    return Hook(encode, "{v} if {v}.__class__ is bytes else {encode}({v})")


def uuid_hook() -> Hook:
    """:returns: Hook for a UUID, which may be given in its text form."""

    def encode(value: Any) -> UUID:
        if isinstance(value, UUID):
            return value
        if isinstance(value, str):
            try:
                return UUID(value)
            except ValueError:
                raise ValueError("cannot encode str as uuid") from None
        raise refuse(value, "uuid")

    return Hook(encode, "{v} if {v}.__class__ is {UUID} else {encode}({v})", (("UUID", UUID),))


def address_hook(version: int | None) -> Hook:
    """
    :param version: 4 or 6; `None` for either, which may then come with a netmask.
    :returns: Hook for an IP address, which may be given in its text form; returns an address, or an interface if it has a
        netmask that is not all ones.
    """
    name = "IP address" if version is None else f"IPv{version} address"

    def encode(value: Any) -> Any:
        address = _as_address(value, name)
        if version is not None and address.version != version:
            raise ValueError(f"expected an {name}; got")
        if isinstance(address, IPv4Interface | IPv6Interface):
            if address.network.prefixlen == address.max_prefixlen:
                return address.ip
            if version is not None:
                raise ValueError(f"expected an {name} without a netmask; got")
        return address

    if version == 6:
        return Hook(encode)  # one may have a zone
    return Hook(encode, "{v} if {v}.__class__ is {IPv4Address} else {encode}({v})", (("IPv4Address", IPv4Address),))


def _as_address(value: Any, name: str) -> IPv4Address | IPv6Address:
    if isinstance(value, str):
        try:
            value = ip_interface(value)
        except ValueError:
            raise ValueError(f"cannot encode str as {name}") from None
    if not isinstance(value, IPv4Address | IPv6Address):
        raise refuse(value, name)
    if isinstance(value, IPv6Address) and value.scope_id is not None:
        raise ValueError("an address with a zone cannot be stored")
    return value


def bit_hook(length: int | None, *, varying: bool) -> Hook:
    """
    :param length: Bits that fit; `None` for any number, or for one if `varying` is false.
    :returns: Hook for a string of the digits 0 and 1.
    """
    bits = 1 if length is None and not varying else length

    def encode(value: Any) -> str:
        if not isinstance(value, str):
            raise refuse(value, "bits")
        if value.strip("01"):
            raise ValueError("expected digits 0 and 1; got")
        if bits is not None and (len(value) > bits or (not varying and len(value) < bits)):
            raise ValueError(f"expected {'at most ' if varying else ''}{bits} bits; got {len(value)}")
        return value

    return Hook(encode)


def year_hook() -> Hook:
    """:returns: Hook for a calendar year as MySQL has it: 1901 to 2155, and 0."""

    def encode(value: Any) -> int:
        if isinstance(value, bool) or not hasattr(value, "__index__"):
            raise refuse(value, "year")
        year = operator.index(value)
        if year and not MIN_YEAR <= year <= MAX_YEAR:
            raise ValueError(f"expected a year from {MIN_YEAR} to {MAX_YEAR}; got")
        return year

    return Hook(encode)


def date_hook() -> Hook:
    """:returns: Hook for a calendar date; a date with a time of day is refused, since that would be lost."""

    def encode(value: Any) -> date:
        if isinstance(value, date) and not isinstance(value, datetime):
            return value
        raise refuse(value, "date")

    return Hook(encode, "{v} if {v}.__class__ is {date} else {encode}({v})", (("date", date),))


def timestamp_hook(precision: int | None, *, with_time_zone: bool) -> Hook:
    """
    :param precision: Digits of fractional seconds that fit; `None` is 6.
    :param with_time_zone: True if values must have a UTC offset, false if they must not.
    :returns: Hook for a date and time of day. Nothing is guessed: a missing offset is refused.
    """
    name = "timestamp with time zone" if with_time_zone else "timestamp without time zone"

    def encode(value: Any) -> datetime:
        if not isinstance(value, datetime):
            raise refuse(value, name)
        _check_offset(value, name, with_time_zone=with_time_zone)
        _check_fraction(value.microsecond, precision, getattr(value, "nanosecond", 0))
        if with_time_zone:
            try:
                value.astimezone(UTC)
            except OverflowError:
                raise ValueError("out of range in UTC") from None
        return value

    offset = "({v}.tzinfo is {UTC} or {v}.utcoffset() is not None)" if with_time_zone else "{v}.tzinfo is None"
    return Hook(
        encode,
        "{v} if {v}.__class__ is {datetime} and " + offset + _fraction_test(precision) + " else {encode}({v})",
        (("datetime", datetime), ("UTC", UTC)),
    )


def time_hook(precision: int | None, *, with_time_zone: bool) -> Hook:
    """:returns: Hook for a time of day; see `timestamp_hook`."""
    name = "time with time zone" if with_time_zone else "time without time zone"

    def encode(value: Any) -> time:
        if not isinstance(value, time):
            raise refuse(value, name)
        _check_offset(value, name, with_time_zone=with_time_zone)
        _check_fraction(value.microsecond, precision)
        return value

    offset = "{v}.utcoffset() is not None" if with_time_zone else "{v}.tzinfo is None"
    return Hook(
        encode,
        "{v} if {v}.__class__ is {time} and " + offset + _fraction_test(precision) + " else {encode}({v})",
        (("time", time),),
    )


def interval_hook(precision: int | None) -> Hook:
    """:returns: Hook for a length of time."""

    def encode(value: Any) -> timedelta:
        if not isinstance(value, timedelta):
            raise refuse(value, "interval")
        _check_fraction(value.microseconds, precision, getattr(value, "nanoseconds", 0))
        return value

    fraction = "" if precision is None or precision >= 6 else f" and not {{v}}.microseconds % {10 ** (6 - precision)}"
    return Hook(
        encode, "{v} if {v}.__class__ is {timedelta}" + fraction + " else {encode}({v})", (("timedelta", timedelta),)
    )


def _check_offset(value: datetime | time, name: str, *, with_time_zone: bool) -> None:
    if with_time_zone and value.utcoffset() is None:
        raise ValueError(f"cannot encode {type(value).__name__} without a UTC offset as {name}")
    if not with_time_zone and value.tzinfo is not None:
        raise ValueError(f"cannot encode {type(value).__name__} with a time zone as {name}")


def _check_fraction(microseconds: int, precision: int | None, nanoseconds: int = 0) -> None:
    digits = 6 if precision is None else precision
    if nanoseconds or microseconds % 10 ** max(0, 6 - digits):
        raise ValueError(f"expected at most {digits} digits of fractional seconds; got")


def _fraction_test(precision: int | None) -> str:
    return "" if precision is None or precision >= 6 else f" and not {{v}}.microsecond % {10 ** (6 - precision)}"
