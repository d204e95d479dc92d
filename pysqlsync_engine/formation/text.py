"""Text of a catalog that no server can be told: a literal or a comment ends at a NUL character, or is refused without its place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass

from pysqlsync_engine.errors import DefinitionError
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.object_types import Catalog, Column, Constraint, Index, StructMember


def check_text(catalog: Catalog) -> None:
    """
    Check labels, comments and expressions of all objects; for names see `check_names`.

    :param catalog: As formed.
    :raises DefinitionError: if one has a NUL character; names the object.
    """
    for namespace in catalog.namespaces:
        for subject in (*namespace.enums, *namespace.structs, *namespace.domains, *namespace.tables):
            for place, text in _texts(subject, subject.name.display):
                if "\0" in text:
                    raise DefinitionError(f"{place} {text!r} has a NUL character; remove it")


def _texts(subject: object, place: str, field: str = "") -> Iterator[tuple[str, str]]:
    """:returns: All texts in an object but names, each with the words for where it is."""
    match subject:
        case str():
            yield f"{place}: {field}", subject
        case tuple() | frozenset():
            for item in subject:  # pyright: ignore[reportUnknownVariableType] - of whatever the model holds
                yield from _texts(item, place, field)  # pyright: ignore[reportUnknownArgumentType]
        case LocalId() | QualifiedId() | type():
            return
        case _ if is_dataclass(subject):
            if isinstance(subject, Column | StructMember | Constraint | Index):
                place = f"{place}.{subject.name.name}"
            for each in fields(subject):
                yield from _texts(getattr(subject, each.name), place, each.name)
        case _:
            return
