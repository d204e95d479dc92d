"""Data-classes as Dagster assets: a schema that is planned, shown and applied, and tables that rows are streamed into."""

from pysqlsync_dagster.assets import AssetOptions, build_assets
from pysqlsync_dagster.resources import (
    DatabaseResource,
    EmbeddedPostgreSQLResource,
    MySQLResource,
    PostgreSQLResource,
    ServerResource,
)
from pysqlsync_dagster.schema_sync import build_schema_asset
from pysqlsync_dagster.streams import Source
from pysqlsync_dagster.translator import DescribedTable, TableModule, TableTranslator, build_table_specs

__all__ = [
    "AssetOptions",
    "DatabaseResource",
    "DescribedTable",
    "EmbeddedPostgreSQLResource",
    "MySQLResource",
    "PostgreSQLResource",
    "ServerResource",
    "Source",
    "TableModule",
    "TableTranslator",
    "build_assets",
    "build_schema_asset",
    "build_table_specs",
]
