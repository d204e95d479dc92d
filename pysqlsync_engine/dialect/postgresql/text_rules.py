"""Which text PostgreSQL stores exactly as the value that it stands for would be stored."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Sequence
from dataclasses import is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address
from typing import Any
from uuid import UUID

from pysqlsync_engine.data.target import LoadTarget
from pysqlsync_engine.data.text import TextColumn, TextRules
from pysqlsync_engine.dialect.postgresql.capabilities import Features
from pysqlsync_engine.dialect.postgresql.transfer import find_lookup
from pysqlsync_engine.model.annotations import Unwrapped, key_annotations, member_label, unwrap
from pysqlsync_engine.model.data_types import (
    SqlBit,
    SqlBoolean,
    SqlCharacter,
    SqlDate,
    SqlDecimal,
    SqlFloat,
    SqlInteger,
    SqlInterval,
    SqlJson,
    SqlNamed,
    SqlNetworkAddress,
    SqlOpaque,
    SqlTime,
    SqlTimestamp,
    SqlType,
    SqlUuid,
)

ANY = TextColumn()
"""Any text: the server refuses what it cannot store."""

_PLAIN_LABEL = re.compile(r"[^\\\t\n\r\"',;|]+")
"""Labels that a file spells as they are, whatever its format."""

_HOUR = "(?!2[4-9])[0-2][0-9]"
_SIXTY = "[0-5][0-9]"

_OFFSET = "(?:Z|[+-](?:0[0-9]|1[0-4])(?::?[0-5][0-9])?)"
"""Without seconds, which one side or the other does not have in this form."""

_DAY = "[0-9]{4}+-[0-9]{2}+-[0-9]{2}+"
"""The server refuses days that do not exist, and the year 0."""

_YEAR_AWAY_FROM_LIMITS = "(?:[1-8][0-9]{3}|9[0-8][0-9]{2})"

_SURE_DAY = "(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)"
"""Month and day that exist in every year."""

_OCTET = "(?:0|[1-9][0-9]{0,2}+)"
_SURE_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"

_UUID = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"

_SURE_DIGITS = {2: 4, 4: 9, 8: 18}
"""Digits of integers that are in range whatever they are, by width."""


def text_rules(target: LoadTarget, features: Features, *, strict: bool) -> TextRules:
    """
    :param strict: True to leave as little as possible for the server to refuse, as bad rows are to be set aside one by one.
    :returns: What a store takes as it is: whatever the server stores exactly or refuses.
    """
    rules = _Rules(features, strict=strict)
    columns: list[TextColumn | None] = []
    for position, column in enumerate(target.columns):
        rule = _label_rule(target, position) or rules.choose(target.types[position], column.data_type)
        columns.append(None if rule is None else rule.of(column))
    return TextRules(tuple(columns), skips=True, quoted=True)


def _label_rule(target: LoadTarget, position: int) -> TextColumn | None:
    """:returns: Rule for a column whose labels are looked up; `None` for another one."""
    declared = unwrap(target.types[position])
    if find_lookup(target, position) is None or not (_is_enum(declared.type) or declared.type is str):
        return None
    return _labels(declared) or ANY


def _is_enum(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, enum.Enum)


def _labels(declared: Unwrapped) -> TextColumn | None:
    """:returns: Rule for a value that is one of some labels; `None` for another one."""
    plain = plain_labels(declared)
    # what matches nothing is parsed
    return None if plain is None else TextColumn("|".join(map(re.escape, plain)) or "(?!)")


def plain_labels(declared: Unwrapped) -> list[str] | None:
    """:returns: The labels that a value may be, as far as files spell them as they are; `None` for a value that is no label."""
    labels: Sequence[str] = declared.labels
    kind: Any = declared.type
    if _is_enum(kind):
        labels = [member_label(member) for member in kind if str(member.value) == member_label(member)]
    elif not labels:
        return None
    return [label for label in labels if _PLAIN_LABEL.fullmatch(label)]


class _Rules:
    """Chooses rules, by the type of a column and that of its values."""

    def __init__(self, features: Features, *, strict: bool) -> None:
        self._features = features
        self._strict = strict

    def choose(self, annotation: Any, data_type: SqlType) -> TextColumn | None:
        """:returns: Rule for a column; `None` if none of its text is stored as it is."""
        declared = unwrap(annotation)
        kind: Any = declared.type
        if is_dataclass(kind):
            keys = tuple(key_annotations(kind).values()) if isinstance(kind, type) else ()
            return self.choose(keys[0], data_type) if len(keys) == 1 else None
        if (labels := _labels(declared)) is not None:
            is_text = isinstance(data_type, SqlCharacter | SqlNamed)
            return labels if is_text else None
        rule = _CHOICES.get((type(data_type), kind))
        return None if rule is None else rule(self, data_type)

    def boolean(self, _data_type: SqlType) -> TextColumn:
        """The server also takes `on`, and parts of the words."""
        return TextColumn("t|f|true|false|yes|no|1|0")

    def integer(self, data_type: SqlInteger) -> TextColumn:
        """Older servers take digits only."""
        if self._strict:
            return TextColumn(f"[+-]?[0-9]{{1,{_SURE_DIGITS[data_type.width]}}}")
        return TextColumn("[+-]?[0-9]{1,20}") if self._features.lenient_numbers else ANY

    def float(self, data_type: SqlFloat) -> TextColumn:
        """What is out of range is infinite to Python; hexadecimal digits are none to it."""
        digits, exponent = (15, "[0-9]{1,2}") if data_type.width == 8 else (7, "[0-2]?[0-9]")
        return TextColumn(f"[+-]?[0-9]{{1,{digits}}}(?:[.][0-9]{{1,{digits}}})?(?:[eE][+-]?{exponent})?")

    def decimal(self, data_type: SqlDecimal) -> TextColumn | None:
        """The server rounds to the scale."""
        if data_type.precision is None:
            return TextColumn("[+-]?[0-9]{1,1000}(?:[.][0-9]{1,1000})?")
        scale = data_type.scale or 0
        whole = data_type.precision - scale
        if scale < 0 or whole < 1:
            return None
        return TextColumn(f"[+-]?[0-9]{{1,{whole}}}" + (f"(?:[.][0-9]{{1,{scale}}})?" if scale else ""))

    def character(self, data_type: SqlCharacter) -> TextColumn:
        """The server cuts off blanks that do not fit."""
        return TextColumn(max_characters=data_type.limit)

    def uuid(self, _data_type: SqlType) -> TextColumn:
        """Whatever the server takes means the same to Python."""
        return TextColumn(_UUID) if self._strict else ANY

    def address(self, version: int | None) -> TextColumn:
        """The server takes leading zeros, and netmasks."""
        octet = _SURE_OCTET if self._strict else _OCTET
        four = "[.]".join([octet] * 4)
        six = "(?:[0-9a-fA-F]{1,4}:){7}[0-9a-fA-F]{1,4}" if self._strict else "[0-9a-fA-F:]{2,39}"
        # an address of the other version is refused
        return TextColumn({4: four, 6: six}.get(version or 0, f"{four}|{six}"))

    def date(self, _data_type: SqlType) -> TextColumn:
        """The server has more spellings, which depend on settings, and days such as `today`."""
        return TextColumn(self._day())

    def _day(self) -> str:
        return f"[1-9][0-9]{{3}}-{_SURE_DAY}" if self._strict else _DAY

    def timestamp(self, data_type: SqlTimestamp) -> TextColumn:
        """The server ignores an offset that is too much, adds one that is missing, rounds, and takes the hour 24."""
        clock = _clock(data_type.precision)
        if not data_type.with_time_zone:
            return TextColumn(f"{self._day()}[ T]{clock}")
        day = _SURE_DAY if self._strict else "[0-9]{2}-[0-9]{2}"
        return TextColumn(f"{_YEAR_AWAY_FROM_LIMITS}-{day}[ T]{clock}{_OFFSET}")

    def time(self, data_type: SqlTime) -> TextColumn:
        """As for a timestamp."""
        return TextColumn(_clock(data_type.precision) + (_OFFSET if data_type.with_time_zone else ""))

    def interval(self, data_type: SqlInterval) -> TextColumn:
        """As a duration of Python has it: less than a day of hours, and no months."""
        clock = f"T(?:[01]?[0-9]|2[0-3])H(?:[0-5]?[0-9]M)?(?:[0-5]?[0-9]{_fraction(data_type.precision)}S)?"
        return TextColumn(f"P[0-9]{{1,6}}D(?:{clock})?|P{clock}")

    def bits(self, data_type: SqlBit) -> TextColumn:
        """The server cuts off bits that do not fit, or adds some."""
        length = data_type.length
        if data_type.varying:
            return TextColumn("[01]*" if length is None else f"[01]{{0,{length}}}")
        return TextColumn(f"[01]{{{length or 1}}}")

    def free_document(self, data_type: SqlJson) -> TextColumn | None:
        """A document that is not stored parsed is spelled anew when it is a value."""
        return ANY if data_type.binary else None

    def any_text(self, _data_type: SqlType) -> TextColumn:
        """What is given to the server as text anyway."""
        return ANY


def _clock(precision: int | None) -> str:
    return f"{_HOUR}:{_SIXTY}(?::{_SIXTY}{_fraction(precision)})?+"


def _fraction(precision: int | None) -> str:
    digits = 6 if precision is None else precision
    return f"(?:[.][0-9]{{1,{digits}}}+)?+" if digits else ""


_CHOICES: dict[tuple[type[SqlType], Any], Callable[[_Rules, Any], TextColumn | None]] = {
    (SqlBoolean, bool): _Rules.boolean,
    (SqlInteger, int): _Rules.integer,
    (SqlFloat, float): _Rules.float,
    (SqlDecimal, Decimal): _Rules.decimal,
    (SqlCharacter, str): _Rules.character,
    (SqlUuid, UUID): _Rules.uuid,
    (SqlUuid, str): _Rules.uuid,
    (SqlNetworkAddress, IPv4Address): lambda rules, _: rules.address(4),
    (SqlNetworkAddress, IPv6Address): lambda rules, _: rules.address(6),
    (SqlNetworkAddress, str): lambda rules, sql: rules.address(sql.version),
    (SqlDate, date): _Rules.date,
    (SqlTimestamp, datetime): _Rules.timestamp,
    (SqlTime, time): _Rules.time,
    (SqlInterval, timedelta): _Rules.interval,
    (SqlBit, str): _Rules.bits,
    (SqlJson, str): _Rules.any_text,
    (SqlJson, dict): _Rules.free_document,
    (SqlOpaque, str): _Rules.any_text,
    (SqlNamed, str): _Rules.any_text,
}
"""By type of the column and of its values; a pair that is missing has text that means something else to a file, or to the server."""
