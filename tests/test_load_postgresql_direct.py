"""Rows that are copied straight into a table of PostgreSQL: into an empty one whatever the mode, and with numbers for labels."""

from __future__ import annotations

import asyncio
import enum
import gzip
from collections.abc import AsyncIterator, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from pysqlsync_engine.data import batches
from pysqlsync_engine.data.csv import CsvSource
from pysqlsync_engine.data.encoding import plain_encoder
from pysqlsync_engine.data.load_options import LoadMode, LoadOptions, OnDuplicate, Watermark
from pysqlsync_engine.data.load_report import Counts, LoadReport, Speed
from pysqlsync_engine.data.loading import load
from pysqlsync_engine.data.parts import EncodedBatch, Part, Run
from pysqlsync_engine.data.sources import Fields, RecordSource
from pysqlsync_engine.data.target import choose_target
from pysqlsync_engine.data.tsv import TsvSource
from pysqlsync_engine.dialect.postgresql import feeding
from pysqlsync_engine.dialect.postgresql.claiming import claim_empty
from pysqlsync_engine.dialect.postgresql.loader import PostgreSQLLoader
from pysqlsync_engine.dialect.postgresql.session import PostgreSQLSession, connect
from pysqlsync_engine.errors import RowError
from pysqlsync_engine.model.data_types import SqlCharacter, SqlDate, SqlInteger, SqlTimestamp
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.object_types import ForeignKeyConstraint, IdentityMode, Lookup, Table, UniqueConstraint
from pysqlsync_engine.session import Row
from tests.row_tables import PEOPLE, PEOPLE_SQL, column, store, table
from tests.servers import Server

FILLING = [LoadMode.UPSERT, LoadMode.REPLACE, LoadMode.MIRROR]
FIELDS = {"id": int, "note": str}
NOTES = table("notes", column("id", SqlInteger(4)), column("note", SqlCharacter(), nullable=True))
ALL = {"id": int, "name": str, "born": date, "points": int}


@pytest.fixture
async def session(postgresql: Server) -> AsyncIterator[PostgreSQLSession]:
    async with connect(postgresql.parameters) as session:
        await session.execute("CREATE TABLE notes (id int PRIMARY KEY, note text)")
        yield session


async def notes(session: PostgreSQLSession) -> list[Row]:
    return await session.fetch("SELECT id, note FROM notes ORDER BY id")


async def read(session: PostgreSQLSession, source: RecordSource, mode: LoadMode, **options: Any) -> LoadReport:
    loader = PostgreSQLLoader(session.capabilities)
    return await load(session, loader, None, table=NOTES, source=source, options=LoadOptions(mode, **options))


async def merges(session: PostgreSQLSession) -> bool:
    """:returns: True if rows of the session went by way of a staging table: it writes them twice."""
    ((count,),) = await session.fetch(
        "SELECT count(*) FROM pg_catalog.pg_class WHERE relname ~ '^pysqlsync_[0-9a-f]{32}$' AND relpersistence = 't'"
    )
    return count > 0


@pytest.mark.parametrize("mode", FILLING)
async def test_an_empty_table_gets_rows_without_a_staging_table(session: PostgreSQLSession, mode: LoadMode) -> None:
    rows = [(number, f"note {number}") for number in range(5000, 0, -1)]
    async with session.transaction():
        report = await store(session, NOTES, mode, FIELDS, rows)
        assert not await merges(session)
    assert report.counts == Counts(inserted=5000)
    assert await notes(session) == sorted(rows)
    # and from then on as ever
    async with session.transaction():
        report = await store(session, NOTES, LoadMode.UPSERT, FIELDS, [(1, "new"), (6000, "more")])
        assert await merges(session)
    assert report.counts == Counts(inserted=1, updated=1)


@pytest.mark.parametrize("mode", FILLING)
@pytest.mark.parametrize("kept_bytes", [1, 50_000, 10**7])
async def test_the_last_row_of_a_key_is_stored_wherever_the_others_are(
    session: PostgreSQLSession, mode: LoadMode, kept_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pysqlsync_engine.dialect.postgresql.copying.MAX_KEPT_ROW_BYTES", kept_bytes)
    monkeypatch.setattr(batches, "BLOCK_BYTES", 10_000)
    rows = [(number % 2000, f"note {number}") for number in range(4321)]
    report = await store(session, NOTES, mode, FIELDS, rows)
    assert report.counts == Counts(inserted=2000, superseded=2321)
    assert await notes(session) == sorted(dict(rows).items())


@pytest.mark.parametrize("kept_bytes", [1, 10_000, 10**7])
@pytest.mark.parametrize("form", ["tsv", "csv"])
async def test_text_is_sent_again_if_a_key_comes_twice(
    session: PostgreSQLSession, kept_bytes: int, form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeding, "MAX_KEPT_BYTES", kept_bytes)
    monkeypatch.setattr("pysqlsync_engine.data.chunks.BLOCK_BYTES", 3000)
    monkeypatch.setattr("pysqlsync_engine.data.files.BLOCK_BYTES", 3000, raising=False)
    rows = [(number % 1500, f'note, "{number}"') for number in range(2000)]
    path = tmp_path / f"notes.{form}.gz"
    if form == "tsv":
        lines = [f"{number}\t{note}\n" for number, note in rows]
        source: RecordSource = TsvSource(path, Fields(("id", "note"), (int, str)), header=False)
    else:
        lines = ["id,note\n"] + [f'{number},"{note.replace(chr(34), chr(34) * 2)}"\n' for number, note in rows]
        source = CsvSource(path, Fields(("id", "note"), (int, str)))
    path.write_bytes(gzip.compress("".join(lines).encode()))
    report = await read(session, source, LoadMode.UPSERT)
    assert report.counts == Counts(inserted=1500, superseded=500)
    assert (report.rows, report.speed) == (2000, Speed.BYTES)
    assert await notes(session) == sorted(dict(rows).items())


async def test_a_refused_row_is_named_and_nothing_stays(session: PostgreSQLSession) -> None:
    await session.execute(PEOPLE_SQL)
    rows = [(number, f"p{number}", None, 100 if number == 7000 else 1) for number in range(9000)]
    with pytest.raises(RowError) as caught:
        await store(session, PEOPLE, LoadMode.UPSERT, ALL, rows)
    assert caught.value.row == 7001
    assert "people_points_check" in caught.value.reason
    # not the key, but another unique column: found when the rows are merged
    rows = [(number, f"p{number % 8000}", None, 1) for number in range(9000)]
    with pytest.raises(RowError) as caught:
        await store(session, PEOPLE, LoadMode.UPSERT, ALL, rows)
    assert (caught.value.row, caught.value.column) == (8001, "name")
    assert await session.fetch("SELECT count(*) FROM people") == [(0,)]


@pytest.mark.parametrize("mode", [LoadMode.INSERT, LoadMode.UPSERT])
async def test_not_all_is_read_if_the_first_row_is_refused(
    session: PostgreSQLSession, mode: LoadMode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pysqlsync_engine.dialect.postgresql.copying.MAX_COPY_ROW_BYTES", 100_000)
    monkeypatch.setattr("pysqlsync_engine.dialect.postgresql.copying.MAX_KEPT_ROW_BYTES", 100_000)
    monkeypatch.setattr(batches, "BLOCK_BYTES", 10_000)
    read = 0

    def rows() -> Iterator[Row]:
        nonlocal read
        for read in range(1, 1_000_000):
            yield (read, None if read == 1 else "x")

    await session.execute("ALTER TABLE notes ALTER COLUMN note SET NOT NULL")
    with pytest.raises(RowError) as caught:
        await store(session, NOTES, mode, FIELDS, rows())
    assert caught.value.row == 1
    assert read < 100_000


async def test_what_the_driver_cannot_send_is_merged(session: PostgreSQLSession) -> None:
    await session.execute("CREATE TABLE moments (id int PRIMARY KEY, at timestamp, day date)")
    moments = table(
        "moments",
        column("id", SqlInteger(4)),
        column("at", SqlTimestamp(None)),
        column("day", SqlDate(), nullable=True),
    )
    plain = datetime(2024, 5, 6, 7, 8, 9)
    rows = [(number, datetime.max if number == 3000 else plain, date(2024, 5, 6)) for number in range(4000)]
    for mode in (LoadMode.INSERT, *FILLING):
        await session.execute("TRUNCATE moments")
        report = await store(session, moments, mode, {"id": int, "at": datetime, "day": date}, rows)
        assert report.counts == Counts(inserted=4000)
        assert await session.fetch("SELECT * FROM moments ORDER BY id") == rows


@pytest.mark.parametrize("repeats", [False, True])
async def test_the_watermark_is_that_of_all_rows(session: PostgreSQLSession, *, repeats: bool) -> None:
    rows: list[Row] = [(1, "b"), (2, "Z"), (3, "a"), *([(1, "A")] if repeats else [])]
    options = LoadOptions(LoadMode.UPSERT, watermark=Watermark("notes", column="note"))
    target = choose_target(NOTES, Fields(tuple(FIELDS), tuple(FIELDS.values())), options)
    opened = PostgreSQLLoader(session.capabilities).open(target)

    async def parts() -> AsyncIterator[Part]:
        yield EncodedBatch((Run(rows, 1),), plain_encoder(opened.hooks))

    async with session.transaction():
        outcome = await opened.store(session, parts())
    # by code points, and of the row that another one replaced, too
    assert outcome.watermark == "b"
    assert await notes(session) == sorted(dict(rows).items())


async def test_the_next_number_follows_those_that_were_given(session: PostgreSQLSession) -> None:
    await session.execute("CREATE TABLE counted (id int PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY, note text)")
    counted = table(
        "counted",
        column("id", SqlInteger(4), identity=IdentityMode.BY_DEFAULT),
        column("note", SqlCharacter(), nullable=True),
    )
    await store(session, counted, LoadMode.UPSERT, FIELDS, [(5, "a"), (9, "b")])
    await session.execute("INSERT INTO counted (note) VALUES ('next')")
    assert await session.fetch("SELECT id FROM counted ORDER BY id") == [(5,), (9,), (10,)]


async def test_two_rows_of_a_key_may_be_an_error(session: PostgreSQLSession) -> None:
    with pytest.raises(RowError, match="another row of the stream has the same key") as caught:
        await store(
            session, NOTES, LoadMode.UPSERT, FIELDS, [(1, "a"), (2, "b"), (1, "c")], on_duplicate=OnDuplicate.ERROR
        )
    assert caught.value.row == 3


async def test_two_streams_fill_a_table_at_once(session: PostgreSQLSession, postgresql: Server) -> None:
    started, others = asyncio.Event(), asyncio.Event()

    async def slowly() -> AsyncIterator[Row]:
        for number in range(3000):
            yield (number, "slow")
        started.set()
        await others.wait()
        # a key that the other stream has brought meanwhile, and one of this stream
        yield (5000, "slow")
        yield (7, "again")

    async with connect(postgresql.parameters) as other:
        slow = asyncio.create_task(store(session, NOTES, LoadMode.UPSERT, FIELDS, slowly()))
        await started.wait()
        rows = [(number, "quick") for number in range(4000, 6000)]
        quick = await store(other, NOTES, LoadMode.UPSERT, FIELDS, rows)
        others.set()
    assert quick.counts == Counts(inserted=2000)
    assert (await slow).counts == Counts(inserted=3000, updated=1, superseded=1)
    assert await session.fetch("SELECT note, count(*) FROM notes GROUP BY note ORDER BY note") == [
        ("again", 1),
        ("quick", 1999),
        ("slow", 3000),
    ]


async def test_nobody_waits_for_an_empty_table(session: PostgreSQLSession, postgresql: Server) -> None:
    async with connect(postgresql.parameters) as other, other.transaction():
        await other.execute("LOCK TABLE notes IN ROW EXCLUSIVE MODE")
        async with session.transaction():
            assert not await claim_empty(session, NOTES.name)
            # the transaction goes on
            assert await session.fetch("SELECT 1") == [(1,)]
        report = await store(session, NOTES, LoadMode.UPSERT, FIELDS, [(1, "a")])
    assert report.counts == Counts(inserted=1)


@pytest.mark.parametrize(
    "preparation",
    [
        ["INSERT INTO notes VALUES (1, 'a')"],
        ["CREATE RULE r AS ON INSERT TO notes DO ALSO SELECT 1"],
        [
            "CREATE FUNCTION skip() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NULL; END$$",
            "CREATE TRIGGER t BEFORE INSERT ON notes FOR EACH ROW EXECUTE FUNCTION skip()",
        ],
    ],
)
async def test_a_table_is_not_claimed(session: PostgreSQLSession, preparation: list[str]) -> None:
    for statement in preparation:
        await session.execute(statement)
    async with session.transaction():
        assert not await claim_empty(session, NOTES.name)


async def test_a_table_with_row_security_is_not_copied_into(session: PostgreSQLSession) -> None:
    await session.execute("ALTER TABLE notes ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    await session.execute("CREATE POLICY p ON notes USING (true)")
    await session.execute("DO $$BEGIN CREATE ROLE note_writer; EXCEPTION WHEN duplicate_object THEN NULL; END$$")
    await session.execute("GRANT ALL ON notes TO note_writer")
    async with session.transaction():
        await session.execute("SET LOCAL ROLE note_writer")
        assert not await claim_empty(session, NOTES.name)
        report = await store(session, NOTES, LoadMode.UPSERT, FIELDS, [(1, "a")])
    assert report.counts == Counts(inserted=1)


async def test_partitions_are_filled(session: PostgreSQLSession) -> None:
    await session.execute("DROP TABLE notes")
    await session.execute("CREATE TABLE notes (id int PRIMARY KEY, note text) PARTITION BY RANGE (id)")
    await session.execute("CREATE TABLE notes_low PARTITION OF notes FOR VALUES FROM (0) TO (10)")
    await session.execute("CREATE TABLE notes_high PARTITION OF notes FOR VALUES FROM (10) TO (100)")
    report = await store(session, NOTES, LoadMode.UPSERT, FIELDS, [(20, "c"), (1, "a"), (20, "d")])
    assert report.counts == Counts(inserted=2, superseded=1)
    async with session.transaction():
        assert not await claim_empty(session, NOTES.name)


class Color(enum.Enum):
    RED = "red"
    GREEN = "green"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


def things(*, extensible: bool) -> Table:
    return table(
        "things",
        column("id", SqlInteger(4)),
        column("color", SqlInteger(4), nullable=True),
        lookups=(Lookup(LocalId("color"), QualifiedId("public", "colors"), extensible=extensible),),
        constraints=(
            ForeignKeyConstraint(LocalId("fk"), (LocalId("color"),), QualifiedId("public", "colors"), (LocalId("id"),)),
        ),
    )


async def create_things(session: PostgreSQLSession, *labels: str) -> None:
    await session.execute(
        "CREATE TABLE colors (id int PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY, value text UNIQUE)"
    )
    for label in labels:
        await session.execute(f"INSERT INTO colors (value) VALUES ('{label}')")
    await session.execute("CREATE TABLE things (id int PRIMARY KEY, color int CONSTRAINT fk REFERENCES colors)")


async def colors_of(session: PostgreSQLSession) -> list[Row]:
    return await session.fetch("SELECT t.id, c.value FROM things t LEFT JOIN colors c ON c.id = t.color ORDER BY 1")


async def test_labels_are_sent_as_their_numbers(session: PostgreSQLSession) -> None:
    await create_things(session, "green", "red")
    rows: list[Row] = [(1, Color.RED), (2, "green"), (3, None), (4, Color.GREEN), (5, "red")]
    async with session.transaction():
        report = await store(session, things(extensible=False), LoadMode.INSERT, {"id": int, "color": Color}, rows)
        assert not await merges(session)
    assert report.counts == Counts(inserted=5)
    assert await colors_of(session) == [(1, "red"), (2, "green"), (3, None), (4, "green"), (5, "red")]


async def test_a_label_that_is_no_member_is_refused(session: PostgreSQLSession) -> None:
    await create_things(session, "green", "red", "blue")
    for value in ("blue", 1, ["red"], Level.LOW):
        with pytest.raises(RowError) as caught:
            await store(
                session,
                things(extensible=False),
                LoadMode.INSERT,
                {"id": int, "color": Color},
                [(1, "red"), (2, value)],
            )
        assert (caught.value.row, caught.value.column) == (2, "color")
    assert await colors_of(session) == []


async def test_a_member_without_a_label_on_the_server_is_refused(session: PostgreSQLSession) -> None:
    await create_things(session, "red")
    rows = [(number, Color.GREEN if number == 2500 else Color.RED) for number in range(3000)]
    with pytest.raises(RowError, match="not a label of the lookup table") as caught:
        await store(session, things(extensible=False), LoadMode.INSERT, {"id": int, "color": Color}, rows)
    assert (caught.value.row, caught.value.column) == (2501, "color")
    assert await colors_of(session) == []


async def test_a_number_does_not_stand_for_a_member_that_equals_it(session: PostgreSQLSession) -> None:
    await create_things(session, "1", "2", "LOW", "HIGH")
    fields = {"id": int, "color": Level}
    target = things(extensible=False)
    await store(session, target, LoadMode.INSERT, fields, [(1, Level.HIGH)])
    with pytest.raises(RowError) as caught:
        await store(session, target, LoadMode.INSERT, fields, [(2, Level.LOW), (3, 1)])
    assert (caught.value.row, caught.value.column) == (2, "color")
    ((_, label),) = await colors_of(session)
    assert label in {"2", "HIGH"}


@pytest.fixture
def many_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pysqlsync_engine.dialect.postgresql.lookup_ids.MAX_LABELS", 1)


@pytest.mark.usefixtures("many_labels")
async def test_many_labels_are_looked_up_on_the_server(session: PostgreSQLSession) -> None:
    await create_things(session, "green", "red")
    async with session.transaction():
        await store(session, things(extensible=False), LoadMode.INSERT, {"id": int, "color": str}, [(1, "red")])
        assert await merges(session)
    assert await colors_of(session) == [(1, "red")]


async def test_other_unique_keys_are_no_obstacle(session: PostgreSQLSession) -> None:
    await session.execute("ALTER TABLE notes ADD CONSTRAINT notes_note_key UNIQUE (note)")
    target = table(
        "notes",
        column("id", SqlInteger(4)),
        column("note", SqlCharacter(), nullable=True),
        constraints=(UniqueConstraint(LocalId("notes_note_key"), (LocalId("note"),)),),
    )
    # each row alone would be refused after the one before; the last ones of each key are not
    rows = [(1, "a"), (2, "b"), (1, "c"), (3, "a")]
    report = await store(session, target, LoadMode.UPSERT, FIELDS, rows)
    assert report.counts == Counts(inserted=3, superseded=1)
    assert await notes(session) == [(1, "c"), (2, "b"), (3, "a")]
