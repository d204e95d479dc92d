"""Which constraints of two versions of a table are the same one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from pysqlsync_engine.migration.operations import RenameConstraint
from pysqlsync_engine.model.id_types import LocalId
from pysqlsync_engine.model.object_types import Constraint, ForeignKeyConstraint

_NAMELESS = LocalId("")


@dataclass(frozen=True, slots=True)
class Matching:
    """
    How the constraints of one side correspond to those of the other.

    :param same: Pairs that mean the same, whatever their names.
    :param dropped: Constraints of the source without a counterpart.
    :param added: Constraints of the target without a counterpart.
    """

    same: tuple[tuple[Constraint, Constraint], ...]
    dropped: tuple[Constraint, ...]
    added: tuple[Constraint, ...]


def meaning(constraint: Constraint) -> Constraint:
    """:returns: The constraint without its name; the column pairs of a foreign key sorted, as their order means nothing."""
    if isinstance(constraint, ForeignKeyConstraint):
        pairs = sorted(zip(constraint.columns, constraint.referenced_columns, strict=True))
        return replace(
            constraint,
            name=_NAMELESS,
            columns=tuple(column for column, _ in pairs),
            referenced_columns=tuple(column for _, column in pairs),
        )
    return replace(constraint, name=_NAMELESS)


def match_constraints(source: Iterable[Constraint], target: Iterable[Constraint]) -> Matching:
    """
    Pair constraints up by what they mean; where several mean the same, first those that also have the same name.

    A constraint that has the name of another, but does not mean the same, is not its counterpart.
    """
    unmatched = sorted(source, key=_by_name)
    wanted = sorted(target, key=_by_name)
    same: list[tuple[Constraint, Constraint]] = []
    for by_name in (True, False):
        for candidate in list(wanted):
            counterpart = next((c for c in unmatched if _corresponds(c, candidate, by_name=by_name)), None)
            if counterpart is not None:
                same.append((counterpart, candidate))
                unmatched.remove(counterpart)
                wanted.remove(candidate)
    return Matching(tuple(same), tuple(unmatched), tuple(wanted))


def renames(pairs: Iterable[tuple[Constraint, Constraint]]) -> Iterator[RenameConstraint]:
    """
    Give constraints the names of their counterparts.

    :returns: Renames in an order in which each new name is free; a name is borrowed where names go round in a circle.
    """
    pending = {source.name: (source, target) for source, target in pairs if source.name != target.name}
    while pending:
        free = next((name for name, (_, target) in pending.items() if target.name not in pending), None)
        if free is not None:
            yield RenameConstraint(*pending.pop(free))
            continue
        name, (source, target) = next(iter(pending.items()))
        borrowed = replace(source, name=_borrowed_name(name))
        del pending[name]
        pending[borrowed.name] = (borrowed, target)
        yield RenameConstraint(source, borrowed)


def _by_name(constraint: Constraint) -> LocalId:
    return constraint.name


def _corresponds(source: Constraint, target: Constraint, *, by_name: bool) -> bool:
    return meaning(source) == meaning(target) and (source.name == target.name or not by_name)


def _borrowed_name(name: LocalId) -> LocalId:
    """:returns: A name that nobody chooses, and that is short enough for every server."""
    return LocalId("renamed_" + hashlib.sha256(name.name.encode()).hexdigest()[:16])
