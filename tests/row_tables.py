"""Tables for tests of rows, each as SQL and as the value that describes it."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable
from typing import Any

from pysqlsync_engine.data.batches import into_batches
from pysqlsync_engine.data.loading import LoadMode, LoadReport, load
from pysqlsync_engine.data.sources import Fields
from pysqlsync_engine.dialect.postgresql.loader import PostgreSQLLoader
from pysqlsync_engine.dialect.postgresql.session import PostgreSQLSession
from pysqlsync_engine.model.data_types import SqlCharacter, SqlDate, SqlInteger, SqlType
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.object_types import Column, PrimaryKeyConstraint, Table, UniqueConstraint
from pysqlsync_engine.session import Row


def column(name: str, data_type: SqlType, **attributes: Any) -> Column:
    return Column(LocalId(name), data_type, **attributes)


def table(name: str, *columns: Column, key: str = "id", **attributes: Any) -> Table:
    keys = tuple(LocalId(part) for part in key.split())
    primary_key = PrimaryKeyConstraint(LocalId(f"{name}_pkey"), keys) if keys else None
    return Table(QualifiedId("public", name), columns, primary_key, **attributes)


PEOPLE_SQL = """
    CREATE TABLE people (
        id int PRIMARY KEY,
        name varchar(20) NOT NULL,
        born date,
        points smallint NOT NULL CHECK (points < 100),
        CONSTRAINT people_name_key UNIQUE (name)
    )
"""

PEOPLE = table(
    "people",
    column("id", SqlInteger(4)),
    column("name", SqlCharacter(20)),
    column("born", SqlDate(), nullable=True),
    column("points", SqlInteger(2)),
    constraints=(UniqueConstraint(LocalId("people_name_key"), (LocalId("name"),)),),
)


async def store(
    session: PostgreSQLSession,
    target: Table,
    mode: LoadMode,
    fields: dict[str, Any],
    records: Iterable[Row] | AsyncIterable[Row],
    **options: Any,
) -> LoadReport:
    """Load records, and return the report."""
    return await load(
        session,
        PostgreSQLLoader(session.capabilities),
        table=target,
        fields=Fields(tuple(fields), tuple(fields.values())),
        mode=mode,
        batches=into_batches(records),
        **options,
    )
