"""Definitions from YAML, as components of a Dagster project; each is a face of what is there in Python."""

from pysqlsync_dagster.components.reflected import ReflectedDatabaseComponent
from pysqlsync_dagster.components.sync import SqlSyncComponent

__all__ = ["ReflectedDatabaseComponent", "SqlSyncComponent"]
