"""What is recorded of streams in the target: watermarks and batches, written with the rows or not at all."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from pysqlsync_engine.base import Atomicity, ConnectionContext, GeneratorOptions, LoadMode, LoadOptions, Watermark
from pysqlsync_engine.data.batches import BatchSource
from pysqlsync_engine.data.cursor import MarkKind, MarkValue, kind_of_column, lower_bound, mark_of
from pysqlsync_engine.data.journal import BatchRecordedError, Entry
from pysqlsync_engine.data.load_errors import PartialLoadError
from pysqlsync_engine.data.sources import Batches, Fields, Window
from pysqlsync_engine.errors import JournalError, LoadError, RowError
from pysqlsync_engine.factory import get_dialect
from pysqlsync_engine.model.data_types import SqlCharacter, SqlFloat, SqlInteger, SqlTimestamp
from pysqlsync_engine.model.id_types import QualifiedId
from pysqlsync_engine.model.managed import REJECTED_COMMENT, REJECTED_SUFFIX
from pysqlsync_engine.model.object_types import Table
from pysqlsync_engine.session import Row
from tests import orders_model
from tests.row_tables import PEOPLE, PEOPLE_SQL, column, located, table
from tests.servers import Server, needs

FIELDS = Fields(("id", "name", "born", "points"), (int, str, date, int))
BY_ID = Watermark("people", "id")


@asynccontextmanager
async def connected(server: Server) -> AsyncGenerator[ConnectionContext]:
    async with get_dialect(server.dialect).create_connection(server.parameters) as connection:
        yield connection


@pytest.fixture
async def connection(database: Server) -> AsyncIterator[ConnectionContext]:
    async with connected(database) as connection:
        await connection.session.execute(PEOPLE_SQL)
        yield connection


def people_table(connection: ConnectionContext) -> Table:
    return located(PEOPLE, connection.session)


def person(number: int, points: int = 1) -> Row:
    return (number, f"name {number}", None, points)


def people(*numbers: int, points: int = 1) -> BatchSource:
    return BatchSource(FIELDS, [[person(number, points) for number in numbers]])


async def ids(connection: ConnectionContext) -> list[int]:
    return [row[0] for row in await connection.session.fetch("SELECT id FROM people ORDER BY id")]


async def send(connection: ConnectionContext, source: Any, **options: Any) -> Any:
    return await connection.load(people_table(connection), source, options=LoadOptions(**options))


async def mark_value(connection: ConnectionContext, stream: str = "people") -> Any:
    mark = await connection.read_watermark(stream, people_table(connection))
    return None if mark is None else mark.value


async def test_a_stream_that_has_brought_nothing_has_no_watermark(connection: ConnectionContext) -> None:
    assert await connection.read_watermark("people", people_table(connection)) is None
    await connection.forget_watermark("people", people_table(connection))
    assert await connection.read_watermark("people", people_table(connection)) is None


async def test_a_watermark_that_is_given_is_read_back_as_it_was(connection: ConnectionContext) -> None:
    moment = datetime(2024, 2, 29, 12, 30, 0, 5, UTC)
    values: list[Any] = [
        7,
        2**80,
        Decimal("1.50"),
        "naïve 'text'\\",
        date(2024, 2, 29),
        datetime(2024, 2, 29, 1, 2, 3),
        moment,
        UUID(int=5),
    ]
    for number, value in enumerate(values):
        report = await send(connection, people(1), watermark=Watermark(f"stream {number}", value=value))
        assert report.watermark == mark_of(value).text
        read = await mark_value(connection, f"stream {number}")
        assert (read, type(read)) == (value, type(value))


async def test_a_mark_says_when_it_was_written_and_how_much_has_come(connection: ConnectionContext) -> None:
    before = datetime.now(UTC)
    await send(connection, people(1, 2), watermark=Watermark("people", value=2))
    await send(connection, people(2, 3, 4), watermark=Watermark("people", value=4))
    mark = await connection.read_watermark("people", people_table(connection))
    assert mark is not None
    assert (mark.stream, mark.table, mark.value, mark.rows) == ("people", people_table(connection).name.display, 4, 5)
    assert mark.at.utcoffset() == timedelta(0)
    assert abs(mark.at - before) < timedelta(minutes=1)


async def test_a_watermark_never_goes_back(connection: ConnectionContext) -> None:
    # as text, 9 would be after 10
    for value, expected in ((9, 9), (10, 10), (9, 10), (Decimal("10.5"), Decimal("10.5")), (10, Decimal("10.5"))):
        await send(connection, people(1), watermark=Watermark("people", value=value))
        assert await mark_value(connection) == expected


async def test_a_watermark_of_another_type_is_refused_and_nothing_of_the_stream_stays(
    connection: ConnectionContext,
) -> None:
    await send(connection, people(1), watermark=Watermark("people", value=5))
    with pytest.raises(LoadError, match="is a value of type integer so far, but now one of type date"):
        await send(connection, people(2), watermark=Watermark("people", value=date(2024, 1, 1)))
    assert (await ids(connection), await mark_value(connection)) == ([1], 5)
    await connection.forget_watermark("people", people_table(connection))
    await send(connection, people(2), watermark=Watermark("people", value=date(2024, 1, 1)))
    assert (await ids(connection), await mark_value(connection)) == ([1, 2], date(2024, 1, 1))


async def test_a_watermark_is_written_with_the_rows_or_not_at_all(connection: ConnectionContext) -> None:
    await send(connection, people(1), watermark=Watermark("people", value=1))
    with pytest.raises(RowError):
        await send(connection, people(2, points=100), watermark=Watermark("people", value=2))
    assert (await ids(connection), await mark_value(connection)) == ([1], 1)


async def test_streams_and_tables_have_watermarks_of_their_own(connection: ConnectionContext) -> None:
    await connection.session.execute("CREATE TABLE others (id int PRIMARY KEY)")
    others = located(table("others", column("id", SqlInteger(4))), connection.session)
    await send(connection, people(1), watermark=Watermark("people", value=1))
    await send(connection, people(2), watermark=Watermark("PEOPLE", value=2))
    await send(connection, people(2), watermark=Watermark("people ", value=3))
    numbers = BatchSource(Fields(("id",), (int,)), [[(9,)]])
    await connection.load(others, numbers, options=LoadOptions(watermark=Watermark("people", value=9)))
    mark = await connection.read_watermark("people", others)
    assert mark is not None
    assert mark.value == 9
    assert [await mark_value(connection, name) for name in ("people", "PEOPLE", "people ", "x")] == [1, 2, 3, None]


async def test_streams_of_one_name_at_once_leave_the_latest_watermark(database: Server) -> None:
    async with AsyncExitStack() as stack:
        connections = [await stack.enter_async_context(connected(database)) for _ in range(4)]
        await connections[0].session.execute(PEOPLE_SQL)

        async def work(connection: ConnectionContext, first: int) -> None:
            for number in range(first, first + 5):
                await send(connection, people(number), watermark=Watermark("people", value=number))

        # none of them finds the tables of the journal, so all create them
        await asyncio.gather(*(work(each, 10 * (position + 1)) for position, each in enumerate(connections)))
        mark = await connections[0].read_watermark("people", people_table(connections[0]))
    assert mark is not None
    assert (mark.value, mark.rows) == (44, 20)


async def test_a_batch_that_is_recorded_is_not_sent_again(connection: ConnectionContext) -> None:
    first = await send(connection, people(1), stream="people", batch="2024-01-01", mode=LoadMode.INSERT)
    again = await send(connection, people(1), stream="people", batch="2024-01-01", mode=LoadMode.INSERT)
    other = await send(connection, people(2), stream="people", batch="2024-01-02", mode=LoadMode.INSERT)
    assert [(report.repeated, report.rows, report.affected) for report in (first, again, other)] == [
        (False, 1, 1),
        (True, 0, 0),
        (False, 1, 1),
    ]
    assert await ids(connection) == [1, 2]
    await connection.forget_watermark("people", people_table(connection))
    with pytest.raises(RowError):
        await send(connection, people(1), stream="people", batch="2024-01-01", mode=LoadMode.INSERT)


async def test_a_batch_of_two_sessions_at_once_is_stored_once(database: Server) -> None:
    async with connected(database) as one, connected(database) as other:
        await one.session.execute("CREATE TABLE logs (line int NOT NULL)")
        logs = located(table("logs", column("line", SqlInteger(4)), key=""), one.session)
        options = LoadOptions(LoadMode.INSERT, stream="logs", batch="today")
        reports = await asyncio.gather(
            *(
                each.load(logs, BatchSource(Fields(("line",), (int,)), [[(1,), (2,)]]), options=options)
                for each in (one, other)
            )
        )
        assert sorted(report.repeated for report in reports) == [False, True]
        assert sorted(report.rows for report in reports) == [0, 2]
        assert await one.session.fetch("SELECT line FROM logs ORDER BY line") == [(1,), (2,)]


async def test_records_that_nobody_has_named_go_after_a_week(connection: ConnectionContext) -> None:
    journal = connection.dialect.journal(connection.capabilities)
    session, name = connection.session, people_table(connection).name.display
    entries = [
        Entry("", name, "generated", is_generated=True),
        Entry("people", name, "named"),
        Entry("", name, "young", is_generated=True),
    ]
    await journal.prepare(session)
    for entry in entries:
        await journal.record(session, entry)
    batches = "pysqlsync.batches" if connection.capabilities.namespaces else "pysqlsync__batches"
    old = "now() - interval '8 days'" if connection.capabilities.namespaces else "now() - INTERVAL 8 DAY"
    await session.execute(f"UPDATE {batches} SET committed_at = {old} WHERE batch <> 'young'")
    await journal.prepare(session)
    assert [await journal.has_batch(session, entry) for entry in entries] == [False, True, True]


async def test_a_batch_is_recorded_once(connection: ConnectionContext) -> None:
    journal = connection.dialect.journal(connection.capabilities)
    await journal.prepare(connection.session)
    entry = Entry("people", "people", "b", mark_of(5), rows=3, batch_rows=3)
    await journal.record(connection.session, entry)
    with pytest.raises(BatchRecordedError):
        async with connection.session.transaction():
            await journal.record(connection.session, entry)
    mark = await journal.read_mark(connection.session, "people", "people")
    assert mark is not None
    assert (mark.value, mark.rows) == (5, 3)


@dataclass
class Interrupted:
    """A source that fails when it has yielded some batches, each of five rows."""

    numbers: Iterable[int]
    fails_before: int | None = None
    fields: Fields = FIELDS

    def batches(self, window: Window | None) -> Batches:
        del window
        for number in self.numbers:
            if number == self.fails_before:
                raise OSError("the source is gone")
            yield [person(number) for number in range(5 * number, 5 * number + 5)]


CHUNKED: dict[str, Any] = {"atomicity": Atomicity.CHUNK, "chunk_bytes": 1}


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sends batches as they come, so that each is a chunk."""
    monkeypatch.setattr("pysqlsync_engine.data.batches.MAX_BATCH_BYTES", 1)


@pytest.mark.usefixtures("small_batches")
async def test_an_endless_stream_is_stored_in_parts_each_with_its_watermark(connection: ConnectionContext) -> None:
    ordered = Watermark("people", "id", is_ordered=True)
    with pytest.raises(OSError, match="the source is gone"):
        await send(connection, Interrupted(range(9), 3), watermark=ordered, **CHUNKED)
    stored = await ids(connection)
    assert stored
    assert stored == list(range(len(stored)))
    assert await mark_value(connection) == stored[-1]
    # it goes on from there, and what is read again changes nothing
    start = lower_bound(await mark_value(connection), 5)
    report = await send(connection, Interrupted(range(start // 5, 9)), watermark=ordered, **CHUNKED)
    assert report.watermark == "44"
    assert await ids(connection) == list(range(45))
    assert await mark_value(connection) == 44
    mark = await connection.read_watermark("people", people_table(connection))
    assert mark is not None
    assert mark.rows == len(stored) + report.rows


@pytest.mark.usefixtures("small_batches")
async def test_parts_have_no_watermark_where_lower_values_may_still_come(connection: ConnectionContext) -> None:
    with pytest.raises(OSError, match="the source is gone"):
        await send(connection, Interrupted([8, 7, 6, 3], 3), watermark=BY_ID, **CHUNKED)
    assert await ids(connection)
    assert await mark_value(connection) is None
    await send(connection, Interrupted([8, 7, 6, 3]), watermark=BY_ID, batch="all", **CHUNKED)
    assert await mark_value(connection) == 44
    assert (await send(connection, people(1), watermark=BY_ID, batch="all")).repeated


@pytest.mark.usefixtures("small_batches")
async def test_a_refused_row_of_a_later_part_says_what_stays(connection: ConnectionContext) -> None:
    rows = [[person(number, 1 if number < 10 else 100)] * 5 for number in range(1, 12)]
    with pytest.raises(PartialLoadError, match=r"rows of the stream stay, the next part failed: .*points") as caught:
        await send(connection, BatchSource(FIELDS, rows), stream="people", **CHUNKED)
    stored = await ids(connection)
    assert stored == list(range(1, 1 + caught.value.report.rows // 5))
    assert isinstance(caught.value.__cause__, RowError)
    mark = await connection.read_watermark("people", people_table(connection))
    assert mark is not None
    assert mark.rows == caught.value.report.rows


async def test_the_highest_value_of_the_column_is_the_watermark(connection: ConnectionContext) -> None:
    report = await send(connection, people(3, 11, 2), watermark=BY_ID)
    assert report.watermark == "11"
    assert await mark_value(connection) == 11
    await send(connection, people(4), watermark=BY_ID)
    assert await mark_value(connection) == 11
    await send(connection, BatchSource(FIELDS, []), watermark=BY_ID)
    assert await mark_value(connection) == 11


@dataclass(frozen=True)
class Feed(BatchSource):
    """A source that knows how far it was read."""

    last: int | None = None

    def cursor(self) -> int | None:
        return self.last


async def test_a_source_that_knows_its_cursor_is_asked_for_it(connection: ConnectionContext) -> None:
    for rows, last, expected in (([[person(1)]], 70, 70), ([], None, 70), ([], 80, 80)):
        await send(connection, Feed(FIELDS, rows, last), watermark=BY_ID)
        assert await mark_value(connection) == expected


async def test_a_column_without_an_order_that_all_agree_on_has_no_watermark(connection: ConnectionContext) -> None:
    await connection.session.execute("CREATE TABLE sizes (id int PRIMARY KEY, size double precision)")
    sizes = located(table("sizes", column("id", SqlInteger(4)), column("size", SqlFloat(8))), connection.session)
    source = BatchSource(Fields(("id", "size"), (int, float)), [[(1, 1.5)]])
    with pytest.raises(TypeError, match="sizes: stream 'sizes': expected a watermark column of type integer"):
        await connection.load(sizes, source, options=LoadOptions(watermark=Watermark("sizes", "size")))
    with pytest.raises(TypeError, match=r"expected a watermark of type integer, .* got float"):
        await connection.load(sizes, source, options=LoadOptions(watermark=Watermark("sizes", value=1.5)))
    assert await connection.count_rows(sizes) == 0
    assert await connection.read_watermark("sizes", sizes) is None


@asynccontextmanager
async def restricted(server: Server, connection: ConnectionContext) -> AsyncGenerator[ConnectionContext]:
    """A connection of a user who may change rows, and create nothing but temporary tables."""
    session, user, password = connection.session, f"rows_{secrets.token_hex(4)}", secrets.token_hex(8)
    is_postgresql = server.dialect == "postgresql"
    account = user if is_postgresql else f"{user}@localhost"
    place = "public" if is_postgresql else server.parameters.database
    created = (
        f"ROLE {user} LOGIN PASSWORD '{password}'" if is_postgresql else f"USER {account} IDENTIFIED BY '{password}'"
    )
    await session.execute(f"CREATE {created}")
    await session.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {place}.people TO {account}")
    await session.execute(
        f"GRANT USAGE ON SCHEMA public TO {account}"
        if is_postgresql
        else f"GRANT CREATE TEMPORARY TABLES ON {place}.* TO {account}"
    )
    try:
        async with connected(
            replace(server, parameters=replace(server.parameters, username=user, password=password))
        ) as other:
            yield other
    finally:
        if is_postgresql:
            await session.execute(f"DROP OWNED BY {user}")
        await session.execute(f"DROP {'ROLE' if is_postgresql else 'USER'} {account}")


async def test_who_may_not_create_the_journal_is_told_what_to_ask_for(
    database: Server, connection: ConnectionContext
) -> None:
    async with restricted(database, connection) as other:
        assert await mark_value(other) is None
        with pytest.raises(JournalError, match="denied") as caught:
            await send(other, people(1), watermark=Watermark("people", value=1))
        assert await ids(connection) == []
        script = str(caught.value).partition("try again:\n")[2].removesuffix(";")
        assert "CREATE TABLE" in script
        for _ in range(2):
            for statement in script.split(";\n"):
                await connection.session.execute(statement)
        await send(other, people(1), watermark=Watermark("people", value=1), batch="first")
        assert (await ids(connection), await mark_value(other)) == ([1], 1)
        await other.forget_watermark("people", people_table(other))
        assert await mark_value(connection) is None


@needs("transactional_ddl")
async def test_the_journal_can_begin_inside_of_a_transaction_of_the_caller(connection: ConnectionContext) -> None:
    with suppress(RuntimeError):
        async with connection.session.transaction():
            await send(connection, people(1), watermark=Watermark("people", value=1))
            assert await mark_value(connection) == 1
            raise RuntimeError
    assert (await ids(connection), await mark_value(connection)) == ([], None)


async def test_creating_the_journal_never_commits_what_the_caller_has_not(mysql: Server) -> None:
    async with connected(mysql) as connection:
        await connection.session.execute(PEOPLE_SQL)

        async def insert_and_send() -> None:
            async with connection.session.transaction():
                await connection.session.execute("INSERT INTO people VALUES (1, 'Ann', NULL, 1)")
                await send(connection, people(2), watermark=Watermark("people", value=1))

        with pytest.raises(
            JournalError, match="would commit the transaction that is open; load a first stream outside"
        ):
            await insert_and_send()
        assert await ids(connection) == []
        await send(connection, people(2), watermark=Watermark("people", value=2))
        async with connection.session.transaction():
            await send(connection, people(3), watermark=Watermark("people", value=3))
        assert (await ids(connection), await mark_value(connection)) == ([2, 3], 3)


async def test_tables_of_the_engine_take_no_part_in_a_plan(database: Server) -> None:
    options = GeneratorOptions(namespaces={orders_model: "shop"})
    engine = get_dialect(database.dialect)
    async with engine.create_connection(database.parameters, options) as connection:
        session, explorer = connection.session, engine.create_explorer(connection)
        await explorer.synchronize(module=orders_model)
        before = await explorer.plan(module=orders_model)
        customers = connection.get_table(orders_model.Customer)
        rejected = QualifiedId(customers.name.namespace, f"{customers.name.name}{REJECTED_SUFFIX}")
        comment = f"COMMENT '{REJECTED_COMMENT}'"
        name = str(rejected) if connection.capabilities.namespaces else rejected.name
        if connection.capabilities.namespaces:
            await session.execute(f"CREATE TABLE {name} (id int)")
            await session.execute(f"COMMENT ON TABLE {name} IS '{REJECTED_COMMENT}'")
        else:
            await session.execute(f"CREATE TABLE {name} (id int) {comment}")
        await connection.dialect.journal(connection.capabilities).prepare(session)
        plan = await explorer.plan(module=orders_model)
        assert plan.is_empty
        assert plan.source_fingerprint == before.source_fingerprint
        found = await explorer.discover()
        assert rejected not in {table.name for table in found.tables()}
        assert "pysqlsync" not in {namespace.name.name for namespace in found.namespaces}
        managed = [line for line in found.unmanaged if line.endswith("(kept by pysqlsync)")]
        dot = "." if connection.capabilities.namespaces else "__"
        assert managed == [
            f"table pysqlsync{dot}batches (kept by pysqlsync)",
            f"table pysqlsync{dot}watermarks (kept by pysqlsync)",
            f"table {rejected.display} (kept by pysqlsync)",
        ]
        assert await session.fetch(f"SELECT * FROM {name}") == []


async def test_a_table_is_not_ours_by_its_name_alone(database: Server) -> None:
    engine = get_dialect(database.dialect)
    async with engine.create_connection(database.parameters) as connection:
        await connection.session.execute(f"CREATE TABLE people{REJECTED_SUFFIX} (id int)")
        found = await engine.create_explorer(connection).discover()
    assert [table.name.name for table in found.tables()] == [f"people{REJECTED_SUFFIX}"]
    assert not [line for line in found.unmanaged if "kept by" in line]


@pytest.mark.parametrize(
    ("value", "overlap", "expected"),
    [
        (None, timedelta(hours=1), None),
        (5, None, 5),
        (5, 3, 2),
        (Decimal("5.5"), 3, Decimal("2.5")),
        (datetime(2024, 3, 1), timedelta(hours=1), datetime(2024, 2, 29, 23)),
        (date(2024, 3, 1), timedelta(hours=1), date(2024, 2, 29)),
        (date(2024, 3, 1), timedelta(days=2), date(2024, 2, 28)),
        (datetime(1, 1, 1, tzinfo=UTC), timedelta(days=1), None),
    ],
)
def test_reading_begins_before_the_watermark(value: Any, overlap: Any, expected: Any) -> None:
    assert lower_bound(value, overlap) == expected


@pytest.mark.parametrize(("value", "overlap"), [("a", 1), (5, timedelta(1)), (date(2024, 1, 1), 1), (UUID(int=1), 1)])
def test_an_overlap_fits_the_watermark(value: Any, overlap: Any) -> None:
    with pytest.raises(TypeError, match="cannot take an overlap of type"):
        lower_bound(value, overlap)


def test_moments_are_compared_as_such_and_not_as_text() -> None:
    early, late = (
        MarkValue(MarkKind.MOMENT, "2024-01-01 12:00:00+02"),
        MarkValue(MarkKind.MOMENT, "2024-01-01 11:00:00"),
    )
    assert late.is_after(early)
    assert not early.is_after(late)
    assert early.parse() == datetime(2024, 1, 1, 10, tzinfo=UTC)


def test_a_watermark_that_is_no_value_of_its_type_is_refused() -> None:
    with pytest.raises(LoadError, match="expected a value of type timestamp; got 'infinity'"):
        MarkValue(MarkKind.TIMESTAMP, "infinity").parse()
    with pytest.raises(LoadError, match="expected a value of type decimal; got 'NaN'"):
        MarkValue(MarkKind.DECIMAL, "NaN").parse()


def test_the_kind_of_a_watermark_is_that_of_its_column() -> None:
    assert kind_of_column(SqlTimestamp(with_time_zone=True), datetime) is MarkKind.MOMENT
    assert kind_of_column(SqlTimestamp(), datetime) is MarkKind.TIMESTAMP
    assert kind_of_column(SqlCharacter(36), UUID) is MarkKind.UUID
    assert kind_of_column(SqlCharacter(36), str) is MarkKind.TEXT


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stream": ""}, "a stream has a name of 1 to 190 characters"),
        ({"stream": "a\0"}, "a stream has a name of 1 to 190 characters"),
        ({"stream": "a", "batch": "b" * 256}, "a batch has a name of 1 to 255 characters"),
    ],
)
def test_names_of_streams_fit_on_every_server(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LoadOptions(**options)


def test_rows_are_in_the_order_of_a_column() -> None:
    with pytest.raises(ValueError, match="rows can only be in the order of a column; name it"):
        Watermark("people", value=1, is_ordered=True)
