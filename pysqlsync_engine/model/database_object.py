"""What all database objects have in common."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DatabaseObject:
    """Base of all database objects; `str()` is the ANSI SQL that creates it."""

    def __str__(self) -> str:
        from pysqlsync_engine.model.definition import ANSI

        return ANSI.create(self)
