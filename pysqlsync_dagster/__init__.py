"""Data-classes as Dagster assets: a schema that is planned, shown and applied, and tables that rows are streamed into."""

from pysqlsync_dagster.assets import AssetOptions, TableSet, build_assets, plan_tables, table_assets
from pysqlsync_dagster.checks import build_constraint_checks, build_freshness_checks, build_source_count_checks
from pysqlsync_dagster.components import ReflectedDatabaseComponent, SqlSyncComponent
from pysqlsync_dagster.drift import build_drift_checks
from pysqlsync_dagster.feeds import ByPartition, Contract, SinceWatermark, Source, TableFeed
from pysqlsync_dagster.history_checks import RowBounds, build_rejected_checks, build_row_bounds_checks
from pysqlsync_dagster.incremental import (
    FileWatch,
    NewRows,
    RowWatch,
    build_file_sensor,
    build_row_sensor,
    build_watermark_schedule,
)
from pysqlsync_dagster.load_metadata import RejectPreview
from pysqlsync_dagster.observation import build_observable_tables
from pysqlsync_dagster.partition_files import partition_files
from pysqlsync_dagster.partitions import PartitionSlice
from pysqlsync_dagster.resources import (
    DatabaseResource,
    EmbeddedPostgreSQLResource,
    MySQLResource,
    PostgreSQLResource,
    ServerResource,
)
from pysqlsync_dagster.schedules import SyncSchedule, build_table_schedule
from pysqlsync_dagster.schema_asset import build_schema_asset, build_schema_job, build_schema_op
from pysqlsync_dagster.sync_defs import CheckOptions, build_sync_defs
from pysqlsync_dagster.translator import DescribedTable, TableModule, TableTranslator, build_table_specs

__all__ = [
    "AssetOptions",
    "ByPartition",
    "CheckOptions",
    "Contract",
    "DatabaseResource",
    "DescribedTable",
    "EmbeddedPostgreSQLResource",
    "FileWatch",
    "MySQLResource",
    "NewRows",
    "PartitionSlice",
    "PostgreSQLResource",
    "ReflectedDatabaseComponent",
    "RejectPreview",
    "RowBounds",
    "RowWatch",
    "ServerResource",
    "SinceWatermark",
    "Source",
    "SqlSyncComponent",
    "SyncSchedule",
    "TableFeed",
    "TableModule",
    "TableSet",
    "TableTranslator",
    "build_assets",
    "build_constraint_checks",
    "build_drift_checks",
    "build_file_sensor",
    "build_freshness_checks",
    "build_observable_tables",
    "build_rejected_checks",
    "build_row_bounds_checks",
    "build_row_sensor",
    "build_schema_asset",
    "build_schema_job",
    "build_schema_op",
    "build_source_count_checks",
    "build_sync_defs",
    "build_table_schedule",
    "build_table_specs",
    "build_watermark_schedule",
    "partition_files",
    "plan_tables",
    "table_assets",
]
