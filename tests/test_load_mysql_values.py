"""Values that become lines without a character set on their way to MySQL and MariaDB: which do, in which order, and what is stored."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import md5
from ipaddress import IPv4Address, IPv6Address
from typing import Annotated, Any
from uuid import UUID

import pytest
from strong_typing.auxiliary import MaxLength

from pysqlsync_engine.base import ConnectionContext, EnumMode, GeneratorOptions, LoadMode, LoadOptions
from pysqlsync_engine.data import batches
from pysqlsync_engine.data.batches import BatchSource
from pysqlsync_engine.data.load_report import Counts, LoadReport
from pysqlsync_engine.data.sources import Fields
from pysqlsync_engine.dialect.mysql.session import as_mysql
from pysqlsync_engine.errors import LoadError, RowError
from pysqlsync_engine.factory import get_dialect
from pysqlsync_engine.model.key_types import PrimaryKey
from tests.exact_values import CASES, Rows, check_many, is_same, read_back
from tests.line_ways import Way, watch_files
from tests.servers import Server
from tests.test_text_rows import needs_code

pytestmark = needs_code

ROWS = 400


class Colour(enum.Enum):
    RED = "red"
    GREEN = "green"


@dataclass
class Visit:
    id: PrimaryKey[UUID]
    number: int
    page: Annotated[str, MaxLength(200)]
    address: IPv4Address | None
    other: IPv6Address | None
    digest: bytes | None
    colour: Colour
    seen: datetime


NAMES = ("id", "number", "page", "address", "other", "digest", "colour", "seen")
TYPES = (UUID, int, str, IPv4Address | None, IPv6Address | None, bytes | None, Colour, datetime)
FIELDS = Fields(NAMES, TYPES)
BYTES = bytes(range(256))

Row = tuple[Any, ...]


def key(number: int) -> UUID:
    """:returns: A key whose bytes are not in the order of the numbers, and are of every kind."""
    return UUID(bytes=md5(b"%d" % number, usedforsecurity=False).digest(), version=4)


def visit(number: int, /, **changes: Any) -> Row:
    row = {
        "id": key(number),
        "number": number,
        "page": f"tab\tand \\ line\n{number} 𝄞",
        "address": IPv4Address(number * 0x0A_09_00),
        "other": IPv6Address(0x5C0A_0900 << 96 | number),
        "digest": BYTES[number % 256 :] if number % 3 else None,
        "colour": Colour.GREEN if number % 2 else Colour.RED,
        "seen": datetime(2024, 2, 29, 23, 59, 59, number),
    }
    return tuple({**row, **changes}.values())


def visits(count: int = ROWS) -> list[Row]:
    return [visit(number) for number in range(1, count + 1)]


async def load(connection: ConnectionContext, rows: list[Row], mode: LoadMode, **options: Any) -> LoadReport:
    source = BatchSource(FIELDS, [rows])
    return await connection.load(connection.get_table(Visit), source, options=LoadOptions(mode, **options))


async def stored(connection: ConnectionContext) -> list[Row]:
    """:returns: The rows as they were given, in order of their numbers."""
    found = await connection.session.fetch(f"SELECT {', '.join(NAMES)} FROM `Visit` ORDER BY number")
    kinds = (UUID, int, str, IPv4Address, IPv6Address, bytes, Colour, datetime)
    return [
        tuple(
            value if kind is not Colour and value.__class__ is kind else value and Colour(value) if kind is Colour else value and read_back(value, kind)
            for value, kind in zip(row, kinds, strict=True)
        )
        for row in found
    ]  # fmt: skip


@pytest.fixture
def way(monkeypatch: pytest.MonkeyPatch) -> Way:
    # a few rows are sent as text, as what comes first of every stream, and as many statements bring the others
    monkeypatch.setattr(batches, "MAX_BATCH_BYTES", 4 * 1024)
    return watch_files(monkeypatch)


@pytest.fixture
async def connection(mysql: Server) -> AsyncIterator[ConnectionContext]:
    async with get_dialect("mysql").create_connection(mysql.parameters) as connection:
        await connection.create_objects([Visit])
        yield connection


@pytest.mark.parametrize("name", CASES)
def test_values_are_stored_as_given(mysql: Server, name: str, way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    case = CASES[name]
    monkeypatch.setattr(batches, "MAX_BATCH_BYTES", 256)

    async def check(connection: ConnectionContext, sample: type, rows: Rows) -> None:
        good = {at: value for at, value in rows.items() if value is None or (case.fits(value) and case.narrow(value))}
        source = BatchSource(Fields(("id", "value"), (int, case.annotation | None)), [list(good.items())])
        await connection.load(connection.get_table(sample), source, options=LoadOptions(LoadMode.INSERT))
        found = dict(await connection.session.fetch(f"SELECT id, {case.query} FROM sample WHERE id >= {min(rows):d}"))
        assert found.keys() == good.keys()
        for at, value in good.items():
            assert value is None or is_same(read_back(found[at], value.__class__), case.shown(value))
            assert value is not None or found[at] is None
        bad = next((value for value in rows.values() if value is not None and not case.fits(value)), None)
        if bad is not None:
            numbered = [*((at + 10**9, value) for at, value in good.items()), (10**10, bad)]
            source = BatchSource(source.fields, [numbered])
            with pytest.raises(LoadError, match=f"row {len(numbered)}"):
                await connection.load(connection.get_table(sample), source, options=LoadOptions(LoadMode.INSERT))

    check_many(mysql, case, check)
    # documents of MySQL have to have a character set, and bits are read by an expression
    is_text = name == "bits" or (name == "json" and not mysql.name.startswith("mariadb"))
    assert (way.lines == 0) is is_text


@pytest.mark.parametrize("mode", [LoadMode.INSERT, LoadMode.UPSERT, LoadMode.REPLACE, LoadMode.MIRROR])
async def test_each_mode_takes_them(connection: ConnectionContext, way: Way, mode: LoadMode) -> None:
    if mode is not LoadMode.INSERT:
        await load(connection, [visit(number, page="old") for number in (1, 399, 500)], LoadMode.INSERT)
    way.lines = 0
    report = await load(connection, visits(), mode)
    assert way.lines > ROWS / 2
    assert report.rows == ROWS
    old = [visit(500, page="old")] if mode is LoadMode.UPSERT else []
    assert await stored(connection) == [*visits(), *old]


async def test_the_last_row_of_a_key_wins_in_whatever_order_they_are_sent(
    connection: ConnectionContext, way: Way
) -> None:
    rows = [visit(number % 50, number=number) for number in range(ROWS)]
    report = await load(connection, rows, LoadMode.UPSERT)
    assert way.lines > ROWS / 2
    assert report.counts == Counts(inserted=50, superseded=ROWS - 50)
    assert [row[1] for row in await stored(connection)] == list(range(ROWS - 50, ROWS))


@pytest.mark.parametrize("mode", [LoadMode.INSERT, LoadMode.UPSERT])
@pytest.mark.parametrize(
    ("changes", "column", "reason"),
    [
        ({"page": "bad"}, None, "good"),
        ({"page": None}, "page", "(?i)null"),
        ({"page": "\0"}, "page", "NUL"),
        ({"page": "x" * 201}, "page", "at most 200"),
        ({"digest": "text"}, "digest", "bytes"),
        ({"seen": datetime(2024, 1, 1, tzinfo=UTC)}, "seen", "timestamp without time zone"),
        ({"seen": "2024-01-01"}, "seen", "timestamp"),
        ({"other": IPv6Address("fe80::1%eth0")}, "other", "zone"),
        ({"number": 1}, "number", "Duplicate|unique"),
    ],
)
async def test_the_row_at_fault_is_named(
    connection: ConnectionContext, way: Way, mode: LoadMode, changes: dict[str, Any], column: str | None, reason: str
) -> None:
    await connection.session.execute(
        "ALTER TABLE `Visit` ADD CONSTRAINT good CHECK (page <> 'bad'), ADD CONSTRAINT single UNIQUE (number)"
    )
    rows = visits()
    rows[330] = visit(331, **changes)
    with pytest.raises(RowError, match=reason) as raised:
        await load(connection, rows, mode)
    assert way.lines > 0
    assert raised.value.row == 331
    assert raised.value.column in {column, None}
    assert await stored(connection) == []


async def test_a_key_that_is_there_already_is_named(connection: ConnectionContext, way: Way) -> None:
    await load(connection, [visit(300)], LoadMode.INSERT)
    with pytest.raises(RowError) as raised:
        await load(connection, visits(), LoadMode.INSERT)
    assert (raised.value.row, way.lines > 0) == (300, True)
    assert await stored(connection) == [visit(300)]


@pytest.mark.parametrize(
    "change",
    [
        "page varchar(200) CHARACTER SET latin1",
        "page varchar(200) CHARACTER SET utf16",
        "digest binary(255)",
    ],
)
async def test_columns_that_are_not_what_they_are_taken_for_get_text(
    connection: ConnectionContext, way: Way, change: str
) -> None:
    await connection.session.execute(f"ALTER TABLE `Visit` MODIFY {change}")
    rows = [visit(number, page=f"grün {number}", digest=BYTES[1:], id=UUID(int=number)) for number in range(1, 200)]
    await load(connection, rows, LoadMode.INSERT)
    assert [row[2] for row in await stored(connection)] == [f"grün {number}" for number in range(1, 200)]
    assert way.lines == 0


async def test_columns_cannot_get_another_type_once_rows_are_sent(
    connection: ConnectionContext, mysql: Server, way: Way
) -> None:
    other = asyncio.Event()

    async def rows() -> AsyncIterator[list[Row]]:
        given = visits()
        for start in range(0, ROWS, 40):
            yield given[start : start + 40]
            if start == 200:
                other.set()
                await asyncio.sleep(0.5)

    async def alter() -> None:
        async with get_dialect("mysql").create_connection(mysql.parameters) as another:
            await other.wait()
            await another.session.execute("ALTER TABLE `Visit` MODIFY page varchar(200) CHARACTER SET latin1")

    task = asyncio.create_task(alter())
    source = BatchSource(FIELDS, rows())
    try:
        await connection.load(connection.get_table(Visit), source, options=LoadOptions(LoadMode.INSERT))
        assert way.lines > 0
        # it has waited for the stream, and then finds a character that the column could not have
        with pytest.raises(Exception, match="Incorrect string value"):
            await task
    finally:
        task.cancel()
    assert await stored(connection) == visits()


async def test_labels_are_looked_up(mysql: Server, way: Way) -> None:
    options = GeneratorOptions(enum_mode=EnumMode.RELATION)
    async with get_dialect("mysql").create_connection(mysql.parameters, options) as connection:
        await connection.create_objects([Visit])
        await load(connection, visits(), LoadMode.UPSERT)
        assert way.lines > ROWS / 2
        found = await connection.session.fetch(
            "SELECT c.value, count(*) FROM `Visit` v JOIN `Colour` c ON c.id = v.colour GROUP BY c.value ORDER BY 1"
        )
        assert found == [("green", ROWS // 2), ("red", ROWS // 2)]


async def test_rows_are_sent_in_the_order_of_their_keys(
    connection: ConnectionContext, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = as_mysql(connection.session)
    sent: list[list[bytes]] = []
    method = session.load

    async def watched(make_statement: Any, packets: Any, rows: int) -> None:
        kept = [*packets]
        if rows and "CHARACTER SET binary" in make_statement(""):
            sent.append(b"".join(kept).split(b"\n")[:-1])
        await method(make_statement, kept, rows)

    monkeypatch.setattr(session, "load", watched)
    await load(connection, visits(), LoadMode.INSERT)
    assert len(sent) > 1
    assert way.lines == sum(map(len, sent))
    for lines in sent:
        keys = [line.split(b"\t")[0] for line in lines]
        assert len(lines) > 1
        assert keys == sorted(keys)


@dataclass
class Wardrobe:
    id: PrimaryKey[int]
    colours: set[Colour]


async def test_sets_of_labels_are_among_them(mysql: Server, way: Way) -> None:
    options = GeneratorOptions()
    async with get_dialect("mysql").create_connection(mysql.parameters, options) as connection:
        await connection.create_objects([Wardrobe])
        rows = [(number, {Colour.RED, Colour.GREEN} if number % 2 else set[Colour]()) for number in range(2000)]
        source = BatchSource(Fields(("id", "colours"), (int, set[Colour])), [rows])
        await connection.load(connection.get_table(Wardrobe), source, options=LoadOptions(LoadMode.INSERT))
        assert way.lines > 1000
        found = await connection.session.fetch(
            "SELECT colours, count(*) FROM `Wardrobe` GROUP BY colours ORDER BY 2, 1"
        )
        assert [(sorted(filter(None, str(labels).split(","))), count) for labels, count in found] == [
            ([], 1000),
            (["green", "red"], 1000),
        ]


@dataclass
class Ticket:
    id: PrimaryKey[UUID]
    note: str


async def test_rows_that_the_server_numbers_are_sent_as_they_come(mysql: Server, way: Way) -> None:
    async with get_dialect("mysql").create_connection(mysql.parameters) as connection:
        await connection.create_objects([Ticket])
        await connection.session.execute("ALTER TABLE `Ticket` ADD COLUMN place bigint NOT NULL AUTO_INCREMENT UNIQUE")
        explorer = get_dialect("mysql").create_explorer(connection)
        table = next(t for t in (await explorer.discover()).tables() if t.name.name == "Ticket")
        rows = [(key(number), f"note {number} {'x' * 50}") for number in range(ROWS)]
        source = BatchSource(Fields(("id", "note"), (UUID, str)), [rows])
        await connection.load(table, source, options=LoadOptions(LoadMode.INSERT))
        assert way.lines > ROWS / 2
        found = await connection.session.fetch("SELECT note FROM `Ticket` ORDER BY place")
        assert [note for (note,) in found] == [note for _, note in rows]
