"""How a data-class becomes a table or a composite type."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, replace

from pysqlsync_engine.capabilities import Capabilities
from pysqlsync_engine.errors import DefinitionError, UnsupportedError
from pysqlsync_engine.formation.enums import LOOKUP_KEY, LOOKUP_KEY_TYPE, enum_labels, select_enum_mode
from pysqlsync_engine.formation.inspection import ClassSpec, FieldSpec, TypeSpec
from pysqlsync_engine.formation.names import constraint_name
from pysqlsync_engine.formation.namespaces import table_name, type_name
from pysqlsync_engine.formation.rules import (
    POSSIBLE_TYPES,
    check_no_key_tags,
    check_tags,
    default_literal,
    find_tag,
    scalar_type,
)
from pysqlsync_engine.model.annotations import describe_type
from pysqlsync_engine.model.data_types import SqlArray, SqlCharacter, SqlNamed, SqlType
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.key_types import IdentityTag, NotEnforcedTag, UniqueTag
from pysqlsync_engine.model.object_types import (
    Column,
    Constraint,
    ForeignKeyConstraint,
    IdentityMode,
    LabelCheck,
    Lookup,
    PrimaryKeyConstraint,
    Relation,
    StructMember,
    StructType,
    Table,
    UniqueConstraint,
)
from pysqlsync_engine.options import EnumMode, GeneratorOptions


@dataclass(frozen=True, slots=True)
class Context:
    """
    What the forming of a class depends on besides the class.

    :param specs: All data-classes that take part, among them those that others refer to.
    """

    options: GeneratorOptions
    capabilities: Capabilities
    specs: Mapping[type, ClassSpec]

    def enum_mode(self, place: str) -> EnumMode:
        """:returns: How enumerations are stored; raises `UnsupportedError` if the server cannot store them so."""
        return select_enum_mode(self.options.enum_mode, self.capabilities, place)

    def entity(self, spec: TypeSpec) -> ClassSpec | None:
        """:returns: The class of the table that a value of this type refers to, if it does."""
        cls = spec.data_class
        return None if cls is None or not self.specs[cls].key else self.specs[cls]

    def constraint(self, prefix: str, *parts: str) -> LocalId:
        """:returns: Name of a constraint."""
        return LocalId(constraint_name(prefix, *parts, max_bytes=self.capabilities.max_identifier_bytes))


@dataclass(frozen=True, slots=True)
class _Value:
    """What the type of a field contributes to its table."""

    data_type: SqlType
    constraints: tuple[Constraint, ...] = ()
    relations: tuple[Relation, ...] = ()
    lookups: tuple[Lookup, ...] = ()


@dataclass(frozen=True, slots=True)
class _Site:
    """
    Where a field is.

    :param place: Class and field, for messages.
    """

    place: str
    table: QualifiedId
    column: LocalId
    context: Context


def form_table(spec: ClassSpec, context: Context) -> Table:
    """
    :param spec: A class with a key.
    :returns: The table that it describes.
    :raises DefinitionError: if a field cannot be a column.
    """
    name = table_name(spec.type, options=context.options)
    _check_columns(spec)
    sites = [_Site(f"{spec.name}.{field.name}", name, LocalId(field.column_name), context) for field in spec.fields]
    values = [_field_value(field.type, site) for field, site in zip(spec.fields, sites, strict=True)]
    key = tuple(LocalId(field.column_name) for field in spec.key)
    constraints = [constraint for value in values for constraint in value.constraints]
    return Table(
        name,
        columns=tuple(map(_form_column, spec.fields, values, sites)),
        primary_key=PrimaryKeyConstraint(context.constraint("pk", name.name), key),
        constraints=tuple(sorted(constraints, key=lambda constraint: constraint.name)),
        description=spec.description,
        relations=tuple(relation for value in values for relation in value.relations),
        lookups=tuple(lookup for value in values for lookup in value.lookups),
    )


def form_struct(spec: ClassSpec, name: QualifiedId, context: Context) -> StructType:
    """
    :returns: The composite type that a data-class without a key describes. Defaults of fields do not count, as the members of
        a composite type have none.
    :raises UnsupportedError: if the server has no such types.
    """
    if not context.capabilities.composite_types:
        raise UnsupportedError(
            f"class {spec.name}: {context.capabilities.version} has no composite types; move its fields into the classes that"
            " use it, or mark a field as PrimaryKey[...] to make it a table"
        )
    if not spec.fields:
        raise DefinitionError(f"class {spec.name}: no fields; add one, as the class is the type of a field")
    _check_columns(spec)
    members = tuple(
        _form_member(field, _Site(f"{spec.name}.{field.name}", name, LocalId(field.column_name), context))
        for field in spec.fields
    )
    return StructType(name, members, spec.description)


def _form_member(field: FieldSpec, site: _Site) -> StructMember:
    check_no_key_tags(field.type, site.place, where="a member of a composite type")
    return StructMember(site.column, _nested_type(field.type, site), field.description)


def _form_column(field: FieldSpec, value: _Value, site: _Site) -> Column:
    identity = find_tag(field.type, IdentityTag, site.place)
    is_key = field.is_key
    if identity is not None and field.type.type is not int:
        raise DefinitionError(
            f"{site.place}: Identity does not apply to {describe_type(field.type.type)}; use an integer"
        )
    if field.type.optional and (is_key or identity is not None):
        raise DefinitionError(
            f"{site.place}: {'a primary key' if is_key else 'an identity'} cannot be None; remove '| None'"
        )
    default = None
    if field.default is not None and identity is None and not value.lookups:
        default = default_literal(field.default, field.type, value.data_type, site.place)
    return Column(
        site.column,
        value.data_type,
        nullable=field.type.optional,
        default=default,
        identity=None if identity is None else IdentityMode.BY_DEFAULT,
        description=field.description,
    )


def _field_value(spec: TypeSpec, site: _Site) -> _Value:
    """:returns: What a field becomes, with what its tags and its type ask for besides a column."""
    check_tags(spec, site.place)
    if spec.enum_class is not None:
        value = _enum_value(spec.enum_class, site)
    elif (referenced := site.context.entity(spec)) is not None:
        value = _reference(referenced, spec, site)
    else:
        value = _Value(_nested_type(spec, site))
    if find_tag(spec, NotEnforcedTag, site.place) is not None and not value.relations:
        raise DefinitionError(
            f"{site.place}: NotEnforced does not apply to {describe_type(spec.type)}; use it for a field that refers to"
            " another table"
        )
    if find_tag(spec, UniqueTag, site.place) is None:
        return value
    name = site.context.constraint("uq", site.table.name, site.column.name)
    return replace(value, constraints=(*value.constraints, UniqueConstraint(name, (site.column,))))


def _enum_value(cls: type[enum.Enum], site: _Site) -> _Value:
    name = type_name(cls, user=site.table, options=site.context.options)
    match site.context.enum_mode(site.place):
        case EnumMode.TYPE | EnumMode.INLINE:
            return _Value(SqlNamed(name))
        case EnumMode.CHECK:
            constraint = site.context.constraint("ck", site.table.name, site.column.name)
            return _Value(SqlCharacter(), constraints=(LabelCheck(constraint, site.column, enum_labels(cls)),))
        case EnumMode.RELATION:
            return _Value(
                LOOKUP_KEY_TYPE,
                constraints=(_foreign_key(site, name, LOOKUP_KEY),),
                lookups=(Lookup(site.column, name),),
            )


def _reference(referenced: ClassSpec, spec: TypeSpec, site: _Site) -> _Value:
    """
    :param referenced: Class of the table that the field refers to.
    :param spec: Type of the field.
    """
    key = _key_value(referenced, site, ())
    table = table_name(referenced.type, options=site.context.options)
    column = LocalId(referenced.key[0].column_name)
    if find_tag(spec, NotEnforcedTag, site.place) is None:
        return _Value(key.data_type, constraints=(_foreign_key(site, table, column),), lookups=key.lookups)
    relation = Relation((site.column,), table, (column,))
    return _Value(key.data_type, relations=(relation,), lookups=key.lookups)


def _key_value(referenced: ClassSpec, site: _Site, path: tuple[type, ...]) -> _Value:
    """
    :param path: Classes whose keys led to this one, as a key may itself refer to another table.
    :returns: Type of the key of the class, and the lookup table that its values come from, if any.
    """
    if referenced.type in path:
        chain = " -> ".join(cls.__name__ for cls in (*path, referenced.type))
        raise DefinitionError(
            f"{site.place}: the keys refer to each other ({chain}); give one of them a type of its own"
        )
    if len(referenced.key) != 1:
        fields = ", ".join(field.name for field in referenced.key)
        raise DefinitionError(
            f"{site.place}: {referenced.name} has a key of {len(referenced.key)} fields ({fields}), which one field cannot refer"
            " to; add a field for each of them, of its own type"
        )
    spec = referenced.key[0].type
    owner = replace(site, table=table_name(referenced.type, options=site.context.options))
    if spec.enum_class is not None:
        value = _enum_value(spec.enum_class, owner)
        return _Value(value.data_type, lookups=tuple(Lookup(site.column, lookup.table) for lookup in value.lookups))
    if (further := site.context.entity(spec)) is not None:
        return _key_value(further, site, (*path, referenced.type))
    return _Value(_nested_type(spec, replace(owner, place=f"{referenced.name}.{referenced.key[0].name}")))


def _foreign_key(site: _Site, table: QualifiedId, column: LocalId) -> ForeignKeyConstraint:
    name = site.context.constraint("fk", site.table.name, site.column.name)
    return ForeignKeyConstraint(name, (site.column,), table, (column,))


def _nested_type(spec: TypeSpec, site: _Site) -> SqlType:
    """:returns: Data type of a value that needs nothing besides: of a plain column, an element or a member."""
    check_tags(spec, site.place)
    scalar = scalar_type(spec, site.place)
    if scalar is not None:
        return scalar
    if spec.element is not None:
        return _array_type(spec.element, site)
    if spec.enum_class is not None:
        return _nested_enum(spec.enum_class, site)
    if spec.data_class is None:
        raise DefinitionError(
            f"{site.place}: type {describe_type(spec.type)} cannot be stored; use {POSSIBLE_TYPES}, with '| None' if it is optional"
        )
    if site.context.entity(spec) is not None:
        raise DefinitionError(
            f"{site.place}: only the field of a table can refer to the table of {spec.data_class.__name__}; hold the type of its"
            " key instead, or make a class of references with a key of its own"
        )
    return SqlNamed(type_name(spec.data_class, user=site.table, options=site.context.options))


def _array_type(element: TypeSpec, site: _Site) -> SqlArray:
    if not site.context.capabilities.arrays:
        raise UnsupportedError(
            f"{site.place}: {site.context.capabilities.version} has no arrays; use dict[str, ...] (JSON), or a class of its own"
            " that refers to this one"
        )
    check_no_key_tags(element, site.place, where="the elements of a list")
    return SqlArray(_nested_type(element, site))


def _nested_enum(cls: type[enum.Enum], site: _Site) -> SqlNamed:
    mode = site.context.enum_mode(site.place)
    if mode not in {EnumMode.TYPE, EnumMode.INLINE}:
        raise UnsupportedError(
            f"{site.place}: in a list or a composite type, {cls.__name__} cannot be stored as EnumMode.{mode.name}; use"
            " EnumMode.TYPE, or hold the labels as str"
        )
    return SqlNamed(type_name(cls, user=site.table, options=site.context.options))


def _check_columns(spec: ClassSpec) -> None:
    """:raises DefinitionError: if two fields would become one column."""
    seen: dict[str, str] = {}
    for field in spec.fields:
        other = seen.setdefault(field.column_name, field.name)
        if other != field.name:
            raise DefinitionError(
                f"{spec.name}.{field.name}: {spec.name}.{other} becomes a column of the same name {field.column_name!r}; rename"
                " one of them, or give it another name with Alias"
            )
