"""The operations that lead from one catalog to another, as immutable values; a plan is made of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from pysqlsync_engine.migration.enum_changes import AlterEnum, EnumUse, MergeLabels, RelabelColumn, Relabelling
from pysqlsync_engine.migration.list_changes import MoveList
from pysqlsync_engine.migration.table_changes import (
    AddColumn,
    AddConstraint,
    AlterColumn,
    DropColumn,
    DropConstraint,
    RenameColumn,
    RenameConstraint,
    SetDescription,
    SetOptions,
    TableChange,
)
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.object_types import (
    Column,
    DomainType,
    EnumType,
    ForeignKeyConstraint,
    Index,
    Prerequisite,
    StructType,
    Table,
)

__all__ = [
    "AddColumn",
    "AddConstraint",
    "AddForeignKey",
    "AlterColumn",
    "AlterDomain",
    "AlterEnum",
    "AlterStruct",
    "AlterTable",
    "CreateDomain",
    "CreateEnum",
    "CreateExtension",
    "CreateIndex",
    "CreateNamespace",
    "CreatePrerequisite",
    "CreateStruct",
    "CreateTable",
    "DropColumn",
    "DropConstraint",
    "DropDomain",
    "DropEnum",
    "DropForeignKey",
    "DropIndex",
    "DropNamespace",
    "DropStruct",
    "DropTable",
    "EnumUse",
    "FillColumn",
    "FillLookup",
    "MergeLabels",
    "MoveList",
    "Operation",
    "RelabelColumn",
    "Relabelling",
    "RenameColumn",
    "RenameConstraint",
    "RenameIndex",
    "RenameTable",
    "RenameType",
    "SetDescription",
    "SetOptions",
    "TableChange",
    "touches",
]


@dataclass(frozen=True, slots=True)
class CreateNamespace:
    """Create a namespace."""

    name: LocalId


@dataclass(frozen=True, slots=True)
class DropNamespace:
    """Drop a namespace, which must be empty."""

    name: LocalId


@dataclass(frozen=True, slots=True)
class CreatePrerequisite:
    """
    Create or replace a function or a collation that tables need.

    :param source: As it is; `None` if it is new, or nothing that was read uses it.
    """

    prerequisite: Prerequisite
    source: Prerequisite | None = None


@dataclass(frozen=True, slots=True)
class CreateExtension:
    """Create a module of the server's own, or somebody else's, that objects of the catalog need."""

    name: QualifiedId


@dataclass(frozen=True, slots=True)
class CreateEnum:
    """Create an enumeration type, with its comment."""

    enum: EnumType


@dataclass(frozen=True, slots=True)
class DropEnum:
    """Drop an enumeration type."""

    enum: EnumType


@dataclass(frozen=True, slots=True)
class CreateStruct:
    """Create a composite type, with its comments."""

    struct: StructType


@dataclass(frozen=True, slots=True)
class AlterStruct:
    """Change members or comments of a composite type."""

    source: StructType
    target: StructType


@dataclass(frozen=True, slots=True)
class DropStruct:
    """Drop a composite type."""

    struct: StructType


@dataclass(frozen=True, slots=True)
class CreateDomain:
    """Create a domain, with its comment."""

    domain: DomainType


@dataclass(frozen=True, slots=True)
class AlterDomain:
    """Change default, nullability, conditions or comment of a domain; its base type is the same."""

    source: DomainType
    target: DomainType


@dataclass(frozen=True, slots=True)
class DropDomain:
    """Drop a domain."""

    domain: DomainType


@dataclass(frozen=True, slots=True)
class RenameType:
    """Give a type another name in its namespace; nothing else of it changes."""

    source: EnumType | StructType | DomainType
    target: QualifiedId


@dataclass(frozen=True, slots=True)
class CreateTable:
    """Create a table with columns, comments and all constraints but its foreign keys; its indexes are added after."""

    table: Table


@dataclass(frozen=True, slots=True)
class RenameTable:
    """Give a table another name in its namespace; nothing else of it changes."""

    source: QualifiedId
    target: QualifiedId


@dataclass(frozen=True, slots=True)
class DropTable:
    """Drop a table with its rows, indexes and constraints; tables that refer to it, or their foreign keys, are dropped before."""

    table: Table


@dataclass(frozen=True, slots=True)
class AlterTable:
    """
    Change a table, but for its foreign keys, its name, and those of its indexes that can change by themselves.

    One operation per table rather than one per column, as a dialect may put all changes into one statement.

    :param detaching: True if it only makes way for what other operations do, and so comes before them: constraints and
        computed columns that use what changes are dropped, to be added again by another operation.
    :param settling: True if it refuses what other operations had to fill in first.
    :param dropped_indexes: Indexes that cannot be dropped by a statement of their own, as a column counts by them.
    :param added_indexes: Indexes that cannot be created by a statement of their own, for the same reason.
    """

    source: Table
    target: Table
    changes: tuple[TableChange, ...]
    detaching: bool = False
    settling: bool = False
    dropped_indexes: tuple[Index, ...] = ()
    added_indexes: tuple[Index, ...] = ()


@dataclass(frozen=True, slots=True)
class AddForeignKey:
    """Add a foreign key to a table; the table that it refers to exists."""

    table: QualifiedId
    constraint: ForeignKeyConstraint


@dataclass(frozen=True, slots=True)
class DropForeignKey:
    """Drop a foreign key of a table."""

    table: QualifiedId
    constraint: ForeignKeyConstraint


@dataclass(frozen=True, slots=True)
class CreateIndex:
    """Create an index, with its comment; the table is there."""

    table: QualifiedId
    index: Index


@dataclass(frozen=True, slots=True)
class DropIndex:
    """Drop an index that no constraint is behind."""

    table: QualifiedId
    index: Index


@dataclass(frozen=True, slots=True)
class RenameIndex:
    """Give an index another name; but for its comment nothing else of it differs."""

    table: QualifiedId
    source: Index
    target: Index


@dataclass(frozen=True, slots=True)
class FillColumn:
    """
    Give a column a value in all rows that have none.

    :param table: As it is by then.
    :param expression: SQL expression for the value; may use other columns of the row.
    """

    table: Table
    column: Column
    expression: str


@dataclass(frozen=True, slots=True)
class FillLookup:
    """Add labels to the lookup table of an enumeration; labels that are there already stay as they are."""

    table: Table
    labels: tuple[str, ...]


Operation: TypeAlias = (
    CreateNamespace
    | DropNamespace
    | CreateExtension
    | CreatePrerequisite
    | CreateEnum
    | AlterEnum
    | DropEnum
    | CreateStruct
    | AlterStruct
    | DropStruct
    | CreateDomain
    | AlterDomain
    | DropDomain
    | RenameType
    | CreateTable
    | AlterTable
    | RenameTable
    | DropTable
    | AddForeignKey
    | DropForeignKey
    | CreateIndex
    | DropIndex
    | RenameIndex
    | FillLookup
    | FillColumn
    | RelabelColumn
    | MergeLabels
    | MoveList
)
"""One step from the current to the desired state."""


def touches(operation: Operation) -> frozenset[QualifiedId]:
    """:returns: Names of the tables and types that the operation creates, changes or drops; none for a namespace."""
    match operation:
        case CreateNamespace() | DropNamespace() | CreateExtension() | CreatePrerequisite():
            return frozenset()
        case RenameTable(source=source, target=target):
            return frozenset({source, target})
        case RenameType(source=source, target=target):
            return frozenset({source.name, target})
        case AlterEnum() | AlterStruct() | AlterDomain() | AlterTable():
            return frozenset({operation.source.name, operation.target.name})
        case AddForeignKey() | DropForeignKey() | CreateIndex() | DropIndex() | RenameIndex():
            return frozenset({operation.table})
        case MoveList(owner=owner, table=table):
            return frozenset({owner.name, table.name})
        case _:
            return frozenset({_subject(operation).name})


def _subject(
    operation: CreateEnum
    | DropEnum
    | CreateStruct
    | DropStruct
    | CreateDomain
    | DropDomain
    | CreateTable
    | DropTable
    | FillLookup
    | FillColumn
    | RelabelColumn
    | MergeLabels,
) -> EnumType | StructType | DomainType | Table:
    """:returns: What is created, dropped or filled."""
    match operation:
        case CreateEnum(enum=subject) | DropEnum(enum=subject):
            return subject
        case CreateStruct(struct=subject) | DropStruct(struct=subject):
            return subject
        case CreateDomain(domain=subject) | DropDomain(domain=subject):
            return subject
        case CreateTable() | DropTable() | FillLookup() | FillColumn() | RelabelColumn() | MergeLabels():
            return operation.table
