"""How values become cells of lines that have no character set, in which the bytes of a value stand for themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any
from uuid import UUID

from pysqlsync_engine.data.fitting import is_class
from pysqlsync_engine.data.hooks import Encode, Hook
from pysqlsync_engine.dialect.mysql.printing import MomentHook
from pysqlsync_engine.dialect.mysql.text_lines import INTEGERS, STRINGS
from pysqlsync_engine.dialect.mysql.transfer import BLOBS, Transfer
from pysqlsync_engine.model.data_types import SqlBinary, SqlNetworkAddress, SqlType, SqlUuid

BYTES = ("varbinary", *BLOBS)

TEXTS = (*STRINGS, "set")

DIGITS = (*TEXTS, *INTEGERS, "decimal", "float", "double", "date", "datetime", "timestamp", "time", "year")
"""Types that are made of digits, which are the same bytes in the character set of text and in none."""


@dataclass(frozen=True, slots=True)
class LineValue:
    """
    How the values of a column are spelled.

    :param hook: Makes integers, text or bytes of them.
    :param types: Those that the column may have on the server.
    """

    hook: Hook
    types: tuple[str, ...]


def choose_values(transfers: Sequence[Transfer]) -> list[LineValue] | None:
    """:returns: How the values of each column are spelled; `None` if those of one have to be read by an expression."""
    chosen = [_choose(transfer) for transfer in transfers]
    return None if None in chosen else [value for value in chosen if value is not None]


def _choose(transfer: Transfer) -> LineValue | None:
    if transfer.lookup is not None:
        # labels that are looked up are text wherever they are
        return LineValue(transfer.hook, ())
    if transfer.cast == "UNHEX({})":
        return _bytes_value(transfer, bytes.fromhex)
    data_type = transfer.column.data_type
    if isinstance(data_type, SqlUuid) and is_class(transfer.declared.type, UUID):
        return _bytes_value(transfer, bytes.fromhex)
    if isinstance(data_type, SqlNetworkAddress):
        return _bytes_value(transfer, lambda text: ip_address(text).packed)
    return None if transfer.is_cast else LineValue(line_hook(transfer.hook), TEXTS if transfer.is_text else DIGITS)


def line_hook(hook: Hook) -> Hook:
    """:returns: The hook, for lines that are spelled by compiled code, which prints moments."""
    return hook.for_lines() if isinstance(hook, MomentHook) else hook


def _bytes_value(transfer: Transfer, convert: Callable[[str], bytes]) -> LineValue:
    """:param convert: Makes bytes of what the hook makes, which has checked the value."""
    inner: Encode = transfer.hook.encode

    def encode(value: Any) -> bytes:
        return convert(inner(value))

    return LineValue(Hook(encode, *_expression(transfer)), (*BYTES, *_own_types(transfer.sent, transfer)))


def _own_types(sent: SqlType, transfer: Transfer) -> tuple[str, ...]:
    match sent:
        case SqlUuid():
            return ("binary(16)", "uuid")
        case SqlNetworkAddress(version=4):
            return ("binary(4)", "inet4")
        case SqlNetworkAddress():
            return ("binary(16)", "inet6")
        case _:
            data_type = transfer.column.data_type
            # a longer one is filled up with zeros
            return (f"binary({data_type.limit})",) if isinstance(data_type, SqlBinary) and data_type.fixed else ()


def _expression(transfer: Transfer) -> tuple[str, tuple[tuple[str, Any], ...]]:
    """:returns: What does without a call for most values, and the names in it."""
    kind: Any = transfer.declared.type
    data_type = transfer.column.data_type
    match transfer.sent:
        case SqlUuid() if kind is UUID:
            return "{v}.int.to_bytes(16) if {v}.__class__ is {kind} else {encode}({v})", (("kind", kind),)
        case SqlNetworkAddress(version=4) if kind is IPv4Address:
            return "{v}.packed if {v}.__class__ is {kind} else {encode}({v})", (("kind", kind),)
        case SqlNetworkAddress(version=6) if kind is IPv6Address:
            test = "{v}.__class__ is {kind} and {v}.scope_id is None"
            return "{v}.packed if " + test + " else {encode}({v})", (("kind", kind),)
        case SqlBinary() if kind is bytes and isinstance(data_type, SqlBinary) and data_type.limit is None:
            return "{v} if {v}.__class__ is bytes else {encode}({v})", ()
        case _:
            return "{encode}({v})", ()
