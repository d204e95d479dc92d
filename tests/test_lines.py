"""Lines of text that rows become by compiled code: whatever the values are, a reader of lines gets them back."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysqlsync_engine.data.codec import find_bad_cell
from pysqlsync_engine.data.hooks import Hook, integer_hook, text_hook
from pysqlsync_engine.data.lines import Spell, compile_line_encoder
from pysqlsync_engine.dialect.text_rows import find_compiled, find_line_sorter, find_line_speller
from pysqlsync_engine.session import Row

HOOKS = [integer_hook(8), text_hook(None), text_hook(20)]

SPELLERS = [None] if find_compiled() is None else [None, find_line_speller()]
"""To do without compiled code, and with it."""

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")) | st.text("\\\t\n\rNtn")

needs_code = pytest.mark.skipif(find_compiled() is None, reason="the package was installed without a compiler")

MEANINGS = {"\\\\": "\\", "\\t": "\t", "\\n": "\n"}


def read(cell: str) -> str | None:
    """:returns: What a cell means, read one character after another."""
    if cell == "\\N":
        return None
    text, position = "", 0
    while position < len(cell):
        size = 2 if cell[position] == "\\" else 1
        part = cell[position : position + size]
        text += MEANINGS[part] if size == 2 else part
        position += size
    return text


@pytest.mark.parametrize("spell", SPELLERS)
@given(
    rows=st.lists(
        st.tuples(
            st.none() | st.integers(-(2**63), 2**63 - 1),
            st.none() | TEXTS,
            st.none() | TEXTS.filter(lambda t: len(t) <= 20),
        )
    )
)
def test_what_is_read_from_lines_is_what_was_written(spell: Spell | None, rows: list[Row]) -> None:
    lines = compile_line_encoder(HOOKS, [False, True, True], spell)(rows).decode()
    assert lines.endswith("\n") or not rows
    records = [line.split("\t") for line in lines.split("\n")[:-1]]
    assert [tuple(map(read, record)) for record in records] == [
        (None if number is None else str(number), first, second) for number, first, second in rows
    ]


BAD: list[tuple[Row, str]] = [
    ((1, "a\0b", None), "NUL character cannot be stored as text"),
    ((1, "\0", None), "NUL character cannot be stored as text"),
    ((1, None, "x" * 21), "expected at most 20 characters; got 21"),
    ((1, None), "expected 3 values; got 2"),
    ((1, None, None, None), "expected 3 values; got 4"),
    ((1, None, 5), "cannot encode int as text"),
    ((1, "\ud800", None), "lone surrogate cannot be stored as text"),
]


@pytest.mark.parametrize("spell", SPELLERS)
@pytest.mark.parametrize(("row", "reason"), BAD)
def test_a_row_that_has_no_line_is_found_by_its_hooks(spell: Spell | None, row: Row, reason: str) -> None:
    rows = [(1, "a", "b"), row, (2, None, "\\")]
    with pytest.raises((TypeError, ValueError)):
        compile_line_encoder(HOOKS, [False, True, True], spell)(rows)
    cell = find_bad_cell(rows, HOOKS)
    assert cell is not None
    assert (cell.index, cell.reason) == (1, reason)


def test_only_rows_with_something_to_escape_are_spelled_twice() -> None:
    spelled: list[str] = []

    def encode(value: str) -> str:
        spelled.append(value)
        return value

    rows: list[Row] = [(None if number % 3 else f"text {number}",) for number in range(200)]
    rows[100:100] = [("a\tb",), ("\\N",), (None,), ("c\nd",)]
    lines = compile_line_encoder([Hook(encode)], [True], None)(rows).decode().split("\n")
    assert [read(line) for line in lines[:-1]] == [text for (text,) in rows]
    assert {text for text in spelled if spelled.count(text) > 1} == {"a\tb", "\\N", "c\nd"}


@needs_code
def test_numbers_are_spelled_as_python_does() -> None:
    spell = find_line_speller()
    assert spell is not None
    numbers = [0, -1, 7, 2**63 - 1, -(2**63), 2**63, 10**40, 0.1, 1e300, -0.0, True, Decimal("1.50")]
    assert spell([(number, number) for number in numbers], 2) == b"".join(f"{n}\t{n}\n".encode() for n in numbers)
    assert spell([], 3) == b""
    for rows in ([(1,)], [(1, 2, 3)], [[1, 2]], [None]):
        with pytest.raises(ValueError, match="expected 2 values"):
            spell(rows, 2)


@needs_code
@given(st.datetimes(), st.dates(), st.times())
def test_moments_are_spelled_as_python_does_without_their_offsets(moment: datetime, day: date, clock: time) -> None:
    spell = find_line_speller()
    assert spell is not None
    row = (moment, day, clock, moment.replace(tzinfo=UTC), clock.replace(tzinfo=UTC, fold=1), moment.replace(fold=1))
    printed = [moment.isoformat(" "), day.isoformat(), clock.isoformat()]
    assert spell([row], 6).decode() == "\t".join([*printed, printed[0], printed[2], printed[0]]) + "\n"


@needs_code
@given(st.binary(max_size=40), st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=5))
def test_bytes_stand_for_themselves(value: bytes, text: str) -> None:
    spell = find_line_speller()
    assert spell is not None
    escapes = {b"\\": b"\\\\", b"\t": b"\\t", b"\n": b"\\n", b"\0": b"\\0"}
    cells = [b"".join(escapes.get(byte, byte) for byte in (given[at : at + 1] for at in range(len(given)))) for given in (value, text.encode())]  # fmt: skip
    assert spell([(value, text)], 2) == cells[0] + b"\t" + cells[1] + b"\n"


CELLS = st.binary(max_size=12).map(lambda cell: cell.translate(None, b"\t\n"))


@needs_code
@given(st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=30), st.integers(0, 2), st.integers(-1, 10**12))
def test_lines_are_put_in_the_order_of_a_cell(rows: list[tuple[bytes, ...]], cell: int, first: int) -> None:
    sort = find_line_sorter()
    lines = [b"\t".join(row) + b"\n" for row in rows]
    places = sorted(range(len(rows)), key=lambda place: padded(rows[place][cell]))
    expected = [(b"" if first < 0 else b"%d\t" % (first + place)) + lines[place] for place in places]
    middle = len(lines) // 2
    assert sort([b"".join(lines[:middle]), b"".join(lines[middle:])], cell, first) == b"".join(expected)


def padded(cell: bytes) -> tuple[bytes, bytes]:
    """:returns: What cells are compared by: first eight bytes, and then all of them."""
    return cell[:8].ljust(8, b"\0"), cell


@needs_code
def test_lines_that_are_none_are_not_sorted() -> None:
    sort = find_line_sorter()
    assert sort([], 0, 1) == sort([b""], 0, 1) == b""
    assert sort([b"b\na\n", b"\n"], 3, 1) == b"1\tb\n2\ta\n3\t\n"
    for text, cell, reason in ((b"a\nb", 0, "whole lines"), (b"a\n", -1, "position")):
        with pytest.raises(ValueError, match=reason):
            sort([text], cell, 1)
