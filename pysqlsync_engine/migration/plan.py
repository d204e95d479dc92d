"""A plan: the statements that lead from the current to the desired state, with what each of them may destroy."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from pysqlsync_engine.errors import HazardError
from pysqlsync_engine.migration.operations import Operation
from pysqlsync_engine.model.object_types import Catalog
from pysqlsync_engine.options import Hazard, SyncPolicy


@dataclass(frozen=True, slots=True)
class Step:
    """
    One operation as the server executes it.

    :param summary: What it does, for people: `add column canvas.users.uuid`.
    :param statements: One SQL statement each, without terminator, in order.
    :param reverse: Statements that undo the step; `None` if it cannot be undone.
    :param hazards: What it may do besides.
    :param transactional: False if it cannot be rolled back.
    """

    operation: Operation
    summary: str
    statements: tuple[str, ...]
    reverse: tuple[str, ...] | None
    hazards: frozenset[Hazard]
    transactional: bool = True


class Writer(Protocol):
    """Turns operations into the SQL of one dialect."""

    def write(self, operation: Operation) -> Step:
        """
        :returns: The step that performs the operation.
        :raises UnsupportedError: if the dialect cannot.
        """
        ...


@dataclass(frozen=True, slots=True)
class Plan:
    """
    A reviewed way from the current to the desired state. `str()` is the SQL for review, a comment per step.

    :param source_fingerprint: Of the catalog that the plan was made from; a plan is not applied to any other.
    :param target: Catalog that the plan leads to; what is read again after applying it must not differ.
    :param keep: Patterns of undeclared objects that were left alone, see `SyncPolicy.keep`.
    """

    dialect: str
    steps: tuple[Step, ...]
    source_fingerprint: str
    target: Catalog = field(default=Catalog(), repr=False)
    keep: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """True if there is nothing to do."""
        return not self.steps

    @property
    def statements(self) -> tuple[str, ...]:
        """All statements, in order."""
        return tuple(statement for step in self.steps for statement in step.statements)
