"""What operations may do besides what they are meant for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pysqlsync_engine.migration.conversion import convert
from pysqlsync_engine.migration.operations import (
    AddColumn,
    AddConstraint,
    AddForeignKey,
    AlterColumn,
    AlterDomain,
    AlterEnum,
    AlterStruct,
    AlterTable,
    CreateIndex,
    DropColumn,
    DropDomain,
    DropEnum,
    DropNamespace,
    DropStruct,
    DropTable,
    FillColumn,
    MergeLabels,
    MoveList,
    Operation,
    RelabelColumn,
    Relabelling,
    SetOptions,
    TableChange,
    touches,
)
from pysqlsync_engine.model.data_types import SqlArray, SqlJson
from pysqlsync_engine.model.object_types import Column, Index
from pysqlsync_engine.options import Hazard


@dataclass(frozen=True, slots=True)
class Drop:
    """
    Something that an operation drops.

    :param kind: `table`, `column`, `type`, `member` or `namespace`; see `SyncPolicy.allow_drop`.
    :param name: As a person writes it: `public.users.email`.
    :param hazard: That comes of it.
    """

    kind: str
    name: str
    hazard: Hazard


def drops(operation: Operation) -> tuple[Drop, ...]:
    """:returns: What an operation drops that cannot be had back; nothing for what it drops and makes anew."""
    match operation:
        case DropTable(table=table):
            return (Drop("table", table.name.display, Hazard.DELETES_DATA),)
        case DropEnum() | DropStruct() | DropDomain():
            return tuple(Drop("type", name.display, Hazard.DROPS_OBJECT) for name in touches(operation))
        case DropNamespace(name=name):
            return (Drop("namespace", name.name, Hazard.DROPS_OBJECT),)
        case AlterTable():
            return tuple(_dropped_columns(operation))
        case AlterStruct(source=source, target=target):
            kept = {member.name for member in target.members}
            gone = [member.name.name for member in source.members if member.name not in kept]
            return tuple(Drop("member", f"{target.name.display}.{name}", Hazard.DELETES_DATA) for name in gone)
        case _:
            return ()


def _dropped_columns(operation: AlterTable) -> Iterator[Drop]:
    kept = {column.name for column in operation.target.columns}
    for change in operation.changes:
        if isinstance(change, DropColumn):
            name = f"{operation.target.name.display}.{change.column.name.name}"
            if change.column.generated is None:
                yield Drop("column", name, Hazard.DELETES_DATA)
            elif not operation.detaching and change.column.name not in kept:
                yield Drop("column", name, Hazard.DROPS_OBJECT)


def hazards_of(operation: Operation) -> frozenset[Hazard]:
    """:returns: Hazards of the operation, for a table that has rows and other users."""
    match operation:
        case DropTable():
            return frozenset({Hazard.DELETES_DATA})
        case DropEnum() | DropStruct() | DropDomain() | DropNamespace():
            return frozenset({Hazard.DROPS_OBJECT})
        case AddForeignKey():
            return frozenset({Hazard.MAY_FAIL_ON_DATA, Hazard.BLOCKS_WRITES})
        case CreateIndex(index=index):
            return frozenset(_index_hazards(index))
        case AlterDomain(source=source, target=target):
            stricter = set(target.constraints) - set(source.constraints) or (source.nullable and not target.nullable)
            return frozenset({Hazard.MAY_FAIL_ON_DATA, Hazard.BLOCKS_WRITES} if stricter else ())
        case AlterTable():
            return frozenset(_table_hazards(operation))
        case FillColumn() | RelabelColumn() | MergeLabels() | MoveList():
            return frozenset(_row_hazards(operation))
        case AlterEnum():
            return frozenset(_enum_hazards(operation))
        case AlterStruct():
            return frozenset(_struct_hazards(operation))
        case _:
            return frozenset()


def _row_hazards(operation: FillColumn | RelabelColumn | MergeLabels | MoveList) -> Iterator[Hazard]:
    if isinstance(operation, MoveList):
        yield from _list_hazards(operation)
        return
    yield Hazard.REWRITES_TABLE
    if isinstance(operation, RelabelColumn) and operation.kind is Relabelling.TO_KEYS:
        yield Hazard.MAY_FAIL_ON_DATA


def _list_hazards(operation: MoveList) -> Iterator[Hazard]:
    yield Hazard.BLOCKS_WRITES
    if operation.forgets_null:
        yield Hazard.NARROWS_TYPE
    column, value = operation.column.data_type, operation.value.data_type
    element = column.element if isinstance(column, SqlArray) else column
    source, target = (element, value) if operation.to_table else (value, element)
    document = isinstance(operation.items.element, SqlJson)
    if document or (isinstance(column, SqlArray) and not operation.items.is_label):
        yield from convert(source, target).hazards - {Hazard.REWRITES_TABLE}
    if operation.to_table and source != target:
        yield Hazard.MAY_FAIL_ON_DATA
    if not operation.to_table:
        yield Hazard.REWRITES_TABLE


def _index_hazards(index: Index) -> Iterator[Hazard]:
    yield Hazard.BLOCKS_WRITES
    if index.unique:
        yield Hazard.MAY_FAIL_ON_DATA


def _table_hazards(operation: AlterTable) -> Iterator[Hazard]:
    for index in operation.added_indexes:
        yield from _index_hazards(index)
    kept = {column.name for column in operation.target.columns}
    for change in operation.changes:
        match change:
            case DropColumn(column=column) if column.generated is not None:
                # its values can be computed again
                anew = operation.detaching or column.name in kept
                yield Hazard.REWRITES_TABLE if anew else Hazard.DROPS_OBJECT
            case _:
                yield from _change_hazards(change)


def _change_hazards(change: TableChange) -> Iterator[Hazard]:
    match change:
        case DropColumn():
            yield Hazard.DELETES_DATA
        case SetOptions():
            yield from (Hazard.REWRITES_TABLE, Hazard.BLOCKS_WRITES)
        case AddConstraint():
            yield from (Hazard.MAY_FAIL_ON_DATA, Hazard.BLOCKS_WRITES)
        case AddColumn(column=column):
            yield from _new_column_hazards(column)
        case AlterColumn(source=source, target=target):
            yield from convert(source.data_type, target.data_type).hazards
            if source.nullable and not target.nullable:
                yield Hazard.MAY_FAIL_ON_DATA
        case _:
            return


def _new_column_hazards(column: Column) -> Iterator[Hazard]:
    if not column.is_optional and column.backfill is None:
        yield Hazard.MAY_FAIL_ON_DATA
    if column.generated is not None and column.generated.stored:
        yield Hazard.REWRITES_TABLE
    # a function in a default may give each row a value of its own, which then must be stored
    if column.identity is not None or (column.default is not None and "(" in column.default):
        yield Hazard.REWRITES_TABLE


def _enum_hazards(operation: AlterEnum) -> Iterator[Hazard]:
    replaced = {former for former, _ in operation.replaced_labels}
    if set(operation.renamed_source.labels) - set(operation.target.labels) - replaced:
        yield from (Hazard.NARROWS_TYPE, Hazard.MAY_FAIL_ON_DATA)


def _struct_hazards(operation: AlterStruct) -> Iterator[Hazard]:
    after = {member.name: member for member in operation.target.members}
    for member in operation.source.members:
        if member.name in after:
            yield from convert(member.data_type, after[member.name].data_type).hazards
        else:
            yield Hazard.DELETES_DATA
