"""
Expressions and defaults of MySQL and MariaDB: as the server prints them, as the model holds them, as they are written.

The model holds strings in the standard form, in which a quote is doubled and a backslash is nothing special; names are
between backticks. A default is what stands after `DEFAULT`: a literal, the current time, or an expression in parentheses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation

from pysqlsync_engine.dialect.mysql.names import quote, quote_text
from pysqlsync_engine.model.data_types import (
    SqlBinary,
    SqlBit,
    SqlBoolean,
    SqlDecimal,
    SqlFloat,
    SqlInteger,
    SqlJson,
    SqlOpaque,
    SqlTimestamp,
    SqlType,
    SqlYear,
)
from pysqlsync_engine.model.id_types import LocalId

_SERVER_TOKEN = re.compile(r"'(?P<text>(?:[^'\\]|''|\\.)*)'|`(?:[^`]|``)*`|[()]", re.DOTALL)
"""A string as the server prints it, with backslashes; a name; a parenthesis."""

_STANDARD_TOKEN = re.compile(r"'(?P<text>(?:[^']|'')*)'|\"(?P<name>(?:[^\"]|\"\")*)\"|`(?:[^`]|``)*`|[()]", re.DOTALL)
"""The same in the standard form, in which names may be between double quotes."""

_NAME = re.compile(
    r"""
    '(?:[^']|'')*'
    | "(?P<ansi> (?:[^"]|"")*)"
    | `(?P<ticks> (?:[^`]|``)*)`
    | (?<![\w$]) (?P<word> [^\W\d][\w$]*) (?![\w$]) (?!\s*[('])
    """,
    re.VERBOSE | re.DOTALL,
)
"""A string, a name in quotes, a name between backticks, or a bare word that is not the name of a function."""

_ESCAPED = re.compile(r"\\(.)|''", re.DOTALL)
_CONTROL = {"0": "\0", "b": "\b", "n": "\n", "r": "\r", "t": "\t", "Z": "\x1a", "%": "\\%", "_": "\\_"}
"""https://dev.mysql.com/doc/refman/8.4/en/string-literals.html#character-escape-sequences"""

_NOW = re.compile(r"(?:current_timestamp|now|localtime|localtimestamp)(?:\s*\(\s*(?P<digits>\d)?\s*\))?", re.IGNORECASE)
_NUMBER = re.compile(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?")
_STRING = re.compile(r"'(?:[^']|'')*'", re.DOTALL)
_BITS = re.compile(r"b'[01]*'", re.IGNORECASE)
_BYTES = re.compile(r"(?:0x(?P<bare>(?:[0-9a-f]{2})*)|x'(?P<quoted>(?:[0-9a-f]{2})*)')", re.IGNORECASE)

_WITHOUT_LITERALS = re.compile(
    r"(?:tiny|medium|long)?(?:text|blob)\b|geom|point|linestring|polygon|multi|vector", re.IGNORECASE
)
"""Types that MySQL gives no literal as default."""


def unescape(text: str) -> str:
    """:returns: The value of a string literal, given what is between the quotes as the server prints it."""
    return _ESCAPED.sub(lambda found: "'" if found[1] is None else _CONTROL.get(found[1], found[1]), text)


def standard_literal(value: str) -> str:
    """:returns: The string as the model holds it in expressions."""
    return "'" + value.replace("'", "''") + "'"


def parse_metadata(text: str) -> str:
    """
    Read an expression that MySQL keeps in its dictionary.

    There it is escaped once more than where it is shown, and characters outside of ASCII are spelled as the bytes that they
    are encoded with.

    :returns: The expression as `SHOW CREATE TABLE` has it.
    """
    shown = _ESCAPED.sub(lambda found: "''" if found[1] is None else _CONTROL.get(found[1], found[1]), text)
    try:
        return shown.encode("latin-1").decode()
    except UnicodeError:
        return shown


def parse_expression(shown: str) -> str:
    """:returns: An expression as the model holds it, without parentheses around the whole, given what the server prints."""
    return strip_parentheses(standardize(shown))


def standardize(shown: str) -> str:
    """:returns: The text with its strings in the standard form, given what the server prints."""
    return _SERVER_TOKEN.sub(_standardize, shown)


def _standardize(token: re.Match[str]) -> str:
    return token[0] if token["text"] is None else standard_literal(unescape(token["text"]))


def write_expression(text: str) -> str:
    """:returns: An expression of the model as a session with backslash escapes is to read it."""
    return _STANDARD_TOKEN.sub(_localize, text)


def _localize(token: re.Match[str]) -> str:
    if token["text"] is not None:
        return quote_text(token["text"].replace("''", "'"))
    return _backtick(token)


def _backtick(token: re.Match[str]) -> str:
    return token[0] if token["name"] is None else quote(token["name"].replace('""', '"'))


def normalize_expression(text: str) -> str:
    """:returns: An expression of a class in the form of the model: names between backticks, no outer parentheses."""
    return strip_parentheses(_STANDARD_TOKEN.sub(_backtick, text))


def mentioned_names(text: str) -> frozenset[str]:
    """:returns: All that may be the name of a column in an expression in the standard form, in lower case."""
    names = (
        token["word"] or (token["ticks"] or "").replace("``", "`") or (token["ansi"] or "").replace('""', '"')
        for token in _NAME.finditer(text)
    )
    return frozenset(name.lower() for name in names)


def strip_parentheses(expression: str) -> str:
    """:returns: The expression, in the standard form, without the parentheses around the whole of it."""
    text = expression.strip()
    while is_enclosed(text):
        text = text[1:-1].strip()
    return text


def is_enclosed(text: str) -> bool:
    """:returns: True if the parenthesis that the text starts with is closed by its last character."""
    if not text.startswith("("):
        return False
    depth = 0
    for token in _STANDARD_TOKEN.finditer(text):
        depth += {"(": 1, ")": -1}.get(token[0], 0)
        if depth == 0:
            return token[0] == ")" and token.end() == len(text)
    return False


def enclose(text: str) -> str:
    """:returns: The expression in parentheses, as a default has it."""
    return text if is_enclosed(text) else f"({text})"


def spell_now(text: str, now: str, digits: int | None = None) -> str | None:
    """
    :param now: How the server prints it.
    :param digits: Of fractional seconds, where the text tells none.
    :returns: The current time as the server prints it in a default; `None` if the text is something else.
    """
    match = _NOW.fullmatch(text.strip())
    if match is None:
        return None
    precision = match["digits"] if match["digits"] is not None else str(digits or 0)
    if int(precision):
        return f"{now}({precision})"
    return f"{now}()" if now.islower() else now


def read_marked_default(printed: str, extra: str, data_type: SqlType, now: str) -> str:
    """:returns: The default of a column of MySQL, which says by its mark whether it is an expression or the value."""
    if "DEFAULT_GENERATED" not in extra:
        return literal_default(printed, data_type)
    current = spell_now(printed, now) if isinstance(data_type, SqlTimestamp) and _is_bare_now(printed) else None
    return current or enclose(standardize(parse_metadata(printed)))


def _is_bare_now(printed: str) -> bool:
    """True for the default that is the current time; the same as an expression is printed `now()`."""
    return printed.startswith("CURRENT_TIMESTAMP")


def read_default(printed: str, data_type: SqlType, now: str) -> str | None:
    """:returns: The default of a column of MariaDB, which prints what stands after `DEFAULT`."""
    if printed == "NULL":
        return None
    current = spell_now(printed, now)
    if current is not None:
        return current
    text = standardize(printed)
    value = constant_value(text)
    return enclose(text) if value is None else literal_default(value, data_type)


def constant_value(text: str) -> str | None:
    """:returns: Value of a constant in the standard form, bits and bytes as they are written; `None` if it is none."""
    if _STRING.fullmatch(text):
        return text[1:-1].replace("''", "'")
    return text if _NUMBER.fullmatch(text) or _BITS.fullmatch(text) or _BYTES.fullmatch(text) else None


def literal_default(value: str, data_type: SqlType) -> str:
    """
    :param value: As text; bits and bytes may be literals.
    :returns: The one literal in which a default of that value is compared.
    """
    match data_type:
        case SqlInteger() | SqlYear() | SqlBoolean():
            return _numeric(value, lambda number: str(int(number)), exact=True)
        case SqlDecimal(scale=scale):
            unit = Decimal(1).scaleb(-(scale or 0))
            return _numeric(value, lambda number: format(number.quantize(unit), "f"), exact=False)
        case SqlFloat():
            return _numeric(value, lambda number: repr(float(number)), exact=False)
        case SqlBit():
            return _bits(value)
        case SqlBinary():
            return _bytes(value)
        case _:
            return standard_literal(value)


def _numeric(value: str, spell: Callable[[Decimal], str], *, exact: bool) -> str:
    """:param exact: True if the number must be whole."""
    try:
        number = Decimal(value)
        return spell(number) if not exact or number == number.to_integral_value() else standard_literal(value)
    except (InvalidOperation, ValueError, OverflowError):
        return standard_literal(value)


def _bits(value: str) -> str:
    if _BITS.fullmatch(value):
        return f"b'{value[2:-1].lstrip('0') or '0'}'"
    return f"b'{int(value):b}'" if value.isdecimal() else standard_literal(value)


def _bytes(value: str) -> str:
    match = _BYTES.fullmatch(value)
    if match is not None:
        return f"0x{(match['bare'] or match['quoted'] or '').upper()}" if len(value) > 2 else "''"
    return f"0x{value.encode().hex().upper()}" if value else "''"


def canonical_default(expression: str, data_type: SqlType, now: str, *, marked: bool) -> str | None:
    """
    Bring a default that a class says into the form in which it is compared.

    :param expression: A literal, or an expression of the server's own.
    :param marked: True if texts and objects can have no literal (MySQL).
    :returns: The default; `None` for NULL, which is what a column without a default has.
    """
    text = _STANDARD_TOKEN.sub(_backtick, expression.strip())
    if text.upper() == "NULL":
        return None
    if isinstance(data_type, SqlBoolean) and text.lower() in {"true", "false"}:
        return "1" if text.lower() == "true" else "0"
    current = spell_now(text, now, _digits_of(data_type)) if isinstance(data_type, SqlTimestamp) or not marked else None
    if current is not None:
        return current
    value = constant_value(text)
    if value is None:
        return enclose(text)
    if marked and (lacks_literals(data_type) or is_wide(text)):
        return f"(_utf8mb4{standard_literal(value)})" if _STRING.fullmatch(text) else f"({text})"
    return literal_default(value, data_type)


def is_wide(text: str) -> bool:
    """:returns: True if there is a character of four bytes, which servers replace by question marks where they print a table."""
    return any(character > "\uffff" for character in text)


def lacks_literals(data_type: SqlType) -> bool:
    """:returns: True if MySQL permits no literal as the default of a column of the type."""
    match data_type:
        case SqlJson():
            return True
        case SqlOpaque(definition=definition):
            return _WITHOUT_LITERALS.match(definition) is not None
        case _:
            return bool(getattr(data_type, "limit", 0) is None)


def _digits_of(data_type: SqlType) -> int | None:
    if not isinstance(data_type, SqlTimestamp):
        return None
    return 6 if data_type.precision is None else data_type.precision


def label_condition(column: LocalId, labels: Sequence[str], *, introducer: str) -> str:
    """
    :param introducer: What the server prints before a string.
    :returns: The condition that a column holds one of the labels.
    """
    values = [introducer + standard_literal(label) for label in labels]
    return f"{quote(column)} = {values[0]}" if len(values) == 1 else f"{quote(column)} in ({','.join(values)})"


def size_condition(column: LocalId, limit: int, *, exact: bool, binary: bool) -> str:
    """:returns: The condition that a value has the given size, or at most that."""
    function = "octet_length" if binary else "char_length"
    return f"{function}({quote(column)}) {'=' if exact else '<='} {limit}"
