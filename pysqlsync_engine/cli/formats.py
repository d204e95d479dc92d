"""Files of rows that `load` reads: which format they have, which of the columns of a class, and how they are opened."""

from __future__ import annotations

import csv
import dataclasses
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import click

from pysqlsync_engine.cli.terminal import STANDARD_STREAM
from pysqlsync_engine.data.csv import CsvSource
from pysqlsync_engine.data.files import File, read_file
from pysqlsync_engine.data.formats import FORMATS
from pysqlsync_engine.data.formats import format_of as known_format_of
from pysqlsync_engine.data.json_lines import JsonLinesSource
from pysqlsync_engine.data.load_options import LoadMode
from pysqlsync_engine.data.parquet import ParquetSource, parquet_columns
from pysqlsync_engine.data.sources import Fields, RecordSource
from pysqlsync_engine.data.tsv import TsvSource, unescape
from pysqlsync_engine.formation.inspection import inspect_class
from pysqlsync_engine.model.object_types import Table


@dataclass(slots=True)
class Input:
    """
    A file of rows.

    :param file: Path; `-` for the standard input stream.
    :param form: One of `FORMATS`.
    :param nulls: Spellings of NULL in CSV.
    """

    file: Path
    form: str
    nulls: tuple[str, ...] = ("",)
    delimiter: str = ","
    ignore_unknown: bool = False
    redact_values: bool = False
    _raw: BinaryIO | None = field(default=None, init=False)
    _head: bytes = field(default=b"", init=False)
    _taken: int = field(default=0, init=False)

    @property
    def is_stream(self) -> bool:
        """True for the standard input stream, which can be read once only."""
        return str(self.file) == STANDARD_STREAM

    @property
    def name(self) -> str:
        """What messages call it."""
        return "standard input" if self.is_stream else str(self.file)

    def size(self) -> int | None:
        """:returns: Bytes of the file; `None` for a stream."""
        return None if self.is_stream else self.file.stat().st_size

    def position(self) -> int:
        """:returns: How many bytes of the file have been read."""
        if self.is_stream:
            return self._taken
        return 0 if self._raw is None or self._raw.closed else self._raw.tell()

    def content(self) -> File:
        """:returns: What a source reads."""
        return self if self.is_stream else self.file

    def read(self, size: int, /) -> bytes:
        """:returns: The next bytes of the stream, beginning with those that were looked at."""
        block, self._head = self._head or sys.stdin.buffer.read(size), b""
        self._taken += len(block)
        return block

    def first_line(self) -> str:
        """:returns: The first line, without its end; empty if there is none."""
        line = b""
        if self.is_stream:
            line = self._head = self._head or sys.stdin.buffer.readline()
        else:
            for block in read_file(self.file):
                line += block
                if b"\n" in block:
                    break
        return line.partition(b"\n")[0].decode("utf-8-sig", errors="replace").rstrip("\r")

    def watch(self, raw: BinaryIO) -> None:
        """Remember the file, for `position`."""
        self._raw = raw


def format_of(file: Path) -> str:
    """
    :returns: The format that the name of a file tells.
    :raises click.UsageError: if it tells none.
    """
    found = known_format_of(file)
    if found is None:
        raise click.UsageError(f"{file}: the name does not tell the format; use --format {'|'.join(FORMATS)}")
    return found


def open_source(given: Input, cls: type, table: Table, mode: LoadMode, columns: str | None) -> RecordSource:
    """
    :param columns: Names of the columns to load, separated by commas; `None` for those of the file.
    :returns: The rows of a file, of those columns that the table of the class has.
    :raises click.UsageError: if there are others, or some that are needed are missing.
    """
    present = _columns_of(given)
    chosen = _choose(given, present, table, mode, columns)
    spec = inspect_class(cls)
    annotations = {each.column_name: each.annotation for each in spec.fields}
    fields = Fields(tuple(chosen), tuple(annotations[name] for name in chosen))
    match given.form:
        case "csv":
            return CsvSource(
                given.content(),
                fields,
                name=given.name,
                documents=True,
                null=given.nulls,
                delimiter=given.delimiter,
                redact_values=given.redact_values,
                watch=given.watch,
            )
        case "tsv":
            return TsvSource(
                given.content(), fields, name=given.name, redact_values=given.redact_values, watch=given.watch
            )
        case "jsonl":
            defaults = {
                each.column_name: each.default
                for each in spec.fields
                if each.default not in (None, dataclasses.MISSING)
            }
            return JsonLinesSource(
                given.content(),
                fields,
                name=given.name,
                defaults=defaults,
                ignore_unknown=given.ignore_unknown or mode is LoadMode.DELETE or columns is not None,
                redact_values=given.redact_values,
                watch=given.watch,
            )
        case _:
            return ParquetSource(given.file, fields, redact_values=given.redact_values)


def _columns_of(given: Input) -> Sequence[str]:
    """:returns: Names that the header of a file has, or the first of its objects."""
    if given.form == "parquet":
        return parquet_columns(given.file)
    line = given.first_line()
    match given.form:
        case "csv":
            return next(csv.reader([line], delimiter=given.delimiter), list[str]())
        case "tsv":
            return [unescape(cell) for cell in line.split("\t")] if line else []
        case _:
            return _properties(line, given.name)


def _properties(line: str, name: str) -> Sequence[str]:
    try:
        found: Any = json.loads(line) if line else {}
    except ValueError as error:
        raise click.UsageError(f"{name}: line 1: not JSON: {error}") from error
    if not isinstance(found, dict):
        raise click.UsageError(f"{name}: line 1: expected an object")
    return list(found)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType] - JSON has no other keys than strings


def _choose(given: Input, present: Sequence[str], table: Table, mode: LoadMode, columns: str | None) -> list[str]:
    known = set(table.column_names)
    if columns is not None:
        chosen = [name.strip() for name in columns.split(",")]
        unknown = [name for name in chosen if name not in known]
        if unknown:
            raise click.UsageError(f"--columns: {table.name.display} has no column {', '.join(unknown)}")
        return chosen
    if mode is LoadMode.DELETE:
        return list(table.key_names)
    unknown = [name for name in present if name not in known]
    if unknown and not given.ignore_unknown:
        raise click.UsageError(
            f"{given.name}: {table.name.display} has no column {', '.join(map(repr, unknown))}; use --columns, or"
            " --ignore-unknown"
        )
    chosen = [name for name in present if name in known]
    if not chosen:
        raise click.UsageError(f"{given.name}: no column of {table.name.display} in it; use --columns")
    return chosen
