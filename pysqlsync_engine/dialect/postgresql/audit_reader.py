"""Questions about rows in PostgreSQL."""

from __future__ import annotations

from pysqlsync_engine.dialect.audit_reader import AnsiAuditReader
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.managed import rejected_name


class PostgreSQLAuditReader(AnsiAuditReader):
    """See `Auditor`."""

    def quote(self, name: LocalId) -> str:
        """As ANSI has it."""
        return str(name)

    def quote_table(self, name: QualifiedId) -> str:
        """As ANSI has it."""
        return str(name)

    def placeholder(self, number: int) -> str:
        """Numbered."""
        return f"${number}"

    def exact(self, expression: str) -> str:
        """As it is; the collation may be one that takes different texts for equal."""
        return f'{expression} COLLATE "C"'

    async def rejected_table(self, table: QualifiedId) -> QualifiedId | None:
        """Looks for it by its name."""
        name = rejected_name(table, self._session.capabilities)
        ((found,),) = await self._session.fetch("SELECT pg_catalog.to_regclass($1) IS NOT NULL", str(name))
        return name if found else None
