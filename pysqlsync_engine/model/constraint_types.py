"""Constraints and indexes of tables, as immutable values. Two are equal if they would produce the same SQL."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from pysqlsync_engine.model.database_object import DatabaseObject
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.literals import quote_literal


class ReferentialAction(enum.Enum):
    """What becomes of a row when the row it refers to is deleted or changes its key."""

    NO_ACTION = "NO ACTION"
    RESTRICT = "RESTRICT"
    CASCADE = "CASCADE"
    SET_NULL = "SET NULL"
    SET_DEFAULT = "SET DEFAULT"


class Deferrability(enum.Enum):
    """When a constraint that can wait for the end of a transaction is checked; `None` in its place: it cannot wait."""

    IMMEDIATE = "DEFERRABLE"
    """After each statement, unless the transaction asks to wait."""

    DEFERRED = "DEFERRABLE INITIALLY DEFERRED"
    """At the end of the transaction, unless the transaction asks for it earlier."""


@dataclass(frozen=True, slots=True)
class Constraint(DatabaseObject):
    """Base of all constraints of a table; the name is unique within the table."""

    name: LocalId


@dataclass(frozen=True, slots=True)
class PrimaryKeyConstraint(Constraint):
    """
    The columns that identify a row, in key order.

    :param include: Columns that the index behind the key holds besides.
    :param lengths: For each column, how many characters or bytes of it count; `None` for all. Empty if all of each count.
    """

    columns: tuple[LocalId, ...]
    include: tuple[LocalId, ...] = ()
    deferrable: Deferrability | None = field(default=None, kw_only=True)
    lengths: tuple[int | None, ...] = field(default=(), kw_only=True)


@dataclass(frozen=True, slots=True)
class UniqueConstraint(Constraint):
    """
    Columns whose values, taken together, are distinct in each row.

    :param include: Columns that the index behind the constraint holds besides.
    :param nulls_not_distinct: True if NULL counts as equal to NULL.
    """

    columns: tuple[LocalId, ...]
    include: tuple[LocalId, ...] = ()
    nulls_not_distinct: bool = field(default=False, kw_only=True)
    deferrable: Deferrability | None = field(default=None, kw_only=True)


@dataclass(frozen=True, slots=True)
class CheckConstraint(Constraint):
    """
    A condition that each row meets.

    :param expression: SQL condition without the outer parentheses, as the server would print it.
    :param columns: Those that the condition is about, where known; for messages, not compared.
    :param validated: False if rows that were there before the constraint may violate it.
    :param inherited: False if tables that inherit from this one do not have the constraint (`NO INHERIT`).
    :param enforced: False if the server does not check it (`NOT ENFORCED`).
    """

    expression: str
    columns: tuple[LocalId, ...] = field(default=(), compare=False, kw_only=True)
    validated: bool = field(default=True, kw_only=True)
    inherited: bool = field(default=True, kw_only=True)
    enforced: bool = field(default=True, kw_only=True)


@dataclass(frozen=True, slots=True)
class LabelCheck(CheckConstraint):
    """
    A check that a text column holds one of the labels of an enumeration, as formed from a class.

    `expression` is the ANSI form, `"state" IN ('on', 'off')`. Lowering turns this constraint into a plain
    `CheckConstraint` of the same name with the expression as the server prints it, as servers keep no such structure.
    PostgreSQL (15 and 18 alike) prints `state = ANY (ARRAY['on'::text, 'off'::text])`, and `state = 'on'::text` for a single
    label: the column is quoted only where needed, quotes in labels are doubled, backslashes stay as they are.

    :param labels: In order of definition.
    """

    expression: str = field(init=False)
    column: LocalId
    labels: tuple[str, ...]

    def __post_init__(self) -> None:
        labels = ", ".join(quote_literal(label) for label in self.labels)
        object.__setattr__(self, "expression", f"{self.column} IN ({labels})")
        object.__setattr__(self, "columns", (self.column,))


@dataclass(frozen=True, slots=True)
class ForeignKeyConstraint(Constraint):
    """
    Columns that refer to a key of another (or the same) table; columns pair up by position.

    :param match_full: True if either all of the columns are NULL or none (`MATCH FULL`).
    :param validated: False if rows that were there before the constraint may violate it.
    :param enforced: False if the server does not check it (`NOT ENFORCED`).
    """

    columns: tuple[LocalId, ...]
    referenced_table: QualifiedId
    referenced_columns: tuple[LocalId, ...]
    on_delete: ReferentialAction = ReferentialAction.NO_ACTION
    on_update: ReferentialAction = ReferentialAction.NO_ACTION
    deferrable: Deferrability | None = field(default=None, kw_only=True)
    match_full: bool = field(default=False, kw_only=True)
    validated: bool = field(default=True, kw_only=True)
    enforced: bool = field(default=True, kw_only=True)


@dataclass(frozen=True, slots=True)
class ExclusionConstraint(Constraint):
    """
    No two rows are in conflict by given operators.

    :param definition: As the server prints it after the name: `EXCLUDE USING gist (during WITH &&)`.
    """

    definition: str
    deferrable: Deferrability | None = field(default=None, kw_only=True)


@dataclass(frozen=True, slots=True)
class IndexPart(DatabaseObject):
    """
    One key of an index: a column or an expression.

    :param column: `None` for an expression.
    :param expression: SQL expression without outer parentheses, as the server would print it; `None` for a column.
    :param nulls_first: `None` where the server's rule holds: NULL is larger than all else in PostgreSQL.
    :param length: How many characters or bytes of the column count; `None` for all.
    :param operator_class: As the server prints it, with parameters; `None` for the default one of the type.
    :param collation: As the server prints it; `None` for that of the column.
    """

    column: LocalId | None = None
    expression: str | None = None
    descending: bool = False
    nulls_first: bool | None = None
    length: int | None = None
    operator_class: str | None = None
    collation: str | None = None

    def __post_init__(self) -> None:
        if (self.column is None) == (self.expression is None):
            raise ValueError("index part: expected either a column or an expression")


@dataclass(frozen=True, slots=True)
class Index(DatabaseObject):
    """
    An index that no constraint is behind.

    :param name: Unique in the namespace (PostgreSQL) or in the table (MySQL).
    :param parts: Keys, in order.
    :param method: `None` for the usual one (a B-tree); else in the server's spelling: `gin`, `FULLTEXT`.
    :param include: Columns that the index holds besides its keys.
    :param predicate: Condition of the rows that are in a partial index, without outer parentheses, as the server prints it.
    :param options: Storage parameters and the like as the server prints them, in its order: `fillfactor='70'`.
    :param valid: False for one that the server could not finish, and does not use.
    :param visible: False for one that the server keeps but does not use for queries.
    """

    name: LocalId
    parts: tuple[IndexPart, ...]
    unique: bool = False
    method: str | None = None
    include: tuple[LocalId, ...] = ()
    predicate: str | None = None
    nulls_not_distinct: bool = field(default=False, kw_only=True)
    options: tuple[str, ...] = field(default=(), kw_only=True)
    description: str | None = field(default=None, kw_only=True)
    valid: bool = field(default=True, kw_only=True)
    visible: bool = field(default=True, kw_only=True)

    @property
    def columns(self) -> tuple[LocalId, ...]:
        """Columns among the keys; those inside of expressions are not told."""
        return tuple(part.column for part in self.parts if part.column is not None)
