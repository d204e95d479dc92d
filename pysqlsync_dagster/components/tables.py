"""What YAML says of a table: where its rows come from, in which parts, and how they are stored."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

import dagster as dg
from pydantic import Field

from pysqlsync_dagster.components.place import Place
from pysqlsync_dagster.components.settings import Settings
from pysqlsync_dagster.components.sources import FilesSettings, FunctionSettings, OtherDatabaseSettings
from pysqlsync_dagster.components.values import Text
from pysqlsync_dagster.feeds import Contract, Source, TableFeed
from pysqlsync_dagster.schedules import Partitions
from pysqlsync_engine.base import GeneratorOptions, History, LoadMode, LoadOptions, OnDuplicate, OnError, Watermark

WINDOWS = ("timezone", "end_date", "minute_offset")
PARTITIONS: dict[str, tuple[Any, tuple[str, ...], tuple[str, ...]]] = {
    "hourly": (dg.HourlyPartitionsDefinition, ("start_date",), WINDOWS),
    "daily": (dg.DailyPartitionsDefinition, ("start_date",), (*WINDOWS, "hour_offset")),
    "weekly": (dg.WeeklyPartitionsDefinition, ("start_date",), (*WINDOWS, "hour_offset", "day_offset")),
    "monthly": (dg.MonthlyPartitionsDefinition, ("start_date",), (*WINDOWS, "hour_offset", "day_offset")),
    "static": (dg.StaticPartitionsDefinition, ("partition_keys",), ()),
    "dynamic": (dg.DynamicPartitionsDefinition, ("name",), ()),
}
"""For each kind what it is in Python, and which settings it needs and may have."""


class PartitionsSettings(Settings):
    """The parts in which a table is loaded."""

    type: Literal["hourly", "daily", "weekly", "monthly", "static", "dynamic"] = Field(
        description="Ranges of time, a list of keys, or keys that are added while it runs."
    )
    start_date: Text | None = Field(default=None, description="Of the first partition of time, such as 2026-01-31.")
    end_date: Text | None = Field(default=None, description="After the last one.")
    timezone: Text | None = Field(default=None, description="Of partitions of time, such as Europe/Budapest; else UTC.")
    minute_offset: int = Field(default=0, description="Minutes after the hour at which they begin.")
    hour_offset: int = Field(default=0, description="Hours after midnight at which they begin.")
    day_offset: int | None = Field(
        default=None, description="Day at which they begin: of the week from 0, Sunday; of the month from 1."
    )
    partition_keys: list[Text] | None = Field(default=None, description="Of static partitions.")
    name: Text | None = Field(default=None, description="Of dynamic partitions, whose keys are added while it runs.")

    def definition(self) -> Partitions:
        """
        :returns: The partitions.
        :raises ValueError: if a setting is missing, or this kind does not have it.
        """
        kind, needed, optional = PARTITIONS[self.type]
        given = self.model_fields_set - {"type"}
        missing, strangers = set(needed) - given, given - {*needed, *optional}
        if missing or strangers:
            problem = f"needs {', '.join(sorted(missing))}" if missing else f"has no {', '.join(sorted(strangers))}"
            raise ValueError(f"type {self.type} {problem}; expected {', '.join((*needed, *optional))}")
        return kind(**{name: getattr(self, name) for name in given})


def resolve_partitions(context: dg.ResolutionContext, model: Any) -> Partitions | None:
    """:returns: The partitions that some YAML describes."""
    return None if model is None else PartitionsSettings.resolve_from_model(context, model).definition()


ResolvedPartitions: TypeAlias = Annotated[
    Any,
    dg.Resolver(resolve_partitions, model_field_type=PartitionsSettings.model() | None),  # pyright: ignore[reportArgumentType]
]
"""Partitions, their settings in YAML, or `None`."""


class HistorySettings(Settings):
    """Columns of a table that keeps versions of rows."""

    valid_from: Text = Field(default="valid_from", description="When a version came into force.")
    valid_to: Text = Field(default="valid_to", description="When the next one took its place.")
    current: Text | None = Field(default=None, description="True for the version in force.")
    closes_missing: bool = Field(default=False, description="True to end versions whose keys the source lacks.")


class LoadSettings(Settings):
    """What becomes of rows."""

    mode: LoadMode = Field(
        default=LoadMode.UPSERT, description="What becomes of rows whose keys exist, or are missing."
    )
    only_changed: bool = Field(default=False, description="True to leave rows alone that are the same already.")
    on_duplicate: OnDuplicate = Field(default=OnDuplicate.LAST, description="Which of several rows of a key is stored.")
    version: Text | None = Field(default=None, description="Column that tells which row of a key is newer.")
    on_error: OnError = Field(
        default=OnError.FAIL, description="Whether a bad row fails the load, or is set aside in <table>__rejected."
    )
    max_rejects: int | None = Field(default=None, description="Most rows that may be set aside in a load.")
    deleted_at: Text | None = Field(
        default=None, description="For mirror: column that gets the time, in place of deleting the row."
    )
    history: HistorySettings | None = Field(default=None, description="For history: the columns of versions.")
    allow_empty: bool = Field(default=False, description="True to let an empty source empty the table.")
    redact_values: bool = Field(default=False, description="True to show no values of rows in messages.")

    def over(self, usual: LoadSettings) -> LoadSettings:
        """:returns: These settings, and the usual ones where nothing is said here."""
        return usual.model_copy(update={name: getattr(self, name) for name in self.model_fields_set})

    def options(self, watermark: Watermark | None = None) -> LoadOptions:
        """:raises ValueError: if the settings do not go together."""
        given: dict[str, Any] = {name: getattr(self, name) for name in self.model_fields_set - {"history"}}
        history = None if self.history is None else History(**self.history.model_dump())
        return LoadOptions(**given, history=history, watermark=watermark)


class MaxAgeSettings(Settings):
    """How old the newest row may be."""

    column: Text = Field(description="Tells how new a row is.")
    hours: float = Field(description="How long ago the highest value may be.")


class TableSettings(Settings):
    """A table: where its rows come from, and how they are stored."""

    files: FilesSettings | None = Field(default=None, description="Files that have the rows.")
    database: OtherDatabaseSettings | None = Field(default=None, description="Another database that has the rows.")
    python: FunctionSettings | None = Field(default=None, description="A function that returns a source of rows.")
    partitions: ResolvedPartitions = Field(default=None, description="Parts in which the table is loaded.")
    load: LoadSettings = Field(
        default_factory=LoadSettings, description="What becomes of the rows, where that is not as for all tables."
    )
    contract: Contract | None = Field(
        default=None, description="What may become of the table when its class or its source changes."
    )
    upstream: Text | None = Field(default=None, description="Key of the asset that the rows come from: crm/customers.")
    upstream_columns: dict[str, Text] = Field(
        default_factory=dict[str, str], description="Column of that asset by column of the table, where names differ."
    )
    max_age: MaxAgeSettings | None = Field(default=None, description="Checks how old the newest row is.")
    source_rows: bool = Field(default=False, description="Checks that the table has as many rows as its source.")

    def feed(
        self, cls: type, place: Place, options: GeneratorOptions, *, usual: LoadSettings, contract: Contract
    ) -> TableFeed | None:
        """
        :param usual: What becomes of rows of all tables, as far as this one says nothing else.
        :param contract: The same for what may become of the table.
        :returns: Where the rows come from, and how they are stored; `None` for a table that somebody else loads.
        :raises ValueError: with the place, if something does not go together.
        """
        name = cls.__name__
        with place.at("tables", name):
            given = [each for each in ("files", "database", "python") if getattr(self, each) is not None]
            if len(given) > 1:
                raise ValueError(f"expected one of files, database, python; got {' and '.join(given)}")
            if self.partitions is not None and not self._tells_partitions:
                raise ValueError(
                    "expected to be told which rows are those of a partition; put {key} into the path of the files, or name a "
                    "time_column"
                )
        if not given:
            return None
        with place.at("tables", name, given[0]):
            load = self.load.over(usual)
            source = self._source(cls, place, options, redact_values=load.redact_values)
        with place.at("tables", name):
            key = None if self.upstream is None else dg.AssetKey.from_user_string(self.upstream)
            return TableFeed(
                source,
                load.options(self._watermark(name)),
                self.contract or contract,
                upstream=key,
                columns=self.upstream_columns,
            )

    @property
    def _tells_partitions(self) -> bool:
        sources = (self.files, self.database)
        return all(each is None or each.tells_partitions for each in sources)

    def _source(self, cls: type, place: Place, options: GeneratorOptions, *, redact_values: bool) -> Source:
        if self.files is not None:
            return self.files.source(cls, place, redact_values=redact_values)
        if self.database is not None:
            return self.database.source(cls, options)
        assert self.python is not None  # noqa: S101 - one of the three is given
        return self.python.source(place)

    def _watermark(self, name: str) -> Watermark | None:
        if self.database is None or self.database.watermark is None:
            return None
        return Watermark(name, self.database.watermark)
