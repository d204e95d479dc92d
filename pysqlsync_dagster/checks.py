"""Checks made from the data-classes, asked set-wise of the server: constraints, age and number of rows."""

# Annotations are not postponed here: Dagster reads those of a step as objects.

from collections.abc import AsyncIterable, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TypeAlias

import dagster as dg

from pysqlsync_dagster.assets import TableSet
from pysqlsync_dagster.feeds import ByPartition, SinceWatermark
from pysqlsync_dagster.metadata import pii_columns
from pysqlsync_dagster.questions import Question, table_questions
from pysqlsync_dagster.resources import DatabaseResource
from pysqlsync_dagster.table_loader import TableLoader
from pysqlsync_engine.base import ConnectionContext
from pysqlsync_engine.data.sources import RecordSource

Counter: TypeAlias = Callable[[], Awaitable[int]]
"""Tells how many rows a source has."""


@dataclass(frozen=True, slots=True)
class TableCheck:
    """
    A check of one table that asks over a connection.

    :param ask: Given a connection, says what is recorded.
    """

    spec: dg.AssetCheckSpec
    ask: Callable[[ConnectionContext], Awaitable[dg.AssetCheckResult]]


def build_table_checks(checks: Sequence[TableCheck], planned: TableSet, *, name: str) -> dg.AssetChecksDefinition:
    """:returns: All of the checks as one step, of which a run may select some; they ask one after the other."""
    resource = planned.options.resource

    @dg.multi_asset_check(
        name=f"{planned.schema.key.to_python_identifier()}_{name}",
        specs=[check.spec for check in checks],
        can_subset=True,
        required_resource_keys={resource},
    )
    async def ask_tables(context: dg.AssetCheckExecutionContext):
        database: DatabaseResource = getattr(context.resources, resource)
        async with database.connection(planned.tables.options) as connection:
            for check in checks:
                if check.spec.key in context.selected_asset_check_keys:
                    yield await check.ask(connection)

    return ask_tables


def question_check(question: Question, key: dg.AssetKey, *, hidden: bool, blocking: bool) -> TableCheck:
    """:returns: The check that asks a question; an error where it is blocking, else a warning."""

    async def ask(connection: ConnectionContext) -> dg.AssetCheckResult:
        return question.result(key, await question.ask(connection.audit), hidden=hidden, blocking=blocking)

    spec = dg.AssetCheckSpec(question.name, asset=key, blocking=blocking, description=f"No {question.fault}.")
    return TableCheck(spec, ask)


def build_constraint_checks(
    planned: TableSet, *, enforced: bool = False, blocking: bool = False
) -> list[dg.AssetChecksDefinition]:
    """
    Build checks of what the classes say of their rows. Examples of what is wrong are shown, except for columns marked as `Pii`.

    Without a constraint nobody else sees to it: rows that refer to rows which are not there, missing values in such references,
    labels that an open enumeration does not know.

    :param enforced: True to check also what the server sees to as long as the live table is the described one: keys, unique columns,
        foreign keys, missing values, labels.
    :param blocking: True to fail the run, so that nothing below is loaded; else it is warned.
    :returns: Nothing, or one step for all of them.
    """
    options = planned.tables.options
    checks: list[TableCheck] = []
    for described in planned.tables.tables():
        private = pii_columns(described.table)
        for question in table_questions(described, options, enforced=enforced):
            hidden = options.redact_values or not private.isdisjoint(question.columns)
            key = planned.specs[described.cls].key
            checks.append(question_check(question, key, hidden=hidden, blocking=blocking))
    return [build_table_checks(checks, planned, name="constraints")] if checks else []


def age_of(value: date, now: datetime) -> timedelta:
    """:returns: How long ago a date or a moment was; without a time zone it is in UTC."""
    moment = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day, tzinfo=UTC)
    return now - (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC))


def freshness_check(planned: TableSet, cls: type, column: str, limit: timedelta) -> TableCheck:
    """:returns: The check that the newest row of a table, by one of its columns, is not older than the limit."""
    key = planned.specs[cls].key

    async def ask(connection: ConnectionContext) -> dg.AssetCheckResult:
        table = connection.get_table(cls)
        newest = await connection.audit.highest(table.name, table.column(column).name)
        if newest is not None and not isinstance(newest, date):
            raise dg.Failure(description=f"{table.name.display}.{column}: expected moments or dates; got {newest!r}")
        age = None if newest is None else age_of(newest, datetime.now(UTC))
        return dg.AssetCheckResult(
            asset_key=key,
            check_name="fresh",
            passed=age is not None and age <= limit,
            severity=dg.AssetCheckSeverity.WARN,
            description="the table has no rows" if age is None else f"the newest row is {age} old; limit: {limit}",
            metadata={} if age is None else {"newest": str(newest), "age_seconds": round(age.total_seconds(), 3)},
        )

    description = f"The highest {column} is no more than {limit} ago."
    return TableCheck(dg.AssetCheckSpec("fresh", asset=key, description=description), ask)


def build_freshness_checks(
    planned: TableSet, limits: Mapping[type, tuple[str, timedelta]]
) -> list[dg.AssetChecksDefinition]:
    """
    Build checks of what tables hold, where a `FreshnessPolicy` is about when they were loaded.

    :param limits: By class the column that tells how new a row is, a date or a moment, and how old the newest may be.
    """
    checks = [freshness_check(planned, cls, column, limit) for cls, (column, limit) in limits.items()]
    return [build_table_checks(checks, planned, name="freshness")] if checks else []


async def count_source(source: RecordSource) -> int:
    """:returns: Number of rows that a source has now; all of them are read."""
    batches = source.batches(None)
    if isinstance(batches, AsyncIterable):
        return sum([len(batch) async for batch in batches])
    return sum(len(batch) for batch in batches)


def source_count_check(loader: TableLoader, counter: Counter | None, tolerance: float) -> TableCheck:
    """:returns: The check that a table has as many rows as its source."""
    source = next(iter(loader.feed.sources.values()))
    if counter is None and isinstance(source, ByPartition | SinceWatermark):
        raise ValueError(
            f"{loader.key.to_user_string()}: its source cannot be counted as a whole; say how many rows it has"
        )

    async def ask(connection: ConnectionContext) -> dg.AssetCheckResult:
        if counter is not None:
            expected = await counter()
        else:
            expected = await count_source(source)  # pyright: ignore[reportArgumentType] - others were refused above
        found = await connection.count_rows(connection.get_table(loader.cls))
        return dg.AssetCheckResult(
            asset_key=loader.key,
            check_name="source_rows",
            passed=abs(found - expected) <= tolerance * expected,
            severity=dg.AssetCheckSeverity.WARN,
            description=f"{found:,} rows in the table, {expected:,} in the source",
            metadata={"rows": found, "source_rows": expected},
        )

    spec = dg.AssetCheckSpec("source_rows", asset=loader.key, description="The table has as many rows as its source.")
    return TableCheck(spec, ask)


def build_source_count_checks(
    planned: TableSet, counters: Mapping[type, Counter | None], *, tolerance: float = 0.0
) -> list[dg.AssetChecksDefinition]:
    """
    Build checks that tables have as many rows as their sources.

    :param counters: By class what tells how many rows the source has; `None` reads the source.
    :param tolerance: What share of the rows may be missing, or too many.
    :raises ValueError: if a table has no source, or one that cannot be counted.
    """
    loaders = {loader.cls: loader for loader in planned.loaders}
    strangers = [cls.__name__ for cls in counters if cls not in loaders]
    if strangers:
        raise ValueError(f"counters: {', '.join(strangers)} is not loaded by these definitions")
    checks = [source_count_check(loaders[cls], each, tolerance) for cls, each in counters.items()]
    return [build_table_checks(checks, planned, name="source_counts")] if checks else []
