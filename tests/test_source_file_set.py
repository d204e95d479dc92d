"""Several files as one stream: found when they are read, and as fast as a single one."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import pytest
from strong_typing.auxiliary import MaxLength

from pysqlsync_engine.base import LoadMode, LoadOptions, LoadReport, OnError, Speed, class_fields
from pysqlsync_engine.data.cells import CellError
from pysqlsync_engine.data.csv import CsvSource
from pysqlsync_engine.data.file_set import file_set
from pysqlsync_engine.data.sources import RecordSource, ThreadSource, Window
from pysqlsync_engine.errors import LoadError
from pysqlsync_engine.factory import get_dialect
from pysqlsync_engine.model.key_types import PrimaryKey
from tests.row_tables import quoted
from tests.servers import Server


@dataclass
class Sale:
    id: PrimaryKey[int]
    shop: Annotated[str, MaxLength(10)]


FIELDS = class_fields(Sale)


def rows_of(source: RecordSource, window: Window | None = None) -> list[tuple[Any, ...]]:
    batches: Any = source.batches(window)
    return [row for batch in batches for row in batch]


async def load(
    server: Server, source: RecordSource, options: LoadOptions | None = None
) -> tuple[LoadReport, list[Any]]:
    """:returns: What the load told, and the rows that are in the table then."""
    engine = get_dialect(server.dialect)
    async with engine.create_connection(server.parameters) as conn:
        await conn.create_objects([Sale])
        table = conn.get_table(Sale)
        report = await conn.load(table, source, options=options or LoadOptions(LoadMode.INSERT))
        rows = await conn.session.fetch(f"SELECT * FROM {quoted(conn.session, table.name.name)} ORDER BY id")
        return report, [tuple(row) for row in rows]


async def test_files_of_text_go_to_the_server_as_they_are(database: Server, tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text("id,shop\n3,z\n")
    (tmp_path / "a.csv").write_text("id,shop\n1,x\n2,y\n")
    (tmp_path / "c.csv").write_text("id,shop\n")
    (tmp_path / ".hidden.csv").write_text("id,shop\n9,hidden\n")
    report, rows = await load(database, file_set(tmp_path / "*.csv", FIELDS))
    assert (report.rows, report.speed) == (3, Speed.BYTES)
    assert rows == [(1, "x"), (2, "y"), (3, "z")]


async def test_files_with_columns_in_another_order_are_read_for_what_they_say(database: Server, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,shop\n1,x\n")
    (tmp_path / "b.csv").write_text("shop,id\ny,2\n")
    report, rows = await load(database, file_set(tmp_path / "*.csv", FIELDS))
    assert (report.speed, rows) == (Speed.TUPLES, [(1, "x"), (2, "y")])


async def test_the_file_and_the_line_of_a_bad_record_are_told(database: Server, tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("id\tshop\n1\tx\n2\ty\n")
    with gzip.open(tmp_path / "b.tsv.gz", "wt") as packed:
        packed.write("id\tshop\n3\tz\nfour\tz\n")
    source = file_set(tmp_path / "*.tsv*", FIELDS)
    with pytest.raises(LoadError, match=r"b\.tsv\.gz: line 3.*id.*four"):
        await load(database, source)
    report, rows = await load(database, source, LoadOptions(LoadMode.UPSERT, on_error=OnError.QUARANTINE))
    assert (report.rows, report.counts.rejected) == (4, 1)
    assert rows == [(1, "x"), (2, "y"), (3, "z")]


async def test_columns_of_several_files_go_to_the_server_as_such(postgresql: Server, tmp_path: Path) -> None:
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    for number in (1, 2):
        parquet.write_table(arrow.table({"id": [number], "shop": ["x"]}), tmp_path / f"{number}.parquet")
    source = file_set(tmp_path / "*.parquet", FIELDS)
    report, rows = await load(postgresql, source)
    assert (report.speed, rows) == (Speed.ARROW, [(1, "x"), (2, "x")])
    assert isinstance(source, ThreadSource)
    assert source.is_read_in_thread


def test_the_files_are_those_that_are_there_when_rows_are_read(tmp_path: Path) -> None:
    source = file_set(tmp_path / "**" / "*.jsonl", FIELDS, missing_ok=True)
    assert rows_of(source) == []
    (tmp_path / "2026").mkdir()
    (tmp_path / "2026" / "a.jsonl").write_text('{"id": 1, "shop": "x"}\n')
    assert rows_of(source) == [(1, "x")]


def test_no_file_at_all_is_an_error_unless_it_may_be_missing(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match=r"\*\.csv: no such file; missing_ok=True takes that for no rows"):
        rows_of(file_set(tmp_path / "*.csv", FIELDS))


def test_a_directory_stands_for_the_files_in_it(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("id;shop\n1;x\n")
    (tmp_path / "deeper").mkdir()
    with pytest.raises(ValueError, match="the name does not tell the format"):
        file_set(tmp_path, FIELDS)
    source = file_set(tmp_path, FIELDS, read=lambda file, fields: CsvSource(file, fields, delimiter=";"))
    assert rows_of(source) == [(1, "x")]


def test_a_row_that_cannot_be_read_names_its_file(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,shop\n1,x\n")
    (tmp_path / "b.csv").write_text("id,shop\n2,y\nthree,z\n")
    with pytest.raises(CellError, match=r"b\.csv: line 3"):
        rows_of(file_set(tmp_path / "?.csv", FIELDS))
