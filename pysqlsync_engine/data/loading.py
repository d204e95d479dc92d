"""Streams of rows into tables: one stream is one transaction."""

from __future__ import annotations

import enum
from dataclasses import dataclass


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
