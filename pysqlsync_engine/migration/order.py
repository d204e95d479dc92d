"""The order in which operations can be carried out."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from pysqlsync_engine.errors import UnsupportedError
from pysqlsync_engine.migration.operations import (
    AddForeignKey,
    AlterDomain,
    AlterEnum,
    AlterStruct,
    AlterTable,
    CreateDomain,
    CreateEnum,
    CreateIndex,
    CreateNamespace,
    CreateStruct,
    CreateTable,
    DropDomain,
    DropEnum,
    DropForeignKey,
    DropIndex,
    DropNamespace,
    DropStruct,
    DropTable,
    FillLookup,
    Operation,
    RenameIndex,
    RenameTable,
    RenameType,
)
from pysqlsync_engine.migration.summary import summarize
from pysqlsync_engine.model.definition import types_of
from pysqlsync_engine.model.id_types import QualifiedId
from pysqlsync_engine.model.object_types import DomainType, EnumType, StructType, Table

_RANKS: tuple[type[Operation], ...] = (
    DropForeignKey,
    DropIndex,
    DropTable,
    RenameTable,
    RenameType,
    CreateNamespace,
    CreateEnum,
    AlterEnum,
    CreateDomain,
    AlterDomain,
    CreateStruct,
    AlterStruct,
    CreateTable,
    FillLookup,
    AlterTable,
    DropStruct,
    DropDomain,
    DropEnum,
    RenameIndex,
    CreateIndex,
    AddForeignKey,
    DropNamespace,
)
"""Which operation comes first where neither depends on the other."""

Event = tuple[str, QualifiedId | str | None]
"""What has happened to an object or a namespace: `("made", ...)`."""

Subject = EnumType | StructType | DomainType | Table


def order(operations: Iterable[Operation]) -> tuple[Operation, ...]:
    """
    Sort operations so that each finds what it needs, and nothing that is in its way.

    Foreign keys are dropped first and added last, so tables may refer to each other in a circle.

    :returns: The same operations; always in the same order, whatever order they came in.
    :raises UnsupportedError: if operations wait for each other.
    """
    nodes = sorted(operations, key=_sort_key)
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
    return tuple(ordered)


def _circle(operations: Iterable[Operation]) -> str:
    listed = ", ".join(summarize(operation) for operation in operations)
    return f"plan: operations wait for each other: {listed}; make the change in two synchronizations"


def _sort_key(operation: Operation) -> tuple[int, str, str]:
    return _RANKS.index(type(operation)), summarize(operation), repr(operation)


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
        case DropForeignKey(table=name, constraint=key):
            yield "detached", name
            yield "detached", key.referenced_table
        case FillLookup(table=table):
            yield "filled", table.name
        case DropIndex(table=name):
            yield "unindexed", name
        case RenameTable() | RenameType():
            yield "renamed", None
        case _:
            return


def _awaits(operation: Operation) -> Iterator[Event]:
    """What must have happened, if it is to happen at all."""
    after, before = _after(operation), _before(operation)
    if not isinstance(operation, RenameTable | RenameType):
        yield "renamed", None
    if after is not None:
        yield from (("made", name) for name in types_of(after))
    if before is not None:
        yield "detached", before.name
        yield "unindexed", before.name
    if after is not None and before is None:
        yield "free", after.name
        yield "namespace made", after.name.namespace
    if before is not None and after is None:
        yield "unused", before.name
    match operation:
        case AlterEnum(source=enum):
            yield "unused by what is dropped", enum.name
        case AddForeignKey(table=name, constraint=key):
            yield "detached", name
            for table in (name, key.referenced_table):
                yield "made", table
                yield "filled", table
        case FillLookup(table=table):
            yield "made", table.name
        case CreateIndex(table=name) | RenameIndex(table=name):
            yield "made", name
            yield "unindexed", name
        case DropNamespace(name=namespace):
            yield "emptied", namespace.name
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
