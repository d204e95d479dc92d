"""Text of files that becomes lines without a character set on its way to MySQL and MariaDB: which rows take that way, and what is stored."""

from __future__ import annotations

import asyncio
import enum
import io
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, make_dataclass
from datetime import date, datetime
from decimal import Decimal
from ipaddress import IPv4Address
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import pytest
from strong_typing.auxiliary import MaxLength, Precision, int16, int32, uint64

from pysqlsync_engine.base import ConnectionContext, EnumMode, GeneratorOptions, LoadMode, LoadOptions, OnError
from pysqlsync_engine.data.batches import BatchSource
from pysqlsync_engine.data.csv import CsvSource
from pysqlsync_engine.data.load_report import Counts, LoadReport, Speed
from pysqlsync_engine.data.sources import Fields
from pysqlsync_engine.data.tsv import TsvSource
from pysqlsync_engine.dialect import text_rows
from pysqlsync_engine.errors import LoadError, RowError
from pysqlsync_engine.factory import get_dialect
from pysqlsync_engine.model.key_types import PrimaryKey
from pysqlsync_engine.model.type_markers import AwareDatetime
from tests.exact_values import CASES
from tests.file_cells import csv_cell, tsv_cell
from tests.line_ways import Way, watch_files
from tests.servers import Server
from tests.test_text_rows import OTHER, needs_code

pytestmark = needs_code


@pytest.fixture
def way(monkeypatch: pytest.MonkeyPatch) -> Way:
    return watch_files(monkeypatch)


class Colour(enum.Enum):
    RED = "red"
    GREEN = "green"


@dataclass
class Ware:
    id: PrimaryKey[UUID]
    number: int
    name: Annotated[str, MaxLength(20)]
    price: Annotated[Decimal, Precision(9, 2)] | None
    made: date
    colour: Colour
    address: IPv4Address | None
    weight: float | None
    sold: AwareDatetime | None
    seen: datetime
    stock: int32
    total: uint64
    fine: bool
    rank: int16 | None
    note: str | None


NAMES = (
    "id", "number", "name", "price", "made", "colour", "address", "weight", "sold", "seen", "stock", "total", "fine", "rank", "note"
)  # fmt: skip
FIELDS = Fields(
    NAMES,
    (UUID, int, str, Decimal | None, date, Colour, IPv4Address | None, float | None, AwareDatetime | None, datetime, int, int, bool, int | None, str | None),
)  # fmt: skip

Row = dict[str, str | None]


def key(number: int) -> UUID:
    """:returns: A key that has a byte of every kind, some of which are tsv_cell."""
    return UUID(int=0x5C0A_0900_0D27_4001_8022_0000_0000_0000 + number)


def ware(number: int, **changes: str | None) -> Row:
    """:returns: The cells of a row."""
    return {
        "id": str(key(number)),
        "number": str(number),
        "name": f"ware {number}",
        "price": f"{Decimal(number) / 100:f}",
        "made": "2024-02-29",
        "colour": "green" if number % 2 else "red",
        "address": "92.10.9.0",
        "weight": "0.5",
        "sold": "2024-02-29T12:30:00.250000+02:00",
        "seen": "2024-03-31T23:59:59.5",
        "stock": str(-number),
        "total": "18446744073709551615",
        "fine": "true" if number % 2 else "f",
        "rank": None,
        "note": 'tab\tand \\ "quotes", ünïcode 𝄞\nand a line\\N',
        **changes,
    }


def write_tsv(path: Path, rows: Sequence[Row]) -> TsvSource:
    path.write_text(
        "".join("\t".join(cells) + "\n" for cells in [NAMES, *(map(tsv_cell, row.values()) for row in rows)])
    )
    return TsvSource(path, FIELDS)


def write_csv(path: Path, rows: Sequence[Row]) -> CsvSource:
    """:returns: Rows with the cells in another order, and one of them that is no field."""
    names = [*reversed(NAMES)]
    names.insert(3, "more")
    lines = [names, *([csv_cell(row.get(name, "left, out")) for name in names] for row in rows)]
    path.write_text("".join(",".join(line) + "\n" for line in lines))
    return CsvSource(path, FIELDS, documents=True)


async def load(connection: ConnectionContext, source: Any, mode: LoadMode, **options: Any) -> LoadReport:
    return await connection.load(connection.get_table(Ware), source, options=LoadOptions(mode, **options))


async def wares(connection: ConnectionContext) -> list[Any]:
    columns = "HEX(id), number, name, price, made, CAST(colour AS CHAR), HEX(address), weight, sold, seen, stock, total, fine, `rank`, note"
    return await connection.session.fetch(f"SELECT {columns} FROM `Ware` ORDER BY number")


@pytest.fixture
async def connection(mysql: Server) -> AsyncIterator[ConnectionContext]:
    async with get_dialect("mysql").create_connection(mysql.parameters) as connection:
        await connection.create_objects([Ware])
        yield connection


@pytest.mark.parametrize("name", [name for name in CASES if name not in {"bytes", "timedelta", "bits", "json", "ipv6"}])
async def test_what_is_written_is_stored_as_the_value_is(mysql: Server, name: str, way: Way) -> None:
    case = CASES[name]
    fields = Fields(("id", "value"), (int, case.annotation | None))
    cells = make_dataclass("cells", [("id", PrimaryKey[int]), ("value", case.annotation | None)])
    more = [
        b"good",
        b"a",
        b"b c",
        b"a\\tb\\\\",
        b"255",
        b"4294967295",
        b"-128",
        b"2024-02-29 23:59:59.999Z",
        b"2000-01-01T00:00:00",
    ]
    options = LoadOptions(LoadMode.INSERT)
    async with get_dialect("mysql").create_connection(mysql.parameters, GeneratorOptions()) as connection:
        await connection.create_objects([cells])
        table = connection.get_table(cells)
        written = 0
        # a carriage return would be the end of a line
        for number, cell in enumerate(cell for cell in [*OTHER, *more] if cell != b"\r"):
            way.lines = 0
            source = TsvSource(io.BytesIO(b"%d\t%s\n" % (number, cell)), fields, header=False)
            try:
                await connection.load(table, source, options=options)
            except LoadError:
                continue
            if way.lines:
                written += 1
                # the same as a value
                ((_, value),) = source.parse(b"0\t%s\n" % cell, 1)
                values = BatchSource(fields, [[(number + 1000, value)]])
                await connection.load(table, values, options=options)
        assert written > 1
        ((same,),) = await connection.session.fetch(
            "SELECT count(*) FROM cells a JOIN cells b ON b.id = a.id + 1000"
            " WHERE HEX(a.value) <=> HEX(b.value) AND BINARY a.value <=> BINARY b.value"
        )
        assert same == written


@pytest.mark.parametrize("is_empty", [True, False])
@pytest.mark.parametrize("write", [write_tsv, write_csv])
@pytest.mark.parametrize("mode", [LoadMode.INSERT, LoadMode.UPSERT, LoadMode.REPLACE, LoadMode.MIRROR])
async def test_each_mode_takes_them(
    connection: ConnectionContext, way: Way, tmp_path: Path, mode: LoadMode, write: Any, *, is_empty: bool
) -> None:
    # some chunks of a file
    rows = [ware(number) for number in range(1, 3001)]
    if not is_empty:
        old = [ware(number, price=None) for number in ((6000,) if mode is LoadMode.INSERT else (1, 6000))]
        await load(connection, write(tmp_path / "old", old), LoadMode.INSERT)
    way.lines = 0
    report = await load(connection, write(tmp_path / "new", rows), mode)
    assert (way.lines, way.text) == (3000, 0)
    assert (report.rows, report.speed, report.notes) == (3000, Speed.BYTES, ())
    assert report.sent_bytes > 0
    stored = await wares(connection)
    assert len(stored) == 3000 + (not is_empty and mode in {LoadMode.INSERT, LoadMode.UPSERT})
    # all that a value of Python would have become
    source = write(tmp_path / "new", rows)
    batches: Any = source.batches(None)
    await connection.session.execute("DELETE FROM `Ware` WHERE number < 6000")
    await load(connection, BatchSource(FIELDS, list(batches)), LoadMode.INSERT)
    assert way.text == 3000
    assert await wares(connection) == stored


async def test_records_that_are_spelled_otherwise_are_sent_as_values(
    connection: ConnectionContext, way: Way, tmp_path: Path
) -> None:
    rows = [ware(number) for number in range(1, 1001)]
    rows[500]["sold"] = "2024-02-29T123000.25+0200"
    rows[501]["stock"] = " -502"
    report = await load(connection, write_tsv(tmp_path / "wares.tsv", rows), LoadMode.UPSERT)
    # the values go apart, as lines in the end all the same
    assert (way.lines, way.text, way.statements) == (1000, 0, 3)
    assert (report.speed, report.counts) == (Speed.BYTES, Counts(inserted=1000))
    found = await wares(connection)
    assert len({row[8:10] for row in found}) == 1
    assert [row[10] for row in found] == [-number for number in range(1, 1001)]


async def test_without_compiled_code_text_is_sent_as_it_is(
    connection: ConnectionContext, way: Way, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_rows, "find_compiled", lambda: None)
    rows = [ware(number, sold=None, note=None, made="2024-02-28") for number in range(1, 101)]
    report = await load(connection, write_tsv(tmp_path / "wares.tsv", rows), LoadMode.UPSERT)
    assert (way.lines, way.text, report.speed) == (0, 100, Speed.BYTES)


async def test_enumerations_in_lookup_tables_are_looked_up(mysql: Server, way: Way, tmp_path: Path) -> None:
    options = GeneratorOptions(enum_mode=EnumMode.RELATION)
    async with get_dialect("mysql").create_connection(mysql.parameters, options) as connection:
        await connection.create_objects([Ware])
        await load(connection, write_tsv(tmp_path / "a.tsv", [ware(1), ware(2)]), LoadMode.INSERT)
        await load(connection, write_tsv(tmp_path / "b.tsv", [ware(2, colour="green"), ware(3)]), LoadMode.UPSERT)
        assert (way.lines, way.text) == (4, 0)
        found = await connection.session.fetch(
            "SELECT w.number, c.value FROM `Ware` w JOIN `Colour` c ON c.id = w.colour ORDER BY w.number"
        )
        assert found == [(1, "green"), (2, "green"), (3, "green")]


@pytest.mark.parametrize("write", [write_tsv, write_csv])
@pytest.mark.parametrize("mode", [LoadMode.INSERT, LoadMode.UPSERT])
@pytest.mark.parametrize(
    ("changes", "column", "reason"),
    [
        ({"name": None}, "name", "(?i)null"),
        ({"price": "66.66"}, None, "cheap"),
        ({"name": "ware 2"}, "name", "ware 2|Duplicate|unique"),
    ],
)
async def test_the_row_that_the_server_refuses_is_named(
    connection: ConnectionContext,
    tmp_path: Path,
    mode: LoadMode,
    write: Any,
    changes: dict[str, Any],
    column: str | None,
    reason: str,
) -> None:
    await connection.session.execute(
        "ALTER TABLE `Ware` ADD CONSTRAINT cheap CHECK (price <> 66.66), ADD CONSTRAINT single UNIQUE (name)"
    )
    rows = [ware(number) for number in range(1, 1001)]
    rows[876] |= changes
    with pytest.raises(RowError, match=reason) as raised:
        await load(connection, write(tmp_path / "wares", rows), mode)
    assert raised.value.row == 877
    assert raised.value.column in {column, None}
    assert await wares(connection) == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stock": "9999999999"}, "stock"),
        ({"total": "29999999999999999999"}, "total"),
        ({"name": "x" * 21}, "name"),
        ({"made": "2023-02-29"}, "line 42, column 'made'"),
        ({"colour": "blue"}, "line 42, column 'colour'"),
        ({"note": "\0"}, "note"),
        ({"weight": "1e400"}, "weight"),
        ({"sold": "2024-01-01T00:00:00"}, "sold"),
    ],
)
async def test_the_cell_that_is_no_value_is_named(
    connection: ConnectionContext, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    rows = [ware(number, note=None) for number in range(1, 101)]
    rows[40] |= changes
    with pytest.raises(LoadError, match=message):
        await load(connection, write_tsv(tmp_path / "wares.tsv", rows), LoadMode.UPSERT)
    assert await wares(connection) == []


async def test_bad_rows_can_be_set_aside(connection: ConnectionContext, way: Way, tmp_path: Path) -> None:
    rows = [ware(1), ware(2, stock="none"), ware(3)]
    report = await load(
        connection, write_tsv(tmp_path / "wares.tsv", rows), LoadMode.UPSERT, on_error=OnError.QUARANTINE
    )
    # rows can be taken out of text, and out of values
    assert way.lines == 0
    assert report.counts == Counts(inserted=2, rejected=1)


@pytest.mark.parametrize(
    "change",
    [
        "note text CHARACTER SET latin1",
        "name varchar(20) CHARACTER SET utf8mb3 NOT NULL",
        "address varbinary(16)",
        "stock varchar(20) CHARACTER SET ascii NOT NULL",
    ],
)
async def test_columns_that_are_not_what_they_are_taken_for_get_text(
    connection: ConnectionContext, way: Way, tmp_path: Path, change: str
) -> None:
    await connection.session.execute(f"ALTER TABLE `Ware` MODIFY {change}")
    rows = [ware(number, note="grün", sold=None) for number in range(1, 11)]
    await load(connection, write_tsv(tmp_path / "wares.tsv", rows), LoadMode.INSERT)
    assert (way.lines, way.text) == (0, 10)
    ((note, name, stock),) = await connection.session.fetch("SELECT note, name, stock FROM `Ware` WHERE number = 3")
    assert (note, name, int(stock)) == ("grün", "ware 3", -3)


@pytest.mark.parametrize("mode", [LoadMode.INSERT, LoadMode.UPSERT])
async def test_columns_that_get_another_type_meanwhile_are_noticed(
    connection: ConnectionContext, mysql: Server, way: Way, tmp_path: Path, mode: LoadMode
) -> None:
    rows = [ware(number, note="grün") for number in range(1, 11)]
    async with get_dialect("mysql").create_pool(mysql.parameters) as pool:
        await connection.session.execute("LOCK TABLES `Ware` WRITE")
        task = asyncio.create_task(
            pool.load(connection.get_table(Ware), write_tsv(tmp_path / "wares.tsv", rows), options=LoadOptions(mode))
        )
        # the stream knows the types, and waits for the table
        await asyncio.sleep(1)
        await connection.session.execute("ALTER TABLE `Ware` MODIFY note text CHARACTER SET latin1")
        await connection.session.execute("UNLOCK TABLES")
        report = await task
    assert report.counts.inserted == 10
    assert {row[-1] for row in await wares(connection)} == {"grün"}
    assert way.lines == 0
