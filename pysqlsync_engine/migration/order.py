"""The order in which operations can be carried out."""

from __future__ import annotations

import heapq
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from pysqlsync_engine.errors import UnsupportedError
from pysqlsync_engine.migration.matching import is_borrowed
from pysqlsync_engine.migration.operations import (
    AddForeignKey,
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
    RenameIndex,
    RenameTable,
    RenameType,
)
from pysqlsync_engine.migration.summary import summarize
from pysqlsync_engine.model.definition import named_types, types_of
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.object_types import DomainType, EnumType, StructType, Table

_STAGES: tuple[tuple[type[Operation], ...], ...] = (
    (DropForeignKey, DropTable, DropIndex, AlterTable, RelabelColumn),
    (CreateNamespace, CreateExtension, RenameType, RenameTable, AlterTable, RenameIndex),
    (
        CreateEnum,
        AlterEnum,
        CreatePrerequisite,
        CreateDomain,
        AlterDomain,
        CreateStruct,
        AlterStruct,
        CreateTable,
        RelabelColumn,
        FillLookup,
        AlterTable,
        DropStruct,
        DropDomain,
        DropEnum,
    ),
    (FillColumn, RelabelColumn, MergeLabels, MoveList),
    (AlterTable,),
    (MoveList,),
    (CreateIndex, AddForeignKey, DropNamespace),
    (DropTable, DropStruct, DropDomain, DropEnum),
)
"""
What makes way, what gets another name, what is made and altered, what is filled in, what is refused from then on, which lists
leave their columns, what ties tables together, and what was needed until then. Each stage is done before the next one begins.
Within a stage, which operation comes first where neither depends on the other.
"""

_SETTLING = next(number for number, ranks in enumerate(_STAGES) if ranks == (AlterTable,))

Event = tuple[str, QualifiedId | str | tuple[QualifiedId, LocalId] | tuple[str | None, str] | None]
"""What has happened to an object or a namespace: `("made", ...)`."""

Subject = EnumType | StructType | DomainType | Table


def order(operations: Iterable[Operation]) -> tuple[Operation, ...]:
    """
    Sort operations so that each finds what it needs, and nothing that is in its way.

    Foreign keys are dropped first and added last, so tables may refer to each other in a circle.

    :returns: The same operations; always in the same order, whatever order they came in.
    :raises UnsupportedError: if operations wait for each other.
    """
    operations = tuple(operations)
    needed = _needed_by_lists(operations)
    stages: tuple[list[Operation], ...] = tuple([] for _ in _STAGES)
    for operation in operations:
        stages[_stage(operation, needed)].append(operation)
    _check_late_names(operations, stages[-1])
    return tuple(operation for stage, ranks in zip(stages, _STAGES, strict=True) for operation in _sorted(stage, ranks))


def _needed_by_lists(operations: Sequence[Operation]) -> frozenset[QualifiedId]:
    """:returns: Tables and types that lists refer to in the place that they move out of."""
    found: set[QualifiedId] = set()
    for operation in operations:
        if isinstance(operation, MoveList) and operation.to_table:
            found |= named_types(operation.column.data_type)
        elif isinstance(operation, MoveList):
            found |= types_of(operation.table) | {key.referenced_table for key in operation.table.foreign_keys}
    parts = {
        each.name: types_of(each) for each in map(_before, operations) if isinstance(each, StructType | DomainType)
    }
    while more := {name for whole in found & parts.keys() for name in parts[whole]} - found:
        found |= more
    return frozenset(found)


def _check_late_names(operations: Iterable[Operation], late: Iterable[Operation]) -> None:
    """:raises UnsupportedError: if something is to be made of the name of what lists move out of: a table has a type of its name."""
    made = {after.name: each for each in operations if (after := _after(each)) is not None and _before(each) is None}
    for operation in late:
        subject = _before(operation)
        if subject is not None and subject.name in made:
            raise UnsupportedError(
                f"plan: lists need {subject.name.display} until they have moved, so there cannot be another one:"
                f" {summarize(made[subject.name])}; change how enumerations are stored in a synchronization of its own"
            )


def _stage(operation: Operation, needed: frozenset[QualifiedId]) -> int:
    """:param needed: Names of what can only be dropped in the end."""
    if isinstance(operation, MoveList):
        return _SETTLING + 1 if operation.to_table else _SETTLING - 1
    if isinstance(operation, DropTable | DropStruct | DropDomain | DropEnum):
        subject = _before(operation)
        return len(_STAGES) - 1 if subject is not None and subject.name in needed else _first_stage(operation)
    if isinstance(operation, AlterTable):
        if operation.detaching:
            return 0
        if operation.settling:
            return _SETTLING
        renames = [isinstance(change, RenameColumn) for change in operation.changes]
        return 1 if renames and all(renames) else 2
    if isinstance(operation, RelabelColumn) and not operation.detaching:
        # labels of a lookup table change before others are added to it
        return _SETTLING - 1 if operation.table.labels is None else 2
    return _first_stage(operation)


def _first_stage(operation: Operation) -> int:
    return next(number for number, ranks in enumerate(_STAGES) if type(operation) in ranks)


def _sorted(operations: Iterable[Operation], ranks: Sequence[type[Operation]]) -> list[Operation]:
    """:returns: The operations of one stage in order."""
    nodes = sorted(operations, key=lambda operation: (ranks.index(type(operation)), *_sort_key(operation)))
    followers: defaultdict[int, set[int]] = defaultdict(set)
    waiting = [0] * len(nodes)
    for before, after in _edges(nodes):
        if before != after and after not in followers[before]:
            followers[before].add(after)
            waiting[after] += 1
    ready = [index for index, count in enumerate(waiting) if not count]
    ordered: list[Operation] = []
    while ready:
        index = heapq.heappop(ready)
        ordered.append(nodes[index])
        for follower in followers[index]:
            waiting[follower] -= 1
            if not waiting[follower]:
                heapq.heappush(ready, follower)
    if len(ordered) < len(nodes):
        raise UnsupportedError(_circle([node for node, count in zip(nodes, waiting, strict=True) if count]))
    return ordered


def _circle(operations: Iterable[Operation]) -> str:
    listed = ", ".join(summarize(operation) for operation in operations)
    return f"plan: operations wait for each other: {listed}; make the change in two synchronizations"


def _sort_key(operation: Operation) -> tuple[str, str]:
    return summarize(operation), repr(operation)


def _edges(nodes: Sequence[Operation]) -> Iterator[tuple[int, int]]:
    """Pairs of an operation and one that must come after it, as indices."""
    awaited: defaultdict[Event, list[int]] = defaultdict(list)
    for index, operation in enumerate(nodes):
        for event in _awaits(operation):
            awaited[event].append(index)
    for index, operation in enumerate(nodes):
        for event in _signals(operation):
            for after in awaited.get(event, ()):
                yield index, after
    yield from _signatures(nodes)


def _signatures(nodes: Sequence[Operation]) -> Iterator[tuple[int, int]]:
    """Types that functions take or return, before those functions."""
    for index, operation in enumerate(nodes):
        if not isinstance(operation, CreatePrerequisite):
            continue
        signature = operation.prerequisite.definition.partition("\n LANGUAGE ")[0]
        for other, creation in enumerate(nodes):
            made = _after(creation) if isinstance(creation, CreateEnum | CreateDomain | CreateStruct) else None
            if made is not None and re.search(rf"(?<!\w){re.escape(made.name.name)}(?!\w)", signature):
                yield other, index


def _signals(operation: Operation) -> Iterator[Event]:
    """What the operation is needed for; an event has happened once all operations that signal it are done."""
    after, before = _after(operation), _before(operation)
    if after is not None:
        yield "made", after.name
    if before is not None:
        yield from (("unused", name) for name in types_of(before))
    if before is not None and after is None:
        yield "free", before.name
        yield "emptied", before.name.namespace
        yield from (("unused by what is dropped", name) for name in types_of(before))
    match operation:
        case CreateNamespace(name=name):
            yield "namespace made", name.name
        case DropTable(table=table):
            yield from (("not referred to", key.referenced_table) for key in table.foreign_keys)
        case FillLookup(table=table):
            yield "filled", table.name
        case RelabelColumn(lookup=QualifiedId() as lookup):
            yield "spelled", lookup
        case RenameTable() | RenameType() | RenameIndex():
            yield from _signals_of_rename(operation)
        case _:
            return


def _signals_of_rename(operation: RenameTable | RenameType | RenameIndex) -> Iterator[Event]:
    match operation:
        case RenameTable(source=name):
            yield "free", name
        case RenameType(source=subject):
            yield "free", subject.name
        case RenameIndex(table=table, source=source, target=target):
            yield "index free", (table, source.name)
            yield "index name free", (table.namespace, source.name.name)
            yield "index name borrowed", (table, target.name)


def _awaits(operation: Operation) -> Iterator[Event]:
    """What must have happened, if it is to happen at all."""
    after, before = _after(operation), _before(operation)
    if after is not None:
        yield from (("made", name) for name in types_of(after))
    if after is not None and before is None:
        yield "free", after.name
        yield "namespace made", after.name.namespace
    if before is not None and after is None:
        yield "unused", before.name
    yield from _awaits_besides(operation)


def _awaits_besides(operation: Operation) -> Iterator[Event]:
    match operation:
        case AlterEnum(source=enum):
            yield "unused by what is dropped", enum.name
        case AddForeignKey(table=name, constraint=key):
            for table in (name, key.referenced_table):
                yield "made", table
                yield "filled", table
        case DropTable(table=table):
            yield "not referred to", table.name
            yield "spelled", table.name
        case FillLookup(table=Table(name=name)) | RelabelColumn(table=Table(name=name)) | CreateIndex(table=name):
            yield "made", name
        case RenameTable() | RenameType() | RenameIndex():
            yield from _awaits_of_rename(operation)
        case DropNamespace(name=namespace):
            yield "emptied", namespace.name
        case _:
            return


def _awaits_of_rename(operation: RenameTable | RenameType | RenameIndex) -> Iterator[Event]:
    match operation:
        case RenameTable(target=name) | RenameType(target=name):
            yield "free", name
        case RenameIndex(table=table, source=source, target=target) if source.name != target.name:
            if is_borrowed(source.name):
                yield "index name borrowed", (table, source.name)
                # what has the name may be an index of another table
                yield "index name free", (table.namespace, target.name.name)
            if not is_borrowed(target.name):
                yield "index free", (table, target.name)
        case _:
            return


def _after(operation: Operation) -> Subject | None:
    """:returns: The object that there is once the operation is done."""
    match operation:
        case CreateEnum(enum=subject):
            return subject
        case CreateStruct(struct=subject):
            return subject
        case CreateTable(table=subject):
            return subject
        case CreateDomain(domain=subject):
            return subject
        case AlterEnum() | AlterStruct() | AlterDomain() | AlterTable():
            return operation.target
        case _:
            return None


def _before(operation: Operation) -> Subject | None:
    """:returns: The object that there is until the operation is done."""
    match operation:
        case DropEnum(enum=subject):
            return subject
        case DropStruct(struct=subject):
            return subject
        case DropTable(table=subject):
            return subject
        case DropDomain(domain=subject):
            return subject
        case AlterEnum() | AlterStruct() | AlterDomain() | AlterTable():
            return operation.source
        case _:
            return None
