"""Columns of Apache Arrow as text that a server stores exactly, written by the library itself."""

from __future__ import annotations

import importlib
import re
from collections.abc import Sequence
from typing import Any

from pysqlsync_engine.data.arrow_columns import (
    PART_ROWS,
    ColumnFitter,
    Fit,
    FittedColumn,
    Kind,
    NotExactError,
    bytes_of,
)
from pysqlsync_engine.data.text import ANY_TYPES, TextColumn, TextRules

QUOTE_MARK = b"\1"
"""What stands for a quote meanwhile, which the library would not write as it is."""

ESCAPED = (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r"), ('"', QUOTE_MARK.decode()))
"""Characters that text has a spelling for, the backslash first."""

MAX_EXACT_SCALE = 6
"""Digits after the point up to which small numbers are written without an exponent."""

_FRACTIONS = {"us": ".000006", "ms": ".006", "s": ""}


class ColumnText:
    """Writes tab-separated values; see `ColumnWriter`."""

    types = ANY_TYPES

    def __init__(self, fitter: ColumnFitter, rules: TextRules) -> None:
        """Choose how each column is spelled."""
        self._arrow = importlib.import_module("pyarrow")
        self._compute = importlib.import_module("pyarrow.compute")
        self._csv = importlib.import_module("pyarrow.csv")
        self._names = [str(position) for position in range(len(fitter.columns))]
        self._options = self._csv.WriteOptions(
            include_header=False, delimiter="\t", quoting_style="none", batch_size=PART_ROWS
        )
        self.obstacle = fitter.obstacle
        """Why no text can be written; `None` if it can."""
        self._writers: list[tuple[Fit, Fit]] = []
        if self.obstacle is not None:
            return
        for position, (column, rule) in enumerate(zip(fitter.columns, rules.columns, strict=True)):
            spell = None if rule is None else self._spelling(column, rule)
            if spell is None:
                self.obstacle = (
                    f"column {fitter.names[position]!r}: the server reads no spelling that files have for it"
                )
                return
            self._writers.append((column.fit, spell))

    def write(self, batch: Any) -> bytes:
        try:
            columns = [
                self._with_null(spell(fit(array)))
                for (fit, spell), array in zip(self._writers, batch.columns, strict=True)
            ]
            sink = self._arrow.BufferOutputStream()
            self._csv.write_csv(self._arrow.RecordBatch.from_arrays(columns, self._names), sink, self._options)
        except (self._arrow.ArrowInvalid, self._arrow.ArrowCapacityError) as error:
            # a conversion that would lose something, text that the writer would have to quote, or more than two gigabytes
            raise NotExactError from error
        text: bytes = sink.getvalue().to_pybytes()
        return text.replace(QUOTE_MARK, b'"') if QUOTE_MARK in text else text

    def _with_null(self, array: Any) -> Any:
        """:returns: Values of any type for which the library itself has the text; NULL is text."""
        return self._as_string(array).fill_null("\\N") if array.null_count else array

    def _as_string(self, array: Any) -> Any:
        return array.cast(self._arrow.string())

    def _spelling(self, column: FittedColumn, rule: TextColumn) -> Fit | None:
        """:returns: What makes something of an array that is written as the server reads it; `None` if there is nothing."""
        match column.kind:
            case Kind.NOTHING:
                return self._as_string
            case Kind.FLOAT:
                # with all digits that tell numbers apart
                return lambda array: array.cast(self._arrow.float64())
            case Kind.BOOLEAN:
                return self._truth(rule)
            case Kind.MOMENT:
                return self._moment(column, rule)
            case Kind.TEXT:
                return self._escaped
            case Kind.DECIMAL if column.scale > MAX_EXACT_SCALE and rule.pattern is not None:
                return None
            case Kind.INTEGER | Kind.DECIMAL | Kind.DAY | Kind.CLOCK:
                return lambda array: array

    def _truth(self, rule: TextColumn) -> Fit | None:
        pairs = (("1", "0"), ("t", "f"), ("true", "false"))
        fitting = [pair for pair in pairs if rule.pattern is None or all(re.fullmatch(rule.pattern, t) for t in pair)]
        return (lambda array: self._compute.if_else(array, *fitting[0])) if fitting else None

    def _moment(self, column: FittedColumn, rule: TextColumn) -> Fit | None:
        sample = "2020-01-02 03:04:05" + _FRACTIONS[column.unit]
        suffix = _fitting_suffix(rule, sample, has_zone=column.has_zone)
        plain = self._arrow.timestamp(column.unit)
        if suffix is None:
            return None

        def spell(array: Any) -> Any:
            moments = array.cast(plain)
            return self._compute.binary_join_element_wise(self._as_string(moments), suffix, "") if suffix else moments

        return spell

    def _escaped(self, text: Any) -> Any:
        present = bytes_of(text)
        if QUOTE_MARK in present:
            raise NotExactError
        for character, escape in ESCAPED:
            if character.encode() in present:
                text = self._compute.replace_substring(text, character, escape)
        return text


def _fitting_suffix(rule: TextColumn, sample: str, *, has_zone: bool) -> str | None:
    """:returns: How UTC is written after a moment, so that the server takes it; `None` if it takes none."""
    suffixes: Sequence[str] = ("+00", "+00:00", "Z") if has_zone else ("",)
    fitting = [each for each in suffixes if rule.pattern is None or re.fullmatch(rule.pattern, sample + each)]
    return fitting[0] if fitting else None
