"""The catalog that data-classes describe."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping, Sequence

from pysqlsync_engine.capabilities import Capabilities
from pysqlsync_engine.errors import DefinitionError
from pysqlsync_engine.formation.enums import form_enum, form_lookup, select_enum_mode
from pysqlsync_engine.formation.inspection import ClassSpec, inspect_class, is_data_class
from pysqlsync_engine.formation.names import check_names
from pysqlsync_engine.formation.namespaces import table_name, type_name, unify_default
from pysqlsync_engine.formation.tables import Context, form_struct, form_table
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.object_types import Catalog, EnumType, Namespace, StructType, Table
from pysqlsync_engine.options import EnumMode, GeneratorOptions

__all__ = ["form_catalog", "table_name"]


def form_catalog(classes: Sequence[type], *, options: GeneratorOptions, capabilities: Capabilities) -> Catalog:
    """
    Form the catalog that data-classes describe, in terms that are the same for all dialects; `lower` makes them a server's.

    :param classes: Data-classes with a primary key, in any order. What they refer to, enforced or not, takes part as well:
        other such classes, enumerations, and classes without a key that are the type of a field.
    :param options: How classes become tables.
    :param capabilities: What the server can do.
    :returns: Objects sorted by name. The default namespace has an empty name.
    :raises DefinitionError: if the classes describe no schema.
    :raises UnsupportedError: if the server cannot have what they describe.
    """
    options = unify_default(options, capabilities)
    owners, specs = _gather(classes, options, capabilities)
    context = Context(options, capabilities, specs)
    formed = [_form(cls, name, context) for name, cls in sorted(owners.items())]
    namespaces = sorted({name.namespace or "" for name in owners})
    catalog = Catalog(tuple(_namespace(namespace, formed) for namespace in namespaces))
    check_names(catalog, capabilities)
    return catalog


def _gather(
    classes: Sequence[type], options: GeneratorOptions, capabilities: Capabilities
) -> tuple[Mapping[QualifiedId, type], Mapping[type, ClassSpec]]:
    """
    Follow references, starting from classes.

    :returns: The class that each object of the catalog comes from; and each data-class among them, inspected.
    """
    owners: dict[QualifiedId, type] = {}
    specs = _Specs()
    pending = [(cls, _entity_name(specs[cls], options)) for cls in classes]
    while pending:
        cls, name = pending.pop()
        if name in owners:
            _require_same(owners[name], cls, name)
            continue
        owners[name] = cls
        if is_data_class(cls):
            pending.extend(_referred(specs[cls], name, specs, options=options, capabilities=capabilities))
    for spec in list(specs.values()):
        _refuse_recursion(spec, specs, ())
    return owners, specs


class _Specs(dict[type, ClassSpec]):
    """Data-classes as far as references have been followed; each is inspected once, as that is what takes the time."""

    def __missing__(self, cls: type) -> ClassSpec:
        spec = self[cls] = inspect_class(cls)
        return spec


def _entity_name(spec: ClassSpec, options: GeneratorOptions) -> QualifiedId:
    if not spec.key:
        raise DefinitionError(
            f"class {spec.name}: no field identifies a row, so it is no table of its own; mark one or more as PrimaryKey[...]"
        )
    return table_name(spec.type, options=options)


def _require_same(owner: type, cls: type, name: QualifiedId) -> None:
    if owner is not cls:
        first, second = sorted(f"{c.__module__}.{c.__qualname__}" for c in (owner, cls))
        raise DefinitionError(
            f"{name.display}: classes {first} and {second} have the same name; rename one of them, or give their modules"
            " different namespaces"
        )


def _referred(
    spec: ClassSpec,
    user: QualifiedId,
    specs: Mapping[type, ClassSpec],
    *,
    options: GeneratorOptions,
    capabilities: Capabilities,
) -> Iterator[tuple[type, QualifiedId]]:
    """
    :param user: Name of what the class becomes.
    :returns: Each class that becomes an object of the catalog because a field has it as type, with the object's name.
    """
    for field in spec.fields:
        leaf = field.type.leaf
        if leaf.enum_class is not None:
            mode = select_enum_mode(options.enum_mode, capabilities, f"{spec.name}.{field.name}")
            if mode is not EnumMode.CHECK:
                yield leaf.enum_class, type_name(leaf.enum_class, user=user, options=options)
        elif (cls := leaf.data_class) is not None:
            is_entity = bool(specs[cls].key)
            yield cls, table_name(cls, options=options) if is_entity else type_name(cls, user=user, options=options)


def _refuse_recursion(spec: ClassSpec, specs: Mapping[type, ClassSpec], path: tuple[ClassSpec, ...]) -> None:
    """:raises DefinitionError: if a class without a key contains itself, which no composite type can."""
    if spec.key:
        return
    if spec in path:
        chain = " -> ".join(part.name for part in (*path, spec))
        raise DefinitionError(
            f"class {spec.name}: contains itself ({chain}); give it a key, so that fields can refer to it"
        )
    for field in spec.fields:
        nested = field.type.leaf.data_class
        if nested is not None:
            _refuse_recursion(specs[nested], specs, (*path, spec))


def _form(cls: type, name: QualifiedId, context: Context) -> EnumType | StructType | Table:
    """:returns: The object of that name that the class becomes."""
    if issubclass(cls, enum.Enum):
        is_table = context.enum_mode(cls.__name__) is EnumMode.RELATION
        return (form_lookup if is_table else form_enum)(cls, name, context.capabilities)
    spec = context.specs[cls]
    return form_table(spec, context) if spec.key else form_struct(spec, name, context)


def _namespace(name: str, objects: Sequence[EnumType | StructType | Table]) -> Namespace:
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
    )
