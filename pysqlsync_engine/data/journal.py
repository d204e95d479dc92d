"""What is recorded of streams in the target itself: how far each has come, and which batches it has brought."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from pysqlsync_engine.data.load_report import Counts
from pysqlsync_engine.session import Session


@dataclass(frozen=True, slots=True)
class Entry:
    """
    What a commit adds to the journal.

    :param stream: Name of the stream.
    :param table: Qualified name of the table.
    :param batch: Name of the batch; `None` if only the watermark is recorded.
    :param watermark: As text; `None` if it stays as it is.
    """

    stream: str
    table: str
    batch: str | None
    watermark: str | None
    rows: int = 0
    counts: Counts = field(default_factory=Counts)


@dataclass(frozen=True, slots=True)
class Mark:
    """
    How far a stream has come.

    :param value: The watermark, as text.
    :param at: When it was written, by the clock of the server; in UTC.
    :param rows: Rows that the stream has brought in all.
    """

    stream: str
    table: str
    value: str | None
    at: datetime
    rows: int


class Journal(Protocol):
    """Tables of our own in the target; a dialect knows their SQL."""

    async def prepare(self, session: Session) -> None:
        """Create the tables unless they are there; outside of transactions."""
        ...

    async def record(self, session: Session, entry: Entry) -> None:
        """Write what a stream brought, in the current transaction; a watermark takes the place of the one before."""
        ...

    async def has_batch(self, session: Session, entry: Entry) -> bool:
        """:returns: True if the batch of the entry is recorded."""
        ...

    async def read_mark(self, session: Session, stream: str, table: str) -> Mark | None:
        """:returns: How far the stream has come; `None` if nothing is recorded. The tables need not be there."""
        ...
