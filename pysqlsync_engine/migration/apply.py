"""Carries out a plan on a server."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from pysqlsync_engine.errors import ApplyError, LockTimeoutError, StatementError
from pysqlsync_engine.migration.plan import Plan, RangeUpdate, Step
from pysqlsync_engine.migration.summary import one_line
from pysqlsync_engine.session import Row, Session

DEPENDENT_OBJECTS = "2BP01"
"""SQLSTATE of a statement that would drop what other objects need."""

NOT_SUPPORTED = "0A000"
"""SQLSTATE of a statement that the server cannot carry out in the way that was asked."""

FIRST_PAUSE_S = 0.1
"""Before a step is tried again for want of a lock; twice as long each time, and up to twice as long by chance."""

LONGEST_PAUSE_S = 10.0


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


async def apply(
    plan: Plan, session: Session, *, stepwise: bool = False, lock_attempts: int = 1, may_block: bool = True
) -> ApplyReport:
    """
    Execute all statements of a plan, in order.

    :param stepwise: True to make each step a transaction of its own, as far as the server has such transactions; else the
        caller holds one for all of them, and rolls it back on error.
    :param lock_attempts: How often a step is tried in all if a lock is not granted, with longer and longer pauses; where steps
        are not transactions of their own, once.
    :param may_block: False to refuse a step that has gentler variants, of which the server can do none.
    :raises LockTimeoutError: if a lock was not granted in time and nothing remains of the plan; try again.
    :raises ApplyError: if the server refuses a statement.
    """
    started = time.perf_counter()
    executed = 0
    for index, step in enumerate(plan.steps):
        try:
            if stepwise:
                executed += await _persist(session, step, lock_attempts, may_block=may_block)
            else:
                executed += await _execute(session, step.statements)
        except StatementError as error:
            raise _failure(plan, index, error, lasting=stepwise) from error
    return ApplyReport(len(plan.steps), executed, time.perf_counter() - started)


async def _execute(session: Session, statements: Sequence[str]) -> int:
    for statement in statements:
        await session.execute(statement)
    return len(statements)


async def _persist(session: Session, step: Step, attempts: int, *, may_block: bool) -> int:
    """Carry out a step so that it lasts; try again while others hold what it needs."""
    pause_s = FIRST_PAUSE_S
    for attempt in range(1, attempts + 1):
        try:
            return await _try(session, step, may_block=may_block)
        except LockTimeoutError:
            if attempt == attempts or (not step.transactional and len(step.statements) > 1):
                raise
        await asyncio.sleep(pause_s * (1 + random.random()))  # noqa: S311 - no secret
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
    raise AssertionError("a loop without end has ended")


async def _try(session: Session, step: Step, *, may_block: bool) -> int:
    if step.ranges is not None:
        return await _update_ranges(session, step.ranges)
    if step.variants:
        return await _execute_gently(session, step, may_block=may_block)
    if step.patient:
        async with session.unlimited_locks():
            return await _execute(session, step.statements)
    if not step.transactional:
        return await _execute_and_release(session, step)
    async with session.transaction():
        return await _execute(session, step.statements)


async def _execute_and_release(session: Session, step: Step) -> int:
    try:
        executed = await _execute(session, step.statements)
    except BaseException:
        # a connection that is lost has let go of everything
        with suppress(StatementError):
            await _execute(session, step.release)
        raise
    return executed + await _execute(session, step.release)


async def _execute_gently(session: Session, step: Step, *, may_block: bool) -> int:
    """Execute the first variant that the server can carry out; the statement itself is the last resort."""
    reason = StatementError("there is no gentler way")
    for statement in step.variants:
        try:
            return await _execute(session, [statement])
        except StatementError as error:
            if error.sqlstate != NOT_SUPPORTED:
                raise
            reason = error
    if not may_block:
        raise StatementError(
            f"{reason}; others could not write meanwhile: permit it with SyncPolicy(allow={{Hazard.BLOCKS_WRITES}})",
            statement=reason.statement,
            sqlstate=NOT_SUPPORTED,
        ) from reason
    return await _execute(session, step.statements)


async def _update_ranges(session: Session, ranges: RangeUpdate) -> int:
    """Change all rows of a table, range by range; each lasts, and one that is changed already is left alone."""
    low: Row | None = None
    executed = 0
    while True:
        found = await session.fetch(ranges.first_end) if low is None else await session.fetch(ranges.next_end, *low)
        high = found[0] if found else None
        async with session.transaction():
            await session.execute(*_range_statement(ranges, low, high))
        executed += 1
        if high is None:
            return executed
        low = high


def _range_statement(ranges: RangeUpdate, low: Row | None, high: Row | None) -> tuple[str, *tuple[object, ...]]:
    """:returns: The statement for the rows between two keys, and its values."""
    match low, high:
        case None, None:
            return (ranges.everything,)
        case None, high:
            return (ranges.until, *(high or ()))
        case low, None:
            return (ranges.after, *(low or ()))
        case low, high:
            return (ranges.between, *(low or ()), *(high or ()))


def _failure(plan: Plan, index: int, error: StatementError, *, lasting: bool) -> ApplyError | LockTimeoutError:
    """
    :param index: Of the step that failed.
    :param lasting: True if steps that were applied before stay.
    """
    number, total = index + 1, len(plan.steps)
    step = plan.steps[index]
    place = f"step {number} of {total} ({step.summary})"
    # the detail lists what is in the way; details of other errors may quote rows
    reason = f"{error}: {error.detail}" if error.sqlstate == DEPENDENT_OBJECTS and error.detail else str(error)
    applied = index if lasting else 0
    partly = lasting and not step.transactional and (len(step.statements) > 1 or step.ranges is not None)
    if isinstance(error, LockTimeoutError) and not applied and not partly:
        return LockTimeoutError(
            f"{place}: {reason}; nothing was changed, try again when the table is less busy",
            statement=error.statement,
            sqlstate=error.sqlstate,
        )
    outcome = "nothing was changed, fix the cause and re-run"
    if applied or partly:
        outcome = f"{applied} steps applied, re-run to continue"
    return ApplyError(f"{place}: {one_line(reason)}; {outcome}", step=number, applied=applied, total=total)
