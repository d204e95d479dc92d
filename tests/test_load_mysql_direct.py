"""Rows that go straight into tables of MySQL and MariaDB, and what happens where that is not possible."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import pytest

from pysqlsync_engine.data.batches import MAX_BATCH_ROWS
from pysqlsync_engine.data.load_options import LoadMode, OnDuplicate, OnError
from pysqlsync_engine.data.load_report import Counts
from pysqlsync_engine.data.parts import EncodedBatch, Part, Run
from pysqlsync_engine.data.text import TSV, TextPart
from pysqlsync_engine.dialect.mysql import sending
from pysqlsync_engine.dialect.mysql.pool import connect
from pysqlsync_engine.dialect.mysql.session import MySQLSession
from pysqlsync_engine.dialect.mysql.shipments import Shipment, ship_text
from pysqlsync_engine.dialect.mysql.staging import Cell, Destination
from pysqlsync_engine.errors import LockTimeoutError, RowError, StatementError, UnsupportedError
from pysqlsync_engine.model.data_types import SqlBinary, SqlCharacter, SqlInteger
from pysqlsync_engine.model.id_types import LocalId
from pysqlsync_engine.model.object_types import IdentityMode
from pysqlsync_engine.session import Row
from tests.row_tables import column, store, table
from tests.servers import Server

NOTES = table("notes", column("id", SqlInteger(4)), column("note", SqlCharacter(20), nullable=True))
FIELDS = {"id": int, "note": str}


@pytest.fixture
async def session(mysql: Server) -> AsyncIterator[MySQLSession]:
    async with connect(mysql.parameters) as session:
        await session.execute("CREATE TABLE notes (id int PRIMARY KEY, note varchar(20)) CHARACTER SET utf8mb4")
        yield session


async def numbers(session: MySQLSession) -> list[int]:
    return [number for (number,) in await session.fetch("SELECT id FROM notes ORDER BY id")]


async def temporary_tables(session: MySQLSession) -> int:
    """:returns: How many temporary tables of the session are left."""
    if session.capabilities.version.product == "MySQL":
        return len(await session.fetch("SELECT 1 FROM information_schema.innodb_temp_table_info"))
    counts = await session.fetch("SHOW SESSION STATUS LIKE 'Com%temporary_table'")
    # each is dropped by a statement of its own
    created, dropped = (int(count) for name, count in sorted(counts) if "create" in name or "drop" in name)
    assert created > 0
    return created - dropped


async def test_a_key_that_exists_is_found_in_any_batch(session: MySQLSession) -> None:
    bad = 2 * MAX_BATCH_ROWS + 5

    def rows() -> Iterator[Row]:
        yield from ((number, None) for number in range(1, bad))
        yield (7, "again")
        yield from ((number, None) for number in range(bad + 1, bad + 100))

    with pytest.raises(RowError, match="Duplicate entry '7'") as caught:
        await store(session, NOTES, LoadMode.INSERT, FIELDS, rows())
    assert (caught.value.row, caught.value.column) == (bad, "id")
    assert await numbers(session) == []


async def test_special_characters_are_escaped_only_where_they_are(session: MySQLSession) -> None:
    texts = ["plain", None, "tab\t", "line\n", "back\\slash", "\\N", "\r", "\x1a", "'", '"'] * 100
    rows = list(enumerate(texts))
    report = await store(session, NOTES, LoadMode.INSERT, FIELDS, rows)
    assert report.counts == Counts(inserted=1000)
    assert await session.fetch("SELECT id, note FROM notes ORDER BY id") == rows


async def test_an_engine_without_transactions_keeps_nothing_of_a_stream_that_fails(session: MySQLSession) -> None:
    await session.execute("CREATE TABLE old (id int PRIMARY KEY, note varchar(20)) ENGINE = MyISAM")
    old = replace(NOTES, name=replace(NOTES.name, name="old"))
    await store(session, old, LoadMode.INSERT, FIELDS, [(1, "a")])
    with pytest.raises(RowError) as caught:
        await store(session, old, LoadMode.INSERT, FIELDS, [(2, "b"), (3, "x" * 21)])
    assert caught.value.row == 2
    assert await session.fetch("SELECT id FROM old") == [(1,)]


@pytest.mark.parametrize("mode", [LoadMode.INSERT, LoadMode.UPSERT])
async def test_null_is_no_way_to_get_a_number(session: MySQLSession, mode: LoadMode) -> None:
    await session.execute("CREATE TABLE counted (id int AUTO_INCREMENT PRIMARY KEY, note varchar(20))")
    counted = table(
        "counted",
        column("id", SqlInteger(4), identity=IdentityMode.BY_DEFAULT),
        column("note", SqlCharacter(20), nullable=True),
    )
    with pytest.raises(RowError) as caught:
        await store(session, counted, mode, FIELDS, [(1, "a"), (None, "b")])
    assert (caught.value.row, caught.value.column) == (2, "id")
    report = await store(session, counted, mode, FIELDS, [(5, "a")])
    assert report.counts == Counts(inserted=1)
    await store(session, counted, LoadMode.INSERT, {"note": str}, [("b",)])
    assert await session.fetch("SELECT id FROM counted ORDER BY id") == [(5,), (6,)]


@pytest.mark.parametrize("mode", [LoadMode.INSERT, LoadMode.UPSERT, LoadMode.DELETE, LoadMode.REPLACE, LoadMode.MIRROR])
async def test_a_server_without_files_of_clients_gets_statements(session: MySQLSession, mode: LoadMode) -> None:
    session._capabilities = replace(session.capabilities, client_files=False)  # pyright: ignore[reportPrivateUsage]
    session.max_packet_bytes = 8000
    await store(session, NOTES, LoadMode.INSERT, FIELDS, [(1, "old"), (2, "old")])
    rows = [(number, f"it's \\{number}") for number in range(2, 500)]
    report = await store(session, NOTES, mode if mode is not LoadMode.INSERT else LoadMode.UPSERT, FIELDS, rows)
    assert any("local_infile is off" in note for note in report.notes)
    expected = {LoadMode.DELETE: [(1, "old")], LoadMode.REPLACE: rows, LoadMode.MIRROR: rows}
    assert await session.fetch("SELECT id, note FROM notes ORDER BY id") == expected.get(mode, [(1, "old"), *rows])
    if mode is not LoadMode.DELETE:
        bad = [*((number, "x") for number in range(1000, 1500)), (1500, "x" * 21)]
        with pytest.raises(RowError) as caught:
            await store(session, NOTES, mode, FIELDS, [*bad, (7, None)])
        assert caught.value.row == 501


async def test_rows_are_set_aside_without_files_of_clients(session: MySQLSession) -> None:
    session._capabilities = replace(session.capabilities, client_files=False)  # pyright: ignore[reportPrivateUsage]
    await session.execute("ALTER TABLE notes MODIFY note varchar(20) CHARACTER SET latin1")
    rows = [(number, "𝄞" if number % 50 == 0 else "ü") for number in range(1, 201)]
    report = await store(session, NOTES, LoadMode.UPSERT, FIELDS, rows, on_error=OnError.QUARANTINE)
    assert report.counts == Counts(inserted=196, rejected=4)
    found = await session.fetch("SELECT `row_number`, column_name FROM notes__rejected ORDER BY 1")
    assert found == [(50, "note"), (100, "note"), (150, "note"), (200, "note")]


async def test_no_temporary_table_is_left(session: MySQLSession) -> None:
    await store(session, NOTES, LoadMode.INSERT, FIELDS, [(1, "a"), (2, "b")])
    for mode in (LoadMode.UPSERT, LoadMode.DELETE, LoadMode.MIRROR, LoadMode.REPLACE):
        await store(session, NOTES, mode, FIELDS, [(1, "a"), (2, "b"), (1, "c")])
    with pytest.raises(RowError):
        await store(session, NOTES, LoadMode.INSERT, FIELDS, [(1, "x" * 30)])
    with pytest.raises(RowError):
        await store(session, NOTES, LoadMode.UPSERT, FIELDS, [(None, "x")], on_duplicate=OnDuplicate.LAST)
    await store(session, NOTES, LoadMode.UPSERT, FIELDS, [(None, "x"), (9, "y")], on_error=OnError.QUARANTINE)
    assert await temporary_tables(session) == 0


async def test_the_table_for_rejected_rows_is_not_created_inside_of_a_transaction(session: MySQLSession) -> None:
    with pytest.raises(UnsupportedError, match="would commit the transaction"):
        async with session.transaction():
            await store(session, NOTES, LoadMode.UPSERT, FIELDS, [(1, "a")], on_error=OnError.QUARANTINE)
    await store(session, NOTES, LoadMode.UPSERT, FIELDS, [(1, "a")], on_error=OnError.QUARANTINE)
    async with session.transaction():
        await store(session, NOTES, LoadMode.UPSERT, FIELDS, [(2, "a"), (None, "b")], on_error=OnError.QUARANTINE)
    assert await numbers(session) == [1, 2]


async def test_equal_is_what_the_key_of_the_table_takes_for_equal(session: MySQLSession) -> None:
    await session.execute("CREATE TABLE words (word varchar(9) PRIMARY KEY, n int) COLLATE utf8mb4_general_ci")
    words = table("words", column("word", SqlCharacter(9)), column("n", SqlInteger(4), nullable=True), key="word")
    rows = [("a", 1), ("A", 2), ("b", 3)]
    report = await store(session, words, LoadMode.UPSERT, {"word": str, "n": int}, rows)
    assert report.counts == Counts(inserted=2, superseded=1)
    assert await session.fetch("SELECT n FROM words ORDER BY n") == [(2,), (3,)]


async def test_bytes_are_shown_as_digits_where_rows_are_set_aside(session: MySQLSession) -> None:
    await session.execute("CREATE TABLE blobs (id int PRIMARY KEY, v varbinary(4) NOT NULL, UNIQUE (v))")
    blobs = table("blobs", column("id", SqlInteger(4)), column("v", SqlBinary(4)))
    rows: list[Row] = [(1, b"\xff\0"), (2, b"\xff\0"), (3, b"ok")]
    report = await store(session, blobs, LoadMode.UPSERT, {"id": int, "v": bytes}, rows, on_error=OnError.QUARANTINE)
    assert report.counts == Counts(inserted=2, rejected=1)
    ((record,),) = await session.fetch("SELECT record FROM blobs__rejected")
    assert "ff00" in record


async def test_a_column_may_have_the_name_that_rows_are_numbered_by(session: MySQLSession) -> None:
    await session.execute("CREATE TABLE odd (`row` int PRIMARY KEY, skipped int, `row_` varchar(9))")
    odd = table(
        "odd",
        column("row", SqlInteger(4)),
        column("skipped", SqlInteger(4), nullable=True),
        column("row_", SqlCharacter(9), nullable=True),
        key="row",
    )
    fields: dict[str, Any] = {"row": int, "skipped": int, "row_": str}
    for mode in (LoadMode.UPSERT, LoadMode.MIRROR):
        await store(session, odd, mode, fields, [(1, 2, "x"), (3, 4, "y"), (1, 5, "z")])
        assert await session.fetch("SELECT * FROM odd ORDER BY 1") == [(1, 5, "z"), (3, 4, "y")]


async def test_a_trigger_that_refuses_a_row_is_located_without_staging(session: MySQLSession) -> None:
    await session.execute(
        "CREATE TRIGGER refuse BEFORE INSERT ON notes FOR EACH ROW"
        " IF NEW.note = 'unlucky' THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no luck'; END IF"
    )
    rows = [(number, "unlucky" if number in {123, 456} else "x") for number in range(1, 1000)]
    with pytest.raises(RowError, match="no luck") as caught:
        await store(session, NOTES, LoadMode.INSERT, FIELDS, rows)
    assert caught.value.row == 123
    assert await numbers(session) == []


async def test_a_lock_that_is_not_granted_is_not_blamed_on_a_row(session: MySQLSession, mysql: Server) -> None:
    await session.execute("SET SESSION innodb_lock_wait_timeout = 1")
    async with connect(mysql.parameters) as other, other.transaction():
        await other.execute("INSERT INTO notes VALUES (5, 'theirs')")
        for mode in (LoadMode.INSERT, LoadMode.UPSERT):
            with pytest.raises(LockTimeoutError) as caught:
                await store(session, NOTES, mode, FIELDS, [(0, "a"), (5, "b")])
            # what the driver said, by which it is told whether to try again
            assert caught.value.__cause__ is not None
            assert not isinstance(caught.value.__cause__, StatementError)
    await store(session, NOTES, LoadMode.UPSERT, FIELDS, [(0, "a"), (5, "b")])
    assert await session.fetch("SELECT id, note FROM notes ORDER BY id") == [(0, "a"), (5, "b")]


@pytest.mark.parametrize(("slow_s", "is_prepared"), [(1000.0, True), (-1.0, False)])
async def test_rows_are_got_while_others_are_sent_unless_the_stream_is_slow(
    slow_s: float, monkeypatch: pytest.MonkeyPatch, *, is_prepared: bool
) -> None:
    monkeypatch.setattr(sending, "SLOW_S", slow_s)
    monkeypatch.setattr(sending, "MAX_TEXT_BYTES", 1)
    asked: list[int] = []

    async def parts() -> AsyncIterator[Part]:
        for number in range(1, 5):
            asked.append(number)
            yield TextPart(b"1\n", 1, number, TSV, (0,))

    ahead = sending.Ahead(parts(), packed, Destination(NOTES.name), spells=False)
    first = await ahead.take()
    known = len(asked)
    packets = ahead.preparing(iter([b"one", b"two"]))
    assert next(packets) == b"one"
    await turns()
    assert (len(asked) > known) is is_prepared
    assert list(packets) == [b"two"]
    await turns()
    assert len(asked) > known
    second = await ahead.take()
    await ahead.close()
    assert [each.runs for each in (first, second) if isinstance(each, Shipment)] == [((1, 1),), ((2, 1),)]


def packed(gathered: sending.Sendable, _destination: Destination) -> Shipment:
    assert isinstance(gathered, tuple)
    return ship_text([part for part in gathered if isinstance(part, TextPart)], [Cell(LocalId("id"))])


@pytest.mark.parametrize("fails", [False, True])
async def test_the_text_of_rows_is_made_before_the_server_asks_for_it(*, fails: bool) -> None:
    made: list[str] = []

    def texts() -> Iterator[bytes]:
        made.append("begun")
        yield b"1\n"
        if fails:
            raise ValueError("out of range")
        yield b"2\n"

    async def parts() -> AsyncIterator[Part]:
        yield EncodedBatch([Run([(1,), (2,)], 1)], lambda rows, _: rows)

    shipment = Shipment(TSV, (), ((1, 2),), texts, lambda: iter(()))
    ahead = sending.Ahead(parts(), lambda _sendable, _destination: shipment, Destination(NOTES.name), spells=True)
    taken = await ahead.take()
    await ahead.close()
    assert isinstance(taken, Shipment)
    assert len(made) == 1
    if fails:
        # it is told when the rows are sent, so that the one at fault is looked for
        with pytest.raises(ValueError, match="out of range"):
            list(taken.packets())
    else:
        assert [b"".join(taken.packets()) for _ in range(2)] == [b"1\n2\n"] * 2
        assert len(made) == 1


async def turns() -> None:
    """Let others have a few turns."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_the_server_waits_for_a_source_that_blocks(session: MySQLSession) -> None:
    assert await session.fetch("SELECT @@net_read_timeout >= 600") == [(1,)]
    await session.reset()
    assert await session.fetch("SELECT @@net_read_timeout >= 600") == [(1,)]
