"""
Names, literals and data types as ANSI SQL.

Small methods by design: a dialect overrides how a thing is spelled, never how things are put together.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from pysqlsync_engine.errors import DefinitionError
from pysqlsync_engine.model.data_types import (
    SqlArray,
    SqlBinary,
    SqlBit,
    SqlBoolean,
    SqlCharacter,
    SqlDate,
    SqlDecimal,
    SqlFloat,
    SqlInteger,
    SqlInterval,
    SqlJson,
    SqlLabel,
    SqlLabelSet,
    SqlNamed,
    SqlNetworkAddress,
    SqlOpaque,
    SqlTime,
    SqlTimestamp,
    SqlType,
    SqlUuid,
    SqlYear,
)
from pysqlsync_engine.model.id_types import LocalId, QualifiedId, quote_ansi
from pysqlsync_engine.model.literals import boolean_literal, number_literal, quote_literal

_DECIMAL_DIGITS = {1: 3, 2: 5, 3: 8, 4: 10, 8: 20}
"""Digits of the largest unsigned integer of as many bytes."""

_ADDRESS_CHARACTERS = {4: 15, 6: 45, None: 49}
"""Longest text of an address; with a netmask where the version is left open."""


class SpellingWriter:
    """Writes names, literals and data types; holds nothing that a call could change."""

    def quote(self, name: LocalId | str) -> str:
        """
        :returns: The name as a delimited identifier.
        :raises DefinitionError: if no server can have the name.
        """
        text = name.name if isinstance(name, LocalId) else name
        if not text or "\0" in text:
            raise DefinitionError(f"name {text!r}: is empty or has a NUL character; give the object another name")
        return quote_ansi(text)

    def qualified(self, name: QualifiedId) -> str:
        """:returns: The name as delimited identifiers, with the namespace if it has one."""
        if name.namespace is None:
            return self.quote(name.name)
        return f"{self.quote(name.namespace)}.{self.quote(name.name)}"

    def names(self, names: Iterable[LocalId]) -> str:
        """:returns: The names as delimited identifiers, with commas between."""
        return ", ".join(self.quote(name) for name in names)

    def literal(self, value: str | bool | int | float | Decimal | None) -> str:  # noqa: FBT001 - the value is the subject
        """
        :returns: The value as an SQL literal.
        :raises ValueError: if SQL has no literal for it.
        """
        if value is None:
            return "NULL"
        if isinstance(value, bool):
            return boolean_literal(value)
        if isinstance(value, str):
            return quote_literal(value)
        return number_literal(value)

    def labels(self, labels: Iterable[str]) -> str:
        """:returns: The labels as literals, with commas between."""
        return ", ".join(self.literal(label) for label in labels)

    def expression(self, text: str) -> str:
        """:returns: An expression of the model (a default, a condition of a check) as the server is to read it."""
        return text

    def data_type(self, data_type: SqlType) -> str:
        """
        :returns: The type as it stands after the name of a column.
        :raises DefinitionError: if the type is none of the model's.
        """
        match data_type:
            case SqlInteger() | SqlFloat() | SqlDecimal():
                return self.numeric_type(data_type)
            case SqlCharacter() | SqlBinary():
                return self.string_type(data_type)
            case SqlTimestamp() | SqlDate() | SqlTime() | SqlInterval():
                return self.temporal_type(data_type)
            case SqlArray():
                return self.array_type(data_type)
            case SqlNamed():
                return self.qualified(data_type.name)
            case _:
                return self.other_type(data_type)

    def numeric_type(self, data_type: SqlInteger | SqlFloat | SqlDecimal) -> str:
        """:returns: The type of a number; where there is none as narrow (or none without a sign), the next wider one."""
        match data_type:
            case SqlInteger(width=width, signed=signed):
                needed = width if signed else width + 1
                names = {2: "smallint", 4: "integer", 8: "bigint"}
                fitting = [name for bytes_held, name in names.items() if needed <= bytes_held]
                return fitting[0] if fitting else f"numeric({_DECIMAL_DIGITS[width]})"
            case SqlFloat(width=width):
                return "real" if width == 4 else "double precision"
            case SqlDecimal(precision=None):
                return "numeric"
            case SqlDecimal(precision=precision, scale=scale):
                return f"numeric({precision})" if scale is None else f"numeric({precision}, {scale})"

    def string_type(self, data_type: SqlCharacter | SqlBinary) -> str:
        """:returns: The type of text or of a byte string."""
        unit = "character" if isinstance(data_type, SqlCharacter) else "binary"
        if data_type.limit is None:
            return f"{unit} large object"
        return f"{unit}{'' if data_type.fixed else ' varying'}({data_type.limit})"

    def temporal_type(self, data_type: SqlTimestamp | SqlDate | SqlTime | SqlInterval) -> str:
        """:returns: The type of a date, a time or a length of time."""
        match data_type:
            case SqlDate():
                return "date"
            case SqlInterval(precision=precision):
                return f"interval day to second{_digits(precision)}"
            case SqlTimestamp() | SqlTime():
                name = "timestamp" if isinstance(data_type, SqlTimestamp) else "time"
                zone = "with" if data_type.with_time_zone else "without"
                return f"{name}{_digits(data_type.precision)} {zone} time zone"

    def array_type(self, data_type: SqlArray) -> str:
        """:returns: The type of a list."""
        return f"{self.data_type(data_type.element)} array"

    def other_type(self, data_type: SqlType) -> str:
        """:returns: The type as it is; `uuid` is not in the standard, but is what servers that have the type call it."""
        match data_type:
            case SqlBoolean():
                return "boolean"
            case SqlUuid():
                return "uuid"
            case SqlJson():
                return "json"
            case SqlBit(length=length, varying=varying):
                return f"bit{' varying' if varying else ''}{'' if length is None else f'({length})'}"
            case SqlYear():
                return "smallint"
            case SqlNetworkAddress(version=version):
                return f"character varying({_ADDRESS_CHARACTERS[version]})"
            case SqlLabel(labels=labels):
                return f"character varying({max(map(len, labels), default=1)})"
            case SqlLabelSet(labels=labels):
                return f"character varying({max(len(','.join(labels)), 1)})"
            case SqlOpaque(definition=definition):
                return definition
            case _:
                raise DefinitionError(f"type {type(data_type).__name__}: has no SQL; use a type of the model")


def _digits(precision: int | None) -> str:
    return "" if precision is None else f"({precision})"
