"""The table `<table>__rejected`: what creates it, and how rows get there."""

from __future__ import annotations

from collections.abc import Sequence

from pysqlsync_engine.capabilities import Capabilities
from pysqlsync_engine.data.parts import Reject
from pysqlsync_engine.data.target import LoadTarget
from pysqlsync_engine.dialect.postgresql.staging import Relation, Staging, names
from pysqlsync_engine.errors import LoadError, StatementError
from pysqlsync_engine.model.id_types import LocalId
from pysqlsync_engine.model.literals import quote_literal
from pysqlsync_engine.model.managed import REJECTED_COMMENT, REJECTED_SUFFIX, rejected_name
from pysqlsync_engine.session import Session

COLLISIONS = frozenset({"23505", "42P07", "42710"})
"""What `IF NOT EXISTS` does not keep from happening when two sessions create at once: names that are taken."""

ATTEMPTS = 5
"""How often to try while another session creates the same table."""


class Rejected:
    """The rejected rows of one stream, on their way to their table."""

    def __init__(self, target: LoadTarget, capabilities: Capabilities) -> None:
        self.rows = 0
        self.name = rejected_name(target.table.name, capabilities)
        self._target = target
        self._origin = target.origin

    @property
    def notes(self) -> tuple[str, ...]:
        """Where the rows are, if one cannot guess it."""
        usual = self._target.table.name.name + REJECTED_SUFFIX
        return () if self.name.name == usual else (f"rejected rows are in {self.name.display}",)

    async def prepare(self, session: Session) -> None:
        """
        Create the table unless it is there.

        :raises LoadError: if there is another one of its name.
        """
        for attempt in range(1, ATTEMPTS + 1):
            found = await session.fetch(
                "SELECT pg_catalog.obj_description(c.oid, 'pg_class') FROM pg_catalog.pg_class c"
                " WHERE c.oid = pg_catalog.to_regclass($1)",
                str(self.name),
            )
            if found == [(REJECTED_COMMENT,)]:
                return
            if found:
                raise LoadError(
                    f"{self.name.display}: is a table of somebody else; rename it, as rejected rows go to this name"
                )
            try:
                async with session.transaction():
                    for statement in self._creation():
                        await session.execute(statement)
            except StatementError as error:
                if error.sqlstate not in COLLISIONS or attempt == ATTEMPTS:
                    raise

    def _creation(self) -> Sequence[str]:
        return (
            (
                f"CREATE TABLE {self.name} (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, stream text, batch text,"
                " row_number bigint NOT NULL, place text, column_name text, reason text NOT NULL, record text,"
                " rejected_at timestamptz NOT NULL DEFAULT now())"
            ),
            f"CREATE INDEX ON {self.name} (batch)",
            f"COMMENT ON TABLE {self.name} IS {quote_literal(REJECTED_COMMENT)}",
        )

    async def forget(self, session: Session) -> None:
        """Remove what earlier streams of the same partition, or an earlier attempt, have set aside."""
        if self._target.forgets_rejected:
            await session.execute(
                f"DELETE FROM {self.name} WHERE stream IS NOT DISTINCT FROM $1 AND batch = $2", *self._origin
            )

    async def write(self, session: Session, rows: Sequence[Reject]) -> None:
        """
        Set rows aside that were not staged.

        :raises LoadError: if there are too many by now.
        """
        await session.execute(
            f"INSERT INTO {self.name} (stream, batch, row_number, place, column_name, reason, record)"
            " SELECT $1, $2, * FROM unnest($3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[])",
            *self._origin,
            [reject.row for reject in rows],
            [_storable(reject.place) for reject in rows],
            [_storable(reject.column) for reject in rows],
            [_storable(reject.reason) for reject in rows],
            [_storable(reject.record) for reject in rows],
        )
        self._count(len(rows))

    async def take(
        self, session: Session, staging: Staging, query: str, reason: str, column: str | None, spared: str | None = None
    ) -> int:
        """
        Set staged rows aside.

        :param query: Yields their numbers.
        :param spared: Table that is to have their keys.
        :returns: How many these are.
        :raises LoadError: if there are too many by now.
        """
        shown = ", ".join(f"b.{c.name}::text AS {c.name}" for c in staging.target.columns)
        keys = f"SELECT {names(staging.keys)} FROM ({staging.rows(Relation('bad', f's.{staging.number}'))}) r"
        sparing = "" if spared is None else f", spared AS (INSERT INTO {spared} {keys})"
        taken = await session.execute(
            f"WITH bad AS (DELETE FROM {staging.name} d WHERE d.{staging.number} IN ({query}) RETURNING d.*){sparing}"
            f" INSERT INTO {self.name} (stream, batch, row_number, column_name, reason, record)"
            f" SELECT $1, $2, b.{staging.number}, $3, $4, (SELECT row_to_json(x)::text FROM (SELECT {shown}) x)"
            f" FROM bad b ORDER BY b.{staging.number}",
            *self._origin,
            column,
            reason,
        )
        self._count(taken)
        return taken

    def _count(self, rows: int) -> None:
        self.rows += rows
        most = self._target.options.max_rejects
        if most is not None and self.rows > most:
            raise LoadError(
                f"{self._target.table.name.display}: {self.rows} rows cannot be stored, more than max_rejects={most};"
                " nothing of the stream was stored"
            )


def _storable(text: str | None) -> str | None:
    """:returns: The text without what no server stores."""
    return None if text is None else text.replace("\0", "\\0").encode(errors="backslashreplace").decode()


def missing_column(staging: Staging) -> LocalId | None:
    """:returns: A column that new rows need, and the stream does not have."""
    return next(
        (c.name for c in staging.target.table.columns if not c.is_optional and c.name not in staging.named), None
    )
