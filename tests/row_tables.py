"""Tables for tests of rows, each as SQL and as the value that describes it."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any

from pysqlsync_engine.data.batches import BatchSource, into_batches
from pysqlsync_engine.data.load_options import LoadMode, LoadOptions
from pysqlsync_engine.data.load_report import LoadReport
from pysqlsync_engine.data.loading import load
from pysqlsync_engine.data.sources import Fields
from pysqlsync_engine.dialect.mysql import pool as mysql
from pysqlsync_engine.dialect.mysql.loader import MySQLLoader
from pysqlsync_engine.dialect.postgresql import session as postgresql
from pysqlsync_engine.dialect.postgresql.loader import PostgreSQLLoader
from pysqlsync_engine.model.data_types import SqlCharacter, SqlDate, SqlInteger, SqlType
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.object_types import (
    Column,
    ForeignKeyConstraint,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
)
from pysqlsync_engine.session import Row, Session
from tests.server_types import DIALECTS, Server

CONNECT = {"postgresql": postgresql.connect, "mysql": mysql.connect}
LOADERS = {"postgresql": PostgreSQLLoader, "mysql": MySQLLoader}


def open_session(server: Server) -> AbstractAsyncContextManager[Session]:
    return CONNECT[server.dialect](server.parameters)


def dialect_of(session: Session) -> str:
    return DIALECTS[session.capabilities.version.product]


def quoted(session: Session, name: str) -> str:
    """:returns: A name in SQL of the server."""
    return f'"{name}"' if dialect_of(session) == "postgresql" else f"`{name}`"


def shown(session: Session, name: str) -> str:
    """:returns: The name of a table in messages."""
    return f"public.{name}" if session.capabilities.namespaces else name


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
        points smallint NOT NULL,
        CONSTRAINT people_points_check CHECK (points < 100),
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


def located(target: Table, session: Session) -> Table:
    """:returns: The table where the server has it: in the namespace `public`, if there are any."""
    if session.capabilities.namespaces:
        return target
    key = target.primary_key
    return replace(
        target,
        name=QualifiedId(None, target.name.name),
        primary_key=None if key is None else replace(key, name=LocalId("PRIMARY")),
        constraints=tuple(
            replace(item, referenced_table=QualifiedId(None, item.referenced_table.name))
            if isinstance(item, ForeignKeyConstraint)
            else item
            for item in target.constraints
        ),
        lookups=tuple(replace(item, table=QualifiedId(None, item.table.name)) for item in target.lookups),
    )


async def store(
    session: Session,
    target: Table,
    mode: LoadMode,
    fields: dict[str, Any],
    records: Iterable[Row] | AsyncIterable[Row],
    **options: Any,
) -> LoadReport:
    """Load records, and return the report."""
    return await load(
        session,
        LOADERS[dialect_of(session)](session.capabilities),
        None,
        table=located(target, session),
        source=BatchSource(Fields(tuple(fields), tuple(fields.values())), into_batches(records)),
        options=LoadOptions(mode, **options),
    )
