"""Where the text of sources comes from, how it is cut, and when it is no longer sent as it is."""

from __future__ import annotations

import gzip
import io
import sys
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, time
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pysqlsync_engine.data import chunks, tsv_parser
from pysqlsync_engine.data.cells import CellError
from pysqlsync_engine.data.csv import CsvSource
from pysqlsync_engine.data.json_lines import JsonLinesSource
from pysqlsync_engine.data.load_options import OnError
from pysqlsync_engine.data.load_report import Speed
from pysqlsync_engine.data.record_text import split_records
from pysqlsync_engine.data.sources import BadRecord, Fields, LenientSource, TextSource, Window
from pysqlsync_engine.data.text import TSV, TextColumn, TextFormat
from pysqlsync_engine.data.tsv import TsvSource
from pysqlsync_engine.errors import LoadError, RowError
from pysqlsync_engine.model.type_markers import AwareDatetime
from tests.source_samples import ANY_TEXT, INTEGER, all_rows, open_way, send

FIELDS = Fields(("id", "name"), (int, str))
BOTH = (INTEGER, ANY_TEXT)
TEXT = b"name\tid\na\t1\nb\\tc\t2\n\\N\t3\n"
ROWS = [(1, "a"), (2, "b\tc"), (3, None)]


def zstd(content: bytes) -> bytes:
    zstandard = pytest.importorskip("zstandard")
    packed: bytes = zstandard.compress(content)
    return packed


async def stream(content: bytes, size: int = 5) -> AsyncGenerator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


@pytest.mark.parametrize("form", ["path", "gz", "zst", "opener", "text opener", "file", "stream"])
async def test_files_come_in_many_ways(tmp_path: Path, form: str) -> None:
    packed: dict[str, Callable[[bytes], bytes]] = {"gz": gzip.compress, "zst": zstd}
    path = tmp_path / f"wares.tsv.{form}"
    path.write_bytes(packed.get(form, bytes)(TEXT))
    files: dict[str, Any] = {
        "opener": lambda: path.open("rb"),
        "text opener": lambda: path.open(encoding="utf-8", newline=""),
        "file": io.BytesIO(TEXT),
        "stream": stream(TEXT),
    }
    source = TsvSource(files.get(form, path), FIELDS)
    assert isinstance(source, TextSource)
    assert isinstance(source, LenientSource)
    assert source.is_one_time == (form in {"file", "stream"})
    way = open_way(source, BOTH)
    sent = await send(way, source)
    assert sent.rows == ROWS
    assert (way.speed, way.notes) == (Speed.BYTES, ())
    assert b"".join(part.records for part in sent.texts) == TEXT.partition(b"\n")[2]
    assert sent.texts[0].layout == (1, 0)
    if not source.is_one_time:
        assert await all_rows(source.batches(None)) == ROWS


@pytest.mark.parametrize("suffix", ["gz", "zst"])
async def test_a_packed_file_that_ends_early_is_refused(tmp_path: Path, suffix: str) -> None:
    content = b"id\tname\n" + b"".join(b"%d\tabc%d\n" % (n, n * 7919) for n in range(50_000))
    path = tmp_path / f"wares.tsv.{suffix}"
    packed = (gzip.compress if suffix == "gz" else zstd)(content)
    path.write_bytes(packed[:-100])
    with pytest.raises(CellError, match=r"wares.tsv.*line \d+: cannot be read"):
        await all_rows(TsvSource(path, FIELDS).batches(None))
    # several packed parts may follow each other
    path.write_bytes(packed + (gzip.compress if suffix == "gz" else zstd)(b"-1\tz\n"))
    assert (await all_rows(TsvSource(path, FIELDS).batches(None)))[-1] == (-1, "z")


async def test_what_is_missing_for_zstd_is_named(tmp_path: Path) -> None:
    path = tmp_path / "wares.tsv.zst"
    path.write_bytes(b"x")
    with patch.dict(sys.modules, {"zstandard": None}), pytest.raises(LoadError, match=r"pysqlsync-dagster\[zstd\]"):
        await all_rows(TsvSource(path, FIELDS).batches(None))


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from([b"a", b'"', b",", b"\n", b"\r\n", b'""', "é".encode()])).map(b"".join), st.integers(1, 7)
)
def test_chunks_are_whole_records_wherever_blocks_end(text: bytes, size: int) -> None:
    for form in (TSV, TextFormat(",", "", '"')):
        whole = list(pieces(form, [text]))
        cut = list(pieces(form, [text[start : start + size] for start in range(0, len(text), size)]))
        assert b"".join(cut) == b"".join(whole)
        records = [*chain(*(split_records(chunk, form) for chunk in cut))]
        assert records == [*split_records(b"".join(whole), form)] or not text
        if form is TSV:
            assert b"".join(whole) == text.replace(b"\r\n", b"\n") + (b"" if text[-1:] in {b"", b"\n"} else b"\n")
        assert all(chunk.endswith(b"\n") for chunk in cut)


def pieces(form: TextFormat, blocks: list[bytes]) -> Iterator[bytes]:
    cutter = chunks.Cutter(form, "file")
    for block in blocks:
        if records := cutter.feed(block):
            yield records
    if records := cutter.finish():
        yield records


async def test_a_quote_that_is_never_closed_is_noticed_before_memory_is_full(tmp_path: Path) -> None:
    path = tmp_path / "wares.csv"
    path.write_bytes(b'id,name\n1,"' + b"\n" * 10_000_000)
    with patch.object(chunks, "MAX_RECORD_BYTES", 1_000_000), pytest.raises(LoadError, match="close its quotes"):
        await all_rows(CsvSource(path, FIELDS).batches(None))


async def test_text_of_comma_separated_values_is_sent_with_its_quotes() -> None:
    text = b'\xef\xbb\xbfid,skip,name\r\n1,x,"a, ""b""\r\nc"\r\n2,,NA\r\n3,y,"NA"\r\n\r\n'
    source = CsvSource(io.BytesIO(text), FIELDS, null=["NA"])
    sent = await send(open_way(source, BOTH), source)
    assert sent.rows == [(1, 'a, "b"\r\nc'), (2, None), (3, None)]
    # the server would take the last one for text, and the first one has a carriage return
    assert [part.records for part in sent.texts] == [b"2,,NA\n"]
    assert sent.texts[0].layout == (0, None, 1)


WHY: list[tuple[Callable[[Any], Any], dict[str, Any], str]] = [
    (lambda f: TsvSource(f, FIELDS), {"obstacle": "not today"}, "text is parsed: not today"),
    (lambda f: CsvSource(f, FIELDS, delimiter="\t"), {"quoted": False}, "reads no cells in quotes"),
    (
        lambda f: CsvSource(f, FIELDS, delimiter="\t", null=["", "NA"]),
        {},
        "the text alone does not tell what is in the rows",
    ),
    (
        lambda f: TsvSource(f, FIELDS, converters={"name": str.upper}),
        {},
        "the text alone does not tell what is in the rows",
    ),
    (lambda f: TsvSource(f, Fields(("id", "name"), (int, list[str]))), {}, "column 'name': files spell its values"),
    (lambda f: TsvSource(f, Fields(("id",), (int,))), {"skips": False}, "cells that are no fields"),
]


@pytest.mark.parametrize(("make", "rules", "note"), WHY)
async def test_why_text_is_parsed_is_noted(make: Any, rules: dict[str, Any], note: str) -> None:
    source = make(io.BytesIO(b'id\tname\n1\t["a"]\n'))
    way = open_way(source, BOTH[: len(source.fields.names)], rules=rules)
    sent = await send(way, source)
    assert (len(sent.rows), sent.texts) == (1, [])
    assert way.speed is Speed.TUPLES
    assert note in way.notes[0]


@pytest.mark.parametrize("redacted", [False, True])
async def test_text_that_is_mostly_spelled_otherwise_is_parsed_from_then_on(redacted: bool) -> None:
    text = b"id\tname\n" + b"".join(b"%d\t%s\n" % (n, b"+7" if n % 4 == 0 else b"7") for n in range(200_000))
    fields = Fields(("id", "name"), (int, int))
    source = TsvSource(io.BytesIO(text), fields)
    way = open_way(source, (INTEGER, INTEGER), redact_values=redacted)
    sent = await send(way, source)
    assert sent.rows == [(number, 7) for number in range(200_000)]
    assert way.speed is Speed.TUPLES
    assert "many values of column 'name' are not spelled as the server reads them" in way.notes[0]
    assert ("'+7'" in way.notes[0]) is not redacted


async def test_some_records_that_do_not_pass_are_parsed_among_the_others() -> None:
    text = b"id\tname\n" + b"".join(b"%s%d\ta\n" % (b"+" if n == 3 else b"", n) for n in range(1000))
    source = TsvSource(io.BytesIO(text), FIELDS)
    way = open_way(source, BOTH)
    sent = await send(way, source)
    assert sent.rows == [(number, "a") for number in range(1000)]
    assert [part.rows for part in sent.texts] == [3, 996]
    assert (way.speed, way.notes) == (Speed.BYTES, ())


async def test_bad_records_are_set_aside_with_their_place() -> None:
    text = b'id,name\n1,a\nx,"b\nc"\n2\n3,\xff\n4,d\n'
    source = CsvSource(io.BytesIO(text), FIELDS, name="wares.csv")
    found = await all_rows(source.lenient_batches(None))
    assert found == [
        (1, "a"),
        BadRecord("cannot read as int", "id", 'x,"b\nc"', "wares.csv: line 4"),
        BadRecord("expected 2 cells; got 1", None, "2", "wares.csv: line 5"),
        BadRecord(found[3].reason, None, "3,\ufffd", "wares.csv: line 6"),
        (4, "d"),
    ]
    source = CsvSource(io.BytesIO(text), FIELDS)
    sent = await send(open_way(source, BOTH, on_error=OnError.QUARANTINE), source)
    assert (sent.rows, sent.rejects) == ([(1, "a"), (4, "d")], [2, 3, 4])


async def test_bad_lines_of_json_are_set_aside() -> None:
    text = b'{"id": 1}\n\n{"id": "x"}\n[]\n{"id": NaN}\n{"id": 2}\n'
    source = JsonLinesSource(io.BytesIO(text), Fields(("id",), (int,)), name="wares.jsonl")
    assert await all_rows(source.lenient_batches(None)) == [
        (1,),
        BadRecord("expected an integer; got a string", "id", '{"id": "x"}', "wares.jsonl: line 3"),
        BadRecord("expected an object; got list", None, "[]", "wares.jsonl: line 4"),
        BadRecord("not JSON: NaN is no number in JSON", None, '{"id": NaN}', "wares.jsonl: line 5"),
        (2,),
    ]


async def test_a_row_that_the_server_refuses_is_explained_by_the_source() -> None:
    text = b"id\tname\n1\ta\nx\tb\n3\tc\n"
    source = TsvSource(io.BytesIO(text), FIELDS, name="wares.tsv")
    way = open_way(source, (ANY_TEXT, ANY_TEXT))
    parts = way.parts()
    await anext(parts)
    refused = way.with_value(RowError("public.wares", "id", 2, "no number"))
    assert str(refused) == "wares.tsv: line 3, column 'id': cannot read cell as int: 'x'"
    refused = way.with_value(RowError("public.wares", "name", 3, "too long"))
    assert str(refused) == "public.wares.name: row 3: too long: 'c'"
    await parts.aclose()


FORMS = Fields(
    ("i", "f", "d", "b", "t", "c", "u", "s"), (int, float, Decimal, bool, AwareDatetime, time, UUID, str)
)  # fmt: skip
CELLS: list[st.SearchStrategy[str]] = [
    st.integers().map(str) | st.sampled_from(["", "1_0", "+5", " 7", "x"]),
    st.floats().map(repr) | st.sampled_from(["1_0.5", "Infinity", ""]),
    st.decimals(allow_nan=False).map(str) | st.sampled_from(["1_0", "\u0661", ""]),
    st.sampled_from(["true", "false", "T", "YES", "nO", "on"]),
    st.datetimes(timezones=st.just(UTC)).map(str) | st.sampled_from(["2020-01-02T03:04:05.1234567Z", "2020-01-02"]),
    st.times().map(str) | st.just("030405.1234567"),
    st.uuids().map(str) | st.sampled_from(["{f81d4fae-7dec-11d0-a765-00a0c91e6bf6}", ""]),
    st.text(st.characters(exclude_characters="\r\n\t", exclude_categories=["Cs"])),
]


@settings(max_examples=500, deadline=None)
@given(st.lists(st.tuples(*[st.just("\\N") | cell for cell in CELLS]).map("\t".join), min_size=1, max_size=3))
def test_rows_are_the_same_however_they_are_read(records: list[str]) -> None:
    text = "".join(f"{record}\n" for record in records).encode()
    found: list[Any] = []
    for load in (tsv_parser._load_parser, lambda: None):  # pyright: ignore[reportPrivateUsage]
        with patch.object(tsv_parser, "_load_parser", load):
            source = TsvSource("unread.tsv", FORMS, header=False)
            try:
                found.append([tuple(map(repr, row)) for row in source.parse(text, 1)])
            except CellError as error:
                found.append(str(error))
    assert found[0] == found[1]


async def test_digits_that_would_be_cut_off_are_refused() -> None:
    fields = Fields(("t",), (datetime,))
    with pytest.raises(CellError, match="cannot read as datetime"):
        await all_rows(CsvSource(io.BytesIO(b"t\n2020-01-02T03:04:05.1234567\n"), fields).batches(None))
    rows = await all_rows(CsvSource(io.BytesIO(b"t\n2020-01-02T03:04:05.1234560\n"), fields).batches(None))
    assert rows == [(datetime(2020, 1, 2, 3, 4, 5, 123456),)]


async def test_windows_of_a_stream_are_chosen_and_it_is_closed() -> None:
    closed: list[bool] = []

    async def blocks() -> AsyncGenerator[bytes]:
        try:
            yield b"id\tname\n1\ta\n2\tb\n"
            yield b"3\tc\n"
        finally:
            closed.append(True)

    window = Window(datetime(2020, 1, 2), datetime(2020, 1, 3), "second")
    source = TsvSource(blocks(), FIELDS, select=lambda row, wanted: bool(row[0] == wanted.start.day))
    batches: Any = source.batches(window)
    assert await anext(batches) == [(2, "b")]
    await batches.aclose()
    assert closed == [True]


async def test_an_opened_file_is_closed_when_no_more_is_wanted(tmp_path: Path) -> None:
    path = tmp_path / "wares.csv"
    path.write_text("id,name\n" + "1,a\n" * 300_000)
    closed: list[bool] = []

    @contextmanager
    def opener() -> Generator[Any]:
        try:
            with path.open("rb") as raw:
                yield raw
        finally:
            closed.append(True)

    source = CsvSource(opener, FIELDS)
    parts = open_way(source, BOTH).parts()
    await anext(parts)
    await parts.aclose()
    assert closed == [True]


async def test_a_pattern_is_for_the_whole_cell() -> None:
    source = TsvSource(io.BytesIO(b"a\nab\nabc\n"), Fields(("a",), (str,)), header=False)
    sent = await send(open_way(source, [TextColumn("a|ab")]), source)
    assert [part.records for part in sent.texts] == [b"a\nab\n"]
    assert sent.rows == [("a",), ("ab",), ("abc",)]
