"""How a field becomes a column."""

from __future__ import annotations

import decimal
import re

from pysqlsync_engine.errors import DefinitionError
from pysqlsync_engine.formation.context import Site
from pysqlsync_engine.formation.inspection import FieldSpec, TypeSpec
from pysqlsync_engine.formation.items import list_items
from pysqlsync_engine.formation.markers import find_tag, find_tags
from pysqlsync_engine.formation.rules import default_literal
from pysqlsync_engine.formation.values import Value
from pysqlsync_engine.model.annotations import describe_type
from pysqlsync_engine.model.data_types import (
    SqlArray,
    SqlCharacter,
    SqlLabel,
    SqlLabelSet,
    SqlNamed,
    SqlOpaque,
    SqlType,
)
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.key_types import IdentityTag
from pysqlsync_engine.model.object_types import Column, Generated, IdentityMode
from pysqlsync_engine.model.type_markers import Backfill, Collation, GeneratedAs, RenamedFrom, ServerDefault
from pysqlsync_engine.model.vendor_markers import ColumnMarker
from pysqlsync_engine.options import EnumMode

_QUOTED_SEQUENCE = re.compile(r'(?:"((?:[^"]|"")+)"\.)?"((?:[^"]|"")+)"')


def form_column(field: FieldSpec, value: Value, site: Site, *, is_key: bool) -> Column:
    """
    :param value: What the type of the field becomes.
    :param is_key: True if the field is (a part of) the primary key.
    :raises DefinitionError: if what the field says contradicts itself.
    """
    spec = field.type
    identity = find_tag(spec, IdentityTag, site.place)
    generated = find_tag(spec, GeneratedAs, site.place)
    backfill = find_tag(spec, Backfill, site.place)
    _check_sources(spec, site.place)
    if identity is not None:
        _check_identity(identity, spec, site.place)
    if spec.optional and is_key:
        raise DefinitionError(f"{site.place}: a primary key cannot be None; remove '| None'")
    return Column(
        site.column,
        value.data_type,
        nullable=spec.optional,
        default=_default(field, value, site),
        identity=None if identity is None else identity.mode,
        description=field.description,
        generated=None if generated is None else Generated(generated.expression, generated.stored),
        collation=_collation(spec, value.data_type, site),
        sequence=None if identity is None or identity.sequence is None else _sequence(identity.sequence),
        renamed_from=tuple(LocalId(tag.name) for tag in find_tags(spec, RenamedFrom)),
        backfill=None if backfill is None else backfill.expression,
        markers=find_tags(spec, ColumnMarker),
        enumeration=value.enumeration,
        label_map=value.label_map,
        list_items=list_items(spec, site),
    )


def _check_sources(spec: TypeSpec, place: str) -> None:
    """:raises DefinitionError: if two parties are to give the column its value."""
    kinds = (IdentityTag, GeneratedAs, ServerDefault)
    found = [tag for kind in kinds if (tag := find_tag(spec, kind, place)) is not None]
    if len(found) > 1:
        listed = " and ".join(type(tag).__name__.removesuffix("Tag") for tag in found)
        raise DefinitionError(f"{place}: {listed} contradict each other; keep one of them")


def _check_identity(identity: IdentityTag, spec: TypeSpec, place: str) -> None:
    counts = (int, decimal.Decimal) if identity.mode is IdentityMode.SERIAL else (int,)
    if spec.type not in counts or spec.native is not None:
        subject = describe_type(spec.type) if spec.native is None else spec.native
        raise DefinitionError(f"{place}: Identity does not apply to {subject}; use an integer")
    if spec.optional and identity.mode is not IdentityMode.SERIAL:
        raise DefinitionError(f"{place}: an identity cannot be None; remove '| None'")
    if identity.sequence is not None and identity.mode is not IdentityMode.SERIAL:
        raise DefinitionError(
            f"{place}: IdentityMode.{identity.mode.name} has a sequence of its own; use IdentityMode.SERIAL for"
            f" {identity.sequence!r}, or leave it out"
        )


def _default(field: FieldSpec, value: Value, site: Site) -> str | None:
    """:returns: What the server stores where a row has no value: what it is told to, else the default of the field."""
    spec = field.type
    declared = find_tag(spec, ServerDefault, site.place)
    if declared is not None:
        return declared.expression
    computed = (*find_tags(spec, IdentityTag), *find_tags(spec, GeneratedAs))
    if field.default is None or computed or value.lookups:
        return None
    return default_literal(field.default, spec, value.data_type, site.place)


def _collation(spec: TypeSpec, data_type: SqlType, site: Site) -> str | None:
    tag = find_tag(spec, Collation, site.place)
    if tag is None:
        return None
    element = data_type
    while isinstance(element, SqlArray):
        element = element.element
    leaf = spec.leaf
    is_inline = leaf.enum_class is not None and site.context.enum_mode(site.place) is EnumMode.INLINE
    is_text = isinstance(element, SqlCharacter | SqlLabel | SqlLabelSet | SqlOpaque)
    if not (is_text or (isinstance(element, SqlNamed) and (is_inline or leaf.domain is not None))):
        raise DefinitionError(
            f"{site.place}: {tag!r} does not apply to {describe_type(spec.type)}, which is not text; remove it"
        )
    return tag.name


def _sequence(name: str) -> QualifiedId:
    """:param name: With or without its namespace; as in SQL, a part is between quotes if it has a dot or a quote in it."""
    quoted = _QUOTED_SEQUENCE.fullmatch(name)
    if quoted is None:
        namespace, _, local = name.rpartition(".")
        return QualifiedId(namespace or None, local)
    namespace, local = (None if part is None else part.replace('""', '"') for part in quoted.groups())
    return QualifiedId(namespace, local or "")
