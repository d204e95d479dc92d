"""Catalogs as a whole: their objects by name, what refers to what, and which part of a catalog a comparison is about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Protocol, TypeAlias, TypeVar

from pysqlsync_engine.model.definition import types_of
from pysqlsync_engine.model.id_types import QualifiedId
from pysqlsync_engine.model.object_types import Catalog, DomainType, EnumType, Namespace, StructType, Table

CatalogObject: TypeAlias = EnumType | StructType | DomainType | Table
"""What a namespace holds."""


class _Named(Protocol):
    @property
    def name(self) -> QualifiedId: ...


NamedT = TypeVar("NamedT", bound=_Named)


def by_name(subjects: Iterable[NamedT]) -> dict[QualifiedId, NamedT]:
    """:returns: Objects by their names."""
    return {subject.name: subject for subject in subjects}


def enums_of(catalog: Catalog) -> dict[QualifiedId, EnumType]:
    """:returns: Enumeration types by name."""
    return by_name(enum for namespace in catalog.namespaces for enum in namespace.enums)


def structs_of(catalog: Catalog) -> dict[QualifiedId, StructType]:
    """:returns: Composite types by name."""
    return by_name(struct for namespace in catalog.namespaces for struct in namespace.structs)


def domains_of(catalog: Catalog) -> dict[QualifiedId, DomainType]:
    """:returns: Domains by name."""
    return by_name(domain for namespace in catalog.namespaces for domain in namespace.domains)


def tables_of(catalog: Catalog) -> dict[QualifiedId, Table]:
    """:returns: Tables by name."""
    return by_name(catalog.tables())


def objects_of(catalog: Catalog) -> Iterator[CatalogObject]:
    """:returns: All objects of the catalog."""
    for namespace in catalog.namespaces:
        yield from namespace.enums
        yield from namespace.structs
        yield from namespace.domains
        yield from namespace.tables


def scoped(source: Catalog, target: Catalog, keep: Sequence[str], hinted: Iterable[QualifiedId] = ()) -> Catalog:
    """
    Leave out what a comparison is not about.

    :param keep: Patterns of qualified names of objects that stay although the target does not have them.
    :param hinted: Names that objects of the target may have had; these objects take part.
    :returns: The source without namespaces that the target does not mention, without what is kept, and without what the kept
        refer to.
    """
    scope = {namespace.name for namespace in target.namespaces}
    namespaces = [namespace for namespace in source.namespaces if namespace.name in scope]
    wanted = {subject.name for subject in objects_of(target)} | set(hinted)
    undeclared = {
        subject.name: subject for subject in objects_of(Catalog(tuple(namespaces))) if subject.name not in wanted
    }
    kept: set[QualifiedId] = set()
    pending = [name for name in undeclared if any(fnmatchcase(name.display, pattern) for pattern in keep)]
    while pending:
        name = pending.pop()
        if name in undeclared and name not in kept:
            kept.add(name)
            pending.extend(_references(undeclared[name]))
    return Catalog(tuple(_without(namespace, kept) for namespace in namespaces))


def _without(namespace: Namespace, names: set[QualifiedId]) -> Namespace:
    return replace(
        namespace,
        enums=tuple(enum for enum in namespace.enums if enum.name not in names),
        structs=tuple(struct for struct in namespace.structs if struct.name not in names),
        tables=tuple(table for table in namespace.tables if table.name not in names),
        domains=tuple(domain for domain in namespace.domains if domain.name not in names),
    )


def _references(subject: CatalogObject) -> frozenset[QualifiedId]:
    """:returns: Names of tables and types without which the object could not be."""
    keys = subject.foreign_keys if isinstance(subject, Table) else ()
    return types_of(subject) | {key.referenced_table for key in keys}
