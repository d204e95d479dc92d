"""What PostgreSQL does with staged rows, beyond what all servers do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from pysqlsync_engine.data.load_options import LoadMode, OnDuplicate, OnError
from pysqlsync_engine.data.load_report import Counts
from pysqlsync_engine.dialect.postgresql.session import PostgreSQLSession, connect
from pysqlsync_engine.errors import LoadError, RowError
from pysqlsync_engine.model.data_types import SqlCharacter, SqlInteger, SqlOpaque
from pysqlsync_engine.model.object_types import IdentityMode
from pysqlsync_engine.session import Row
from tests.row_tables import column, store, table
from tests.servers import Server

NOTES = table("notes", column("id", SqlInteger(4)), column("note", SqlCharacter(), nullable=True))

FIELDS = {"id": int, "note": str}


@pytest.fixture
async def session(postgresql: Server) -> AsyncIterator[PostgreSQLSession]:
    async with connect(postgresql.parameters) as session:
        yield session


async def notes(session: PostgreSQLSession) -> list[Row]:
    return await session.fetch("SELECT id, note FROM notes ORDER BY id")


@pytest.mark.parametrize("options", [{}, {"on_error": OnError.QUARANTINE}])
async def test_the_order_of_the_stream_does_not_depend_on_the_size_of_rows(
    session: PostgreSQLSession, options: dict[str, Any]
) -> None:
    await session.execute("CREATE TABLE notes (id int PRIMARY KEY, note text)")
    # a page has 8 kB: rows of 5 kB leave room in which small ones would fit later
    rows = [(number % 7, "x" * (5000 if number % 2 else 10) + str(number)) for number in range(70_000)]
    report = await store(session, NOTES, LoadMode.UPSERT, FIELDS, iter(rows[:5000] + rows[-40_000:]), **options)
    assert report.counts == Counts(inserted=7, superseded=44_993)
    assert await notes(session) == sorted(rows[-7:])


@pytest.mark.parametrize("mode", [LoadMode.UPSERT, LoadMode.MIRROR])
@pytest.mark.parametrize("has_trigger", [False, True])
async def test_rows_of_partitions_are_counted(session: PostgreSQLSession, mode: LoadMode, *, has_trigger: bool) -> None:
    await session.execute("CREATE TABLE notes (id int PRIMARY KEY, note text) PARTITION BY RANGE (id)")
    await session.execute("CREATE TABLE notes_low PARTITION OF notes FOR VALUES FROM (0) TO (10)")
    await session.execute("CREATE TABLE notes_high PARTITION OF notes FOR VALUES FROM (10) TO (100)")
    if has_trigger:
        await session.execute("CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NEW; END$$")
        await session.execute("CREATE TRIGGER t AFTER INSERT ON notes FOR EACH ROW EXECUTE FUNCTION keep()")
    await store(session, NOTES, LoadMode.INSERT, FIELDS, [(1, "a"), (20, "b")])
    report = await store(session, NOTES, mode, FIELDS, [(20, "c"), (1, "a"), (30, "d"), (2, "e"), (2, "f")])
    assert report.counts == Counts(inserted=2, updated=2, superseded=1)
    assert await notes(session) == [(1, "a"), (2, "f"), (20, "c"), (30, "d")]
    report = await store(session, NOTES, LoadMode.DELETE, {"id": int}, [(20,), (1,), (7,)])
    assert report.counts == Counts(deleted=2)


async def test_rows_that_a_trigger_writes_are_not_counted(session: PostgreSQLSession) -> None:
    await session.execute("CREATE TABLE notes (id int PRIMARY KEY, note text)")
    await session.execute(
        "CREATE FUNCTION copy_note() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN"
        " IF NEW.id < 100 THEN INSERT INTO notes VALUES (NEW.id + 100, NEW.note) ON CONFLICT DO NOTHING; END IF;"
        " RETURN NEW; END$$"
    )
    await session.execute("CREATE TRIGGER t AFTER INSERT ON notes FOR EACH ROW EXECUTE FUNCTION copy_note()")
    report = await store(session, NOTES, LoadMode.UPSERT, FIELDS, [(1, "a"), (2, "b")])
    assert report.counts == Counts(inserted=2)
    report = await store(session, NOTES, LoadMode.UPSERT, FIELDS, [(2, "c"), (3, "d")])
    assert report.counts == Counts(inserted=1, updated=1)
    assert len(await notes(session)) == 6


async def test_rows_that_are_unchanged_are_not_written(session: PostgreSQLSession) -> None:
    await session.execute("CREATE TABLE notes (id int PRIMARY KEY, note text)")
    await store(session, NOTES, LoadMode.INSERT, FIELDS, [(1, "a"), (2, "b"), (3, None)])
    before = await session.fetch("SELECT id, xmin, ctid FROM notes WHERE id <> 2 ORDER BY id")
    for mode in (LoadMode.UPSERT, LoadMode.MIRROR):
        report = await store(session, NOTES, mode, FIELDS, [(1, "a"), (2, "c"), (3, None)], only_changed=True)
        assert report.counts.updated == (mode is LoadMode.UPSERT)
    assert await session.fetch("SELECT id, xmin, ctid FROM notes WHERE id <> 2 ORDER BY id") == before


async def test_values_without_equality_are_compared(session: PostgreSQLSession) -> None:
    await session.execute("CREATE TABLE places (id int PRIMARY KEY, at point, box box)")
    places = table(
        "places",
        column("id", SqlInteger(4)),
        column("at", SqlOpaque("point"), nullable=True),
        column("box", SqlOpaque("box"), nullable=True),
    )
    fields = {"id": int, "at": str, "box": str}
    await store(session, places, LoadMode.INSERT, fields, [(1, "(1,2)", "(1,1),(0,0)"), (2, "(1,2)", "(1,1),(0,0)")])
    # a box is equal to another one of the same area
    rows = [(1, "(1, 2)", "(1,1),(0,0)"), (2, "(1,2)", "(2,1),(1,0)")]
    report = await store(session, places, LoadMode.UPSERT, fields, rows, only_changed=True)
    assert report.counts == Counts(updated=1, unchanged=1)


async def test_readers_see_the_old_rows_until_a_replacement_is_committed(
    session: PostgreSQLSession, postgresql: Server
) -> None:
    await session.execute("CREATE TABLE notes (id int PRIMARY KEY, note text)")
    await session.execute("INSERT INTO notes VALUES (1, 'old')")
    async with connect(postgresql.parameters) as reader:
        async with session.transaction():
            await store(session, NOTES, LoadMode.REPLACE, FIELDS, [(2, "new")])
            assert await notes(reader) == [(1, "old")]
        assert await notes(reader) == [(2, "new")]


async def test_a_row_that_is_added_meanwhile_is_not_left_in_a_mirror(
    session: PostgreSQLSession, postgresql: Server
) -> None:
    await session.execute("CREATE TABLE notes (id int PRIMARY KEY, note text)")
    async with connect(postgresql.parameters) as writer, session.transaction():
        await store(session, NOTES, LoadMode.MIRROR, FIELDS, [(1, "a")])
        await writer.execute("SET lock_timeout = '50ms'")
        with pytest.raises(Exception, match="lock timeout"):
            await writer.execute("INSERT INTO notes VALUES (2, 'b')")
    assert await notes(session) == [(1, "a")]


@pytest.mark.parametrize("mode", [LoadMode.REPLACE, LoadMode.MIRROR, LoadMode.UPSERT])
async def test_numbers_continue_after_those_of_a_stream(session: PostgreSQLSession, mode: LoadMode) -> None:
    await session.execute("CREATE TABLE docs (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, title text)")
    docs = table(
        "docs",
        column("id", SqlInteger(4), identity=IdentityMode.ALWAYS),
        column("title", SqlCharacter(), nullable=True),
    )
    await store(session, docs, mode, {"id": int, "title": str}, [(5, "a"), (9, "b")])
    await store(session, docs, LoadMode.INSERT, {"title": str}, [("c",)])
    assert await session.fetch("SELECT id, title FROM docs ORDER BY id") == [(5, "a"), (9, "b"), (10, "c")]


async def test_numbers_that_the_server_gives_are_in_the_order_of_the_stream(session: PostgreSQLSession) -> None:
    await session.execute("CREATE TABLE docs (id serial PRIMARY KEY, title text)")
    docs = table(
        "docs",
        column("id", SqlInteger(4), identity=IdentityMode.SERIAL, default="nextval('docs_id_seq')"),
        column("title", SqlCharacter(), nullable=True),
    )
    titles = [(f"title {number * 7919 % 1000}",) for number in range(1000)]
    for options in ({}, {"on_error": OnError.QUARANTINE}):
        await session.execute("TRUNCATE docs RESTART IDENTITY")
        await store(session, docs, LoadMode.INSERT, {"title": str}, titles, **options)
        assert await session.fetch("SELECT title FROM docs ORDER BY id") == titles


async def test_text_that_cannot_be_converted_is_set_aside(session: PostgreSQLSession) -> None:
    await session.execute("CREATE TABLE places (id int PRIMARY KEY, at point)")
    places = table("places", column("id", SqlInteger(4)), column("at", SqlOpaque("point"), nullable=True))
    rows = [(number, "(1,2)" if number % 100 else "nowhere") for number in range(1, 501)]
    report = await store(session, places, LoadMode.MIRROR, {"id": int, "at": str}, rows, on_error=OnError.QUARANTINE)
    assert report.counts == Counts(inserted=495, rejected=5)
    found = await session.fetch("SELECT row_number, column_name, reason FROM places__rejected ORDER BY id")
    assert [number for number, _, _ in found] == [100, 200, 300, 400, 500]
    assert found[0][1:] == ("at", 'invalid input syntax for type point: "nowhere"')


async def test_a_table_of_that_name_that_is_somebody_elses_is_not_written_to(session: PostgreSQLSession) -> None:
    await session.execute("CREATE TABLE notes (id int PRIMARY KEY, note text)")
    await session.execute("CREATE TABLE notes__rejected (id int)")
    with pytest.raises(LoadError, match=r"public\.notes__rejected: is a table of somebody else"):
        await store(session, NOTES, LoadMode.UPSERT, FIELDS, [(1, "a")], on_error=OnError.QUARANTINE)
    assert await notes(session) == []


async def test_duplicates_are_named_by_their_number_among_skipped_rows(session: PostgreSQLSession) -> None:
    await session.execute("CREATE TABLE notes (id int PRIMARY KEY, note text)")
    rows = [(number, "x" * (number % 50)) for number in range(40_000)]
    rows[35_000] = (7, "again")
    with pytest.raises(RowError) as caught:
        await store(session, NOTES, LoadMode.UPSERT, FIELDS, rows, on_duplicate=OnDuplicate.ERROR)
    assert (caught.value.row, caught.value.value) == (35_001, "'7'")
