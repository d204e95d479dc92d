"""How cells of files become fields of binary COPY."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, time
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address
from typing import Any
from uuid import UUID

from pysqlsync_engine.data.target import LoadTarget
from pysqlsync_engine.data.text import TextRules
from pysqlsync_engine.dialect.postgresql.binary_rows import STRINGS
from pysqlsync_engine.dialect.postgresql.text_rules import plain_labels
from pysqlsync_engine.dialect.postgresql.transfer import Transfer
from pysqlsync_engine.dialect.text_rows import NO_LIMIT, CellForm, CellKind, cell_type
from pysqlsync_engine.model.annotations import unwrap
from pysqlsync_engine.model.data_types import (
    SqlBoolean,
    SqlCharacter,
    SqlDate,
    SqlDecimal,
    SqlFloat,
    SqlInteger,
    SqlJson,
    SqlNamed,
    SqlNetworkAddress,
    SqlTime,
    SqlTimestamp,
    SqlType,
    SqlUuid,
)


def choose_cells(target: LoadTarget, transfers: Sequence[Transfer], rules: TextRules) -> dict[str, CellForm | None]:
    """
    :param rules: What the store takes as text.
    :returns: For each column, by name, how its cells are read; `None` if nothing is known that does.
    """
    cells: dict[str, CellForm | None] = {}
    for annotation, transfer, rule in zip(target.types, transfers, rules.columns, strict=True):
        declared = unwrap(annotation)
        labels = plain_labels(declared)
        cell, name = _choose(cell_type(declared), transfer), transfer.column.name.name
        if cell is None or rule is None or labels == []:
            cells[name] = None
            continue
        limit = cell.limit if rule.max_characters is None else rule.max_characters
        cells[name] = replace(cell, limit=limit, nullable=rule.nullable, labels=tuple(labels or ()))
    return cells


def _choose(declared: Any, transfer: Transfer) -> CellForm | None:
    if transfer.cast is not None:
        # what the server converts is text that it has to parse
        return None
    if transfer.lookup is not None:
        return CellForm(CellKind.TEXT, ())
    data_type = transfer.column.data_type
    return _choose_text(declared, data_type) or _choose_number(declared, data_type)


def _choose_text(declared: Any, data_type: SqlType) -> CellForm | None:
    match data_type:
        case SqlCharacter() | SqlNamed():
            return CellForm(CellKind.TEXT, (*STRINGS, "enum"))
        case SqlJson(binary=True):
            return CellForm(CellKind.JSONB, ("jsonb",))
        case SqlJson():
            return CellForm(CellKind.TEXT, ("json",))
        case SqlUuid() if declared in {UUID, str}:
            return CellForm(CellKind.UUID, ("uuid",))
        case SqlNetworkAddress(version=version):
            only = {IPv4Address: 4, IPv6Address: 6}.get(declared, version)
            return CellForm(CellKind.ADDRESS, ("inet",), NO_LIMIT if only is None else only)
        case _:
            return None


def _choose_number(declared: Any, data_type: SqlType) -> CellForm | None:
    match data_type:
        case SqlBoolean():
            return CellForm(CellKind.BOOLEAN, ("bool",))
        case SqlInteger(width=2 | 4 | 8 as width) if declared is int:
            return CellForm(CellKind.INTEGER, (f"int{width}",), width)
        case SqlFloat(width=4 | 8 as width) if declared is float:
            return CellForm(CellKind.FLOAT, (f"float{width}",), width)
        case SqlDecimal(precision=None) if declared is Decimal:
            return CellForm(CellKind.DECIMAL, ("numeric",))
        case SqlDecimal(precision=int(precision), scale=scale) if declared is Decimal:
            return CellForm(CellKind.DECIMAL, ("numeric",), precision - (scale or 0), scale or 0)
        case _:
            return _choose_moment(declared, data_type)


def _choose_moment(declared: Any, data_type: SqlType) -> CellForm | None:
    match data_type:
        case SqlDate() if declared is date:
            return CellForm(CellKind.DATE, ("date",), first=1, last=9999)
        case SqlTimestamp(precision=precision, with_time_zone=True) if declared is datetime:
            # whether a moment of the other years can be stored is left to those who know
            digits = 6 if precision is None else precision
            return CellForm(CellKind.TIMESTAMPTZ, ("timestamptz",), digits, first=1000, last=9899)
        case SqlTimestamp(precision=precision) if declared is datetime:
            digits = 6 if precision is None else precision
            return CellForm(CellKind.TIMESTAMP, ("timestamp",), digits, first=1, last=9999)
        case SqlTime(precision=precision, with_time_zone=False) if declared is time:
            return CellForm(CellKind.TIME, ("time",), 6 if precision is None else precision)
        case _:
            return None
