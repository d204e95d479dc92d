"""Rows of binary COPY made of text, without a server: what is written is what the parser reads, and all else is left to it."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from ipaddress import ip_address
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pysqlsync_engine.capabilities import ServerVersion
from pysqlsync_engine.data.csv import CsvSource
from pysqlsync_engine.data.delimited import DelimitedSource
from pysqlsync_engine.data.guard import is_decodable
from pysqlsync_engine.data.sources import Fields
from pysqlsync_engine.data.target import LoadTarget
from pysqlsync_engine.data.tsv import TsvSource
from pysqlsync_engine.dialect.postgresql.capabilities import features_of
from pysqlsync_engine.dialect.postgresql.text_binary import choose_cells
from pysqlsync_engine.dialect.postgresql.text_rules import text_rules
from pysqlsync_engine.dialect.postgresql.transfer import make_transfer
from pysqlsync_engine.dialect.text_rows import CellForm, CellKind, TextRows, find_compiled, make_rows
from pysqlsync_engine.errors import LoadError
from pysqlsync_engine.model.data_types import (
    SqlBoolean,
    SqlCharacter,
    SqlDate,
    SqlDecimal,
    SqlFloat,
    SqlInteger,
    SqlJson,
    SqlNetworkAddress,
    SqlTime,
    SqlTimestamp,
    SqlType,
    SqlUuid,
)
from tests.exact_values import CASES, has_offset, is_same
from tests.source_samples import target_of


def test_the_code_is_compiled(request: pytest.FixtureRequest) -> None:
    if find_compiled() is None and not request.config.getoption("--require-servers"):
        pytest.skip("no compiler was there when the package was installed")
    assert find_compiled() is not None


needs_code = pytest.mark.skipif(find_compiled() is None, reason="the package was installed without a compiler")

EPOCH = datetime(2000, 1, 1)


def _number(form: str) -> Callable[[bytes], Any]:
    return lambda raw: struct.unpack(f">{form}", raw)[0]


def _after(raw: bytes) -> datetime:
    return EPOCH + timedelta(microseconds=_number("q")(raw))


def _address(raw: bytes) -> Any:
    assert (raw[0], raw[1], raw[2], raw[3]) in {(2, 32, 0, 4), (3, 128, 0, 16)}
    return ip_address(raw[4:])


def _decimal(raw: bytes) -> Decimal:
    count, weight, sign, scale, *digits = struct.unpack(f">{len(raw) // 2}h", raw)
    assert count == len(digits)
    assert all(0 <= digit < 10_000 for digit in digits)
    value = sum((Decimal(digit).scaleb(4 * (weight - place)) for place, digit in enumerate(digits)), Decimal(0))
    # what the server would cut off is not there
    assert value == round(value, scale)
    assert sign in {0, 0x4000}
    return (-value if sign else value).quantize(Decimal(1).scaleb(-scale))


READERS: dict[str, tuple[SqlType, str, Callable[[bytes], Any]]] = {
    "bool": (SqlBoolean(), "bool", _number("?")),
    "int16": (SqlInteger(2), "int2", _number("h")),
    "int32": (SqlInteger(4), "int4", _number("i")),
    "int64": (SqlInteger(8), "int8", _number("q")),
    "float64": (SqlFloat(8), "float8", _number("d")),
    "float32": (SqlFloat(4), "float4", _number("f")),
    "decimal": (SqlDecimal(10, 3), "numeric", _decimal),
    "text": (SqlCharacter(), "text", bytes.decode),
    "varchar": (SqlCharacter(5), "varchar", bytes.decode),
    "date": (SqlDate(), "date", lambda raw: date(2000, 1, 1) + timedelta(_number("i")(raw))),
    "time": (SqlTime(), "time", lambda raw: _after(raw).time()),
    "datetime": (SqlTimestamp(), "timestamp", _after),
    "milliseconds": (SqlTimestamp(3), "timestamp", _after),
    "moment": (SqlTimestamp(with_time_zone=True), "timestamptz", _after),
    "uuid": (SqlUuid(), "uuid", lambda raw: UUID(bytes=raw)),
    "ipv4": (SqlNetworkAddress(4), "inet", _address),
    "ipv6": (SqlNetworkAddress(6), "inet", _address),
    "json": (SqlJson(binary=True), "jsonb", lambda raw: raw.removeprefix(b"\1").decode()),
}
"""By name of a case the type of a column, its name on the server, and what reads a value."""


def cells_of(source: DelimitedSource, types: Sequence[SqlType]) -> dict[str, CellForm | None]:
    """:returns: How cells are read for columns of PostgreSQL."""
    target: LoadTarget = target_of(source, types)
    transfers = [make_transfer(target, position) for position in range(len(types))]
    return choose_cells(
        target, transfers, text_rules(target, features_of(ServerVersion("PostgreSQL", 15)), strict=False)
    )


def rows_for(source: DelimitedSource, types: Sequence[SqlType]) -> TextRows:
    """:returns: What makes rows of the text of a source."""
    layout = [None if name is None else source.fields.names.index(name) for name in source.layout()]
    rows = make_rows(source.form, layout, cells_of(source, types))
    assert rows is not None
    return rows


def read_rows(written: bytes, width: int) -> list[list[bytes | None]]:
    """:returns: The fields of the rows."""
    rows: list[list[bytes | None]] = []
    stream = io.BytesIO(written)
    while head := stream.read(2):
        assert int.from_bytes(head) == width
        row: list[bytes | None] = []
        for _ in range(width):
            size = int.from_bytes(stream.read(4), signed=True)
            row.append(None if size < 0 else stream.read(size))
        rows.append(row)
    return rows


# fmt: off
OTHER = [
    b"", b"\\N", b"0", b"-0", b"+7", b"1e5", b"1.", b".5", b"00.50", b"1_0", b" 1", b"1 ", b"nan", b"Infinity", b"0x1F", b"9" * 19, b"-" + b"9" * 30,
    b"1.7976931348623157e308", b"123456789.123456789e-20", b"1e99", b"1e-99", b"123456789012345e10", b"3.4e38", b"1e400", b"0." + b"3" * 15,
    b"2024-02-30", b"2023-02-29", b"1900-02-29", b"2000-02-29", b"0000-01-01", b"0001-01-01", b"9999-12-31", b"2024-1-1", b"20240101", b"today",
    b"2024-01-01T24:00:00", b"2024-01-01 10:00", b"2024-01-01T10", b"2024-01-01 10:00:60", b"2024-01-01 10:00:00.1234567", b"2024-01-01 10:00:00.",
    b"2024-01-01 10:00Z", b"2024-01-01 10:00:00+14:59", b"2024-01-01 10:00:00+15", b"2024-01-01 10:00:00-0330", b"2024-01-01 10:00:00+05:30:15",
    b"10:00", b"10:00:00.5", b"24:00", b"1.2.3.4", b"1.2.3", b"01.2.3.4", b"1.2.3.4/24", b"256.1.1.1", b"::", b"::1", b"1::2::3", b"::ffff:1.2.3.4", b"fe80::1%eth0",
    b"{0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0}", b"0F1E2D3C4B5A69788796A5B4C3D2E1F0", b"0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1fg", b"0f1e2d3c4b5a-6978-8796-a5b4c3d2e1f00", b"-" * 36,
    b"true", b"t", b"T", b"yes", b"on", b"2", b"\xff", "\u00e9".encode(), b"\\\\", b"\\t", b"\\q", b"\\", b"{}", b"\r", b"\0",
]
# fmt: on
"""Cells that some type takes, or nearly takes."""


def spelled(name: str) -> st.SearchStrategy[bytes]:
    """:returns: Cells, most of them with a value of the case, or nearly so."""
    case = CASES[name]
    spell = case.text or str
    good = case.values.map(lambda value: spell(value).encode(errors="surrogatepass"))
    other = st.sampled_from(OTHER)
    mixed = st.tuples(good, st.integers(0, 40), st.sampled_from([b"", b"0", b"-", b":", b".", b" ", b"e", b"\x80"]))
    return good | other | mixed.map(lambda each: each[0][: each[1]] + each[2] + each[0][each[1] + 1 :])


def as_tsv(cells: Sequence[bytes], fields: Fields) -> DelimitedSource:
    return TsvSource(io.BytesIO(b"".join(cell + b"\n" for cell in cells)), fields, header=False)


def as_csv(cells: Sequence[bytes], fields: Fields) -> DelimitedSource:
    return CsvSource(
        io.BytesIO(b"".join(cell + b"\n" for cell in cells)), fields, header=False, documents=True, null=("\\N",)
    )


@needs_code
@pytest.mark.parametrize("make", [as_tsv, as_csv])
@pytest.mark.parametrize("name", READERS)
def test_what_is_written_is_what_the_parser_reads(
    name: str, make: Callable[[Sequence[bytes], Fields], DelimitedSource]
) -> None:
    data_type, type_name, read = READERS[name]
    fields = Fields(("value",), (CASES[name].annotation | None,))

    @settings(max_examples=200, deadline=None)
    @given(
        st.lists(
            spelled(name) | spelled(name).map(lambda cell: b'"' + cell.replace(b'"', b'""') + b'"'),
            min_size=1,
            max_size=8,
        )
    )
    def check(cells: list[bytes]) -> None:
        source = make(cells, fields)
        records = b"".join(cell + b"\n" for cell in cells)
        rows = rows_for(source, [data_type])
        form = cells_of(source, [data_type])["value"]
        assert form is not None
        assert type_name in form.types
        end = 0
        for span in rows.split(records):
            assert span.start == end
            end = span.end
            if span.is_good:
                assert span.written is not None
                try:
                    parsed = source.parse(records[span.start : span.end], 1)
                except LoadError:
                    # text that is no UTF-8, or no document, is left for the server to refuse
                    assert name == "json" or (name in {"text", "varchar"} and not is_decodable(records))
                    continue
                values = [None if field is None else read(field) for (field,) in read_rows(span.written, 1)]
                assert span.rows == len(values) == len(parsed)
                for value, (expected,) in zip(values, parsed, strict=True):
                    assert (value is None) == (expected is None)
                    assert value is None or name == "json" or is_same(value, CASES[name].shown(expected))
        assert end == len(records)

    check()


@needs_code
@pytest.mark.parametrize("name", [name for name in READERS if CASES[name].text is not None])
def test_values_as_they_are_usually_spelled_are_written(name: str) -> None:
    data_type, _, read = READERS[name]
    case = CASES[name]
    spell = case.text or str
    fields = Fields(("value",), (case.annotation | None,))

    def is_usual(value: Any) -> bool:
        if name == "moment":
            return has_offset(value) and 1000 <= value.year <= 9899
        return bool(case.fits(value))

    @settings(max_examples=200, deadline=None)
    @given(case.values.filter(is_usual))
    def check(value: Any) -> None:
        record = spell(value).replace("\\", "\\\\").encode() + b"\n"
        (span,) = rows_for(as_tsv([record[:-1]], fields), [data_type]).split(record)
        assert span.is_good
        ((field,),) = read_rows(span.written or b"", 1)
        assert field is not None
        assert is_same(read(field), spell(value) if name == "json" else case.shown(value))

    check()


THREE = Fields(("a", "b", "c"), (int, str | None, str))
TYPES = (SqlInteger(4), SqlCharacter(), SqlCharacter())


def three(text: bytes, make: type[TsvSource] | type[CsvSource] = TsvSource) -> TextRows:
    return rows_for(make(io.BytesIO(text), THREE, header=False), TYPES)


@needs_code
def test_records_that_are_not_exact_are_left_between_those_that_are() -> None:
    text = b"1\tx\ty\n2\t\\N\t\\\\\nthree\tx\ty\n4\tx\n5\tx\ty\tz\n6\tx\t\\q\n7\t\ta\\tb\n"
    good, bad, last = three(text).split(text)
    assert [(span.is_good, span.rows) for span in (good, bad, last)] == [(True, 2), (False, 4), (True, 1)]
    assert read_rows(good.written or b"", 3) == [[b"\0\0\0\1", b"x", b"y"], [b"\0\0\0\2", None, b"\\"]]
    assert read_rows(last.written or b"", 3) == [[b"\0\0\0\7", b"", b"a\tb"]]
    assert text[bad.start : bad.end].startswith(b"three")
    assert text[bad.start : bad.end].endswith(b"\\q\n")


@needs_code
def test_cells_in_quotes_may_hold_anything() -> None:
    text = b'1,"a, ""b""\nc",d\n2,,"e"\n3,"",f\n4,g"h,i\n5,"j"k,l\n\n6,"m",n\n'
    spans = three(text, CsvSource).split(text)
    assert [(span.is_good, span.rows) for span in spans] == [(True, 2), (False, 4), (True, 1)]
    assert read_rows(spans[0].written or b"", 3) == [
        [b"\0\0\0\1", b'a, "b"\nc', b"d"],
        [b"\0\0\0\2", None, b"e"],
    ]


@needs_code
def test_the_cell_at_fault_is_told() -> None:
    rows = three(b"")
    assert rows.find_cell(b"1\tx\ty\n") is None
    assert rows.find_cell(b"9999999999\tx\ty\n") == (0, b"9999999999")
    assert rows.find_cell(b"1\tx\ty\\q\n") == (2, b"y\\q")
    assert rows.find_cell(b"1\tx\n") == (1, b"x")


@needs_code
def test_very_many_records_that_are_not_exact_are_left_with_what_is_around_them() -> None:
    text = b"".join(b"%d\tx\ty\nx\tx\ty\n" % number for number in range(1000))
    spans = three(text).split(text)
    assert sum(span.rows for span in spans) == 2000
    assert spans[-1].end == len(text)
    assert len(spans) < 100


@needs_code
def test_cells_that_are_left_out_have_to_be_text_all_the_same() -> None:
    source = CsvSource(io.BytesIO(b"a,x,b,c\n"), THREE)
    list(source.chunks(None) or ())  # type: ignore[arg-type]
    rows = rows_for(source, TYPES)
    (span,) = rows.split(b'1,"any, thing",x,y\n')
    assert read_rows(span.written or b"", 3) == [[b"\0\0\0\1", b"x", b"y"]]
    assert [span.is_good for span in rows.split(b"1,\xff,x,y\n2,z,x,y\n")] == [False]


@needs_code
@pytest.mark.parametrize(
    "fields",
    [
        (),
        ((0, True, -1, -1, -1, -1),),
        ((99, True, -1, -1, -1, -1, ()),),
        ((2, True, 9, -1, -1, -1, ()),),
        ("x",),
        ((0, True, -1, -1, -1, -1, ("text",)),),
    ],
)
def test_fields_that_make_no_sense_are_refused(fields: Any) -> None:
    compiled = find_compiled()
    assert compiled is not None
    with pytest.raises((TypeError, ValueError)):
        compiled.RowWriter(fields, b"\t", b"", b"\\N")


@needs_code
def test_positions_outside_of_the_text_are_refused() -> None:
    compiled = find_compiled()
    assert compiled is not None
    writer: Any = compiled.RowWriter(((int(CellKind.TEXT), True, -1, -1, -1, -1, ()),), b"\t", b"", b"\\N")
    assert writer.write(b"a\n", 2) == (b"", 0, 2, -1, 2)
    # without its line feed it is no record
    assert writer.write(b"a\nb", 0) == (b"\0\1\0\0\0\1a", 1, 2, 0, 2)
    for start in (-1, 3):
        with pytest.raises(ValueError, match="position"):
            writer.write(b"a\n", start)
