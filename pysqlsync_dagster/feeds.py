"""Where the rows of a table come from, and how they are stored: what the user says of each table."""

from __future__ import annotations

import enum
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, TypeAlias

import dagster as dg

from pysqlsync_dagster.partitions import PartitionSlice, has_time
from pysqlsync_engine.base import Atomicity, LoadOptions, OnError, lower_bound
from pysqlsync_engine.data.sources import Batches, Fields, RecordSource, Window

Row: TypeAlias = tuple[Any, ...]

ALL_ROWS = "all"
"""What rejected rows of a table that is loaded whole are told by, if by nothing else."""


@dataclass(frozen=True, slots=True)
class ByPartition:
    """
    Sources for partitions that are more, or something else, than a range of time.

    :param make: Makes the source of a partition: `ByPartition(lambda part: CsvSource(f"{part.key}.csv", fields))`.
    :param windowed: True if such a source also has rows of other ranges of time, so that it is asked for those of the partition's.
    """

    make: Callable[[PartitionSlice], RecordSource]
    windowed: bool = False


@dataclass(frozen=True, slots=True)
class SinceWatermark:
    """
    A source that is read from where its stream has come to; the load options name the watermark.

    :param make: Makes the source of the rows from a value on, that value included; `None` stands for all rows.
    :param overlap: How far behind the watermark rows may still appear or change: a time, or a number for watermarks that are numbers.
    """

    make: Callable[[Any], RecordSource]
    overlap: timedelta | int | None = None


AnySource: TypeAlias = RecordSource | ByPartition | SinceWatermark

Source: TypeAlias = AnySource | Mapping[str, AnySource]
"""Where the rows of a table come from; several sources have names, the first is taken unless the run says otherwise."""


class Contract(enum.Enum):
    """What may become of a table when its class, or its source, changes."""

    EVOLVE = "evolve"
    """The live table follows its class. A field of the source that the class lacks is an error."""

    FREEZE = "freeze"
    """Once it is there, the live table is left as it is; a plan that would change it is refused until it is approved."""

    DISCARD_COLUMNS = "discard columns"
    """As `EVOLVE`, but fields of the source that the class lacks are left out of the rows."""


@dataclass(frozen=True, slots=True)
class TableFeed:
    """
    Where the rows of a table come from, and how they are stored.

    :param source: A record source, what makes one for a partition, or several of them by name.
    :param load: What becomes of the rows; rows whose keys exist are updated by default. A batch that is named here is one batch for each
        partition, so that each is stored once. Rows that an earlier load of the same partition has set aside are forgotten; also those of
        a table that is loaded whole if the mode replaces all of it, or a partition is named here.
    :param contract: What may become of the table when its class or the source changes.
    :param upstream: Asset that the rows come from, for the lineage: the key of one that is defined elsewhere, or a spec, such as
        `AssetSpec("csv_files")`, which becomes part of the definitions, and of the group of the table if it has none.
    :param columns: Column of the upstream asset by column of the table, where the names differ.
    :param loads: What becomes of the rows of single sources, by name, where that differs from `load`: one that has all rows may replace them.
    """

    source: Source
    load: LoadOptions = field(default_factory=LoadOptions)
    contract: Contract = Contract.EVOLVE
    upstream: dg.AssetKey | dg.AssetSpec | None = None
    columns: Mapping[str, str] = field(default_factory=dict[str, str])
    loads: Mapping[str, LoadOptions] = field(default_factory=dict[str, LoadOptions])

    @property
    def sources(self) -> dict[str, AnySource]:
        """Sources by name, the default one first; a single one has the empty name."""
        if isinstance(self.source, Mapping):
            return {str(name): source for name, source in self.source.items()}  # pyright: ignore[reportUnknownVariableType]
        return {"": self.source}

    def using(self, name: str) -> TableFeed:
        """:returns: The feed, with what becomes of the rows of one of its sources."""
        return replace(self, load=self.loads[name]) if name in self.loads else self

    @property
    def upstream_key(self) -> dg.AssetKey | None:
        """Key of the asset that the rows come from."""
        return self.upstream.key if isinstance(self.upstream, dg.AssetSpec) else self.upstream

    def check(self, partitions: dg.PartitionsDefinition | None, table: str) -> None:
        """
        Check that the sources can be asked for partitions of this kind.

        :raises ValueError: if there is none, or one cannot be.
        """
        if not self.sources:
            raise ValueError(f"{table}: expected at least one record source; got an empty mapping")
        strangers = self.loads.keys() - self.sources.keys()
        if strangers:
            raise ValueError(f"{table}: no source is named {', '.join(sorted(strangers))}, but there is a load for it")
        for name, source in self.sources.items():
            check_source(source, self.using(name).load, partitions, table)


def check_source(source: AnySource, load: LoadOptions, partitions: dg.PartitionsDefinition | None, table: str) -> None:
    """:raises ValueError: if a source cannot be asked for partitions of this kind, or its rows not be stored so."""
    closes_missing = load.history is not None and load.history.closes_missing
    if (load.mode.replaces_all or closes_missing) and partitions is not None:
        raise ValueError(
            f"{table}: mode {load.mode.value} would take the rows of all other partitions for missing; load the table "
            "whole, or choose another mode"
        )
    if isinstance(source, SinceWatermark) and (partitions is not None or load.watermark is None):
        raise ValueError(
            f"{table}: its source is read from a watermark, but it has {'partitions' if partitions else 'none'}; give "
            "TableFeed(load=LoadOptions(watermark=...)) without partitions"
        )
    if isinstance(source, SinceWatermark) and load.mode.replaces_all:
        raise ValueError(
            f"{table}: mode {load.mode.value} would take all rows before the watermark for missing; choose another mode for a"
            " source that is read from there"
        )
    if isinstance(source, ByPartition) and partitions is None:
        raise ValueError(f"{table}: its source is made by partition, but it has none; give a plain source")
    if not isinstance(source, ByPartition) and partitions is not None and not has_time(partitions):
        raise ValueError(
            f"{table}: its partitions are more than ranges of time; say with ByPartition(...) where the rows of each come from"
        )


def options_of(load: LoadOptions, wanted: PartitionSlice | None, name: str = "") -> LoadOptions:
    """
    :param name: Name of the source, if there are several.
    :returns: How the rows of a partition are stored: a named batch, and rejected rows, are told from those of other partitions.
    """
    if load.batch is not None:
        return load if wanted is None else replace(load, batch=f"{load.batch}/{wanted.key}")
    is_renewed = wanted is not None or load.mode.replaces_all or load.partition is not None
    if load.on_error is not OnError.QUARANTINE or load.atomicity is not Atomicity.STREAM or not is_renewed:
        return load
    names = [load.partition, name, None if wanted is None else wanted.key]
    return replace(load, partition="/".join(each for each in names if each) or ALL_ROWS)


def source_text(source: AnySource) -> str:
    """:returns: What kind of source it is, for people."""
    match source:
        case ByPartition():
            return "a source for each partition"
        case SinceWatermark():
            return "a source that is read from the watermark on"
        case _:
            return type(source).__name__


def feed_metadata(feed: TableFeed) -> dict[str, str]:
    """:returns: Where rows come from and how they are stored, in a line each: what somebody wants to know when they are not there."""
    load, named = feed.load, [(name, source_text(source)) for name, source in feed.sources.items()]
    if load.on_error is OnError.QUARANTINE:
        words = [load.mode.value, "rows that cannot be stored are set aside"]
    else:
        words = [load.mode.value, "nothing is stored if a row cannot be"]
    if load.stubs:
        words.append(f"rows that {', '.join(load.stubs)} refers to are added where they are missing")
    if load.watermark is not None:
        words.append(f"the watermark is that of the stream {load.watermark.stream!r}")
    return {
        "source": ", ".join(text if not name else f"{name}: {text}" for name, text in named),
        "load": "; ".join(words),
    }


def feed_of(source: Source | TableFeed) -> TableFeed:
    """:returns: What the user said, in full."""
    return source if isinstance(source, TableFeed) else TableFeed(source)


def window_of(source: AnySource, wanted: PartitionSlice | None) -> Window | None:
    """:returns: The range of time that a source is asked for; `None` for all that it has."""
    if wanted is None or (isinstance(source, ByPartition) and not source.windowed):
        return None
    return wanted.window


def source_of(source: AnySource, wanted: PartitionSlice | None, *, reached: Any = None) -> RecordSource:
    """
    :param wanted: The partition to load; `None` for the whole table.
    :param reached: Watermark of the stream; `None` if there is none yet.
    :returns: What holds the rows.
    :raises ValueError: if the source is made by partition, and there is none.
    """
    if isinstance(source, SinceWatermark):
        return source.make(lower_bound(reached, source.overlap))
    if not isinstance(source, ByPartition):
        return source
    if wanted is None:
        raise ValueError("a source that is made by partition needs one; partition the table, or give a plain source")
    return source.make(wanted)


class Narrowed:
    """
    A source without some of its fields.

    :param kept: Names of the fields to keep.
    """

    def __init__(self, source: RecordSource, kept: Sequence[str]) -> None:
        fields = source.fields
        self._source = source
        self._indexes = [index for index, name in enumerate(fields.names) if name in kept]
        self._fields = Fields(
            tuple(fields.names[index] for index in self._indexes), tuple(fields.types[index] for index in self._indexes)
        )

    @property
    def fields(self) -> Fields:
        """Those that are kept."""
        return self._fields

    def batches(self, window: Window | None) -> Batches:
        """:returns: The same rows, with fewer values."""
        batches = self._source.batches(window)
        return self._narrow_later(batches) if isinstance(batches, AsyncIterable) else self._narrow(batches)

    def _row(self, row: Row) -> Row:
        return tuple(row[index] for index in self._indexes)

    def _narrow(self, batches: Iterable[Sequence[Row]]) -> Iterator[Sequence[Row]]:
        for batch in batches:
            yield [self._row(row) for row in batch]

    async def _narrow_later(self, batches: AsyncIterable[Sequence[Row]]) -> AsyncIterator[Sequence[Row]]:
        async for batch in batches:
            yield [self._row(row) for row in batch]


def fitted(source: RecordSource, columns: Sequence[str], contract: Contract) -> RecordSource:
    """:returns: The source; without fields that are no columns, where the contract says so."""
    strangers = [name for name in source.fields.names if name not in columns]
    return Narrowed(source, columns) if strangers and contract is Contract.DISCARD_COLUMNS else source
