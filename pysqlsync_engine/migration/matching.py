"""Which constraints, and which indexes, of two versions of a table are the same one."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from pysqlsync_engine.model.id_types import LocalId
from pysqlsync_engine.model.object_types import Constraint, ForeignKeyConstraint, Index

NAMELESS = LocalId("")

PartT = TypeVar("PartT", Constraint, Index)


@dataclass(frozen=True, slots=True)
class Matching(Generic[PartT]):
    """
    How the constraints (or indexes) of one side correspond to those of the other.

    :param same: Pairs that mean the same, whatever their names.
    :param dropped: Those of the source without a counterpart.
    :param added: Those of the target without a counterpart.
    """

    same: tuple[tuple[PartT, PartT], ...]
    dropped: tuple[PartT, ...]
    added: tuple[PartT, ...]

    def replacing(self, pairs: Iterable[tuple[PartT, PartT]]) -> Matching[PartT]:
        """:returns: The matching with pairs that mean the same dropped and added all the same."""
        chosen = tuple(pairs)
        return Matching(
            tuple(pair for pair in self.same if pair not in chosen),
            (*self.dropped, *(before for before, _ in chosen)),
            (*self.added, *(after for _, after in chosen)),
        )


def meaning(part: PartT) -> PartT:
    """:returns: The same without its name; the column pairs of a foreign key sorted, as their order means nothing."""
    if isinstance(part, Index):
        return replace(part, name=NAMELESS, description=None)
    if isinstance(part, ForeignKeyConstraint):
        pairs = sorted(zip(part.columns, part.referenced_columns, strict=True))
        return replace(
            part,
            name=NAMELESS,
            columns=tuple(column for column, _ in pairs),
            referenced_columns=tuple(column for _, column in pairs),
        )
    return replace(part, name=NAMELESS)


def match(source: Iterable[PartT], target: Iterable[PartT]) -> Matching[PartT]:
    """
    Pair constraints (or indexes) up by what they mean; where several mean the same, first those that have the same name.

    One that has the name of another, but does not mean the same, is not its counterpart.
    """
    unmatched = sorted(source, key=_by_name)
    wanted = sorted(target, key=_by_name)
    same: list[tuple[PartT, PartT]] = []
    for by_name in (True, False):
        for candidate in list(wanted):
            counterpart = next((c for c in unmatched if _corresponds(c, candidate, by_name=by_name)), None)
            if counterpart is not None:
                same.append((counterpart, candidate))
                unmatched.remove(counterpart)
                wanted.remove(candidate)
    return Matching(tuple(same), tuple(unmatched), tuple(wanted))


def rename_pairs(pairs: Iterable[tuple[PartT, PartT]]) -> Iterator[tuple[PartT, PartT]]:
    """
    Give constraints (or indexes) the names of their counterparts.

    :returns: Renames in an order in which each new name is free; a name is borrowed where names go round in a circle.
    """
    pending = {source.name: (source, target) for source, target in pairs if source.name != target.name}
    while pending:
        free = next((name for name, (_, target) in pending.items() if target.name not in pending), None)
        if free is not None:
            yield pending.pop(free)
            continue
        name, (source, target) = next(iter(pending.items()))
        borrowed = replace(source, name=LocalId(borrowed_name(name.name)))
        del pending[name]
        pending[borrowed.name] = (borrowed, target)
        yield source, borrowed


def borrowed_name(name: str) -> str:
    """:returns: A name that nobody chooses, and that is short enough for every server."""
    return "renamed_" + hashlib.sha256(name.encode()).hexdigest()[:16]


def is_borrowed(name: LocalId) -> bool:
    """:returns: True for a name that `borrowed_name` makes."""
    return re.fullmatch("renamed_[0-9a-f]{16}", name.name) is not None


def _by_name(part: Constraint | Index) -> LocalId:
    return part.name


def _corresponds(source: PartT, target: PartT, *, by_name: bool) -> bool:
    if by_name and source.name != target.name:
        return False
    # nobody wants an index that could not be finished, so a finished one will do
    finished = replace(target, valid=True) if isinstance(target, Index) else target
    return meaning(source) in (meaning(target), meaning(finished))
