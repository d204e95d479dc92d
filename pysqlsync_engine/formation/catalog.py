"""The catalog that data-classes describe."""

from __future__ import annotations

import enum
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from pysqlsync_engine.capabilities import Capabilities
from pysqlsync_engine.errors import DefinitionError
from pysqlsync_engine.formation.context import Context, Site
from pysqlsync_engine.formation.declared import referred_classes
from pysqlsync_engine.formation.domains import form_domain
from pysqlsync_engine.formation.enums import form_enum, form_lookup
from pysqlsync_engine.formation.inspection import ClassSpec, domain_spec, inspect_class, is_data_class
from pysqlsync_engine.formation.lists import form_list_tables
from pysqlsync_engine.formation.names import check_names
from pysqlsync_engine.formation.namespaces import Definition, definition_name, is_table_class, table_name, unify_default
from pysqlsync_engine.formation.tables import form_struct, form_table
from pysqlsync_engine.formation.text import check_text
from pysqlsync_engine.formation.values import definitions
from pysqlsync_engine.model.declarations import declared_extensions, domain_declaration
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.object_types import (
    Catalog,
    DomainType,
    EnumType,
    Namespace,
    Prerequisite,
    StructType,
    Table,
)
from pysqlsync_engine.options import EnumMode, GeneratorOptions, StructMode

__all__ = ["form_catalog", "table_name"]

_Object: TypeAlias = EnumType | StructType | DomainType | Table


def form_catalog(classes: Sequence[Definition], *, options: GeneratorOptions, capabilities: Capabilities) -> Catalog:
    """
    Form the catalog that data-classes describe, in terms that are the same for all dialects; `lower` makes them a server's.

    :param classes: Data-classes with a primary key or a `__table__`, in any order. What they refer to, enforced or not, takes
        part as well: other such classes, enumerations, domains, and classes without a key that are the type of a field. These
        can also be given themselves: enumerations, domains, and classes with a `__type__`.
    :param options: How classes become tables.
    :param capabilities: What the server can do.
    :returns: Objects sorted by name. The default namespace has an empty name.
    :raises DefinitionError: if the classes describe no schema.
    :raises UnsupportedError: if the server cannot have what they describe.
    """
    context = Context(unify_default(options, capabilities), capabilities, _Specs())
    owners = _gather(classes, context)
    formed = [each for name, owner in sorted(owners.items()) for each in _form(owner, name, context)]
    formed.sort(key=lambda each: each.name)
    namespaces = sorted({each.name.namespace or "" for each in formed})
    catalog = Catalog(
        tuple(_namespace(namespace, formed) for namespace in namespaces),
        prerequisites=_prerequisites(owners.values(), context),
        extensions=_extensions(owners.values()),
    )
    check_names(catalog, capabilities)
    check_text(catalog)
    return catalog


def _gather(classes: Sequence[Definition], context: Context) -> Mapping[QualifiedId, Definition]:
    """
    Follow references, starting from classes.

    :returns: What each object of the catalog comes from.
    """
    owners: dict[QualifiedId, Definition] = {}
    pending = [(each, _given_name(each, context)) for each in classes if not _is_stored_otherwise(each, context)]
    while pending:
        definition, name = pending.pop()
        if name in owners:
            _require_same(owners[name], definition, name)
            continue
        owners[name] = definition
        if is_data_class(definition):
            pending.extend(_referred(context.specs[definition], name, context))
    for name, definition in owners.items():
        if is_data_class(definition):
            _refuse_recursion(context.specs[definition], name, context, ())
    return owners


def _extensions(definitions: Iterable[Definition]) -> tuple[QualifiedId, ...]:
    """:returns: Those that the modules of the classes need, sorted by name."""
    found = {each for cls in definitions if isinstance(cls, type) for each in declared_extensions(cls)}
    return tuple(sorted(QualifiedId(each.namespace, each.name) for each in found))


def _prerequisites(definitions: Iterable[Definition], context: Context) -> tuple[Prerequisite, ...]:
    """
    :returns: What the classes and domains require, sorted.
    :raises DefinitionError: if they define the same thing in different ways.
    """
    found: dict[tuple[str, str, str, str], Prerequisite] = {}
    for definition in definitions:
        if isinstance(definition, typing.NewType):
            declaration = domain_declaration(definition)
        else:
            declaration = context.specs[definition].declaration if is_data_class(definition) else None
        for each in () if declaration is None else declaration.requires:
            if found.setdefault(each.key, each) != each:
                raise DefinitionError(f"{each.display}: is defined in two ways; define it once and require that")
    return tuple(sorted(found.values()))


class _Specs(dict[type, ClassSpec]):
    """Data-classes as far as references have been followed; each is inspected once, as that is what takes the time."""

    def __missing__(self, cls: type) -> ClassSpec:
        spec = self[cls] = inspect_class(cls)
        return spec


def _given_name(definition: Definition, context: Context) -> QualifiedId:
    """:returns: Name of what a definition becomes that nothing need refer to."""
    if is_table_class(definition):
        return _entity_name(context.specs[definition], context)
    return definition_name(definition, options=context.options)


def _is_stored_otherwise(definition: Definition, context: Context) -> bool:
    """:returns: True for an enumeration, or a class without a key, that is no object of the catalog as types are stored."""
    if isinstance(definition, typing.NewType) or is_table_class(definition):
        return False
    if issubclass(definition, enum.Enum):
        return context.enum_mode(definition.__name__) is EnumMode.CHECK
    return context.struct_mode(definition.__name__) is StructMode.JSON


def _entity_name(spec: ClassSpec, context: Context) -> QualifiedId:
    if not spec.is_entity:
        raise DefinitionError(
            f"class {spec.name}: no field identifies a row, so it is no table of its own; mark one or more as PrimaryKey[...], or"
            " declare it with __table__ = TableDeclaration()"
        )
    return table_name(spec.type, options=context.options)


def _require_same(owner: Definition, definition: Definition, name: QualifiedId) -> None:
    if owner is not definition:
        first, second = sorted(
            f"{each.__module__}.{getattr(each, '__qualname__', each.__name__)}" for each in (owner, definition)
        )
        raise DefinitionError(
            f"{name.display}: classes {first} and {second} have the same name; rename one of them, or give their modules"
            " different namespaces"
        )


def _referred(spec: ClassSpec, user: QualifiedId, context: Context) -> Iterator[tuple[Definition, QualifiedId]]:
    """
    :param user: Name of what the class becomes.
    :returns: What becomes an object of the catalog because the class refers to it, with the object's name.
    """
    for field in spec.fields:
        site = Site(f"{spec.name}.{field.name}", user, LocalId(field.column_name), context)
        yield from definitions(field.type, site)
    for cls in referred_classes(spec, context.options):
        yield cls, _entity_name(context.specs[cls], context)


def _refuse_recursion(spec: ClassSpec, name: QualifiedId, context: Context, path: tuple[ClassSpec, ...]) -> None:
    """:raises DefinitionError: if a class without a key contains itself, which no composite type can."""
    if spec.is_entity:
        return
    if spec in path:
        chain = " -> ".join(part.name for part in (*path, spec))
        raise DefinitionError(
            f"class {spec.name}: contains itself ({chain}); give it a key, so that fields can refer to it, or use"
            " StructMode.JSON"
        )
    for nested, nested_name in _referred(spec, name, context):
        if is_data_class(nested):
            _refuse_recursion(context.specs[nested], nested_name, context, (*path, spec))


def _form(definition: Definition, name: QualifiedId, context: Context) -> Iterator[_Object]:
    """:returns: The object of that name that the definition becomes; for a table, those of its lists as well."""
    if isinstance(definition, typing.NewType):
        yield form_domain(domain_spec(definition), name, context)
    elif issubclass(definition, enum.Enum):
        is_table = context.enum_mode(definition.__name__) is EnumMode.RELATION
        yield (form_lookup if is_table else form_enum)(definition, name, context.capabilities)
    elif context.specs[definition].is_entity:
        table = form_table(context.specs[definition], context)
        yield table
        yield from form_list_tables(context.specs[definition], table, context)
    else:
        yield form_struct(context.specs[definition], name, context)


def _namespace(name: str, objects: Sequence[_Object]) -> Namespace:
    """
    :param objects: Of all namespaces, sorted by name.
    :returns: The namespace with the objects in it.
    """
    inside = [each for each in objects if (each.name.namespace or "") == name]
    return Namespace(
        LocalId(name),
        enums=tuple(each for each in inside if isinstance(each, EnumType)),
        structs=tuple(each for each in inside if isinstance(each, StructType)),
        tables=tuple(each for each in inside if isinstance(each, Table)),
        domains=tuple(each for each in inside if isinstance(each, DomainType)),
    )
