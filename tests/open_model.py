"""A table whose rows may bring labels that its enumeration does not know, for tests of the Dagster package."""

from __future__ import annotations

import enum
import sys
from dataclasses import dataclass

from pysqlsync_dagster import TableModule
from pysqlsync_engine.base import EnumMode, GeneratorOptions
from pysqlsync_engine.model.key_types import PrimaryKey


class ParcelState(enum.Enum):
    """Where a parcel is."""

    open = "open"
    sent = "sent"


@dataclass(slots=True)
class Parcel:
    """Something that is sent."""

    id: PrimaryKey[int]
    state: ParcelState | str


def tables(dialect: str, *, mode: EnumMode = EnumMode.CHECK) -> TableModule:
    """:returns: The table, with labels as text."""
    options = GeneratorOptions(namespaces={sys.modules[__name__]: "shop"}, enum_mode=mode)
    return TableModule((Parcel,), dialect=dialect, options=options)
