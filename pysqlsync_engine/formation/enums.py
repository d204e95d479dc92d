"""How enumerations are stored: as types of their own, as lookup tables, or as text with a check."""

from __future__ import annotations

import enum

from pysqlsync_engine.capabilities import Capabilities
from pysqlsync_engine.errors import DefinitionError
from pysqlsync_engine.formation.inspection import class_description
from pysqlsync_engine.formation.names import object_name
from pysqlsync_engine.model.annotations import member_label
from pysqlsync_engine.model.data_types import SqlCharacter, SqlInteger
from pysqlsync_engine.model.declarations import TypeDeclaration, type_declaration
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.object_types import (
    Column,
    EnumType,
    IdentityMode,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
)

LOOKUP_KEY = LocalId("id")
LOOKUP_VALUE = LocalId("value")
LOOKUP_KEY_TYPE = SqlInteger(4)
"""Of the key of a lookup table, and of each column that refers to one."""


def enum_labels(cls: type[enum.Enum]) -> tuple[str, ...]:
    """
    :returns: Label of each member, in order of definition; see `member_label`.
    :raises DefinitionError: if there are none, or one that cannot be a label.
    """
    owners: dict[str, enum.Enum] = {}
    for member in cls:
        label = member_label(member)
        if "\0" in label:
            raise DefinitionError(f"{cls.__name__}.{member.name}: label {label!r} has a NUL character; remove it")
        other = owners.setdefault(label, member)
        if other is not member:
            raise DefinitionError(
                f"{cls.__name__}.{member.name}: {cls.__name__}.{other.name} has the same label {label!r}; rename one of them"
            )
    if not owners:
        raise DefinitionError(f"class {cls.__name__}: enumeration has no members; add one")
    return tuple(owners)


def form_enum(cls: type[enum.Enum], name: QualifiedId, capabilities: Capabilities) -> EnumType:
    """
    :returns: The type that the enumeration becomes; where types are inline, lowering puts it in place of its name.
    :raises DefinitionError: if a label is longer than the server permits.
    """
    labels = enum_labels(cls)
    for label in labels:
        unit, size, limit = "bytes", len(label.encode()), capabilities.max_identifier_bytes
        if capabilities.max_label_characters is not None:
            unit, size, limit = "characters", len(label), capabilities.max_label_characters
        if size > limit:
            raise DefinitionError(
                f"class {cls.__name__}: label {label!r} has {size} {unit}, the server permits {limit}; shorten it, or use"
                " EnumMode.CHECK or EnumMode.RELATION"
            )
    declaration = type_declaration(cls) or TypeDeclaration()
    return EnumType(
        name,
        labels,
        class_description(cls),
        renamed_from=former_names(declaration, name),
        label_map=enum_label_map(cls),
    )


def former_names(declaration: TypeDeclaration, name: QualifiedId) -> tuple[QualifiedId, ...]:
    """:returns: Names that the type may have had before."""
    return tuple(QualifiedId(name.namespace, former) for former in declaration.renamed_from)


def enum_label_map(cls: type[enum.Enum]) -> tuple[tuple[str, str], ...]:
    """
    :returns: What becomes of labels that are gone, see `EnumType.label_map`.
    :raises DefinitionError: if one is not gone, or is to become one that the class does not have.
    """
    declaration, labels = type_declaration(cls) or TypeDeclaration(), enum_labels(cls)
    for former, present in declaration.label_map:
        if former in labels or present not in labels:
            wrong, remedy = (former, "a label that is gone") if former in labels else (present, "a label of the class")
            raise DefinitionError(
                f"class {cls.__name__}: label_map of {former!r} to {present!r}: {wrong!r} is not {remedy}; correct it"
            )
    return declaration.label_map


def form_lookup(cls: type[enum.Enum], name: QualifiedId, capabilities: Capabilities) -> Table:
    """:returns: The lookup table that the enumeration becomes: a number for each label."""
    key = (LOOKUP_VALUE,)
    return Table(
        name,
        columns=(
            Column(LOOKUP_KEY, LOOKUP_KEY_TYPE, identity=IdentityMode.BY_DEFAULT),
            Column(LOOKUP_VALUE, SqlCharacter(), label_map=enum_label_map(cls)),
        ),
        primary_key=PrimaryKeyConstraint(object_name("pk", name, (), capabilities=capabilities), (LOOKUP_KEY,)),
        constraints=(UniqueConstraint(object_name("uq", name, key, capabilities=capabilities), key),),
        description=class_description(cls),
        labels=enum_labels(cls),
        renamed_from=former_names(type_declaration(cls) or TypeDeclaration(), name),
    )
