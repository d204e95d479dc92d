"""Folders of which each file holds the rows of one partition."""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterator
from os import PathLike, fspath
from pathlib import Path, PurePath
from string import Formatter
from typing import Any

from pysqlsync_dagster.feeds import ByPartition
from pysqlsync_dagster.partitions import PartitionSlice
from pysqlsync_engine.base import class_fields
from pysqlsync_engine.data.file_set import WILD, file_set
from pysqlsync_engine.data.formats import file_source
from pysqlsync_engine.data.sources import Batches, Fields, RecordSource, Window
from pysqlsync_engine.errors import LoadError


class NoRows:
    """
    A source without rows.

    :param fields: What they would have.
    """

    def __init__(self, fields: Fields) -> None:
        self._fields = fields

    @property
    def fields(self) -> Fields:
        """What the values of a row would be."""
        return self._fields

    def batches(self, window: Window | None) -> Batches:
        """:returns: Nothing."""
        del window
        return ()


def placeholders(path: str) -> Iterator[str]:
    """:returns: Names in braces."""
    return (name for _, name, _, _ in Formatter().parse(path) if name is not None)


def path_of(path: str, part: PartitionSlice, *, quote: Callable[[str], str] = str) -> Path:
    """
    :param quote: What is done to keys before they become part of the path.
    :returns: The file of a partition.
    :raises LoadError: if the path has a name that the partition lacks, or its key leads elsewhere.
    """
    known: dict[str, Any] = {name: quote(value) for name, value in {"key": part.key, **part.values}.items()}
    if part.window is not None:
        known |= {"start": part.window.start, "end": part.window.end}
    unknown = [name for name in placeholders(path) if name not in known]
    if unknown:
        raise LoadError(f"{path}: no {{{unknown[0]}}} in partition {part.key!r}; known: {', '.join(known)}")
    for value in (part.key, *part.values.values()):
        if ".." in PurePath(value).parts or PurePath(value).is_absolute():
            raise LoadError(f"{path}: partition {value!r} is no name of a file below it")
    return Path(path.format(**known))


def partition_files(
    path: str | PathLike[str],
    fields: Fields | type,
    *,
    read: Callable[[Path, Fields], RecordSource] = file_source,
    missing_ok: bool = False,
) -> ByPartition:
    """
    Find the rows of each partition in a file of its own, or in several: `partition_files("sales/{key}.csv", Sale)`.

    :param path: Where the file of a partition is. `{key}` stands for the partition key, such as `2024-01-31`; `{start:%Y}/{start:%m-%d}`
        for parts of the time at which it starts; and the name of a dimension for its key, where partitions have several. With `*`
        or another pattern of `file_set`, all files that it finds are one stream.
    :param fields: Columns to read; a data-class for all of its fields.
    :param read: Makes the source of a file; CSV, TSV, JSON lines and Parquet are told by the end of the name.
    :param missing_ok: True if a partition without a file has no rows; else that is an error.
    :raises ValueError: if nothing in the path depends on the partition.
    """
    pattern = fspath(path)
    columns = class_fields(fields) if isinstance(fields, type) else fields
    if not any(placeholders(pattern)):
        raise ValueError(f"{pattern}: every partition would have this file; put {{key}} where its key is")

    def make(part: PartitionSlice) -> RecordSource:
        if WILD.search(pattern):
            return file_set(path_of(pattern, part, quote=glob.escape), columns, read=read, missing_ok=missing_ok)
        file = path_of(pattern, part)
        if file.exists():
            return read(file, columns)
        if missing_ok:
            return NoRows(columns)
        raise LoadError(f"{file}: no such file; partition_files(..., missing_ok=True) takes that for no rows")

    return ByPartition(make)
