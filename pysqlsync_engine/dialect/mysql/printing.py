"""Hooks that make of values the text that MySQL and MariaDB read them from, most of them without a call."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Context, Decimal, Inexact, InvalidOperation
from ipaddress import IPv4Address, IPv6Address
from socket import inet_ntoa
from typing import Any
from uuid import UUID

from pysqlsync_engine.data import hooks
from pysqlsync_engine.data.fitting import simple_hook
from pysqlsync_engine.data.hooks import Encode, Hook, address_hook, uuid_hook
from pysqlsync_engine.data.labels import is_enum
from pysqlsync_engine.model.annotations import member_label
from pysqlsync_engine.model.data_types import SqlDate, SqlTime, SqlTimestamp

FIRST_MOMENT, LAST_MOMENT = datetime(1970, 1, 1, 0, 0, 1), datetime(2106, 2, 7, 6, 28, 15, 999999)
"""
What no `timestamp` has is not even sent; servers other than MariaDB 11.5 end in 2038, and say so.

https://mariadb.com/docs/server/reference/data-types/date-and-time-data-types/timestamp
"""

MAX_PLAIN_DIGITS = 6
"""Most digits after the decimal point with which Python prints no number with an exponent."""


def converted(hook: Hook, convert: Callable[[Any], str]) -> Hook:
    """:returns: Hook that prints what another one returns."""
    inner: Encode = hook.encode
    return Hook(lambda value: convert(inner(value)))


@dataclass(frozen=True, slots=True)
class MomentHook(Hook):
    """
    Prints moments.

    :param unprinted: Expression for lines of which compiled code prints them: it is given most of them as they are, and leaves out
        their offset; see `spell_lines`.
    """

    unprinted: str = "{encode}({v})"

    def for_lines(self) -> Hook:
        """:returns: The same for such lines."""
        return Hook(self.encode, self.unprinted, self.names)


def moment_hook(data_type: SqlTimestamp | SqlDate | SqlTime) -> MomentHook:
    """:returns: Hook that prints dates and times; those with an offset in UTC, without one."""
    hook = simple_hook(data_type)
    if isinstance(data_type, SqlTimestamp):
        return (
            _in_utc(hook) if data_type.with_time_zone else _printed(hook, "(' ')", lambda value: value.isoformat(" "))
        )
    printed = _printed(hook, "()", lambda value: value.isoformat())
    return replace(printed, unprinted=printed.expression) if getattr(data_type, "with_time_zone", False) else printed


def _printed(hook: Hook, arguments: str, convert: Callable[[Any], str]) -> MomentHook:
    """
    :param hook: One that passes most values on as they are.
    :param arguments: Of the call that prints them.
    :param convert: What prints all others.
    """
    inner: Encode = hook.encode
    expression = hook.expression.replace("{v} if", "{v}.isoformat" + arguments + " if", 1)
    return MomentHook(lambda value: convert(inner(value)), expression, hook.names, hook.expression)


def _in_utc(hook: Hook) -> MomentHook:
    inner: Encode = hook.encode

    def encode(value: Any) -> str:
        moment = inner(value).astimezone(UTC).replace(tzinfo=None)
        if not FIRST_MOMENT <= moment <= LAST_MOMENT:
            raise ValueError(f"expected a moment from {FIRST_MOMENT} to {LAST_MOMENT} in UTC; got")
        return moment.isoformat(" ")

    # most moments have no other offset; to print it, and to cut it off, takes longer than to take them apart
    test = " and {v}.tzinfo is {UTC} and 1970 < {v}.year < 2038 and "
    unprinted = hook.expression.replace(" and ", test, 1)
    parts = "{v}.date().isoformat() + ' ' + {v}.time().isoformat() if"
    return MomentHook(encode, unprinted.replace("{v} if", parts, 1), hook.names, unprinted)


def among(hook: Hook, kind: Any, labels: Sequence[str]) -> Hook:
    """
    :param hook: What makes labels of values.
    :param kind: Python type of the values.
    :param labels: Those that the column permits.
    :returns: Hook that refuses others; the server would take one that is a number for the position of a label.
    """
    inner: Encode = hook.encode
    permitted = frozenset(labels)

    def encode(value: Any) -> str:
        label = inner(value)
        if label not in permitted:
            raise ValueError(f"not a label of the column; expected one of {', '.join(labels)}; got")
        return label

    known = {label: label for label in labels if _takes(encode, label)}
    expression = "{known}[{v}] if {v}.__class__ is str else {encode}({v})"
    attribute = _label_attribute(kind, known) if is_enum(kind) else None
    if attribute is not None:
        # to look a member up takes two calls, as its class says what its hash is
        expression = f"{{v}}.{attribute} if {{v}}.__class__ is {{kind}} else {expression}"
    return Hook(encode, expression, (("known", known), ("kind", kind)))


def _takes(encode: Encode, label: str) -> bool:
    try:
        return encode(label) == label
    except (TypeError, ValueError):
        return False


def _label_attribute(kind: type[enum.Enum], known: dict[str, str]) -> str | None:
    """:returns: Attribute that holds the labels of all members; `None` if there is none, or some labels are not known."""
    for attribute in ("_value_", "_name_"):
        labels = [(getattr(member, attribute), member_label(member)) for member in kind]
        if all(held.__class__ is str and held == label and label in known for held, label in labels):
            return attribute
    return None


def printed_address_hook(version: int | None) -> Hook:
    """:returns: Hook that prints addresses; as a library of C does those of version 4, which is three times as fast."""
    inner: Encode = address_hook(version).encode
    if version == 6:
        return Hook(lambda value: str(inner(value)))
    return Hook(
        lambda value: str(inner(value)),
        "{print}({v}.packed) if {v}.__class__ is {IPv4Address} else {encode}({v})",
        (("print", inet_ntoa), ("IPv4Address", IPv4Address)),
    )


def address_digits_hook(version: int | None) -> Hook:
    """:returns: Hook that makes hexadecimal digits of addresses, without separators."""
    inner: Encode = address_hook(version).encode

    def encode(value: Any) -> str:
        return inner(value).packed.hex()

    if version == 4:
        test, kind = "{v}.__class__ is {kind}", IPv4Address
    else:
        # one may have a zone
        test, kind = "{v}.__class__ is {kind} and {v}.scope_id is None", IPv6Address
    return Hook(encode, "{v}.packed.hex() if " + test + " else {encode}({v})", (("kind", kind),))


def uuid_digits_hook() -> Hook:
    """:returns: Hook that makes hexadecimal digits of UUIDs, without separators."""
    inner: Encode = uuid_hook().encode
    return Hook(
        lambda value: inner(value).hex,
        "'%032x' % {v}.int if {v}.__class__ is {UUID} else {encode}({v})",
        (("UUID", UUID),),
    )


def decimal_hook(precision: int | None, scale: int | None) -> Hook:
    """:returns: Hook that prints exact numbers, without an exponent; those that are not finite are refused."""
    inner: Encode = hooks.decimal_hook(precision, scale).encode

    def encode(value: Any) -> str:
        number: Decimal = inner(value)
        if not number.is_finite():
            raise ValueError("cannot store a number that is not finite")
        return f"{number:f}"

    digits = scale or 0
    if precision is None or digits > MAX_PLAIN_DIGITS:
        return Hook(encode)
    context = Context(prec=precision, traps=[Inexact, InvalidOperation])
    return Hook(
        encode,
        # what has more digits raises an error; what is no number differs from itself
        "str({v}.quantize({unit}, None, {context})) if {v}.__class__ is {Decimal} and {v} == {v} else {encode}({v})",
        (("Decimal", Decimal), ("unit", Decimal(1).scaleb(-digits)), ("context", context)),
    )
