"""Files of comma-separated values as record sources."""

from __future__ import annotations

import enum
import io
import zipfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import make_dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any, TextIO, cast
from uuid import UUID

import pytest

from pysqlsync_engine.data.csv import CellError, CsvSource
from pysqlsync_engine.data.sources import Fields, RecordSource, Window
from pysqlsync_engine.data.windows import BATCH_ROWS
from pysqlsync_engine.model.key_types import PrimaryKey
from pysqlsync_engine.session import Batch, Row


class Engine(enum.Enum):
    FAN = "Turbo-fan"
    JET = "Turbo-jet"


def source(path: Path, text: str, types: dict[str, Any], **options: Any) -> CsvSource:
    path = path / "planes.csv"
    path.write_text(text, encoding="utf-8", newline="")
    return CsvSource(path, Fields(tuple(types), tuple(types.values())), **options)


def generated(source: CsvSource, window: Window | None = None) -> Generator[Batch]:
    # a file that is given by its path is not read asynchronously
    return cast("Generator[Batch]", source.batches(window))


def rows(source: CsvSource, window: Window | None = None) -> list[Row]:
    return [row for batch in generated(source, window) for row in batch]


def test_cells_become_values_of_the_types_of_the_fields(tmp_path: Path) -> None:
    types = {
        "i": int | None,
        "f": float,
        "d": Decimal,
        "t": datetime,
        "day": date,
        "clock": time,
        "b": bool,
        "e": Engine,
        "s": str,
        "u": UUID,
    }
    text = (
        "i,f,d,t,day,clock,b,e,s,u\r\n"
        'NA,1.5,0.10,2013-01-01T10:00:00Z,2013-01-01,10:30,TRUE,Turbo-jet,"a, ""b""\nc",' + str(UUID(int=1)) + "\r\n"
        "-7,1e3,NA,NA,NA,NA,no,NA,NA,NA\r\n"
    )
    assert rows(source(tmp_path, text, types, null=["NA"])) == [
        (
            None,
            1.5,
            Decimal("0.10"),
            datetime(2013, 1, 1, 10, tzinfo=UTC),
            date(2013, 1, 1),
            time(10, 30),
            True,
            Engine.JET,
            'a, "b"\nc',
            UUID(int=1),
        ),
        (-7, 1000.0, None, None, None, None, False, None, None, None),
    ]


def test_columns_are_found_by_name_and_others_left_out(tmp_path: Path) -> None:
    text = "\ufeffskip,Tail Number,seats\nx,N1,5\n\n"
    planes = source(tmp_path, text, {"seats": int, "tailnum": str}, columns={"tailnum": "Tail Number"})
    assert rows(planes) == [(5, "N1")]
    assert isinstance(planes, RecordSource)


@pytest.mark.parametrize(
    ("cell", "kind", "reason"),
    [
        ("1.5", int, "cannot read as int: '1.5'"),
        ("1_000", int, "cannot read as int: '1_000'"),
        ("x" * 100, float, "cannot read as float: 'xxx"),
        ("1,5", Decimal, "cannot read as Decimal: '1,5'"),
        ("2013-02-30", date, "cannot read as date: '2013-02-30'"),
        ("maybe", bool, "cannot read as bool: 'maybe'"),
        ("Piston", Engine, "cannot read as Engine (expected one of Turbo-fan, Turbo-jet): 'Piston'"),
    ],
)
def test_a_bad_cell_is_named_by_line_and_column(tmp_path: Path, cell: str, kind: type, reason: str) -> None:
    text = f'note,value\n"two\nlines",NA\nx,"{cell}"\n'
    planes = source(tmp_path, text, {"note": str, "value": kind}, null=["NA"])
    with pytest.raises(CellError) as caught:
        rows(planes)
    assert (caught.value.line, caught.value.column) == (4, "value")
    assert reason in str(caught.value)
    assert "planes.csv: line 4, column 'value'" in str(caught.value)
    assert len(caught.value.reason) < 100
    hidden = source(tmp_path, text, {"note": str, "value": kind}, null=["NA"], redact_values=True)
    with pytest.raises(CellError) as caught:
        rows(hidden)
    assert cell not in str(caught.value)


@pytest.mark.parametrize("record", ["1", "1,2,3", '"1,2'])
def test_a_record_that_does_not_fit_the_header_is_named_by_line(tmp_path: Path, record: str) -> None:
    with pytest.raises(CellError, match=r"planes.csv: line 3: "):
        rows(source(tmp_path, f"a,b\n1,2\n{record}", {"a": str}))


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no column seats; columns: a, b"):
        rows(source(tmp_path, "a,b\n", {"a": str, "seats": int}))


def test_a_reference_to_another_table_is_read_as_its_key(tmp_path: Path) -> None:
    country = make_dataclass("Country", [("code", PrimaryKey[str]), ("name", str)])
    city = make_dataclass("City", [("id", PrimaryKey[int]), ("country", country)])
    path = tmp_path / "streets.csv"
    path.write_text("city,country\n7,NL\n")
    assert rows(CsvSource(path, Fields(("city", "country"), (city, country)))) == [(7, "NL")]
    pair = make_dataclass("Pair", [("one", PrimaryKey[int]), ("two", PrimaryKey[int])])
    with pytest.raises(TypeError, match="Pair, which has a key of 2 fields"):
        CsvSource(path, Fields(("city",), (pair,)))


def test_a_type_without_a_spelling_needs_a_converter(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="no converter for cells of type list"):
        source(tmp_path, "a\n", {"a": list[int]})

    def as_list(text: str) -> list[int]:
        return [int(word) for word in text.split()]

    lists = source(tmp_path, "a\n1 2\n", {"a": list[int]}, converters={"a": as_list})
    assert rows(lists) == [([1, 2],)]


def test_batches_are_read_lazily_and_the_file_is_closed(tmp_path: Path) -> None:
    text = "a\n" + "\n".join(map(str, range(3 * BATCH_ROWS)))
    batches = generated(source(tmp_path, text, {"a": int}))
    assert len(next(batches)) == BATCH_ROWS
    # an open file would be a ResourceWarning, which is an error
    batches.close()


def test_a_window_selects_rows(tmp_path: Path) -> None:
    window = Window(datetime(2013, 1, 2, tzinfo=UTC), datetime(2013, 1, 3, tzinfo=UTC), "2013-01-02")
    text = "t\n2013-01-01T23:00:00Z\n2013-01-02T00:00:00Z\n2013-01-03T00:00:00Z\n"

    def lies_in(row: Row, window: Window) -> bool:
        return window.start <= row[0] < window.end

    moments = source(tmp_path, text, {"t": datetime}, select=lies_in)
    assert rows(moments, window) == [(datetime(2013, 1, 2, tzinfo=UTC),)]
    assert len(rows(moments)) == 3
    with pytest.raises(ValueError, match="cannot tell which rows are in 2013-01-02"):
        rows(source(tmp_path, text, {"t": datetime}), window)


def test_a_file_inside_an_archive_is_read_by_an_opener(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("inner.csv", "a\n1\nx\n")

    @contextmanager
    def opener() -> Generator[TextIO]:
        with zipfile.ZipFile(path) as archive, archive.open("inner.csv") as member:
            yield io.TextIOWrapper(member, encoding="utf-8", newline="")

    with pytest.raises(CellError, match=r"inner\.csv: line 3, column 'a'"):
        rows(CsvSource(opener, Fields(("a",), (int,)), name="inner.csv"))
