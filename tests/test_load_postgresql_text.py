"""Text of files that becomes rows of binary COPY on its way to PostgreSQL: what is stored, which rows take that way, and what errors say."""

from __future__ import annotations

import asyncio
import enum
import gzip
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, make_dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import pytest
from strong_typing.auxiliary import MaxLength, Precision, int16, int32

from pysqlsync_engine.base import (
    ConnectionContext,
    EnumMode,
    GeneratorOptions,
    LoadMode,
    LoadOptions,
    OnDuplicate,
    OnError,
)
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
from tests.copy_ways import Way, watch_copies
from tests.exact_values import CASES
from tests.file_cells import csv_cell, tsv_cell
from tests.servers import Server
from tests.test_text_rows import OTHER, READERS, as_csv, needs_code, rows_for

pytestmark = needs_code


class Colour(enum.Enum):
    RED = "red"
    GREEN = "green"


@dataclass
class Ware:
    id: PrimaryKey[int]
    name: Annotated[str, MaxLength(20)]
    price: Annotated[Decimal, Precision(9, 2)] | None
    made: date
    colour: Colour
    seller: UUID | None
    weight: float | None
    sold: AwareDatetime | None
    stock: int32
    rank: int16 | None
    note: str | None


NAMES = ("id", "name", "price", "made", "colour", "seller", "weight", "sold", "stock", "rank", "note")
SELLER = UUID("0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0")
FIELDS = Fields(
    NAMES,
    (
        int,
        str,
        Decimal | None,
        date,
        Colour,
        UUID | None,
        float | None,
        AwareDatetime | None,
        int,
        int | None,
        str | None,
    ),
)

Row = dict[str, str | None]


def ware(number: int, **changes: str | None) -> Row:
    """:returns: The cells of a row."""
    return {
        "id": str(number),
        "name": f"ware {number}",
        "price": f"{Decimal(number) / 100:f}",
        "made": "2024-02-29",
        "colour": "green" if number % 2 else "red",
        "seller": str(SELLER),
        "weight": "0.30000000000000004",
        "sold": "2024-02-29T12:30:00.25+02:00",
        "stock": str(-number),
        "rank": None,
        "note": 'tab\tand \\ "quotes", ünïcode\nand a line',
        **changes,
    }


def stored(row: Row) -> tuple[Any, ...]:
    """:returns: The row as the driver gives it."""
    return (
        int(row["id"] or 0),
        row["name"],
        None if row["price"] is None else Decimal(row["price"]),
        date(2024, 2, 29),
        row["colour"],
        None if row["seller"] is None else UUID(row["seller"]),
        0.30000000000000004,
        datetime(2024, 2, 29, 10, 30, 0, 250_000, UTC),
        int(row["stock"] or 0),
        None,
        row["note"],
    )


def write_tsv(path: Path, rows: Sequence[Row]) -> TsvSource:
    text = "".join("\t".join(map(tsv_cell, row.values())) + "\n" for row in rows)
    with gzip.open(path, "wt") if path.suffix == ".gz" else path.open("w") as file:
        file.write("\t".join(NAMES) + "\n" + text)
    return TsvSource(path, FIELDS)


def write_csv(path: Path, rows: Sequence[Row], *, more: str = "") -> CsvSource:
    """:param more: A cell that is no field."""
    names = [*reversed(NAMES)]
    names.insert(3, "more")
    lines = [names, *([more if name == "more" else csv_cell(row[name]) for name in names] for row in rows)]
    path.write_text("".join(",".join(line) + "\n" for line in lines))
    return CsvSource(path, FIELDS)


async def wares(connection: ConnectionContext) -> list[Any]:
    columns = ", ".join("colour::text" if name == "colour" else name for name in NAMES)
    return await connection.session.fetch(f'SELECT {columns} FROM "Ware" ORDER BY id')


async def load(connection: ConnectionContext, source: Any, mode: LoadMode, **options: Any) -> LoadReport:
    return await connection.load(connection.get_table(Ware), source, options=LoadOptions(mode, **options))


@pytest.fixture
def way(monkeypatch: pytest.MonkeyPatch) -> Way:
    return watch_copies(monkeypatch)


@pytest.fixture
async def connection(postgresql: Server) -> AsyncIterator[ConnectionContext]:
    async with get_dialect("postgresql").create_connection(postgresql.parameters) as connection:
        await connection.create_objects([Ware])
        yield connection


@pytest.mark.parametrize("name", READERS)
async def test_what_is_written_is_stored_as_the_value_is(postgresql: Server, name: str, way: Way) -> None:
    case, (data_type, _, _) = CASES[name], READERS[name]
    fields = Fields(("id", "value"), (int, case.annotation | None))
    alone = Fields(("value",), (case.annotation | None,))
    writer = rows_for(as_csv([], alone), [data_type])
    # documents that are none are refused
    exact = [
        cell
        for cell in OTHER
        if all(span.is_good for span in writer.split(cell + b"\n")) and (name != "json" or cell in {b"{}", b"\\N"})
    ]
    lines = [b"%d,%s" % (number, cell) for number, cell in enumerate(cell for cell in exact if cell != b"\xff")]
    cells = make_dataclass("cells", [("id", PrimaryKey[int]), ("value", case.annotation | None)])
    options = LoadOptions(LoadMode.INSERT)
    async with get_dialect("postgresql").create_connection(postgresql.parameters) as connection:
        await connection.create_objects([cells])
        await connection.load(connection.get_table(cells), as_csv(lines, fields), options=options)
        assert (way.binary, way.text, way.rows) == (len(lines), 0, 0)
        # the same as values
        parsed = as_csv([], fields).parse(b"".join(line + b"\n" for line in lines), 1)
        values = BatchSource(fields, [[(number + 1000, value) for number, value in parsed]])
        await connection.load(connection.get_table(cells), values, options=options)
        assert way.rows == len(lines)
        different = await connection.session.fetch(
            "SELECT a.id, a.value::text, b.value::text FROM cells a JOIN cells b ON b.id = a.id + 1000"
            " WHERE a.value::text IS DISTINCT FROM b.value::text"
        )
        assert different == []


@pytest.mark.parametrize("is_empty", [True, False])
@pytest.mark.parametrize("file", ["wares.tsv", "wares.tsv.gz", "wares.csv"])
@pytest.mark.parametrize("mode", [LoadMode.INSERT, LoadMode.UPSERT, LoadMode.REPLACE, LoadMode.MIRROR])
async def test_each_mode_takes_them(
    connection: ConnectionContext, way: Way, tmp_path: Path, mode: LoadMode, file: str, *, is_empty: bool
) -> None:
    write = write_csv if file.endswith(".csv") else write_tsv
    # some chunks of a file
    rows = [ware(number) for number in range(1, 5001)]
    old = (
        [] if is_empty else [ware(number, price=None) for number in ((6000,) if mode is LoadMode.INSERT else (1, 6000))]
    )
    if old:
        await load(connection, write(tmp_path / f"old.{file}", old), LoadMode.INSERT)
    way.binary = 0
    report = await load(connection, write(tmp_path / file, rows), mode)
    assert (way.binary, way.text, way.rows) == (5000, 0, 0)
    assert (report.rows, report.speed, report.notes) == (5000, Speed.BYTES, ())
    kept = old[-1:] if mode in {LoadMode.INSERT, LoadMode.UPSERT} else []
    assert await wares(connection) == [stored(row) for row in [*rows, *kept]]


async def test_records_that_are_spelled_otherwise_are_sent_as_values(
    connection: ConnectionContext, way: Way, tmp_path: Path
) -> None:
    rows = [ware(number) for number in range(1, 1001)]
    # an hour that only the parser knows, and a number that only it takes
    rows[500]["sold"] = "2024-02-29T123000.25+0200"
    rows[501]["stock"] = " -502"
    report = await load(connection, write_tsv(tmp_path / "wares.tsv", rows), LoadMode.UPSERT)
    assert (way.binary, way.text, way.rows) == (998, 0, 2)
    assert (report.speed, report.counts) == (Speed.BYTES, Counts(inserted=1000))
    assert await wares(connection) == [stored(row) for row in rows]


async def test_without_compiled_code_text_is_sent_as_it_is(
    connection: ConnectionContext, way: Way, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_rows, "find_compiled", lambda: None)
    rows = [ware(number, weight="0.5") for number in range(1, 1001)]
    report = await load(connection, write_csv(tmp_path / "wares.csv", rows), LoadMode.UPSERT)
    assert (way.binary, way.text + way.rows, report.speed) == (0, 1000, Speed.BYTES)
    assert len(await wares(connection)) == 1000


@pytest.mark.parametrize("is_empty", [True, False])
async def test_the_last_row_of_a_key_is_stored(
    connection: ConnectionContext, way: Way, tmp_path: Path, *, is_empty: bool
) -> None:
    if not is_empty:
        await load(connection, write_tsv(tmp_path / "old.tsv", [ware(1, price=None), ware(9)]), LoadMode.INSERT)
    rows = [ware(1, name="first"), ware(2), ware(1, name="second"), ware(2, name="last")]
    source = write_tsv(tmp_path / "wares.tsv", rows)
    report = await load(connection, source, LoadMode.UPSERT)
    assert report.counts == (Counts(inserted=2, superseded=2) if is_empty else Counts(1, 1, superseded=2))
    assert (await wares(connection))[:2] == [stored(rows[2]), stored(rows[3])]
    assert (way.text, way.rows) == (0, 0)
    with pytest.raises(LoadError, match="Ware"):
        await load(connection, source, LoadMode.UPSERT, on_duplicate=OnDuplicate.ERROR)


async def test_enumerations_in_lookup_tables_are_looked_up(postgresql: Server, way: Way, tmp_path: Path) -> None:
    options = GeneratorOptions(enum_mode=EnumMode.RELATION)
    async with get_dialect("postgresql").create_connection(postgresql.parameters, options) as connection:
        await connection.create_objects([Ware])
        await load(connection, write_tsv(tmp_path / "a.tsv", [ware(1), ware(2)]), LoadMode.INSERT)
        await load(connection, write_tsv(tmp_path / "b.tsv", [ware(2, colour="green"), ware(3)]), LoadMode.UPSERT)
        assert (way.binary, way.text, way.rows) == (4, 0, 0)
        found = await connection.session.fetch(
            'SELECT w.id, c.value FROM "Ware" w JOIN "Colour" c ON c.id = w.colour ORDER BY w.id'
        )
        assert found == [(1, "green"), (2, "green"), (3, "green")]
        with pytest.raises(LoadError, match="blue"):
            await load(connection, write_tsv(tmp_path / "c.tsv", [ware(5, colour="blue")]), LoadMode.UPSERT)


@pytest.mark.parametrize("mode", [LoadMode.INSERT, LoadMode.UPSERT])
@pytest.mark.parametrize(
    ("changes", "column_name", "reason"),
    [
        ({"name": None}, "name", "null value"),
        ({"price": "66.66"}, None, "check constraint"),
        ({"name": "ware 2"}, None, "unique"),
    ],
)
async def test_the_row_that_the_server_refuses_is_named(
    connection: ConnectionContext,
    tmp_path: Path,
    mode: LoadMode,
    changes: dict[str, Any],
    column_name: str | None,
    reason: str,
) -> None:
    await connection.session.execute(
        """ALTER TABLE "Ware" ADD CONSTRAINT cheap CHECK (price <> 66.66), ADD CONSTRAINT single UNIQUE (name)"""
    )
    rows = [ware(number) for number in range(1, 5001)]
    rows[4321] |= changes
    for is_first in (True, False):
        with pytest.raises(RowError, match=reason) as raised:
            await load(connection, write_tsv(tmp_path / "wares.tsv", rows), mode)
        assert (raised.value.row, raised.value.column) == (4322, column_name)
        assert len(await wares(connection)) == (0 if is_first else 1)
        if is_first:
            await load(connection, write_tsv(tmp_path / "old.tsv", [ware(9999)]), LoadMode.INSERT)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stock": "9999999999"}, "column 'stock'|Ware.stock"),
        ({"name": "x" * 21}, "name"),
        ({"made": "2023-02-29"}, "line 42, column 'made'"),
        ({"colour": "blue"}, "line 42, column 'colour'"),
        ({"note": "\0"}, "note"),
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


async def test_text_that_is_no_utf8_is_refused_with_its_line(connection: ConnectionContext, tmp_path: Path) -> None:
    rows = [ware(number, note="here") for number in range(1, 101)]
    source = write_tsv(tmp_path / "wares.tsv", rows)
    lines = (tmp_path / "wares.tsv").read_bytes().split(b"\n")
    lines[50] = lines[50].replace(b"here", b"h\xffre")
    (tmp_path / "wares.tsv").write_bytes(b"\n".join(lines))
    with pytest.raises(LoadError, match="line 51"):
        await load(connection, source, LoadMode.UPSERT)
    assert await wares(connection) == []


async def test_bad_rows_can_be_set_aside(connection: ConnectionContext, way: Way, tmp_path: Path) -> None:
    rows = [ware(1, weight="0.5"), ware(2, weight="0.5", stock="none"), ware(3, weight="0.5")]
    report = await load(
        connection, write_tsv(tmp_path / "wares.tsv", rows), LoadMode.UPSERT, on_error=OnError.QUARANTINE
    )
    # rows can be taken out of text, and out of values
    assert way.binary == 0
    assert report.counts == Counts(inserted=2, rejected=1)


async def test_a_column_that_is_not_what_it_is_taken_for_gets_text(
    connection: ConnectionContext, way: Way, tmp_path: Path
) -> None:
    # four bytes of a number would be four characters
    await connection.session.execute('ALTER TABLE "Ware" ALTER COLUMN stock TYPE text')
    rows = [ware(number, weight="0.5") for number in range(1, 11)]
    await load(connection, write_tsv(tmp_path / "wares.tsv", rows), LoadMode.INSERT)
    assert (way.binary, way.text) == (0, 10)
    assert [row[8] for row in await wares(connection)] == [str(-number) for number in range(1, 11)]


@pytest.mark.parametrize("mode", [LoadMode.INSERT, LoadMode.UPSERT])
@pytest.mark.parametrize("is_empty", [True, False])
async def test_columns_that_get_another_type_meanwhile_are_noticed(
    connection: ConnectionContext, postgresql: Server, way: Way, tmp_path: Path, mode: LoadMode, *, is_empty: bool
) -> None:
    if not is_empty:
        await load(connection, write_tsv(tmp_path / "old.tsv", [ware(99, weight="0.5")]), LoadMode.INSERT)
        way.binary = 0
    rows = [ware(number, weight="0.5") for number in range(1, 11)]
    async with get_dialect("postgresql").create_pool(postgresql.parameters) as pool:
        async with connection.session.transaction():
            # what locks the table, and what the other sessions do not see yet
            await connection.session.execute('ALTER TABLE "Ware" ALTER COLUMN id TYPE double precision')
            task = asyncio.create_task(
                pool.load(
                    connection.get_table(Ware), write_tsv(tmp_path / "wares.tsv", rows), options=LoadOptions(mode)
                )
            )
            await asyncio.sleep(1)
        report = await task
    assert report.counts.inserted == 10
    found = await connection.session.fetch('SELECT id FROM "Ware" WHERE id < 99 ORDER BY id')
    assert [number for (number,) in found] == [float(number) for number in range(1, 11)]
    assert way.binary == 0
