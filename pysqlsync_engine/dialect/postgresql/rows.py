"""Rows of PostgreSQL's catalogs as objects of the model."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from pysqlsync_engine.dialect.postgresql.constants import canonical_default
from pysqlsync_engine.dialect.postgresql.expressions import print_option, strip_parentheses
from pysqlsync_engine.dialect.postgresql.objects import PostgreSQLTable
from pysqlsync_engine.dialect.postgresql.records import (
    EXTENSION,
    ColumnRecord,
    ConstraintRecord,
    IndexRecord,
    RelationRecord,
    TypeRecord,
)
from pysqlsync_engine.dialect.postgresql.types import parse_type
from pysqlsync_engine.discovery.reader import (
    CatalogRows,
    ColumnRow,
    ConstraintRow,
    IndexRow,
    LabelRow,
    MemberRow,
    NamedRow,
)
from pysqlsync_engine.errors import DiscoveryError
from pysqlsync_engine.model.data_types import SqlArray, SqlNamed, SqlType
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.object_types import (
    CheckConstraint,
    Column,
    Constraint,
    Deferrability,
    DomainType,
    ExclusionConstraint,
    ForeignKeyConstraint,
    Generated,
    IdentityMode,
    Index,
    IndexPart,
    Prerequisite,
    PrimaryKeyConstraint,
    ReferentialAction,
    StructMember,
    UniqueConstraint,
)
from pysqlsync_engine.session import Row

T = TypeVar("T")

_RELATION_KINDS = {"v": "view", "m": "materialized view", "f": "foreign table", "S": "sequence"}
_TYPE_KINDS = {"r": "range", "b": "base type"}
_IDENTITY_MODES = {"": None, "a": IdentityMode.ALWAYS, "d": IdentityMode.BY_DEFAULT}
_ACTIONS = {
    "a": ReferentialAction.NO_ACTION,
    "r": ReferentialAction.RESTRICT,
    "c": ReferentialAction.CASCADE,
    "n": ReferentialAction.SET_NULL,
    "d": ReferentialAction.SET_DEFAULT,
}
_NAME = r'(?:[a-z_][a-z0-9_$]*|"(?:[^"]|"")+")'
_KEY_OPTIONS = re.compile(
    rf"(?: COLLATE (?P<collation>{_NAME}(?:\.{_NAME})?))?"
    rf"(?: (?P<operators>{_NAME}(?:\.{_NAME})?(?: \((?:[^'\")]|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\")*\))?))?"
    r"(?P<descending> DESC)?(?: NULLS (?P<nulls>FIRST|LAST))?(?:, |\))",
    re.DOTALL,
)
"""What the server prints after a key of an index."""


def make_rows(
    relations: Sequence[RelationRecord],
    columns: Sequence[ColumnRecord],
    constraints: Sequence[ConstraintRecord],
    indexes: Sequence[IndexRecord],
    types: Sequence[TypeRecord],
    *,
    others: Iterable[Row],
    prerequisites: Sequence[Row],
    lookups: Sequence[QualifiedId],
    labels: Iterable[Row],
    quoted_words: frozenset[str],
) -> CatalogRows:
    """
    Put what was read into words of the model.

    :param others: Objects that are only reported, and extensions: kind, namespace, name.
    :param prerequisites: Functions and collations: kind, namespace, name, arguments, definition, body, whether it is used.
    :param labels: Rows of the lookup tables: number of the table, place in its order, label.
    :raises DiscoveryError: if a row makes no sense; names the object.
    """
    tables = {QualifiedId(r.namespace, r.name or ""): r for r in relations if r.is_table}
    structs = {record.qualified for record in types if record.kind == "c"}
    bases = {record.qualified: data_type(record) for record in types if record.kind == "d"}
    made = [make_column(c, bases) for c in columns if not c.is_member and _table_of(c) in tables]
    own_constraints = [c for c in constraints if c.of_table and _table_of(c) in tables]
    sequences = {row.column.sequence for row in made}
    return CatalogRows(
        namespaces=tuple(sorted({relation.namespace for relation in relations})),
        tables=tuple(_table(name, record) for name, record in tables.items()),
        columns=tuple(made),
        constraints=tuple(ConstraintRow(_table_of(c), make_constraint(c)) for c in own_constraints if c.kind != "n"),
        indexes=tuple(
            IndexRow(QualifiedId(record.namespace, record.table), make_index(record, quoted_words))
            for record in indexes
        ),
        domains=tuple(_domains(types, constraints, bases)),
        enums=tuple(NamedRow(record.qualified, record.description) for record in types if record.kind == "e"),
        enum_labels=tuple(label for record in types if record.kind == "e" for label in _enum_labels(record)),
        structs=tuple(NamedRow(record.qualified, record.description) for record in types if record.kind == "c"),
        members=tuple(_member(c) for c in columns if c.is_member and _table_of(c) in structs),
        lookups=tuple(table for table in lookups if table in tables),
        lookup_labels=tuple(_lookup_label(row, lookups) for row in labels),
        prerequisites=tuple(_prerequisites(prerequisites)),
        extensions=tuple(sorted(QualifiedId(space, name) for kind, space, name in others if kind == EXTENSION)),
        unmanaged=(
            *_unmanaged_relations(relations, sequences),
            *_unmanaged_parts(columns, structs, own_constraints, indexes),
            *_unmanaged_others(types, others),
        ),
    )


def _unmanaged_others(types: Iterable[TypeRecord], others: Iterable[Row]) -> Iterator[str]:
    yield from (f"{_TYPE_KINDS[r.kind]} {r.qualified.display}" for r in types if r.kind in _TYPE_KINDS)
    yield from (f"{kind} {namespace}.{name}" for kind, namespace, name in others if kind != EXTENSION)


def _prerequisites(rows: Sequence[Row]) -> Iterator[Prerequisite]:
    """:returns: What is used, and what the bodies of functions that are used mention."""
    found = {row: _prerequisite(row) for row in rows}
    pending = [row for row in rows if row[6]]
    used: set[Row] = set()
    while pending:
        row = pending.pop()
        if row not in used:
            used.add(row)
            pending.extend(
                other
                for other, each in found.items()
                if other not in used and each.is_mentioned(row[5], qualified=False)
            )
    yield from (each for row, each in found.items() if row in used)


def _prerequisite(row: Row) -> Prerequisite:
    kind, namespace, name, arguments, definition = row[:5]
    return Prerequisite(kind, namespace, name, arguments, definition.rstrip())


def data_type(record: ColumnRecord | TypeRecord) -> SqlType:
    """:returns: Type of a column or a member, or the one that a domain is made of."""
    if record.type_name is None:
        return parse_type(record.definition)
    named = SqlNamed(QualifiedId(record.type_namespace, record.type_name))
    return SqlArray(named) if record.is_array else named


def base_type(declared: SqlType, bases: Mapping[QualifiedId, SqlType]) -> SqlType:
    """
    :param bases: The type that each domain is made of.
    :returns: The type whose values those of the given type are.
    """
    while isinstance(declared, SqlNamed) and declared.name in bases:
        declared = bases[declared.name]
    return declared


def make_column(record: ColumnRecord, bases: Mapping[QualifiedId, SqlType]) -> ColumnRow:
    """:returns: The column; a default that takes the next value of a sequence, and nothing else, is an identity."""
    declared = data_type(record)
    counts = record.sequence_name is not None
    default = None if counts or record.generated or record.expression is None else record.expression
    generated = strip_parentheses(record.expression) if record.generated and record.expression else None
    column = Column(
        LocalId(record.name),
        declared,
        nullable=not record.not_null,
        default=None if default is None else canonical_default(default, base_type(declared, bases)),
        identity=IdentityMode.SERIAL if counts else _IDENTITY_MODES[record.identity],
        description=record.description,
        generated=None if generated is None else Generated(generated, stored=record.generated == "s"),
        collation=record.collation,
        sequence=QualifiedId(record.sequence_namespace, record.sequence_name or "")
        if counts and not record.owns_sequence
        else None,
    )
    return ColumnRow(_table_of(record), record.position, column)


def make_constraint(record: ConstraintRecord) -> Constraint:
    """:returns: The constraint of a table."""
    name = LocalId(record.name)
    deferrable = None
    if record.deferrable:
        deferrable = Deferrability.DEFERRED if record.deferred else Deferrability.IMMEDIATE
    if record.kind == "c":
        return _check(record)
    if record.kind == "x":
        definition = _present(record.definition, record)
        printed = "" if deferrable is None else f" {deferrable.value}"
        return ExclusionConstraint(name, definition.removesuffix(printed), deferrable=deferrable)
    columns = tuple(map(LocalId, _present(record.columns, record)))
    include = tuple(map(LocalId, record.include or ()))
    if record.kind == "p":
        return PrimaryKeyConstraint(name, columns, include, deferrable=deferrable)
    if record.kind == "u":
        distinct = bool(record.nulls_not_distinct)
        return UniqueConstraint(name, columns, include, nulls_not_distinct=distinct, deferrable=deferrable)
    return ForeignKeyConstraint(
        name,
        columns,
        QualifiedId(_present(record.referenced_namespace, record), _present(record.referenced_table, record)),
        tuple(map(LocalId, _present(record.referenced_columns, record))),
        on_delete=_ACTIONS[record.on_delete],
        on_update=_ACTIONS[record.on_update],
        deferrable=deferrable,
        match_full=record.match_full,
        validated=record.validated,
        enforced=record.enforced,
    )


def _check(record: ConstraintRecord) -> CheckConstraint:
    return CheckConstraint(
        LocalId(record.name),
        strip_parentheses(_present(record.expression, record)),
        validated=record.validated,
        inherited=not record.uninherited,
        enforced=record.enforced,
    )


def make_index(record: IndexRecord, quoted_words: frozenset[str]) -> Index:
    """:returns: The index; its keys are taken apart along what the server prints of them one by one."""
    parts: list[IndexPart] = []
    place = 0
    for number, key in enumerate(record.keys):
        match = _KEY_OPTIONS.match(record.tail, place + len(key)) if record.tail.startswith(key, place) else None
        if match is None:
            raise DiscoveryError(
                f"index {record.namespace}.{record.name}: cannot make sense of {record.tail!r}; please report this"
            )
        parts.append(_index_part(record.columns[number], key, match))
        place = match.end()
    return Index(
        LocalId(record.name),
        tuple(parts),
        unique=record.unique,
        method=None if record.method == "btree" else record.method,
        include=tuple(LocalId(column or "") for column in record.columns[len(record.keys) :]),
        predicate=None if record.predicate is None else strip_parentheses(record.predicate),
        nulls_not_distinct=record.nulls_not_distinct,
        options=tuple(print_option(option, quoted_words) for option in record.options),
        description=record.description,
        valid=record.valid,
    )


def _index_part(column: str | None, key: str, match: re.Match[str]) -> IndexPart:
    return IndexPart(
        column=None if column is None else LocalId(column),
        expression=strip_parentheses(key) if column is None else None,
        descending=match["descending"] is not None,
        nulls_first=None if match["nulls"] is None else match["nulls"] == "FIRST",
        operator_class=match["operators"],
        collation=match["collation"],
    )


def _table(name: QualifiedId, record: RelationRecord) -> PostgreSQLTable:
    return PostgreSQLTable(
        name,
        (),
        description=record.description,
        partition_by=record.partition_by,
        unlogged=bool(record.unlogged),
    )


def _table_of(record: ColumnRecord | ConstraintRecord) -> QualifiedId:
    return QualifiedId(record.namespace, record.relation)


def _domains(
    types: Iterable[TypeRecord], constraints: Iterable[ConstraintRecord], bases: Mapping[QualifiedId, SqlType]
) -> Iterator[DomainType]:
    checks: dict[QualifiedId, list[CheckConstraint]] = {}
    for constraint in constraints:
        if not constraint.of_table and constraint.kind == "c":
            checks.setdefault(_table_of(constraint), []).append(_check(constraint))
    for record in types:
        if record.kind == "d":
            declared = bases[record.qualified]
            default = (
                None if record.expression is None else canonical_default(record.expression, base_type(declared, bases))
            )
            yield DomainType(
                record.qualified,
                declared,
                nullable=not record.not_null,
                default=default,
                constraints=tuple(sorted(checks.get(record.qualified, ()), key=lambda check: check.name)),
                description=record.description,
                collation=record.collation,
            )


def _member(record: ColumnRecord) -> MemberRow:
    member = StructMember(LocalId(record.name), data_type(record), record.description)
    return MemberRow(_table_of(record), record.position, member)


def _present(value: T | None, record: ConstraintRecord) -> T:
    """:returns: The value; it is absent if the object was dropped while the catalog was read."""
    if value is None:
        raise DiscoveryError(
            f"constraint {record.name} of table {record.namespace}.{record.relation}: was changed while the schema was read;"
            " try again"
        )
    return value


def _enum_labels(record: TypeRecord) -> Iterator[LabelRow]:
    for position, label in enumerate(record.labels or ()):
        yield LabelRow(record.qualified, position, label)


def _lookup_label(row: Row, tables: Sequence[QualifiedId]) -> LabelRow:
    number: int = row[0]
    table = tables[number]
    if row[2] is None:
        raise DiscoveryError(
            f"{table.display}.value: a row of the lookup table has no label; give it one, or delete it"
        )
    return LabelRow(table, row[1], row[2])


def _unmanaged_relations(relations: Iterable[RelationRecord], sequences: set[QualifiedId | None]) -> Iterator[str]:
    for record in relations:
        display = f"{record.namespace}.{record.name}"
        if record.kind == "S" and QualifiedId(record.namespace, record.name or "") in sequences:
            continue
        if record.kind in _RELATION_KINDS:
            yield f"{_RELATION_KINDS[record.kind]} {display}"
        elif record.is_partition:
            yield f"partition {display}"
        yield from (f"{trait} {display}" for trait in record.traits)


def _unmanaged_parts(
    columns: Iterable[ColumnRecord],
    structs: set[QualifiedId],
    constraints: Iterable[ConstraintRecord],
    indexes: Iterable[IndexRecord],
) -> Iterator[str]:
    for column in columns:
        if column.is_member and column.collation is not None and _table_of(column) in structs:
            yield f"collation {column.namespace}.{column.relation}.{column.name}"
    for constraint in constraints:
        display = f"{constraint.namespace}.{constraint.relation}.{constraint.name}"
        yield from (f"{trait} constraint {display}" for trait in constraint.traits)
    for index in indexes:
        yield from (f"{trait} index {index.namespace}.{index.name}" for trait in index.traits)


def find_lookups(lookups: Iterable[QualifiedId], columns: Iterable[ColumnRecord]) -> list[QualifiedId]:
    """:returns: Those of the tables that are there, and are made as lookup tables are."""
    wanted = {table: set[str]() for table in lookups}
    for column in columns:
        table = QualifiedId(column.namespace, column.relation)
        if table in wanted and not column.is_member:
            wanted[table].add(column.name)
    return [table for table, names in wanted.items() if names >= {"id", "value"}]
