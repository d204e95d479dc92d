"""Questions about rows in MySQL and MariaDB."""

from __future__ import annotations

from pysqlsync_engine.dialect.audit_reader import AnsiAuditReader
from pysqlsync_engine.dialect.mysql.names import quote, quote_table
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.managed import rejected_name


class MySQLAuditReader(AnsiAuditReader):
    """See `Auditor`."""

    def quote(self, name: LocalId) -> str:
        """Between backticks."""
        return quote(name)

    def quote_table(self, name: QualifiedId) -> str:
        """Between backticks."""
        return quote_table(name)

    def placeholder(self, number: int) -> str:
        """All the same."""
        del number
        return "%s"

    def exact(self, expression: str) -> str:
        """With a collation that compares code points; the usual ones take `A` for `a`."""
        return f"CONVERT({expression} USING utf8mb4) COLLATE utf8mb4_bin"

    async def rejected_table(self, table: QualifiedId) -> QualifiedId | None:
        """Looks for it by its name."""
        name = rejected_name(table, self._session.capabilities)
        found = await self._session.fetch(
            "SELECT 1 FROM information_schema.tables WHERE table_schema = coalesce(%s, database()) AND table_name = %s",
            name.namespace,
            name.name,
        )
        return name if found else None
