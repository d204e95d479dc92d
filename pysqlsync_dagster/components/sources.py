"""Where the rows of a table come from, in YAML: files, another database, or a function."""

from __future__ import annotations

import glob
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from pysqlsync_dagster.components.database import Database, require_database
from pysqlsync_dagster.components.place import Place
from pysqlsync_dagster.components.settings import Settings
from pysqlsync_dagster.components.values import Text
from pysqlsync_dagster.feeds import AnySource, ByPartition, SinceWatermark, Source
from pysqlsync_dagster.partition_files import partition_files, placeholders
from pysqlsync_engine.base import (
    DatabaseSource,
    Fields,
    GeneratorOptions,
    RecordSource,
    class_fields,
)
from pysqlsync_engine.data.csv import CsvSource
from pysqlsync_engine.data.file_set import file_set
from pysqlsync_engine.data.formats import FORMATS, format_of
from pysqlsync_engine.data.json_lines import JsonLinesSource
from pysqlsync_engine.data.parquet import ParquetSource
from pysqlsync_engine.data.tsv import TsvSource
from pysqlsync_engine.data.windows import Select, select_by
from pysqlsync_engine.factory import get_dialect
from pysqlsync_engine.model.annotations import unwrap
from pysqlsync_engine.model.id_types import QualifiedId
from pysqlsync_engine.model.object_types import Table

READERS: dict[str, Callable[..., RecordSource]] = {
    "csv": CsvSource,
    "tsv": TsvSource,
    "jsonl": JsonLinesSource,
    "parquet": ParquetSource,
}

OPTIONS: dict[str, tuple[str, ...]] = {
    "csv": ("columns", "delimiter", "null", "header", "encoding"),
    "tsv": ("columns", "header"),
    "jsonl": ("columns", "ignore_unknown"),
    "parquet": ("columns",),
}
"""Which settings each format has."""


def chosen_fields(cls: type, only: list[str] | None) -> Fields:
    """
    :param only: Names of columns; `None` for all of the class.
    :raises ValueError: if the class lacks one.
    """
    fields = class_fields(cls)
    if only is None:
        return fields
    unknown = [name for name in only if name not in fields.names]
    if unknown:
        raise ValueError(f"only: {cls.__name__} has no {', '.join(unknown)}; columns: {', '.join(fields.names)}")
    return Fields(tuple(only), tuple(fields.types[fields.names.index(name)] for name in only))


class FilesSettings(Settings):
    """Rows of files."""

    path: Text = Field(
        description="File, directory, or pattern with * and **, relative to this folder. {key} stands for the key of a partition, "
        "{start:%Y-%m-%d} for its start, and the name of a dimension for its key.",
    )
    format: Literal["csv", "tsv", "jsonl", "parquet"] | None = Field(
        default=None, description="Told by the end of the name, if not given."
    )
    only: list[Text] | None = Field(default=None, description="Columns to load; all of the class if not given.")
    columns: dict[str, Text] = Field(
        default_factory=dict[str, str], description="What a column is called in the files, where that is another name."
    )
    delimiter: Text = Field(default=",", description="Of CSV.")
    null: list[Text] = Field(default_factory=lambda: [""], description="Spellings of NULL in CSV.")
    header: bool = Field(default=True, description="False if CSV or TSV begins with the first record.")
    encoding: Text = Field(default="utf-8-sig", description="Of CSV.")
    ignore_unknown: bool = Field(default=False, description="True to leave out properties of JSON that are no columns.")
    missing_ok: bool = Field(default=False, description="True if no file means no rows; else that is an error.")
    time_column: Text | None = Field(
        default=None,
        description="For partitions of time whose rows are in the same files: the column that tells to which one a row belongs.",
    )

    @property
    def tells_partitions(self) -> bool:
        """True if it is known which rows are those of a partition."""
        return self.time_column is not None or any(placeholders(self.path))

    def source(self, cls: type, place: Place, *, redact_values: bool = False) -> AnySource:
        """
        :param redact_values: True if messages must not show values.
        :returns: What reads the files.
        :raises ValueError: if the settings do not go together.
        """
        fields = chosen_fields(cls, self.only)
        read = self._reader(fields, redact_values=redact_values)
        # a folder above may have names that look like patterns
        root = "" if Path(self.path).is_absolute() else f"{place.directory}/"
        if any(placeholders(self.path)):
            escaped = root.replace("{", "{" * 2).replace("}", "}" * 2)
            made = partition_files(self._pattern(escaped), fields, read=read, missing_ok=self.missing_ok)
            return replace(made, windowed=True) if self.time_column is not None else made
        return file_set(self._pattern(root), fields, read=read, missing_ok=self.missing_ok)

    def _pattern(self, root: str) -> str:
        return (glob.escape(root) if glob.has_magic(self.path) else root) + self.path

    def _reader(self, fields: Fields, *, redact_values: bool) -> Callable[[Path, Fields], RecordSource]:
        form = self.format or format_of(self.path.rstrip("*?."))
        if form is None:
            raise ValueError(f"the path {self.path!r} does not tell the format; give one: {', '.join(FORMATS)}")
        known = ("columns", "delimiter", "null", "header", "encoding", "ignore_unknown")
        given = [name for name in known if name in self.model_fields_set]
        strangers = [name for name in given if name not in OPTIONS[form]]
        if strangers:
            raise ValueError(f"{form} has no {', '.join(strangers)}; expected some of {', '.join(OPTIONS[form])}")
        options: dict[str, Any] = {name: getattr(self, name) for name in given}
        if form == "jsonl" and "columns" in options:
            options["properties"] = options.pop("columns")
        if form == "csv":
            options["documents"] = True
        options |= {"select": self._select(fields), "redact_values": redact_values}
        return lambda file, fields: READERS[form](file, fields, **options)

    def _select(self, fields: Fields) -> Select | None:
        if self.time_column is None:
            return None
        try:
            return select_by(fields, self.time_column)
        except ValueError as error:
            raise ValueError(f"time_column: {error}") from error


class OtherDatabaseSettings(Settings):
    """Rows of a table, or of a query, of another database."""

    connection: Database = Field(description="The other database.")
    table: Text | None = Field(
        default=None, description="Name of the table there, with its namespace; that of the class if not given."
    )
    query: Text | None = Field(default=None, description="SQL of the other database, in place of a table.")
    key: list[Text] = Field(
        default_factory=list[str],
        description="Columns that tell rows apart, by which pages are read; those of the class if not given.",
    )
    only: list[Text] | None = Field(default=None, description="Columns to load; all of the class if not given.")
    watermark: Text | None = Field(
        default=None, description="Column whose values get higher; only rows from the last one on are read."
    )
    overlap: float | None = Field(
        default=None,
        description="How far behind the watermark rows may still appear: seconds for moments and dates, else a number.",
    )
    time_column: Text | None = Field(
        default=None, description="For partitions of time: the column that tells to which one a row belongs."
    )

    @property
    def tells_partitions(self) -> bool:
        """True if it is known which rows are those of a partition."""
        return self.time_column is not None

    def source(self, cls: type, options: GeneratorOptions) -> AnySource:
        """
        :param options: How the classes become tables in the target; the same is expected of the other database.
        :returns: What reads the rows.
        :raises ValueError: if the settings do not go together.
        """
        require_database(self.connection)
        described = get_dialect(self.connection.dialect).get_table(cls, options)
        fields = chosen_fields(cls, self.only)
        self._check(fields)
        table = None if self.query is not None else self._table(described)
        key = tuple(self.key) or (described.key_names if self.query is not None else ())
        column = self.watermark or self.time_column

        def make(after: Any) -> RecordSource:
            connect = self.connection.connect
            return DatabaseSource(
                connect, fields, table=table, query=self.query, key=key, watermark=column, after=after
            )

        return make(None) if self.watermark is None else SinceWatermark(make, overlap=self._overlap(fields))

    def _check(self, fields: Fields) -> None:
        for one, other in (("table", "query"), ("watermark", "time_column")):
            if getattr(self, one) is not None and getattr(self, other) is not None:
                raise ValueError(f"expected either {one} or {other}; got both")
        for name in ("watermark", "time_column"):
            column = getattr(self, name)
            if column is not None and column not in fields.names:
                raise ValueError(f"{name}: expected one of {', '.join(fields.names)}; got {column!r}")
        if self.overlap is not None and self.watermark is None:
            raise ValueError("overlap: expected a watermark as well, which it is taken from")

    def _table(self, described: Table) -> Table:
        if self.table is None:
            return described
        namespace, _, name = self.table.rpartition(".")
        return replace(described, name=QualifiedId(namespace or None, name))

    def _overlap(self, fields: Fields) -> timedelta | int | None:
        if self.overlap is None:
            return None
        kind: Any = unwrap(fields.types[fields.names.index(self.watermark or "")]).type
        return int(self.overlap) if kind in {int, Decimal} else timedelta(seconds=self.overlap)


class FunctionSettings(Settings):
    """Rows of what a function of yours returns."""

    call: Text = Field(
        description="Function that returns a source: a RecordSource, ByPartition or SinceWatermark; by its dotted name, with a "
        "leading dot for one in this folder.",
    )
    arguments: dict[str, Any] = Field(default_factory=dict[str, Any], description="What it is called with.")

    def source(self, place: Place) -> Source:
        """
        :returns: What the function returns.
        :raises ValueError: if that is no source.
        """
        made = place.member(self.call)(**self.arguments)
        if not isinstance(made, RecordSource | ByPartition | SinceWatermark | dict):
            raise ValueError(
                f"call: expected {self.call} to return a source; got {type(made).__name__}, which has no `fields` and `batches`"
            )
        return made  # pyright: ignore[reportUnknownVariableType] - checked when the tables are planned
