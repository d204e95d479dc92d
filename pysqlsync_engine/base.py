"""The names that users of the engine need, in one place."""

from pysqlsync_engine.connection import ConnectionContext, ConnectionPool
from pysqlsync_engine.data.cursor import lower_bound
from pysqlsync_engine.data.journal import Mark
from pysqlsync_engine.data.load_errors import PartialLoadError, UncertainCommitError
from pysqlsync_engine.data.load_options import (
    Atomicity,
    History,
    LoadMode,
    LoadOptions,
    OnDuplicate,
    OnError,
    Watermark,
)
from pysqlsync_engine.data.load_report import Counts, LoadReport, Speed
from pysqlsync_engine.data.sources import Batches, Fields, RecordSource, Window
from pysqlsync_engine.database_source import DatabaseSource
from pysqlsync_engine.discovery.python_module import modules_from_source
from pysqlsync_engine.discovery.python_source import write_modules
from pysqlsync_engine.engine import Engine, Generator
from pysqlsync_engine.explorer import Explorer, created_tables
from pysqlsync_engine.formation.inspection import class_fields, entities
from pysqlsync_engine.formation.json_schema import classes_from_schema
from pysqlsync_engine.migration.apply import ApplyReport
from pysqlsync_engine.migration.operations import touches
from pysqlsync_engine.migration.plan import Plan, Step
from pysqlsync_engine.options import EnumMode, GeneratorOptions, Hazard, SyncPolicy
from pysqlsync_engine.parameters import ConnectionParameters, SSLMode
from pysqlsync_engine.streams import OnFailure, Retries, StreamJob, StreamsError

__all__ = [
    "ApplyReport",
    "Atomicity",
    "Batches",
    "ConnectionContext",
    "ConnectionParameters",
    "ConnectionPool",
    "Counts",
    "DatabaseSource",
    "Engine",
    "EnumMode",
    "Explorer",
    "Fields",
    "Generator",
    "GeneratorOptions",
    "Hazard",
    "History",
    "LoadMode",
    "LoadOptions",
    "LoadReport",
    "Mark",
    "OnDuplicate",
    "OnError",
    "OnFailure",
    "PartialLoadError",
    "Plan",
    "RecordSource",
    "Retries",
    "SSLMode",
    "Speed",
    "Step",
    "StreamJob",
    "StreamsError",
    "SyncPolicy",
    "UncertainCommitError",
    "Watermark",
    "Window",
    "class_fields",
    "classes_from_schema",
    "created_tables",
    "entities",
    "lower_bound",
    "modules_from_source",
    "touches",
    "write_modules",
]
