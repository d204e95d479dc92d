"""Names for classes, fields and members that follow from those in a JSON Schema document."""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Iterator

_STRUCTURE = frozenset(
    {"properties", "items", "oneOf", "anyOf", "allOf", "additionalProperties", "definitions", "$defs"}
)
"""Parts of a pointer that are keywords rather than names."""


class Names:
    """Names that have been given; each is given once."""

    def __init__(self) -> None:
        self._given: set[str] = set()

    def choose(self, wanted: str) -> str:
        """:returns: The name; with a number behind it if it has been given already: `Status2`."""
        name, number = wanted, 1
        while name in self._given:
            number += 1
            name = f"{wanted}{'' if wanted[-1:].isalpha() else '_'}{number}"
        self._given.add(name)
        return name


def identifier(text: str) -> str:
    """:returns: The text, with what no name in Python can have replaced by underscores: `reply-to` is `reply_to`."""
    name = unicodedata.normalize("NFKC", text)
    # a character may be fit for a name without being a letter or a digit to `re`, and the other way round
    name = "".join(letter if f"_{letter}".isidentifier() else "_" for letter in name)
    if name.startswith("__") and name.endswith("__"):
        name = name.strip("_")
    if not name or not name[0].isidentifier():
        name = f"_{name}"
    return f"{name}_" if keyword.iskeyword(name) else name


def member_name(label: str) -> str:
    """:returns: Name for the member of an enumeration: `in-progress` is `IN_PROGRESS`."""
    name = identifier(label.upper()).strip("_")
    if not name:
        return "EMPTY" if not label else "LABEL"
    return name if name[0].isidentifier() else f"LABEL_{name}"


def class_name(pointer: str, root_name: str) -> str:
    """
    :param pointer: Where the schema is.
    :param root_name: Of the document as a whole.
    :returns: Name of the definition, with the properties that lead from there: `#/definitions/Order/properties/ship-to` is
        `OrderShipTo`.
    """
    parts = list(_parts(pointer))
    if parts[:2] == ["components", "schemas"]:
        parts = parts[1:]
    if parts[:1] and parts[0] in {"definitions", "$defs", "schemas"}:
        first, rest = parts[1] if len(parts) > 1 else root_name, parts[2:]
    else:
        first, rest = root_name, parts
    steps = [part for part in rest if part not in _STRUCTURE and not part.isdecimal()]
    return first if not steps else identifier(first) + "".join(map(_capitalize, steps))


def _parts(pointer: str) -> Iterator[str]:
    for part in pointer.split("/")[1:]:
        yield part.replace("~1", "/").replace("~0", "~")


def _capitalize(text: str) -> str:
    words = re.split(r"[\W_]+", text)
    return "".join(word[:1].upper() + word[1:] for word in words)
