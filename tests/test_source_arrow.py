"""Record batches of Arrow: as tuples, and as text that says the same."""

from __future__ import annotations

import asyncio
import enum
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pysqlsync_engine.data.arrow import ArrowBatches
from pysqlsync_engine.data.arrow_columns import as_re2
from pysqlsync_engine.data.cells import RecordError
from pysqlsync_engine.data.load_options import OnError
from pysqlsync_engine.data.load_report import Speed
from pysqlsync_engine.data.parquet import ParquetSource
from pysqlsync_engine.data.parts import BinaryPart, EncodedBatch, Rejects
from pysqlsync_engine.data.sources import ArrowSource, Fields, RecordSource
from pysqlsync_engine.data.text import TextColumn, TextPart
from pysqlsync_engine.data.tsv import TsvSource
from pysqlsync_engine.data.ways import Way
from pysqlsync_engine.errors import LoadError
from pysqlsync_engine.model.data_types import (
    SqlBoolean,
    SqlCharacter,
    SqlDate,
    SqlDecimal,
    SqlFloat,
    SqlInteger,
    SqlJson,
    SqlTime,
    SqlTimestamp,
    SqlType,
    SqlUuid,
)
from pysqlsync_engine.model.type_markers import AwareDatetime
from tests.source_samples import ANY_TEXT, all_rows, open_way, rows_of

arrow: Any = pytest.importorskip("pyarrow")
parquet: Any = pytest.importorskip("pyarrow.parquet")


class Colour(enum.Enum):
    RED = "red"
    GREEN = "gr\teen"


FINITE = TextColumn(r"-?[0-9.e+-]++")
ZONED = TextColumn(r"(?>[0-9. :-]*+)(?:\+00:00|Z)")

COLUMNS: list[tuple[str, Any, Any, SqlType, TextColumn, st.SearchStrategy[Any]]] = [
    ("i", int, arrow.int64(), SqlInteger(4), ANY_TEXT, st.integers(-(2**31) - 2, 2**31 + 2)),
    ("u", int, arrow.uint8(), SqlInteger(1, signed=False), ANY_TEXT, st.integers(0, 255)),
    ("f", float, arrow.float64(), SqlFloat(8), FINITE, st.floats()),
    ("g", float, arrow.float32(), SqlFloat(8), FINITE, st.floats(width=32)),
    ("d", Decimal, arrow.decimal128(10, 3), SqlDecimal(9, 2), ANY_TEXT, st.decimals(-(10**6), 10**6, places=3)),
    ("n", Decimal, arrow.int32(), SqlDecimal(5, 2), ANY_TEXT, st.integers(-1001, 1001)),
    ("b", bool, arrow.bool_(), SqlBoolean(), TextColumn("true|false"), st.booleans()),
    ("s", str, arrow.string(), SqlCharacter(4), TextColumn(max_bytes=4), st.text(max_size=5)),
    ("l", str, arrow.large_string(), SqlCharacter(), ANY_TEXT, st.text(alphabet="a\\\t\n\r\0\1\"Ä", max_size=5)),
    ("sv", str, arrow.string_view(), SqlCharacter(), ANY_TEXT, st.text(alphabet="a\\\t\n\r\0\1\"Ä", max_size=5)),
    ("w", str, arrow.dictionary(arrow.int8(), arrow.string()), SqlCharacter(), ANY_TEXT, st.sampled_from(["a", "\\"])),
    ("e", Colour, arrow.string(), SqlCharacter(), ANY_TEXT, st.sampled_from(["red", "gr\teen", "blue"])),
    ("t", datetime, arrow.timestamp("ns"), SqlTimestamp(), ANY_TEXT, st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1))),
    ("z", AwareDatetime, arrow.timestamp("us", "UTC"), SqlTimestamp(3, with_time_zone=True), ZONED, st.datetimes(timezones=st.just(UTC))),
    ("day", date, arrow.date32(), SqlDate(), ANY_TEXT, st.dates()),
    ("c", time, arrow.time64("us"), SqlTime(), ANY_TEXT, st.times()),
    ("id", UUID, arrow.string(), SqlUuid(), TextColumn("[0-9a-f-]{36}"), st.uuids().map(str) | st.just("x")),
    ("none", int, arrow.null(), SqlInteger(4), ANY_TEXT, st.none()),
]  # fmt: skip


async def sent_rows(way: Way, fields: Fields) -> tuple[list[Any], list[int], int]:
    """:returns: Rows, those of text as a reader of text understands them; numbers of rejected rows; and rows of text."""
    rows: list[Any] = []
    rejected: list[int] = []
    text_rows = 0
    reader = TsvSource("unread.tsv", fields, header=False)
    async for part in way.parts():
        match part:
            case TextPart():
                found = reader.parse(part.records, 1)
                assert len(found) == part.rows
                rows += found
                text_rows += part.rows
            case BinaryPart():
                raise AssertionError("no store of these tests takes rows in a form of its own")
            case EncodedBatch():
                rows += rows_of(part)
            case Rejects(bad):
                rejected += [reject.row for reject in bad]
    return rows, rejected, text_rows


async def check_column(column: Any, values: Sequence[Any]) -> int:
    """:returns: How many of the values were sent as text; they and the others are what the source itself makes of them."""
    name, annotation, kind, data_type, rule, _ = column
    fields = Fields((name,), (annotation,))
    batch = arrow.record_batch([arrow.array(values, kind)], [name])
    source = ArrowBatches(batch, fields)
    way = open_way(source, [rule], types=[data_type])
    try:
        expected = await all_rows(source.batches(None))
    except RecordError as error:
        message = str(error)
    else:
        rows, _, text_rows = await sent_rows(way, fields)
        assert list(map(repr, rows)) == list(map(repr, expected)) or rows == expected
        return text_rows
    with pytest.raises(RecordError) as caught:
        await sent_rows(way, fields)
    assert str(caught.value) == message
    lenient = open_way(source, [rule], types=[data_type], on_error=OnError.QUARANTINE)
    rows, rejected, _ = await sent_rows(lenient, fields)
    assert len(rows) + len(rejected) == len(values)
    return 0


@pytest.mark.parametrize("column", COLUMNS, ids=[column[0] for column in COLUMNS])
def test_text_of_columns_says_what_tuples_would(column: Any) -> None:
    sent: list[int] = []

    @settings(max_examples=200, deadline=None)
    @given(st.lists(st.none() | column[-1], min_size=1, max_size=3))
    def check(values: Sequence[Any]) -> None:
        sent.append(asyncio.run(check_column(column, values)))

    check()
    assert any(sent)


async def test_dictionaries_of_views_are_sent_as_text() -> None:
    words = arrow.array(["red", "a\tb"], arrow.string_view())
    column = arrow.DictionaryArray.from_arrays(arrow.array([1, None, 0, 1], arrow.int8()), words).slice(1)
    source = ArrowBatches(arrow.record_batch([column], ["word"]), Fields(("word",), (str,)))
    sent = await sent_rows(open_way(source, [ANY_TEXT]), source.fields)
    assert sent == ([(None,), ("red",), ("a\tb",)], [], 3)


@pytest.mark.parametrize(
    ("text", "as_text"), [('say "x"', True), ('""', True), ("", True), ("a\1b", False), ('\1"', False)]
)
async def test_quotes_are_sent_as_text_and_what_stands_for_them_is_not(text: str, *, as_text: bool) -> None:
    rows = [(text, None), (None, "\\N"), ("", '"')]
    fields = Fields(("a", "b"), (str, str))
    columns = [arrow.array(column, arrow.string()) for column in zip(*rows, strict=True)]
    source = ArrowBatches(arrow.record_batch(columns, ["a", "b"]), fields)
    sent, _, text_rows = await sent_rows(open_way(source, [ANY_TEXT] * 2, types=[SqlCharacter()] * 2), fields)
    assert sent == rows
    assert text_rows == (len(rows) if as_text else 0)


async def test_rows_in_the_middle_of_a_long_batch_are_sent_as_text() -> None:
    words = [None if number % 7 == 0 else f"w{number}\\" for number in range(10_000)]
    source = ArrowBatches(arrow.record_batch([arrow.array(words)], ["word"]), Fields(("word",), (str,)))
    rows, _, text_rows = await sent_rows(open_way(source, [ANY_TEXT]), source.fields)
    assert rows == [(word,) for word in words]
    assert text_rows == len(words)


def test_patterns_are_translated_for_the_library() -> None:
    assert as_re2(r"(?>a++b*+)[+*+]{1,2}+\++?") == r"(?:a+b*)[+*+]{1,2}\++?"


async def test_types_without_exact_text_are_sent_as_tuples_and_the_report_says_so() -> None:
    fields = Fields(("id", "tags"), (int, list[str]))
    batch = arrow.record_batch({"id": [1, 2], "tags": [["a"], None]})
    way = open_way(ArrowBatches(batch, fields), [ANY_TEXT] * 2, types=[SqlInteger(8), SqlJson()])
    assert await sent_rows(way, fields) == ([(1, ["a"]), (2, None)], [], 0)
    assert way.speed is Speed.TUPLES
    assert "column 'tags': list<" in way.notes[0]


async def test_async_batches_are_read_once_and_closed() -> None:
    closed: list[bool] = []

    async def batches() -> AsyncIterator[Any]:
        try:
            for start in range(3):
                yield arrow.record_batch({"other": [0], "ID": [start]})
        finally:
            closed.append(True)

    source = ArrowBatches(batches(), Fields(("id",), (int,)), columns={"id": "ID"})
    assert source.is_one_time
    assert isinstance(source, ArrowSource)
    way = open_way(source, [ANY_TEXT], types=[SqlInteger(4)])
    parts = way.parts()
    first = await anext(parts)
    assert isinstance(first, TextPart)
    assert first.records == b"0\n"
    await parts.aclose()
    assert closed == [True]


async def test_tables_and_readers_are_read_too() -> None:
    table = arrow.table({"id": list(range(40_000))})
    fields = Fields(("id",), (int,))
    for given_rows in (table, table.to_reader(1000), table.to_batches()):
        source = ArrowBatches(given_rows, fields)
        way = open_way(source, [ANY_TEXT], types=[SqlInteger(4)])
        rows, _, text_rows = await sent_rows(way, fields)
        assert rows == [(number,) for number in range(40_000)]
        assert (text_rows, way.rows, way.speed) == (40_000, 40_000, Speed.ARROW)


@dataclass
class ThreadTold(ArrowBatches):
    """Tells which threads read it."""

    is_read_in_thread: bool
    threads: set[int] = field(default_factory=set[int])

    def __post_init__(self) -> None:
        super().__init__(self._read(), Fields(("id",), (int,)))

    def _read(self) -> Iterator[Any]:
        for number in range(3):
            self.threads.add(threading.get_ident())
            yield arrow.record_batch([arrow.array([number])], ["id"])


@pytest.mark.parametrize("is_read_in_thread", [True, False])
async def test_batches_are_read_in_a_thread_only_where_the_source_permits(*, is_read_in_thread: bool) -> None:
    source = ThreadTold(is_read_in_thread)
    way = open_way(source, [ANY_TEXT], types=[SqlInteger(4)])
    rows, _, _ = await sent_rows(way, source.fields)
    assert rows == [(0,), (1,), (2,)]
    assert len(source.threads) == 1
    assert (source.threads != {threading.get_ident()}) is is_read_in_thread


async def test_parquet_files_are_sent_as_text(tmp_path: Path) -> None:
    file = tmp_path / "wares.parquet"
    parquet.write_table(arrow.table({"name": ["a", None], "id": [1, 2], "more": [0, 0]}), file)
    fields = Fields(("id", "name"), (int, str))
    source = ParquetSource(file, fields)
    assert isinstance(source, RecordSource)
    way = open_way(source, [ANY_TEXT] * 2, types=[SqlInteger(4), SqlCharacter()])
    assert await sent_rows(way, fields) == ([(1, "a"), (2, None)], [], 2)
    with pytest.raises(LoadError, match="no column nix"):
        await sent_rows(open_way(ParquetSource(file, Fields(("nix",), (int,))), [ANY_TEXT]), fields)
