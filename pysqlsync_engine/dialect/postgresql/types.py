"""Data types of PostgreSQL: what the server calls them, and what it has in place of those that it lacks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from pysqlsync_engine.dialect.postgresql.capabilities import Features
from pysqlsync_engine.dialect.postgresql.expressions import label_condition, size_condition, subset_condition
from pysqlsync_engine.errors import UnsupportedError
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
from pysqlsync_engine.model.id_types import LocalId, QualifiedId

MAX_CHARACTERS = 10_485_760
"""Longest length that a string type can declare; https://www.postgresql.org/docs/current/datatype-character.html"""

MAX_DIGITS = 1000
"""Largest precision that a number can declare; https://www.postgresql.org/docs/current/datatype-numeric.html"""

_MICROSECONDS = 6
"""Most digits of fractional seconds, and as many as there are where none are declared."""

_PLAIN_TYPES: Mapping[str, SqlType] = {
    "boolean": SqlBoolean(),
    "smallint": SqlInteger(2),
    "integer": SqlInteger(4),
    "bigint": SqlInteger(8),
    "real": SqlFloat(4),
    "double precision": SqlFloat(8),
    "numeric": SqlDecimal(),
    "text": SqlCharacter(),
    "bytea": SqlBinary(),
    "date": SqlDate(),
    "timestamp without time zone": SqlTimestamp(),
    "timestamp with time zone": SqlTimestamp(with_time_zone=True),
    "time without time zone": SqlTime(),
    "time with time zone": SqlTime(with_time_zone=True),
    "interval": SqlInterval(),
    "uuid": SqlUuid(),
    "json": SqlJson(binary=False),
    "jsonb": SqlJson(),
    "inet": SqlNetworkAddress(),
    "bit varying": SqlBit(varying=True),
}
_STRING = re.compile(r"character( varying)?\((\d+)\)")
_BITS = re.compile(r"bit( varying)?\((\d+)\)")
_DECIMAL = re.compile(r"numeric\((\d+),(-?\d+)\)")
_TIME = re.compile(r"(timestamp|time)\((\d)\) with(out)? time zone")
_INTERVAL = re.compile(r"interval\((\d)\)")
_ARRAY = re.compile(r"(?:\[\d*\])+$")

_ALIASES = {
    "int2": "smallint{}",
    "int": "integer{}",
    "int4": "integer{}",
    "int8": "bigint{}",
    "bool": "boolean{}",
    "float4": "real{}",
    "float": "double precision{}",
    "float8": "double precision{}",
    "decimal": "numeric{}",
    "varchar": "character varying{}",
    "char": "character{}",
    "bpchar": "character{}",
    "varbit": "bit varying{}",
    "timestamp": "timestamp{} without time zone",
    "timestamptz": "timestamp{} with time zone",
    "time": "time{} without time zone",
    "timetz": "time{} with time zone",
}
"""Other words for types; https://www.postgresql.org/docs/current/datatype.html"""

_SPELLED = re.compile(r"(?P<word>[a-z0-9]+)\s*(?P<limits>\(\s*-?\d+\s*(?:,\s*-?\d+\s*)?\))?", re.IGNORECASE)
_UNLIMITED = {"char": "character(1)", "character": "character(1)", "bit": "bit(1)", "bpchar": "bpchar"}
"""What some words mean without a length."""


def parse_type(definition: str) -> SqlType:
    """
    Understand a type as `format_type()` prints it.

    :returns: The type; `SqlOpaque` with the very spelling for one that is not modelled: among them `character varying`
        without a length, which is not `text` to the server, and all types that users and extensions have made.
    """
    element = _ARRAY.sub("", definition)
    if element != definition:
        # the server does not keep the number of dimensions
        return SqlArray(parse_type(element))
    plain = _PLAIN_TYPES.get(definition)
    return plain or _parse_sized(definition) or SqlOpaque(definition)


def parse_spelling(definition: str) -> SqlType:
    """:returns: The type that somebody has written, who may use other words than the server does."""
    text = " ".join(definition.split())
    element = _ARRAY.sub("", text)
    if element != text:
        return SqlArray(parse_spelling(element))
    match = _SPELLED.fullmatch(text)
    if match is None:
        return parse_type(definition)
    word, limits = match["word"].lower(), (match["limits"] or "").replace(" ", "")
    if word in {"numeric", "decimal"} and limits and "," not in limits:
        limits = f"{limits[:-1]},0)"
    if not limits and word in _UNLIMITED:
        return parse_type(_UNLIMITED[word])
    return parse_type(_ALIASES.get(word, word + "{}").format(limits))


def _parse_sized(definition: str) -> SqlType | None:
    if match := _STRING.fullmatch(definition):
        return SqlCharacter(int(match[2]), fixed=match[1] is None)
    if match := _BITS.fullmatch(definition):
        return SqlBit(int(match[2]), varying=match[1] is not None)
    if match := _DECIMAL.fullmatch(definition):
        return SqlDecimal(int(match[1]), int(match[2]))
    if match := _TIME.fullmatch(definition):
        kind = SqlTimestamp if match[1] == "timestamp" else SqlTime
        return kind(int(match[2]), with_time_zone=match[3] is None)
    if match := _INTERVAL.fullmatch(definition):
        return SqlInterval(int(match[1]))
    return None


@dataclass(frozen=True, slots=True)
class Rule:
    """
    What a type cannot say of its values, so that a check must.

    :param function: How the server measures the size of a value; `None` for a rule about labels.
    :param limit: Largest size.
    :param exact: True if each value has just that size.
    :param labels: All that a value can be or contain.
    """

    function: str | None = None
    limit: int = 0
    exact: bool = False
    labels: tuple[str, ...] = ()

    @property
    def suffix(self) -> str:
        """What the name of the check ends in."""
        return "labels" if self.function is None else "size"

    def condition(self, column: LocalId, data_type: SqlType, quoted_words: frozenset[str]) -> str:
        """:returns: The condition that values of a column keep to the rule, as the server prints it."""
        if self.function is not None:
            return size_condition(self.function, column, self.limit, quoted_words, exact=self.exact)
        if isinstance(data_type, SqlArray):
            return subset_condition(column, self.labels, quoted_words)
        return label_condition(column, SqlCharacter(), self.labels, quoted_words)


@dataclass(frozen=True, slots=True)
class TypeLowering:
    """
    What lowering a type depends on.

    :param default_namespace: Of types that are named without one.
    """

    default_namespace: str | None
    features: Features

    def name(self, name: QualifiedId) -> QualifiedId:
        """:returns: The name with its namespace."""
        return QualifiedId(name.namespace or self.default_namespace, name.name)

    def unlimited(self, data_type: SqlType, place: str) -> SqlType:
        """:returns: The type of a value that no check can guard: a member of a composite type, an element of a list."""
        lowered, rule = self.lower(data_type, place)
        if rule is not None:
            wanted = f"to {rule.limit}" if rule.labels == () else "to some labels"
            raise UnsupportedError(
                f"{place}: the server cannot limit values {wanted} here; remove the limit, or make it a column"
            )
        return lowered

    def lower(self, data_type: SqlType, place: str) -> tuple[SqlType, Rule | None]:
        """
        :param place: Column, for messages.
        :returns: The type, and what remains to be checked.
        """
        match data_type:
            case SqlArray(element=SqlArray() as element):
                return self.lower(element, place)
            case SqlArray(element=element):
                lowered = self.unlimited(element, place)
                return lowered if isinstance(lowered, SqlArray) else SqlArray(lowered), None
            case SqlNamed(name=name):
                return SqlNamed(self.name(name)), None
            case SqlOpaque(definition=definition):
                return parse_spelling(definition), None
            case SqlBinary(limit=int(limit), fixed=fixed):
                return SqlBinary(), Rule("octet_length", limit, exact=fixed)
            case SqlCharacter(limit=int(limit), fixed=fixed) if limit > MAX_CHARACTERS:
                return SqlCharacter(), Rule("char_length", limit, exact=fixed)
            case SqlLabel(labels=labels):
                return SqlCharacter(), Rule(labels=_present(labels, place))
            case SqlLabelSet(labels=labels):
                return SqlArray(SqlCharacter()), Rule(labels=_present(labels, place))
            case _:
                return self._scalar(data_type, place), None

    def _scalar(self, data_type: SqlType, place: str) -> SqlType:
        match data_type:
            case SqlInteger():
                return _lower_integer(data_type, place)
            case SqlFloat(width=width) if width not in (4, 8):
                raise UnsupportedError(f"{place}: no floating-point number has {width} bytes; use 4 or 8")
            case SqlDecimal(precision=int()):
                return self._decimal(data_type, place)
            case SqlCharacter(limit=int(limit)) if limit < 1:
                raise UnsupportedError(f"{place}: no string has a limit of {limit}; use 1 or more")
            case SqlCharacter(limit=None) | SqlBinary():
                return replace(data_type, fixed=False)
            case SqlBit(length=None, varying=False):
                return SqlBit(1)
            case SqlYear():
                return SqlInteger(2)
            case SqlNetworkAddress():
                return SqlNetworkAddress()
            case SqlTimestamp() | SqlTime() | SqlInterval():
                return _lower_time(data_type, place)
            case _:
                return data_type

    def _decimal(self, data_type: SqlDecimal, place: str) -> SqlType:
        precision, scale = data_type.precision or 0, data_type.scale or 0
        least, most = (-MAX_DIGITS, MAX_DIGITS) if self.features.any_scale else (0, precision)
        if not 1 <= precision <= MAX_DIGITS or not least <= scale <= most:
            raise UnsupportedError(
                f"{place}: no number has {precision} digits, {scale} of them decimal; use 1 to {MAX_DIGITS}, and no more"
                " decimal"
            )
        return SqlDecimal(precision, scale)


def _present(labels: tuple[str, ...], place: str) -> tuple[str, ...]:
    if not labels:
        raise UnsupportedError(f"{place}: its type has no labels, so no value is valid; give it one or more")
    return labels


def _lower_integer(data_type: SqlInteger, place: str) -> SqlType:
    needed = data_type.width if data_type.signed else data_type.width + 1
    fitting = [width for width in (2, 4, 8) if width >= needed]
    if data_type.width not in (1, 2, 3, 4, 8):
        raise UnsupportedError(f"{place}: no integer has {data_type.width} bytes; use 1, 2, 3, 4 or 8")
    return SqlInteger(fitting[0]) if fitting else SqlDecimal(20, 0)


def _lower_time(data_type: SqlTimestamp | SqlTime | SqlInterval, place: str) -> SqlType:
    precision = data_type.precision
    if precision is not None and not 0 <= precision <= _MICROSECONDS:
        raise UnsupportedError(f"{place}: no time has {precision} decimal digits; use 0 to {_MICROSECONDS}")
    return data_type
