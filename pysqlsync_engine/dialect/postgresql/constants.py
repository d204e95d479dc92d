"""
Constants as PostgreSQL prints them in defaults.

The server keeps the type of a constant, not how it was written. Of the numbers that are written without a cast it prints some
with one: `-5` becomes `'-5'::integer`. That spelling is undone; every other one is kept, as only it gives the same again.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from pysqlsync_engine.dialect.postgresql.expressions import character_cast, strip_parentheses
from pysqlsync_engine.model.data_types import (
    SqlArray,
    SqlBinary,
    SqlBoolean,
    SqlCharacter,
    SqlDate,
    SqlDecimal,
    SqlFloat,
    SqlInteger,
    SqlInterval,
    SqlJson,
    SqlNetworkAddress,
    SqlTime,
    SqlTimestamp,
    SqlType,
    SqlUuid,
)
from pysqlsync_engine.model.literals import quote_literal

_NUMBER = r"-?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?"
_CONSTANT = re.compile(rf"(?P<number>{_NUMBER})|'(?P<text>(?:[^']|'')*)'(?:::(?P<cast>[a-z ]+))?", re.DOTALL)
_NULL = re.compile(r"NULL", re.IGNORECASE)
_WHOLE = re.compile(r"-?\d+")
_NUMERIC_CASTS = frozenset({None, "smallint", "integer", "bigint", "numeric", "real", "double precision"})
_CASTS: Mapping[type[SqlType], str] = {
    SqlBoolean: "boolean",
    SqlDecimal: "numeric",
    SqlDate: "date",
    SqlInterval: "interval",
    SqlUuid: "uuid",
    SqlBinary: "bytea",
    SqlNetworkAddress: "inet",
}
_MAX_DIGITS = 1200
"""Numbers that are longer are left as the server prints them; so are those that would be if written with all their zeros."""


@dataclass(frozen=True, slots=True)
class Constant:
    """
    A constant as it stands in a default.

    :param text: Value, without quotes.
    :param cast: Name of the type it is cast to; `None` if it is not.
    :param quoted: False for a bare number.
    """

    text: str
    cast: str | None
    quoted: bool

    @property
    def is_number(self) -> bool:
        """True if the value is a number of reasonable size."""
        return len(self.text) <= _MAX_DIGITS and re.fullmatch(_NUMBER, self.text) is not None


def parse_constant(expression: str) -> Constant | None:
    """:returns: The constant that the expression consists of; `None` if it is none."""
    match = _CONSTANT.fullmatch(strip_parentheses(expression))
    if match is None:
        return None
    if match["number"] is not None:
        return Constant(match["number"], None, quoted=False)
    return Constant(match["text"].replace("''", "'"), match["cast"], quoted=True)


def canonical_default(expression: str, data_type: SqlType) -> str | None:
    """
    Bring a default into the form that the server, when given it, reports back in this form.

    Numbers are plain where plain ones have the same type to the server, strings are cast to the type of their column, truth
    values are in lower case. An expression that is no such constant stays as it is.

    :param data_type: Of the column, as the server has it.
    :returns: The default; `None` for a bare NULL, which the server does not keep. It keeps one that it had to cast to the
        length of a type: `NULL::character varying`.
    """
    if _NULL.fullmatch(strip_parentheses(expression)):
        return None
    if isinstance(data_type, SqlBoolean) and expression.lower() in {"true", "false"}:
        return expression.lower()
    constant = parse_constant(expression)
    if constant is None:
        return expression
    if isinstance(data_type, SqlInteger | SqlDecimal | SqlFloat) and constant.is_number:
        return _number(constant, data_type) or expression
    if isinstance(data_type, SqlCharacter) and constant.quoted:
        return _string(constant, data_type) or expression
    if constant.quoted and constant.cast is None:
        cast = constant_cast(data_type)
        return expression if cast is None else f"{quote_literal(constant.text)}::{cast}"
    return expression


def same_default(first: str | None, second: str | None, data_type: SqlType) -> bool:
    """:returns: True if two defaults of a column are the same value, however they are written."""
    if first == second:
        return True
    constants = [None if text is None else parse_constant(text) for text in (first, second)]
    if not isinstance(data_type, SqlInteger | SqlDecimal | SqlFloat):
        return False
    values = [Decimal(c.text) for c in constants if c is not None and c.is_number and c.cast in _NUMERIC_CASTS]
    return len(values) == 2 and values[0] == values[1] and values[0].is_signed() == values[1].is_signed()


def _number(constant: Constant, data_type: SqlInteger | SqlDecimal | SqlFloat) -> str | None:
    """:returns: The number as it is written plainly; `None` if it is another one to the server then."""
    cast = _printed_cast(constant.text)
    if not constant.quoted:
        return _plain(constant.text, data_type)
    if constant.cast is None:
        own = constant_cast(data_type)
        if cast == own or (
            cast is None and own in {"integer", "numeric"} and ("." in constant.text) == (own == "numeric")
        ):
            return _plain(constant.text, data_type)
        return f"{quote_literal(constant.text)}::{own}"
    if constant.cast == cast:
        return _plain(constant.text, data_type)
    if isinstance(data_type, SqlFloat) and constant.cast == "numeric":
        shortest = repr(float(constant.text))
        return shortest if "e" in shortest else None
    return None


def _printed_cast(text: str) -> str | None:
    """:returns: What the server casts a number to that was written without a cast, when it prints it; `None` for nothing."""
    if not _WHOLE.fullmatch(text):
        return "numeric" if text.startswith("-") else None
    number = int(text)
    if -(1 << 31) <= number < 1 << 31:
        return "integer" if text.startswith("-") else None
    return "bigint" if -(1 << 63) <= number < 1 << 63 else "numeric"


def _plain(text: str, data_type: SqlInteger | SqlDecimal | SqlFloat) -> str | None:
    if isinstance(data_type, SqlFloat):
        return _plain_float(text, data_type)
    if _WHOLE.fullmatch(text):
        return str(int(text))
    number = Decimal(text)
    return format(number, "f") if abs(number.adjusted()) <= _MAX_DIGITS else None


def _plain_float(text: str, data_type: SqlFloat) -> str | None:
    number = float(text)
    if number == 0 and math.copysign(1, number) < 0:
        # a bare -0.0 would be an exact number first, and those have no negative zero
        return f"'-0'::{constant_cast(data_type)}"
    if not math.isfinite(number):
        return None
    shortest = repr(number)
    if "e" in shortest and (not _WHOLE.fullmatch(text) or abs(int(text)) >= 1 << 63):
        return shortest
    return str(int(text)) if _WHOLE.fullmatch(text) else format(Decimal(text), "f")


def _string(constant: Constant, data_type: SqlCharacter) -> str | None:
    cast = character_cast(data_type)
    if constant.cast not in {None, "text", "character varying", cast}:
        return None
    return f"{quote_literal(constant.text)}::{cast}"


def constant_cast(data_type: SqlType) -> str | None:
    """:returns: What the server casts a constant of that type to; `None` where that cannot be told."""
    match data_type:
        case SqlCharacter():
            return character_cast(data_type)
        case SqlArray(element=element):
            cast = constant_cast(element)
            return None if cast is None else f"{cast}[]"
        case SqlTimestamp() | SqlTime():
            kind = "timestamp" if isinstance(data_type, SqlTimestamp) else "time"
            return f"{kind} {'with' if data_type.with_time_zone else 'without'} time zone"
        case SqlJson():
            return "jsonb" if data_type.binary else "json"
        case SqlInteger():
            return {2: "smallint", 4: "integer"}.get(data_type.width, "bigint")
        case SqlFloat():
            return "real" if data_type.width == 4 else "double precision"
        case _:
            return _CASTS.get(type(data_type))
