"""Labels that somebody deletes while rows that have them are stored: such a row has its label, or is refused; NULL it never gets."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest

from pysqlsync_engine.data.load_options import LoadMode, OnError
from pysqlsync_engine.errors import LoadError, StatementError
from pysqlsync_engine.model.data_types import SqlInteger
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.object_types import ForeignKeyConstraint, Lookup
from pysqlsync_engine.session import Row, Session
from tests.row_tables import column, dialect_of, open_session, store, table
from tests.servers import Server

STATES = QualifiedId("public", "states")
FIELDS = {"id": int, "state": str}
ROWS: list[Row] = [(1, "open"), (2, "shut"), (3, None)]

WAITS_BRIEFLY = {"postgresql": "SET lock_timeout = '200ms'", "mysql": "SET SESSION innodb_lock_wait_timeout = 1"}

WRITES = re.compile(r"INSERT INTO (public\.)?doors\b|^public\.doors$")
"""A statement that writes rows, or the table that COPY sends them to."""


def doors(*, extensible: bool = False) -> Any:
    return table(
        "doors",
        column("id", SqlInteger(4)),
        column("state", SqlInteger(4), nullable=True),
        lookups=(Lookup(LocalId("state"), STATES, extensible=extensible),),
        constraints=(ForeignKeyConstraint(LocalId("fk"), (LocalId("state"),), STATES, (LocalId("id"),)),),
    )


@pytest.fixture
async def session(database: Server) -> AsyncIterator[Session]:
    async with open_session(database) as session:
        identity = "SERIAL" if dialect_of(session) == "postgresql" else "int AUTO_INCREMENT"
        await session.execute(f"CREATE TABLE states (id {identity} PRIMARY KEY, value varchar(9) UNIQUE NOT NULL)")
        await session.execute("INSERT INTO states (value) VALUES ('open'), ('shut')")
        await session.execute(
            "CREATE TABLE doors (id int PRIMARY KEY, state int, CONSTRAINT fk FOREIGN KEY (state) REFERENCES states (id))"
        )
        # where there is a trigger, PostgreSQL checks all references, and locks no labels before that
        if dialect_of(session) == "postgresql":
            await session.execute(
                "CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NEW; END$$"
            )
            await session.execute("CREATE TRIGGER keep BEFORE INSERT ON doors FOR EACH ROW EXECUTE FUNCTION keep()")
        yield session


@pytest.mark.parametrize("extensible", [False, True])
@pytest.mark.parametrize("on_error", OnError)
@pytest.mark.parametrize("mode", [LoadMode.INSERT, LoadMode.UPSERT, LoadMode.REPLACE])
async def test_a_label_that_is_deleted_before_the_merge_is_not_null_in_the_table(
    session: Session,
    database: Server,
    monkeypatch: pytest.MonkeyPatch,
    mode: LoadMode,
    on_error: OnError,
    *,
    extensible: bool,
) -> None:
    deleted = 0
    async with open_session(database) as other:
        await other.execute(WAITS_BRIEFLY[dialect_of(other)])

        def interfering(method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
            async def call(subject: Any, *args: Any, **options: Any) -> Any:
                nonlocal deleted
                words = str(subject).translate({ord("`"): None, ord('"'): None})
                if not deleted and WRITES.search(words):
                    deleted += 1
                    with suppress(StatementError):
                        await other.execute("DELETE FROM states WHERE value = 'shut'")
                return await method(subject, *args, **options)

            return call

        for name in ("execute", "fetch", "run", "copy"):
            if hasattr(session, name):
                monkeypatch.setattr(session, name, interfering(getattr(session, name)))
        refusal = None
        try:
            await store(session, doors(extensible=extensible), mode, FIELDS, ROWS, on_error=on_error)
        except LoadError as error:
            refusal = str(error)
    assert deleted == 1
    if refusal is not None:
        assert on_error is OnError.FAIL
        assert "doors.state" in refusal
        assert await found(session) == []
    else:
        # with its label, or set aside
        assert await found(session) in (ROWS, [ROWS[0], ROWS[2]])


async def found(session: Session) -> list[Row]:
    return await session.fetch("SELECT d.id, s.value FROM doors d LEFT JOIN states s ON s.id = d.state ORDER BY d.id")
