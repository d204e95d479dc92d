"""
What becomes of values when the type of their column changes.

Rules are those of PostgreSQL's casts (https://www.postgresql.org/docs/current/sql-createcast.html), which are the strictest
of the servers we know. A pair that no rule covers is taken to lose something, to fail on some value, and to need a cast.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

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
from pysqlsync_engine.options import Hazard

_FLOAT_INTEGER_BYTES = {4: 3, 8: 4}
"""Widest integer of which every value is exact as a floating-point number: 24 and 53 bits of significand."""

_MAX_SECOND_DIGITS = 6
"""Digits of fractional seconds where none are declared."""


_YEAR_DIGITS = 4

_UUID_CHARACTERS = 36


_FAMILIES = (
    ("tinytext", "text", "mediumtext", "longtext"),
    ("tinyblob", "blob", "mediumblob", "longblob"),
)
"""Types without a limit of their own that differ in how long a value may be, the shortest first."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """
    What becomes of values.

    :param explicit: True if the server does not convert by itself, and must be told how.
    :param through_text: True if values have no other way than to be printed and parsed.
    :param document: True if values are taken apart into, or put together from a JSON document.
    """

    hazards: frozenset[Hazard]
    explicit: bool = False
    through_text: bool = False
    document: bool = False


SAFE = Conversion(frozenset())
"""Nothing but the catalog changes."""

WIDENS = Conversion(frozenset({Hazard.REWRITES_TABLE}))
"""Each value is stored anew, and means the same."""

ROUNDS = Conversion(frozenset({Hazard.REWRITES_TABLE, Hazard.NARROWS_TYPE}))
"""Each value is stored anew, some with less than they had."""

NARROWS = Conversion(frozenset({Hazard.REWRITES_TABLE, Hazard.NARROWS_TYPE, Hazard.MAY_FAIL_ON_DATA}))
"""Values that no longer fit make the statement fail, or are rounded."""

PARSES = Conversion(frozenset({Hazard.REWRITES_TABLE, Hazard.MAY_FAIL_ON_DATA}), explicit=True)
"""Text becomes something else, or the statement fails."""

UNKNOWN = Conversion(NARROWS.hazards, explicit=True)
"""No rule covers the pair, but the server may have one."""

REPARSES = Conversion(NARROWS.hazards, explicit=True, through_text=True)
"""There is no cast between the types."""


BECOMES_DOCUMENT = Conversion(WIDENS.hazards, explicit=True, document=True)
"""A list or an object is written as JSON."""

LISTS_DOCUMENT = Conversion(PARSES.hazards, explicit=True, document=True)
"""A JSON document is read, or the statement fails."""

READS_DOCUMENT = Conversion(NARROWS.hazards, explicit=True, document=True)
"""The same, and what a composite type has no member for is left out."""


def convert(source: SqlType, target: SqlType) -> Conversion:
    """:returns: What becomes of values of one type in a column that gets another."""
    if source == target:
        return SAFE
    match source, target:
        case SqlArray(element=before), SqlArray(element=after):
            conversion = convert(before, after)
            return replace(conversion, hazards=conversion.hazards | {Hazard.REWRITES_TABLE})
        case (SqlArray() | SqlNamed(), SqlJson()) | (SqlJson(), SqlArray() | SqlNamed()):
            return _document(target)
        case SqlCharacter(), SqlCharacter():
            return _character(source, target)
        case _, SqlCharacter():
            return WIDENS if _prints_within(source, target) else NARROWS
        case SqlCharacter(), _:
            return PARSES
        case ((SqlInteger() | SqlFloat() | SqlDecimal()), (SqlInteger() | SqlFloat() | SqlDecimal())):
            return _number(source, target)
        case SqlJson(), SqlJson():
            # parsed documents forget the order of keys and duplicates, and refuse \u0000
            return NARROWS if target.binary else WIDENS
        case _:
            return _other(source, target)


def _document(target: SqlType) -> Conversion:
    if isinstance(target, SqlJson):
        return BECOMES_DOCUMENT
    while isinstance(target, SqlArray):
        target = target.element
    return READS_DOCUMENT if isinstance(target, SqlNamed | SqlOpaque | SqlJson) else LISTS_DOCUMENT


def _prints_within(source: SqlType, target: SqlCharacter) -> bool:
    """:returns: True if all values of a type, printed, fit into text."""
    if target.limit is None:
        return True
    if target.fixed:
        return False
    match source:
        case SqlInteger():
            return _digits(source) + (1 if source.signed else 0) <= target.limit
        case SqlLabel(labels=labels):
            return max(map(len, labels), default=0) <= target.limit
        case SqlLabelSet(labels=labels):
            return len(",".join(labels)) <= target.limit
        case SqlYear():
            return target.limit >= _YEAR_DIGITS
        case SqlUuid():
            return target.limit >= _UUID_CHARACTERS
        case _:
            return False


def _character(source: SqlCharacter, target: SqlCharacter) -> Conversion:
    grows = target.limit is None or (source.limit is not None and source.limit <= target.limit)
    if source.fixed == target.fixed:
        if not grows:
            return NARROWS
        return WIDENS if target.fixed else SAFE
    # padding cannot be told from blanks that were there
    return ROUNDS if grows else NARROWS


def _number(source: SqlInteger | SqlFloat | SqlDecimal, target: SqlInteger | SqlFloat | SqlDecimal) -> Conversion:
    match source, target:
        case SqlInteger(), SqlInteger():
            fits = source.width < target.width and (target.signed or not source.signed)
            return WIDENS if fits else NARROWS
        case SqlInteger(), SqlFloat():
            return WIDENS if source.width <= _FLOAT_INTEGER_BYTES[target.width] else ROUNDS
        case SqlInteger(), SqlDecimal():
            return WIDENS if _whole_digits(target) >= _digits(source) else NARROWS
        case SqlFloat(), SqlFloat():
            return WIDENS if source.width <= target.width else NARROWS
        case SqlDecimal(), SqlDecimal():
            return _decimal(source, target)
        case _:
            return NARROWS


def _digits(integer: SqlInteger) -> int:
    """:returns: Decimal digits of the largest integer of a type."""
    return len(str(2 ** (8 * integer.width - (1 if integer.signed else 0)) - 1))


def _decimal(source: SqlDecimal, target: SqlDecimal) -> Conversion:
    if target.precision is None:
        return SAFE
    if source.precision is None:
        return NARROWS
    if _whole_digits(target) < _whole_digits(source) or (target.scale or 0) < (source.scale or 0):
        return NARROWS
    return SAFE if (target.scale or 0) == (source.scale or 0) else WIDENS


def _whole_digits(decimal: SqlDecimal) -> float:
    """:returns: Digits before the point that fit."""
    return float("inf") if decimal.precision is None else decimal.precision - (decimal.scale or 0)


def _other(source: SqlType, target: SqlType) -> Conversion:
    match source, target:
        case (SqlTimestamp(), SqlTimestamp()) | (SqlTime(), SqlTime()):
            if source.with_time_zone != target.with_time_zone:
                # what the values mean then depends on the time zone of the session
                return ROUNDS
            return _precision(source.precision, target.precision)
        case SqlInterval(precision=before), SqlInterval(precision=after):
            return _precision(before, after)
        case SqlDate(), SqlTimestamp(with_time_zone=False):
            return WIDENS
        case SqlTimestamp(), SqlDate() | SqlTime():
            return ROUNDS
        case (SqlLabel(), SqlLabel()) | (SqlLabelSet(), SqlLabelSet()):
            return _labels(source.labels, target.labels)
        case SqlLabel(), SqlLabelSet():
            return WIDENS if set(source.labels) <= set(target.labels) else NARROWS
        case SqlBinary(), SqlBinary():
            return _binary(source, target)
        case SqlBit(), SqlBit():
            return _bits(source, target)
        case _:
            return _rare(source, target)


def _labels(before: tuple[str, ...], after: tuple[str, ...]) -> Conversion:
    """:returns: What becomes of labels that are stored as their numbers."""
    if after[: len(before)] == before:
        return SAFE
    return WIDENS if set(before) <= set(after) else NARROWS


def _binary(source: SqlBinary, target: SqlBinary) -> Conversion:
    grows = target.limit is None or (source.limit is not None and source.limit <= target.limit)
    if not grows:
        return NARROWS
    if target.fixed:
        # bytes that are added cannot be told from bytes that were there
        return ROUNDS
    return WIDENS if source.fixed else SAFE


def _bits(source: SqlBit, target: SqlBit) -> Conversion:
    grows = target.length is None or (source.length is not None and source.length <= target.length)
    if not target.varying or not grows:
        # the server neither pads nor cuts unless it is told to
        return NARROWS
    return SAFE if source.varying else WIDENS


def _rare(source: SqlType, target: SqlType) -> Conversion:
    match source, target:
        case SqlYear(), SqlInteger(width=width):
            return WIDENS if width > 1 else NARROWS
        case SqlYear(), SqlDecimal():
            return WIDENS if _whole_digits(target) >= _YEAR_DIGITS else NARROWS
        case SqlInteger(), SqlYear():
            return NARROWS
        case SqlNetworkAddress(version=before), SqlNetworkAddress(version=after):
            # a version 4 address has a form as one of version 6
            return WIDENS if after is None or (before, after) == (4, 6) else NARROWS
        case SqlOpaque(definition=before), SqlOpaque(definition=after):
            return _family(before, after)
        case (SqlBoolean(), SqlInteger(width=4)) | (SqlInteger(width=4), SqlBoolean()):
            return UNKNOWN
        case (SqlOpaque(), _) | (_, SqlOpaque()):
            return UNKNOWN
        case _:
            return REPARSES


def _family(source: str, target: str) -> Conversion:
    """:returns: What becomes of values between types of one family; `UNKNOWN` for other types."""
    for family in _FAMILIES:
        if source in family and target in family:
            return WIDENS if family.index(source) < family.index(target) else NARROWS
    return UNKNOWN


def _precision(source: int | None, target: int | None) -> Conversion:
    before = _MAX_SECOND_DIGITS if source is None else source
    after = _MAX_SECOND_DIGITS if target is None else target
    return SAFE if before <= after else ROUNDS
