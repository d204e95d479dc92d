"""The way of text: what the guard lets through is what the parser would have read, and all else is parsed."""

from __future__ import annotations

import io
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pysqlsync_engine.data.csv import CellError, CsvSource
from pysqlsync_engine.data.load_options import OnError
from pysqlsync_engine.data.sources import BadRecord, Fields
from pysqlsync_engine.data.text import TextColumn
from pysqlsync_engine.data.tsv import TsvSource
from tests.source_samples import ANY_TEXT, INTEGER, all_rows, open_way, send

FIELDS = Fields(("a", "b", "c"), (int, str, str))
COLUMNS = (INTEGER, TextColumn(max_bytes=4), ANY_TEXT)

NUMBER = st.sampled_from([b"1", b"-22", b"007", b"x", b"1_0", b" 3", b"", b"99999999999"])
PIECE = st.sampled_from([b"a", b"xyz", b" ", b'"', b'""', b",", b"\t", b"\n", b"\r", b"\r\n", b"\0", b"\\"]) | st.sampled_from(
    [b"\\N", b"\\.", b"\\t", b"\\n", b"\\\\", b"\\0", b"\\q", b"\xff", "é€".encode(), "\ud800".encode(errors="surrogatepass"), b"NA"]
)  # fmt: skip
CELL = st.lists(PIECE, max_size=4).map(b"".join)


def joined(delimiter: bytes) -> st.SearchStrategy[bytes]:
    tidy = st.sampled_from([b"a", b"bc", b"", b"\\N", b"NA", '"é"'.encode(), b'"a""b"', b'"a\nb"', b"\\n", b"\\\\N"])
    record = st.tuples(NUMBER | st.just(b"5"), tidy | CELL, tidy | CELL).map(delimiter.join)
    return st.lists(record | CELL, max_size=8).map(b"\n".join) | st.lists(record, max_size=8).map(b"\r\n".join)


async def rows_or_error(items: Any) -> Any:
    try:
        return await all_rows(items)
    except CellError as error:
        return str(error)


async def check(make: Any) -> None:
    """What comes out of both ways is the same, strictly and leniently."""
    expected = await rows_or_error(make().batches(None))
    source = make()
    way = open_way(source, COLUMNS)
    try:
        sent = await send(way, source)
    except CellError:
        # either found on the way, or left for the server to refuse
        assert isinstance(expected, str)
    else:
        assert sent.rows == expected
    found = await all_rows(make().lenient_batches(None))
    source = make()
    sent = await send(open_way(source, COLUMNS, on_error=OnError.QUARANTINE), source)
    assert sent.rows == [row for row in found if not isinstance(row, BadRecord)]
    assert sent.rejects == [number for number, row in enumerate(found, start=1) if isinstance(row, BadRecord)]
    if not isinstance(expected, str):
        assert found == expected


@settings(max_examples=500, deadline=None)
@given(st.lists(st.text(st.sampled_from("aé€😀\\"), max_size=7), max_size=5), st.sampled_from([None, "[^q\t\n\\\\]*"]))
async def test_cells_are_measured_in_characters(cells: list[str], pattern: str | None) -> None:
    text = "".join(f"{cell}\n" for cell in cells if "\\" not in cell or pattern is None).encode()
    source = TsvSource(io.BytesIO(text), Fields(("a",), (str,)), header=False)
    way = open_way(source, [TextColumn(pattern, max_characters=3)], on_error=OnError.QUARANTINE)
    sent = await send(way, source)
    passed = [line for part in sent.texts for line in part.records.decode().splitlines()]
    # with a backslash of its own in it, each escape is looked at by the parser
    is_odd = "\\" in text.decode().replace("\\\\", "")
    assert passed == [line for line in text.decode().splitlines() if len(line) <= 3 and not (is_odd and "\\" in line)]


@settings(max_examples=500, deadline=None)
@given(joined(b"\t"))
async def test_tab_separated_text_is_sent_as_the_parser_reads_it(text: bytes) -> None:
    await check(lambda: TsvSource(io.BytesIO(text), FIELDS, header=False))


@settings(max_examples=500, deadline=None)
@given(joined(b","), st.sampled_from(["", "NA", "\\N"]))
async def test_comma_separated_text_is_sent_as_the_parser_reads_it(text: bytes, null: str) -> None:
    await check(lambda: CsvSource(io.BytesIO(text), FIELDS, header=False, null=[null]))


async def test_a_quote_in_quotes_is_sent_as_text_whatever_is_around_it() -> None:
    for other in (b"", b'a"b\n'):
        source = CsvSource(io.BytesIO(b'""""\n' + other), Fields(("a",), (str,)), header=False, null=[""])
        sent = await send(open_way(source, [ANY_TEXT]), source)
        assert [part.records for part in sent.texts] == [b'""""\n']
        assert sent.rows == [('"',), ('a"b',)][: 1 + bool(other)]
