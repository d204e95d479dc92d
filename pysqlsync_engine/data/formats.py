"""Which format a file of rows has, as its name tells, and the source that reads it."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike, fspath
from pathlib import PurePath

from pysqlsync_engine.data.csv import CsvSource
from pysqlsync_engine.data.files import PACKED_SUFFIXES
from pysqlsync_engine.data.json_lines import JsonLinesSource
from pysqlsync_engine.data.parquet import ParquetSource
from pysqlsync_engine.data.sources import Fields, RecordSource
from pysqlsync_engine.data.tsv import TsvSource

FORMATS = ("csv", "tsv", "jsonl", "parquet")

SUFFIXES: Mapping[str, str] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
}
"""Formats by the end of a name, to which `.gz` or `.zst` may be added where the file is text."""


def format_of(file: str | PathLike[str]) -> str | None:
    """:returns: The one of `FORMATS` that the name of a file tells; `None` if it tells none."""
    path = PurePath(fspath(file))
    plain = path.with_suffix("") if path.suffix in PACKED_SUFFIXES else path
    return SUFFIXES.get(plain.suffix.lower())


def file_source(file: str | PathLike[str], fields: Fields) -> RecordSource:
    """
    Choose what reads a file by the end of its name; the file is not opened yet.

    Cells and values are spelled as each format has it by default; a file that is written otherwise is read by its own source, such as
    `CsvSource(file, fields, delimiter=";")`.

    :raises ValueError: if the name does not tell the format.
    """
    match format_of(file):
        case "csv":
            return CsvSource(file, fields, documents=True)
        case "tsv":
            return TsvSource(file, fields)
        case "jsonl":
            return JsonLinesSource(file, fields)
        case "parquet":
            return ParquetSource(file, fields)
        case _:
            raise ValueError(
                f"{fspath(file)}: the name does not tell the format; expected one of {', '.join(SUFFIXES)}, or a source of its own"
            )
