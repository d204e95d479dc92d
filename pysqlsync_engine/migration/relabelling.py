"""Which columns get other labels, or hold labels in another way: what has to be done with the rows, and when."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from pysqlsync_engine.migration.catalogs import enums_of, tables_of
from pysqlsync_engine.migration.mentions import constraint_expressions, names_in
from pysqlsync_engine.migration.operations import AlterColumn, MergeLabels, RelabelColumn, Relabelling
from pysqlsync_engine.model.data_types import (
    SqlCharacter,
    SqlDecimal,
    SqlInteger,
    SqlLabel,
    SqlLabelSet,
    SqlNamed,
    SqlType,
)
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.literals import quote_literal
from pysqlsync_engine.model.object_types import Catalog, Column, Table, UniqueConstraint

_KEY = LocalId("id")
_VALUE = LocalId("value")
KEY_DECIMALS = 10
KEY_ON_ITS_WAY = SqlDecimal(20, KEY_DECIMALS)
"""Type of a column of keys that is to become text, where the type must make the mark; no label ends like such a number."""

_MAX_LABEL_CHARACTERS = 255
"""In the type of a column, see https://dev.mysql.com/doc/refman/8.4/en/enum.html."""


@dataclass(frozen=True, slots=True)
class EarlyRelabelling:
    """
    Rows are changed before anything else, as what they need may go afterwards.

    :param source: The column as it is.
    :param text: The column by then; equal to `source` if it holds text already.
    :param lookup: Lookup table with the labels of the keys that are, or may still be, in the column; `None` if it holds labels.
    """

    source: Column
    text: Column
    labels: tuple[tuple[str, str], ...] = ()
    lookup: QualifiedId | None = None
    is_set: bool = False

    def operation(self, table: Table, column: Column) -> RelabelColumn:
        """:returns: The operation that changes the rows, for the table as it is by then."""
        kind = Relabelling.LABELS if self.lookup is None else Relabelling.TO_LABELS
        if self.is_set:
            kind = Relabelling.SETS
        return RelabelColumn(table, column, kind, self.labels, self.lookup, detaching=True)

    def alteration(self) -> AlterColumn:
        """:returns: What makes text of the column."""
        return AlterColumn(self.source, self.text, marks_keys=_is_key(self.source.data_type))


@dataclass(frozen=True, slots=True)
class LateRelabelling:
    """
    Rows are changed once all is there that they need, and what they are to meet comes after.

    :param text: The column by then.
    """

    text: Column
    lookup: QualifiedId
    labels: tuple[tuple[str, str], ...] = ()
    extensible: bool = False

    def operation(self, table: Table) -> RelabelColumn:
        """:returns: The operation that changes the rows, for the table as it is by then."""
        return RelabelColumn(table, self.text, Relabelling.TO_KEYS, self.labels, self.lookup, self.extensible)


@dataclass(frozen=True, slots=True)
class TableRelabelling:
    """What is to be done with the rows of a table; by names of columns."""

    early: Mapping[LocalId, EarlyRelabelling] = field(default_factory=dict[LocalId, EarlyRelabelling])
    late: Mapping[LocalId, LateRelabelling] = field(default_factory=dict[LocalId, LateRelabelling])


@dataclass(frozen=True, slots=True)
class LabelSources:
    """
    Where labels are kept.

    :param before: Lookup tables that there are.
    :param after: Those that there are to be.
    :param enums: Labels of enumeration types that there are.
    """

    before: Mapping[QualifiedId, Table]
    after: Mapping[QualifiedId, Table]
    enums: Mapping[QualifiedId, tuple[str, ...]]


def label_sources(source: Catalog, renamed: Catalog, target: Catalog) -> LabelSources:
    """
    :param source: The whole of what there is, even what is to be left alone.
    :param renamed: The same with new names.
    """
    return LabelSources(
        {name: table for name, table in tables_of(source).items() if _is_lookup(table)},
        {name: table for name, table in tables_of(target).items() if table.labels is not None},
        {name: enum.labels for name, enum in enums_of(renamed).items()},
    )


def _is_lookup(table: Table) -> bool:
    """:returns: True for a table of labels and their keys, with nothing besides."""
    columns = {column.name: column.data_type for column in table.columns}
    key = table.primary_key
    return (
        columns.keys() == {_KEY, _VALUE}
        and isinstance(columns[_KEY], SqlInteger)
        and isinstance(columns[_VALUE], SqlCharacter)
        and key is not None
        and key.columns == (_KEY,)
        and any(isinstance(c, UniqueConstraint) and c.columns == (_VALUE,) for c in table.constraints)
    )


def find_relabelling(source: Table, target: Table, sources: LabelSources) -> TableRelabelling:
    """:returns: What is to be done with rows because labels are others, or are kept in another way."""
    early: dict[LocalId, EarlyRelabelling] = {}
    late: dict[LocalId, LateRelabelling] = {}
    before = {column.name: column for column in source.columns}
    extensible = {lookup.column for lookup in target.lookups if lookup.extensible}
    for column in target.columns:
        former = before.get(column.name)
        if former is None or former.generated is not None:
            continue
        use = _Use(source, former, target, column, column.name in extensible)
        labels = _replaced(use, sources)
        first = _early(use, labels, sources)
        if first is not None:
            early[column.name] = first
        lookup = None if column.enumeration is None else sources.after.get(column.enumeration)
        if lookup is not None and not _is_key(former.data_type) and _is_key(column.data_type):
            text = _as_text(column, lookup, nullable=former.nullable)
            pairs = () if first is not None else labels
            late[column.name] = LateRelabelling(text, lookup.name, pairs, column.name in extensible)
    return TableRelabelling(early, late)


@dataclass(frozen=True, slots=True)
class _Use:
    """
    A column that is to hold labels, or keys of them.

    :param source: The column as it is.
    :param target: The column as it is to be.
    :param extensible: True if it may get labels that the enumeration does not have.
    """

    before: Table
    source: Column
    after: Table
    target: Column
    extensible: bool

    def is_settled(self) -> bool:
        """:returns: True for text that is as it is to be, so whatever was to be done with it has been done."""
        present = set(_expressions(self.before, self.source))
        return (self.source.data_type, self.source.collation) == (self.target.data_type, self.target.collation) and all(
            expression in present for expression in _expressions(self.after, self.target)
        )

    def is_unchecked(self) -> bool:
        """:returns: True for text of any kind that is to be held to labels from now on."""
        labels = {quote_literal(label) for pair in self.target.label_map for label in pair}
        if any(label in text for text in _expressions(self.before, self.source) for label in labels):
            return False
        if isinstance(self.target.data_type, SqlCharacter):
            return any(label in text for text in _expressions(self.after, self.target) for label in labels)
        return not (_is_key(self.target.data_type) and self.extensible)


def _expressions(table: Table, column: Column) -> Iterator[str]:
    """Conditions that mention a column."""
    for constraint in table.constraints:
        yield from (text for text in constraint_expressions(constraint) if column.name in names_in(text))


def _early(use: _Use, labels: tuple[tuple[str, str], ...], sources: LabelSources) -> EarlyRelabelling | None:
    source, target = use.source, use.target
    if isinstance(target.data_type, SqlLabelSet):
        return EarlyRelabelling(source, _holding_set(source, target), labels, is_set=True) if labels else None
    lookup = sources.before.get(target.enumeration) if target.enumeration is not None else None
    if _is_key(target.data_type):
        return None
    if _is_key(source.data_type):
        text = None if lookup is None else _as_text(source, lookup)
        return None if lookup is None or text is None else EarlyRelabelling(source, text, target.label_map, lookup.name)
    if lookup is not None and _is_text(source) and not use.is_settled():
        # keys may be left, if an earlier move was not finished
        return EarlyRelabelling(source, source, labels, lookup.name)
    if not labels or (source.data_type == target.data_type and not _is_text(source)):
        return None
    return EarlyRelabelling(source, _holding(source, target), labels)


def _is_key(data_type: SqlType) -> bool:
    return isinstance(data_type, SqlInteger) or data_type == KEY_ON_ITS_WAY


def _is_text(column: Column) -> bool:
    return isinstance(column.data_type, SqlCharacter)


def _holding_set(source: Column, target: Column) -> Column:
    """:returns: The column, as text that can hold former and new labels of a set, with commas between."""
    if _is_text(source):
        return source
    labels = {
        label for kind in (source.data_type, target.data_type) if isinstance(kind, SqlLabelSet) for label in kind.labels
    }
    text = SqlCharacter(len(",".join(sorted(labels))))
    return replace(source, data_type=text, default=None, collation=source.collation or target.collation)


def _holding(source: Column, target: Column) -> Column:
    """:returns: The column, of a type that can hold former and new labels."""
    if _is_text(source):
        return source
    text = target.data_type if _is_text(target) else SqlCharacter(_MAX_LABEL_CHARACTERS)
    return replace(source, data_type=text, default=None, collation=source.collation or target.collation)


def _as_text(column: Column, lookup: Table, *, nullable: bool | None = None) -> Column:
    """:returns: The column, of the type that labels have in a lookup table."""
    value = lookup.column(_VALUE.name)
    nullable = column.nullable if nullable is None else nullable
    return replace(
        column, data_type=value.data_type, collation=value.collation, default=None, identity=None, nullable=nullable
    )


def _replaced(use: _Use, sources: LabelSources) -> tuple[tuple[str, str], ...]:
    """:returns: Those labels that are gone which the column may hold, and what takes their place."""
    label_map = use.target.label_map
    match use.source.data_type, use.target.data_type:
        case SqlNamed(), SqlNamed():
            # the type itself is altered
            return ()
        case SqlNamed(name=name), _:
            held = sources.enums.get(name, ())
        case SqlLabel(labels=labels) | SqlLabelSet(labels=labels), _:
            held = labels
        case SqlCharacter(), _ if use.is_unchecked():
            return label_map
        case SqlCharacter(), _:
            text = " ".join(_expressions(use.before, use.source))
            held = tuple(former for former, _ in label_map if quote_literal(former) in text)
        case _:
            return ()
    return tuple(pair for pair in label_map if pair[0] in held)


def lookup_changes(
    pairs: Iterable[tuple[Table, Table]],
) -> Iterator[tuple[Table, tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]]]:
    """:returns: Lookup tables (as they are to be) with labels that get another name, and labels that are replaced."""
    for source, target in pairs:
        present, renamed = set(source.labels or ()), dict[str, str]()
        if source.labels is None or target.labels is None:
            continue
        hints = (pair for column in target.columns if column.name == _VALUE for pair in column.label_map)
        gone = [pair for pair in hints if pair[0] in present]
        for former, label in gone:
            if label not in present and label not in renamed.values():
                renamed[former] = label
        yield target, tuple(renamed.items()), tuple(pair for pair in gone if pair[0] not in renamed)


def lookup_operations(pairs: Iterable[tuple[Table, Table]]) -> Iterator[RelabelColumn | MergeLabels]:
    """:returns: Operations that change labels in lookup tables, and rows that refer to them."""
    pairs = tuple(pairs)
    for lookup, renamed, replaced in lookup_changes(pairs):
        if renamed:
            yield RelabelColumn(lookup, lookup.column(_VALUE.name), Relabelling.LABELS, renamed)
        if replaced:
            yield MergeLabels(lookup, replaced, tuple(_uses(lookup.name, pairs)))


def _uses(lookup: QualifiedId, pairs: Iterable[tuple[Table, Table]]) -> Iterator[tuple[Table, Column]]:
    """Columns that hold keys of a lookup table, and go on to do so."""
    for source, target in pairs:
        before = {column.name: column.data_type for column in source.columns}
        for column in target.columns:
            if (
                column.enumeration == lookup
                and _is_key(column.data_type)
                and _is_key(before.get(column.name, SqlType()))
            ):
                yield target, column
