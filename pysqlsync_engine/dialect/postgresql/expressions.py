"""
Expressions as PostgreSQL prints them: names, options, and conditions of checks.

The server keeps no text of an expression but prints it anew from what it has understood, so what it reports is
seldom what it was told. Each function here yields a form that the server, when given it, reports back the same.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pysqlsync_engine.model.data_types import SqlCharacter
from pysqlsync_engine.model.id_types import LocalId, QualifiedId, quote_ansi
from pysqlsync_engine.model.literals import quote_literal

DEFAULT_COLLATION = '"default"'
"""That of the database."""

_SAFE_NAME = re.compile(r"[a-z_][a-z0-9_]*")
_TOKEN = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|[()]", re.DOTALL)


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


def print_collation(name: str, quoted_words: frozenset[str]) -> str:
    """
    :param name: As the server prints it (`"C"`, `public.german`), or as people write it: `C`, `en_US.utf8`.
    :returns: The collation as the server prints it.
    """
    if '"' not in name:
        parts = name.split(".")
        plain = len(parts) == 2 and all(print_name(part, quoted_words) == part for part in parts)
        name = name if plain else print_name(name, quoted_words)
    return name.removeprefix("pg_catalog.")


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
