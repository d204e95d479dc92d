"""The differences between two versions of a table, as immutable values; operations are made of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from pysqlsync_engine.model.id_types import LocalId
from pysqlsync_engine.model.object_types import Column, Constraint, Table


@dataclass(frozen=True, slots=True)
class AddColumn:
    """Add a column at the end of a table."""

    column: Column


@dataclass(frozen=True, slots=True)
class RenameColumn:
    """Give a column another name; nothing else of it changes. Comes before all other changes of the table."""

    source: LocalId
    target: LocalId


@dataclass(frozen=True, slots=True)
class DropColumn:
    """Drop a column with its values."""

    column: Column


@dataclass(frozen=True, slots=True)
class AlterColumn:
    """
    Change type, nullability, default, identity or comment of a column; the name is the same.

    :param marks_keys: True if the values are keys of a lookup table that become text, and are to be told apart from labels.
    """

    source: Column
    target: Column
    marks_keys: bool = False


@dataclass(frozen=True, slots=True)
class AddConstraint:
    """Add a primary-key, unique or check constraint."""

    constraint: Constraint


@dataclass(frozen=True, slots=True)
class DropConstraint:
    """Drop a primary-key, unique or check constraint."""

    constraint: Constraint


@dataclass(frozen=True, slots=True)
class RenameConstraint:
    """Give a constraint another name; nothing else of it differs."""

    source: Constraint
    target: Constraint


@dataclass(frozen=True, slots=True)
class SetDescription:
    """Replace the comment of the table; `None` removes it."""

    description: str | None


@dataclass(frozen=True, slots=True)
class SetOptions:
    """Change what only one vendor's tables have: how rows are stored, and the like."""

    source: Table
    target: Table


TableChange: TypeAlias = (
    AddColumn
    | RenameColumn
    | DropColumn
    | AlterColumn
    | AddConstraint
    | DropConstraint
    | RenameConstraint
    | SetDescription
    | SetOptions
)
"""One difference between two versions of a table."""
