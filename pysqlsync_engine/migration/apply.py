"""Carries out a plan on a server."""

from __future__ import annotations

import time
from dataclasses import dataclass

from pysqlsync_engine.errors import ApplyError, LockTimeoutError, StatementError
from pysqlsync_engine.migration.plan import Plan
from pysqlsync_engine.migration.summary import one_line
from pysqlsync_engine.session import Session

DEPENDENT_OBJECTS = "2BP01"
"""SQLSTATE of a statement that would drop what other objects need."""


@dataclass(frozen=True, slots=True)
class ApplyReport:
    """
    What was done.

    :param steps: Steps applied: all those of the plan.
    :param statements: Statements executed.
    :param seconds: Wall-clock time.
    """

    steps: int
    statements: int
    seconds: float


async def apply(plan: Plan, session: Session) -> ApplyReport:
    """
    Execute all statements of a plan, in order.

    Where the server can roll back schema changes, the caller holds the transaction, and rolls it back on error.

    :raises LockTimeoutError: if a lock was not granted in time and nothing remains of the plan; try again.
    :raises ApplyError: if the server refuses a statement.
    """
    started = time.perf_counter()
    for index, step in enumerate(plan.steps):
        try:
            for statement in step.statements:
                await session.execute(statement)
        except StatementError as error:
            raise _failure(plan, index, error, transactional=session.capabilities.transactional_ddl) from error
    return ApplyReport(len(plan.steps), len(plan.statements), time.perf_counter() - started)


def _failure(plan: Plan, index: int, error: StatementError, *, transactional: bool) -> ApplyError | LockTimeoutError:
    """
    :param index: Of the step that failed.
    :param transactional: True if the caller rolls back what was applied.
    """
    number, total = index + 1, len(plan.steps)
    place = f"step {number} of {total} ({plan.steps[index].summary})"
    # the detail lists what is in the way; details of other errors may quote rows
    reason = f"{error}: {error.detail}" if error.sqlstate == DEPENDENT_OBJECTS and error.detail else str(error)
    applied = 0 if transactional and all(step.transactional for step in plan.steps[: index + 1]) else index
    if isinstance(error, LockTimeoutError) and not applied:
        return LockTimeoutError(
            f"{place}: {reason}; nothing was changed, try again when the table is less busy",
            statement=error.statement,
            sqlstate=error.sqlstate,
        )
    outcome = (
        f"{applied} steps applied, re-run to continue" if applied else "nothing was changed, fix the cause and re-run"
    )
    return ApplyError(f"{place}: {one_line(reason)}; {outcome}", step=number, applied=applied, total=total)
