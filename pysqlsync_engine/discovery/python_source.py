"""A catalog as Python source: modules of data-classes that form the same catalog."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass

from pysqlsync_engine.discovery.python_classes import Block, write_domain, write_enum, write_struct, write_table
from pysqlsync_engine.discovery.python_declarations import Declaring, Described
from pysqlsync_engine.discovery.python_layout import is_documentable, module_text
from pysqlsync_engine.discovery.python_names import (
    RESERVED,
    ClassNames,
    by_last_part,
    choose_class_names,
    choose_field_names,
)
from pysqlsync_engine.discovery.python_prerequisites import extensions_constant, name_prerequisites
from pysqlsync_engine.discovery.python_text import Atom, Import
from pysqlsync_engine.errors import DiscoveryError
from pysqlsync_engine.model.definition import named_types
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.object_types import (
    Catalog,
    DomainType,
    EnumType,
    Namespace,
    StructType,
    Table,
)


def write_modules(catalog: Catalog, *, modules: Mapping[str, str], class_names: ClassNames = "camel") -> dict[str, str]:
    """
    Write a catalog as it was discovered, or lowered, as modules of data-classes.

    The modules form the same catalog: with `GeneratorOptions(namespaces=...)` that maps each module to its namespace, and
    lowered for the same server. Defaults, conditions and types that Python has no words for are kept in those of the server.

    :param catalog: Without lookup tables of enumerations.
    :param modules: Name of the module for each namespace of the catalog (empty for the default one). A module for a namespace
        that is missing, or empty, is empty.
    :param class_names: How classes are called.
    :returns: Source of each module, by its name; formatted with lines of up to 120 columns.
    :raises DiscoveryError: if there is no module for a namespace with something in it, or an object has no Python.
    """
    homes = _homes(catalog, modules)
    namings = {module: _naming(homes[module], module, known, class_names) for module, known in _siblings(homes)}
    tables = {name: each for naming in namings.values() for name, each in naming.tables.items()}
    return {module: _write(homes[module], namings[module], namings, tables, catalog) for module in homes}


def write_module(catalog: Catalog, *, module: str = "tables", class_names: ClassNames = "camel") -> str:
    """
    Write a catalog in which one namespace (or none) has something in it; see `write_modules`.

    :param module: Name of the module.
    :raises DiscoveryError: if there are several.
    """
    filled = [namespace.name.name for namespace in catalog.namespaces if _objects(namespace)]
    if len(filled) > 1:
        raise DiscoveryError(f"namespaces {', '.join(filled)}: one module is for one namespace; write several modules")
    return write_modules(catalog, modules={"".join(filled): module}, class_names=class_names)[module]


@dataclass(frozen=True, slots=True)
class _Naming:
    """
    What the objects of a namespace are called in Python.

    :param siblings: For each other module the name by which this one knows it.
    :param types: Name of the class of each type.
    :param tables: Class of each table.
    """

    module: str
    siblings: Mapping[str, str]
    types: Mapping[QualifiedId, str]
    tables: Mapping[QualifiedId, Described]


def _homes(catalog: Catalog, modules: Mapping[str, str]) -> dict[str, Namespace]:
    """:returns: Namespace for each module."""
    found = {namespace.name.name: namespace for namespace in catalog.namespaces}
    homes: dict[str, Namespace] = {}
    for name, module in modules.items():
        if module in homes:
            raise DiscoveryError(f"module {module}: has two namespaces; give each namespace a module of its own")
        if not all(part.isidentifier() for part in module.split(".")):
            raise DiscoveryError(f"module {module!r}: cannot be imported; give it a name of Python's")
        homes[module] = found.get(name, Namespace(name=LocalId(name)))
    for name, namespace in found.items():
        if name not in modules and _objects(namespace):
            raise DiscoveryError(f"namespace {name!r}: there is no module for it; add one to modules")
    return homes


def _objects(namespace: Namespace) -> tuple[EnumType | StructType | DomainType | Table, ...]:
    return (*namespace.tables, *namespace.enums, *namespace.structs, *namespace.domains)


def _siblings(homes: Iterable[str]) -> Iterator[tuple[str, Mapping[str, str]]]:
    for module in homes:
        yield module, by_last_part(other for other in homes if other != module)


def _naming(namespace: Namespace, module: str, siblings: Mapping[str, str], style: ClassNames) -> _Naming:
    kinds: dict[QualifiedId, str] = {
        **{table.name: "Table" for table in namespace.tables},
        **{enum.name: "Enum" for enum in namespace.enums},
        **{struct.name: "Type" for struct in namespace.structs},
        **{domain.name: "Domain" for domain in namespace.domains},
    }
    local = {name: local_name(name, namespace) for name in kinds}
    chosen = choose_class_names(
        ((local[name], kind) for name, kind in kinds.items()), style=style, taken=frozenset(siblings.values())
    )
    names = {name: chosen[local[name]] for name in kinds}
    taken = {*RESERVED, *siblings.values(), *names.values()}
    tables = {
        table.name: Described(module, names[table.name], table, choose_field_names(table.column_names, taken))
        for table in namespace.tables
    }
    types = {name: names[name] for name, kind in kinds.items() if kind != "Table"}
    return _Naming(module, siblings, types, tables)


def local_name(name: QualifiedId, namespace: Namespace) -> str:
    """:returns: Name of an object as its class has it: without the prefix that stands for the namespace, if there is one."""
    if name.namespace is None and namespace.name.name:
        return name.name.removeprefix(f"{namespace.name.name}__")
    return name.name


def _write(
    namespace: Namespace,
    naming: _Naming,
    namings: Mapping[str, _Naming],
    tables: Mapping[QualifiedId, Described],
    catalog: Catalog,
) -> str:
    """
    :returns: Source of the module of a namespace.
    :raises DiscoveryError: if there is a lookup table in it.
    """
    _refuse_lookup_tables(namespace)
    classes = _type_names(naming, namings)
    late = _late_type_names(naming, namings)
    taken = {*RESERVED, *naming.siblings.values(), *naming.types.values()}
    blocks = list(_type_blocks(namespace, naming, classes, taken))
    all_names = {*taken, *(table.class_name for table in naming.tables.values())}
    requirements = name_prerequisites(catalog.prerequisites, (*namespace.domains, *namespace.tables), all_names)
    for each in requirements.used:
        blocks.insert(0, Block(*requirements.constant(each)))
    classes_late, outside = late
    blocks += [
        write_domain(
            domain,
            naming.types[domain.name],
            local_name(domain.name, namespace),
            classes_late,
            outside=outside,
            requirements=requirements,
        )
        for domain in _by_base(namespace.domains)
    ]
    defined: set[str] = set()
    for table in _by_reference(namespace.tables):
        own = naming.tables[table.name]
        declaring = Declaring(own, tables, frozenset(defined))
        blocks.append(write_table(declaring, local_name(table.name, namespace), classes, requirements))
        defined.add(own.class_name)
    if blocks and catalog.extensions:
        blocks.insert(0, Block(*extensions_constant(catalog.extensions)))
    name = namespace.name.name
    shown = f"Tables of {name}." if is_documentable(name) and '"' not in name else "Tables of the database."
    imports = frozenset(each for block in blocks for each in block.imports)
    return module_text(shown, imports, (block.text for block in blocks), naming.siblings)


def _type_blocks(
    namespace: Namespace, naming: _Naming, classes: Mapping[QualifiedId, Atom], taken: Set[str]
) -> Iterator[Block]:
    """
    :param taken: Names that no field may have.
    :returns: The classes of enumerations and composite types.
    """
    for enum in namespace.enums:
        yield write_enum(enum, naming.types[enum.name], local_name(enum.name, namespace))
    for struct in namespace.structs:
        fields = choose_field_names((member.name.name for member in struct.members), taken)
        yield write_struct(struct, naming.types[struct.name], local_name(struct.name, namespace), fields, classes)


def _refuse_lookup_tables(namespace: Namespace) -> None:
    for table in namespace.tables:
        if table.labels is not None:
            raise DiscoveryError(
                f"{table.name.display}: is the lookup table of an enumeration; discover the database without its lookup tables"
            )


def _type_names(naming: _Naming, namings: Mapping[str, _Naming]) -> dict[QualifiedId, Atom]:
    """:returns: What one module calls the types of all modules."""
    names: dict[QualifiedId, Atom] = {}
    for module, other in namings.items():
        for name, class_name in other.types.items():
            if module == naming.module:
                names[name] = Atom(class_name)
            else:
                names[name] = Atom(f"{naming.siblings[module]}.{class_name}", frozenset({Import(module)}))
    return names


def _late_type_names(
    naming: _Naming, namings: Mapping[str, _Naming]
) -> tuple[dict[QualifiedId, Atom], frozenset[QualifiedId]]:
    """:returns: What a module calls the types of all modules where it may not have imported them yet; those of others."""
    names: dict[QualifiedId, Atom] = {}
    for module, other in namings.items():
        prefix = "" if module == naming.module else f"{module}."
        names |= {name: Atom(f"{prefix}{class_name}") for name, class_name in other.types.items()}
    return names, frozenset(names.keys() - naming.types.keys())


def _by_base(domains: Iterable[DomainType]) -> list[DomainType]:
    """:returns: The domains, each after the one that it is made of."""
    pending = {domain.name: domain for domain in domains}
    ordered: list[DomainType] = []

    def visit(domain: DomainType) -> None:
        del pending[domain.name]
        for name in sorted(named_types(domain.data_type) & pending.keys()):
            visit(pending[name])
        ordered.append(domain)

    while pending:
        visit(next(iter(pending.values())))
    return ordered


def _by_reference(tables: Iterable[Table]) -> list[Table]:
    """:returns: The tables, each after those that it refers to; where they refer to each other, some after that."""
    pending = {table.name: table for table in tables}
    ordered: list[Table] = []

    def visit(table: Table) -> None:
        del pending[table.name]
        for name in dict.fromkeys(key.referenced_table for key in table.foreign_keys):
            if name in pending:
                visit(pending[name])
        ordered.append(table)

    while pending:
        visit(next(iter(pending.values())))
    return ordered
