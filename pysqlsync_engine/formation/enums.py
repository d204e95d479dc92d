"""How enumerations are stored: as types of their own, as lookup tables, or as text with a check."""

from __future__ import annotations

import enum

from pysqlsync_engine.capabilities import Capabilities
from pysqlsync_engine.errors import DefinitionError, UnsupportedError
from pysqlsync_engine.formation.inspection import class_description
from pysqlsync_engine.formation.names import constraint_name
from pysqlsync_engine.model.data_types import SqlCharacter, SqlInteger
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.object_types import (
    Column,
    EnumType,
    IdentityMode,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
)
from pysqlsync_engine.options import EnumMode

LOOKUP_KEY = LocalId("id")
LOOKUP_VALUE = LocalId("value")
LOOKUP_KEY_TYPE = SqlInteger(4)
"""Of the key of a lookup table, and of each column that refers to one."""


def select_enum_mode(requested: EnumMode | None, capabilities: Capabilities, place: str) -> EnumMode:
    """
    :param requested: What the user asked for; `None` takes what suits the server best.
    :returns: How enumerations are stored.
    :raises UnsupportedError: if this server cannot store them so.
    """
    if requested is None:
        return capabilities.enum_modes[0]
    if requested not in capabilities.enum_modes:
        listed = ", ".join(f"EnumMode.{mode.name}" for mode in capabilities.enum_modes)
        raise UnsupportedError(
            f"{place}: {capabilities.version} cannot store an enumeration as EnumMode.{requested.name}; use one of {listed}"
        )
    return requested


def enum_labels(cls: type[enum.Enum]) -> tuple[str, ...]:
    """
    :returns: Values of the members, in order of definition.
    :raises DefinitionError: if there are none, or one that cannot be a label.
    """
    labels: list[str] = []
    for member in cls:
        if not isinstance(member.value, str):
            raise DefinitionError(
                f"{cls.__name__}.{member.name}: expected a value of type str, which becomes the label; got {member.value!r}"
            )
        if "\0" in member.value:
            raise DefinitionError(
                f"{cls.__name__}.{member.name}: label {member.value!r} has a NUL character; remove it"
            )
        labels.append(str(member.value))
    if not labels:
        raise DefinitionError(f"class {cls.__name__}: enumeration has no members; add one")
    return tuple(labels)


def form_enum(cls: type[enum.Enum], name: QualifiedId, capabilities: Capabilities) -> EnumType:
    """
    :returns: The type that the enumeration becomes; where types are inline, lowering puts it in place of its name.
    :raises DefinitionError: if a label is longer than the server permits.
    """
    labels = enum_labels(cls)
    for label in labels:
        size = len(label.encode())
        if size > capabilities.max_identifier_bytes:
            raise DefinitionError(
                f"class {cls.__name__}: label {label!r} has {size} bytes, the server permits"
                f" {capabilities.max_identifier_bytes}; shorten it, or use EnumMode.CHECK or EnumMode.RELATION"
            )
    return EnumType(name, labels, class_description(cls))


def form_lookup(cls: type[enum.Enum], name: QualifiedId, capabilities: Capabilities) -> Table:
    """:returns: The lookup table that the enumeration becomes: a number for each label."""
    limit = capabilities.max_identifier_bytes
    unique = constraint_name("uq", name.name, LOOKUP_VALUE.name, max_bytes=limit)
    return Table(
        name,
        columns=(
            Column(LOOKUP_KEY, LOOKUP_KEY_TYPE, identity=IdentityMode.BY_DEFAULT),
            Column(LOOKUP_VALUE, SqlCharacter()),
        ),
        primary_key=PrimaryKeyConstraint(LocalId(constraint_name("pk", name.name, max_bytes=limit)), (LOOKUP_KEY,)),
        constraints=(UniqueConstraint(LocalId(unique), (LOOKUP_VALUE,)),),
        description=class_description(cls),
        labels=enum_labels(cls),
    )
