"""What the user chooses: how classes become tables, and what a synchronization may do."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from types import ModuleType


class EnumMode(enum.Enum):
    """How an enumeration is stored."""

    TYPE = "type"
    """As a type of its own (PostgreSQL `CREATE TYPE ... AS ENUM`)."""

    INLINE = "inline"
    """As part of the column's type (MySQL `ENUM(...)`)."""

    RELATION = "relation"
    """As a foreign key into a lookup table of `id` and `value`."""

    CHECK = "check"
    """As text, with a constraint that names the permitted labels."""


class StructMode(enum.Enum):
    """How a data-class without a key is stored where it is the type of a field."""

    TYPE = "type"
    """As a composite type of its own (PostgreSQL `CREATE TYPE ... AS`)."""

    JSON = "json"
    """As a JSON document."""


class ArrayMode(enum.Enum):
    """How a list (or a set) is stored."""

    ARRAY = "array"
    """As a value of an array type (PostgreSQL `integer[]`)."""

    JSON = "json"
    """As a JSON document."""

    RELATION = "relation"
    """As rows of a table of its own, which refer to the row that has the list."""


class Hazard(enum.Enum):
    """What a step of a plan may do besides what it is meant for."""

    DELETES_DATA = "deletes data"
    DROPS_OBJECT = "drops an object"
    NARROWS_TYPE = "narrows a type"
    REWRITES_TABLE = "rewrites the table"
    BLOCKS_WRITES = "blocks writes"
    MAY_FAIL_ON_DATA = "may fail on data"

    @property
    def is_destructive(self) -> bool:
        """True if what is lost cannot be had back, so that a policy must permit it by name."""
        return self in {Hazard.DELETES_DATA, Hazard.DROPS_OBJECT, Hazard.NARROWS_TYPE}


DROP_KINDS = frozenset({"table", "column", "type", "member", "namespace"})
"""What a policy may permit to drop by name."""


@dataclass(frozen=True, slots=True)
class GeneratorOptions:
    """
    How data-classes become database objects.

    :param enum_mode: How enumerations are stored; `None` takes what suits the dialect best.
    :param struct_mode: How data-classes without a key are stored; `None` takes what suits the dialect best.
    :param array_mode: How lists are stored; `None` takes what suits the dialect best.
    :param namespaces: Namespace for each module that defines data-classes; `None` is the default namespace of the
        connection. Where the mapping is empty, every module has the default namespace; else a module that is missing
        from it is an error.
    :param redact_values: True if error messages must not show values of rows.
    """

    enum_mode: EnumMode | None = None
    namespaces: Mapping[ModuleType, str | None] = field(default_factory=dict[ModuleType, str | None])
    redact_values: bool = False
    struct_mode: StructMode | None = None
    array_mode: ArrayMode | None = None


@dataclass(frozen=True, slots=True)
class SyncPolicy:
    """
    What `synchronize` may do.

    :param allow: Destructive hazards that are permitted; hazards that destroy nothing are always permitted.
    :param keep: Patterns (`*`, `?`, `[...]`) of qualified names of tables and types that no class describes and that
        are left alone: `("public.legacy_*",)`. Undeclared objects that match no pattern are planned to be dropped,
        and refused unless `allow` permits it.
    :param allow_drop: Patterns of qualified names of what may be dropped, by kind: `{"table": ("public.old_*",), "column":
        ("public.users.legacy_*",)}`. Kinds are `table`, `column`, `type`, `member` (of a composite type) and `namespace`.
    :param online: True to let others read and write meanwhile, as far as the server can: each step is a transaction of its own, so
        steps that are done stay if a later one fails. Re-running continues.
    :param verify_on_clone: True to try the plan first on a scratch database with the same schema and no rows, so that nothing is
        changed if the server refuses a step or the result differs. The user has to be permitted to create databases.
    :param lock_attempts: How often a step is tried in all if a lock is not granted in time, with longer and longer pauses.
    :param lock_timeout_s: Seconds to wait for each lock before giving up, so that other sessions do not queue up.
    """

    allow: Set[Hazard] = frozenset()
    keep: tuple[str, ...] = ()
    lock_timeout_s: float = 5.0
    online: bool = False
    lock_attempts: int = 5
    verify_on_clone: bool = False
    allow_drop: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])

    def __post_init__(self) -> None:
        unknown = ", ".join(sorted(set(self.allow_drop) - DROP_KINDS))
        if unknown:
            raise ValueError(f"allow_drop: unknown kind {unknown}; known: {', '.join(sorted(DROP_KINDS))}")

    def permits_drop(self, kind: str, name: str) -> bool:
        """:returns: True if an object of that kind and qualified name may be dropped, whatever hazards are permitted."""
        return any(fnmatchcase(name, pattern) for pattern in self.allow_drop.get(kind, ()))
