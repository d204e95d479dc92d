"""
A copy of two tables of PostgreSQL in MySQL or MariaDB, as Dagster definitions: `dagster dev -m examples.replication.definitions`.

Every five minutes what has changed is copied; every night all rows are, and what the source has no longer is deleted. See
`docs/how-to/replicate.md`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import dagster as dg

from examples.replication import model
from pysqlsync_dagster import (
    DatabaseResource,
    MySQLResource,
    NewRows,
    PostgreSQLResource,
    RowWatch,
    SinceWatermark,
    SyncSchedule,
    TableFeed,
    TableModule,
    build_sync_defs,
    build_table_specs,
)
from pysqlsync_engine.base import (
    DatabaseSource,
    GeneratorOptions,
    LoadMode,
    LoadOptions,
    Watermark,
    class_fields,
    entities,
)
from pysqlsync_engine.factory import get_dialect

SHOP = GeneratorOptions(namespaces={model: "shop"})

LATE = timedelta(minutes=10)
"""How long a transaction of the source may take; rows that were written in it become visible that late."""


def rows(source: DatabaseResource, cls: type, after: Any = None) -> DatabaseSource:
    """:returns: Rows of a table of the source; with `after`, only those that were changed after that moment."""
    return DatabaseSource(
        lambda: source.connect(SHOP),
        class_fields(cls),
        table=get_dialect(source.dialect).get_table(cls, SHOP),
        watermark="changed",
        after=after,
    )


def feed(source: DatabaseResource, cls: type, upstream: dg.AssetSpec) -> TableFeed:
    """:returns: Where the rows of a table come from: what has changed, or all rows if a run asks for them."""
    watermark = Watermark("shop", "changed")
    return TableFeed(
        {
            "changes": SinceWatermark(lambda after: rows(source, cls, after), overlap=LATE),
            "everything": rows(source, cls),
        },
        load=LoadOptions(only_changed=True, watermark=watermark),
        loads={"everything": LoadOptions(LoadMode.MIRROR, only_changed=True, watermark=watermark)},
        upstream=upstream,
    )


def replication(source: DatabaseResource, target: DatabaseResource) -> dg.Definitions:
    """:returns: Assets of both databases, the ones of the target loaded from those of the source; checks, jobs and schedules."""
    originals = build_table_specs(
        TableModule(model, dialect=source.dialect, options=SHOP, prefix=("postgresql",), group="source")
    )
    return build_sync_defs(
        TableModule(model, dialect=target.dialect, options=SHOP, prefix=("mysql",), group="copy"),
        target=target,
        sources={cls: feed(source, cls, originals[cls]) for cls in entities(model)},
        new_rows=NewRows({cls: RowWatch(source, cls, "changed", SHOP) for cls in entities(model)}, cron="*/5 * * * *"),
        schedule=SyncSchedule(cron="0 3 * * *", feed="everything"),
        executor=dg.in_process_executor,  # steps are short: a process for each would take longer than its work
    )


defs = replication(
    PostgreSQLResource(
        host=dg.EnvVar("SHOP_HOST"),
        username=dg.EnvVar("SHOP_USER"),
        password=dg.EnvVar("SHOP_PASSWORD"),
        database="shop",
    ),
    MySQLResource(
        host=dg.EnvVar("COPY_HOST"),
        username=dg.EnvVar("COPY_USER"),
        password=dg.EnvVar("COPY_PASSWORD"),
        database="reporting",
    ),
)
