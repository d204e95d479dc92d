"""Where the rows of a stream go."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pysqlsync_engine.data.load_options import History, LoadMode, LoadOptions
from pysqlsync_engine.errors import LoadError, RowError, StatementError
from pysqlsync_engine.model.fields import Fields
from pysqlsync_engine.model.id_types import LocalId
from pysqlsync_engine.model.object_types import Column, ForeignKeyConstraint, Lookup, Table, UniqueConstraint

_KEYED = frozenset({LoadMode.UPSERT, LoadMode.DELETE, LoadMode.MIRROR, LoadMode.HISTORY})


@dataclass(frozen=True, slots=True)
class LoadTarget:
    """
    Where the rows of one stream go.

    :param columns: The named columns of the table, in the order of the values of a row.
    :param types: Python type (annotation) of each value.
    :param label: Name by which rejected rows of the stream are told apart if the options give none.
    :param is_repeated: True if rows that were rejected under this name are those of an attempt that failed half-way.
    """

    table: Table
    columns: tuple[Column, ...]
    types: tuple[Any, ...]
    options: LoadOptions
    label: str | None = None
    is_repeated: bool = False

    @property
    def mode(self) -> LoadMode:
        """What becomes of the rows."""
        return self.options.mode

    @property
    def redact_values(self) -> bool:
        """True if messages must not show values of rows."""
        return self.options.redact_values

    @property
    def origin(self) -> tuple[str | None, str | None]:
        """The stream and the part of it that rejected rows come from."""
        options = self.options
        return options.stream_name, options.batch or options.partition or self.label

    @property
    def forgets_rejected(self) -> bool:
        """True if rows that were rejected under this name are rejected anew, or stored now."""
        return self.options.partition is not None or self.is_repeated

    @property
    def key_names(self) -> tuple[str, ...]:
        """Columns that tell rows apart: those of the primary key, but for the one that tells versions apart."""
        history = self.options.history
        return tuple(name for name in self.table.key_names if history is None or name != history.valid_from)

    def needs_label(self, lookup: Lookup) -> bool:
        """:returns: True if each label of a column has to be there: any key may be deleted, and labels that were added may be gone again."""
        return not (lookup.extensible and self.mode is LoadMode.DELETE)

    def unique_columns(self) -> Iterator[tuple[str, Sequence[LocalId]]]:
        """:returns: Unique keys and plain unique indexes all of whose columns are named, each by its name."""
        named = {column.name for column in self.columns}
        for constraint in self.table.constraints:
            if isinstance(constraint, UniqueConstraint) and named.issuperset(constraint.columns):
                yield constraint.name.name, constraint.columns
        for index in self.table.indexes:
            is_plain = index.unique and index.predicate is None and len(index.columns) == len(index.parts)
            if is_plain and named.issuperset(index.columns):
                yield index.name.name, index.columns

    @property
    def stub_keys(self) -> tuple[ForeignKeyConstraint, ...]:
        """Foreign keys whose missing rows are added."""
        if self.mode is LoadMode.DELETE:
            return ()
        named = {column.name.name for column in self.columns}
        return tuple(
            key for name in self.options.stubs if name in named for key in stub_candidates(self.table, name)[:1]
        )

    def stub_error(self, key: ForeignKeyConstraint, error: StatementError) -> LoadError:
        """:returns: Error for rows that need more than their key."""
        return LoadError(
            f"{key.referenced_table.display}: cannot add rows that {self.table.name.display}.{key.columns[0].name} refers to:"
            f" {error}; let the other columns be NULL, give them defaults, or do without stubs"
        )

    def row_error(self, column: str | None, row: int | None, reason: str, value: str | None = None) -> RowError:
        """
        :param reason: What is wrong, without the value.
        :param value: The value in a form that fits in a message; `None` if it is not known.
        :returns: Error for a row of the stream, without the value if values are redacted.
        """
        if self.redact_values:
            return RowError(self.table.name.display, column, row, reason.removesuffix("; got"))
        return RowError(self.table.name.display, column, row, reason, value)


def stub_candidates(table: Table, column: str) -> list[ForeignKeyConstraint]:
    """:returns: Foreign keys of a column alone, to other tables."""
    return [
        key
        for key in table.foreign_keys
        if key.enforced and key.columns == (LocalId(column),) and key.referenced_table != table.name
    ]


def choose_target(table: Table, fields: Fields, options: LoadOptions) -> LoadTarget:
    """
    :returns: Where the fields go.
    :raises ValueError: if a name is unknown or repeated, or a column is missing that the mode needs.
    """
    name, names = table.name.display, fields.names
    if not names:
        raise ValueError(f"{name}: no fields are named; name at least one column")
    for position, field in enumerate(names):
        if field not in table.column_names:
            raise ValueError(f"{name}: no column {field!r}; columns: {', '.join(table.column_names)}")
        if field in names[:position]:
            raise ValueError(f"{name}: column {field!r} is named twice; name each column once")
    columns = tuple(table.column(field) for field in names)
    target = LoadTarget(table, columns, fields.types, options)
    _check_keys(target, names)
    _check_options(target, names)
    return target


def _check_keys(target: LoadTarget, names: tuple[str, ...]) -> None:
    name = target.table.name.display
    if target.mode not in _KEYED:
        return
    if not target.key_names:
        raise ValueError(f"{name}: rows cannot be told apart without a primary key; insert them instead")
    missing = [key for key in target.key_names if key not in names]
    if missing:
        raise ValueError(f"{name}: expected the primary key among the fields; add {', '.join(missing)}")


def _check_options(target: LoadTarget, names: tuple[str, ...]) -> None:
    name, options = target.table.name.display, target.options
    watermark = None if options.watermark is None else options.watermark.column
    for role, column in (("version", options.version), ("watermark", watermark)):
        if column is not None and column not in names:
            raise ValueError(f"{name}: expected the {role} column {column!r} among the fields")
    for column in options.stubs:
        if not stub_candidates(target.table, column):
            raise ValueError(
                f"{name}: expected a foreign key of column {column!r} alone, to another table, to add rows there"
            )
    own = _own_columns(options.deleted_at, options.history)
    for column in own:
        if column not in target.table.column_names:
            raise ValueError(f"{name}: no column {column!r}; columns: {', '.join(target.table.column_names)}")
        if column in names:
            raise ValueError(f"{name}: column {column!r} is written by the mode; leave it out of the fields")
    if options.history is not None and options.history.valid_from not in target.table.key_names:
        raise ValueError(f"{name}: expected {options.history.valid_from!r} in the primary key, to tell versions apart")


def _own_columns(deleted_at: str | None, history: History | None) -> tuple[str, ...]:
    names = [deleted_at]
    if history is not None:
        names += [history.valid_from, history.valid_to, history.current]
    return tuple(name for name in names if name is not None)
