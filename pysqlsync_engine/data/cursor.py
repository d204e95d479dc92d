"""
Watermarks as values: how they are kept as text, which of two is later, and where reading begins the next time.

A source that is read incrementally asks the target for its watermark, and reads from `lower_bound` on. What comes late, after
rows with higher values, is read again if it is within the overlap; to store a row again changes nothing in an upsert, and with
`LoadOptions(only_changed=True)` it is not even written.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from pysqlsync_engine.errors import LoadError
from pysqlsync_engine.model.annotations import unwrap
from pysqlsync_engine.model.data_types import (
    SqlCharacter,
    SqlDate,
    SqlDecimal,
    SqlInteger,
    SqlTimestamp,
    SqlType,
    SqlUuid,
)


class MarkKind(enum.Enum):
    """What a watermark is a value of, so that watermarks are compared as such and not as text."""

    INTEGER = "integer"
    DECIMAL = "decimal"
    TEXT = "text"
    """Compared by code points, whatever the collation of the column."""

    DATE = "date"
    TIMESTAMP = "timestamp"
    MOMENT = "timestamp with time zone"
    UUID = "uuid"


@dataclass(frozen=True, slots=True)
class MarkValue:
    """
    A watermark as it is kept.

    :param text: As `parse` reads it.
    """

    kind: MarkKind
    text: str

    def parse(self) -> Any:
        """
        :returns: The value, as Python has it; a moment is in UTC.
        :raises LoadError: if the text is no such value.
        """
        try:
            return _PARSERS[self.kind](self.text)
        except (ValueError, ArithmeticError) as error:
            raise LoadError(f"watermark: expected a value of type {self.kind.value}; got {self.text!r}") from error

    def is_after(self, other: MarkValue) -> bool:
        """
        :returns: True if this watermark is the later one of the two.
        :raises LoadError: if the two are not values of the same type.
        """
        if self.kind is not other.kind and not {self.kind, other.kind} <= _NUMBERS:
            raise LoadError(
                f"watermark: is a value of type {other.kind.value} so far, but now one of type {self.kind.value}; name the stream"
                " otherwise, or let it be forgotten"
            )
        return self.parse() > other.parse()


def mark_of(value: Any) -> MarkValue:
    """
    :param value: A watermark, as a source or a user knows it.
    :raises TypeError: if values of its type have no order that is the same everywhere.
    """
    # a datetime is a date, too
    if isinstance(value, datetime):
        return MarkValue(MarkKind.TIMESTAMP if value.utcoffset() is None else MarkKind.MOMENT, value.isoformat(" "))
    kind = next((kind for kind, types in _TYPES.items() if isinstance(value, types)), None)
    if kind is None or isinstance(value, bool):
        raise TypeError(f"expected a watermark of type {_EXPECTED}; got {type(value).__name__}")
    return MarkValue(kind, str(value))


def kind_of_column(data_type: SqlType, annotation: Any) -> MarkKind:
    """
    :param annotation: Python type of the values, for a column whose own type says less.
    :raises TypeError: if values of the column have no order that is the same everywhere.
    """
    declared = unwrap(annotation).type
    if isinstance(declared, type) and issubclass(declared, UUID):
        return MarkKind.UUID
    if isinstance(data_type, SqlTimestamp):
        return MarkKind.MOMENT if data_type.with_time_zone else MarkKind.TIMESTAMP
    kind = _COLUMNS.get(type(data_type))
    if kind is None:
        raise TypeError(f"expected a watermark column of type {_EXPECTED}; got {data_type}")
    return kind


def lower_bound(value: Any, overlap: timedelta | int | None = None) -> Any:
    """
    Tell where reading begins when a stream goes on.

    :param value: The watermark, see `ConnectionContext.read_watermark`; `None` if there is none yet.
    :param overlap: How far behind the watermark rows may still appear or change: a time for dates and timestamps, a number for
        numbers; `None` for a source whose rows never come late.
    :returns: Rows above this value are to be read; `None` for all. Without an overlap, rows that get the very value of the
        watermark later are missed: leave it out only for values that are never given twice, such as numbers that count.
    :raises TypeError: if the overlap cannot be taken from the watermark.
    """
    if value is None or overlap is None:
        return value
    if isinstance(value, date) and isinstance(overlap, timedelta):
        # days of a date are whole
        days = -(-overlap // timedelta(days=1))
        try:
            return value - (overlap if isinstance(value, datetime) else timedelta(days=days))
        except OverflowError:
            return None
    if isinstance(value, int | Decimal) and isinstance(overlap, int):
        return value - overlap
    raise TypeError(
        f"cannot take an overlap of type {type(overlap).__name__} from a watermark of type {type(value).__name__}"
    )


def _parse_moment(text: str) -> datetime:
    value = datetime.fromisoformat(text)
    # servers without a type for moments keep them in UTC
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _parse_decimal(text: str) -> Decimal:
    value = Decimal(text)
    if value.is_nan():
        raise ValueError("NaN is neither before nor after other numbers")
    return value


_PARSERS: dict[MarkKind, Callable[[str], Any]] = {
    MarkKind.INTEGER: int,
    MarkKind.DECIMAL: _parse_decimal,
    MarkKind.TEXT: str,
    MarkKind.DATE: date.fromisoformat,
    MarkKind.TIMESTAMP: datetime.fromisoformat,
    MarkKind.MOMENT: _parse_moment,
    MarkKind.UUID: UUID,
}

_TYPES: dict[MarkKind, type] = {
    MarkKind.INTEGER: int,
    MarkKind.DECIMAL: Decimal,
    MarkKind.TEXT: str,
    MarkKind.DATE: date,
    MarkKind.UUID: UUID,
}

_COLUMNS: dict[type[SqlType], MarkKind] = {
    SqlInteger: MarkKind.INTEGER,
    SqlDecimal: MarkKind.DECIMAL,
    SqlCharacter: MarkKind.TEXT,
    SqlDate: MarkKind.DATE,
    SqlUuid: MarkKind.UUID,
}

_NUMBERS = {MarkKind.INTEGER, MarkKind.DECIMAL}

_EXPECTED = "integer, decimal, text, date, timestamp or uuid"
