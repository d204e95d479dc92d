"""What goes over the wire: values in the text of a statement."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from pysqlsync_engine.dialect.mysql.names import quote_text
from pysqlsync_engine.session import Row

MAX_PACKET_BYTES = 256 * 1024
"""Rows are sent in packets of about this size, and the next one only when the server has taken the one before."""

_PLACEHOLDER = re.compile(r"%[%s]")

_ROW = re.compile(r" at row (\d+)\b")
_COLUMN = re.compile(r"(?:[Cc]olumn|[Ff]ield) (?:`[^`]*`\.)*['`](?:[^'`]*\.)?([^'`.]+)['`]")
_CONSTRAINTS = (
    re.compile(r" for key '(?:[^']*\.)?([^'.]+)'$"),
    re.compile(r"CONSTRAINT [`'](?:[^`']*\.)?([^`'.]+)[`']"),
    re.compile(r"[Cc]heck constraint '([^']+)'"),
)


def bind(statement: str, arguments: Sequence[Any]) -> str:
    """
    :param statement: `%s` stands for a value, `%%` for a percent sign.
    :returns: The statement with the values in it as literals.
    :raises TypeError: if there are more values, or fewer, than places for them, or one has no literal.
    """
    values = iter(arguments)

    def replace(match: re.Match[str]) -> str:
        if match[0] == "%%":
            return "%"
        try:
            return literal(next(values))
        except StopIteration:
            raise TypeError(f"expected more than {len(arguments)} values for the statement") from None

    text = _PLACEHOLDER.sub(replace, statement)
    if next(values, values) is not values:
        raise TypeError(f"expected fewer than {len(arguments)} values for the statement")
    return text


def literal(value: Any) -> str:
    """
    :returns: The value as SQL.
    :raises TypeError: if it is of a type that has no literal.
    """
    if value is None:
        return "NULL"
    for kind, spell in _LITERALS:
        if isinstance(value, kind):
            return spell(value)
    raise TypeError(f"cannot send {type(value).__name__} as a value of a statement")


def _timestamp(value: datetime) -> str:
    plain = value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)
    return quote_text(plain.isoformat(sep=" "))


def _float(value: float) -> str:
    # without an exponent it would be an exact number
    text = repr(float(value))
    return text if "e" in text else f"{text}e0"


def duration(value: timedelta) -> str:
    """:returns: Hours, minutes and seconds."""
    total = abs(value) // timedelta(microseconds=1)
    seconds, microseconds = divmod(total, 1_000_000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    sign = "-" if value < timedelta(0) else ""
    return f"{sign}{hours:02d}:{minutes:02d}:{seconds:02d}.{microseconds:06d}"


_LITERALS: tuple[tuple[type, Callable[[Any], str]], ...] = (
    (bool, lambda value: "TRUE" if value else "FALSE"),
    (int, lambda value: str(int(value))),
    (float, _float),
    (Decimal, lambda value: f"{value:f}"),
    (bytes, lambda value: f"x'{value.hex()}'"),
    (datetime, _timestamp),
    (date, lambda value: quote_text(value.isoformat())),
    (time, lambda value: quote_text(value.isoformat())),
    (timedelta, lambda value: quote_text(duration(value))),
    (str, quote_text),
    (UUID, lambda value: quote_text(str(value))),
)
"""How values are written, by type; the first one that fits."""


def value_lists(
    rows: Iterable[Row], kept: Sequence[int], casts: Sequence[str], *, most_bytes: int, number: int | None
) -> Iterator[tuple[str, int]]:
    """
    :param rows: Integers and text.
    :param kept: Positions of the values that are sent.
    :param casts: For each of these, SQL for the value of the column, with `{}` for a literal.
    :param most_bytes: Of one list, roughly; a row is never cut.
    :param number: That precedes the number of the first row, which comes first in the list; `None` for rows without numbers.
    :returns: The rows as lists for `VALUES`, each with the number of its rows.
    """
    gathered: list[str] = []
    size = 0
    for place, row in enumerate(rows, start=(number or 0) + 1):
        cells = [cast.replace("{}", _cell(row[position])) for position, cast in zip(kept, casts, strict=True)]
        text = ", ".join(cells if number is None else [str(place), *cells])
        gathered.append(f"({text})")
        size += len(text)
        if size >= most_bytes:
            yield ", ".join(gathered), len(gathered)
            gathered, size = [], 0
    if gathered:
        yield ", ".join(gathered), len(gathered)


def _cell(value: Any) -> str:
    if value is None:
        return "NULL"
    return str(value) if isinstance(value, int) else quote_text(str(value))


def place_of(message: str) -> tuple[int | None, str | None, str | None]:
    """
    :param message: What the server says of a row, in English.
    :returns: Number of the row in its statement, name of the column, name of the constraint; `None` where it does not tell.
    """
    row, column = _ROW.search(message), _COLUMN.search(message)
    constraint = next(filter(None, (pattern.search(message) for pattern in _CONSTRAINTS)), None)
    return (
        None if row is None else int(row[1]),
        None if column is None else column[1],
        None if constraint is None else constraint[1],
    )
