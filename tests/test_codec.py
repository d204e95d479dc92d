"""Encoders compiled for the fields of a row, and batches bounded by bytes."""

from __future__ import annotations

import traceback
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysqlsync_engine.data.batches import (
    BLOCK_ROWS,
    MAX_BATCH_BYTES,
    MAX_BATCH_ROWS,
    bounded,
    estimate_bytes,
    into_batches,
    joined,
    object_rows,
)
from pysqlsync_engine.data.codec import (
    MAX_SHOWN_CHARACTERS,
    compile_encoder,
    compile_numbered_encoder,
    find_bad_cell,
    shorten,
)
from pysqlsync_engine.data.hooks import Hook, integer_hook, text_hook, uuid_hook
from pysqlsync_engine.data.parts import EncodedBatch, Run
from pysqlsync_engine.data.sources import BadRecord, Batches
from pysqlsync_engine.session import Row

HOOKS: list[Hook | None] = [Hook(str), None, integer_hook(4), text_hook(3), uuid_hook()]


async def gather(batches: Batches) -> list[Sequence[Row]]:
    return [batch async for batch in bounded(batches) if not isinstance(batch, BadRecord)]


@given(st.lists(st.tuples(*[st.none() | st.integers(0, 9)] * 3)))
def test_an_encoder_does_to_each_value_what_its_hook_does(rows: list[Row]) -> None:
    hooks: list[Hook | None] = [Hook(str), None, integer_hook(4)]
    expected = [(None if a is None else str(a), b, c) for a, b, c in rows]
    encode = compile_encoder(hooks)
    assert encode is not None
    assert list(encode(rows)) == expected
    numbered = compile_numbered_encoder(hooks)(rows, 100)
    assert list(numbered) == [(100 + index, *row) for index, row in enumerate(expected)]


def test_no_encoder_is_needed_where_every_value_passes() -> None:
    assert compile_encoder([None, text_hook(None)]) is None


def test_one_field_makes_tuples_of_one_value() -> None:
    encode = compile_encoder([Hook(str)])
    assert encode is not None
    assert encode([(1,), (None,)]) == [("1",), (None,)]


def test_a_traceback_shows_the_compiled_line() -> None:
    encode = compile_encoder([Hook(int)])
    assert encode is not None
    with pytest.raises(ValueError) as caught:
        encode([("x",)])
    assert "None if v0 is None else encode_0(v0)" in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("row", "field", "reason"),
    [
        (("a", 1, 5, "abcd", None), 3, "expected at most 3 characters; got 4"),
        (("a", 1, True, "abcd", None), 2, "cannot encode bool as integer"),
        (("a", 1, 5, "abc", "x"), 4, "cannot encode str as uuid"),
        (("a", 1), None, "expected 5 values; got 2"),
        ("abcde", None, "expected a tuple; got str"),
        (7, None, "expected a tuple; got int"),
    ],
)
def test_the_first_bad_cell_is_found(row: Any, field: int | None, reason: str) -> None:
    good: Row = ("a", object(), 5, "abc", None)
    cell = find_bad_cell([good, row, row], HOOKS)
    assert cell is not None
    assert (cell.index, cell.field, cell.reason) == (1, field, reason)
    assert find_bad_cell([good, good], HOOKS) is None


class Hostile:
    def __repr__(self) -> str:
        raise RuntimeError("no")


LONG: list[Any] = ["x" * 10**7, b"x" * 10**7, 10**5000, [1] * 10**5, Hostile(), {"a": "b" * 1000}]


@pytest.mark.parametrize("index", range(len(LONG)))
def test_shown_values_are_short_whatever_they_are(index: int) -> None:
    assert 0 < len(shorten(LONG[index])) <= MAX_SHOWN_CHARACTERS


async def test_batches_are_bounded_by_bytes_and_by_rows() -> None:
    wide = [("x" * 10_000,)] * 3000
    batches = await gather([wide])
    assert [row for batch in batches for row in batch] == wide
    assert len(batches) > 3
    assert all(estimate_bytes(batch) <= 2 * MAX_BATCH_BYTES for batch in batches)
    narrow = [(1,)] * (2 * BLOCK_ROWS + 1)
    assert [len(batch) for batch in await gather(into_batches(iter(narrow)))] == [BLOCK_ROWS, BLOCK_ROWS, 1]


@pytest.mark.parametrize(
    ("row", "most"),
    [((7,), MAX_BATCH_ROWS), (("x" * 1000,), MAX_BATCH_BYTES // 1000)],
    ids=["by rows", "by bytes"],
)
async def test_statements_grow_with_the_stream(row: Row, most: int) -> None:
    async def parts() -> AsyncIterator[EncodedBatch]:
        first = 1
        async for batch in bounded([[row] * (8 * most)]):
            assert not isinstance(batch, BadRecord)
            yield EncodedBatch([Run(batch, first)], lambda rows, _first: rows)
            first += len(batch)

    sizes = [len(part) for part in [part async for part in joined(parts())] if isinstance(part, EncodedBatch)]
    assert sum(sizes) == 8 * most
    for number, share in enumerate((8, 4, 2, 1, 1)):
        assert sizes[number] == pytest.approx(most / share, rel=0.5)


async def test_small_batches_are_joined_in_order() -> None:
    async def batches() -> AsyncIterator[list[Row]]:
        for number in range(1000):
            yield [(number,)]
            yield []

    (batch,) = await gather(batches())
    assert batch == [(number,) for number in range(1000)]
    assert await gather([]) == []


@dataclass
class Point:
    x: int
    y: int


async def test_objects_become_rows_of_the_chosen_attributes() -> None:
    async def points() -> AsyncIterator[Point]:
        for number in range(300):
            yield Point(number, -number)

    (batch,) = await gather(object_rows(points(), ["y", "x"]))
    assert batch == [(-number, number) for number in range(300)]
    assert await gather(object_rows([Point(1, 2)], ["y"])) == [[(2,)]]
