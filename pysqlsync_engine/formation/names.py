"""Names of database objects: how they follow from Python names, and whether a server can have them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from pysqlsync_engine.capabilities import Capabilities
from pysqlsync_engine.errors import DefinitionError
from pysqlsync_engine.model.annotations import column_name as column_name
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.object_types import Catalog, Namespace, PrimaryKeyConstraint, Table, UniqueConstraint

_HASH_DIGITS = 8
"""Of a name that was shortened: 32 bits, so that two of a thousand such names in a namespace meet once in 10,000 schemas."""


@dataclass(frozen=True, slots=True)
class _Name:
    """
    A name that is about to be used.

    :param display: The object, for people.
    :param scope: What the name must be unique in.
    """

    name: str
    display: str
    scope: tuple[str, ...]


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


def object_name(
    prefix: str, table: QualifiedId, parts: Iterable[LocalId], *, capabilities: Capabilities
) -> LocalId:
    """
    :param prefix: `pk`, `fk`, `uq`, `ck` or `ix`.
    :param parts: Columns, in order; for a primary key none, for a check of the table `condition_part`.
    :returns: Name of a constraint or an index of a table for which its class says none. Where names of namespaces become
        prefixes it has that of the table, since constraints of all of them share one namespace there.
    """
    prefixed = table.name if capabilities.namespaces or not table.namespace else f"{table.namespace}__{table.name}"
    names = (part.name for part in parts)
    return LocalId(constraint_name(prefix, prefixed, *names, max_bytes=capabilities.max_identifier_bytes))


def condition_part(condition: str) -> LocalId:
    """:returns: What stands for a condition, or an expression, in the name of a constraint or an index."""
    return LocalId(hashlib.sha256(condition.encode(errors="surrogatepass")).hexdigest()[:_HASH_DIGITS])


def check_names(catalog: Catalog, capabilities: Capabilities) -> None:
    """
    Check every name before anything is executed, as servers cut names that are too long and take one for another.

    :raises DefinitionError: if a name is empty, too long, or has a NUL character; or if two objects would share one.
    """
    seen: dict[tuple[tuple[str, ...], str], str] = {}
    for name in _names(catalog):
        _check_name(name, capabilities.max_identifier_bytes)
        other = seen.setdefault((name.scope, name.name), name.display)
        if other != name.display:
            raise DefinitionError(f"{name.display}: {other} has the same name {name.name!r}; rename one of them")


def _check_name(name: _Name, max_bytes: int) -> None:
    if not name.name:
        raise DefinitionError(f"{name.display}: name is empty; give it a name")
    if "\0" in name.name:
        raise DefinitionError(f"{name.display!r}: name has a NUL character; rename it")
    try:
        size = len(name.name.encode())
    except UnicodeEncodeError as error:
        raise DefinitionError(f"{name.display!r}: name is not valid Unicode; rename it") from error
    if size > max_bytes:
        raise DefinitionError(
            f"{name.display}: name has {size} bytes, the server permits {max_bytes}; shorten it, or give a column another"
            " name with Alias"
        )


def _names(catalog: Catalog) -> Iterator[_Name]:
    for namespace in catalog.namespaces:
        if namespace.name.name:
            yield _Name(namespace.name.name, f"namespace {namespace.name.name}", ("namespace",))
        yield from _namespace_names(namespace)


def _namespace_names(namespace: Namespace) -> Iterator[_Name]:
    """
    Names within a namespace.

    Tables, types and the indexes behind keys share one scope, as they do in PostgreSQL
    (https://www.postgresql.org/docs/current/catalog-pg-class.html).
    """
    scope = ("object", namespace.name.name)
    for enum in namespace.enums:
        yield _Name(enum.name.name, f"type {enum.name.display}", scope)
    for struct in namespace.structs:
        yield _Name(struct.name.name, f"type {struct.name.display}", scope)
        for member in struct.members:
            display = f"{struct.name.display}.{member.name.name}"
            yield _Name(member.name.name, display, ("column", namespace.name.name, struct.name.name))
    for table in namespace.tables:
        yield _Name(table.name.name, f"table {table.name.display}", scope)
        yield from _table_names(table, scope)


def _table_names(table: Table, scope: tuple[str, ...]) -> Iterator[_Name]:
    """
    Names within a table.

    :param scope: Of the namespace, to which the indexes of keys belong.
    """
    inner = (*scope, table.name.name)
    for column in table.columns:
        yield _Name(column.name.name, f"{table.name.display}.{column.name.name}", ("column", *inner))
    keys = () if table.primary_key is None else (table.primary_key,)
    for constraint in (*keys, *table.constraints):
        display = f"constraint {constraint.name.name} of table {table.name.display}"
        yield _Name(constraint.name.name, display, ("constraint", *inner))
        if isinstance(constraint, PrimaryKeyConstraint | UniqueConstraint):
            yield _Name(constraint.name.name, display, scope)
