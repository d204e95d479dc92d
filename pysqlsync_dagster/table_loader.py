"""What a step does for one table: see that it is as described, load its rows, and record each partition as it is stored."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from pysqlsync_dagster.checkpoints import Checkpoints, provenance_tags, stored_before
from pysqlsync_dagster.feeds import TableFeed
from pysqlsync_dagster.load_metadata import RejectPreview, load_metadata, rejected_preview
from pysqlsync_dagster.partitions import PartitionSlice, slices
from pysqlsync_dagster.resources import DatabaseResource
from pysqlsync_dagster.schema_sync import require_in_sync
from pysqlsync_dagster.streams import PartitionLoad, PartitionLoadError, TableStream, load_slices
from pysqlsync_dagster.translator import TableModule
from pysqlsync_engine.base import Counts, SyncPolicy
from pysqlsync_engine.errors import EngineError
from pysqlsync_engine.model.object_types import Table

PROGRESS_INTERVAL_S = 10.0
"""How often a step that loads many partitions tells how far it is."""


def reason_text(error: BaseException) -> str:
    """:returns: What went wrong, for people; the kind of the error where it is not one of the engine's."""
    return str(error) if isinstance(error, EngineError) else f"{type(error).__name__}: {error}"


def failure_text(failure: PartitionLoadError, stored: int, wanted: int) -> str:
    """:returns: What went wrong in which partition, and what became of the others."""
    reason = reason_text(failure.__cause__ or failure)
    if failure.key is None:
        return reason
    kept = f"{stored} of {wanted} partitions were stored and are recorded; load the others again"
    return f"partition {failure.key}: {reason}; {kept}"


def progress_text(table: Table, finished: Sequence[PartitionLoad], wanted: int) -> str:
    """:returns: What has been stored so far, in a line for the log."""
    reports = [load.report for load in finished]
    counts = sum((report.counts for report in reports), Counts())
    rows, seconds = sum(report.rows for report in reports), sum(report.seconds for report in reports)
    parts = "" if finished[-1].key is None else f", {len(finished)} of {wanted} partitions"
    did = f"{counts.inserted:,} inserted, {counts.updated:,} updated, {counts.deleted:,} deleted"
    rejected = f", {counts.rejected:,} rejected" if counts.rejected else ""
    return f"{table.name.display}{parts}: {rows:,} rows: {did}{rejected} ({seconds:.2f} s of streams)"


@dataclass(frozen=True, slots=True)
class TableLoader:
    """
    What loads the rows of one table, as far as it is known when the definitions are made.

    :param schema_key: Asset that brings the table into existence.
    :param concurrency: Most partitions to load at the same time.
    :param has_pii: True if the table has values that say something of a person.
    """

    tables: TableModule
    cls: type
    spec: dg.AssetSpec
    feed: TableFeed
    policy: SyncPolicy
    schema_key: dg.AssetKey
    concurrency: int = 1
    preview: RejectPreview = RejectPreview()
    has_pii: bool = False

    @property
    def key(self) -> dg.AssetKey:
        """Key of the asset."""
        return self.spec.key

    @property
    def op_name(self) -> str:
        """Name of the step that loads this table alone."""
        return self.key.to_python_identifier()

    def config_schema(self) -> dict[str, dg.Field]:
        """:returns: Run configuration that chooses among several record sources; empty where there is but one."""
        names = list(self.feed.sources)
        if len(names) < 2:
            return {}
        choices = dg.Enum(f"{self.op_name}__feed", [dg.EnumValue(name) for name in names])
        description = f"Where the rows come from: {', '.join(names)}."
        return {"feed": dg.Field(choices, default_value=names[0], description=description)}

    async def load(
        self, context: dg.AssetExecutionContext, database: DatabaseResource, *, feed: str | None = None
    ) -> AsyncIterator[dg.AssetMaterialization | dg.MaterializeResult[Any]]:
        """
        Load the partitions of the run, or the whole table, and record each as it is stored.

        Partitions that an earlier attempt of the run has stored are left as they are.

        :param feed: Name of the record source; `None` for the first.
        :returns: What to yield to Dagster, after each partition and at the end.
        :raises dagster.Failure: if rows cannot be stored; partitions that are stored are recorded as such.
        """
        name = next(iter(self.feed.sources)) if feed is None else feed
        partitions = self.spec.partitions_def
        asked = slices(partitions, [] if partitions is None else context.partition_keys)
        wanted = self._missing(context, asked)
        checkpoints = Checkpoints(self.spec, {} if partitions is None else provenance_tags(context.instance, self.spec))
        finished: list[PartitionLoad] = []
        try:
            async with database.connection(self.tables.options) as connection:
                table = connection.get_table(self.cls)
                await require_in_sync(connection, self.tables, self.cls, policy=self.policy, schema_key=self.schema_key)
            stream = TableStream(
                database.pool, table, self._feed(name), self.feed.sources[name], self.preview.rows, name
            )
            told = time.monotonic()
            async for load in load_slices(stream, wanted, concurrency=self.concurrency):
                finished.append(load)
                is_last = len(finished) == len(wanted)
                # what is the same for all partitions is told once, with the last of them
                shown = {**self._shown(load, name), **(self._definition_metadata() if is_last else {})}
                if load.key is None:
                    yield dg.MaterializeResult(asset_key=self.key, metadata=shown)
                else:
                    yield checkpoints.event(load.key, shown)
                # a line for each partition would take longer than many a partition itself
                if is_last or time.monotonic() - told >= PROGRESS_INTERVAL_S:
                    context.log.info(progress_text(table, finished, len(wanted)))
                    told = time.monotonic()
        except EngineError as error:
            raise dg.Failure(description=str(error)) from error
        except PartitionLoadError as failure:
            stored = len(asked) - len(wanted) + len(finished)
            raise dg.Failure(description=failure_text(failure, stored, len(asked))) from failure.__cause__
        if partitions is not None:
            yield checkpoints.end()

    def _missing(
        self, context: dg.AssetExecutionContext, asked: list[PartitionSlice | None]
    ) -> list[PartitionSlice | None]:
        """:returns: What is to be loaded: all that the run is asked for, but what an earlier attempt of it has stored."""
        if self.spec.partitions_def is None:
            return asked
        stored = stored_before(context, self.key)
        missing = [each for each in asked if each is None or each.key not in stored]
        if len(missing) < len(asked):
            context.log.info(
                f"{self.key.to_user_string()}: {len(asked) - len(missing)} of {len(asked)} partitions were stored by an earlier"
                " attempt, and are left as they are"
            )
        return missing

    def _feed(self, name: str) -> TableFeed:
        """:returns: The feed for one of its sources, without values in messages where the module says so."""
        feed = self.feed.using(name)
        if not self.tables.options.redact_values:
            return feed
        return replace(feed, load=replace(feed.load, redact_values=True))

    def _definition_metadata(self) -> dict[str, Any]:
        """:returns: Columns and their lineage, which each run shows as they were then."""
        names = ("dagster/column_schema", "dagster/column_lineage")
        return {name: self.spec.metadata[name] for name in names if name in self.spec.metadata}

    def _shown(self, load: PartitionLoad, feed: str) -> dict[str, Any]:
        numbers = load_metadata(
            load.report,
            total=load.total,
            feed=feed,
            watermark=None if load.mark is None else load.mark.value,
            now=datetime.now(UTC),
        )
        if not load.rejected:
            return numbers
        preview = rejected_preview(load.rejected, hidden=self._hides_values(feed))
        return {**numbers, "rejected_table": load.rejected_table, "rejected_rows": preview}

    def _hides_values(self, feed: str) -> bool:
        if self.preview.values is not None:
            return not self.preview.values
        return self.feed.using(feed).load.redact_values or self.tables.options.redact_values or self.has_pii
