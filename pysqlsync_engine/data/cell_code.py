"""Makes rows of the cells of records by code that is compiled for the columns of a file."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, time
from decimal import Decimal
from typing import Any

from pysqlsync_engine.data.cells import (
    TRUTH,
    Convert,
    LabelConverter,
    as_datetime,
    as_decimal,
    as_float,
    as_integer,
    as_time,
    as_truth,
)
from pysqlsync_engine.data.codec import compile_text
from pysqlsync_engine.session import Batch

ConvertRecords = Callable[[Iterable[Sequence[Any]]], Batch]
"""
Makes rows of records, each a sequence of cells; raises whatever a converter raises, and `ValueError` for a record of another
width. Empty records are left out.
"""

CONVERT_ERRORS = (ValueError, ArithmeticError, LookupError)
"""What compiled code raises for a cell that it does not understand; the converters then tell which one, or understand it."""


class Nulls(enum.Enum):
    """How records tell NULL."""

    NONE = "{v} is None"
    SPELLED = "{v} == {null}"
    SEVERAL = "{v} in {null}"


_PLAIN: dict[Convert, str] = {as_integer: "int({v})", as_float: "float({v})", as_decimal: "Decimal({v})"}
"""Expressions for numbers, for text without characters that only Python permits in one."""

_EXPRESSIONS: dict[Convert, str] = {
    str: "{v}",
    as_truth: "TRUTH[{v}]",
    # too short for more digits of a second than Python reads
    as_datetime: "from_iso({v}) if len({v}) < 23 else {convert}({v})",
    as_time: "time_from_iso({v}) if len({v}) < 14 else {convert}({v})",
}

_NAMES: dict[str, Any] = {
    "Decimal": Decimal,
    "from_iso": datetime.fromisoformat,
    "time_from_iso": time.fromisoformat,
    "TRUTH": {form: value for text, value in TRUTH.items() for form in (text, text.upper(), text.title())},
}


def compile_converter(
    converters: Sequence[Convert],
    positions: Sequence[int],
    width: int,
    *,
    nulls: Nulls,
    null: object = None,
    unescape: Convert | None = None,
    is_plain: bool = False,
) -> ConvertRecords:
    """
    :param positions: For each converter which cell of a record it converts.
    :param width: Cells of a record.
    :param null: Spelling of NULL, or several.
    :param unescape: What makes text of cells that have a backslash.
    :param is_plain: True for cells in which there is no underscore, and nothing but ASCII.
    """
    names: dict[str, Any] = {**_NAMES, "null": null, "unescape": unescape}
    test = nulls.value.replace("{null}", "null")
    values: list[str] = []
    for position, convert in zip(positions, converters, strict=True):
        v = f"c{position}"
        expression = _expression(convert, is_plain=is_plain, escaped=unescape is not None)
        names[f"convert{len(values)}"] = convert
        if isinstance(convert, LabelConverter):
            names[f"members{len(values)}"] = convert.members
        inner = expression.format(v=v, convert=f"convert{len(values)}", members=f"members{len(values)}")
        values.append(f"None if {test.format(v=v)} else {inner}")
    cells = "".join(f"c{position}, " for position in range(width))
    source = (
        "def convert(records):\n"
        f"    return [({''.join(f'{value}, ' for value in values)}) for record in records if record for {cells}in (record,)]\n"
    )
    return compile_text(source, "convert", names)


def _expression(convert: Convert, *, is_plain: bool, escaped: bool) -> str:
    if isinstance(convert, LabelConverter):
        return "{members}[{v}]"
    known = (_PLAIN if is_plain else {}).get(convert) or _EXPRESSIONS.get(convert)
    if convert in _PLAIN or (known is not None and (convert is not str or not escaped)):
        return known or "{convert}({v})"
    text = "({v} if '\\\\' not in {v} else unescape({v}))" if escaped else "{v}"
    return text if convert is str else "{convert}(" + text + ")"
