"""Hints that an object had another name: which of them apply, and the catalog once its objects have their new names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TypeVar

from pysqlsync_engine.migration.catalogs import enums_of, scoped, tables_of
from pysqlsync_engine.migration.mentions import rename_in, rename_labels_in, spellings
from pysqlsync_engine.migration.operations import (
    AlterEnum,
    AlterTable,
    Operation,
    RenameColumn,
    RenameTable,
    RenameType,
)
from pysqlsync_engine.model.data_types import SqlArray, SqlNamed, SqlType
from pysqlsync_engine.model.id_types import LocalId, QualifiedId, quote_ansi
from pysqlsync_engine.model.object_types import (
    Catalog,
    CheckConstraint,
    Column,
    Constraint,
    DomainType,
    ExclusionConstraint,
    ForeignKeyConstraint,
    Index,
    IndexPart,
    Namespace,
    PrimaryKeyConstraint,
    StructType,
    Table,
    UniqueConstraint,
)

NameT = TypeVar("NameT", LocalId, QualifiedId)
_COMMON = frozenset(each.name for each in fields(Table))


@dataclass(frozen=True, slots=True)
class Renaming:
    """
    What is to have another name.

    :param catalog: The source with new names everywhere, as far as it takes part in the comparison.
    :param originals: Tables as they are, by their new names.
    :param operations: Renames, in an order in which each new name is free.
    :param warnings: Hints that were not followed, a line each.
    """

    catalog: Catalog
    originals: Mapping[QualifiedId, Table]
    operations: tuple[Operation, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Names:
    """New names by former ones; columns by the former name of their table."""

    tables: Mapping[QualifiedId, QualifiedId]
    types: Mapping[QualifiedId, QualifiedId]
    columns: Mapping[QualifiedId, Mapping[LocalId, LocalId]]
    labels: Mapping[QualifiedId, Mapping[str, str]] = field(default_factory=dict[QualifiedId, Mapping[str, str]])

    def expression(self, text: str, columns: Mapping[LocalId, LocalId]) -> str:
        """:returns: An expression with new names of columns, and of types in casts."""
        renamed = rename_in(text, columns)
        for before, after in self.types.items():
            spelled = "|".join(re.escape(each) for each in spellings(before))
            renamed = re.sub(rf'::(?:{spelled})(?![\w."])', f"::{_spelling(after, renamed, before)}", renamed)
        for name, labels in self.labels.items():
            renamed = rename_labels_in(renamed, name, labels)
        return renamed

    def data_type(self, data_type: SqlType) -> SqlType:
        """:returns: A type, in terms of new names."""
        match data_type:
            case SqlNamed(name=name):
                return SqlNamed(self.types.get(name, name))
            case SqlArray(element=element):
                return SqlArray(self.data_type(element))
            case _:
                return data_type


def find_renames(source: Catalog, target: Catalog, keep: Sequence[str]) -> Renaming:
    """
    Tell which objects have another name than they are to have.

    A hint applies if there is nothing of the new name yet, and the former name is not wanted otherwise.

    :param keep: See `scoped`.
    """
    warnings: list[str] = []
    former_names = (name for subject in (*target.tables(), *enums_of(target).values()) for name in subject.renamed_from)
    present = scoped(source, target, keep, former_names)
    before, after = tables_of(present), tables_of(target)
    # hints of the table of a list follow from those of its owner
    lists = frozenset(name for name, table in after.items() if table.list_items is not None)
    hints = {t.name: t.renamed_from for t in after.values()}
    tables = _resolve(before, hints, "table", _display, warnings, silent=lists)
    enums, wanted = enums_of(present), enums_of(target)
    types = _resolve(enums, {e.name: e.renamed_from for e in wanted.values()}, "enum", _display, warnings)
    columns: dict[QualifiedId, dict[LocalId, LocalId]] = {}
    for name, table in before.items():
        counterpart = after.get(tables.get(name, name))
        if counterpart is not None:
            columns[name] = _renamed_columns(table, counterpart, [] if counterpart.name in lists else warnings)
    names = _Names(tables, types, columns)
    # what was only a hint, and is not followed, is undeclared again
    remaining = scoped(source, target, keep, (*tables, *types))
    catalog = _renamed_catalog(remaining, names)
    originals = {tables.get(name, name): table for name, table in tables_of(remaining).items()}
    return Renaming(catalog, originals, tuple(_operations(remaining, names)), tuple(warnings))


def with_renamed_labels(catalog: Catalog, enums: Iterable[AlterEnum]) -> Catalog:
    """:returns: The catalog with new names of labels in all expressions; the enumerations themselves are as they were."""
    labels = {enum.target.name: dict(enum.renamed_labels) for enum in enums if enum.renamed_labels}
    if not labels:
        return catalog
    names = _Names({}, {}, {}, labels)
    return Catalog(tuple(_renamed_namespace(namespace, names) for namespace in catalog.namespaces))


def _display(name: QualifiedId) -> str:
    return name.display


def _renamed_columns(source: Table, target: Table, warnings: list[str]) -> dict[LocalId, LocalId]:
    hints = {column.name: column.renamed_from for column in target.columns}
    present = {column.name: column for column in source.columns}
    return _resolve(present, hints, "column", lambda name: f"{target.name.display}.{name.name}", warnings)


def _resolve(
    present: Mapping[NameT, object],
    hints: Mapping[NameT, tuple[NameT, ...]],
    kind: str,
    display: Callable[[NameT], str],
    warnings: list[str],
    *,
    silent: frozenset[NameT] = frozenset(),
) -> dict[NameT, NameT]:
    """
    :param present: What there is.
    :param hints: Former names of what there is to be.
    :param silent: Names of which nothing is to be said if their hints are of no use.
    :returns: New names by former ones.
    """
    chosen: dict[NameT, NameT] = {}
    for name in hints:
        if name not in present:
            _follow(name, present, hints, chosen, frozenset())
    taken = frozenset(chosen.values())
    for name, former in hints.items():
        if former and name not in taken | silent:
            reason = _reason(name, [each for each in former if each in present], present, display)
            if reason is not None:
                warnings.append(f"{kind} {display(name)}: not renamed from {former[0].name}, {reason}")
    return chosen


def _follow(
    name: NameT,
    present: Mapping[NameT, object],
    hints: Mapping[NameT, tuple[NameT, ...]],
    chosen: dict[NameT, NameT],
    seen: frozenset[NameT],
) -> bool:
    """:returns: True if an object gets the name by a rename, which is remembered; the former name must be free by then."""
    if name in chosen.values():
        return True
    for former in hints.get(name, ()):
        usable = former in present and former not in seen and former not in chosen
        if usable and (former not in hints or _follow(former, present, hints, chosen, seen | {name})):
            chosen[former] = name
            return True
    return False


def _reason(
    name: NameT, there: Sequence[NameT], present: Mapping[NameT, object], display: Callable[[NameT], str]
) -> str | None:
    """:returns: Why a hint was not followed; `None` if nothing is to be said of it, as nothing of that name was ever there."""
    if name in present:
        return f"as {display(there[0])} exists as well" if there else "as it has its name already; remove the hint"
    return f"as {display(there[0])} is described as well" if there else None


def _operations(source: Catalog, names: _Names) -> Iterator[Operation]:
    enums = enums_of(source)
    for before, after in _in_order(names.types):
        yield RenameType(enums[before], after)
    for before, after in _in_order(names.tables):
        yield RenameTable(before, after)
    for table in source.tables():
        columns = names.columns.get(table.name, {})
        if columns:
            changes = tuple(RenameColumn(before, after) for before, after in _in_order(columns))
            moved = _renamed_table(table, _Names(names.tables, names.types, {}))
            yield AlterTable(moved, _renamed_table(table, names), changes)


def _in_order(names: Mapping[NameT, NameT]) -> Iterator[tuple[NameT, NameT]]:
    """:returns: Renames in an order in which each new name is free; names never go round in a circle."""
    pending = dict(names)
    while pending:
        former = next(each for each, name in pending.items() if name not in pending)
        yield former, pending.pop(former)


def _renamed_catalog(catalog: Catalog, names: _Names) -> Catalog:
    if not names.tables and not names.types and not any(names.columns.values()):
        return catalog
    return Catalog(tuple(_renamed_namespace(namespace, names) for namespace in catalog.namespaces))


def _renamed_namespace(namespace: Namespace, names: _Names) -> Namespace:
    enums = (replace(enum, name=names.types.get(enum.name, enum.name)) for enum in namespace.enums)
    tables = (_renamed_table(table, names) for table in namespace.tables)
    return Namespace(
        namespace.name,
        tuple(sorted(enums, key=lambda enum: enum.name)),
        tuple(_renamed_struct(struct, names) for struct in namespace.structs),
        tuple(sorted(tables, key=lambda table: table.name)),
        tuple(_renamed_domain(domain, names) for domain in namespace.domains),
    )


def _renamed_struct(struct: StructType, names: _Names) -> StructType:
    return replace(struct, members=tuple(replace(m, data_type=names.data_type(m.data_type)) for m in struct.members))


def _renamed_domain(domain: DomainType, names: _Names) -> DomainType:
    return replace(domain, data_type=names.data_type(domain.data_type))


def _renamed_table(table: Table, names: _Names) -> Table:
    columns = names.columns.get(table.name, {})
    options = {
        extra.name: rename_in(value, columns)
        for extra in fields(table)
        if extra.name not in _COMMON and isinstance(value := getattr(table, extra.name), str)
    }
    key = table.primary_key
    renamed = replace(
        table,
        name=names.tables.get(table.name, table.name),
        columns=tuple(_renamed_column(column, names, columns) for column in table.columns),
        primary_key=None if key is None else replace(key, columns=_local(key.columns, columns)),
        constraints=tuple(_renamed_constraint(constraint, names, columns) for constraint in table.constraints),
        indexes=tuple(_renamed_index(index, names, columns) for index in table.indexes),
    )
    return replace(renamed, **options)


def _local(columns: Iterable[LocalId], names: Mapping[LocalId, LocalId]) -> tuple[LocalId, ...]:
    return tuple(names.get(column, column) for column in columns)


def _renamed_column(column: Column, names: _Names, columns: Mapping[LocalId, LocalId]) -> Column:
    generated = column.generated
    if generated is not None:
        generated = replace(generated, expression=names.expression(generated.expression, columns))
    return replace(
        column,
        name=columns.get(column.name, column.name),
        data_type=names.data_type(column.data_type),
        default=None if column.default is None else names.expression(column.default, {}),
        generated=generated,
    )


def _renamed_constraint(constraint: Constraint, names: _Names, columns: Mapping[LocalId, LocalId]) -> Constraint:
    match constraint:
        case PrimaryKeyConstraint() | UniqueConstraint():
            return replace(
                constraint, columns=_local(constraint.columns, columns), include=_local(constraint.include, columns)
            )
        case ForeignKeyConstraint(referenced_table=other):
            return replace(
                constraint,
                columns=_local(constraint.columns, columns),
                referenced_table=names.tables.get(other, other),
                referenced_columns=_local(constraint.referenced_columns, names.columns.get(other, {})),
            )
        case CheckConstraint():
            return replace(constraint, expression=names.expression(constraint.expression, columns))
        case ExclusionConstraint():
            return replace(constraint, definition=names.expression(constraint.definition, columns))
        case _:
            return constraint


def _renamed_index(index: Index, names: _Names, columns: Mapping[LocalId, LocalId]) -> Index:
    def part(key: IndexPart) -> IndexPart:
        if key.column is not None:
            return replace(key, column=columns.get(key.column, key.column))
        return replace(key, expression=names.expression(key.expression or "", columns))

    predicate = index.predicate
    return replace(
        index,
        parts=tuple(map(part, index.parts)),
        include=_local(index.include, columns),
        predicate=None if predicate is None else names.expression(predicate, columns),
    )


def _spelling(name: QualifiedId, text: str, former: QualifiedId) -> str:
    """:returns: The new name, with its namespace where the former one is printed so."""
    bare = name.name if re.fullmatch(r"[a-z_][a-z0-9_]*", name.name) else quote_ansi(name.name)
    if former.namespace is None or not re.search(rf'::"?{re.escape(former.namespace)}"?\.', text):
        return bare.replace("\\", r"\\")
    space = name.namespace or former.namespace
    printed = space if re.fullmatch(r"[a-z_][a-z0-9_]*", space) else quote_ansi(space)
    return f"{printed}.{bare}".replace("\\", r"\\")
