"""Tables that the engine keeps in a database for itself: how they are recognized, so that no plan is about them."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from pysqlsync_engine.capabilities import Capabilities
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.object_types import Catalog, Namespace, Table

JOURNAL_NAMESPACE = "pysqlsync"
"""Where the journal of streams is; a prefix of names where there are no namespaces."""

JOURNAL_COMMENT = "kept by pysqlsync: what streams of rows have brought"

REJECTED_SUFFIX = "__rejected"
"""What follows the name of a table in that of the table for its rejected rows."""

REJECTED_COMMENT = "kept by pysqlsync: rows that could not be stored"

_DIGEST_CHARACTERS = 8

_COMMENTS = frozenset({JOURNAL_COMMENT, REJECTED_COMMENT})


def rejected_name(table: QualifiedId, capabilities: Capabilities) -> QualifiedId:
    """:returns: Name of the table for rejected rows; one that would be too long has a digest in place of its end."""
    name, limit = table.name + REJECTED_SUFFIX, capabilities.max_identifier_bytes
    in_characters = capabilities.identifiers_in_characters
    if (len(name) if in_characters else len(name.encode())) > limit:
        digest = hashlib.sha256(table.name.encode()).hexdigest()[:_DIGEST_CHARACTERS]
        kept = limit - len(REJECTED_SUFFIX) - _DIGEST_CHARACTERS - 1
        start = table.name[:kept] if in_characters else table.name.encode()[:kept].decode(errors="ignore")
        name = f"{start}_{digest}{REJECTED_SUFFIX}"
    return QualifiedId(table.namespace, name)


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
