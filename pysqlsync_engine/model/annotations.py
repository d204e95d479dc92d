"""What annotations say: of the values in rows; what they say of tables as well is in `formation.inspection`."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import inspect
import keyword
import sys
import types
import typing
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from strong_typing import auxiliary, core

from pysqlsync_engine.errors import DefinitionError
from pysqlsync_engine.model import key_types, type_markers
from pysqlsync_engine.model.declarations import table_declaration
from pysqlsync_engine.model.key_types import PrimaryKeyTag

_COMMON_NAMES: Mapping[str, Any] = {
    "typing": typing,
    **{name: getattr(typing, name) for name in ("Annotated", "Any", "ClassVar", "Optional", "Union")},
    "datetime": datetime.datetime,
    **{name: getattr(datetime, name) for name in ("date", "time", "timedelta")},
    "Decimal": decimal.Decimal,
    "UUID": uuid.UUID,
    **{
        name: value
        for module in (auxiliary, core, key_types, type_markers)
        for name, value in vars(module).items()
        if not name.startswith("_")
    },
}
"""
What a type written as a string may name although the module of its class does not.

A class made by `make_dataclass` on Python 3.11 has no module of its own, and recursive type aliases of `strong_typing` name
themselves.
"""


@dataclass(frozen=True, slots=True)
class Unwrapped:
    """
    An annotation without its wrappings.

    :param type: A class; or `Any` if every value is permitted.
    :param tags: What `Annotated` adds, from the outside in.
    :param arguments: Types that the class was subscripted with: of the elements of a list.
    """

    type: Any
    tags: tuple[Any, ...] = ()
    arguments: tuple[Any, ...] = ()


def unwrap(annotation: Any) -> Unwrapped:
    """:returns: What remains of an annotation without `Annotated`, `X | None`, `Literal` and `NewType`."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        inner = unwrap(arguments[0])
        return Unwrapped(inner.type, (*arguments[1:], *inner.tags), inner.arguments)
    if origin in (typing.Union, types.UnionType):
        present = [argument for argument in arguments if argument is not types.NoneType]
        return unwrap(present[0]) if len(present) == 1 else Unwrapped(Any)
    if origin is typing.Literal:
        kinds: set[Any] = {type(argument) for argument in arguments if argument is not None}
        return Unwrapped(kinds.pop()) if len(kinds) == 1 else Unwrapped(Any)
    if isinstance(annotation, typing.NewType):
        return unwrap(annotation.__supertype__)
    if type(annotation).__name__ == "TypeAliasType":
        return unwrap(annotation.__value__)
    if origin is not None:
        return Unwrapped(origin, (), arguments)
    return Unwrapped(annotation if isinstance(annotation, type) and annotation is not object else Any)


def member_label(member: enum.Enum) -> str:
    """
    :returns: What stands for a member of an enumeration in the database: its value if that is text, else its name. Other
        values (numbers, data-class instances) are Python's own, and may change without a change of the database.
    """
    return str(member.value) if isinstance(member.value, str) else member.name


def find_tag(tags: tuple[Any, ...], kind: type) -> Any:
    """:returns: The outermost tag of a kind, or `None`."""
    return next((tag for tag in tags if isinstance(tag, kind) or tag is kind), None)


def column_name(field_name: str, tags: Iterable[object]) -> str:
    """
    Derive the name of a column.

    :returns: The name given by `Alias`; else the field's, without the underscore that keeps it apart from a word which
        Python reserves: `from_` is `from`, but `id_` is `id_`.
    """
    for tag in tags:
        if isinstance(tag, auxiliary.Alias):
            return tag.name
    bare = field_name.removesuffix("_")
    return bare if keyword.iskeyword(bare) else field_name


def member_annotations(cls: type) -> dict[str, Any]:
    """
    :returns: Annotation of each field of a data-class, in order.
    :raises DefinitionError: if an annotation names what cannot be found.
    """
    return {field.name: resolve_annotation(cls, field) for field in dataclasses.fields(cls)}


def key_annotations(cls: type) -> dict[str, Any]:
    """:returns: Annotation of each field that is part of the primary key, in key order; empty for a class without a key."""
    annotations = member_annotations(cls)
    declaration = table_declaration(cls)
    if declaration is not None and declaration.primary_key is not None:
        return {name: annotations[name] for name in declaration.primary_key.fields}
    return {
        name: annotation
        for name, annotation in annotations.items()
        if find_tag(unwrap(annotation).tags, PrimaryKeyTag) is not None
    }


def resolve_annotation(cls: type, field: dataclasses.Field[Any]) -> Any:
    """
    :param field: Of the class or one of its bases.
    :returns: The type of the field, with names in strings replaced by what they stand for where the field was written.
    :raises DefinitionError: if a name cannot be found, or the annotation makes no sense.
    """
    owner = next((base for base in cls.__mro__ if field.name in inspect.get_annotations(base)), cls)
    names = {
        **_COMMON_NAMES,
        **{name: value for name, value in vars(owner).items() if isinstance(value, type)},
        **vars(sys.modules.get(owner.__module__, types)),
        owner.__name__: owner,
    }
    holder = types.SimpleNamespace(__annotations__={field.name: field.type})
    try:
        return typing.get_type_hints(holder, globalns=names, include_extras=True)[field.name]
    except NameError as error:
        raise DefinitionError(
            f"{cls.__name__}.{field.name}: type {_written(field)} names {error.name!r}, {_remedy(owner)}"
        ) from error
    except (AttributeError, SyntaxError, TypeError) as error:
        raise DefinitionError(
            f"{cls.__name__}.{field.name}: type {_written(field)} cannot be evaluated ({error}); correct the annotation"
        ) from error


def _remedy(owner: type) -> str:
    if is_homeless(owner):
        return (
            "but the class has no module in which to look it up; give the type itself instead of a string, or pass"
            " namespace={'__module__': __name__} to make_dataclass"
        )
    return (
        f"which module {owner.__module__!r} does not have at run time; define or import it at the top level of the module,"
        " not in a function and not under TYPE_CHECKING"
    )


def _written(field: dataclasses.Field[Any]) -> str:
    return repr(field.type) if isinstance(field.type, str) else describe_type(field.type)


def is_homeless(cls: type | typing.NewType) -> bool:
    """:returns: True if the class does not tell which module it belongs to, as it was made by a function."""
    return cls.__module__ == types.__name__


def describe_type(annotation: object) -> str:
    """:returns: The type as a person writes it: `str`, `list[int]`."""
    if isinstance(annotation, type) and not typing.get_args(annotation):
        return annotation.__name__
    return str(annotation).replace("typing.", "")
