"""Names of database objects: how they follow from Python names, and whether a server can have them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pysqlsync_engine.capabilities import Capabilities
from pysqlsync_engine.errors import DefinitionError
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.object_types import (
    Catalog,
    ExclusionConstraint,
    ForeignKeyConstraint,
    Namespace,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
)

_HASH_DIGITS = 8
"""Of a name that was shortened: 32 bits, so that two of a thousand such names in a namespace meet once in 10,000 schemas."""


@dataclass(frozen=True, slots=True)
class _Name:
    """
    A name that is about to be used.

    :param display: The object, for people.
    :param scopes: What the name must be unique in.
    """

    name: str
    display: str
    scopes: tuple[tuple[str, ...], ...]


def constraint_name(prefix: str, *parts: str, max_bytes: int) -> str:
    """
    Derive the name of a constraint: `fk_flights_carrier`.

    :returns: The parts joined; a name that would be too long is cut, and ends in a hash of what it stands for.
    """
    name = "_".join((prefix, *parts))
    if len(name.encode()) <= max_bytes:
        return name
    digest = hashlib.sha256("\0".join((prefix, *parts)).encode()).hexdigest()[:_HASH_DIGITS]
    kept = name.encode()[: max_bytes - _HASH_DIGITS - 1].decode(errors="ignore")
    return f"{kept}_{digest}"


def object_name(prefix: str, table: QualifiedId, parts: Iterable[LocalId], *, capabilities: Capabilities) -> LocalId:
    """
    :param prefix: `pk`, `fk`, `uq`, `ck` or `ix`.
    :param parts: Columns, in order; for a primary key none, for a check of the table `condition_part`.
    :returns: Name of a constraint or an index of a table for which its class says none. Where names of namespaces become
        prefixes it has that of the table, since constraints of all of them share one namespace there.
    """
    names = (prefixed_name(table, capabilities), *(part.name for part in parts))
    return LocalId(constraint_name(prefix, *names, max_bytes=capabilities.max_identifier_bytes))


def prefixed_name(table: QualifiedId, capabilities: Capabilities) -> str:
    """:returns: Name of the table within its namespace, or within the database where names of namespaces become prefixes."""
    return table.name if capabilities.namespaces or not table.namespace else f"{table.namespace}__{table.name}"


def lowered_name(name: QualifiedId, capabilities: Capabilities) -> QualifiedId:
    """:returns: What a table is called once its catalog is lowered for a server of these capabilities."""
    if not capabilities.namespaces:
        return QualifiedId(None, prefixed_name(name, capabilities))
    return QualifiedId(name.namespace or capabilities.default_namespace, name.name)


def condition_part(condition: str) -> LocalId:
    """:returns: What stands for a condition, or an expression, in the name of a constraint or an index."""
    return LocalId(hashlib.sha256(condition.encode(errors="surrogatepass")).hexdigest()[:_HASH_DIGITS])


def check_names(catalog: Catalog, capabilities: Capabilities) -> None:
    """
    Check every name before anything is executed, as servers cut names that are too long and take one for another.

    :param catalog: As formed, or as lowered for the server.
    :raises DefinitionError: if a name is empty, too long, or has a NUL character; or if two objects would share one.
    """
    seen: dict[tuple[tuple[str, ...], str], str] = {}
    for name in _Names(capabilities).of_catalog(catalog):
        _check_name(name, capabilities)
        for scope in name.scopes:
            other = seen.setdefault(
                (scope, name.name if capabilities.namespaces else name.name.casefold()), name.display
            )
            if other != name.display:
                raise DefinitionError(f"{name.display}: {other} has the same name {name.name!r}; rename one of them")


def _check_name(name: _Name, capabilities: Capabilities) -> None:
    if not name.name:
        raise DefinitionError(f"{name.display}: name is empty; give it a name")
    if "\0" in name.name:
        raise DefinitionError(f"{name.display!r}: name has a NUL character; rename it")
    try:
        size = len(name.name.encode())
    except UnicodeEncodeError as error:
        raise DefinitionError(f"{name.display!r}: name is not valid Unicode; rename it") from error
    unit, limit = "bytes", capabilities.max_identifier_bytes
    if capabilities.identifiers_in_characters:
        unit, size = "characters", len(name.name)
    if size > limit:
        raise DefinitionError(
            f"{name.display}: name has {size} {unit}, the server permits {limit}; shorten it, or give a column another"
            " name with Alias"
        )


@dataclass(frozen=True, slots=True)
class _Names:
    """
    Lists the names of a catalog.

    Where there are namespaces, tables, composite types and indexes (those behind keys too) share one scope, tables and all
    types another (https://www.postgresql.org/docs/current/catalog-pg-class.html, catalog-pg-type.html). Where there are none,
    indexes belong to their table and foreign keys to the database
    (https://dev.mysql.com/doc/refman/8.4/en/create-table-foreign-keys.html).
    """

    capabilities: Capabilities

    def of_catalog(self, catalog: Catalog) -> Iterator[_Name]:
        for namespace in catalog.namespaces:
            if namespace.name.name and self.capabilities.namespaces:
                yield _Name(namespace.name.name, f"namespace {namespace.name.name}", (("namespace",),))
            yield from self._of_namespace(namespace)

    def _of_namespace(self, namespace: Namespace) -> Iterator[_Name]:
        home = namespace.name.name if self.capabilities.namespaces else ""
        relation, kind = ("relation", home), ("type", home)
        # where there are no namespaces, there are no types with a name of their own either
        for enum in namespace.enums if self.capabilities.namespaces else ():
            yield _Name(enum.name.name, f"type {enum.name.display}", (kind,))
        for domain in namespace.domains:
            yield _Name(domain.name.name, f"type {domain.name.display}", (kind,))
            for check in domain.constraints:
                display = f"constraint {check.name.name} of type {domain.name.display}"
                yield _Name(check.name.name, display, (("domain", home, domain.name.name),))
        for struct in namespace.structs:
            yield _Name(struct.name.name, f"type {struct.name.display}", (relation, kind))
            for member in struct.members:
                display = f"{struct.name.display}.{member.name.name}"
                yield _Name(member.name.name, display, (("member", home, struct.name.name),))
        for table in namespace.tables:
            name = prefixed_name(table.name, self.capabilities)
            yield _Name(name, f"table {table.name.display}", (relation, kind))
            yield from self._of_table(table, home, name)

    def _of_table(self, table: Table, home: str, name: str) -> Iterator[_Name]:
        columns, constraints = (("column", home, name), ("constraint", home, name))
        indexes = ("index", home, name) if self.capabilities.index_names_per_table else ("relation", home)
        for column in table.columns:
            yield _Name(column.name.name, f"{table.name.display}.{column.name.name}", (columns,))
        keys = () if table.primary_key is None else (table.primary_key,)
        for constraint in (*keys, *table.constraints):
            scopes: tuple[tuple[str, ...], ...] = (constraints,)
            if isinstance(constraint, PrimaryKeyConstraint | UniqueConstraint | ExclusionConstraint):
                scopes = (constraints, indexes)
            elif isinstance(constraint, ForeignKeyConstraint) and not self.capabilities.namespaces:
                scopes = (("foreign key",),)
            display = f"constraint {constraint.name.name} of table {table.name.display}"
            yield _Name(constraint.name.name, display, scopes)
        for index in table.indexes:
            yield _Name(index.name.name, f"index {index.name.name} of table {table.name.display}", (indexes,))
