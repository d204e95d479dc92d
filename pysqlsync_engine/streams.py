"""
Streams on connections of their own: sent again after failures that pass, and several at once.

Each stream is a transaction, and locks rows in the order of their keys. Where two streams wait for each other all the same, the
server ends one of them, which is then sent again; so is a stream whose connection was lost.
"""

from __future__ import annotations

import asyncio
import enum
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable
from uuid import uuid4

from pysqlsync_engine.data.journal import Entry
from pysqlsync_engine.data.load_errors import PartialLoadError, UncertainCommitError
from pysqlsync_engine.data.load_options import Atomicity, LoadMode, LoadOptions
from pysqlsync_engine.data.load_report import LoadReport
from pysqlsync_engine.data.loading import load
from pysqlsync_engine.data.sources import RecordSource, Window
from pysqlsync_engine.dialect.api import Dialect
from pysqlsync_engine.errors import ConnectError, EngineError, LoadError, StatementError
from pysqlsync_engine.model.object_types import Table
from pysqlsync_engine.session import Session, SessionPool

RECOGNIZED = "the acknowledgement of the commit was lost; the journal has the batch"


class OnFailure(enum.Enum):
    """What the failure of one stream does to the others."""

    FINISH = "finish"
    """Nothing: they go on."""

    CANCEL = "cancel"
    """Those that are under way are rolled back, and those that wait do not begin."""


@dataclass(frozen=True, slots=True)
class Retries:
    """
    How often a stream is sent again after a deadlock, a conflict with other transactions, or a lost connection.

    The wait doubles from one attempt to the next, and is a little random, so that streams do not meet again.

    :param attempts: How often a stream is sent at most; 1 for no retries.
    :param timeout_s: Seconds after which it is not sent again; `None` for no limit.
    :param wait_initial_s: Seconds before the second attempt.
    :param wait_max_s: Seconds between two attempts at most.
    """

    attempts: int = 10
    timeout_s: float | None = None
    wait_initial_s: float = 0.1
    wait_max_s: float = 5.0

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise ValueError(f"attempts: expected 1 or more; got {self.attempts}")


@dataclass(frozen=True, slots=True)
class StreamJob:
    """
    A stream among others.

    :param name: Of the stream, for people; no other one has it.
    :param options: What becomes of the rows; `None` as for `ConnectionContext.load`.
    :param window: Which rows; `None` for all.
    """

    name: str
    table: Table
    source: RecordSource
    options: LoadOptions | None = None
    window: Window | None = None


class StreamsError(EngineError, ExceptionGroup[Exception]):
    """
    Some of several streams failed.

    :param failed: What went wrong, by the names of the streams.
    :param reports: What the others did that were stored.
    """

    failed: dict[str, Exception]
    reports: dict[str, LoadReport]


@runtime_checkable
class OneTimeSource(Protocol):
    """A source that knows whether it can be read more than once; one that does not say so can."""

    @property
    def is_one_time(self) -> bool:
        """True if the rows are gone when they have been read, as those of an iterator."""
        ...


async def load_stream(sessions: SessionPool, dialect: Dialect, job: StreamJob, retries: Retries) -> LoadReport:
    """
    Store a stream, on a connection of its own for each attempt.

    :raises UncertainCommitError: if the connection was lost during the commit, and the server cannot be asked any more.
    :raises LoadError: see `load`; also if the stream would have to be sent again, but its source can be read once only.
    """
    return await _Sending(sessions, dialect, job, retries).run()


async def load_streams(
    jobs: Sequence[StreamJob],
    send: Callable[[StreamJob], Awaitable[LoadReport]],
    *,
    connections: int,
    on_failure: OnFailure,
) -> dict[str, LoadReport]:
    """
    Store several streams at the same time, each as a whole or not at all.

    :param connections: How many streams are under way at most.
    :returns: What they did, by name, in the order of the jobs.
    :raises StreamsError: if one failed; the others may have been stored.
    """
    repeated = [name for name, count in Counter(job.name for job in jobs).items() if count > 1]
    if repeated:
        raise ValueError(f"streams: names must be different; got several of {', '.join(repeated)}")
    if connections < 1:
        raise ValueError(f"streams: expected 1 connection or more; got {connections}")
    room = asyncio.Semaphore(connections)
    reports: dict[str, LoadReport] = {}
    failed: dict[str, Exception] = {}

    async def run(job: StreamJob) -> None:
        async with room:
            if failed and on_failure is OnFailure.CANCEL:
                return
            try:
                reports[job.name] = await send(job)
            except Exception as error:
                error.add_note(f"in stream {job.name!r}")
                failed[job.name] = error
                if on_failure is OnFailure.CANCEL:
                    raise _OthersCancelled from error

    try:
        async with asyncio.TaskGroup() as group:
            for job in jobs:
                group.create_task(run(job))
    except* _OthersCancelled:
        pass
    stored = {job.name: reports[job.name] for job in jobs if job.name in reports}
    if failed:
        error = StreamsError(f"{len(failed)} of {len(jobs)} streams failed: {', '.join(failed)}", [*failed.values()])
        error.failed, error.reports = failed, stored
        raise error
    return stored


class _OthersCancelled(Exception):  # noqa: N818 - a signal to the group
    """Ends the streams that are under way."""


class _Sending:
    """One stream, and what has become of the attempts to send it."""

    def __init__(self, sessions: SessionPool, dialect: Dialect, job: StreamJob, retries: Retries) -> None:
        options = job.options or LoadOptions()
        self._sessions = sessions
        self._dialect = dialect
        self._job = job
        self._options = options
        self._retries = retries
        in_parts = options.atomicity is Atomicity.CHUNK
        # parts that are stored are not undone with the last one, so nothing tells that the stream as a whole was stored
        self._receipt = None if in_parts or options.batch is not None else f"pysqlsync {uuid4().hex}"
        self._label = f"pysqlsync {uuid4().hex}" if in_parts else None
        batch = options.batch or self._receipt
        self._entry = Entry(options.stream_name or "", job.table.name.display, batch)
        self._is_one_time = isinstance(job.source, OneTimeSource) and job.source.is_one_time
        self._attempts = 0
        self._was_lost = False
        self._uncertain: UncertainCommitError | None = None

    async def run(self) -> LoadReport:
        # not needed for a stream on a connection of its own, which is sent once
        import stamina

        retries = self._retries
        try:
            async for attempt in stamina.retry_context(
                on=self._may_pass,
                attempts=retries.attempts,
                timeout=retries.timeout_s,
                wait_initial=retries.wait_initial_s,
                wait_max=retries.wait_max_s,
                wait_jitter=retries.wait_initial_s,
            ):
                with attempt:
                    return await self._attempt()
        except UncertainCommitError:
            raise
        except (ConnectError, StatementError) as error:
            is_definite = isinstance(error, StatementError) and not _passes(error)
            if self._uncertain is not None and not is_definite:
                # nobody could be asked about an earlier attempt
                raise self._uncertain from error
            if self._is_one_time and isinstance(error, StatementError) and not is_definite:
                raise self._unrepeatable(error) from error
            raise
        raise AssertionError("a stream was neither stored nor refused")

    def _may_pass(self, error: Exception) -> bool:
        """:returns: True if the stream is to be sent again, or the journal to be asked about it."""
        if isinstance(error, ConnectError):
            return self._was_lost and error.is_transient
        cause = error.__cause__ if isinstance(error, PartialLoadError) else error
        if not isinstance(cause, StatementError) or not _passes(cause):
            return False
        self._was_lost = self._was_lost or cause.is_lost
        may_be_stored = cause is not error or isinstance(cause, UncertainCommitError)
        if isinstance(error, UncertainCommitError) and error.is_recorded:
            # asking does not need the source
            return True
        return not self._is_one_time and not (may_be_stored and self._options.mode is LoadMode.INSERT)

    async def _attempt(self) -> LoadReport:
        async with self._sessions.acquire() as session:
            if self._uncertain is not None:
                if await self._is_recorded(session):
                    return self._recognized(self._uncertain.report)
                if self._is_one_time:
                    raise self._unrepeatable(self._uncertain) from self._uncertain
            self._attempts += 1
            try:
                report = await self._load(session)
            except UncertainCommitError as error:
                self._uncertain = error
                raise
            except EngineError as error:
                # it may have failed because an earlier attempt was committed after all
                if self._uncertain is None or _is_lost(error) or not await self._is_recorded(session):
                    raise
                return self._recognized(self._uncertain.report)
        if report.repeated and self._uncertain is not None:
            return self._recognized(self._uncertain.report)
        return replace(report, attempts=self._attempts)

    async def _load(self, session: Session) -> LoadReport:
        job, dialect, capabilities = self._job, self._dialect, session.capabilities
        return await load(
            session,
            dialect.loader(capabilities),
            dialect.journal(capabilities),
            table=job.table,
            source=job.source,
            options=self._options,
            window=job.window,
            receipt=self._receipt,
            label=self._label,
            is_repeated=self._label is not None and self._attempts > 1,
        )

    async def _is_recorded(self, session: Session) -> bool:
        if self._uncertain is None or not self._uncertain.is_recorded:
            return False
        return await self._dialect.journal(session.capabilities).has_batch(session, self._entry)

    def _recognized(self, report: LoadReport) -> LoadReport:
        """:returns: The report of an attempt that was committed without an acknowledgement."""
        return replace(report, attempts=self._attempts, notes=(*report.notes, RECOGNIZED))

    def _unrepeatable(self, error: StatementError) -> LoadError:
        return LoadError(
            f"{self._job.table.name.display}: {error}; the source can be read once only, so the stream was not sent again: give one"
            " that reads its rows anew each time"
        )


def _passes(error: StatementError) -> bool:
    return error.is_lost or error.is_transient


def _is_lost(error: EngineError) -> bool:
    return isinstance(error, StatementError) and error.is_lost
