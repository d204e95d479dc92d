"""Lines of text that rows become by compiled code: whatever the values are, a reader of lines gets them back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysqlsync_engine.data.codec import find_bad_cell
from pysqlsync_engine.data.hooks import Hook, integer_hook, text_hook
from pysqlsync_engine.data.lines import compile_line_encoder
from pysqlsync_engine.session import Row

HOOKS = [integer_hook(8), text_hook(None), text_hook(20)]

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")) | st.text("\\\t\n\rNtn")

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


@given(
    st.lists(
        st.tuples(
            st.none() | st.integers(-(2**63), 2**63 - 1),
            st.none() | TEXTS,
            st.none() | TEXTS.filter(lambda t: len(t) <= 20),
        )
    )
)
def test_what_is_read_from_lines_is_what_was_written(rows: list[Row]) -> None:
    lines = compile_line_encoder(HOOKS, [False, True, True])(rows)
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
]


@pytest.mark.parametrize(("row", "reason"), BAD)
def test_a_row_that_has_no_line_is_found_by_its_hooks(row: Row, reason: str) -> None:
    rows = [(1, "a", "b"), row, (2, None, "\\")]
    with pytest.raises((TypeError, ValueError)):
        compile_line_encoder(HOOKS, [False, True, True])(rows)
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
    lines = compile_line_encoder([Hook(encode)], [True])(rows).split("\n")
    assert [read(line) for line in lines[:-1]] == [text for (text,) in rows]
    assert {text for text in spelled if spelled.count(text) > 1} == {"a\tb", "\\N", "c\nd"}
