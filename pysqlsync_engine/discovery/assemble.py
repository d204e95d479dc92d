"""Flat rows to a catalog."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TypeVar

from pysqlsync_engine.discovery.reader import (
    CatalogRows,
    ColumnRow,
    ConstraintRow,
    IndexRow,
    LabelRow,
    MemberRow,
    NamedRow,
    namespace_of,
)
from pysqlsync_engine.errors import DiscoveryError
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.object_types import (
    Catalog,
    Constraint,
    DomainType,
    EnumType,
    Namespace,
    PrimaryKeyConstraint,
    StructType,
    Table,
)

T = TypeVar("T")


def assemble(rows: CatalogRows) -> Catalog:
    """
    Make a catalog of what was read.

    :returns: Namespaces, types, tables and constraints sorted by name; columns, members and labels by position.
    :raises DiscoveryError: if rows contradict each other; names the object.
    """
    enums = _make_enums(rows)
    structs = _make_structs(rows)
    domains: dict[QualifiedId, DomainType] = {d.name: d for d in sorted(rows.domains, key=lambda domain: domain.name)}
    tables = _make_tables(rows)
    homes = {name: _home(name, rows) for name in (*enums, *structs, *domains, *tables)}
    return Catalog(
        tuple(
            Namespace(
                LocalId(name),
                enums=_within(name, enums, homes),
                structs=_within(name, structs, homes),
                tables=_within(name, tables, homes),
                domains=_within(name, domains, homes),
            )
            for name in sorted(rows.namespaces)
        ),
        unmanaged=tuple(sorted(rows.unmanaged)),
        extensions=rows.extensions,
        prerequisites=tuple(sorted(rows.prerequisites)),
    )


def _make_enums(rows: CatalogRows) -> dict[QualifiedId, EnumType]:
    enums = _described(rows.enums, "type")
    labels = _group(((row.owner, row) for row in rows.enum_labels), enums, "label")
    return {name: EnumType(name, _ordered(labels[name]), description) for name, description in enums.items()}


def _make_structs(rows: CatalogRows) -> dict[QualifiedId, StructType]:
    structs = _described(rows.structs, "type")
    members = _group(((row.struct, row) for row in rows.members), structs, "member")
    return {
        name: StructType(name, tuple(row.member for row in _by_position(members[name])), description)
        for name, description in structs.items()
    }


def _make_tables(rows: CatalogRows) -> dict[QualifiedId, Table]:
    _described((NamedRow(table.name, table.description) for table in rows.tables), "table")
    tables = {table.name: table for table in sorted(rows.tables, key=lambda table: table.name)}
    columns = _group(((row.table, row) for row in rows.columns), tables, "column")
    constraints = _group(((row.table, row) for row in rows.constraints), tables, "constraint")
    indexes = _group(((row.table, row) for row in rows.indexes), tables, "index")
    lookups = dict.fromkeys(rows.lookups)
    labels = _group(((row.owner, row) for row in rows.lookup_labels), lookups, "label")
    return {
        name: replace(
            _make_table(table, columns[name], constraints[name], indexes[name]),
            labels=_ordered(labels[name]) if name in labels else None,
        )
        for name, table in tables.items()
    }


def _make_table(
    table: Table,
    columns: Iterable[ColumnRow],
    constraints: Iterable[ConstraintRow],
    indexes: Iterable[IndexRow],
) -> Table:
    keys: list[PrimaryKeyConstraint] = []
    others: list[Constraint] = []
    for constraint in (item.constraint for item in constraints):
        if isinstance(constraint, PrimaryKeyConstraint):
            keys.append(constraint)
        else:
            others.append(constraint)
    if len(keys) > 1:
        listed = ", ".join(key.name.name for key in keys)
        raise DiscoveryError(f"table {table.name.display}: several primary keys: {listed}; please report this")
    return replace(
        table,
        columns=tuple(item.column for item in _by_position(columns)),
        primary_key=keys[0] if keys else None,
        constraints=tuple(sorted(others, key=lambda constraint: constraint.name)),
        indexes=tuple(sorted((item.index for item in indexes), key=lambda index: index.name)),
    )


def _described(rows: Iterable[NamedRow], kind: str) -> dict[QualifiedId, str | None]:
    """:returns: Comment of each object, by name and sorted by it."""
    described: dict[QualifiedId, str | None] = {}
    for row in sorted(rows, key=lambda row: row.name):
        if row.name in described:
            raise DiscoveryError(f"{kind} {row.name.display}: was read twice; please report this")
        described[row.name] = row.description
    return described


def _group(
    pairs: Iterable[tuple[QualifiedId, T]], owners: Mapping[QualifiedId, object], kind: str
) -> dict[QualifiedId, list[T]]:
    """:returns: What belongs to each owner; an empty list for an owner to which nothing does."""
    grouped: dict[QualifiedId, list[T]] = {name: [] for name in owners}
    for owner, item in pairs:
        if owner not in grouped:
            raise DiscoveryError(
                f"{owner.display}: a {kind} was read, but not the object that it belongs to; the schema may have been changed"
                " while it was read, try again"
            )
        grouped[owner].append(item)
    return grouped


_Positioned = TypeVar("_Positioned", ColumnRow, MemberRow, LabelRow)


def _by_position(rows: Iterable[_Positioned]) -> list[_Positioned]:
    return sorted(rows, key=lambda row: row.position)


def _ordered(rows: Iterable[LabelRow]) -> tuple[str, ...]:
    return tuple(row.label for row in _by_position(rows))


def _within(namespace: str, objects: Mapping[QualifiedId, T], homes: Mapping[QualifiedId, str | None]) -> tuple[T, ...]:
    return tuple(item for name, item in objects.items() if homes[name] == namespace)


def _home(name: QualifiedId, rows: CatalogRows) -> str | None:
    """
    :returns: The namespace that an object is in.
    :raises DiscoveryError: if it is none of those that were read.
    """
    home = namespace_of(name.name, rows.namespaces) if rows.prefixed else name.namespace
    if home not in rows.namespaces:
        raise DiscoveryError(f"{name.display}: was read, but not its namespace; please report this")
    return home
