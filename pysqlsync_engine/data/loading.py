"""Streams of rows into tables: one stream is one transaction."""

from __future__ import annotations

import enum
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from pysqlsync_engine.data.hooks import Hook
from pysqlsync_engine.data.sources import Fields
from pysqlsync_engine.model.object_types import Column, Table
from pysqlsync_engine.session import Batch, Session


class LoadMode(enum.Enum):
    """What becomes of the rows of a stream."""

    INSERT = "insert"
    UPSERT = "upsert"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class LoadReport:
    """
    What a stream did.

    :param table: Qualified name of the table, for people.
    :param rows: Rows that the stream held.
    :param affected: Rows of the table that were inserted, updated or deleted; less than `rows` where the stream had
        several rows of a key, or where there was nothing to delete.
    :param batches: Batches that were sent.
    :param seconds: Wall-clock time from the first row to the commit.
    """

    table: str
    mode: LoadMode
    rows: int
    affected: int
    batches: int
    seconds: float

    @property
    def rows_per_second(self) -> float:
        """Rows of the stream per second; 0 for an empty stream."""
        return self.rows / self.seconds if self.rows else 0.0


@dataclass(frozen=True, slots=True)
class LoadTarget:
    """
    Where the rows of one stream go.

    :param columns: The named columns of the table, in the order of the values of a row.
    :param redact_values: True if messages must not show values of rows.
    """

    table: Table
    columns: tuple[Column, ...]
    mode: LoadMode
    redact_values: bool = False


class Loader(Protocol):
    """What a dialect knows about storing rows: which values its driver takes, and the SQL that merges them."""

    def hooks(self, target: LoadTarget, fields: Fields) -> Sequence[Hook | None]:
        """
        :returns: For each field what makes its values fit for the driver; `None` if they are as they are.
        :raises TypeError: if a column cannot take the values of a field without loss.
        """
        ...

    def is_numbered(self, target: LoadTarget) -> bool:
        """:returns: True if `store` expects rows that start with their number in the stream, from 1."""
        ...

    async def store(self, session: Session, target: LoadTarget, batches: AsyncIterator[Batch]) -> int:
        """
        Store the encoded rows of a stream, inside the current transaction.

        :returns: Number of rows of the table that were inserted, updated or deleted.
        :raises RowError: if the server refuses a row.
        """
        ...
