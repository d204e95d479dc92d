"""How PostgreSQL changes tables while others read and write them: what an operation is made of then."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from pysqlsync_engine.dialect.postgresql.alterations import is_validation
from pysqlsync_engine.dialect.postgresql.list_writer import PostgreSQLListWriter
from pysqlsync_engine.dialect.postgresql.objects import PostgreSQLTable
from pysqlsync_engine.migration.operations import (
    AddConstraint,
    AddForeignKey,
    AlterColumn,
    AlterTable,
    CreateIndex,
    DropConstraint,
    DropIndex,
    Operation,
    TableChange,
)
from pysqlsync_engine.migration.plan import Step
from pysqlsync_engine.migration.summary import one_line, summarize
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.object_types import (
    CheckConstraint,
    Constraint,
    ForeignKeyConstraint,
    Index,
    IndexPart,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
)
from pysqlsync_engine.options import Hazard


@dataclass(frozen=True, slots=True)
class Alter:
    """Changes that take no time once the table is locked, or that cannot be made otherwise."""

    changes: tuple[TableChange, ...]


@dataclass(frozen=True, slots=True)
class AddUnchecked:
    """Add a constraint for rows that are written from now on."""

    constraint: CheckConstraint | ForeignKeyConstraint


@dataclass(frozen=True, slots=True)
class Validate:
    """Check the rows that were there before a constraint."""

    constraint: CheckConstraint | ForeignKeyConstraint


@dataclass(frozen=True, slots=True)
class BuildIndex:
    """Build the index that a key is to have."""

    index: Index


@dataclass(frozen=True, slots=True)
class TakeIndex:
    """Make a key of an index that is there."""

    key: PrimaryKeyConstraint | UniqueConstraint


@dataclass(frozen=True, slots=True)
class RefuseNull:
    """Refuse NULL in a column, as a checked constraint proves that there is none; then drop that constraint."""

    column: LocalId
    proof: CheckConstraint


Part: TypeAlias = Alter | AddUnchecked | Validate | BuildIndex | TakeIndex | RefuseNull


def split(operation: AlterTable) -> Iterator[Part]:
    """:returns: The parts of an operation, with what would lock the table for as long as all of its rows are read taken apart."""
    going = [change.constraint for change in operation.changes if isinstance(change, DropConstraint)]
    quick: list[TableChange] = []
    slow: list[Part] = []
    for change in operation.changes:
        match change:
            case AddConstraint(constraint=constraint) if not any(is_validation(old, constraint) for old in going):
                parts = tuple(add_constraint(constraint))
                slow += parts
                quick += () if parts else (change,)
            case AlterColumn(source=source, target=target) if source.nullable and not target.nullable:
                permissive = replace(target, nullable=True)
                quick += () if permissive == source else (AlterColumn(source, permissive),)
                slow += refuse_null(target.name, operation.target)
            case _:
                quick.append(change)
    if quick:
        yield Alter(tuple(quick))
    # a primary key refuses NULL too, but would look for it in all rows
    yield from sorted(slow, key=lambda part: isinstance(part, BuildIndex | TakeIndex))


def add_constraint(constraint: Constraint) -> Iterator[Part]:
    """:returns: How a constraint is added without reading all rows under a lock; nothing if there is no other way."""
    match constraint:
        case CheckConstraint() | ForeignKeyConstraint() if constraint.validated and constraint.enforced:
            yield AddUnchecked(replace(constraint, validated=False))
            yield Validate(constraint)
        case PrimaryKeyConstraint() | UniqueConstraint():
            yield BuildIndex(_index_of(constraint))
            yield TakeIndex(constraint)
        case _:
            return


def _index_of(key: PrimaryKeyConstraint | UniqueConstraint) -> Index:
    return Index(
        key.name,
        tuple(IndexPart(column) for column in key.columns),
        unique=True,
        include=key.include,
        nulls_not_distinct=isinstance(key, UniqueConstraint) and key.nulls_not_distinct,
    )


def refuse_null(column: LocalId, table: Table) -> Iterator[Part]:
    """:returns: How a column comes to refuse NULL; https://www.postgresql.org/docs/current/sql-altertable.html"""
    digest = hashlib.sha256(f"{table.name.display}.{column.name}".encode()).hexdigest()[:16]
    proof = CheckConstraint(LocalId(f"not_null_{digest}"), f"{column} IS NOT NULL")
    yield AddUnchecked(replace(proof, validated=False))
    yield Validate(proof)
    yield RefuseNull(column, proof)


def is_partitioned(table: Table | None) -> bool:
    """:returns: True for a table whose indexes and foreign keys can only be made at once."""
    return isinstance(table, PostgreSQLTable) and table.partition_by is not None


class PostgreSQLOnlineWriter(PostgreSQLListWriter):
    """The writer for PostgreSQL, with steps that let others read and write."""

    def write_online(self, operation: Operation, tables: Mapping[QualifiedId, Table]) -> tuple[Step, ...]:
        """:returns: The steps that perform the operation while others read and write; see `Writer`."""
        match operation:
            case CreateIndex(table=name, index=index) if not is_partitioned(tables.get(name)):
                created = self.create_index(name, index, concurrently=True)
                return (self._patient(operation, [created, *self.comment_index(name, index)]),)
            case DropIndex(table=name, index=index) if not is_partitioned(tables.get(name)):
                return (self._patient(operation, [self.drop_index(name, index, concurrently=True)]),)
            case AddForeignKey(table=name, constraint=key) if not is_partitioned(tables.get(name)):
                parts = tuple(add_constraint(key))
                return tuple(self._part(operation, name, part) for part in parts) or super().write_online(
                    operation, tables
                )
            case AlterTable(target=table) if not is_partitioned(table):
                return tuple(self._part(operation, table.name, part) for part in split(operation))
            case _:
                return super().write_online(operation, tables)

    def _patient(self, operation: Operation, statements: Iterable[str], summary: str | None = None) -> Step:
        """A step that cannot be in a transaction, and is in nobody's way."""
        return Step(
            operation,
            summarize(operation, self) if summary is None else summary,
            tuple(statements),
            None,
            self.hazards(operation) - {Hazard.BLOCKS_WRITES},
            transactional=False,
            patient=True,
        )

    def _part(self, operation: AlterTable | AddForeignKey, table: QualifiedId, part: Part) -> Step:
        place = table.display
        match part:
            case Alter(changes=changes):
                if isinstance(operation, AddForeignKey):
                    return self.write(operation)
                return self.write(replace(operation, changes=changes))
            case AddUnchecked(constraint=constraint):
                summary = f"add constraint {constraint.name.name} of {place} for new rows"
                return self._quick(operation, summary, [self.add_constraint(table, constraint)])
            case Validate(constraint=constraint):
                summary = f"check constraint {constraint.name.name} of {place} for all rows"
                step = self._quick(operation, summary, [self.validate_constraint(table, constraint)])
                return replace(step, hazards=frozenset({Hazard.MAY_FAIL_ON_DATA}))
            case BuildIndex(index=index):
                summary = f"create index {index.name.name} of {place}"
                step = self._patient(operation, [self.create_index(table, index, concurrently=True)], one_line(summary))
                return replace(step, hazards=frozenset({Hazard.MAY_FAIL_ON_DATA}))
            case TakeIndex(key=key):
                summary = f"add constraint {key.name.name} of {place} with the index of its name"
                return self._quick(operation, summary, [self.use_index(table, key)])
            case RefuseNull(column=column, proof=proof):
                return self._quick(
                    operation, f"refuse NULL in {place}.{column.name}", self.refuse_null(table, column, proof)
                )

    def _quick(self, operation: Operation, summary: str, statements: Iterable[str]) -> Step:
        return Step(operation, one_line(summary), tuple(statements), None, frozenset())
