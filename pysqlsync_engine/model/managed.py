"""Tables that the engine keeps in a database for itself: how they are recognized, so that no plan is about them."""

from __future__ import annotations

from dataclasses import replace

from pysqlsync_engine.model.id_types import LocalId
from pysqlsync_engine.model.object_types import Catalog, Namespace, Table

JOURNAL_NAMESPACE = "pysqlsync"
"""Where the journal of streams is; a prefix of names where there are no namespaces."""

JOURNAL_COMMENT = "kept by pysqlsync: what streams of rows have brought"

REJECTED_SUFFIX = "__rejected"
"""What follows the name of a table in that of the table for its rejected rows."""

REJECTED_COMMENT = "kept by pysqlsync: rows that could not be stored"

_COMMENTS = frozenset({JOURNAL_COMMENT, REJECTED_COMMENT})


def is_managed(table: Table) -> bool:
    """:returns: True if the engine made the table for itself; the name alone does not tell, somebody may like it too."""
    name = table.name
    own_name = (
        name.name.endswith(REJECTED_SUFFIX)
        or name.namespace == JOURNAL_NAMESPACE
        or name.name.startswith(f"{JOURNAL_NAMESPACE}__")
    )
    return own_name and table.description in _COMMENTS


def without_managed(catalog: Catalog) -> Catalog:
    """:returns: The catalog without tables that the engine keeps for itself, which are listed as unmanaged."""
    managed = [table.name.display for table in catalog.tables() if is_managed(table)]
    if not managed:
        return catalog
    return replace(
        catalog,
        namespaces=tuple(
            each
            for namespace in catalog.namespaces
            if not _is_empty(each := _without(namespace)) or namespace.name != LocalId(JOURNAL_NAMESPACE)
        ),
        unmanaged=tuple(sorted((*catalog.unmanaged, *(f"table {name} (kept by pysqlsync)" for name in managed)))),
    )


def _without(namespace: Namespace) -> Namespace:
    return replace(namespace, tables=tuple(table for table in namespace.tables if not is_managed(table)))


def _is_empty(namespace: Namespace) -> bool:
    return not (namespace.tables or namespace.enums or namespace.structs or namespace.domains)
