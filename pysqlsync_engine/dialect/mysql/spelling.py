"""Names, literals and data types in SQL of MySQL and MariaDB."""

from __future__ import annotations

from decimal import Decimal

from pysqlsync_engine.dialect.mysql.names import quote, quote_text
from pysqlsync_engine.errors import DefinitionError
from pysqlsync_engine.model.data_types import (
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
    SqlNetworkAddress,
    SqlOpaque,
    SqlTime,
    SqlTimestamp,
    SqlType,
    SqlUuid,
    SqlYear,
)
from pysqlsync_engine.model.id_types import LocalId
from pysqlsync_engine.model.literals import number_literal

_INTEGERS = {1: "tinyint", 2: "smallint", 3: "mediumint", 4: "int", 8: "bigint"}
_MICROSECONDS = 6

UNSET_OPTIONS = {
    **dict.fromkeys(("avg_row_length", "checksum", "delay_key_write", "key_block_size", "max_rows", "min_rows"), "0"),
    "compression": "'NONE'",
    "encryption": "'N'",
}
"""Values of options that are as good as none, where there is no word for the default."""


def spell_name(name: LocalId | str, limit: int) -> str:
    """
    :param limit: Characters that the server permits.
    :returns: The name between backticks.
    :raises DefinitionError: if the server cannot have the name.
    """
    text = name.name if isinstance(name, LocalId) else name
    if not text or "\0" in text:
        raise DefinitionError(f"name {text!r}: is empty or has a NUL character; give the object another name")
    if len(text) > limit:
        raise DefinitionError(f"name {text!r}: longer than {limit} characters; shorten it")
    return quote(text)


def spell_literal(value: str | bool | int | float | Decimal | None) -> str:  # noqa: FBT001 - the value is the subject
    """:returns: The value as a literal for a session with backslash escapes, as those of the engine and its scripts are."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    return quote_text(value) if isinstance(value, str) else number_literal(value)


def spell_type(data_type: SqlType) -> str:
    """
    :returns: The type as it stands after the name of a column, without its collation.
    :raises DefinitionError: if the server has none.
    """
    match data_type:
        case SqlInteger() | SqlFloat() | SqlDecimal() | SqlBit() | SqlBoolean() | SqlYear():
            return _number(data_type)
        case SqlCharacter() | SqlBinary() | SqlLabel() | SqlLabelSet():
            return _string(data_type)
        case SqlTimestamp() | SqlTime() | SqlDate() | SqlInterval():
            return _time(data_type)
        case SqlUuid():
            return "uuid"
        case SqlJson():
            return "json"
        case SqlNetworkAddress(version=4 | 6 as version):
            return f"inet{version}"
        case SqlOpaque(definition=definition):
            return definition
        case _:
            raise DefinitionError(f"type {type(data_type).__name__}: has no SQL; lower the catalog first")


def _number(data_type: SqlInteger | SqlFloat | SqlDecimal | SqlBit | SqlBoolean | SqlYear) -> str:
    match data_type:
        case SqlInteger(width=width, signed=signed):
            return _INTEGERS[width] + ("" if signed else " unsigned")
        case SqlFloat(width=width):
            return "float" if width == 4 else "double"
        case SqlDecimal(precision=None):
            return "decimal(65,30)"
        case SqlDecimal(precision=precision, scale=scale):
            return f"decimal({precision},{scale or 0})"
        case SqlBit(length=length):
            return f"bit({length or 1})"
        case SqlBoolean():
            return "tinyint(1)"
        case SqlYear():
            return "year"


def _string(data_type: SqlCharacter | SqlBinary | SqlLabel | SqlLabelSet) -> str:
    if isinstance(data_type, SqlLabel | SqlLabelSet):
        listed = ",".join(map(quote_text, data_type.labels))
        return f"{'enum' if isinstance(data_type, SqlLabel) else 'set'}({listed})"
    is_text = isinstance(data_type, SqlCharacter)
    if data_type.limit is None:
        return "longtext" if is_text else "longblob"
    return f"{'' if data_type.fixed else 'var'}{'char' if is_text else 'binary'}({data_type.limit})"


def _time(data_type: SqlTimestamp | SqlTime | SqlDate | SqlInterval) -> str:
    if isinstance(data_type, SqlInterval):
        return f"decimal(20,{_MICROSECONDS})"
    if isinstance(data_type, SqlDate):
        return "date"
    name = "time"
    if isinstance(data_type, SqlTimestamp):
        name = "timestamp" if data_type.with_time_zone else "datetime"
    digits = _MICROSECONDS if data_type.precision is None else data_type.precision
    return f"{name}({digits})" if digits else name


def has_collation(data_type: SqlType) -> bool:
    """:returns: True if columns of the type have a collation."""
    if isinstance(data_type, SqlOpaque):
        return "text" in data_type.definition or "char" in data_type.definition
    return isinstance(data_type, SqlCharacter | SqlLabel | SqlLabelSet)
