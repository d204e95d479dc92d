"""The table `<table>__rejected`: what creates it, and how rows get there."""

from __future__ import annotations

from collections.abc import Sequence

from pysqlsync_engine.capabilities import Capabilities
from pysqlsync_engine.data.parts import Reject
from pysqlsync_engine.data.target import LoadTarget
from pysqlsync_engine.dialect.mysql.merging import found_rows
from pysqlsync_engine.dialect.mysql.names import quote, quote_list, quote_table, quote_text
from pysqlsync_engine.dialect.mysql.session import MySQLSession
from pysqlsync_engine.dialect.mysql.shipments import Numbering
from pysqlsync_engine.dialect.mysql.staging import Staging
from pysqlsync_engine.dialect.mysql.transfer import Transfer
from pysqlsync_engine.dialect.mysql.wire import literal
from pysqlsync_engine.errors import LoadError, UnsupportedError
from pysqlsync_engine.model.data_types import SqlBinary, SqlBit, SqlOpaque
from pysqlsync_engine.model.managed import REJECTED_COMMENT, REJECTED_SUFFIX, rejected_name

PAGE_ROWS = 500
"""Rows that are set aside with one statement."""

COLUMNS = ("stream", "batch", "row_number", "place", "column_name", "reason", "record")


class Rejected:
    """The rejected rows of one stream, on their way to their table."""

    def __init__(self, target: LoadTarget, capabilities: Capabilities) -> None:
        self.rows = 0
        self.name = rejected_name(target.table.name, capabilities)
        self._target = target
        self._origin = [literal(name) for name in target.origin]

    @property
    def notes(self) -> tuple[str, ...]:
        """Where the rows are, if one cannot guess it."""
        usual = self._target.table.name.name + REJECTED_SUFFIX
        return () if self.name.name == usual else (f"rejected rows are in {self.name.display}",)

    async def prepare(self, session: MySQLSession) -> None:
        """
        Create the table unless it is there.

        :raises LoadError: if there is another one of its name.
        :raises UnsupportedError: if it is missing, and a transaction is open, which its creation would commit.
        """
        found = await session.fetch(
            "SELECT table_comment FROM information_schema.tables"
            " WHERE table_schema = COALESCE(%s, database()) AND table_name = %s",
            self.name.namespace,
            self.name.name,
        )
        if found == [(REJECTED_COMMENT,)]:
            return
        if found:
            raise LoadError(
                f"{self.name.display}: is a table of somebody else; rename it, as rejected rows go to this name"
            )
        if session.in_transaction:
            raise UnsupportedError(
                f"{self.name.display}: the table for rejected rows is not there yet, and to create it would commit the transaction"
                " that is open; load a first stream outside of it"
            )
        await session.execute(
            f"CREATE TABLE IF NOT EXISTS {quote_table(self.name)} (id bigint NOT NULL AUTO_INCREMENT PRIMARY KEY,"
            " stream text, batch text, `row_number` bigint NOT NULL, place text, column_name text, reason text NOT NULL,"
            " record longtext, rejected_at datetime(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6), KEY (batch(64)))"
            f" ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COMMENT = {quote_text(REJECTED_COMMENT)}"
        )

    async def forget(self, session: MySQLSession) -> None:
        """Remove what earlier streams of the same partition, or an earlier attempt, have set aside."""
        if not self._target.forgets_rejected:
            return
        stream, batch = self._origin
        table = quote_table(self.name)
        # rows that are deleted by their keys are the only ones that are locked
        rows = await session.fetch(f"SELECT id FROM {table} WHERE batch = {batch} AND stream <=> {stream} ORDER BY id")
        for start in range(0, len(rows), PAGE_ROWS):
            listed = ", ".join(str(number) for (number,) in rows[start : start + PAGE_ROWS])
            await session.execute(f"DELETE FROM {table} WHERE id IN ({listed})")

    async def write(self, session: MySQLSession, rows: Sequence[Reject]) -> None:
        """
        Set rows aside that are not staged.

        :raises LoadError: if there are too many by now.
        """
        for start in range(0, len(rows), PAGE_ROWS):
            values: list[str] = []
            for reject in rows[start : start + PAGE_ROWS]:
                texts = (reject.place, reject.column, reject.reason, reject.record)
                values.append(f"({', '.join([*self._origin, str(reject.row), *map(_literal, texts)])})")
            await session.execute(
                f"INSERT INTO {quote_table(self.name)} ({quote_list(COLUMNS)}) VALUES {', '.join(values)}"
            )
        self._count(len(rows))

    async def take(
        self, session: MySQLSession, staging: Staging, numbering: Numbering, query: str, reason: str, column: str | None
    ) -> int:
        """
        Set staged rows aside.

        :param query: Yields their numbers.
        :returns: How many these are.
        :raises LoadError: if there are too many by now.
        """
        taken, last = 0, 0
        async with found_rows(session, staging, query) as found:
            number = quote(staging.number)
            while rows := await session.fetch(
                f"SELECT s.{number}, {_record(staging.transfers)} FROM {quote_table(found)} f JOIN {quote_table(staging.name)} s"
                f" ON s.{number} = f.{number} WHERE f.{number} > {last:d} AND s.{quote(staging.skipped)} IS NULL"
                f" ORDER BY f.{number} LIMIT {PAGE_ROWS:d}"
            ):
                await self.write(
                    session, [Reject(numbering.number_of(place), reason, column, record) for place, record in rows]
                )
                taken += len(rows)
                last = rows[-1][0]
            if taken:
                await session.execute(staging.skip(found))
        return taken

    def _count(self, rows: int) -> None:
        self.rows += rows
        most = self._target.options.max_rejects
        if most is not None and self.rows > most:
            raise LoadError(
                f"{self._target.table.name.display}: {self.rows} rows cannot be stored, more than max_rejects={most};"
                " nothing of the stream was stored"
            )


def _literal(text: str | None) -> str:
    """:returns: Literal for the text, without what is not stored as text."""
    return literal(None if text is None else text.replace("\0", "\\0").encode(errors="backslashreplace").decode())


def _record(transfers: Sequence[Transfer]) -> str:
    """:returns: SQL for a staged row as a JSON object."""
    pairs = ", ".join(f"{quote_text(t.column.name.name)}, {_shown(t)}" for t in transfers)
    return f"JSON_OBJECT({pairs})"


def _shown(transfer: Transfer) -> str:
    name = f"s.{quote(transfer.column.name)}"
    data_type = transfer.column.data_type
    if isinstance(data_type, SqlBinary) or isinstance(transfer.sent, SqlBinary):
        return f"LOWER(HEX({name}))"
    if isinstance(data_type, SqlBit):
        return f"BIN({name})"
    if isinstance(transfer.sent, SqlOpaque):
        return f"ST_AsText({name})"
    return f"CAST({name} AS CHAR)"
