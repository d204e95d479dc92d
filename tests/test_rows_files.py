"""Files of tab-separated values, JSON lines and Parquet as rows."""

from __future__ import annotations

import enum
import gzip
import ipaddress
import json
import tracemalloc
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import pytest
from strong_typing.auxiliary import Alias

from pysqlsync_engine.base import Fields, RecordSource
from pysqlsync_engine.data.csv import CellError
from pysqlsync_engine.data.json_lines import JsonLinesSource, ObjectReader, object_records
from pysqlsync_engine.data.parquet import ParquetSource
from pysqlsync_engine.data.tsv import TsvSource
from pysqlsync_engine.errors import LoadError
from pysqlsync_engine.model.json_values import from_json
from pysqlsync_engine.model.key_types import PrimaryKey


class Colour(enum.Enum):
    RED = "red"
    GREEN = "green"


@dataclass
class Point:
    x: int
    y: Annotated[int, Alias("the-y")]
    note: str | None = None


@dataclass
class Shop:
    id: PrimaryKey[int]


FIELDS = Fields(
    ("id", "name", "price", "colour", "tags"),
    (int, str, Decimal | None, Colour | None, list[str]),
)


def rows(source: RecordSource) -> list[tuple[Any, ...]]:
    return [row for batch in source.batches(None) for row in batch]  # type: ignore[union-attr]


VALUES: list[tuple[Any, str, Any]] = [
    (int, "1e3", 1000),
    (Decimal, "0.10000000000000000000001", Decimal("0.10000000000000000000001")),
    (bytes, '"AP8="', b"\x00\xff"),
    (datetime, '"2026-01-02T03:04:05Z"', datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
    (date | None, '"2026-01-02"', date(2026, 1, 2)),
    (time, '"03:04:05.25"', time(3, 4, 5, 250000)),
    (timedelta, '"-P1DT2H0.5S"', -timedelta(days=1, hours=2, seconds=0.5)),
    (UUID, '"f81d4fae-7dec-11d0-a765-00a0c91e6bf6"', UUID("f81d4fae-7dec-11d0-a765-00a0c91e6bf6")),
    (ipaddress.IPv6Address, '"::1"', ipaddress.IPv6Address("::1")),
    (list[Colour], '["green", null]', [Colour.GREEN, None]),
    (set[int], "[2, 1]", {1, 2}),
    (Point, '{"x": 1, "the-y": 2}', Point(1, 2)),
    (Shop, "7", 7),
    (Shop, '{"id": 7}', 7),
    (dict[str, Any], '{"a": [1, {}]}', {"a": [1, {}]}),
]


@pytest.mark.parametrize(("annotation", "document", "value"), VALUES)
def test_values_of_json_become_those_of_the_field(annotation: Any, document: str, value: object) -> None:
    reader = ObjectReader(Fields(("f",), (annotation,)))
    line = f'{{"f": {document}}}'
    parsed = json.loads(line, parse_float=_exact)
    assert reader.row(parsed) == (value,)


def _exact(text: str) -> Any:
    from pysqlsync_engine.model.json_values import ExactFloat

    return ExactFloat(text)


@pytest.mark.parametrize(
    ("annotation", "value", "message"),
    [
        (int, True, "expected an integer; got true or false"),
        (int, 1.5, "expected an integer; got a number"),
        (str, 1, "expected a string; got a number"),
        (datetime, "2026-01-01T00:00:00.0000001Z", "at most 6 digits"),
        (timedelta, "P1Y", "expected a duration"),
        (timedelta, "PT", "expected a duration"),
        (Colour, "blue", "expected one of red, green"),
        (Colour, [], "expected one of red, green"),
        (Point, {"x": "a"}, "property 'x': expected an integer; got a string"),
        (Point, {"z": 1}, "Point has no property 'z'"),
        (Shop, {"id": 1, "name": "x"}, "expected the key of Shop"),
        (list[int], [1, "a"], "element 1: expected an integer"),
        (bytes, "?", "expected base64"),
    ],
)
def test_a_value_of_json_that_does_not_fit_is_refused(annotation: Any, value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        from_json(annotation)(value)


def test_json_lines_are_read_from_a_packed_file(tmp_path: Path) -> None:
    file = tmp_path / "wares.jsonl.gz"
    lines = ['{"id": 1, "name": "Ä", "price": 1.10, "colour": "red", "tags": ["a"]}', "", '{"name": "B", "id": 2}']
    file.write_bytes(gzip.compress("\r\n".join(lines).encode()))
    source = JsonLinesSource(file, FIELDS, defaults={"tags": []})
    assert isinstance(source, RecordSource)
    assert rows(source) == [(1, "Ä", Decimal("1.10"), Colour.RED, ["a"]), (2, "B", None, None, [])]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{]", "wares.jsonl: line 2: not JSON"),
        ('{"id": NaN}', "wares.jsonl: line 2: not JSON: NaN is no number"),
        ("[]", "wares.jsonl: line 2: expected an object; got list"),
        ('{"id": "x"}', "wares.jsonl: line 2, column 'id': expected an integer; got a string: 'x'"),
        ('{"ID": 1}', "wares.jsonl: line 2, column 'ID': no field has this name"),
        ("\udcff", "wares.jsonl: line [12]: cannot be read"),
    ],
)
def test_a_bad_line_of_json_is_named(tmp_path: Path, line: str, message: str) -> None:
    file = tmp_path / "wares.jsonl"
    file.write_text(f'{{"id": 1}}\n{line}\n', errors="surrogateescape")
    with pytest.raises(CellError, match=message):
        rows(JsonLinesSource(file, Fields(("id",), (int,)), name="wares.jsonl"))


def test_parsed_objects_become_rows_and_a_bad_one_is_counted() -> None:
    reader = ObjectReader(Fields(("id",), (int,)))
    assert list(object_records([{"id": 1}, {"id": None}], reader)) == [(1,), (None,)]
    with pytest.raises(LoadError, match="object 2: property 'id': expected an integer"):
        list(object_records([{"id": 1}, {"id": "x"}], reader))


def test_tab_separated_values_are_unescaped(tmp_path: Path) -> None:
    file = tmp_path / "wares.tsv"
    file.write_text('tags\tname\tid\tcolour\tprice\n["a"]\ta\\tb\\\\N\\n\t1\tgreen\t\\N\n[]\t\t2\t\\N\t1.5\n')
    assert rows(TsvSource(file, FIELDS)) == [
        (1, "a\tb\\N\n", None, Colour.GREEN, ["a"]),
        (2, "", Decimal("1.5"), None, []),
    ]


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("name\nx\n", ValueError, "no column id; columns: name"),
        ("", ValueError, "no column id"),
        ("id\tname\n1\n", CellError, "line 2: expected 2 cells; got 1"),
        ("id\n1\n\\q\n", CellError, r"line 3, column 'id': cannot read cell \(unknown escape"),
        ("id\nx\n", CellError, "line 2, column 'id': cannot read cell"),
    ],
)
def test_a_bad_line_of_tab_separated_values_is_named(
    tmp_path: Path, text: str, error: type[Exception], message: str
) -> None:
    file = tmp_path / "wares.tsv"
    file.write_text(text)
    with pytest.raises(error, match=message):
        rows(TsvSource(file, Fields(("id",), (int,))))


def test_a_large_file_is_read_in_little_memory(tmp_path: Path) -> None:
    file = tmp_path / "wares.tsv"
    with file.open("w") as out:
        out.write("id\n")
        out.writelines(f"{number:0100}\n" for number in range(100_000))
    tracemalloc.start()
    batches = TsvSource(file, Fields(("id",), (str,))).batches(None)
    assert isinstance(batches, Iterable)
    count = sum(len(batch) for batch in batches)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 100_000
    assert peak < 4_000_000


def test_parquet_files_are_read_by_groups_of_rows(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    file = tmp_path / "wares.parquet"
    table = arrow.table(
        {
            "id": [1, 2],
            "name": ["a", "b"],
            "price": arrow.array([Decimal("1.10"), None]),
            "colour": ["red", None],
            "tags": [["x"], []],
            "other": [None, None],
        }
    )
    parquet.write_table(table, file)
    assert rows(ParquetSource(file, FIELDS)) == [
        (1, "a", Decimal("1.10"), Colour.RED, ["x"]),
        (2, "b", None, None, []),
    ]
    with pytest.raises(LoadError, match="row 1, column 'name': expected an integer; got a string: 'a'"):
        rows(ParquetSource(file, Fields(("name",), (int,))))
    with pytest.raises(LoadError, match="no column nix"):
        rows(ParquetSource(file, Fields(("nix",), (int,))))
    (tmp_path / "no.parquet").write_text("text")
    with pytest.raises(LoadError, match=r"no\.parquet: cannot be read"):
        rows(ParquetSource(tmp_path / "no.parquet", FIELDS))
