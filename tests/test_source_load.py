"""Files on their way into real tables: whichever way they take, the tables have the same rows."""

from __future__ import annotations

import csv
import enum
import io
import ipaddress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import pytest
from strong_typing.auxiliary import MaxLength, Precision, int16

from pysqlsync_engine.base import ConnectionContext, LoadMode, LoadOptions, LoadReport, OnError, Speed, class_fields
from pysqlsync_engine.data.arrow import ArrowBatches
from pysqlsync_engine.data.csv import CsvSource
from pysqlsync_engine.data.sources import BadRecord, Batches, Fields, RecordSource, Window
from pysqlsync_engine.data.tsv import TsvSource
from pysqlsync_engine.errors import LoadError
from pysqlsync_engine.factory import get_dialect
from pysqlsync_engine.model.key_types import PrimaryKey
from pysqlsync_engine.model.type_markers import AwareDatetime
from tests.servers import Server
from tests.source_samples import all_rows


class Colour(enum.Enum):
    RED = "red"
    GREEN = "green"


@dataclass
class Ware:
    id: PrimaryKey[int]
    name: Annotated[str, MaxLength(10)] | None
    text: str | None
    price: Annotated[Decimal, Precision(8, 2)] | None
    weight: float | None
    small: int16 | None
    colour: Colour | None
    is_sold: bool | None
    made: date | None
    opens: time | None
    changed: AwareDatetime | None
    seen: datetime | None
    mark: UUID | None
    host: ipaddress.IPv4Address | None


FIELDS = class_fields(Ware)

COLUMNS: dict[str, list[str]] = {
    "name": ["a", "", "0123456789", "  ", "äöü", "x" * 11, "trailing  "],
    "text": ["a", "back\\\\slash", "tab\\tnew\\nline", "\\\\N", "NULL", "'quoted'", '"', "é€", "\\r"],
    "price": ["1", "1.5", "-0.25", "+7.00", "1e2", "1.005", "123456.78", "1234567.8", "NaN", ".5", "5."],
    "weight": ["1", "-0.0", "0.1", "1e300", "nan", "inf", "1e400", "123456789012345678", " 1.5"],
    "small": ["0", "-32768", "32768", "007", "+1", "1.0", "0x1F", "1_000", "x", ""],
    "colour": ["red", "green", "Red", "blue", "0", ""],
    "is_sold": ["true", "f", "YES", "1", "0", "on", "tru"],
    "made": ["2026-01-02", "0001-01-01", "9999-12-31", "20260102", "2026-02-30", "today", "2026-1-2", "0000-00-00"],
    "opens": ["08:30:00", "23:59:59.999999", "8:30", "24:00:00", "08:30", "083000", "08:30:00.1234567", "-01:00:00"],
    "changed": [
        "2026-01-02T03:04:05Z",
        "2026-01-02 03:04:05.123456+00:00",
        "2026-01-02 03:04:05+02:00",
        "2026-01-02 03:04:05",
        "now",
        "infinity",
        "0001-01-01 00:00:00+00:00",
        "9999-12-31 23:59:59.999999+00:00",
    ],
    "seen": ["2026-01-02 03:04:05", "2026-01-02T03:04:05.5", "2026-01-02 03:04:05+01:00", "2026-01-02", "0000-00-00 00:00:00"],
    "mark": [
        "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
        "F81D4FAE7DEC11D0A76500A0C91E6BF6",
        "{f81d4fae-7dec-11d0-a765-00a0c91e6bf6}",
        "f81d4fae",
    ],
    "host": ["192.168.0.1", "192.168.0.1/24", "192.168.000.001", "1.2.3", "::1", "256.0.0.1"],
}  # fmt: skip


class AsValues:
    """A source without its text."""

    def __init__(self, source: Any) -> None:
        self._source = source

    @property
    def fields(self) -> Fields:
        return self._source.fields

    def batches(self, window: Window | None) -> Batches:
        return self._source.batches(window)

    def lenient_batches(self, window: Window | None) -> Any:
        return self._source.lenient_batches(window)


def records() -> list[list[str]]:
    """:returns: Cells of records, each of which has something in one column, and NULL in the others."""
    names = [name for name in FIELDS.names if name != "id"]
    found: list[list[str]] = []
    for name, cells in COLUMNS.items():
        for cell in cells:
            found.append([str(len(found) + 1), *(cell if name == each else "\\N" for each in names)])
    return found


def write(path: Path, rows: list[list[str]]) -> None:
    """Write cells as they are, in quotes where these are needed in a CSV file."""
    with path.open("w", encoding="utf-8", newline="") as file:
        if path.suffix == ".csv":
            csv.writer(file, lineterminator="\n").writerows(rows)
        else:
            file.writelines("\t".join(row) + "\n" for row in rows)


async def load_into(
    conn: ConnectionContext, source: RecordSource, **options: Any
) -> tuple[LoadReport, list[Any], list[int]]:
    """:returns: The report, the rows that the table has then, and the numbers of those that were set aside."""
    table = conn.get_table(Ware)
    await conn.session.execute(f"DELETE FROM {quoted(conn, 'Ware')}")
    report = await conn.load(table, source, options=LoadOptions(LoadMode.INSERT, **options))
    columns = ", ".join(quoted(conn, name) for name in FIELDS.names)
    rows = await conn.session.fetch(f"SELECT {columns} FROM {quoted(conn, 'Ware')} ORDER BY 1")
    return report, [tuple(map(repr, row)) for row in rows], [row[0] for row in rows]


def quoted(conn: ConnectionContext, name: str) -> str:
    return f'"{name}"' if conn.dialect.name == "postgresql" else f"`{name}`"


@pytest.mark.parametrize("form", ["tsv", "csv"])
async def test_text_is_stored_as_its_values_are(database: Server, tmp_path: Path, form: str) -> None:
    path = tmp_path / f"wares.{form}"
    write(path, records())

    def source() -> Any:
        if form == "tsv":
            return TsvSource(path, FIELDS, header=False)
        return CsvSource(path, FIELDS, header=False, null=["\\N"], documents=True)

    async with get_dialect(database.dialect).create_connection(database.parameters) as conn:
        await conn.create_objects([Ware])
        aside = {"on_error": OnError.QUARANTINE}
        expected, rows, stored = await load_into(conn, AsValues(source()), **aside)
        report, found, _ = await load_into(conn, source(), **aside)
        assert found == rows
        assert (report.rows, report.rejected) == (expected.rows, expected.rejected)
        assert report.sent_bytes > 0
        # what is stored when others are set aside is stored when they are not there
        write(path, [record for record in records() if int(record[0]) in stored])
        report, found, _ = await load_into(conn, source())
        assert found == rows
        assert report.rows == len(rows)
        assert len(rows) > 40


async def test_columns_are_stored_as_their_values_are(database: Server, tmp_path: Path) -> None:
    arrow: Any = pytest.importorskip("pyarrow")
    path = tmp_path / "wares.tsv"
    write(path, records())
    parsed = [
        row
        for row in await all_rows(TsvSource(path, FIELDS, header=False).lenient_batches(None))
        if not isinstance(row, BadRecord)
    ]
    kinds = {
        "id": arrow.int64(), "price": arrow.decimal128(10, 3), "weight": arrow.float64(), "small": arrow.int32(),
        "is_sold": arrow.bool_(), "made": arrow.date32(), "opens": arrow.time64("us"),
        "changed": arrow.timestamp("us", "UTC"), "seen": arrow.timestamp("us"),
    }  # fmt: skip
    usable = [row for row in parsed if fits(row)]
    columns = {
        name: arrow.array([plain(row[position]) for row in usable], kinds.get(name, arrow.string()))
        for position, name in enumerate(FIELDS.names)
    }
    batches = arrow.table(columns).to_batches(max_chunksize=1)
    async with get_dialect(database.dialect).create_connection(database.parameters) as conn:
        await conn.create_objects([Ware])
        aside = {"on_error": OnError.QUARANTINE}
        expected, rows, _ = await load_into(conn, AsRows(ArrowBatches(batches, FIELDS)), **aside)
        report, found, _ = await load_into(conn, ArrowBatches(batches, FIELDS), **aside)
        assert found == rows
        assert (report.rows, report.rejected) == (expected.rows, expected.rejected)
        assert report.speed is Speed.ARROW
        assert len(rows) > 40


class AsRows:
    """A source without its columns."""

    def __init__(self, source: Any) -> None:
        self._source = source

    @property
    def fields(self) -> Fields:
        return self._source.fields

    def batches(self, window: Window | None) -> Batches:
        return self._source.batches(window)


def fits(row: tuple[Any, ...]) -> bool:
    """:returns: True if Arrow has the values: not a number that is none, nor moments without an offset."""
    price, changed, seen = row[3], row[10], row[11]
    return (
        (price is None or (price.is_finite() and abs(price) < 10**7))
        and (changed is None or changed.utcoffset() is not None)
        and (seen is None or seen.tzinfo is None)
    )


def plain(value: Any) -> Any:
    """:returns: What Arrow has for the value."""
    if isinstance(value, datetime):
        return value if value.tzinfo is None else value.astimezone(UTC)
    if isinstance(value, enum.Enum):
        return value.value
    return value if isinstance(value, int | float | Decimal | bool | date | time | timedelta | None) else str(value)


@dataclass
class Pair:
    id: PrimaryKey[int]
    text: str
    last: str


BROKEN = {
    "short": b"1\ta\tx\n2\tb\n",
    "long": b"1\ta\tx\n2\tb\ty\tz\n",
    "cut in two": b"1\ta\n2\tb\tx\ty\n",
    "blank": b"1\ta\tx\n\n2\tb\ty\n",
    "not UTF-8": b"1\ta\tx\n2\t\xff\ty\n",
    "surrogate": b"1\ta\tx\n2\t\xed\xa0\x80\ty\n",
    "unknown escape": b"1\ta\tx\n2\t\\q\ty\n",
    "NULL inside": b"1\ta\tx\n2\tb\\Nb\ty\n",
    "end of data": b"1\ta\tx\n\\.\n2\tb\ty\n",
    "no number": b"1\ta\tx\nb\tb\ty\n",
    "NULL key": b"1\ta\tx\n\\N\tb\ty\n",
}


@pytest.mark.parametrize("name", BROKEN)
async def test_broken_records_are_refused_or_set_aside(database: Server, name: str) -> None:
    content = BROKEN[name]
    async with get_dialect(database.dialect).create_connection(database.parameters) as conn:
        await conn.create_objects([Pair])
        table = conn.get_table(Pair)

        def source() -> TsvSource:
            return TsvSource(io.BytesIO(content), class_fields(Pair), name="pairs.tsv", header=False)

        with pytest.raises(LoadError, match=r"pairs\.tsv: line \d+|row \d+"):
            await conn.load(table, source(), options=LoadOptions(LoadMode.INSERT))
        assert await conn.count_rows(table) == 0
        report = await conn.load(table, source(), options=LoadOptions(LoadMode.INSERT, on_error=OnError.QUARANTINE))
        assert report.rows == content.count(b"\n")
        assert await conn.count_rows(table) == report.counts.inserted == report.rows - report.rejected
        assert report.rejected == {"cut in two": 2}.get(name, 1)
