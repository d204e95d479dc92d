"""What the annotation of a value in a row says; what annotations say of tables is in `formation.inspection`."""

from __future__ import annotations

import dataclasses
import types
import typing
from dataclasses import dataclass
from typing import Any

from pysqlsync_engine.model.key_types import PrimaryKeyTag


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


def find_tag(tags: tuple[Any, ...], kind: type) -> Any:
    """:returns: The outermost tag of a kind, or `None`."""
    return next((tag for tag in tags if isinstance(tag, kind) or tag is kind), None)


def member_annotations(cls: type) -> dict[str, Any]:
    """
    :returns: Annotation of each field of a data-class, in order.
    :raises TypeError: if an annotation names what cannot be found.
    """
    try:
        hints = typing.get_type_hints(cls, include_extras=True)
    except NameError as error:
        raise TypeError(f"class {cls.__name__}: {error}; import the name in the module of the class") from error
    return {field.name: hints[field.name] for field in dataclasses.fields(cls)}


def key_annotations(cls: type) -> dict[str, Any]:
    """:returns: Annotation of each field that is part of the primary key; empty for a class without a key."""
    return {
        name: annotation
        for name, annotation in member_annotations(cls).items()
        if find_tag(unwrap(annotation).tags, PrimaryKeyTag) is not None
    }
