"""
Database objects, as immutable values. Two objects are equal if they would produce the same SQL.

A `Catalog` captures the state of one or more namespaces: formed from data-classes it is the desired state, read from a
server the current one. `str()` of an object is the ANSI SQL that creates it.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass, field

from pysqlsync_engine.model.data_types import SqlType
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.literals import quote_literal


class IdentityMode(enum.Enum):
    """Who gives an identity column its value."""

    ALWAYS = "ALWAYS"
    BY_DEFAULT = "BY DEFAULT"


class ReferentialAction(enum.Enum):
    """What becomes of a row when the row it refers to is deleted or changes its key."""

    NO_ACTION = "NO ACTION"
    RESTRICT = "RESTRICT"
    CASCADE = "CASCADE"
    SET_NULL = "SET NULL"
    SET_DEFAULT = "SET DEFAULT"


@dataclass(frozen=True, slots=True)
class DatabaseObject:
    """Base of all database objects."""

    def __str__(self) -> str:
        from pysqlsync_engine.model.definition import ANSI

        return ANSI.create(self)


@dataclass(frozen=True, slots=True)
class Column(DatabaseObject):
    """
    A column of a table.

    :param default: SQL expression, as the server would print it; `None` if there is none. In a catalog formed from
        classes it is an ANSI literal (`TRUE`, `-1`, `1.50`, `'it''s'`), which lowering turns into what the server prints.
    :param identity: `None` unless the server generates the value.
    :param description: Comment on the column; `None` if there is none.
    """

    name: LocalId
    data_type: SqlType
    nullable: bool = False
    default: str | None = None
    identity: IdentityMode | None = None
    description: str | None = None

    @property
    def is_optional(self) -> bool:
        """True if a row can be inserted without a value for this column."""
        return self.nullable or self.default is not None or self.identity is not None


@dataclass(frozen=True, slots=True)
class Constraint(DatabaseObject):
    """Base of all constraints of a table; the name is unique within the table."""

    name: LocalId


@dataclass(frozen=True, slots=True)
class PrimaryKeyConstraint(Constraint):
    """The columns that identify a row, in key order."""

    columns: tuple[LocalId, ...]


@dataclass(frozen=True, slots=True)
class UniqueConstraint(Constraint):
    """Columns whose values, taken together, are distinct in each row."""

    columns: tuple[LocalId, ...]


@dataclass(frozen=True, slots=True)
class CheckConstraint(Constraint):
    """
    A condition that each row meets.

    :param expression: SQL condition without the outer parentheses, as the server would print it.
    :param columns: Those that the condition is about, where known; for messages, not compared.
    """

    expression: str
    columns: tuple[LocalId, ...] = field(default=(), compare=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class LabelCheck(CheckConstraint):
    """
    A check that a text column holds one of the labels of an enumeration, as formed from a class.

    `expression` is the ANSI form, `"state" IN ('on', 'off')`. Lowering turns this constraint into a plain
    `CheckConstraint` of the same name with the expression as the server prints it, as servers keep no such structure.
    PostgreSQL (15 and 18 alike) prints `state = ANY (ARRAY['on'::text, 'off'::text])`, and `state = 'on'::text` for a single
    label: the column is quoted only where needed, quotes in labels are doubled, backslashes stay as they are.

    :param labels: In order of definition.
    """

    expression: str = field(init=False)
    column: LocalId
    labels: tuple[str, ...]

    def __post_init__(self) -> None:
        labels = ", ".join(quote_literal(label) for label in self.labels)
        object.__setattr__(self, "expression", f"{self.column} IN ({labels})")
        object.__setattr__(self, "columns", (self.column,))


@dataclass(frozen=True, slots=True)
class ForeignKeyConstraint(Constraint):
    """Columns that refer to a key of another (or the same) table; columns pair up by position."""

    columns: tuple[LocalId, ...]
    referenced_table: QualifiedId
    referenced_columns: tuple[LocalId, ...]
    on_delete: ReferentialAction = ReferentialAction.NO_ACTION
    on_update: ReferentialAction = ReferentialAction.NO_ACTION


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
    """

    column: LocalId
    table: QualifiedId


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
    """

    name: QualifiedId
    columns: tuple[Column, ...]
    primary_key: PrimaryKeyConstraint | None = None
    constraints: tuple[Constraint, ...] = ()
    description: str | None = None
    labels: tuple[str, ...] | None = None
    relations: tuple[Relation, ...] = field(default=(), compare=False)
    lookups: tuple[Lookup, ...] = field(default=(), compare=False)

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of the columns, unquoted, in order of definition."""
        return tuple(column.name.name for column in self.columns)

    @property
    def key_names(self) -> tuple[str, ...]:
        """Names of the primary-key columns, unquoted, in key order; empty for a table without a key."""
        return () if self.primary_key is None else tuple(column.name for column in self.primary_key.columns)

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
    """

    name: QualifiedId
    labels: tuple[str, ...]
    description: str | None = None


@dataclass(frozen=True, slots=True)
class StructMember(DatabaseObject):
    """A member of a composite type; always nullable."""

    name: LocalId
    data_type: SqlType
    description: str | None = None


@dataclass(frozen=True, slots=True)
class StructType(DatabaseObject):
    """A composite type: what a data-class without a primary key becomes where it is the type of a field."""

    name: QualifiedId
    members: tuple[StructMember, ...]
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Namespace(DatabaseObject):
    """
    A schema, in databases that have them.

    :param name: Empty for the default namespace of a connection.
    :param enums: Sorted by name, as are `structs` and `tables`.
    """

    name: LocalId
    enums: tuple[EnumType, ...] = ()
    structs: tuple[StructType, ...] = ()
    tables: tuple[Table, ...] = ()


@dataclass(frozen=True, slots=True)
class Catalog(DatabaseObject):
    """
    A state of the database, as far as the namespaces in it go; sorted by name.

    :param unmanaged: What a server has besides that the model has no words for, as `kind name`: `view public.v`. It is
        reported and never touched; empty in a catalog formed from classes, not compared, and produces no SQL.
    """

    namespaces: tuple[Namespace, ...] = ()
    unmanaged: tuple[str, ...] = field(default=(), compare=False)

    def tables(self) -> Iterator[Table]:
        """All tables, by namespace and name."""
        for namespace in self.namespaces:
            yield from namespace.tables

    def find_table(self, name: QualifiedId) -> Table | None:
        """:returns: The table of that name, or `None`."""
        return next((table for table in self.tables() if table.name == name), None)
