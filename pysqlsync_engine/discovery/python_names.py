"""Python names for database objects: how they follow from the names in the database."""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from typing import Literal, TypeAlias

from pysqlsync_engine.discovery.python_text import is_plain, width
from pysqlsync_engine.model import vendor_markers

ClassNames: TypeAlias = Literal["camel", "verbatim"]
"""How classes are called: `order_items` is `OrderItems`, or as in the database wherever Python permits."""

MAX_COLUMNS_OF_NAME = 60
"""Longest name, in columns of a terminal, so that a field and a short type fit on a line."""

RESERVED = frozenset(
    {
        *("bool", "bytes", "float", "int", "list", "set", "str"),
        *("Annotated", "Decimal", "Enum", "IPv4Address", "IPv6Address", "JsonType", "Literal", "NewType", "Optional"),
        *("StrictJsonType", "UUID", "dataclass", "datetime", "self"),
        *("Alias", "Length", "MaxLength", "Precision", "Signed", "Storage", "TimePrecision", "float32"),
        *("int8", "int16", "int32", "uint8", "uint16", "uint32", "uint64"),
        *("AwareDatetime", "AwareTime", "Bits", "Collation", "Description", "GeneratedAs", "NamedType", "NativeType"),
        *("ServerDefault", "TextJson", "Year"),
        *("Identity", "IdentityMode", "IdentityTag", "PrimaryKey", "Deferrability", "ReferentialAction"),
        *("Check", "DomainDeclaration", "Exclusion", "IndexKey", "IndexOf", "KeyOf", "References", "TableDeclaration"),
        *("TableName", "TypeDeclaration", "UniqueOf", "declare_domain"),
        *(name for name, value in vars(vendor_markers).items() if isinstance(value, type)),
    }
)
"""What a module may import or use by itself."""

_UNFIT = re.compile(r"[^\w]+|_+$|^_+")
_WORD_BREAK = re.compile(r"[^\w]+|_+")


def is_python_name(name: str) -> bool:
    """:returns: True if the name can be written in Python as it is, and means the same there."""
    return (
        name.isidentifier()
        and not keyword.iskeyword(name)
        and not name.startswith("_")
        and unicodedata.normalize("NFKC", name) == name
        and re.fullmatch(r"\w+", name) is not None
        and all(character.isascii() or is_plain(character) for character in name)
        and width(name) <= MAX_COLUMNS_OF_NAME
    )


def choose_field_names(columns: Iterable[str], taken: Collection[str]) -> dict[str, str]:
    """
    Choose the names of the fields of a class.

    :param columns: Names of the columns, in order.
    :param taken: Names that mean something else in the body of the class.
    :returns: Name of the field for each column, distinct: the column's, where Python permits; `class_` for a word that Python
        reserves.
    """
    names = list(columns)
    chosen: dict[str, str] = {}
    for name in names:
        if keyword.iskeyword(name):
            chosen[name] = f"{name}_"
        elif is_python_name(name) and name not in taken and not keyword.iskeyword(name.removesuffix("_")):
            chosen[name] = name
    used = {*chosen.values(), *taken}
    for name in names:
        if name not in chosen:
            stem = _stem(name, "field")
            chosen[name] = distinct(f"{stem}_" if stem in taken else stem, used, separator="_")
            used.add(chosen[name])
    return {name: chosen[name] for name in names}


def keeps_name(field_name: str, column: str) -> bool:
    """:returns: True if the column of a field is called so without an `Alias`."""
    bare = field_name.removesuffix("_")
    return (bare if keyword.iskeyword(bare) else field_name) == column


def choose_class_names(
    names: Iterable[tuple[str, str]], *, style: ClassNames, taken: Collection[str]
) -> dict[str, str]:
    """
    Choose the names of the classes of a module.

    :param names: Name of each object, distinct, with what it is (`Table`) to tell it from another; the first get the best.
    :param taken: Names that mean something else in the module.
    :returns: Name of the class for each object, distinct.
    """
    used = set(taken)
    chosen: dict[str, str] = {}
    pairs = list(names)
    wanted = {name: camel(name) if style == "camel" else _stem(name, "table") for name, _ in pairs}
    for name, stem in wanted.items():
        # an object whose name is that of a class already keeps it, whoever comes first
        if name == stem and _is_class_name(name, used):
            chosen[name] = name
            used.add(name)
    for name, kind in pairs:
        if name not in chosen:
            stem = wanted[name]
            other = f"{stem}{kind}" if style == "camel" else f"{stem}_"
            fitting = stem if _is_class_name(stem, used) else other
            chosen[name] = distinct(fitting, used, separator="" if style == "camel" else "_")
            used.add(chosen[name])
    return {name: chosen[name] for name, _ in pairs}


def camel(name: str) -> str:
    """:returns: `OrderItems` for `order_items`; a name that is of that kind already stays as it is."""
    words = [word for word in _WORD_BREAK.split(_normal(name)) if word]
    joined = "".join(word[:1].upper() + word[1:] for word in words)
    return _cut(joined if joined[:1].isidentifier() else f"Object{joined}")


def choose_member_names(labels: Iterable[str]) -> dict[str, str]:
    """:returns: Name of the member of an enumeration for each label, distinct."""
    used: set[str] = set()
    chosen: dict[str, str] = {}
    for label in labels:
        stem = _normal(_UNFIT.sub("_", _normal(label).upper())).strip("_")
        stem = _cut(stem if stem[:1].isidentifier() else f"LABEL_{stem}".rstrip("_"))
        chosen[label] = distinct(stem, used, separator="_")
        used.add(chosen[label])
    return chosen


def distinct(name: str, used: Collection[str], *, separator: str) -> str:
    """:returns: The name, with a number if others use it, or if it is reserved."""
    number, candidate = 1, name
    while candidate in used or candidate in RESERVED or keyword.iskeyword(candidate):
        number += 1
        candidate = f"{name}{separator}{number}"
    return candidate


def by_last_part(modules: Iterable[str]) -> Mapping[str, str]:
    """:returns: For each module the name by which others know it once they have imported it: the last part, distinct."""
    used: set[str] = set()
    chosen: dict[str, str] = {}
    for module in modules:
        chosen[module] = distinct(module.rpartition(".")[2], used, separator="_")
        used.add(chosen[module])
    return chosen


def _is_class_name(name: str, used: Collection[str]) -> bool:
    return is_python_name(name) and name not in used and name not in RESERVED


def _stem(name: str, prefix: str) -> str:
    stem = _cut(_UNFIT.sub("_", _normal(name)).strip("_"))
    return stem if stem[:1].isidentifier() else f"{prefix}_{stem}".rstrip("_")


def _normal(name: str) -> str:
    """:returns: The name with letters and digits as Python reads them, and a blank for what can be in no name."""
    normal = unicodedata.normalize("NFKC", name)
    return "".join(
        character if character.isascii() or (is_plain(character) and f"a{character}".isidentifier()) else " "
        for character in normal
    )


def _cut(name: str) -> str:
    while width(name) > MAX_COLUMNS_OF_NAME:
        name = name[:-1]
    return name.rstrip("_")
