"""Indexes that get names which indexes of other tables have so far."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from pysqlsync_engine.capabilities import Capabilities
from pysqlsync_engine.migration.matching import borrowed_name, is_borrowed
from pysqlsync_engine.migration.operations import Operation, RenameIndex
from pysqlsync_engine.model.id_types import LocalId


def lend_names(operations: Iterable[Operation], capabilities: Capabilities | None) -> Iterator[Operation]:
    """
    Let indexes of several tables exchange names, where these are unique in a namespace.

    :returns: The operations; an index whose new name is that of another table's index borrows one in between.
    """
    listed = tuple(operations)
    per_table = capabilities is not None and capabilities.index_names_per_table
    renames = [] if per_table else [each for each in listed if isinstance(each, RenameIndex) and _is_plain(each)]
    owners = {(each.table.namespace, each.source.name): each.table for each in renames}
    for operation in listed:
        if isinstance(operation, RenameIndex) and _is_plain(operation):
            table, name = operation.table, operation.target.name
            if owners.get((table.namespace, name), table) != table:
                borrowed = replace(operation.source, name=LocalId(borrowed_name(operation.source.name.name)))
                yield RenameIndex(table, operation.source, borrowed)
                yield RenameIndex(table, borrowed, operation.target)
                continue
        yield operation


def _is_plain(operation: RenameIndex) -> bool:
    """:returns: True if the index gets another name, and none is borrowed."""
    before, after = operation.source.name, operation.target.name
    return before != after and not is_borrowed(before) and not is_borrowed(after)
