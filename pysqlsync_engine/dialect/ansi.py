"""Operations as ANSI SQL; what dialects have in common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from pysqlsync_engine.dialect.label_writer import LOOKUP_VALUE, AnsiLabelWriter
from pysqlsync_engine.errors import UnsupportedError
from pysqlsync_engine.migration.hazards import hazards_of
from pysqlsync_engine.migration.inverse import inverse
from pysqlsync_engine.migration.operations import (
    AddColumn,
    AddConstraint,
    AddForeignKey,
    AlterColumn,
    AlterDomain,
    AlterEnum,
    AlterStruct,
    AlterTable,
    CreateDomain,
    CreateEnum,
    CreateExtension,
    CreateIndex,
    CreateNamespace,
    CreatePrerequisite,
    CreateStruct,
    CreateTable,
    DropColumn,
    DropConstraint,
    DropDomain,
    DropEnum,
    DropForeignKey,
    DropIndex,
    DropNamespace,
    DropStruct,
    DropTable,
    FillColumn,
    FillLookup,
    MergeLabels,
    MoveList,
    Operation,
    RelabelColumn,
    RenameColumn,
    RenameConstraint,
    RenameIndex,
    RenameTable,
    RenameType,
    SetDescription,
    SetOptions,
    TableChange,
)
from pysqlsync_engine.migration.plan import RangeUpdate, Step
from pysqlsync_engine.migration.summary import summarize
from pysqlsync_engine.model.constraint_types import Index
from pysqlsync_engine.model.id_types import QualifiedId
from pysqlsync_engine.model.object_types import (
    Column,
    Prerequisite,
    Table,
)
from pysqlsync_engine.options import Hazard

BATCH_ROWS = 10_000
"""Rows that are changed at a time where others are to be let in between."""


class AnsiWriter(AnsiLabelWriter):
    """
    Writes operations as ANSI SQL, one change per statement, without comments on objects, which the standard lacks.

    :param capabilities: Of the server that is to execute the statements.
    """

    def write(self, operation: Operation) -> Step:
        """
        :returns: The step that performs the operation.
        :raises UnsupportedError: if the dialect cannot.
        """
        undoing = inverse(operation)
        return Step(
            operation,
            summary=summarize(operation, self),
            statements=tuple(self.statements(operation)),
            reverse=None if undoing is None else tuple(self.statements(undoing)),
            hazards=self.hazards(operation),
            transactional=self.capabilities.transactional_ddl,
        )

    def write_online(self, operation: Operation, tables: Mapping[QualifiedId, Table]) -> tuple[Step, ...]:
        """:returns: The steps that perform the operation while others read and write; see `Writer`."""
        del tables
        step = self.write(operation)
        if isinstance(operation, FillColumn):
            ranges = self.fill_batches(operation)
            return (replace(step, ranges=ranges, transactional=step.transactional and ranges is None),)
        return (step,)

    def hazards(self, operation: Operation) -> frozenset[Hazard]:
        """:returns: What the statements of the operation may do besides."""
        return hazards_of(operation)

    def statements(self, operation: Operation) -> Iterator[str]:
        """:returns: Statements that perform the operation, in order."""
        match operation:
            case CreateEnum() | AlterEnum() | DropEnum():
                yield from self.enum_statements(operation)
            case CreateStruct() | AlterStruct() | DropStruct():
                yield from self.struct_statements(operation)
            case CreateDomain() | AlterDomain() | DropDomain():
                yield from self.domain_statements(operation)
            case CreateTable() | AlterTable() | RenameTable() | DropTable():
                yield from self.table_statements(operation)
            case CreateIndex() | DropIndex() | RenameIndex():
                yield from self.index_statements(operation)
            case MoveList():
                yield from self.move_list(operation)
            case _:
                yield from self.other_statements(operation)

    def other_statements(
        self,
        operation: CreateNamespace
        | DropNamespace
        | CreateExtension
        | CreatePrerequisite
        | RenameType
        | AddForeignKey
        | DropForeignKey
        | FillLookup
        | FillColumn
        | RelabelColumn
        | MergeLabels,
    ) -> Iterator[str]:
        """:returns: Statements for namespaces, extensions, names of types, foreign keys and labels."""
        match operation:
            case CreateExtension(name=name):
                yield self.create_extension(name)
            case CreatePrerequisite(prerequisite=prerequisite, source=former):
                yield from self.create_prerequisite(prerequisite, former)
            case CreateNamespace(name=name):
                yield self.create_namespace(name)
            case DropNamespace(name=name):
                yield f"DROP SCHEMA {self.quote(name)}"
            case RenameType(source=source, target=target):
                yield from self.rename_type(source, target)
            case AddForeignKey(table=name, constraint=key):
                yield self.add_constraint(name, key)
            case DropForeignKey(table=name, constraint=key):
                yield f"ALTER TABLE {self.qualified(name)} DROP CONSTRAINT {self.quote(key.name)}"
            case FillLookup() | FillColumn() | RelabelColumn() | MergeLabels():
                yield from self.row_statements(operation)

    def row_statements(self, operation: FillLookup | FillColumn | RelabelColumn | MergeLabels) -> Iterator[str]:
        """:returns: Statements that change rows."""
        match operation:
            case FillLookup(table=table, labels=labels):
                yield self.insert_labels(table, labels)
            case FillColumn():
                yield self.fill_column(operation)
            case RelabelColumn():
                yield from self.relabel(operation)
            case MergeLabels():
                yield from self.merge_labels(operation)

    def move_list(self, operation: MoveList) -> Iterator[str]:
        """
        :returns: Statements that copy the elements of lists, and drop the place that they come from.
        :raises UnsupportedError: always; the standard has no way from a list to rows that all servers know.
        """
        raise UnsupportedError(f"{summarize(operation)}: ANSI SQL cannot move lists; use the dialect of your server")

    def create_extension(self, name: QualifiedId) -> str:
        """
        :returns: A statement that creates an extension.
        :raises UnsupportedError: always; the standard has none.
        """
        raise UnsupportedError(f"extension {name.name}: ANSI SQL has no extensions; install it by other means")

    def create_prerequisite(self, prerequisite: Prerequisite, former: Prerequisite | None) -> Iterator[str]:
        """
        :param former: As it is; `None` if it is new.
        :returns: Statements that create or replace a function or a collation.
        """
        del former
        yield prerequisite.definition

    def index_statements(self, operation: CreateIndex | DropIndex | RenameIndex) -> Iterator[str]:
        """:returns: Statements that create, drop or rename an index."""
        match operation:
            case CreateIndex(table=table, index=index):
                yield self.create_index(table, index)
                yield from self.comment_index(table, index)
            case DropIndex(table=table, index=index):
                yield f"DROP INDEX {self.qualified(QualifiedId(table.namespace, index.name.name))}"
            case RenameIndex(table=table, source=source, target=target):
                if source.name != target.name:
                    former = self.qualified(QualifiedId(table.namespace, source.name.name))
                    yield f"ALTER INDEX {former} RENAME TO {self.quote(target.name)}"
                yield from self.comment_index(table, target, source)

    def table_statements(self, operation: CreateTable | AlterTable | RenameTable | DropTable) -> Iterator[str]:
        """:returns: Statements that create, alter, rename or drop a table."""
        match operation:
            case CreateTable(table=table):
                yield self.create_table(table, foreign_keys=False)
                yield from self.comment_table(table)
            case RenameTable(source=source, target=target):
                yield f"ALTER TABLE {self.qualified(source)} RENAME TO {self.quote(target.name)}"
            case DropTable(table=table):
                yield f"DROP TABLE {self.qualified(table.name)}"
            case AlterTable():
                yield from self.alter_table(operation)

    def alter_table(self, operation: AlterTable) -> Iterator[str]:
        """:returns: Statements that alter a table."""
        table = operation.target
        for change in operation.changes:
            for action in self.actions(change):
                yield f"ALTER TABLE {self.qualified(table.name)} {action}"
        for change in operation.changes:
            yield from self.comment_change(table, change)

    def actions(self, change: TableChange) -> Iterator[str]:
        """:returns: Clauses of `ALTER TABLE` that make the change; none for comments."""
        match change:
            case AddColumn(column=column):
                yield f"ADD COLUMN {self.column(column)}"
            case RenameColumn(source=former, target=name):
                yield f"RENAME COLUMN {self.quote(former)} TO {self.quote(name)}"
            case DropColumn(column=column):
                yield f"DROP COLUMN {self.quote(column.name)}"
            case AlterColumn(source=source, target=target):
                yield from (f"ALTER COLUMN {self.quote(target.name)} {a}" for a in self.column_actions(source, target))
            case AddConstraint(constraint=constraint):
                yield f"ADD {self.constraint(constraint)}"
            case DropConstraint(constraint=constraint):
                yield f"DROP CONSTRAINT {self.quote(constraint.name)}"
            case RenameConstraint(source=before, target=after):
                yield f"RENAME CONSTRAINT {self.quote(before.name)} TO {self.quote(after.name)}"
            case SetOptions(source=source, target=target):
                yield from self.option_actions(source, target)
            case SetDescription():
                return

    def option_actions(self, source: Table, target: Table) -> Iterator[str]:
        """
        :returns: Clauses of `ALTER TABLE` that change what only this product's tables have.
        :raises UnsupportedError: if it cannot be changed.
        """
        del source
        raise UnsupportedError(
            f"table {target.name.display}: how its rows are stored cannot be changed; give the new table another name, and copy the rows"
        )

    def column_actions(self, source: Column, target: Column) -> Iterator[str]:
        """
        :returns: Clauses of `ALTER COLUMN`.

        A default or an identity that changes is dropped before the type changes, which it might not fit, and set after.
        """
        retyped = source.data_type != target.data_type
        redefaulted = retyped or source.default != target.default
        if source.default is not None and (redefaulted or target.identity is not None):
            yield "DROP DEFAULT"
        if source.generated is not None and target.generated is None:
            yield "DROP EXPRESSION"
        if source.identity is not None and target.identity is None:
            yield "DROP IDENTITY"
        if retyped:
            yield self.retype(source, target)
        if source.nullable != target.nullable:
            yield "DROP NOT NULL" if target.nullable else "SET NOT NULL"
        if target.identity is not None and source.identity is not target.identity:
            verb = "ADD" if source.identity is None else "SET"
            yield f"{verb} GENERATED {target.identity.value}" + (" AS IDENTITY" if verb == "ADD" else "")
        if target.default is not None and redefaulted and target.identity is None:
            yield f"SET DEFAULT {self.expression(target.default)}"

    def retype(self, source: Column, target: Column) -> str:
        """
        :param source: The column as it is.
        :returns: The clause of `ALTER COLUMN` that changes the type.
        """
        del source  # the standard has no way to tell how values are converted
        return f"SET DATA TYPE {self.data_type(target.data_type)}"

    def fill_column(self, operation: FillColumn, condition: str | None = None) -> str:
        """
        :param condition: On the rows; `None` for all of them.
        :returns: A statement that gives a column a value in rows that have none.
        """
        column = self.quote(operation.column.name)
        value = self.expression(operation.expression)
        rows = "" if condition is None else f" AND {condition}"
        return f"UPDATE {self.qualified(operation.table.name)} SET {column} = ({value}) WHERE {column} IS NULL{rows}"

    def fill_batches(self, operation: FillColumn) -> RangeUpdate | None:
        """:returns: Statements that do the same for some rows at a time; `None` for a table without a key."""
        key = operation.table.primary_key
        if key is None or key.lengths:
            return None
        columns, count = self.names(key.columns), len(key.columns)
        low = ", ".join(self.placeholder(number) for number in range(1, count + 1))
        high = ", ".join(self.placeholder(number) for number in range(count + 1, 2 * count + 1))
        end = f"ORDER BY {columns} LIMIT 1 OFFSET {BATCH_ROWS - 1}"
        select = f"SELECT {columns} FROM {self.qualified(operation.table.name)}"
        return RangeUpdate(
            first_end=f"{select} {end}",
            next_end=f"{select} WHERE ({columns}) > ({low}) {end}",
            until=self.fill_column(operation, f"({columns}) <= ({low})"),
            between=self.fill_column(operation, f"({columns}) > ({low}) AND ({columns}) <= ({high})"),
            after=self.fill_column(operation, f"({columns}) > ({low})"),
            everything=self.fill_column(operation),
        )

    def placeholder(self, number: int) -> str:
        """:returns: What stands for a value that is sent beside the statement; numbers begin with 1."""
        del number
        return "?"

    def insert_labels(self, table: Table, labels: tuple[str, ...]) -> str:
        """:returns: A statement that adds rows to a lookup table, in the order of the labels."""
        rows = ", ".join(f"({self.literal(label)})" for label in labels)
        return f"INSERT INTO {self.qualified(table.name)} ({self.quote(LOOKUP_VALUE)}) VALUES {rows}"

    def comment_index(self, table: QualifiedId, index: Index, source: Index | None = None) -> Iterator[str]:
        """
        :param source: The index as it was; `None` if it is new.
        :returns: Statements that set the comment of an index, where it differs.
        """
        del table, index, source
        yield from ()

    def comment_table(self, table: Table) -> Iterator[str]:
        """:returns: Statements that set comments of a new table and its columns."""
        del table
        yield from ()

    def comment_change(self, table: Table, change: TableChange) -> Iterator[str]:
        """:returns: Statements that set the comment that a change of a table comes with."""
        del table, change
        yield from ()
