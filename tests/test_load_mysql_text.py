"""Text of files in MySQL and MariaDB: what goes through as it is, is what the values would have been."""

from __future__ import annotations

import csv
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from ipaddress import IPv4Address
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest

from pysqlsync_engine.data.batches import BatchSource
from pysqlsync_engine.data.csv import CsvSource
from pysqlsync_engine.data.load_options import LoadMode, LoadOptions, OnError
from pysqlsync_engine.data.load_report import Counts, LoadReport, Speed
from pysqlsync_engine.data.loading import load
from pysqlsync_engine.data.sources import Fields, RecordSource
from pysqlsync_engine.data.tsv import TsvSource
from pysqlsync_engine.dialect.mysql.loader import MySQLLoader
from pysqlsync_engine.dialect.mysql.pool import connect
from pysqlsync_engine.dialect.mysql.session import MySQLSession
from pysqlsync_engine.errors import RowError
from pysqlsync_engine.model.data_types import (
    SqlBinary,
    SqlBoolean,
    SqlCharacter,
    SqlDate,
    SqlDecimal,
    SqlFloat,
    SqlInteger,
    SqlLabel,
    SqlTime,
    SqlTimestamp,
    SqlType,
    SqlYear,
)
from pysqlsync_engine.model.object_types import Table
from pysqlsync_engine.model.type_markers import WithTimeZone
from tests.row_tables import column, located, table
from tests.servers import Server

MOMENT = SqlTimestamp(6, with_time_zone=True)


@pytest.fixture
async def session(mysql: Server) -> AsyncIterator[MySQLSession]:
    async with connect(mysql.parameters) as session:
        yield session


async def store(
    session: MySQLSession, target: Table, mode: LoadMode, source: RecordSource, **options: Any
) -> LoadReport:
    loader = MySQLLoader(session.capabilities)
    return await load(
        session, loader, None, table=located(target, session), source=source, options=LoadOptions(mode, **options)
    )


def tsv(path: Path, fields: dict[str, Any], lines: Sequence[str], heading: str | None = None) -> TsvSource:
    path.write_text("".join(f"{line}\n" for line in [heading or "\t".join(fields), *lines]), newline="")
    return TsvSource(path, Fields(tuple(fields), tuple(fields.values())))


CASES: dict[str, tuple[SqlType, Any, list[str], list[str]]] = {
    "tinyint(1)": (SqlBoolean(), bool, ["t", "false", "1", "0", r"\N"], ["yes", "F"]),
    "tinyint": (SqlInteger(1), int, ["0", "-128", "127", "007", r"\N"], ["+5"]),
    "bigint": (SqlInteger(8), int, [str(2**63 - 1), str(-(2**63)), "5"], [" 5"]),
    "int unsigned": (SqlInteger(4, signed=False), int, ["4294967295", "0"], []),
    "double": (SqlFloat(8), float, ["0.1", "-0", "1e9", "5", "12345678901234567"], ["1E300", "5e-324"]),
    "float": (SqlFloat(4), float, ["0.5", "16777216"], []),
    "decimal(6,2)": (SqlDecimal(6, 2), Decimal, ["1.5", "-9999.99", "0001"], ["1E2", "1.500"]),
    "decimal(4,0)": (SqlDecimal(4, 0), Decimal, ["9999", "-1"], ["1.0"]),
    "varchar(5)": (SqlCharacter(5), str, ["abc", "", "a b ", "NULL", r"\N"], ["𝄞𝄞𝄞𝄞𝄞", r"\t\n\\"]),
    "char(3)": (SqlCharacter(3, fixed=True), str, ["abc", "a"], []),
    "longtext": (SqlCharacter(), str, ["𝄞 ü", '"quoted"', "a,b", r"\b\r\t\n\\", "NULL"], [r"\f\v"]),
    "date": (SqlDate(), date, ["2024-02-28", "1000-01-01", "9999-12-31"], ["0999-01-01", "2024-02-29", "20240101"]),
    "datetime(6)": (
        SqlTimestamp(6),
        datetime,
        ["2024-01-31 23:59:59.123456", "2024-01-01T00:00:00", "2024-12-31 01:02:03.5"],
        ["2024-01-01", "2024-02-29 00:00:00", "0001-01-01 00:00:00"],
    ),
    "datetime": (SqlTimestamp(0), datetime, ["2024-01-31 23:59:59"], ["2024-01-31 23:59:59.000"]),
    "timestamp(6)": (
        MOMENT,
        Annotated[datetime, WithTimeZone],
        ["2024-01-31 23:59:59.123456Z", "2037-12-31T00:00:00+00:00", "1971-01-01 00:00:00+00"],
        ["2024-06-01 12:00:00+05:30", "1970-01-02 00:00:00Z"],
    ),
    "time(6)": (SqlTime(6), time, ["00:00:00", "23:59:59.999999"], ["12:30"]),
    "binary(16)": (
        SqlBinary(16, fixed=True),
        UUID,
        ["6ba7b810-9dad-11d1-80b4-00c04fd430c8", "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF"],
        ["6ba7b8109dad11d180b400c04fd430c8"],
    ),
    "char(36)": (SqlCharacter(36), UUID, ["6ba7b810-9dad-11d1-80b4-00c04fd430c8"], ["F" * 32]),
    "varbinary(4)": (SqlBinary(4), IPv4Address, ["10.0.0.1", "255.255.255.255"], []),
    "varchar(43)": (SqlCharacter(43), IPv4Address, ["10.0.0.1"], []),
    "enum('a','b','1')": (SqlLabel(("a", "b", "1")), Literal["a", "b", "1"], ["a", "1", r"\N"], []),
    "year": (SqlYear(), int, ["1901", "2155", "2000"], ["0"]),
}


@pytest.mark.parametrize("mode", [LoadMode.INSERT, LoadMode.UPSERT])
@pytest.mark.parametrize("sql_type", CASES)
async def test_text_is_stored_as_its_values_would_be(
    session: MySQLSession, tmp_path: Path, mode: LoadMode, sql_type: str
) -> None:
    data_type, annotation, sent, parsed = CASES[sql_type]
    target = table("t", column("id", SqlInteger(4)), column("v", data_type, nullable=True))
    fields = {"v": annotation, "id": int}
    source = tsv(
        tmp_path / "rows.tsv", fields, [f"{cell}\t{number}" for number, cell in enumerate(sent + parsed, start=1)]
    )
    stored: list[Any] = []
    batches = source.batches(None)
    assert not isinstance(batches, AsyncIterable)
    for given in (source, BatchSource(source.fields, list(batches))):
        await session.execute("DROP TABLE IF EXISTS t")
        await session.execute(f"CREATE TABLE t (id int PRIMARY KEY, v {sql_type} NULL) CHARACTER SET utf8mb4")
        report = await store(session, target, mode, given)
        assert report.counts == Counts(inserted=len(sent + parsed))
        stored.append(await session.fetch("SELECT id, v, HEX(v) FROM t ORDER BY id"))
        if given is source:
            assert report.speed is Speed.BYTES
            assert report.sent_bytes >= sum(len(cell.encode()) + 3 for cell in sent)
    assert stored[0] == stored[1]


REFUSED: list[tuple[str, SqlType, Any, str, str]] = [
    ("tinyint", SqlInteger(1), int, "128", "expected an integer of 8 bits|Out of range"),
    ("int", SqlInteger(4), int, "4294967296", "expected an integer of 32 bits|Out of range"),
    ("int unsigned", SqlInteger(4, signed=False), int, "-1", "expected an integer of 32 bits"),
    ("decimal(6,2)", SqlDecimal(6, 2), Decimal, "0.001", "at most 2 digits after"),
    ("varchar(3)", SqlCharacter(3), str, "abc ", "at most 3 characters"),
    ("varchar(9)", SqlCharacter(9), str, "a\0b", "NUL character"),
    ("datetime(3)", SqlTimestamp(3), datetime, "2024-01-01 00:00:00.0001", "at most 3 digits of fractional"),
    ("timestamp(6)", MOMENT, datetime, "2024-01-01 00:00:00", "without a UTC offset"),
    ("varchar(9) CHARACTER SET latin1", SqlCharacter(9), str, "𝄞", "Incorrect string value"),
    ("tinyint NOT NULL", SqlInteger(1), int, r"\N", "NULL"),
]


@pytest.mark.parametrize("mode", [LoadMode.INSERT, LoadMode.UPSERT])
@pytest.mark.parametrize(("sql_type", "data_type", "annotation", "cell", "reason"), REFUSED)
async def test_text_that_cannot_be_stored_exactly_is_refused(
    session: MySQLSession,
    tmp_path: Path,
    mode: LoadMode,
    sql_type: str,
    data_type: SqlType,
    annotation: Any,
    cell: str,
    reason: str,
) -> None:
    await session.execute(f"CREATE TABLE t (id int PRIMARY KEY, v {sql_type})")
    target = table("t", column("id", SqlInteger(4)), column("v", data_type, nullable="NOT NULL" not in sql_type))
    good = CASES[sql_type.removesuffix(" NOT NULL")][2][0] if sql_type in CASES else None
    lines = [f"{number}\t{good or cell}" for number in range(1, 5)] if good else []
    source = tsv(tmp_path / "rows.tsv", {"id": int, "v": annotation}, [*lines, f"7\t{cell}"])
    with pytest.raises(RowError, match=reason) as caught:
        await store(session, target, mode, source)
    assert (caught.value.row, caught.value.column) == (len(lines) + 1, "v")
    assert await session.fetch("SELECT * FROM t") == []


async def test_cells_without_a_field_are_left_out(session: MySQLSession, tmp_path: Path) -> None:
    await session.execute("CREATE TABLE t (id int PRIMARY KEY, a varchar(9), b int NOT NULL DEFAULT 7)")
    target = table(
        "t", column("id", SqlInteger(4)), column("a", SqlCharacter(9)), column("b", SqlInteger(4), default="7")
    )
    source = tsv(tmp_path / "rows.tsv", {"id": int, "a": str}, ["x\tone\ty\t1", "x\ttwo\t\t2"], "p\ta\tq\tid")
    report = await store(session, target, LoadMode.INSERT, source)
    assert report.speed is Speed.BYTES
    assert await session.fetch("SELECT * FROM t ORDER BY id") == [(1, "one", 7), (2, "two", 7)]


TEXTS = ["plain", "a,b", 'say "hi"', "two\nlines", "NULL", "back\\slash", " blanks ", "\t", "nul", "N", "\\N"]


@pytest.mark.parametrize("mode", [LoadMode.INSERT, LoadMode.UPSERT])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
async def test_cells_in_quotes_are_read_as_python_reads_them(
    session: MySQLSession, tmp_path: Path, mode: LoadMode, quoting: Literal[0, 1]
) -> None:
    await session.execute("CREATE TABLE t (id int PRIMARY KEY, a varchar(20), b int) CHARACTER SET utf8mb4")
    target = table(
        "t",
        column("id", SqlInteger(4)),
        column("a", SqlCharacter(20), nullable=True),
        column("b", SqlInteger(4), nullable=True),
    )
    rows = [(number, text, number % 2 or "") for number, text in enumerate(TEXTS * 20)]
    path = tmp_path / "rows.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file, quoting=quoting, lineterminator="\n")
        writer.writerows([("id", "a", "b"), *rows])
    source = CsvSource(path, Fields(("id", "a", "b"), (int, str, int)))
    report = await store(session, target, mode, source)
    assert report.counts.inserted == len(rows)
    assert (report.speed is Speed.BYTES) == (quoting == csv.QUOTE_MINIMAL)
    assert await session.fetch("SELECT id, a, b FROM t ORDER BY id") == [(n, t, b or None) for n, t, b in rows]


async def test_bad_records_are_set_aside_among_text(session: MySQLSession, tmp_path: Path) -> None:
    await session.execute("CREATE TABLE t (id int PRIMARY KEY, v timestamp(6) NULL, w varchar(9) CHARACTER SET latin1)")
    target = table(
        "t",
        column("id", SqlInteger(4)),
        column("v", MOMENT, nullable=True),
        column("w", SqlCharacter(9), nullable=True),
    )
    moment = "2024-01-01 00:00:00Z"
    bad = {5: f"5\t{moment}\t𝄞", 50: "50\tnever\tx", 99: "x\t\\N\tx", 120: f"120\t{moment}\t𝄞", 121: f"7\t{moment}\tx"}
    lines = [bad.get(number, f"{number}\t{moment}\tü") for number in range(1, 201)]
    fields = {"id": int, "v": Annotated[datetime, WithTimeZone], "w": str}
    for mode, rejected in ((LoadMode.UPSERT, {5, 50, 99, 120}), (LoadMode.INSERT, {5, 50, 99, 120, 121})):
        await session.execute("DELETE FROM t")
        report = await store(
            session, target, mode, tsv(tmp_path / "rows.tsv", fields, lines), on_error=OnError.QUARANTINE
        )
        superseded = 1 if mode is LoadMode.UPSERT else 0
        inserted = 200 - len(rejected) - superseded
        assert report.counts == Counts(inserted=inserted, rejected=len(rejected), superseded=superseded)
        assert await session.fetch("SELECT count(*) FROM t") == [(inserted,)]
        found = await session.fetch("SELECT `row_number`, column_name FROM t__rejected ORDER BY 1")
        assert {number for number, _ in found} == rejected
        await session.execute("DELETE FROM t__rejected")
