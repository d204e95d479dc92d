"""What is kept of a live database between two looks at it: the data-classes that describe its tables, as source."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from types import ModuleType

from pysqlsync_dagster.resources import DatabaseResource
from pysqlsync_dagster.schema_sync import explorer_of
from pysqlsync_engine.base import modules_from_source, write_modules
from pysqlsync_engine.model.id_types import QualifiedId
from pysqlsync_engine.model.object_types import Catalog

FORMAT = 1
"""Of the file; it is raised when an older file cannot be read any more."""


@dataclass(frozen=True, slots=True)
class Reflection:
    """
    Tables of a database as data-classes; nothing of how to reach it.

    :param sources: For each namespace (empty for the default one) the name and the source of its module.
    """

    dialect: str
    sources: Mapping[str, tuple[str, str]]

    def write(self, path: Path) -> None:
        """Write it as a file."""
        path.write_text(json.dumps({"format": FORMAT, "dialect": self.dialect, "namespaces": self.sources}, indent=1))

    @classmethod
    def read(cls, path: Path) -> Reflection:
        """
        :returns: What has been written to a file.
        :raises ValueError: if it was written by another version.
        """
        found = json.loads(path.read_text())
        if found.get("format") != FORMAT:
            raise ValueError(f"{path}: was written by another version; refresh it: dg utils refresh-defs-state")
        return cls(found["dialect"], {name: (module, source) for name, (module, source) in found["namespaces"].items()})

    def modules(self) -> dict[str, ModuleType]:
        """:returns: For each namespace the module of its data-classes, which is made anew."""
        made = modules_from_source(dict(self.sources.values()))
        return {namespace: made[name] for namespace, (name, _) in self.sources.items()}


async def reflect(
    database: DatabaseResource, namespaces: Sequence[str] | None, patterns: Sequence[str], *, name: str
) -> Reflection:
    """
    Ask a database, outside of runs, for its tables.

    :param namespaces: Those to look at; `None` for all but the server's own.
    :param patterns: Which tables, by their names with namespaces; those that they refer to come along.
    :param name: What the names of modules begin with.
    """
    async with database.connect() as connection:
        found = await explorer_of(connection).discover(namespaces)
    catalog = chosen_tables(found, patterns)
    modules = {
        namespace.name.name: re.sub(r"\W", "_", f"{name}_{namespace.name.name or 'default'}")
        for namespace in catalog.namespaces
    }
    sources = write_modules(catalog, modules=modules)
    return Reflection(database.dialect, {namespace: (module, sources[module]) for namespace, module in modules.items()})


def chosen_tables(catalog: Catalog, patterns: Sequence[str]) -> Catalog:
    """:returns: The catalog with those tables that a pattern names, and all that they refer to."""
    tables = {table.name: table for table in catalog.tables()}
    pending = [name for name in tables if any(fnmatchcase(name.display, pattern) for pattern in patterns)]
    kept: set[QualifiedId] = set()
    while pending:
        name = pending.pop()
        kept.add(name)
        pending += [key.referenced_table for key in tables[name].foreign_keys if key.referenced_table not in kept]
    namespaces = (
        replace(namespace, tables=tuple(table for table in namespace.tables if table.name in kept))
        for namespace in catalog.namespaces
    )
    return replace(catalog, namespaces=tuple(namespaces))
