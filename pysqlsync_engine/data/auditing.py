"""Questions about the rows that a table has: whether they are what constraints would demand where there are none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.session import Row


@dataclass(frozen=True, slots=True)
class Finding:
    """
    What is wrong in a table.

    :param count: How many rows, or keys, are at fault; 0 if all is well.
    :param examples: Some of them, as far as they were asked for; no more than a handful.
    """

    count: int
    examples: tuple[Row, ...] = ()


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """
    A row that was set aside.

    :param row: Number of the row in its stream, from 1.
    :param place: Where it is in its source, such as `flights.csv: line 7`; `None` if that is not known.
    :param column: `None` if the row as a whole is at fault.
    :param record: The row as text; `None` if values are redacted.
    :param at: When it was set aside.
    """

    row: int
    place: str | None
    column: str | None
    reason: str
    record: str | None
    at: datetime


class Auditor(Protocol):
    """Asks a server about the rows of its tables; every question is one statement, which reads all of a table. Changes nothing."""

    async def find_duplicates(self, table: QualifiedId, columns: Sequence[LocalId], *, examples: int = 0) -> Finding:
        """
        Look for values that several rows have; rows with a NULL among them are left out, as a unique key would.

        :returns: Number of such values; the examples are values, and after them how many rows have them.
        """
        ...

    async def find_orphans(
        self,
        table: QualifiedId,
        columns: Sequence[LocalId],
        *,
        parent: QualifiedId,
        parent_columns: Sequence[LocalId],
        examples: int = 0,
    ) -> Finding:
        """
        Look for rows that refer to rows which another table lacks; those with a NULL among the columns refer to none.

        :returns: Number of rows; the examples are distinct values that the other table lacks.
        """
        ...

    async def find_nulls(self, table: QualifiedId, columns: Sequence[LocalId]) -> dict[str, int]:
        """:returns: For each column how many rows have no value there."""
        ...

    async def find_strangers(
        self, table: QualifiedId, column: LocalId, labels: Sequence[str], *, examples: int = 0
    ) -> Finding:
        """
        Look for texts that are none of some labels; NULL is not looked at.

        :returns: Number of rows; the examples are distinct texts.
        """
        ...

    async def highest(self, table: QualifiedId, column: LocalId) -> Any:
        """:returns: The highest value of a column, as Python has it; `None` if there is none."""
        ...

    async def rejected_rows(self, table: QualifiedId, limit: int, *, partition: str | None = None) -> list[RejectedRow]:
        """
        :param partition: Name of the partition, or of the batch, whose rows to look at; `None` for all.
        :returns: Rows of the table that were set aside, the newest first; empty if none ever was.
        """
        ...
