"""Reads tab-separated values by the package `tsv2py`, if it is installed, as far as it reads them as our converters do."""

from __future__ import annotations

import importlib
import io
from collections.abc import Callable, Sequence
from datetime import date
from functools import cache
from typing import Any
from uuid import UUID

from pysqlsync_engine.data.cell_code import Nulls, compile_converter
from pysqlsync_engine.data.cells import Convert, as_decimal, as_float, as_integer, as_truth
from pysqlsync_engine.session import Batch

ParseRecords = Callable[[bytes], Batch | None]
"""
Makes rows of records; `None` if there are some that the package would read otherwise. Raises `ValueError` for what it does not
understand, which our converters may.
"""

_ALWAYS: dict[Any, str] = {str: "s", as_truth: "z", date.fromisoformat: "d", UUID: "u"}
"""
Letters for types whose cells the package reads as our converters do, or refuses. It has others for dates and times, but takes
those in UTC for such without an offset.
"""

_NUMBERS: dict[Any, str] = {as_integer: "i", as_float: "f", as_decimal: "."}
"""Letters for types of which it also reads what is none to us: nothing for 0, and digits that are not ASCII."""

_TEXT, _NOTHING = "s", "_"


def compile_parser(converters: Sequence[Convert], positions: Sequence[int], width: int) -> ParseRecords | None:
    """
    :param positions: For each converter which cell of a record it converts.
    :param width: Cells of a record.
    :returns: Parser; `None` if the package is not installed, or two fields have the same cell.
    """
    parse_file = _load_parser()
    if parse_file is None or len(set(positions)) < len(positions):
        return None
    exact = _compile(_ALWAYS | _NUMBERS, converters, positions, width)
    careful = _compile(_ALWAYS, converters, positions, width)
    has_numbers = any(convert in _NUMBERS for convert in converters)

    def parse(records: bytes) -> Batch | None:
        if b"\\0" in records:
            return None
        letters, convert = careful if has_numbers and _is_doubtful(records) else exact
        try:
            rows: Batch = parse_file(letters, io.BytesIO(records))
        except SystemError as error:
            # it forgets to look for some errors
            raise ValueError("a cell cannot be read") from error
        return rows if convert is None else convert(rows)

    return parse


def _is_doubtful(records: bytes) -> bool:
    """:returns: True if there may be a number that is none to our converters."""
    if b"_" in records or not records.isascii():
        return True
    return any(empty in records for empty in (b"\t\t", b"\t\n", b"\n\t", b"\n\n")) or records[:1] in {b"\t", b"\n"}


def _compile(
    letters: dict[Any, str], converters: Sequence[Convert], positions: Sequence[int], width: int
) -> tuple[str, Callable[[Batch], Batch] | None]:
    """:returns: What the package is told of the cells, and what makes rows of its tuples; `None` if they are rows."""
    form = [_NOTHING] * width
    left: list[Convert] = []
    for position, convert in zip(positions, converters, strict=True):
        letter = letters.get(convert)
        form[position] = letter or _TEXT
        # what the package has converted stays as it is
        left.append(str if letter is not None else convert)
    if list(positions) == list(range(width)) and all(convert is str for convert in left):
        return "".join(form), None
    return "".join(form), compile_converter(left, positions, width, nulls=Nulls.NONE)


@cache
def _load_parser() -> Any:
    try:
        return importlib.import_module("tsv.parser").parse_file
    except ImportError:
        return None
