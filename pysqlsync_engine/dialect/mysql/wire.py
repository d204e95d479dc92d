"""What goes over the wire: values in the text of a statement, and rows as the lines of a file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
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
_COLUMN = re.compile(r"(?:[Cc]olumn|[Ff]ield) ['`](?:[^'`]*[.`])?([^'`.]+)['`]")
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


def line(row: Row) -> str:
    """
    :param row: Integers, and text that is escaped already; `None` for NULL.
    :returns: The row as a line of a file, with its end.
    """
    return "\t".join([v if v.__class__ is str else "\\N" if v is None else str(v) for v in row]) + "\n"


def load_packets(rows: Sequence[Row]) -> Iterator[bytes]:
    """:returns: The rows as a file, in pieces."""
    for text in _pieces(line(row) for row in rows):
        data = text.encode()
        for start in range(0, len(data), MAX_PACKET_BYTES):
            yield data[start : start + MAX_PACKET_BYTES]


def value_lists(rows: Sequence[Row]) -> Iterator[str]:
    """:returns: The rows as lists for `VALUES`, each short enough for one statement; a row is never cut."""
    for text in _pieces(f"({', '.join(map(_cell, row))})," for row in rows):
        yield text[:-1]


def _cell(value: Any) -> str:
    """:returns: A literal for what `line` takes: both know the same escapes."""
    if value is None:
        return "NULL"
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else str(value)


def _pieces(parts: Iterator[str]) -> Iterator[str]:
    gathered: list[str] = []
    size = 0
    for part in parts:
        gathered.append(part)
        size += len(part)
        if size >= MAX_PACKET_BYTES // 2:
            yield "".join(gathered)
            gathered, size = [], 0
    if gathered:
        yield "".join(gathered)


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
