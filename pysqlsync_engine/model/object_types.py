"""
Database objects, as immutable values. Two objects are equal if they would produce the same SQL.

A `Catalog` captures the state of one or more namespaces: formed from data-classes it is the desired state, read from a
server the current one. `str()` of an object is the ANSI SQL that creates it.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from pysqlsync_engine.model.constraint_types import (
    CheckConstraint,
    Constraint,
    Deferrability,
    ExclusionConstraint,
    ForeignKeyConstraint,
    Index,
    IndexPart,
    LabelCheck,
    PrimaryKeyConstraint,
    ReferentialAction,
    UniqueConstraint,
)
from pysqlsync_engine.model.data_types import SqlType
from pysqlsync_engine.model.database_object import DatabaseObject
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.list_types import ListItems

__all__ = [
    "Catalog",
    "CheckConstraint",
    "Column",
    "Constraint",
    "DatabaseObject",
    "Deferrability",
    "DomainType",
    "EnumType",
    "ExclusionConstraint",
    "ForeignKeyConstraint",
    "Generated",
    "IdentityMode",
    "Index",
    "IndexPart",
    "LabelCheck",
    "Lookup",
    "Namespace",
    "Prerequisite",
    "PrimaryKeyConstraint",
    "ReferentialAction",
    "Relation",
    "StructMember",
    "StructType",
    "Table",
    "UniqueConstraint",
]


class IdentityMode(enum.Enum):
    """Who gives a column that counts rows its value."""

    ALWAYS = "ALWAYS"
    """The server, whatever a statement says."""

    BY_DEFAULT = "BY DEFAULT"
    """The server, where a statement gives none; in MySQL, `AUTO_INCREMENT`."""

    SERIAL = "SERIAL"
    """A default that takes the next value of a sequence (PostgreSQL `serial`)."""


@dataclass(frozen=True, slots=True)
class Generated:
    """
    How the server computes a column.

    :param expression: SQL expression without outer parentheses, as the server would print it.
    :param stored: False if it is computed when it is read.
    """

    expression: str
    stored: bool = True


@dataclass(frozen=True, slots=True)
class Column(DatabaseObject):
    """
    A column of a table.

    :param default: SQL expression, as the server would print it; `None` if there is none. In a catalog formed from
        classes it is an ANSI literal (`TRUE`, `-1`, `1.50`, `'it''s'`), which lowering turns into what the server prints,
        or an expression of the server's own (`now()`).
    :param identity: `None` unless the server counts.
    :param description: Comment on the column; `None` if there is none.
    :param generated: `None` unless the server computes the value.
    :param collation: As the server prints it; `None` for that of the type or the table.
    :param sequence: For `IdentityMode.SERIAL`, a sequence that does not belong to the column; `None` for one of its own.
    :param renamed_from: Names that the column may have had before, the latest first; not compared.
    :param backfill: SQL expression for the value of rows that are there when the column is added, or when it stops to
        permit NULL; leaves no default behind; not compared.
    :param markers: What the class says of the column for one product only, see `model.vendor_markers`; lowering makes
        attributes of a vendor's column of those that are for its product; not compared.
    :param enumeration: Name that an enumeration has (or would have) as a type or as a lookup table, if the column holds its
        labels, in whatever way; not compared.
    :param label_map: As for `EnumType`, for a column that holds labels, or keys of them, or the labels of a lookup table.
    :param list_items: What is in it, if it holds a list of a class; not compared.
    """

    name: LocalId
    data_type: SqlType
    nullable: bool = False
    default: str | None = None
    identity: IdentityMode | None = None
    description: str | None = None
    generated: Generated | None = field(default=None, kw_only=True)
    collation: str | None = field(default=None, kw_only=True)
    sequence: QualifiedId | None = field(default=None, kw_only=True)
    renamed_from: tuple[LocalId, ...] = field(default=(), compare=False, kw_only=True)
    backfill: str | None = field(default=None, compare=False, kw_only=True)
    enumeration: QualifiedId | None = field(default=None, compare=False, kw_only=True)
    label_map: tuple[tuple[str, str], ...] = field(default=(), compare=False, kw_only=True)
    list_items: ListItems | None = field(default=None, compare=False, kw_only=True)
    markers: tuple[object, ...] = field(default=(), compare=False, kw_only=True)

    @property
    def is_optional(self) -> bool:
        """True if a row can be inserted without a value for this column."""
        return self.nullable or self.default is not None or self.identity is not None or self.generated is not None

    @property
    def vendor_markers(self) -> tuple[object, ...]:
        """What a class has to say so that lowering makes the attributes that a vendor's column has besides."""
        return ()


@dataclass(frozen=True, slots=True)
class Relation:
    """A reference to another table that is declared in Python but not enforced by the server; it produces no SQL."""

    columns: tuple[LocalId, ...]
    referenced_table: QualifiedId
    referenced_columns: tuple[LocalId, ...]


@dataclass(frozen=True, slots=True)
class Lookup:
    """
    A column that holds the `id` of a label in a lookup table; rows are given with the label; it produces no SQL.

    :param column: Column that refers to the lookup table.
    :param table: Lookup table, with the columns `id` and `value`.
    :param extensible: True if a row may bring a label that the lookup table does not have yet.
    """

    column: LocalId
    table: QualifiedId
    extensible: bool = False


@dataclass(frozen=True, slots=True)
class Table(DatabaseObject):
    """
    A base table.

    :param columns: In order of definition.
    :param primary_key: `None` for a table without a key, to which rows can only be appended.
    :param constraints: All other constraints, sorted by name.
    :param description: Comment on the table; `None` if there is none.
    :param labels: For a lookup table of an enumeration, the labels its rows hold, in order; `None` for other tables.
    :param relations: References that are not enforced; empty in a catalog that was read from a server, and not compared.
    :param lookups: Columns whose values are labels of a lookup table; as `relations`.
    :param indexes: Those that no constraint is behind, sorted by name.
    :param renamed_from: Names that the table may have had before, the latest first; not compared.
    :param list_items: What is in it, if it is the table of a list; not compared.
    :param markers: As for a column.
    """

    name: QualifiedId
    columns: tuple[Column, ...]
    primary_key: PrimaryKeyConstraint | None = None
    constraints: tuple[Constraint, ...] = ()
    description: str | None = None
    labels: tuple[str, ...] | None = None
    relations: tuple[Relation, ...] = field(default=(), compare=False)
    lookups: tuple[Lookup, ...] = field(default=(), compare=False)
    indexes: tuple[Index, ...] = field(default=(), kw_only=True)
    renamed_from: tuple[QualifiedId, ...] = field(default=(), compare=False, kw_only=True)
    list_items: ListItems | None = field(default=None, compare=False, kw_only=True)
    markers: tuple[object, ...] = field(default=(), compare=False, kw_only=True)

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of the columns, unquoted, in order of definition."""
        return tuple(column.name.name for column in self.columns)

    @property
    def key_names(self) -> tuple[str, ...]:
        """Names of the primary-key columns, unquoted, in key order; empty for a table without a key."""
        return () if self.primary_key is None else tuple(column.name for column in self.primary_key.columns)

    @property
    def vendor_markers(self) -> tuple[object, ...]:
        """As for a column."""
        return ()

    @property
    def foreign_keys(self) -> tuple[ForeignKeyConstraint, ...]:
        """The enforced references to other tables."""
        return tuple(c for c in self.constraints if isinstance(c, ForeignKeyConstraint))

    def column(self, name: str) -> Column:
        """
        :returns: The column of that name.
        :raises KeyError: if the table has none.
        """
        for column in self.columns:
            if column.name.name == name:
                return column
        raise KeyError(f"{self.name.display}: no column {name!r}; columns: {', '.join(self.column_names)}")


@dataclass(frozen=True, slots=True)
class EnumType(DatabaseObject):
    """
    An enumeration that the database keeps as a type of its own.

    :param labels: In order of definition, which is the order in which they compare.
    :param renamed_from: Names that the type may have had before, the latest first; not compared.
    :param label_map: What becomes of labels that are gone, as pairs of a former label and one of `labels`: a rename if the
        type does not have the latter yet, else a replacement; not compared.
    """

    name: QualifiedId
    labels: tuple[str, ...]
    description: str | None = None
    renamed_from: tuple[QualifiedId, ...] = field(default=(), compare=False, kw_only=True)
    label_map: tuple[tuple[str, str], ...] = field(default=(), compare=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class DomainType(DatabaseObject):
    """
    A type with a name of its own whose values are those of another type that meet some conditions.

    :param data_type: Of the values.
    :param nullable: False if a column of the type never permits NULL.
    :param default: As for a column.
    :param constraints: Conditions on `VALUE`, sorted by name.
    :param collation: As for a column.
    """

    name: QualifiedId
    data_type: SqlType
    nullable: bool = True
    default: str | None = None
    constraints: tuple[CheckConstraint, ...] = ()
    description: str | None = None
    collation: str | None = field(default=None, kw_only=True)


@dataclass(frozen=True, slots=True)
class StructMember(DatabaseObject):
    """A member of a composite type; always nullable."""

    name: LocalId
    data_type: SqlType
    description: str | None = None


@dataclass(frozen=True, slots=True)
class StructType(DatabaseObject):
    """
    A composite type: what a data-class without a primary key becomes where it is the type of a field.

    :param renamed_from: Names that the type may have had before, the latest first; not compared.
    """

    name: QualifiedId
    members: tuple[StructMember, ...]
    description: str | None = None
    renamed_from: tuple[QualifiedId, ...] = field(default=(), compare=False, kw_only=True)


@dataclass(frozen=True, slots=True, order=True)
class Prerequisite(DatabaseObject):
    """
    What expressions or columns of tables use although it is none of the catalog's own kinds: kept as the server prints it.

    It is created before the tables, replaced where it differs, and never dropped.

    :param kind: `function` or `collation`.
    :param arguments: Types of the arguments of a function, which tell it from others of the name.
    :param definition: The statement that creates or replaces it, without terminator.
    """

    kind: str
    namespace: str
    name: str
    arguments: str
    definition: str

    @property
    def display(self) -> str:
        """The object as a person names it: `function public.lower(text[])`."""
        arguments = f"({self.arguments})" if self.kind == "function" else ""
        return f"{self.kind} {self.namespace}.{self.name}{arguments}"

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What tells it from all others."""
        return self.kind, self.namespace, self.name, self.arguments

    def is_mentioned(self, text: str, *, qualified: bool) -> bool:
        """:returns: True if the text has the name as a word of its own; if `qualified`, after that of its namespace."""
        prefix = rf'{re.escape(self.namespace)}"?\."?' if qualified else ""
        name = self.name.replace('"', '""')
        return name in text and re.search(rf"(?<!\w){prefix}{re.escape(name)}(?!\w)", text) is not None


@dataclass(frozen=True, slots=True)
class Namespace(DatabaseObject):
    """
    A schema, in databases that have them.

    :param name: Empty for the default namespace of a connection.
    :param enums: Sorted by name, as are `structs`, `tables` and `domains`.
    """

    name: LocalId
    enums: tuple[EnumType, ...] = ()
    structs: tuple[StructType, ...] = ()
    tables: tuple[Table, ...] = ()
    domains: tuple[DomainType, ...] = ()


@dataclass(frozen=True, slots=True)
class Catalog(DatabaseObject):
    """
    A state of the database, as far as the namespaces in it go; sorted by name.

    :param unmanaged: What a server has besides that the model has no words for, as `kind name`: `view public.v`. It is
        reported and never touched; empty in a catalog formed from classes, not compared, and produces no SQL.
    :param extensions: Modules of the server that objects of the catalog may need, each with the namespace of its members; those
        that are missing are created, none is ever dropped; not compared.
    :param prerequisites: Functions and collations of users that the tables need, sorted; not compared, see `Prerequisite`.
    """

    namespaces: tuple[Namespace, ...] = ()
    unmanaged: tuple[str, ...] = field(default=(), compare=False)
    extensions: tuple[QualifiedId, ...] = field(default=(), compare=False)
    prerequisites: tuple[Prerequisite, ...] = field(default=(), compare=False)

    def tables(self) -> Iterator[Table]:
        """All tables, by namespace and name."""
        for namespace in self.namespaces:
            yield from namespace.tables

    def find_table(self, name: QualifiedId) -> Table | None:
        """:returns: The table of that name, or `None`."""
        return next((table for table in self.tables() if table.name == name), None)
