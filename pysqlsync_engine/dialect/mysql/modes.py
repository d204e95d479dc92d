"""Chooses what a mode does with staged rows."""

from __future__ import annotations

from pysqlsync_engine.data.load_options import LoadMode
from pysqlsync_engine.dialect.mysql.history import HistoryMerge
from pysqlsync_engine.dialect.mysql.merging import (
    DeleteMerge,
    InsertMerge,
    Merge,
    MirrorMerge,
    ReplaceMerge,
    UpsertMerge,
)
from pysqlsync_engine.dialect.mysql.staging import Staging


def make_merge(staging: Staging, *, keeps_missing: bool = False) -> Merge:
    """:param keeps_missing: True if it is not known which rows the stream lacks."""
    match staging.target.mode:
        case LoadMode.INSERT:
            return InsertMerge(staging)
        case LoadMode.DELETE:
            return DeleteMerge(staging)
        case LoadMode.UPSERT:
            return UpsertMerge(staging)
        case LoadMode.REPLACE:
            return ReplaceMerge(staging)
        case LoadMode.MIRROR:
            return MirrorMerge(staging, keeps_missing=keeps_missing)
        case LoadMode.HISTORY:
            return HistoryMerge(staging, keeps_missing=keeps_missing)
