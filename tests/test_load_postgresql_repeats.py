"""Long streams into PostgreSQL that have some keys several times: the last row of each counts, whichever is written first."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest

from pysqlsync_engine.data.load_options import LoadMode, OnError
from pysqlsync_engine.data.load_report import Counts
from pysqlsync_engine.dialect.postgresql.merging import SAMPLED_ROWS
from pysqlsync_engine.dialect.postgresql.session import PostgreSQLSession, connect
from pysqlsync_engine.errors import RowError
from pysqlsync_engine.model.data_types import SqlCharacter, SqlInteger, SqlTimestamp
from pysqlsync_engine.model.id_types import LocalId
from pysqlsync_engine.model.object_types import UniqueConstraint
from pysqlsync_engine.session import Row
from tests.row_tables import column, store, table
from tests.servers import Server

ROWS = SAMPLED_ROWS + 2_000
REPEATED = range(0, ROWS, 100)

NOTES = table("notes", column("id", SqlInteger(4)), column("note", SqlCharacter(), nullable=True))
FIELDS: dict[str, Any] = {"id": int, "note": str}
STREAM = [(number, "once") for number in range(ROWS)]
AGAIN = [(number, f"again {turn}") for turn in range(3) for number in REPEATED]
LAST = [(number, "again 2" if number in REPEATED else "once") for number in range(ROWS)]


@pytest.fixture
async def session(postgresql: Server) -> AsyncIterator[PostgreSQLSession]:
    async with connect(postgresql.parameters) as session:
        await session.execute("CREATE TABLE notes (id int PRIMARY KEY, note text)")
        # rows go straight into a table that has no page yet
        await session.execute("INSERT INTO notes SELECT n, 'old' FROM generate_series(0, 4999) n")
        yield session


async def notes(session: PostgreSQLSession) -> list[Row]:
    return await session.fetch("SELECT id, note FROM notes ORDER BY id")


@pytest.mark.parametrize("mode", [LoadMode.UPSERT, LoadMode.MIRROR])
@pytest.mark.parametrize("on_error", OnError)
async def test_the_last_row_of_a_key_is_stored_and_each_key_counted_once(
    session: PostgreSQLSession, mode: LoadMode, on_error: OnError
) -> None:
    report = await store(session, NOTES, mode, FIELDS, [*STREAM, *AGAIN], on_error=on_error)
    assert report.counts == Counts(inserted=ROWS - 5000, updated=5000, superseded=len(AGAIN))
    assert await notes(session) == LAST


async def test_rows_of_a_key_that_are_near_each_other_make_the_same_of_it(session: PostgreSQLSession) -> None:
    rows = [(number, note) for number in range(ROWS) for note in ("first", "last")]
    report = await store(session, NOTES, LoadMode.UPSERT, FIELDS, rows)
    assert report.counts == Counts(inserted=ROWS - 5000, updated=5000, superseded=ROWS)
    assert await notes(session) == [(number, "last") for number in range(ROWS)]


async def test_rows_of_partitions_are_counted_once(session: PostgreSQLSession) -> None:
    await session.execute("DROP TABLE notes")
    await session.execute("CREATE TABLE notes (id int PRIMARY KEY, note text) PARTITION BY HASH (id)")
    for part in range(2):
        await session.execute(
            f"CREATE TABLE notes_{part} PARTITION OF notes FOR VALUES WITH (MODULUS 2, REMAINDER {part})"
        )
    await session.execute("INSERT INTO notes SELECT n, 'old' FROM generate_series(0, 4999) n")
    report = await store(session, NOTES, LoadMode.UPSERT, FIELDS, [*STREAM, *AGAIN])
    assert report.counts == Counts(inserted=ROWS - 5000, updated=5000, superseded=len(AGAIN))
    assert await notes(session) == LAST


@pytest.mark.parametrize("is_first", [True, False])
async def test_a_row_that_is_superseded_need_not_fit(session: PostgreSQLSession, *, is_first: bool) -> None:
    await session.execute("ALTER TABLE notes ADD CONSTRAINT short CHECK (length(note) < 10)")
    worse = [(number, "much too long") for number in REPEATED]
    rows = [*worse, *STREAM] if is_first else [*STREAM, *worse, *AGAIN]
    report = await store(session, NOTES, LoadMode.UPSERT, FIELDS, rows)
    assert report.counts == Counts(inserted=ROWS - 5000, updated=5000, superseded=len(rows) - ROWS)
    assert await notes(session) == (STREAM if is_first else LAST)


async def test_names_that_rows_pass_on_to_others_are_no_obstacle(session: PostgreSQLSession) -> None:
    await session.execute("CREATE TABLE people (id int PRIMARY KEY, name text NOT NULL CONSTRAINT unlike UNIQUE)")
    people = table(
        "people",
        column("id", SqlInteger(4)),
        column("name", SqlCharacter()),
        constraints=(UniqueConstraint(LocalId("unlike"), (LocalId("name"),)),),
    )
    await session.execute("INSERT INTO people VALUES (-1, 'nobody')")
    rows = [(number, f"name {number}") for number in range(ROWS)]
    # as each has the name that the next one had before, the first ones must not be stored together with the last ones
    renamed = [(number, f"name {number + 1}") for number in range(ROWS - 500, ROWS)]
    report = await store(session, people, LoadMode.UPSERT, {"id": int, "name": str}, [*rows, *renamed])
    assert report.counts == Counts(inserted=ROWS, superseded=500)
    found = await session.fetch("SELECT id, name FROM people WHERE id >= 0 ORDER BY id")
    assert found == [*rows[:-500], *renamed]


async def test_a_row_that_does_not_fit_is_named_by_its_number(session: PostgreSQLSession) -> None:
    await session.execute("ALTER TABLE notes ADD CONSTRAINT short CHECK (length(note) < 10)")
    before = await notes(session)
    for extra in ([], AGAIN):
        rows = [*STREAM, *extra]
        rows[ROWS - 7] = (ROWS - 7, "much too long")
        with pytest.raises(RowError, match="short") as caught:
            await store(session, NOTES, LoadMode.UPSERT, FIELDS, rows)
        assert caught.value.row == ROWS - 6
        assert await notes(session) == before


async def test_triggers_see_the_last_row_only(session: PostgreSQLSession) -> None:
    await session.execute("CREATE TABLE seen (id int, note text)")
    await session.execute(
        "CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS"
        " $$BEGIN INSERT INTO seen VALUES (NEW.id, NEW.note); RETURN NEW; END$$"
    )
    await session.execute("CREATE TRIGGER t AFTER INSERT OR UPDATE ON notes FOR EACH ROW EXECUTE FUNCTION see()")
    report = await store(session, NOTES, LoadMode.UPSERT, FIELDS, [*STREAM, *AGAIN])
    assert report.counts == Counts(inserted=ROWS - 5000, updated=5000, superseded=len(AGAIN))
    assert await session.fetch("SELECT id, note FROM seen ORDER BY id") == LAST


async def test_the_first_and_the_last_moment_are_not_infinite_wherever_they_are(session: PostgreSQLSession) -> None:
    await session.execute("CREATE TABLE visits (id int PRIMARY KEY, at timestamp NOT NULL)")
    visits = table("visits", column("id", SqlInteger(4)), column("at", SqlTimestamp()))
    await session.execute("INSERT INTO visits VALUES (0, '2020-01-01')")
    usual = datetime(2024, 2, 29, 12)
    rows = [(number, usual) for number in range(3 * ROWS)]
    rows[0], rows[ROWS], rows[-1] = (0, datetime.min), (ROWS, datetime.max), (3 * ROWS - 1, datetime.max)
    for start in (1, 0):
        report = await store(session, visits, LoadMode.UPSERT, {"id": int, "at": datetime}, rows[start:])
        assert report.counts.inserted + report.counts.updated == len(rows) - start
    infinite = "SELECT count(*) FROM visits WHERE NOT isfinite(at)"
    assert await session.fetch(infinite) == [(0,)]
    # the driver has the same value for the limits of Python and for infinity
    found = await session.fetch("SELECT id, at::text FROM visits WHERE at <> '2024-02-29 12:00' ORDER BY id")
    latest = "9999-12-31 23:59:59.999999"
    assert found == [(0, "0001-01-01 00:00:00"), (ROWS, latest), (3 * ROWS - 1, latest)]
