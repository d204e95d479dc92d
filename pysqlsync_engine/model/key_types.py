"""
Annotations by which a field of a data-class says what part it plays in the keys of its table.

`PrimaryKey[int]` is short for `Annotated[int, PrimaryKeyTag()]`; type checkers see `int`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, TypeVar

from pysqlsync_engine.model.object_types import IdentityMode

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PrimaryKeyTag:
    """Marks a field as (a part of) the primary key; several marked fields make a composite key, in field order."""


@dataclass(frozen=True, slots=True)
class UniqueTag:
    """Marks a field whose values must be distinct."""


@dataclass(frozen=True, slots=True)
class IdentityTag:
    """
    Marks an integer field whose value the server counts.

    :param mode: Whether a statement may give a value; in MySQL, each mode is `AUTO_INCREMENT`.
    :param sequence: For `IdentityMode.SERIAL`, the name (`public.shared_seq`) of a sequence that is not the column's own; quoted as in
        SQL if its name, or its namespace, has a dot or a quote in it.
    """

    mode: IdentityMode = IdentityMode.BY_DEFAULT
    sequence: str | None = None


@dataclass(frozen=True, slots=True)
class NotEnforcedTag:
    """Marks a reference to another table that is declared and documented but not enforced by a constraint."""


PrimaryKey = Annotated[T, PrimaryKeyTag()]
"""The field identifies its row."""

Unique = Annotated[T, UniqueTag()]
"""No two rows have the same value; NULL is never equal to NULL."""

Identity = Annotated[T, IdentityTag()]
"""The server generates the value when it is not given: `PrimaryKey[Identity[int]]`."""

NotEnforced = Annotated[T, NotEnforcedTag()]
"""The field refers to another table whose rows need not exist: `NotEnforced[Plane] | None`."""
