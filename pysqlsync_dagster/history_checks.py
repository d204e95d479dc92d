"""Checks of what earlier loads told: how many rows were rejected, and whether the number of rows is like that of the others."""

# Annotations are not postponed here: Dagster reads those of a step as objects.

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import dagster as dg

from pysqlsync_dagster.assets import TableSet

MAX_PARTITIONS = 1000
"""Loads of the last run that are looked at."""

MAX_PARTITIONS_SHOWN = 20
"""Partitions with rejected rows that a check lists."""

NORMAL_DEVIATIONS = 1.4826
"""Standard deviations of a normal distribution in one median absolute deviation."""


@dataclass(frozen=True, slots=True)
class RowBounds:
    """
    When a number of rows is out of the ordinary: too far from the median of the loads before.

    The median and the median distance from it are not moved by the few loads that were out of the ordinary themselves.

    :param deviations: How far is too far, in standard deviations.
    :param share: Never nearer than this share of the median, so that loads which are always alike may differ a little.
    :param history: How many loads to look back.
    :param minimum: How many there must be; with fewer, everything passes.
    """

    deviations: float = 4.0
    share: float = 0.1
    history: int = 30
    minimum: int = 5

    def around(self, counts: Sequence[int]) -> tuple[float, float] | None:
        """:returns: The lowest and the highest number that are ordinary; `None` if there are too few to tell."""
        if len(counts) < self.minimum:
            return None
        middle = median(counts)
        spread = median(abs(count - middle) for count in counts) * NORMAL_DEVIATIONS
        allowed = max(self.deviations * spread, self.share * middle)
        return max(0.0, middle - allowed), middle + allowed


@dataclass(frozen=True, slots=True)
class Load:
    """
    What a load of a table, or of a partition of it, told.

    :param total: Rows in the table afterwards; `None` for a partition.
    :param partition: Partition key; `None` where the table is loaded whole.
    :param rejected_table: Where rejected rows are; `None` if there are none, or nobody has looked.
    """

    run_id: str
    rows: int
    rejected: int
    total: int | None
    partition: str | None = None
    rejected_table: str | None = None


def recent_loads(instance: dg.DagsterInstance, key: dg.AssetKey, limit: int) -> list[Load]:
    """:returns: The last loads that are recorded, the newest first; materializations that tell no number are left out."""
    found: list[Load] = []
    for record in instance.fetch_materializations(key, limit=limit).records:
        shown: Any = None if record.asset_materialization is None else record.asset_materialization.metadata
        if shown is not None and "rows" in shown:
            total = int(shown["dagster/row_count"].value) if "dagster/row_count" in shown else None
            place = str(shown["rejected_table"].value) if "rejected_table" in shown else None
            rows, rejected = int(shown["rows"].value), int(shown["rejected"].value)
            found.append(Load(record.run_id, rows, rejected, total, record.partition_key, place))
    return found


def rejected_result(loads: Sequence[Load], key: dg.AssetKey, *, most: int, share: float) -> dg.AssetCheckResult:
    """
    :param loads: The newest first; those of the last run count.
    :param most: Rows that may be rejected, whatever their share.
    :param share: Share of the rows that may be rejected.
    """
    last = [load for load in loads if load.run_id == loads[0].run_id]
    rows, rejected = sum(load.rows for load in last), sum(load.rejected for load in last)
    place = next((load.rejected_table for load in last if load.rejected_table is not None), None)
    where = "" if place is None else f"; they are in the table {place}, with reasons"
    parts = partitions_text(last)
    return dg.AssetCheckResult(
        asset_key=key,
        check_name="rejected_rows",
        passed=rejected <= max(most, share * rows),
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{rejected:,} of {rows:,} rows of the last run were rejected{where}"
        if last
        else "nothing was loaded yet",
        metadata={"rejected": rejected, "rows": rows, **({"partitions": parts} if parts else {})},
    )


def partitions_text(loads: Sequence[Load]) -> str:
    """:returns: The partitions that have rejected rows, those with most of them first; empty if there are none."""
    found = [load for load in loads if load.rejected and load.partition is not None]
    found.sort(key=lambda load: (-load.rejected, load.partition))
    rest = len(found) - MAX_PARTITIONS_SHOWN
    shown = [f"{load.partition}: {load.rejected:,}" for load in found[:MAX_PARTITIONS_SHOWN]]
    return ", ".join([*shown, *([f"and {rest} more"] if rest > 0 else [])])


def bounds_result(loads: Sequence[Load], key: dg.AssetKey, bounds: RowBounds) -> dg.AssetCheckResult:
    """:returns: Whether the last load is like those before: by the rows of a partition, or those in a table that is loaded whole."""
    counts = [load.rows if load.total is None else load.total for load in loads]
    limits = bounds.around(counts[1:])
    if limits is None:
        passed, description = True, f"{max(0, len(counts) - 1)} loads before; {bounds.minimum} are needed to tell"
        shown: dict[str, Any] = {}
    else:
        low, high = limits
        passed = low <= counts[0] <= high
        description = f"{counts[0]:,} rows; ordinary: {low:,.0f} to {high:,.0f}"
        shown = {"rows": counts[0], "lowest": low, "highest": high}
    return dg.AssetCheckResult(
        asset_key=key,
        check_name="row_bounds",
        passed=passed,
        severity=dg.AssetCheckSeverity.WARN,
        description=description,
        metadata=shown,
    )


def build_history_checks(
    planned: TableSet,
    name: str,
    description: str,
    *,
    limit: int,
    judge: Callable[[Sequence[Load], dg.AssetKey], dg.AssetCheckResult],
) -> dg.AssetChecksDefinition:
    """
    :param limit: How many loads to look at.
    :param judge: Says what is recorded, given the last loads, the newest first.
    :returns: A check of that name for each table that is loaded, as one step.
    """
    keys = [loader.key for loader in planned.loaders]

    @dg.multi_asset_check(
        name=f"{planned.schema.key.to_python_identifier()}_{name}",
        specs=[dg.AssetCheckSpec(name, asset=key, description=description) for key in keys],
        can_subset=True,
    )
    def look_back(context: dg.AssetCheckExecutionContext):
        wanted = {key.asset_key for key in context.selected_asset_check_keys}
        for key in keys:
            if key in wanted:
                yield judge(recent_loads(context.instance, key, limit), key)

    return look_back


def build_rejected_checks(planned: TableSet, *, most: int = 0, share: float = 0.0) -> dg.AssetChecksDefinition:
    """
    Build checks that few enough rows of the last run were rejected, for each table that is loaded.

    :param most: Rows that may be rejected, whatever their share.
    :param share: Share of the rows that may be rejected.
    """
    limits = [text for text, limit in ((f"{most:,}", most), (f"{share:.2%}", share)) if limit]
    description = f"No more than {' or '.join(limits)} of the rows" if limits else "None of the rows"
    description += " of the last run were rejected."

    def judge(loads: Sequence[Load], key: dg.AssetKey) -> dg.AssetCheckResult:
        return rejected_result(loads, key, most=most, share=share)

    return build_history_checks(planned, "rejected_rows", description, limit=MAX_PARTITIONS, judge=judge)


def build_row_bounds_checks(planned: TableSet, bounds: RowBounds | None = None) -> dg.AssetChecksDefinition:
    """Build checks that the number of rows of the last load is like that of those before, for each table that is loaded."""
    chosen = bounds or RowBounds()

    def judge(loads: Sequence[Load], key: dg.AssetKey) -> dg.AssetCheckResult:
        return bounds_result(loads, key, chosen)

    return build_history_checks(
        planned,
        "row_bounds",
        "The last load has about as many rows as those before.",
        limit=chosen.history + 1,
        judge=judge,
    )
