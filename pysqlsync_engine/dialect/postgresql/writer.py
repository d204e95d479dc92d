"""Operations as SQL of PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from pysqlsync_engine.dialect.ansi import LOOKUP_VALUE
from pysqlsync_engine.dialect.label_writer import KEY_MARK
from pysqlsync_engine.dialect.postgresql.alterations import (
    Alteration,
    is_counted,
    is_plainly_counted,
    plan_alteration,
    starts_counting,
)
from pysqlsync_engine.dialect.postgresql.capabilities import features_of
from pysqlsync_engine.dialect.postgresql.objects import PostgreSQLTable
from pysqlsync_engine.dialect.postgresql.type_writer import PostgreSQLTypeWriter
from pysqlsync_engine.errors import UnsupportedError
from pysqlsync_engine.formation.names import constraint_name
from pysqlsync_engine.migration.operations import (
    AddColumn,
    AddConstraint,
    AlterColumn,
    AlterEnum,
    AlterTable,
    CreateTable,
    DropTable,
    Operation,
    RenameConstraint,
    RenameTable,
    SetDescription,
    TableChange,
)
from pysqlsync_engine.model.data_types import SqlInteger
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.object_types import (
    CheckConstraint,
    Column,
    Constraint,
    ExclusionConstraint,
    ForeignKeyConstraint,
    Index,
    Prerequisite,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
)
from pysqlsync_engine.options import Hazard

_SERIAL_TYPES = {2: "smallserial", 4: "serial", 8: "bigserial"}


class PostgreSQLWriter(PostgreSQLTypeWriter):
    """
    Writes operations for PostgreSQL 13 and later.

    All changes of a table are one statement as far as possible, so that it is locked once, and rewritten at most once.
    """

    def create_prerequisite(self, prerequisite: Prerequisite, former: Prerequisite | None) -> Iterator[str]:
        """
        :returns: Statements that create or replace a function or a collation. What a function calls need not be there yet.
        :raises UnsupportedError: for a collation that is to be another, which the server cannot replace.
        """
        if prerequisite.kind == "collation" and former is not None:
            raise UnsupportedError(
                f"{prerequisite.display}: cannot be replaced while it is used; give the other one a new name"
            )
        if prerequisite.kind == "function":
            yield "SET check_function_bodies = off"
        definition = prerequisite.definition
        if prerequisite.kind == "collation":
            definition = definition.replace("CREATE COLLATION", "CREATE COLLATION IF NOT EXISTS", 1)
        yield definition

    def create_namespace(self, name: LocalId) -> str:
        """:returns: A statement that creates the namespace, if another session has not done so (`public` is always there)."""
        return f"CREATE SCHEMA IF NOT EXISTS {self.quote(name)}"

    def is_marked_key(self) -> str:
        """:returns: What follows the name of a column of text in the condition that it holds a key, printed with a mark."""
        return f"~ {self.literal(f'^{KEY_MARK}[0-9]+$')}"

    def placeholder(self, number: int) -> str:
        """:returns: What stands for a value that is sent beside the statement."""
        return f"${number}"

    def create_extension(self, name: QualifiedId) -> str:
        """:returns: A statement that creates an extension, and those that it needs, if another session has not done so."""
        space = "" if name.namespace is None else f" SCHEMA {self.quote(name.namespace)}"
        return f"CREATE EXTENSION IF NOT EXISTS {self.quote(name.name)}{space} CASCADE"

    def hazards(self, operation: Operation) -> frozenset[Hazard]:
        """:returns: What the statements of the operation may do besides."""
        hazards = super().hazards(operation)
        if isinstance(operation, AlterEnum) and operation.uses and operation.replaces_labels:
            return hazards | {Hazard.REWRITES_TABLE}
        return hazards

    def condition(self, constraint: Constraint) -> str:
        """:returns: The constraint without its name."""
        if isinstance(constraint, ExclusionConstraint):
            return self.expression(constraint.definition) + self.deferrability(constraint)
        return super().condition(constraint)

    def validate_constraint(self, table: QualifiedId, constraint: Constraint) -> str:
        """:returns: A statement that checks all rows against a constraint that was not checked when it was added."""
        return f"ALTER TABLE {self.qualified(table)} VALIDATE CONSTRAINT {self.quote(constraint.name)}"

    def use_index(self, table: QualifiedId, key: PrimaryKeyConstraint | UniqueConstraint) -> str:
        """:returns: A statement that makes a key of the index that has its name."""
        kind = "PRIMARY KEY" if isinstance(key, PrimaryKeyConstraint) else "UNIQUE"
        name = self.quote(key.name)
        return f"ALTER TABLE {self.qualified(table)} ADD CONSTRAINT {name} {kind} USING INDEX {name}{self.deferrability(key)}"

    def refuse_null(self, table: QualifiedId, column: LocalId, proof: CheckConstraint) -> Iterator[str]:
        """:returns: Statements that refuse NULL in a column by means of a checked constraint, which is dropped."""
        prefix = f"ALTER TABLE {self.qualified(table)}"
        yield f"{prefix} ALTER COLUMN {self.quote(column)} SET NOT NULL"
        yield f"{prefix} DROP CONSTRAINT {self.quote(proof.name)}"

    def set_deferrability(self, table: QualifiedId, key: ForeignKeyConstraint) -> str:
        """:returns: A statement that changes when a foreign key is checked, without checking it anew."""
        when = " NOT DEFERRABLE" if key.deferrable is None else self.deferrability(key)
        return f"ALTER TABLE {self.qualified(table)} ALTER CONSTRAINT {self.quote(key.name)}{when}"

    def create_index(self, table: QualifiedId, index: Index, *, concurrently: bool = False) -> str:
        """
        :param concurrently: True to let others write to the table meanwhile; not possible in a transaction, and leaves an
            index that is not valid behind if it fails.
        :returns: A statement that creates an index.
        """
        options = tuple(self.expression(option) for option in index.options)
        statement = super().create_index(table, replace(index, options=options))
        return statement.replace(" INDEX ", " INDEX CONCURRENTLY ", 1) if concurrently else statement

    def drop_index(self, table: QualifiedId, index: Index, *, concurrently: bool = False) -> str:
        """
        :param concurrently: As for `create_index`.
        :returns: A statement that drops an index.
        """
        word = "CONCURRENTLY " if concurrently else ""
        return f"DROP INDEX {word}{self.qualified(QualifiedId(table.namespace, index.name.name))}"

    def comment_index(self, table: QualifiedId, index: Index, source: Index | None = None) -> Iterator[str]:
        """:returns: Statements that set the comment of an index, where it differs."""
        if index.description != (None if source is None else source.description):
            name = self.qualified(QualifiedId(table.namespace, index.name.name))
            yield self.comment(f"INDEX {name}", index.description)

    def column_type(self, column: Column) -> str:
        """:returns: The type of a column, with its collation; one of the pseudo-types that create a sequence."""
        if is_plainly_counted(column) and isinstance(column.data_type, SqlInteger):
            return _SERIAL_TYPES[column.data_type.width]
        return super().column_type(column)

    def column_properties(self, column: Column) -> Iterator[str]:
        """:returns: What follows the type of a column in the body of a table, in order."""
        if not is_counted(column):
            yield from super().column_properties(column)
            return
        if column.sequence is not None:
            yield f"DEFAULT {self.next_value(column.sequence)}"
        if not column.nullable:
            yield "NOT NULL"

    def next_value(self, sequence: QualifiedId) -> str:
        """:returns: An expression for the next value of a sequence."""
        return f"nextval({self.literal(self.qualified(sequence))}::regclass)"

    def create_table(self, table: Table, *, foreign_keys: bool) -> str:
        """:returns: A statement that creates the table; sequences that are not part of a column are there."""
        columns = tuple(_with_sequence(table.name, column) for column in table.columns)
        # the server would take a constraint that comes with the table for a valid one, as there are no rows yet
        constraints = tuple(c for c in table.constraints if _is_valid(c))
        plain = replace(table, columns=columns, constraints=constraints)
        statement = super().create_table(plain, foreign_keys=foreign_keys)
        if isinstance(table, PostgreSQLTable):
            if table.unlogged:
                statement = statement.replace("CREATE TABLE", "CREATE UNLOGGED TABLE", 1)
            if table.partition_by is not None:
                statement += f" PARTITION BY {self.expression(table.partition_by)}"
        return statement

    def table_statements(self, operation: CreateTable | AlterTable | RenameTable | DropTable) -> Iterator[str]:
        """:returns: Statements that create, alter, rename or drop a table."""
        if not isinstance(operation, CreateTable):
            yield from super().table_statements(operation)
            return
        table = operation.table
        sequences = list(_sequences(table.name, table.columns))
        yield from self._create_sequences(sequences)
        yield from super().table_statements(operation)
        yield from (self.add_constraint(table.name, c) for c in table.constraints if not _is_valid(c))
        yield from self._own_sequences(table.name, sequences)

    def _create_sequences(self, sequences: Iterable[tuple[Column, QualifiedId]]) -> Iterator[str]:
        """Sequences that defaults take values from, but for those that come with the type of a column."""
        for column, sequence in sequences:
            missing = "" if column.sequence is None else "IF NOT EXISTS "
            yield f"CREATE SEQUENCE {missing}{self.qualified(sequence)}"

    def _own_sequences(self, table: QualifiedId, sequences: Iterable[tuple[Column, QualifiedId]]) -> Iterator[str]:
        for column, sequence in sequences:
            if column.sequence is None:
                owner = f"{self.qualified(table)}.{self.quote(column.name)}"
                yield f"ALTER SEQUENCE {self.qualified(sequence)} OWNED BY {owner}"

    def alter_table(self, operation: AlterTable) -> Iterator[str]:
        """:returns: Statements that alter a table: one for all that can be combined, one per rename, one per comment."""
        name = operation.target.name
        alteration = plan_alteration(operation)
        counted = [change.target for change in operation.changes if starts_counting(change)]
        new = [
            *((column, column.sequence or _sequence_name(name, column)) for column in counted if is_counted(column)),
            *_sequences(name, (change.column for change in operation.changes if isinstance(change, AddColumn))),
        ]
        for rename in alteration.renamed:
            yield from self._combined(name, self.actions(rename))
        yield from self._combined(name, self._early_actions(alteration))
        for column in alteration.uncounted:
            if is_counted(column) and column.sequence is None:
                yield self._for_sequence(name, column, "DROP SEQUENCE %s")
        yield from self._create_sequences(new)
        documents = [change for change in operation.changes if isinstance(change, AlterColumn)]
        yield from self.create_envelopes(documents)
        yield from self._later_statements(name, alteration)
        yield from self.drop_envelopes(documents)
        yield from self._own_sequences(name, new)
        for column in counted:
            yield self._advance_sequence(name, column)
        for change in operation.changes:
            yield from self.comment_change(operation.target, change)

    def _early_actions(self, alteration: Alteration) -> Iterator[str]:
        for column in alteration.uncounted:
            what = "DEFAULT" if is_counted(column) else "IDENTITY"
            yield f"ALTER COLUMN {self.quote(column.name)} DROP {what}"

    def _later_statements(self, table: QualifiedId, alteration: Alteration) -> Iterator[str]:
        pending: list[str] = []
        for change in alteration.changes:
            actions = list(self._table_actions(table, change, alteration))
            if isinstance(change, RenameConstraint):
                yield from self._combined(table, pending)
                yield from self._combined(table, actions)
                pending = []
            else:
                pending += actions
        yield from self._combined(table, pending)
        for change in alteration.changes:
            if isinstance(change, AlterColumn) and self._widens_sequence(change):
                words = f"ALTER SEQUENCE %s AS {self.data_type(change.target.data_type)}"
                yield self._for_sequence(table, change.target, words)

    def _table_actions(self, table: QualifiedId, change: TableChange, alteration: Alteration) -> Iterator[str]:
        match change:
            case AddConstraint(constraint=constraint) if constraint in alteration.validated:
                yield f"VALIDATE CONSTRAINT {self.quote(constraint.name)}"
            case AddColumn(column=column):
                yield from self.actions(AddColumn(_with_sequence(table, column)))
            case AlterColumn(source=source, target=target) if self._must_recompute(source, target):
                yield f"DROP COLUMN {self.quote(target.name)}"
                yield f"ADD COLUMN {self.column(target)}"
            case AlterColumn(source=source, target=target, marks_keys=True):
                yield from self.actions(AlterColumn(source, replace(source, default=None)))
                name = self.quote(target.name)
                yield f"ALTER COLUMN {name} {self.retype(source, target)} USING {self.literal(KEY_MARK)} || {name}::text"
            case AlterColumn(source=source, target=target) if is_counted(target):
                default = None
                if source.identity is None:
                    sequence = target.sequence or _sequence_name(table, target)
                    default = self.next_value(sequence)
                plain = replace(target, identity=None, sequence=None, default=default)
                before = replace(source, identity=None, sequence=None)
                yield from self.actions(AlterColumn(before, plain))
            case _:
                yield from self.actions(change)

    def column_actions(self, source: Column, target: Column) -> Iterator[str]:
        """:returns: Clauses of `ALTER COLUMN`; a computed column stops to be one first."""
        if target.generated is not None and source.generated != target.generated:
            yield f"SET EXPRESSION AS ({self.expression(target.generated.expression)})"
        if source.collation != target.collation and source.data_type == target.data_type:
            yield self.retype(source, target)
        yield from super().column_actions(source, target)

    def _must_recompute(self, source: Column, target: Column) -> bool:
        """True if a column can only be dropped and added again to be computed in another way."""
        if target.generated is None or source.generated == target.generated:
            return False
        in_place = features_of(self.capabilities.version).set_expression and source.generated is not None
        return not in_place or source.generated is None or source.generated.stored != target.generated.stored

    def option_actions(self, source: Table, target: Table) -> Iterator[str]:
        """
        :returns: Clauses of `ALTER TABLE` that change what only tables of this product have.
        :raises UnsupportedError: if rows are to be spread over partitions in another way.
        """
        before, after = (t if isinstance(t, PostgreSQLTable) else PostgreSQLTable(t.name, ()) for t in (source, target))
        if before.partition_by != after.partition_by:
            raise UnsupportedError(
                f"{target.name.display}: cannot be partitioned by {after.partition_by} instead of {before.partition_by};"
                " create another table, and copy the rows"
            )
        if before.unlogged != after.unlogged:
            yield "SET UNLOGGED" if after.unlogged else "SET LOGGED"

    def _combined(self, table: QualifiedId, actions: Iterable[str]) -> Iterator[str]:
        listed = ",\n    ".join(actions)
        if listed:
            yield f"ALTER TABLE {self.qualified(table)}\n    {listed}"

    def _for_sequence(self, table: QualifiedId, column: Column, words: str) -> str:
        """A statement that does something to the sequence of a column, whatever its name."""
        sequence = self._sequence_of(table, column.name)
        body = f"BEGIN EXECUTE (SELECT pg_catalog.format({self.literal(words)}, {sequence})); END"
        return f"DO {self.literal(body)}"

    def _sequence_of(self, table: QualifiedId, column: LocalId) -> str:
        """An expression for the sequence that belongs to a column."""
        return f"pg_catalog.pg_get_serial_sequence({self.literal(self.qualified(table))}, {self.literal(column.name)})"

    def _advance_sequence(self, table: QualifiedId, column: Column) -> str:
        """A statement that makes the next generated value follow the largest one that is there."""
        sequence = self._sequence_of(table, column.name)
        last = f"COALESCE(MAX({self.quote(column.name)}), 0)"
        if column.sequence is not None:
            # others take values from it, too
            sequence = self.literal(self.qualified(column.sequence))
            last = f"{last}, (SELECT last_value FROM {self.qualified(column.sequence)})"
        return f"SELECT pg_catalog.setval({sequence}, (GREATEST({last}, 0) + 1)::bigint, false) FROM {self.qualified(table)}"

    def _widens_sequence(self, change: AlterColumn) -> bool:
        """True if a sequence must go on beyond the type that the column had; an identity sees to that itself."""
        is_own = is_counted(change.source) and is_counted(change.target) and change.target.sequence is None
        retyped = change.source.data_type != change.target.data_type
        return is_own and retyped and isinstance(change.target.data_type, SqlInteger)

    def insert_labels(self, table: Table, labels: tuple[str, ...]) -> str:
        """:returns: A statement that adds those labels that another session has not added meanwhile."""
        statement = super().insert_labels(table, labels)
        return f"{statement} ON CONFLICT ({self.quote(LOOKUP_VALUE)}) DO NOTHING"

    def comment_table(self, table: Table) -> Iterator[str]:
        """:returns: Statements that set comments of a new table and its columns."""
        if table.description is not None:
            yield self.comment(f"TABLE {self.qualified(table.name)}", table.description)
        for column in table.columns:
            if column.description is not None:
                yield self._comment_column(table, column)

    def comment_change(self, table: Table, change: TableChange) -> Iterator[str]:
        """:returns: Statements that set the comment that a change of a table comes with."""
        match change:
            case AddColumn(column=column) if column.description is not None:
                yield self._comment_column(table, column)
            case AlterColumn(source=source, target=target) if source.description != target.description:
                yield self._comment_column(table, target)
            case SetDescription(description=description):
                yield self.comment(f"TABLE {self.qualified(table.name)}", description)
            case _:
                return

    def _comment_column(self, table: Table, column: Column) -> str:
        return self.comment(f"COLUMN {self.qualified(table.name)}.{self.quote(column.name)}", column.description)


def _is_valid(constraint: Constraint) -> bool:
    return not isinstance(constraint, CheckConstraint) or constraint.validated


def _sequence_name(table: QualifiedId, column: Column) -> QualifiedId:
    """:returns: Name for a sequence of the column's own."""
    return QualifiedId(table.namespace, constraint_name(table.name, column.name.name, "seq", max_bytes=63))


def _with_sequence(table: QualifiedId, column: Column) -> Column:
    """:returns: The column, with the sequence that must be there before it is created."""
    if not is_counted(column) or is_plainly_counted(column) or column.sequence is not None:
        return column
    return replace(column, sequence=_sequence_name(table, column))


def _sequences(table: QualifiedId, columns: Iterable[Column]) -> Iterator[tuple[Column, QualifiedId]]:
    """:returns: New columns whose values come from a sequence that must be there before, with its name."""
    for column in columns:
        sequence = _with_sequence(table, column).sequence
        if sequence is not None:
            yield column, sequence
