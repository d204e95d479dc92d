"""How members of enumerations, and labels without a class, get to columns."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

from pysqlsync_engine.data.hooks import Hook, check_text, is_collection, refuse
from pysqlsync_engine.model.annotations import Unwrapped, member_label


def is_enum(kind: Any) -> TypeGuard[type[enum.Enum]]:
    """:returns: True for an enumeration."""
    return isinstance(kind, type) and issubclass(kind, enum.Enum)


def label_hook(kind: type[enum.Enum]) -> Hook:
    """:returns: Hook that takes members of an enumeration, or their labels, and returns labels."""
    names = [member_label(member) for member in kind]
    labels: dict[Any, str] = {**{name: name for name in names}, **{member: member_label(member) for member in kind}}

    def encode(value: Any) -> str:
        if isinstance(value, str | kind) and value in labels:
            return labels[value]
        if isinstance(value, str):
            raise ValueError(f"not a label of {kind.__name__}; expected one of {', '.join(names)}; got")
        raise refuse(value, f"label of {kind.__name__}")

    return Hook(encode, "{labels}[{v}]", (("labels", labels),))


def extensible_hook(kind: type[enum.Enum], limit: int | None = None) -> Hook:
    """:returns: Hook that takes members of an enumeration, or any text, as it may get more labels."""
    known = label_hook(kind).encode

    def encode(value: Any) -> str:
        label = known(value) if isinstance(value, kind) else value
        if not isinstance(label, str):
            raise refuse(value, f"label of {kind.__name__}")
        if limit is not None and len(label) > limit:
            raise ValueError(f"expected at most {limit} characters; got {len(label)}")
        check_text(label)
        return label

    return Hook(encode)


def label_text_hook(labels: Sequence[str]) -> Hook:
    """:returns: Hook for one of some labels that no class stands for."""
    known: Mapping[Any, str] = {label: label for label in labels}

    def encode(value: Any) -> str:
        if not isinstance(value, str):
            raise refuse(value, "label")
        if value not in known:
            raise ValueError(f"expected one of {', '.join(labels)}; got")
        return known[value]

    return Hook(encode, "{labels}[{v}]", (("labels", known),))


def label_set_hook(declared: Unwrapped, labels: Sequence[str]) -> Hook:
    """
    :param declared: Type of the elements.
    :param labels: Those that the column has.
    :returns: Hook that takes a set (or a list) of labels, or their text with commas between, and returns that text, in the order
        of the column.
    """
    encode_label = (label_hook(declared.type) if is_enum(declared.type) else label_text_hook(labels)).encode
    places = {label: place for place, label in enumerate(labels)}

    def encode(value: Any) -> str:
        if isinstance(value, str):
            value = value.split(",") if value else []
        if not is_collection(value):
            raise refuse(value, "set")
        members = {encode_label(element) for element in value}
        unknown = sorted(members - places.keys())
        if unknown:
            raise ValueError(f"expected some of {', '.join(labels)}; got")
        return ",".join(sorted(members, key=places.__getitem__))

    return Hook(encode)
