"""What the type of a field becomes: the data type of a column, with what it asks for besides."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass, replace

from pysqlsync_engine.errors import DefinitionError, UnsupportedError
from pysqlsync_engine.formation.context import Site
from pysqlsync_engine.formation.enums import LOOKUP_KEY, LOOKUP_KEY_TYPE, enum_label_map, enum_labels
from pysqlsync_engine.formation.inspection import ClassSpec, DomainSpec, TypeSpec
from pysqlsync_engine.formation.markers import check_no_key_tags, check_tags, find_tag
from pysqlsync_engine.formation.namespaces import Definition, table_name, type_name
from pysqlsync_engine.formation.rules import POSSIBLE_TYPES, scalar_type
from pysqlsync_engine.model.annotations import describe_type
from pysqlsync_engine.model.data_types import (
    SqlArray,
    SqlCharacter,
    SqlJson,
    SqlLabel,
    SqlLabelSet,
    SqlNamed,
    SqlOpaque,
    SqlType,
)
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.key_types import NotEnforcedTag, UniqueTag
from pysqlsync_engine.model.object_types import (
    Constraint,
    ForeignKeyConstraint,
    LabelCheck,
    Lookup,
    Relation,
    UniqueConstraint,
)
from pysqlsync_engine.model.type_markers import NamedType, TextJson
from pysqlsync_engine.options import ArrayMode, EnumMode, StructMode


@dataclass(frozen=True, slots=True)
class Value:
    """
    What the type of a field contributes to its table.

    :param enumeration: As for a column, as is `label_map`.
    """

    data_type: SqlType
    constraints: tuple[Constraint, ...] = ()
    relations: tuple[Relation, ...] = ()
    lookups: tuple[Lookup, ...] = ()
    enumeration: QualifiedId | None = None
    label_map: tuple[tuple[str, str], ...] = ()


def field_value(spec: TypeSpec, site: Site) -> Value:
    """
    :returns: What the field of a table becomes, with what its tags and its type ask for besides a column.
    :raises DefinitionError: if it cannot be a column.
    """
    check_tags(spec, site.place)
    value = _bare_value(spec, site)
    if find_tag(spec, NotEnforcedTag, site.place) is not None and not value.relations:
        raise DefinitionError(
            f"{site.place}: NotEnforced does not apply to {describe_type(spec.type)}; use it for a field that refers to"
            " another table"
        )
    if find_tag(spec, UniqueTag, site.place) is None:
        return value
    return replace(value, constraints=(*value.constraints, UniqueConstraint(site.name("uq"), (site.column,))))


def _bare_value(spec: TypeSpec, site: Site) -> Value:
    if spec.native is not None or spec.domain is not None or is_document(spec, site):
        return Value(nested_type(spec, site))
    if spec.labels:
        return _literal_value(spec.labels, site)
    if spec.enum_class is not None:
        return _enum_value(spec.enum_class, site, extensible=spec.extensible)
    if (labels := _set_labels(spec, site)) is not None:
        kind = None if spec.element is None else spec.element.enum_class
        return Value(_label_set(labels, site), label_map=() if kind is None else enum_label_map(kind))
    if (referenced := site.context.entity(spec)) is not None:
        return _reference(referenced, spec, site)
    return Value(nested_type(spec, site))


def is_document(spec: TypeSpec, site: Site) -> bool:
    """:returns: True if a value of the type is stored as a JSON document."""
    if spec.native is not None or spec.domain is not None:
        return False
    if spec.type is dict or find_tag(spec, TextJson, site.place) is not None:
        return True
    if spec.element is not None:
        return site.context.array_mode(site.place) is ArrayMode.JSON and _set_labels(spec, site) is None
    if spec.data_class is None or site.context.entity(spec) is not None:
        return False
    return site.context.struct_mode(site.place) is StructMode.JSON


def is_apart(spec: TypeSpec, site: Site) -> bool:
    """:returns: True if a field is no column of its table, but a table of its own that has a row per element."""
    if spec.element is None or spec.native is not None or spec.domain is not None or is_document(spec, site):
        return False
    return site.context.array_mode(site.place) is ArrayMode.RELATION and _set_labels(spec, site) is None


def definitions(spec: TypeSpec, site: Site) -> Iterator[tuple[Definition, QualifiedId]]:
    """:returns: What becomes an object of the catalog because a field has it in its type, with the name of the object."""
    if spec.domain is not None:
        yield spec.domain.type, _domain_name(spec.domain, site)
        yield from definitions(spec.domain.base, site)
    elif spec.native is not None or is_document(spec, site) or _set_labels(spec, site) is not None:
        return
    elif spec.element is not None:
        yield from definitions(spec.element, site)
    elif spec.enum_class is not None:
        if site.context.enum_mode(site.place) is not EnumMode.CHECK:
            yield spec.enum_class, site.type_name(spec.enum_class)
    elif (cls := spec.data_class) is not None:
        is_entity = site.context.entity(spec) is not None
        yield cls, table_name(cls, options=site.context.options) if is_entity else site.type_name(cls)


def nested_type(spec: TypeSpec, site: Site) -> SqlType:
    """:returns: Data type of a value that needs nothing besides: of a plain column, an element or a member."""
    check_tags(spec, site.place)
    if (named := find_tag(spec, NamedType, site.place)) is not None:
        return SqlNamed(QualifiedId(named.namespace, named.name))
    if spec.native is not None:
        return SqlOpaque(spec.native)
    if spec.domain is not None:
        return SqlNamed(_domain_name(spec.domain, site))
    if is_document(spec, site):
        check_document(spec, site)
        return SqlJson(binary=find_tag(spec, TextJson, site.place) is None)
    if spec.labels:
        raise UnsupportedError(
            f"{site.place}: in a list or a composite type, nothing can hold a value to the labels of a Literal; use an"
            " enumeration with EnumMode.TYPE, or str"
        )
    scalar = scalar_type(spec, site.place)
    if scalar is not None:
        return scalar
    if spec.element is not None:
        return _array_type(spec.element, site)
    if spec.enum_class is not None:
        return _nested_enum(spec.enum_class, site)
    return SqlNamed(site.type_name(_struct_class(spec, site)))


def check_document(spec: TypeSpec, site: Site, path: tuple[type, ...] = ()) -> None:
    """
    Check that a JSON document can hold a value.

    :param path: Classes that the value is inside of; they may contain themselves.
    :raises DefinitionError: if it cannot.
    """
    element = spec.element
    while element is not None:
        check_no_key_tags(element, site.place, where="the elements of a list")
        spec, element = element, element.element
    if spec.enum_class is not None:
        _refuse_label_map(spec.enum_class, site)
    if spec.labels or spec.enum_class is not None or spec.type is dict or scalar_type(spec, site.place) is not None:
        return
    cls = _struct_class(spec, site)
    if cls in path:
        return
    for field in site.context.specs[cls].fields:
        inner = replace(site, place=f"{site.place}: {cls.__name__}.{field.name}")
        check_no_key_tags(field.type, inner.place, where="a member of a JSON document")
        check_document(field.type, inner, (*path, cls))


def _refuse_label_map(cls: type[enum.Enum], site: Site) -> None:
    """:raises DefinitionError: if labels in documents are to change: a schema does not tell whether they have changed already."""
    if enum_label_map(cls):
        raise DefinitionError(
            f"{site.place}: label_map of {cls.__name__} cannot change labels in JSON documents; change the documents yourself, and"
            " remove it from the class"
        )


def _struct_class(spec: TypeSpec, site: Site) -> type:
    """:raises DefinitionError: if the type is no data-class without a key."""
    if spec.data_class is None:
        raise DefinitionError(
            f"{site.place}: type {describe_type(spec.type)} cannot be stored; use {POSSIBLE_TYPES}, with '| None' if it is optional"
        )
    if site.context.entity(spec) is not None:
        raise DefinitionError(
            f"{site.place}: only the field of a table can refer to the table of {spec.data_class.__name__}; hold the type of its"
            " key instead, use ArrayMode.RELATION for a list, or make a class of references with a key of its own"
        )
    return spec.data_class


def _domain_name(domain: DomainSpec, site: Site) -> QualifiedId:
    return type_name(domain.type, user=site.owner, options=site.context.options)


def _literal_value(labels: tuple[str, ...], site: Site) -> Value:
    """:returns: A column that holds one of some labels for which there is no class, so no type and no lookup table either."""
    for label in labels:
        if "\0" in label:
            raise DefinitionError(f"{site.place}: label {label!r} has a NUL character; remove it")
    if site.context.enum_mode(site.place) is EnumMode.INLINE:
        return Value(SqlLabel(labels))
    return Value(SqlCharacter(), constraints=(LabelCheck(site.name("ck"), site.column, labels),))


def _enum_value(cls: type[enum.Enum], site: Site, *, extensible: bool) -> Value:
    mode = site.context.enum_mode(site.place)
    if extensible and mode in {EnumMode.TYPE, EnumMode.INLINE}:
        raise UnsupportedError(
            f"{site.place}: {cls.__name__} | str may get labels that EnumMode.{mode.name} does not have; use EnumMode.RELATION"
            f" or EnumMode.CHECK, or {cls.__name__} alone"
        )
    value = _labels_value(cls, site, mode, extensible=extensible)
    return replace(value, enumeration=site.type_name(cls), label_map=enum_label_map(cls))


def _labels_value(cls: type[enum.Enum], site: Site, mode: EnumMode, *, extensible: bool) -> Value:
    name = site.type_name(cls)
    match mode:
        case EnumMode.TYPE | EnumMode.INLINE:
            return Value(SqlNamed(name))
        case EnumMode.CHECK:
            check = LabelCheck(site.name("ck"), site.column, enum_labels(cls))
            return Value(SqlCharacter(), constraints=() if extensible else (check,))
        case EnumMode.RELATION:
            return Value(
                LOOKUP_KEY_TYPE,
                constraints=(_foreign_key(site, name, LOOKUP_KEY),),
                lookups=(Lookup(site.column, name, extensible=extensible),),
            )


def _set_labels(spec: TypeSpec, site: Site) -> tuple[str, ...] | None:
    """:returns: Labels of a set that is stored as part of the type of its column; `None` if the type is another."""
    context = site.context
    if spec.type is not set or spec.element is None or context.options.array_mode is not None:
        return None
    element = spec.element
    if element.native is not None or element.domain is not None or element.optional or element.extensible:
        return None
    if context.enum_mode(site.place) is not EnumMode.INLINE:
        return None
    return enum_labels(element.enum_class) if element.enum_class is not None else element.labels or None


def _label_set(labels: tuple[str, ...], site: Site) -> SqlLabelSet:
    for label in labels:
        if "," in label or not label:
            raise DefinitionError(
                f"{site.place}: label {label!r} of a set {'has a comma' if label else 'is empty'}; rename it, or use"
                " ArrayMode.JSON"
            )
    return SqlLabelSet(labels)


def _reference(referenced: ClassSpec, spec: TypeSpec, site: Site) -> Value:
    """
    :param referenced: Class of the table that the field refers to.
    :param spec: Type of the field.
    """
    key = _key_value(referenced, site, ())
    table = table_name(referenced.type, options=site.context.options)
    column = LocalId(referenced.key[0].column_name)
    if find_tag(spec, NotEnforcedTag, site.place) is None:
        constraints = (_foreign_key(site, table, column),)
        return replace(key, constraints=constraints)
    return replace(key, relations=(Relation((site.column,), table, (column,)),))


def _key_value(referenced: ClassSpec, site: Site, path: tuple[type, ...]) -> Value:
    """
    :param path: Classes whose keys led to this one, as a key may itself refer to another table.
    :returns: Type of the key of the class, and the lookup table that its values come from, if any.
    """
    if referenced.type in path:
        chain = " -> ".join(cls.__name__ for cls in (*path, referenced.type))
        raise DefinitionError(
            f"{site.place}: the keys refer to each other ({chain}); give one of them a type of its own"
        )
    if not referenced.key:
        raise DefinitionError(
            f"{site.place}: {referenced.name} has no key to refer to; mark a field as PrimaryKey[...]"
        )
    if len(referenced.key) != 1:
        fields = ", ".join(field.name for field in referenced.key)
        raise DefinitionError(
            f"{site.place}: {referenced.name} has a key of {len(referenced.key)} fields ({fields}), which one field cannot refer"
            " to; add a field for each of them, of its own type"
        )
    key = referenced.key[0]
    owner = replace(
        site,
        place=f"{referenced.name}.{key.name}",
        owner=table_name(referenced.type, options=site.context.options),
        column=LocalId(key.column_name),
    )
    if (further := site.context.entity(key.type)) is not None:
        return _key_value(further, site, (*path, referenced.type))
    value = _bare_value(key.type, owner)
    return Value(
        value.data_type,
        lookups=tuple(Lookup(site.column, lookup.table, extensible=lookup.extensible) for lookup in value.lookups),
        enumeration=value.enumeration,
        label_map=value.label_map,
    )


def _foreign_key(site: Site, table: QualifiedId, column: LocalId) -> ForeignKeyConstraint:
    return ForeignKeyConstraint(site.name("fk"), (site.column,), table, (column,))


def _array_type(element: TypeSpec, site: Site) -> SqlArray:
    mode = site.context.array_mode(site.place)
    if mode is not ArrayMode.ARRAY:
        raise UnsupportedError(
            f"{site.place}: in a list or a composite type, a list cannot be stored as ArrayMode.{mode.name}; use ArrayMode.JSON,"
            " or make it the field of a table"
        )
    check_no_key_tags(element, site.place, where="the elements of a list")
    return SqlArray(nested_type(element, site))


def _nested_enum(cls: type[enum.Enum], site: Site) -> SqlNamed:
    mode = site.context.enum_mode(site.place)
    if mode not in {EnumMode.TYPE, EnumMode.INLINE}:
        raise UnsupportedError(
            f"{site.place}: in a list or a composite type, {cls.__name__} cannot be stored as EnumMode.{mode.name}; use"
            " EnumMode.TYPE, or hold the labels as str"
        )
    return SqlNamed(site.type_name(cls))
