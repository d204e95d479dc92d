"""How cells of files become cells of lines that have no character set, in which the bytes of a value stand for themselves."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from datetime import date, datetime, time
from decimal import Decimal
from ipaddress import IPv4Address
from typing import Any
from uuid import UUID

from pysqlsync_engine.data.fitting import is_class
from pysqlsync_engine.dialect.mysql.spellings import plain_labels
from pysqlsync_engine.dialect.mysql.transfer import TEXT_BYTES, Transfer
from pysqlsync_engine.dialect.text_rows import NO_LIMIT, CellForm, CellKind, cell_type
from pysqlsync_engine.model.data_types import (
    SqlBinary,
    SqlBoolean,
    SqlCharacter,
    SqlDate,
    SqlDecimal,
    SqlFloat,
    SqlInteger,
    SqlNetworkAddress,
    SqlOpaque,
    SqlTime,
    SqlTimestamp,
    SqlUuid,
)

STRINGS = ("varchar", "char", "tinytext", "text", "mediumtext", "longtext", "enum")
INTEGERS = ("tinyint", "smallint", "mediumint", "int", "bigint")

FIRST_YEAR, LAST_YEAR = 1000, 9999
"""https://dev.mysql.com/doc/refman/8.4/en/datetime.html"""

FIRST_MOMENT_YEAR, LAST_MOMENT_YEAR = 1971, 2037
"""Of what a `timestamp` has in any time zone."""


def choose_cells(transfers: Sequence[Transfer]) -> dict[str, CellForm | None]:
    """:returns: For each column, by name, how its cells are read; `None` if nothing is known that does."""
    return {transfer.column.name.name: _choose(cell_type(transfer.declared), transfer) for transfer in transfers}


def _choose(declared: Any, transfer: Transfer) -> CellForm | None:
    labels = plain_labels(transfer)
    if labels == [] or (labels is None and is_class(declared, enum.Enum)):
        return None
    if labels is not None:
        return CellForm(CellKind.TEXT, _strings(transfer), labels=tuple(labels))
    match transfer.sent:
        case SqlCharacter() if declared is str:
            return _text(transfer)
        case SqlUuid() if declared is UUID:
            return CellForm(CellKind.UUID, ("binary(16)", "uuid"))
        case SqlNetworkAddress() if declared is IPv4Address:
            return CellForm(CellKind.ADDRESS, ("binary(4)", "inet4"), 4)
        case _:
            return None if isinstance(transfer.column.data_type, SqlBinary) else _choose_number(declared, transfer)


def _text(transfer: Transfer) -> CellForm | None:
    data_type = transfer.column.data_type
    if transfer.lookup is None and isinstance(data_type, SqlOpaque):
        most = TEXT_BYTES.get(data_type.definition)
        return None if most is None else CellForm(CellKind.TEXT, STRINGS, scale=most)
    limit = transfer.sent.limit if isinstance(transfer.sent, SqlCharacter) else None
    return CellForm(CellKind.TEXT, _strings(transfer), NO_LIMIT if limit is None else limit)


def _strings(transfer: Transfer) -> tuple[str, ...]:
    """:returns: Types of text; none for labels that are looked up."""
    return STRINGS if transfer.lookup is None else ()


def _choose_number(declared: Any, transfer: Transfer) -> CellForm | None:
    match transfer.sent:
        case SqlBoolean() if declared is bool:
            return CellForm(CellKind.BOOLEAN, ("tinyint",))
        case SqlInteger(width=width, signed=signed) if declared is int:
            return CellForm(CellKind.INTEGER, INTEGERS, width, first=NO_LIMIT if signed else 0)
        case SqlFloat() if declared is float:
            return CellForm(CellKind.FLOAT, ("float", "double"), 8)
        case SqlDecimal(precision=int(precision), scale=scale) if declared is Decimal:
            return CellForm(CellKind.DECIMAL, ("decimal",), precision - (scale or 0), scale or 0)
        case SqlDate() if declared is date:
            return CellForm(CellKind.DATE, ("date",), first=FIRST_YEAR, last=LAST_YEAR)
        case SqlTime(precision=precision) if declared is time:
            return CellForm(CellKind.TIME, ("time",), 6 if precision is None else precision)
        case SqlTimestamp(precision=precision, with_time_zone=has_zone) if declared is datetime:
            digits = 6 if precision is None else precision
            if has_zone:
                return CellForm(
                    CellKind.TIMESTAMPTZ, ("timestamp",), digits, first=FIRST_MOMENT_YEAR, last=LAST_MOMENT_YEAR
                )
            return CellForm(CellKind.TIMESTAMP, ("datetime",), digits, first=FIRST_YEAR, last=LAST_YEAR)
        case _:
            return None
