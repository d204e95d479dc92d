"""Hooks for values of types that only MySQL and MariaDB have."""

from __future__ import annotations

import enum
from collections.abc import Collection, Sequence
from collections.abc import Set as AbstractSet
from ipaddress import ip_address, ip_interface
from typing import Any, TypeGuard

from pysqlsync_engine.data.fitting import is_class, label_hook
from pysqlsync_engine.data.hooks import Encode, Hook, integer_hook, refuse
from pysqlsync_engine.model.annotations import Unwrapped

FIRST_YEAR, LAST_YEAR = 1901, 2155
"""https://dev.mysql.com/doc/refman/8.4/en/year.html"""


def labels_hook(kind: Any, labels: Sequence[str]) -> Hook:
    """
    :param labels: Those that the column permits.
    :returns: Hook that takes members of an enumeration, or labels, and returns labels. The server would take another text
        that is a number for the position of a label.
    """
    inner: Encode | None = label_hook(kind).encode if is_class(kind, enum.Enum) else None
    known = frozenset(labels)

    def encode(value: Any) -> str:
        label = value if inner is None else inner(value)
        if not isinstance(label, str):
            raise refuse(value, "label")
        if label not in known:
            raise ValueError(f"not a label of the column; expected one of {', '.join(labels)}; got")
        return label

    return Hook(encode)


def label_set_hook(declared: Unwrapped, labels: Sequence[str]) -> Hook:
    """:returns: Hook that takes a set, or a list, of what `labels_hook` takes, and returns labels in order, with commas."""
    element = declared.arguments[0] if declared.arguments else str
    inner = labels_hook(element, labels).encode

    def encode(value: Any) -> str:
        if not _is_collection(value):
            raise refuse(value, "set of labels")
        members: set[str] = {inner(member) for member in value}
        return ",".join(label for label in labels if label in members)

    return Hook(encode)


def _is_collection(value: Any) -> TypeGuard[Collection[Any]]:
    return isinstance(value, AbstractSet | list | tuple)


def address_hook(version: int | None, *, as_text: bool = True) -> Hook:
    """
    :param version: 4 or 6; `None` for either, with an optional netmask.
    :param as_text: True to return text, false for an object with the bytes in `packed`.
    """

    def encode(value: Any) -> Any:
        text = str(value)
        if not isinstance(value, str) and type(value).__module__ != "ipaddress":
            raise refuse(value, "network address")
        try:
            address = ip_interface(text) if version is None and "/" in text else ip_address(text)
        except ValueError:
            raise ValueError("cannot encode str as network address") from None
        if version is not None and address.version != version:
            raise ValueError(f"expected an address of version {version}; got")
        if getattr(address, "scope_id", None):
            raise ValueError("cannot store the zone of an address")
        return str(address) if as_text else address

    return Hook(encode)


def year_hook() -> Hook:
    """:returns: Hook for a year; the server would take one of two digits for another."""
    inner = integer_hook(4).encode

    def encode(value: Any) -> str:
        year: int = inner(value)
        if year != 0 and not FIRST_YEAR <= year <= LAST_YEAR:
            raise ValueError(f"expected a year, {FIRST_YEAR} to {LAST_YEAR}; got")
        return f"{year:04d}"

    return Hook(encode)
