"""Whether what `Annotated` adds to a type makes sense there."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
from collections.abc import Mapping
from typing import TypeVar

from strong_typing.auxiliary import Alias, Length, MaxLength, Precision, Signed, Storage, TimePrecision

from pysqlsync_engine.errors import DefinitionError
from pysqlsync_engine.formation.inspection import TypeSpec, check_text
from pysqlsync_engine.model.annotations import describe_type
from pysqlsync_engine.model.key_types import IdentityTag, NotEnforcedTag, PrimaryKeyTag, UniqueTag
from pysqlsync_engine.model.type_markers import (
    Backfill,
    Bits,
    Collation,
    Description,
    GeneratedAs,
    NamedType,
    NativeType,
    RenamedFrom,
    ServerDefault,
    TextJson,
    WithTimeZone,
    Year,
)
from pysqlsync_engine.model.vendor_markers import ColumnMarker

T = TypeVar("T")

_KEY_TAGS = (PrimaryKeyTag, UniqueTag, IdentityTag, NotEnforcedTag)
_COLUMN_TAGS = (ServerDefault, GeneratedAs, Collation, RenamedFrom, Backfill, ColumnMarker)
"""What only a column can have, besides its part in keys."""

_SIZE_TAGS = (Length, MaxLength, Precision, Signed, Storage, TimePrecision, WithTimeZone)
_TYPE_TAGS = (*_SIZE_TAGS, Bits, Year, TextJson)
_ALL_TAGS = (*_KEY_TAGS, *_COLUMN_TAGS, *_TYPE_TAGS, NamedType, NativeType, Description, Alias)
_APPLICABLE: Mapping[type, tuple[type, ...]] = {
    int: (Signed, Storage, Year),
    float: (Storage,),
    decimal.Decimal: (Precision,),
    str: (Length, MaxLength, Bits),
    bytes: (Length, MaxLength),
    datetime.datetime: (TimePrecision, WithTimeZone),
    datetime.time: (TimePrecision, WithTimeZone),
    datetime.timedelta: (TimePrecision,),
    dict: (TextJson,),
    list: (TextJson,),
    set: (TextJson,),
}


def find_tag(spec: TypeSpec, kind: type[T], place: str) -> T | None:
    """
    :returns: The tag of that kind; `None` if the type has none.
    :raises DefinitionError: if it has several that differ.
    """
    found = [tag for tag in spec.tags if isinstance(tag, kind)]
    if any(tag != found[0] for tag in found):
        listed = " and ".join(map(repr, found))
        raise DefinitionError(f"{place}: {listed} contradict each other; keep one of them")
    return found[0] if found else None


def find_tags(spec: TypeSpec, kind: type[T]) -> tuple[T, ...]:
    """:returns: All tags of that kind, from the outside in."""
    return tuple(tag for tag in spec.tags if isinstance(tag, kind))


def check_tags(spec: TypeSpec, place: str) -> None:
    """
    Check that each known tag says something of the type that it is attached to.

    Other tags are ignored: those of other libraries, and `IntegerRange` and `MinLength`, which no data type enforces.

    :raises DefinitionError: if one does not.
    """
    for tag in spec.tags:
        if isinstance(tag, type):
            if issubclass(tag, _ALL_TAGS):
                raise DefinitionError(f"{place}: {tag.__name__} is a class, not a tag; write {tag.__name__}(...)")
        elif isinstance(tag, _TYPE_TAGS):
            _check_type_tag(tag, spec, place)
        elif isinstance(tag, ColumnMarker):
            if tag.applies_to and spec.type not in tag.applies_to:
                raise _inapplicable(tag, describe_type(spec.type), place)
        elif isinstance(tag, (*_COLUMN_TAGS, NamedType, NativeType, Description)):
            _check_texts(tag, place)
    if spec.native is not None and spec.domain is not None:
        name = spec.domain.type.__name__
        raise DefinitionError(f"{place}: NativeType and the domain {name} contradict each other; keep one of them")
    native, named = find_tag(spec, NativeType, place), find_tag(spec, NamedType, place)
    if native is not None and named is not None:
        raise DefinitionError(f"{place}: {native!r} and {named!r} contradict each other; keep one of them")
    find_tag(spec, Description, place)


def check_no_key_tags(spec: TypeSpec, place: str, *, where: str) -> None:
    """
    :param where: What the type is part of, for the message: `the elements of a list`.
    :raises DefinitionError: if the type has a tag that only the field of a table can have.
    """
    for tag in spec.tags:
        if isinstance(tag, (*_KEY_TAGS, *_COLUMN_TAGS)):
            name = type(tag).__name__.removesuffix("Tag")
            raise DefinitionError(f"{place}: {name} does not apply to {where}; remove it, or tag the field of a table")


def _check_type_tag(tag: object, spec: TypeSpec, place: str) -> None:
    if spec.domain is not None:
        raise _inapplicable(tag, f"the domain {spec.domain.type.__name__}", place)
    if spec.native is not None:
        raise DefinitionError(
            f"{place}: {tag!r} and NativeType({spec.native!r}) contradict each other; keep one of them"
        )
    is_struct = isinstance(tag, TextJson) and spec.data_class is not None
    if spec.labels or not (is_struct or isinstance(tag, _applicable(spec.type))):
        raise _inapplicable(tag, "a Literal" if spec.labels else describe_type(spec.type), place)
    if isinstance(tag, Bits | Year):
        for other in spec.tags:
            if isinstance(other, _SIZE_TAGS):
                raise DefinitionError(f"{place}: {tag!r} and {other!r} contradict each other; keep one of them")


def _applicable(python_type: object) -> tuple[type, ...]:
    return _APPLICABLE.get(python_type, ()) if isinstance(python_type, type) else ()


def _inapplicable(tag: object, type_name: str, place: str) -> DefinitionError:
    return DefinitionError(f"{place}: {tag!r} does not apply to {type_name}; remove it")


def _check_texts(tag: object, place: str) -> None:
    """Check SQL texts, names and comments for what no server can have."""
    for field in dataclasses.fields(tag):  # type: ignore[arg-type]  # all of them are data-classes
        text = getattr(tag, field.name)
        if isinstance(text, str):
            check_text(text, f"{place}: {field.name} of {type(tag).__name__}")
            if not text.strip() and not isinstance(tag, Description):
                raise DefinitionError(
                    f"{place}: {type(tag).__name__} has an empty {field.name}; give one, or remove it"
                )
