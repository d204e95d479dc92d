"""A desired catalog as MySQL or MariaDB will report it back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from pysqlsync_engine.capabilities import Capabilities
from pysqlsync_engine.dialect.mysql.capabilities import MAX_IDENTIFIER_CHARACTERS, Features, features_of
from pysqlsync_engine.dialect.mysql.column_types import is_basic, parse_type
from pysqlsync_engine.dialect.mysql.columns import ColumnLowering, check_comment
from pysqlsync_engine.dialect.mysql.constraints import ConstraintLowering, implicit_indexes, unique_name, usual_method
from pysqlsync_engine.dialect.mysql.keys import check_counting_column, check_key_columns
from pysqlsync_engine.dialect.mysql.objects import MySQLColumn, MySQLTable
from pysqlsync_engine.errors import UnsupportedError
from pysqlsync_engine.model.constraint_types import Index
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.object_types import (
    Catalog,
    CheckConstraint,
    Constraint,
    ForeignKeyConstraint,
    Lookup,
    Namespace,
    PrimaryKeyConstraint,
    Relation,
    Table,
    UniqueConstraint,
)
from pysqlsync_engine.model.vendor_markers import MySQLOptions

__all__ = ["lower", "parse_type", "physical_name"]

_MAX_COLUMNS = 1017
"""https://dev.mysql.com/doc/refman/8.4/en/innodb-limits.html"""

_MAX_FILE_NAME = 251
"""Of a table, without the suffix; https://dev.mysql.com/doc/refman/8.4/en/identifier-mapping.html"""

_MAX_TABLE_COMMENT = 2048
_MAX_INDEX_COMMENT = 1024
_DEFAULT_ENGINE = "innodb"


def physical_name(name: QualifiedId) -> QualifiedId:
    """:returns: The name of a table in a database without namespaces: `canvas.accounts` is `canvas__accounts`."""
    return name if not name.namespace else QualifiedId(None, f"{name.namespace}__{name.name}")


def lower(catalog: Catalog, capabilities: Capabilities) -> Catalog:
    """
    Say what the server will report once the catalog has been created.

    - Names of namespaces are prefixes of the names of tables, and of the names of foreign keys and checks, which are unique
      in the database. The primary key is called `PRIMARY`.
    - Enumerations are part of the type of their columns; lists and data-classes without a key are JSON.
    - Types become those of `column_types`: `uuid` is `binary(16)` in MySQL, a length of time `decimal(20,6)` seconds, a
      number without a precision `decimal(65,30)`, a moment `timestamp`, which ends in 2038.
    - Limits of text and bytes that the types of the server do not have become checks.
    - Tables have the indexes that the server makes for foreign keys.
    - Defaults, checks and computed columns are in the form of `expressions`.

    :raises UnsupportedError: if the server cannot do what the catalog asks for; names table and column.
    """
    features = features_of(capabilities.version)
    lowering = _Lowering(catalog, features)
    namespaces = tuple(lowering.namespace(namespace) for namespace in catalog.namespaces)
    seen: set[str] = set()
    for table in (table for namespace in namespaces for table in namespace.tables):
        _check_name(table.name.name, f"table {table.name.display}")
        if _file_name_length(table.name.name) > _MAX_FILE_NAME:
            raise UnsupportedError(f"table {table.name.display}: its file would have too long a name; shorten it")
        if table.name.name in seen:
            raise UnsupportedError(f"{table.name.display}: two tables would have this name; rename one of them")
        seen.add(table.name.name)
    return replace(catalog, namespaces=_distinct_names(namespaces, capabilities))


class _Lowering:
    """What lowering depends on besides the object; not changed by any call."""

    def __init__(self, catalog: Catalog, features: Features) -> None:
        self.features = features
        self.columns = ColumnLowering(catalog, features)

    def namespace(self, namespace: Namespace) -> Namespace:
        tables = sorted(map(self.table, namespace.tables), key=lambda table: table.name)
        return Namespace(namespace.name, tables=tuple(tables))

    def table(self, table: Table) -> MySQLTable:
        name = physical_name(table.name)
        if not table.columns:
            raise UnsupportedError(f"{name.display}: no columns; add one, as the server has no table without")
        if len(table.columns) > _MAX_COLUMNS:
            raise UnsupportedError(
                f"{name.display}: {len(table.columns)} columns, the server permits {_MAX_COLUMNS}; split the table"
            )
        options = next((marker for marker in table.markers if isinstance(marker, MySQLOptions)), MySQLOptions())
        lowered = [self.columns.lower(column, table, name, options) for column in table.columns]
        columns = tuple(_with_enumeration(column) for column, _ in lowered)
        checks = [check for _, added in lowered for check in added]
        constraints = ConstraintLowering(table.name, name, columns, self.features)
        keys, indexes = constraints.keys_and_indexes(table, usual_method(options.engine))
        others = [constraints.lower(constraint) for constraint in (*table.constraints, *checks)]
        result = MySQLTable(
            name,
            columns,
            primary_key=_primary_key(table.primary_key, name),
            constraints=tuple(sorted((*others, *keys), key=_by_name)),
            description=check_comment(table.description, name.display, _MAX_TABLE_COMMENT),
            labels=table.labels,
            relations=tuple(map(_relation, table.relations)),
            lookups=tuple(map(_lookup, table.lookups)),
            indexes=indexes,
            renamed_from=tuple(map(physical_name, table.renamed_from)),
            list_items=table.list_items,
            markers=table.markers,
            engine=None if (options.engine or _DEFAULT_ENGINE).lower() == _DEFAULT_ENGINE else options.engine,
            collation=options.collation,
            row_format=None if options.row_format is None else options.row_format.upper(),
            options=tuple(sorted(options.others)),
        )
        result = replace(result, indexes=tuple(sorted((*indexes, *implicit_indexes(result)), key=_index_name)))
        self.check(result)
        return result

    def check(self, table: MySQLTable) -> None:
        """:raises UnsupportedError: if the server would refuse the table, or store something else than what it is told."""
        check_key_columns(table, self.features)
        check_counting_column(table, self.features)
        for column in table.columns:
            _check_name(column.name.name, f"{table.name.display}.{column.name.name}")
        for item in (*table.constraints, *table.indexes):
            _check_name(item.name.name, f"constraint or index {item.name.name} of {table.name.display}")
        for index in table.indexes:
            check_comment(index.description, f"index {index.name.name}", _MAX_INDEX_COMMENT)


def _primary_key(key: PrimaryKeyConstraint | None, table: QualifiedId) -> PrimaryKeyConstraint | None:
    if key is None:
        return None
    if key.include or key.deferrable is not None:
        raise UnsupportedError(
            f"{table.display}: a primary key can neither include columns nor wait; remove the option"
        )
    lengths = key.lengths if any(length is not None for length in key.lengths) else ()
    return PrimaryKeyConstraint(LocalId("PRIMARY"), key.columns, lengths=lengths)


def _relation(relation: Relation) -> Relation:
    return replace(relation, referenced_table=physical_name(relation.referenced_table))


def _with_enumeration(column: MySQLColumn) -> MySQLColumn:
    return column if column.enumeration is None else replace(column, enumeration=physical_name(column.enumeration))


def _lookup(lookup: Lookup) -> Lookup:
    return replace(lookup, table=physical_name(lookup.table))


def _check_name(name: str, place: str) -> None:
    """Refuse names that the server would change or cannot have."""
    if not name:
        raise UnsupportedError(f"{place}: name is empty; give it a name")
    if len(name) > MAX_IDENTIFIER_CHARACTERS:
        raise UnsupportedError(
            f"{place}: name has {len(name)} characters, the server permits {MAX_IDENTIFIER_CHARACTERS}; shorten it"
        )
    if name[-1].isspace():
        raise UnsupportedError(f"{place}: name ends with a blank, which the server does not permit; rename it")
    if not is_basic(name):
        raise UnsupportedError(
            f"{place}: name has a character that the server would replace by a question mark; rename it"
        )


def _file_name_length(name: str) -> int:
    """:returns: Length of a name in the file system; see https://dev.mysql.com/doc/refman/8.4/en/identifier-mapping.html."""
    lengths = (1 if c.isascii() and (c.isalnum() or c == "_") else 3 if "\u00c0" <= c < "\u0590" else 5 for c in name)
    return sum(lengths)


def _by_name(constraint: Constraint) -> LocalId:
    return constraint.name


def _index_name(index: Index) -> LocalId:
    return index.name


def _distinct_names(namespaces: Iterable[Namespace], capabilities: Capabilities) -> tuple[Namespace, ...]:
    """Give foreign keys and checks names that are unique in the database: those that share one get that of their table too."""
    listed = tuple(namespaces)
    checks = _count(listed, CheckConstraint) if capabilities.check_names_per_namespace else dict[str, int]()
    shared = _Shared(_count(listed, ForeignKeyConstraint), checks)
    named = tuple(
        replace(namespace, tables=tuple(shared.rename(table) for table in namespace.tables)) for namespace in listed
    )
    for kind, counts in ((ForeignKeyConstraint, shared.keys), (CheckConstraint, shared.checks)):
        if counts:
            _check_distinct(named, kind)
    return named


def _check_distinct(namespaces: Iterable[Namespace], kind: type[Constraint]) -> None:
    """:raises UnsupportedError: if constraints of two tables would still have the same name."""
    owners: dict[str, Table] = {}
    for table in (table for namespace in namespaces for table in namespace.tables):
        for constraint in table.constraints:
            if not isinstance(constraint, kind):
                continue
            other = owners.setdefault(constraint.name.name.lower(), table)
            if other is not table:
                raise UnsupportedError(
                    f"{table.name.display}: {constraint.name.name}: {other.name.display} has a constraint of this name too, which"
                    " is to be unique in the database; rename one of them"
                )


def _count(namespaces: Iterable[Namespace], kind: type[Constraint]) -> Mapping[str, int]:
    counts: dict[str, int] = {}
    for table in (table for namespace in namespaces for table in namespace.tables):
        for constraint in table.constraints:
            if isinstance(constraint, kind):
                key = constraint.name.name.lower()
                counts[key] = counts.get(key, 0) + 1
    return counts


@dataclass(frozen=True, slots=True)
class _Shared:
    """How many constraints of a kind have a name, in lower case."""

    keys: Mapping[str, int]
    checks: Mapping[str, int]

    def rename(self, table: Table) -> Table:
        renamed = {old: new for old, new in self.pairs(table) if old != new}
        if not renamed:
            return table
        constraints = tuple(self.renamed(c, renamed) for c in table.constraints)
        indexes = tuple(replace(i, name=renamed.get(i.name, i.name)) for i in table.indexes)
        return replace(
            table,
            constraints=tuple(sorted(constraints, key=_by_name)),
            indexes=tuple(sorted(indexes, key=_index_name)),
        )

    def pairs(self, table: Table) -> Iterator[tuple[LocalId, LocalId]]:
        for constraint in table.constraints:
            counts = self.counts(constraint)
            if counts.get(constraint.name.name.lower(), 0) > 1:
                yield constraint.name, LocalId(unique_name(table.name.name, constraint.name.name))

    def counts(self, constraint: Constraint) -> Mapping[str, int]:
        if isinstance(constraint, ForeignKeyConstraint):
            return self.keys
        return self.checks if isinstance(constraint, CheckConstraint) else {}

    @staticmethod
    def renamed(constraint: Constraint, names: Mapping[LocalId, LocalId]) -> Constraint:
        if isinstance(constraint, UniqueConstraint):
            return constraint
        return replace(constraint, name=names.get(constraint.name, constraint.name))
