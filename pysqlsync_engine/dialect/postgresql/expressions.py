"""
Expressions as PostgreSQL prints them: names, constants in defaults, and conditions of checks.

The server keeps no text of an expression but prints it anew from what it has understood, so what it reports is
seldom what it was told. Each function here yields a form that the server, when given it, reports back the same.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

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
from pysqlsync_engine.model.id_types import LocalId, QualifiedId, quote_ansi
from pysqlsync_engine.model.literals import quote_literal

_SAFE_NAME = re.compile(r"[a-z_][a-z0-9_]*")
_NUMBER = r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?"
_CONSTANT = re.compile(rf"(?P<number>{_NUMBER})|'(?P<text>(?:[^']|'')*)'(?:::(?P<cast>[a-z ]+))?", re.DOTALL)
_NULL = re.compile(r"NULL", re.IGNORECASE)
_TOKEN = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|[()]", re.DOTALL)

_CASTS: Mapping[type[SqlType], str] = {
    SqlBoolean: "boolean",
    SqlDecimal: "numeric",
    SqlDate: "date",
    SqlInterval: "interval",
    SqlUuid: "uuid",
    SqlBinary: "bytea",
    SqlNetworkAddress: "inet",
}
_EXACT_CASTS = frozenset({None, "smallint", "integer", "bigint", "numeric"})
_INTEGER = re.compile(r"[-+]?\d{1,40}")
_MAX_EXPONENT = 1000
"""Numbers beyond are left as the server prints them, rather than written out with all their zeros."""


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


def parse_constant(expression: str) -> Constant | None:
    """:returns: The constant that the expression consists of; `None` if it is none."""
    match = _CONSTANT.fullmatch(strip_parentheses(expression))
    if match is None:
        return None
    if match["number"] is not None:
        return Constant(match["number"], None, quoted=False)
    return Constant(match["text"].replace("''", "'"), match["cast"], quoted=True)


def print_name(name: str, quoted_words: frozenset[str]) -> str:
    """
    :param quoted_words: Key words that the server quotes.
    :returns: The name as the server prints it, quoted only where it needs to be.
    """
    return name if _SAFE_NAME.fullmatch(name) and name not in quoted_words else quote_ansi(name)


def print_qualified(name: QualifiedId, quoted_words: frozenset[str]) -> str:
    """:returns: The name as the server prints it where no namespace goes without saying."""
    parts = (name.name,) if name.namespace is None else (name.namespace, name.name)
    return ".".join(print_name(part, quoted_words) for part in parts)


def print_collation(name: str, quoted_words: frozenset[str]) -> str | None:
    """
    :param name: As the server prints it (`"C"`, `public.german`), or as people write it: `C`, `en_US.utf8`.
    :returns: The collation as the server prints it; `None` for the default one.
    """
    if '"' not in name:
        parts = name.split(".")
        plain = len(parts) == 2 and all(print_name(part, quoted_words) == part for part in parts)
        name = name if plain else print_name(name, quoted_words)
    name = name.removeprefix("pg_catalog.")
    return None if name in {'"default"', "default"} else name


def print_option(option: str, quoted_words: frozenset[str]) -> str:
    """
    :param option: As the catalog holds it, `fillfactor=70`, or as the server prints it, `fillfactor='70'`.
    :returns: The option as the server prints it.
    """
    key, equals, value = (part.strip() for part in option.partition("="))
    if not equals:
        return f"{print_name(key, quoted_words)}='true'"
    if len(value) > 1 and value[0] == value[-1] == "'":
        value = value[1:-1].replace("''", "'")
    key = key if key.startswith('"') else print_name(key, quoted_words)
    return f"{key}={value if print_name(value, quoted_words) == value else quote_literal(value)}"


def strip_parentheses(expression: str) -> str:
    """:returns: The expression without the parentheses around the whole of it."""
    text = expression.strip()
    while text.startswith("(") and _closes_last(text):
        text = text[1:-1].strip()
    return text


def _closes_last(text: str) -> bool:
    """True if the parenthesis that the text starts with is closed by its last character."""
    depth = 0
    for token in _TOKEN.finditer(text):
        depth += {"(": 1, ")": -1}.get(token[0], 0)
        if depth == 0:
            return token[0] == ")" and token.end() == len(text)
    return False


def canonical_default(expression: str, data_type: SqlType) -> str | None:
    """
    Bring a default into the one form in which it is compared.

    Servers print the same number in many ways, by how it was written when the default was set: `-5`, `(-5)`,
    `'-5'::integer`, `'-5'::bigint`. Numbers become plain, strings are cast to the type of their column, truth values
    are in lower case. An expression that is no such constant stays as it is.

    :param data_type: Of the column, as the server has it.
    :returns: The default; `None` for a bare NULL, which the server does not keep. It keeps one that it had to cast to the
        length of a type: `NULL::character varying`.
    """
    constant = parse_constant(expression)
    if _NULL.fullmatch(strip_parentheses(expression)):
        return None
    match data_type:
        case SqlBoolean() if expression.lower() in {"true", "false"}:
            return expression.lower()
        case SqlInteger() if constant is not None:
            return _integer(constant) or expression
        case SqlDecimal() if constant is not None:
            return _decimal(constant) or expression
        case SqlFloat() if constant is not None:
            return _float(constant, data_type) or expression
        case SqlCharacter() if constant is not None and constant.quoted:
            return _string(constant, data_type) or expression
        case _ if constant is not None and constant.quoted and constant.cast is None:
            cast = constant_cast(data_type)
            return expression if cast is None else f"{quote_literal(constant.text)}::{cast}"
        case _:
            return expression


def _integer(constant: Constant) -> str | None:
    if constant.cast not in _EXACT_CASTS or not _INTEGER.fullmatch(constant.text):
        return None
    return str(int(constant.text))


def _decimal(constant: Constant) -> str | None:
    if constant.cast not in _EXACT_CASTS or not re.fullmatch(_NUMBER, constant.text):
        return None
    number = Decimal(constant.text)
    return format(number, "f") if abs(number.adjusted()) <= _MAX_EXPONENT else None


def _float(constant: Constant, data_type: SqlFloat) -> str | None:
    name = "real" if data_type.width == 4 else "double precision"
    if constant.cast not in _EXACT_CASTS | {name} or not re.fullmatch(_NUMBER, constant.text):
        return None
    number = float(constant.text)
    if number == 0 and math.copysign(1, number) < 0 and constant.cast in {None, name}:
        # a bare -0.0 would be an exact number first, and those have no negative zero
        return f"'-0'::{name}"
    return repr(number) if math.isfinite(number) else None


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


def character_cast(data_type: SqlCharacter) -> str:
    """:returns: What the server casts a constant of that type to, in which there is no length."""
    if data_type.fixed:
        return "bpchar"
    return "text" if data_type.limit is None else "character varying"


def label_condition(
    column: LocalId, data_type: SqlCharacter, labels: Sequence[str], quoted_words: frozenset[str]
) -> str:
    """:returns: The condition that a column holds one of the labels."""
    subject = print_name(column.name, quoted_words)
    cast = character_cast(data_type)
    if cast == "character varying":
        subject, cast = f"({subject})::text", "text"
    values = [f"{quote_literal(label)}::{cast}" for label in labels]
    return f"{subject} = {values[0]}" if len(values) == 1 else f"{subject} = ANY (ARRAY[{', '.join(values)}])"


def subset_condition(column: LocalId, labels: Sequence[str], quoted_words: frozenset[str]) -> str:
    """:returns: The condition that a list of text holds nothing but some labels."""
    values = ", ".join(f"{quote_literal(label)}::text" for label in labels)
    return f"{print_name(column.name, quoted_words)} <@ ARRAY[{values}]"


def size_condition(function: str, column: LocalId, limit: int, quoted_words: frozenset[str], *, exact: bool) -> str:
    """
    :param function: Which size: `octet_length` or `char_length`.
    :returns: The condition that a value has the given size, or at most that.
    """
    return f"{function}({print_name(column.name, quoted_words)}) {'=' if exact else '<='} {limit}"
