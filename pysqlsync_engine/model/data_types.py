"""
Data types of columns, as immutable values that compare by what they mean, not by how a dialect spells them.

A length, precision or scale of `None` means that none is declared.
"""

from __future__ import annotations

from dataclasses import dataclass

from pysqlsync_engine.model.id_types import QualifiedId


@dataclass(frozen=True, slots=True)
class SqlType:
    """Base of all data types; `str()` is the ANSI spelling."""

    def __str__(self) -> str:
        from pysqlsync_engine.model.definition import ANSI

        return ANSI.data_type(self)


@dataclass(frozen=True, slots=True)
class SqlBoolean(SqlType):
    """Truth value."""


@dataclass(frozen=True, slots=True)
class SqlInteger(SqlType):
    """
    Integer of a fixed width.

    :param width: Bytes of storage: 1, 2, 3, 4 or 8.
    :param signed: False for an unsigned integer, in dialects that have one.
    """

    width: int
    signed: bool = True


@dataclass(frozen=True, slots=True)
class SqlFloat(SqlType):
    """
    Binary floating-point number.

    :param width: Bytes of storage: 4 or 8.
    """

    width: int


@dataclass(frozen=True, slots=True)
class SqlDecimal(SqlType):
    """Exact number with `precision` significant digits, `scale` of them after the point."""

    precision: int | None = None
    scale: int | None = None


@dataclass(frozen=True, slots=True)
class SqlCharacter(SqlType):
    """
    Character string.

    :param limit: Characters (not bytes) that fit.
    :param fixed: True for a string that the server pads to its limit.
    """

    limit: int | None = None
    fixed: bool = False


@dataclass(frozen=True, slots=True)
class SqlBinary(SqlType):
    """Byte string; `limit` in bytes."""

    limit: int | None = None
    fixed: bool = False


@dataclass(frozen=True, slots=True)
class SqlTimestamp(SqlType):
    """
    Date and time of day.

    :param precision: Digits of fractional seconds.
    :param with_time_zone: True for a moment in time, False for what a clock on a wall shows.
    """

    precision: int | None = None
    with_time_zone: bool = False


@dataclass(frozen=True, slots=True)
class SqlDate(SqlType):
    """Calendar date."""


@dataclass(frozen=True, slots=True)
class SqlTime(SqlType):
    """Time of day; `precision` as for a timestamp."""

    precision: int | None = None
    with_time_zone: bool = False


@dataclass(frozen=True, slots=True)
class SqlInterval(SqlType):
    """Length of time; `precision` as for a timestamp."""

    precision: int | None = None


@dataclass(frozen=True, slots=True)
class SqlUuid(SqlType):
    """Universally unique identifier."""


@dataclass(frozen=True, slots=True)
class SqlJson(SqlType):
    """JSON document; `binary` for one that is stored parsed (`jsonb`)."""

    binary: bool = True


@dataclass(frozen=True, slots=True)
class SqlBit(SqlType):
    """
    String of bits.

    :param length: Bits that fit.
    :param varying: False if each value has all of them.
    """

    length: int | None = None
    varying: bool = False


@dataclass(frozen=True, slots=True)
class SqlYear(SqlType):
    """Calendar year of four digits (MySQL)."""


@dataclass(frozen=True, slots=True)
class SqlNetworkAddress(SqlType):
    """
    Address of a host.

    :param version: 4 or 6; `None` for either, with an optional netmask (PostgreSQL `inet`).
    """

    version: int | None = None


@dataclass(frozen=True, slots=True)
class SqlLabel(SqlType):
    """One of some labels, as part of the type of a column (MySQL `ENUM`); compares by their order."""

    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SqlLabelSet(SqlType):
    """Any number of some labels, as part of the type of a column (MySQL `SET`)."""

    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SqlArray(SqlType):
    """Ordered collection of values of one type."""

    element: SqlType


@dataclass(frozen=True, slots=True)
class SqlNamed(SqlType):
    """Type that the catalog defines: an enumeration, a composite type or a domain."""

    name: QualifiedId


@dataclass(frozen=True, slots=True)
class SqlOpaque(SqlType):
    """
    Type that the engine does not model, kept exactly as the server spells it.

    :param definition: The server's own spelling, already quoted where it needs to be.
    """

    definition: str
