"""A plan: the statements that lead from the current to the desired state, with what each of them may destroy."""

from __future__ import annotations

import enum
import glob
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any, Protocol

from pysqlsync_engine.errors import HazardError
from pysqlsync_engine.migration.hazards import drops
from pysqlsync_engine.migration.operations import (
    AddForeignKey,
    CreateIndex,
    CreateTable,
    DropDomain,
    DropEnum,
    DropStruct,
    DropTable,
    Operation,
    touches,
)
from pysqlsync_engine.migration.summary import one_line
from pysqlsync_engine.model.data_types import SqlType
from pysqlsync_engine.model.id_types import QualifiedId
from pysqlsync_engine.model.object_types import Catalog, Table
from pysqlsync_engine.options import Hazard, SyncPolicy


@dataclass(frozen=True, slots=True)
class RangeUpdate:
    """
    A change of all rows of a table, in ranges of its primary key; each range is a transaction of its own.

    :param first_end: Query for the key of the last row of the first range; no row if there is no such range.
    :param next_end: Query for the same of the range that follows a key, which is sent beside.
    :param until: Statement that changes the first range, up to a key.
    :param between: Statement that changes the range after one key, up to another.
    :param after: Statement that changes all rows after a key.
    :param everything: Statement that changes all rows.
    """

    first_end: str
    next_end: str
    until: str
    between: str
    after: str
    everything: str


@dataclass(frozen=True, slots=True)
class Step:
    """
    One operation (or a part of one) as the server executes it.

    :param summary: What it does, for people: `add column canvas.users.uuid`.
    :param statements: One SQL statement each, without terminator, in order.
    :param reverse: Statements that undo the step; `None` if it cannot be undone.
    :param hazards: What it may do besides.
    :param transactional: False if it cannot be rolled back, or in a transaction at all.
    :param patient: True if others can read and write however long it has to wait for them.
    :param variants: Ways to say the only statement that let others write meanwhile, the quickest first; where the server cannot
        do it so, the statement itself is executed if the policy permits `BLOCKS_WRITES`. Empty if there is but one way.
    :param release: Statements that are executed in the end, whatever happened: they let go of what others wait for.
    :param ranges: The statement as it is executed where others are to be let in between; `None` if it is executed as it is.
    """

    operation: Operation
    summary: str
    statements: tuple[str, ...]
    reverse: tuple[str, ...] | None
    hazards: frozenset[Hazard]
    transactional: bool = True
    patient: bool = False
    variants: tuple[str, ...] = ()
    ranges: RangeUpdate | None = None
    release: tuple[str, ...] = ()


class Writer(Protocol):
    """Turns operations into the SQL of one dialect."""

    def write(self, operation: Operation) -> Step:
        """
        :returns: The step that performs the operation.
        :raises UnsupportedError: if the dialect cannot.
        """
        ...

    def write_online(self, operation: Operation, tables: Mapping[QualifiedId, Table]) -> tuple[Step, ...]:
        """
        :param tables: As they are to be.
        :returns: Steps that perform the operation, each a transaction of its own, and let others read and write meanwhile as far
            as the server can.
        :raises UnsupportedError: if the dialect cannot.
        """
        ...

    def data_type(self, data_type: SqlType) -> str:
        """:returns: The type as the dialect spells it."""
        ...


@dataclass(frozen=True, slots=True)
class Plan:
    """
    A reviewed way from the current to the desired state. `str()` is the SQL for review, a comment per step.

    :param source_fingerprint: Of the catalog that the plan was made from; a plan is not applied to any other.
    :param target: Catalog that the plan leads to; what is read again after applying it must not differ.
    :param keep: Patterns of undeclared objects that were left alone, see `SyncPolicy.keep`.
    :param warnings: What was asked for and is not done, a line each.
    :param online: True if each step is a transaction of its own, which lets others read and write in between.
    """

    dialect: str
    steps: tuple[Step, ...]
    source_fingerprint: str
    target: Catalog = field(default=Catalog(), repr=False)
    keep: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    online: bool = False

    @property
    def is_empty(self) -> bool:
        """True if there is nothing to do."""
        return not self.steps

    @property
    def statements(self) -> tuple[str, ...]:
        """All statements, in order."""
        return tuple(statement for step in self.steps for statement in (*step.statements, *step.release))

    @property
    def hazards(self) -> frozenset[Hazard]:
        """Hazards of all steps."""
        return frozenset(hazard for step in self.steps for hazard in step.hazards)

    def require(self, policy: SyncPolicy) -> Plan:
        """
        Check that the policy permits all steps.

        :returns: The plan itself.
        :raises HazardError: if a step has a destructive hazard that the policy does not name.
        """
        refused = [
            f"{number}. {_refusal(step, policy)}"
            for number, step in enumerate(self.steps, start=1)
            if _unpermitted(step, policy)
        ]
        if refused:
            listed = "".join(f"\n  {line}" for line in refused)
            raise HazardError(
                f"plan: {len(refused)} of {len(self.steps)} steps refused, nothing was changed; permit them if this is"
                f" what you want:{listed}",
                steps=refused,
            )
        return self

    def to_json(self) -> str:
        """:returns: The whole plan as a JSON document, which another process can apply."""
        from pysqlsync_engine.migration.plan_json import write_plan

        return write_plan(self)

    @staticmethod
    def from_json(text: str) -> Plan:
        """
        :param text: What `to_json` returned; the dialect of the plan must have been loaded, see `get_dialect`.
        :raises PlanError: if it is anything else, or was changed.
        """
        from pysqlsync_engine.migration.plan_json import read_plan

        return read_plan(text)

    def __str__(self) -> str:
        warned = [f"-- warning: {one_line(warning)}" for warning in self.warnings]
        if self.is_empty:
            lines = [f"-- {one_line(self.dialect)}: nothing to do, the schema is as described", *warned]
            return "\n".join(lines) + "\n"
        count = f"{len(self.steps)} step{'s' if len(self.steps) > 1 else ''}"
        lines = [f"-- {one_line(self.dialect)}: {count}; hazards: {_listed(self.hazards) or 'none'}", *warned]
        for number, step in enumerate(self.steps, start=1):
            lines += ["", f"-- {number}. {one_line(step.summary)}"]
            lines += [f"-- hazard: {hazard}" for hazard in _names(step.hazards)]
            if self.online and step.ranges is not None:
                lines.append("-- in ranges of the primary key, each a transaction of its own")
            if self.online and step.variants:
                lines.append("-- in the gentlest way that the server can: " + one_line(step.variants[0]))
            lines += [f"{statement};" for statement in (*step.statements, *step.release)]
        return "\n".join(lines) + "\n"


def make_plan(
    operations: Iterable[Operation],
    writer: Writer,
    *,
    dialect: str,
    fingerprint: str,
    target: Catalog | None = None,
    online: bool = False,
) -> Plan:
    """
    Write operations as the SQL of a dialect.

    :param operations: In the order in which they are to be carried out, see `order`.
    :param fingerprint: Of the catalog that the operations start from.
    :param target: That the operations lead to.
    :param online: See `Plan`.
    :raises UnsupportedError: if the dialect cannot carry out an operation.
    """
    operations = tuple(operations)
    created = frozenset(operation.table.name for operation in operations if isinstance(operation, CreateTable))
    target = target or Catalog()
    tables = {table.name: table for table in target.tables()}
    steps: list[Step] = []
    for operation in operations:
        # nobody uses a table that has just been made
        gently = online and touches(operation).isdisjoint(created)
        steps += writer.write_online(operation, tables) if gently else [writer.write(operation)]
    return Plan(
        dialect,
        tuple(_without_idle_hazards(step, created) for step in steps),
        fingerprint,
        target=target,
        online=online,
    )


def fingerprint(catalog: Catalog) -> str:
    """:returns: A digest that is the same for catalogs that are equal, on every machine and in every process."""
    return hashlib.sha256(_canonical(catalog).encode("utf-8", "surrogatepass")).hexdigest()


def _canonical(value: Any) -> str:
    """:returns: Text that is equal for values that are equal; what is not compared is left out."""
    if isinstance(value, enum.Enum):
        return f"{type(value).__name__}.{value.name}"
    if is_dataclass(value) and not isinstance(value, type):
        compared = (f"{f.name}={_canonical(getattr(value, f.name))}" for f in fields(value) if f.compare)
        return f"{type(value).__name__}({', '.join(compared)})"
    if isinstance(value, tuple | list):
        return f"[{', '.join(_canonical(item) for item in value)}]"  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, set | frozenset):
        return f"{{{', '.join(sorted(_canonical(item) for item in value))}}}"  # pyright: ignore[reportUnknownVariableType]
    return repr(value)


def _without_idle_hazards(step: Step, created: frozenset[QualifiedId]) -> Step:
    """:returns: The step; if it adds a foreign key to a table that is still empty, without the hazards that need rows."""
    if isinstance(step.operation, AddForeignKey | CreateIndex) and step.operation.table in created:
        return replace(step, hazards=step.hazards - {Hazard.MAY_FAIL_ON_DATA, Hazard.BLOCKS_WRITES})
    return step


def _unpermitted(step: Step, policy: SyncPolicy) -> frozenset[Hazard]:
    """:returns: Destructive hazards of a step that the policy permits neither as such nor by the names of what is dropped."""
    refused = frozenset(hazard for hazard in step.hazards if hazard.is_destructive) - policy.allow
    dropped = drops(step.operation)
    by_name = {
        hazard
        for hazard in refused
        if (causes := [drop for drop in dropped if drop.hazard is hazard])
        and all(policy.permits_drop(drop.kind, drop.name) for drop in causes)
    }
    return refused - by_name


def _refusal(step: Step, policy: SyncPolicy) -> str:
    """:returns: What a step would do, what permits it, and for an undeclared object how to leave it alone."""
    missing = _unpermitted(step, policy)
    switch = ", ".join(f"Hazard.{hazard.name}" for hazard in Hazard if hazard in missing)
    text = f"{one_line(step.summary)}: {_listed(missing)}; permit with SyncPolicy(allow={{{switch}}})"
    named = [drop for drop in drops(step.operation) if drop.hazard in missing]
    if named and missing == frozenset(drop.hazard for drop in named):
        kinds = {kind: tuple(glob.escape(d.name) for d in named if d.kind == kind) for kind in {d.kind for d in named}}
        text += f" or SyncPolicy(allow_drop={dict(sorted(kinds.items()))!r})"
    if isinstance(step.operation, DropTable | DropEnum | DropStruct | DropDomain):
        patterns = ", ".join(repr(glob.escape(name.display)) for name in touches(step.operation))
        text += f", or leave it alone with SyncPolicy(keep=({patterns},))"
    return text


def _names(hazards: Iterable[Hazard]) -> Iterator[str]:
    """Hazards for people, the gravest first."""
    chosen = frozenset(hazards)
    return (hazard.value for hazard in Hazard if hazard in chosen)


def _listed(hazards: Iterable[Hazard]) -> str:
    return ", ".join(_names(hazards))
