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
from pysqlsync_engine.model.declarations import domain_declaration, table_declaration
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
class Peeled:
    """
    An annotation without what is around it.

    :param core: Neither `Annotated`, nor `X | None`, nor an alias, nor a `NewType` unless that is a domain.
    :param tags: What `Annotated` adds, from the outside in.
    :param optional: True if the value may be `None`.
    """

    core: Any
    tags: tuple[Any, ...] = ()
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Unwrapped:
    """
    What the values of an annotation are.

    :param type: A class; or `Any` if every value is permitted.
    :param tags: What `Annotated` adds, from the outside in.
    :param arguments: Types that the class was subscripted with: of the elements of a list.
    :param labels: The strings of a `Literal`; empty for other types.
    :param extends: For an enumeration that may get more labels (`State | str`), the enumeration; the type is then `str`.
    """

    type: Any
    tags: tuple[Any, ...] = ()
    arguments: tuple[Any, ...] = ()
    labels: tuple[str, ...] = ()
    extends: type[enum.Enum] | None = None


def peel(annotation: Any) -> Peeled:
    """:returns: The annotation without what is around it."""
    tags: list[Any] = []
    optional = False
    while (inner := _peel_once(annotation)) is not None:
        annotation, has_none = inner.core, inner.optional
        tags.extend(inner.tags)
        optional = optional or has_none
    return Peeled(annotation, tuple(tags), optional)


def _peel_once(annotation: Any) -> Peeled | None:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return Peeled(annotation.__origin__, annotation.__metadata__)
    if origin in {typing.Union, types.UnionType}:
        others = tuple(argument for argument in arguments if argument is not types.NoneType)
        return Peeled(typing.Union[others], (), optional=True) if len(others) < len(arguments) else None  # noqa: UP007 - built at run time
    if origin is typing.Literal and None in arguments:
        present = tuple(argument for argument in arguments if argument is not None)
        return Peeled(typing.Literal[present], (), optional=True) if present else None
    if isinstance(annotation, typing.NewType):
        return None if domain_declaration(annotation) is not None else Peeled(annotation.__supertype__)
    if type(annotation).__name__ == "TypeAliasType":
        return Peeled(annotation.__value__)
    return None


def domain_base(new_type: typing.NewType) -> Any:
    """:returns: Annotation of the values of a domain: what it declares, else what it derives from."""
    declaration = domain_declaration(new_type)
    if declaration is None or declaration.base is None:
        return new_type.__supertype__
    return _look_up(declaration.base, new_type) if isinstance(declaration.base, str) else declaration.base


def _look_up(text: str, new_type: typing.NewType) -> Any:
    """
    :param text: Annotation of the values of a domain, with full names where they are of other modules.
    :raises DefinitionError: if it names what cannot be found.
    """
    modules = {name: module for name, module in sys.modules.items() if "." not in name}
    names = {**modules, **_COMMON_NAMES, **vars(sys.modules.get(new_type.__module__, types))}
    holder = types.SimpleNamespace(__annotations__={"base": text})
    try:
        return typing.get_type_hints(holder, globalns=names, include_extras=True)["base"]
    except (AttributeError, NameError, SyntaxError, TypeError) as error:
        raise DefinitionError(
            f"type {new_type.__name__}: base {text!r} cannot be evaluated ({error}); correct the declaration of the domain"
        ) from error


def literal_labels(core: Any) -> tuple[str, ...]:
    """:returns: The labels of a `Literal` of strings; empty for all other types."""
    arguments = typing.get_args(core)
    is_text = typing.get_origin(core) is typing.Literal and all(isinstance(argument, str) for argument in arguments)
    return arguments if is_text else ()


def extended_enum(core: Any) -> type[enum.Enum] | None:
    """:returns: The enumeration of `State | str`, which may get more labels; `None` for all other types."""
    members = typing.get_args(core) if typing.get_origin(core) in {typing.Union, types.UnionType} else ()
    if len(members) != 2 or str not in members:
        return None
    return next((member for member in members if isinstance(member, type) and issubclass(member, enum.Enum)), None)


def unwrap(annotation: Any) -> Unwrapped:
    """:returns: What remains of an annotation without `Annotated`, `X | None`, `Literal` and `NewType`."""
    peeled = peel(annotation)
    return dataclasses.replace(inner := _unwrap_core(peeled.core), tags=(*peeled.tags, *inner.tags))


def _unwrap_core(core: Any) -> Unwrapped:
    origin, arguments = typing.get_origin(core), typing.get_args(core)
    if isinstance(core, typing.NewType):
        return unwrap(domain_base(core))
    if labels := literal_labels(core):
        return Unwrapped(str, labels=labels)
    if (extended := extended_enum(core)) is not None:
        return Unwrapped(str, extends=extended)
    if origin is typing.Literal:
        kinds: set[Any] = {type(argument) for argument in arguments}
        return Unwrapped(kinds.pop()) if len(kinds) == 1 else Unwrapped(Any)
    if origin in {typing.Union, types.UnionType}:
        return Unwrapped(Any)
    if origin is not None:
        return Unwrapped(origin, (), arguments)
    return Unwrapped(core if isinstance(core, type) and core is not object else Any)


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
