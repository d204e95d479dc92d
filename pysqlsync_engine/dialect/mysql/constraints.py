"""Constraints and indexes of a desired catalog as MySQL or MariaDB will report them back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from pysqlsync_engine.dialect.mysql.capabilities import MAX_IDENTIFIER_CHARACTERS, Features
from pysqlsync_engine.dialect.mysql.columns import check_expression
from pysqlsync_engine.dialect.mysql.expressions import label_condition, normalize_expression
from pysqlsync_engine.dialect.mysql.objects import MySQLColumn
from pysqlsync_engine.errors import UnsupportedError
from pysqlsync_engine.formation.names import constraint_name
from pysqlsync_engine.model.constraint_types import Index, IndexPart
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.object_types import (
    CheckConstraint,
    Constraint,
    ForeignKeyConstraint,
    LabelCheck,
    ReferentialAction,
    Table,
    UniqueConstraint,
)

WORD_INDEXES = frozenset({"FULLTEXT", "SPATIAL"})
"""Kinds of indexes that stand before the word `INDEX`, and take no lengths."""

_METHODS = frozenset({"BTREE", "HASH", "RTREE"}) | WORD_INDEXES


def usual_method(engine: str | None) -> str:
    """:returns: The kind of index that a storage engine makes if nothing is said."""
    return "HASH" if (engine or "").upper() == "MEMORY" else "BTREE"


def unique_name(prefix: str, name: str) -> str:
    """:returns: The name with a prefix, unless the prefix is in it; shortened where it would be too long."""
    if f"{prefix}__" in name:
        return name
    joined = f"{prefix}__{name}"
    if len(joined) <= MAX_IDENTIFIER_CHARACTERS:
        return joined
    return constraint_name(f"{prefix}__{name}", max_bytes=MAX_IDENTIFIER_CHARACTERS)


class ConstraintLowering:
    """
    Lowers constraints and indexes of one table; not changed by any call.

    :param original: Name of the table in its namespace.
    :param name: Name of the table in the database.
    :param columns: Lowered.
    """

    def __init__(
        self, original: QualifiedId, name: QualifiedId, columns: Sequence[MySQLColumn], features: Features
    ) -> None:
        self._prefix = original.namespace
        self._name = name
        self._columns = {column.name: column for column in columns}
        self._features = features

    def lower(self, constraint: Constraint) -> Constraint:
        """:raises UnsupportedError: if there is nothing like it."""
        match constraint:
            case UniqueConstraint():
                return self._unique(constraint)
            case LabelCheck():
                return CheckConstraint(
                    self._unique_name(constraint.name), self._label_condition(constraint), columns=constraint.columns
                )
            case CheckConstraint():
                return self._check(constraint)
            case ForeignKeyConstraint():
                return self._foreign_key(constraint)
            case _:
                raise self._refusal(constraint.name, "the server has no such constraint", "remove it")

    def keys_and_indexes(self, table: Table, usual: str) -> tuple[tuple[UniqueConstraint, ...], tuple[Index, ...]]:
        """
        :param usual: Kind of index that the table has if nothing is said.
        :returns: Indexes; those that are unique and on whole columns are constraints to the server.
        """
        keys: list[UniqueConstraint] = []
        indexes: list[Index] = []
        for index in (self._index(index, usual) for index in table.indexes):
            if is_plain_key(index):
                keys.append(UniqueConstraint(index.name, index.columns))
            else:
                indexes.append(index)
        return tuple(keys), tuple(indexes)

    def _refusal(self, name: LocalId, what: str, remedy: str) -> UnsupportedError:
        return UnsupportedError(f"{self._name.display}: {name.name}: {what}; {remedy}")

    def _unique_name(self, name: LocalId) -> LocalId:
        """:returns: The name, with the namespace in it, as names of checks and foreign keys are unique in a database."""
        return name if not self._prefix else LocalId(unique_name(self._prefix, name.name))

    def _unique(self, key: UniqueConstraint) -> UniqueConstraint:
        if key.include or key.deferrable is not None or key.nulls_not_distinct:
            raise self._refusal(
                key.name,
                "a unique key can neither include columns, nor wait, nor take NULLs for equal",
                "remove the option",
            )
        return key

    def _check(self, check: CheckConstraint) -> CheckConstraint:
        if not check.validated:
            raise self._refusal(check.name, "the server checks all rows", "remove validated=False")
        if not check.enforced and not self._features.unenforced_checks:
            raise self._refusal(check.name, "the server has no checks that are not enforced", "remove enforced=False")
        text = check_expression(
            normalize_expression(check.expression),
            f"{self._name.display}: {check.name.name}",
            wide=self._features.wide_expressions,
        )
        return replace(check, name=self._unique_name(check.name), expression=text, inherited=True)

    def _label_condition(self, check: LabelCheck) -> str:
        if check.column not in self._columns or not check.labels:
            raise self._refusal(
                check.name, "expected a column and one or more labels", "store the enumeration otherwise"
            )
        introducer = "_utf8mb4" if self._features.marked_expressions else ""
        condition = label_condition(check.column, check.labels, introducer=introducer)
        place = f"{self._name.display}.{check.column.name}"
        return check_expression(condition, place, wide=self._features.wide_expressions)

    def _foreign_key(self, key: ForeignKeyConstraint) -> ForeignKeyConstraint:
        if key.deferrable is not None or key.match_full or not key.enforced or not key.validated:
            raise self._refusal(
                key.name,
                "a foreign key can neither wait, nor match in full, nor be left unchecked",
                "remove the option",
            )
        if ReferentialAction.SET_DEFAULT in (key.on_delete, key.on_update):
            raise self._refusal(key.name, "InnoDB cannot set a default", "use SET_NULL or RESTRICT")
        namespace, name = key.referenced_table.namespace, key.referenced_table.name
        return replace(
            key,
            name=self._unique_name(key.name),
            referenced_table=QualifiedId(None, f"{namespace}__{name}" if namespace else name),
        )

    def _index(self, index: Index, usual: str) -> Index:
        method = None if index.method is None else index.method.upper()
        if index.predicate is not None or index.include or index.nulls_not_distinct or not index.valid:
            raise self._refusal(
                index.name, "an index can be neither partial nor covering", "remove the condition or the option"
            )
        if method is not None and method not in _METHODS:
            raise self._refusal(index.name, f"the server has no {index.method} indexes", "use another method")
        return replace(
            index,
            parts=tuple(self._part(part, index) for part in index.parts),
            method=None if method == usual else method,
            description=index.description or None,
        )

    def _part(self, part: IndexPart, index: Index) -> IndexPart:
        if part.operator_class is not None or part.collation is not None or part.nulls_first is not None:
            raise self._refusal(
                index.name,
                "keys have neither operator classes nor collations nor an order of NULLs",
                "remove the option",
            )
        if part.expression is None:
            return part
        if not self._features.functional_indexes:
            raise self._refusal(
                index.name, "the server cannot index an expression", "index a column that is GeneratedAs(...) it"
            )
        return replace(part, expression=normalize_expression(part.expression))


def is_plain_key(index: Index) -> bool:
    """:returns: True for a unique index that says nothing besides which columns it is on."""
    return (
        index.unique
        and index.method is None
        and index.visible
        and index.description is None
        and not index.options
        and all(part == IndexPart(part.column) for part in index.parts if part.column is not None)
        and len(index.columns) == len(index.parts)
    )


def implicit_indexes(table: Table) -> Iterator[Index]:
    """:returns: The indexes that the server makes for foreign keys, named as these, where no other one begins with their columns."""
    keys = [] if table.primary_key is None or table.primary_key.lengths else [table.primary_key.columns]
    keys += [constraint.columns for constraint in table.constraints if isinstance(constraint, UniqueConstraint)]
    keys += [_leading_columns(index) for index in table.indexes if index.method not in WORD_INDEXES]
    for key in sorted(table.foreign_keys, key=lambda key: (-len(key.columns), key.name)):
        if not any(columns[: len(key.columns)] == key.columns for columns in keys):
            keys.append(key.columns)
            yield Index(key.name, tuple(IndexPart(column) for column in key.columns))


def _leading_columns(index: Index) -> tuple[LocalId, ...]:
    """:returns: Whole columns at the beginning of an index."""
    columns: list[LocalId] = []
    for part in index.parts:
        if part.column is None or part.length is not None:
            break
        columns.append(part.column)
    return tuple(columns)
