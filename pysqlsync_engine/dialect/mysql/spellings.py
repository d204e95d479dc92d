"""Which cells of files MySQL and MariaDB store as they are, and what has to be made of others."""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from dataclasses import dataclass, is_dataclass
from datetime import date, datetime, time
from decimal import Decimal
from ipaddress import IPv4Address
from typing import Any
from uuid import UUID

from pysqlsync_engine.data.fitting import is_class
from pysqlsync_engine.data.text import TextColumn
from pysqlsync_engine.dialect.mysql.transfer import TEXT_BYTES, Transfer
from pysqlsync_engine.model.annotations import Unwrapped, key_annotations, unwrap
from pysqlsync_engine.model.data_types import (
    SqlBinary,
    SqlBoolean,
    SqlCharacter,
    SqlDate,
    SqlDecimal,
    SqlFloat,
    SqlInteger,
    SqlLabel,
    SqlNetworkAddress,
    SqlOpaque,
    SqlTime,
    SqlTimestamp,
    SqlType,
    SqlUuid,
    SqlYear,
)

_DAY = "(?:(?!00|1[3-9])[01][0-9]-(?!00|29)[0-2][0-9]|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)"
"""Month and day, most of them by the first alternative; whether there is a 29th of February is left to values."""

_CLOCK = r"(?!2[4-9])[0-2][0-9]:[0-5][0-9]:[0-5][0-9]"
_DATE = rf"[1-9][0-9][0-9][0-9]-{_DAY}"
_RECENT = rf"(?:197[1-9]|19[89][0-9]|20[0-2][0-9]|203[0-7])-{_DAY}"
"""A date that a `TIMESTAMP` holds in any time zone."""

_BYTE = r"(?:1[0-9]{0,2}+|2(?:5[0-5]?+|[0-4][0-9]?+|[6-9]?)|[3-9][0-9]?+|0)"
_HEX = r"[0-9a-fA-F]"
_YEAR = r"(?:19(?:0[1-9]|[1-9][0-9])|20[0-9][0-9]|21(?:[0-4][0-9]|5[0-5]))"
_SPECIAL = re.compile(r"[\x00-\x1f\\\"',;|\x7f]")


@dataclass(frozen=True, slots=True)
class Spelling:
    """
    What becomes of a cell.

    :param cells: Which ones are taken.
    :param cast: SQL for the value of the column, with `{}` for the cell.
    """

    cells: TextColumn
    cast: str = "{}"


def find_spelling(transfer: Transfer, *, is_sure: bool) -> Spelling | None:
    """
    :param is_sure: True to leave cells to values that a server may refuse.
    :returns: What cells of the column a server stores exactly as it would store them as values; `None` if none are to be
        sent as they are.
    """
    declared = _referenced(transfer.declared)
    if declared is None:
        return None
    if is_class(declared.type, enum.Enum) or declared.labels:
        return _label_spelling(transfer)
    if isinstance(transfer.sent, SqlInteger) and declared.type is int:
        return _integer(transfer.sent, is_sure=is_sure)
    spell = _SPELLINGS.get(declared.type)
    return None if spell is None else spell(transfer, transfer.sent)


def _referenced(declared: Unwrapped) -> Unwrapped | None:
    """:returns: What cells hold: for a class that describes another table, its key."""
    if not (is_dataclass(declared.type) and isinstance(declared.type, type)):
        return declared
    keys = tuple(key_annotations(declared.type).values())
    return unwrap(keys[0]) if len(keys) == 1 else None


def plain_labels(transfer: Transfer) -> list[str] | None:
    """:returns: The labels that a cell may be, as far as files spell them as they are; `None` for a column of others."""
    declared = _referenced(transfer.declared)
    known = transfer.sent.labels if isinstance(transfer.sent, SqlLabel) else None
    if declared is not None and is_class(declared.type, enum.Enum):
        labels: Sequence[Any] = [member.value for member in declared.type]
    elif declared is not None and declared.labels:
        labels = declared.labels
    elif known is None:
        return None
    else:
        labels = known
    if not isinstance(transfer.sent, SqlCharacter | SqlLabel):
        return []
    texts = [label for label in labels if isinstance(label, str) and (known is None or label in known)]
    return [label for label in texts if label and not _SPECIAL.search(label)]


def _label_spelling(transfer: Transfer) -> Spelling | None:
    """:returns: The labels themselves, where a cell has the text of one."""
    plain = sorted(map(re.escape, plain_labels(transfer) or ()))
    # a longer one before its beginning, as none is tried again
    return Spelling(TextColumn(f"(?:{'|'.join(reversed(plain))})")) if plain else None


def _text(transfer: Transfer, sent: SqlType) -> Spelling | None:
    if isinstance(sent, SqlLabel):
        return _label_spelling(transfer)
    if not isinstance(sent, SqlCharacter):
        return None
    data_type = transfer.column.data_type
    if isinstance(data_type, SqlOpaque):
        most = TEXT_BYTES.get(data_type.definition)
        return None if most is None else Spelling(TextColumn(max_bytes=most))
    # the server cuts off blanks in silence
    return Spelling(TextColumn(max_characters=sent.limit))


def _boolean(_transfer: Transfer, sent: SqlType) -> Spelling | None:
    if not isinstance(sent, SqlBoolean):
        return None
    return Spelling(TextColumn("(?:true|false|t|f|1|0)"), "({} IN ('1', 't', 'true'))")


def _year(_transfer: Transfer, sent: SqlType) -> Spelling | None:
    return Spelling(TextColumn(_YEAR)) if isinstance(sent, SqlYear) else None


def _integer(sent: SqlInteger, *, is_sure: bool) -> Spelling:
    bits = 8 * sent.width - (1 if sent.signed else 0)
    # with as many digits as the highest number has, some are too high
    digits = len(str((1 << bits) - 1)) - (1 if is_sure else 0)
    return Spelling(TextColumn(f"{'-?' if sent.signed else ''}[0-9]{{1,{digits}}}+"))


def _float(_transfer: Transfer, sent: SqlType) -> Spelling | None:
    return (
        Spelling(TextColumn(r"-?[0-9]{1,17}(?:\.[0-9]{1,20})?(?:e[-+]?[0-9])?")) if isinstance(sent, SqlFloat) else None
    )


def _decimal(_transfer: Transfer, sent: SqlType) -> Spelling | None:
    if not isinstance(sent, SqlDecimal) or sent.precision is None:
        return None
    scale = sent.scale or 0
    whole = sent.precision - scale
    fraction = rf"(?:\.[0-9]{{1,{scale}}})?" if scale else ""
    return Spelling(TextColumn(f"-?[0-9]{{1,{whole}}}{fraction}" if whole else f"-?0{fraction}"))


def _timestamp(_transfer: Transfer, sent: SqlType) -> Spelling | None:
    if not isinstance(sent, SqlTimestamp):
        return None
    clock = f"[ T]{_CLOCK}{_fraction(sent.precision)}"
    if not sent.with_time_zone:
        return Spelling(TextColumn(f"{_DATE}{clock}"))
    # sessions are in UTC
    return Spelling(
        TextColumn(rf"{_RECENT}{clock}(?:Z|\+00(?::00)?)"), "SUBSTRING_INDEX(TRIM(TRAILING 'Z' FROM {}), '+', 1)"
    )


def _fraction(precision: int | None) -> str:
    digits = 6 if precision is None else precision
    return rf"(?:\.[0-9]{{1,{digits}}}+)?+" if digits else ""


def _date(_transfer: Transfer, sent: SqlType) -> Spelling | None:
    return Spelling(TextColumn(_DATE)) if isinstance(sent, SqlDate) else None


def _time(_transfer: Transfer, sent: SqlType) -> Spelling | None:
    if not isinstance(sent, SqlTime):
        return None
    return Spelling(TextColumn(f"{_CLOCK}{_fraction(sent.precision)}"))


def _uuid(transfer: Transfer, sent: SqlType) -> Spelling | None:
    if isinstance(sent, SqlCharacter):
        # text is kept as it is, and values are spelled in lower case
        return Spelling(TextColumn("-".join(f"[0-9a-f]{{{digits}}}+" for digits in (8, 4, 4, 4, 12))))
    cells = TextColumn("-".join(f"{_HEX}{{{digits}}}+" for digits in (8, 4, 4, 4, 12)))
    if isinstance(transfer.column.data_type, SqlBinary):
        return Spelling(cells, "UNHEX(REPLACE({}, '-', ''))")
    return Spelling(cells) if isinstance(sent, SqlUuid) else None


def _binary(transfer: Transfer, sent: SqlType) -> Spelling | None:
    if not isinstance(sent, SqlBinary):
        return None
    data_type = transfer.column.data_type
    limit = data_type.limit if isinstance(data_type, SqlBinary) else None
    if isinstance(data_type, SqlBinary) and data_type.fixed and limit is not None:
        return Spelling(TextColumn(f"{_HEX}{{{2 * limit}}}"), "UNHEX({})")
    return Spelling(TextColumn(f"(?:{_HEX}{_HEX})*", None if limit is None else 2 * limit), "UNHEX({})")


def _address(transfer: Transfer, sent: SqlType) -> Spelling | None:
    cells = TextColumn(rf"{_BYTE}\.{_BYTE}\.{_BYTE}\.{_BYTE}")
    if isinstance(transfer.column.data_type, SqlBinary):
        return Spelling(cells, "INET6_ATON({})")
    return Spelling(cells) if isinstance(sent, SqlCharacter | SqlNetworkAddress) else None


_SPELLINGS: dict[Any, Any] = {
    str: _text,
    bool: _boolean,
    int: _year,
    float: _float,
    Decimal: _decimal,
    datetime: _timestamp,
    date: _date,
    time: _time,
    UUID: _uuid,
    bytes: _binary,
    IPv4Address: _address,
}
"""By the Python type of the values: a type that is missing here has cells that only Python reads as they are meant."""
