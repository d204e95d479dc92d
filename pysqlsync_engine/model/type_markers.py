"""Annotations that say what a Python type alone leaves open; those for length and precision are in `strong_typing`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time
from typing import Annotated, TypeAlias


@dataclass(frozen=True, slots=True)
class WithTimeZone:
    """Marks a `datetime` or `time` whose values carry a UTC offset: `Annotated[datetime, WithTimeZone()]`."""


AwareDatetime: TypeAlias = Annotated[datetime, WithTimeZone()]
"""A moment in time (`timestamp with time zone`); a plain `datetime` is what a clock on a wall shows."""

AwareTime: TypeAlias = Annotated[time, WithTimeZone()]
"""A time of day with its UTC offset (`time with time zone`)."""


@dataclass(frozen=True, slots=True)
class NativeType:
    """
    The type of the column as the server spells it, where no Python type stands for it: `Annotated[str, NativeType("xml")]`.

    :param definition: Verbatim, quoted where it needs to be.
    """

    definition: str


@dataclass(frozen=True, slots=True)
class NamedType:
    """
    The type of the column is one that no class describes: `Annotated[str, NamedType("mood", namespace="other")]`.

    It has to be there already.

    :param name: Name of the type, unquoted.
    :param namespace: `None` for the default one of the connection.
    """

    name: str
    namespace: str | None = None


@dataclass(frozen=True, slots=True)
class ServerDefault:
    """
    The default of the column as an SQL expression: `Annotated[datetime, ServerDefault("now()")]`.

    :param expression: Verbatim. A default that Python can say is better given as the default of the field.
    """

    expression: str


@dataclass(frozen=True, slots=True)
class GeneratedAs:
    """
    The server computes the column from others: `Annotated[int, GeneratedAs("width * height")]`.

    :param expression: SQL expression over columns of the row.
    :param stored: False if it is computed when it is read.
    """

    expression: str
    stored: bool = True


@dataclass(frozen=True, slots=True)
class Collation:
    """
    How the text of the column compares: `Annotated[str, Collation("C")]`.

    :param name: As the server prints it: `"C"` is `C`, `"da-x-icu"`, `utf8mb4_bin`.
    """

    name: str


@dataclass(frozen=True, slots=True)
class Description:
    """
    The comment of the column, where the docstring of the class cannot say it (line ends, leading blanks).

    :param text: Verbatim.
    """

    text: str


@dataclass(frozen=True, slots=True)
class RenamedFrom:
    """
    The column had another name before, so its values are kept: `Annotated[str, RenamedFrom("title")]`.

    Has no effect, but for a warning, once there is no column of that name.

    :param name: Name of the column, as in the database.
    """

    name: str


@dataclass(frozen=True, slots=True)
class Backfill:
    """
    The value for rows that are there when the column is added without a default: `Annotated[str, Backfill("'unknown'")]`.

    :param expression: SQL expression over columns of the row.
    """

    expression: str


@dataclass(frozen=True, slots=True)
class Bits:
    """
    A string of bits: `Annotated[str, Bits(3)]` with values such as `'101'`.

    :param length: Bits that fit; `None` for any number.
    :param varying: False if each value has all of them.
    """

    length: int | None = None
    varying: bool = False


@dataclass(frozen=True, slots=True)
class Year:
    """A calendar year: `Annotated[int, Year()]`; `YEAR` in MySQL, `smallint` elsewhere."""


@dataclass(frozen=True, slots=True)
class TextJson:
    """A JSON document that the server keeps as text, key for key (`json` instead of `jsonb` in PostgreSQL)."""
