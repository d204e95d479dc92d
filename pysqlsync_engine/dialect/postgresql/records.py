"""What a row of each query of the catalogs holds."""

from __future__ import annotations

from typing import NamedTuple

from pysqlsync_engine.model.id_types import QualifiedId

EXTENSION = "extension"
"""Kind of what is needed by objects of the catalog, rather than only reported."""


class RelationRecord(NamedTuple):
    """A namespace with one of its relations; without one it is empty."""

    namespace: str
    name: str | None
    kind: str | None
    is_partition: bool | None
    unlogged: bool | None
    description: str | None
    partition_by: str | None
    traits: list[str]

    @property
    def is_table(self) -> bool:
        """True for what the model takes for a table."""
        return self.kind in {"r", "p"} and not self.is_partition


class ColumnRecord(NamedTuple):
    """A column of a table, or a member of a composite type."""

    namespace: str
    relation: str
    is_member: bool
    position: int
    name: str
    definition: str
    type_namespace: str | None
    type_name: str | None
    is_array: bool
    not_null: bool
    identity: str
    generated: str
    expression: str | None
    description: str | None
    collation: str | None
    sequence_namespace: str | None
    sequence_name: str | None
    owns_sequence: bool | None


class ConstraintRecord(NamedTuple):
    """A constraint of a table or of a domain."""

    namespace: str
    relation: str
    of_table: bool
    name: str
    kind: str
    columns: list[str] | None
    expression: str | None
    definition: str | None
    referenced_namespace: str | None
    referenced_table: str | None
    referenced_columns: list[str] | None
    on_delete: str
    on_update: str
    match_full: bool
    deferrable: bool
    deferred: bool
    validated: bool
    enforced: bool
    uninherited: bool
    include: list[str] | None
    nulls_not_distinct: bool | None
    traits: list[str]


class IndexRecord(NamedTuple):
    """
    An index.

    :param keys: Each key as the server prints it.
    :param columns: Of each key, and of each column that the index holds besides; `None` for an expression.
    :param tail: Definition of the index from its first key on.
    """

    namespace: str
    table: str
    name: str
    method: str
    unique: bool
    valid: bool
    nulls_not_distinct: bool
    keys: list[str]
    columns: list[str | None]
    tail: str
    predicate: str | None
    options: list[str]
    description: str | None
    traits: list[str]


class TypeRecord(NamedTuple):
    """A type that somebody has created; what follows the labels is about domains."""

    namespace: str
    name: str
    kind: str
    description: str | None
    labels: list[str] | None
    definition: str
    type_namespace: str | None
    type_name: str | None
    is_array: bool
    not_null: bool
    expression: str | None
    collation: str | None

    @property
    def qualified(self) -> QualifiedId:
        """Name of the type in its namespace."""
        return QualifiedId(self.namespace, self.name)
