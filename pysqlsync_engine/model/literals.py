"""SQL literals that mean the same to every server; a dialect adds its own where servers differ."""

from __future__ import annotations

import math
from decimal import Decimal


def quote_literal(text: str) -> str:
    """
    Quote a string as an ANSI literal: quotes doubled, backslashes as they are.

    This is also how PostgreSQL prints a string (it never prints the `E'...'` form), and how it reads one as long as
    `standard_conforming_strings` is on. A server that takes a backslash for an escape needs a literal of its own.

    :raises ValueError: if the string has a NUL character, which no server stores in text.
    """
    if "\0" in text:
        raise ValueError(f"string literal {text!r}: NUL character cannot be stored as text; remove it")
    return "'" + text.replace("'", "''") + "'"


def boolean_literal(value: bool) -> str:  # noqa: FBT001 - the value is the subject
    """:returns: `TRUE` or `FALSE`."""
    return "TRUE" if value else "FALSE"


def is_finite(value: int | float | Decimal) -> bool:
    """:returns: False for infinity and for what is not a number."""
    if isinstance(value, Decimal):
        return value.is_finite()  # math.isfinite would take one that is too large for a float for infinite
    return math.isfinite(value) if isinstance(value, float) else True


def number_literal(value: int | float | Decimal) -> str:
    """
    :returns: Number as SQL reads it: `42`, `-1.50`, `1e+20`.
    :raises ValueError: if the number is infinite or not a number, for which ANSI has no literal.
    """
    if not is_finite(value):
        raise ValueError(f"numeric literal {value}: not a finite number; leave it out")
    return str(value)
