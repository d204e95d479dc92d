"""Questions about rows as ANSI SQL; how names and values are written is the dialect's."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from pysqlsync_engine.data.auditing import Finding, RejectedRow
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.session import Session


class AnsiAuditReader(ABC):
    """Asks over one session; see `Auditor` for what the methods promise."""

    def __init__(self, session: Session) -> None:
        self._session = session

    @abstractmethod
    def quote(self, name: LocalId) -> str:
        """:returns: The name of a column, quoted."""

    @abstractmethod
    def quote_table(self, name: QualifiedId) -> str:
        """:returns: The name of a table, quoted."""

    @abstractmethod
    def placeholder(self, number: int) -> str:
        """:returns: What stands for a bound value, from 1."""

    @abstractmethod
    def exact(self, expression: str) -> str:
        """:returns: A text that is compared with bound ones character for character, whatever its collation."""

    @abstractmethod
    async def rejected_table(self, table: QualifiedId) -> QualifiedId | None:
        """:returns: The table for rejected rows of a table; `None` if it is not there."""

    async def find_duplicates(self, table: QualifiedId, columns: Sequence[LocalId], *, examples: int = 0) -> Finding:
        """See `Auditor`."""
        names = ", ".join(self.quote(column) for column in columns)
        groups = (
            f"SELECT {names}, count(*) AS found FROM {self.quote_table(table)} WHERE {self._present(columns)}"
            f" GROUP BY {names} HAVING count(*) > 1"
        )
        return await self._finding(
            f"SELECT count(*) FROM ({groups}) d", f"{groups} ORDER BY count(*) DESC, {names}", examples
        )

    async def find_orphans(
        self,
        table: QualifiedId,
        columns: Sequence[LocalId],
        *,
        parent: QualifiedId,
        parent_columns: Sequence[LocalId],
        examples: int = 0,
    ) -> Finding:
        """See `Auditor`."""
        match = " AND ".join(
            f"p.{self.quote(other)} = c.{self.quote(own)}" for own, other in zip(columns, parent_columns, strict=True)
        )
        lost = (
            f"FROM {self.quote_table(table)} c WHERE {self._present(columns, 'c.')}"
            f" AND NOT EXISTS (SELECT 1 FROM {self.quote_table(parent)} p WHERE {match})"
        )
        names = ", ".join(f"c.{self.quote(column)}" for column in columns)
        return await self._finding(
            f"SELECT count(*) {lost}", f"SELECT DISTINCT {names} {lost} ORDER BY {names}", examples
        )

    async def find_nulls(self, table: QualifiedId, columns: Sequence[LocalId]) -> dict[str, int]:
        """See `Auditor`."""
        if not columns:
            return {}
        sums = ", ".join(f"count(*) - count({self.quote(column)})" for column in columns)
        (row,) = await self._session.fetch(f"SELECT {sums} FROM {self.quote_table(table)}")
        return {column.name: int(count) for column, count in zip(columns, row, strict=True)}

    async def find_strangers(
        self, table: QualifiedId, column: LocalId, labels: Sequence[str], *, examples: int = 0
    ) -> Finding:
        """See `Auditor`."""
        name = self.quote(column)
        values = ", ".join(self.placeholder(number) for number in range(1, len(labels) + 1))
        among = f" AND {self.exact(name)} NOT IN ({values})" if labels else ""
        strangers = f"FROM {self.quote_table(table)} WHERE {name} IS NOT NULL{among}"
        return await self._finding(
            f"SELECT count(*) {strangers}", f"SELECT DISTINCT {name} {strangers} ORDER BY {name}", examples, *labels
        )

    async def highest(self, table: QualifiedId, column: LocalId) -> Any:
        """See `Auditor`."""
        ((value,),) = await self._session.fetch(f"SELECT max({self.quote(column)}) FROM {self.quote_table(table)}")
        return value

    async def rejected_rows(self, table: QualifiedId, limit: int, *, partition: str | None = None) -> list[RejectedRow]:
        """See `Auditor`."""
        name = await self.rejected_table(table)
        if name is None:
            return []
        columns = ("row_number", "place", "column_name", "reason", "record", "rejected_at")
        listed = ", ".join(self.quote(LocalId(column)) for column in columns)
        some = "" if partition is None else f" WHERE {self.quote(LocalId('batch'))} = {self.placeholder(1)}"
        rows = await self._session.fetch(
            f"SELECT {listed} FROM {self.quote_table(name)}{some} ORDER BY {self.quote(LocalId('id'))} DESC LIMIT {int(limit)}",
            *([] if partition is None else [partition]),
        )
        return [RejectedRow(*row) for row in rows]

    def _present(self, columns: Sequence[LocalId], prefix: str = "") -> str:
        return " AND ".join(f"{prefix}{self.quote(column)} IS NOT NULL" for column in columns)

    async def _finding(self, counting: str, listing: str, examples: int, *values: Any) -> Finding:
        ((count,),) = await self._session.fetch(counting, *values)
        if not count or not examples:
            return Finding(int(count))
        return Finding(int(count), tuple(await self._session.fetch(f"{listing} LIMIT {int(examples)}", *values)))
