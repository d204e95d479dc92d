"""Reads the catalog of a PostgreSQL server: at most eight statements for a whole database."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from pysqlsync_engine.capabilities import Capabilities
from pysqlsync_engine.dialect.postgresql.expressions import canonical_default, strip_parentheses
from pysqlsync_engine.dialect.postgresql.types import parse_type
from pysqlsync_engine.discovery.reader import (
    CatalogRows,
    ColumnRow,
    ConstraintRow,
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
    ForeignKeyConstraint,
    IdentityMode,
    PrimaryKeyConstraint,
    ReferentialAction,
    StructMember,
    Table,
    UniqueConstraint,
)
from pysqlsync_engine.session import Row, Session

# What the server prints depends on these. Nothing may be found by way of the search path, so that every name is printed
# with its namespace. https://www.postgresql.org/docs/current/functions-info.html
_SETTINGS = {
    "search_path": "",
    "quote_all_identifiers": "off",
    "standard_conforming_strings": "on",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "bytea_output": "hex",
    "extra_float_digits": "1",
}


def _own(catalog: str, alias: str) -> str:
    """:returns: Condition that an object is no member of an extension, with which it comes and goes."""
    return (
        f"NOT EXISTS (SELECT FROM pg_depend x WHERE x.classid = '{catalog}'::regclass AND x.objid = {alias}.oid"
        " AND x.deptype = 'e')"
    )


# A namespace with the prefix is the server's own, as nobody else can create one.
_SELECTED = f"""CASE WHEN $1::text[] IS NULL
        THEN n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND {_own("pg_namespace", "n")}
        ELSE n.nspname = ANY ($1::text[]) END"""

# A row without a relation is an empty namespace. Sequences that belong to a column are part of it.
_RELATIONS = f"""
SELECT n.nspname, c.relname, c.relkind::text, c.relispartition, c.relpersistence = 'u', i.inhrelid IS NOT NULL,
    d.description
FROM pg_namespace n
LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND {_own("pg_class", "c")}
    AND NOT (c.relkind = 'S' AND EXISTS (
        SELECT FROM pg_depend s
        WHERE s.classid = 'pg_class'::regclass AND s.objid = c.oid AND s.refclassid = 'pg_class'::regclass
            AND s.refobjsubid > 0 AND s.deptype IN ('a', 'i')))
LEFT JOIN pg_description d ON d.classoid = 'pg_class'::regclass AND d.objoid = c.oid AND d.objsubid = 0
LEFT JOIN (SELECT DISTINCT inhrelid FROM pg_inherits) i ON i.inhrelid = c.oid
WHERE {_SELECTED}
"""

# Columns of tables, and members of composite types. A type that the catalog defines is told by its identity rather than
# by its text, also as the element of an array.
_COLUMNS = f"""
SELECT n.nspname, c.relname, c.relkind = 'c', a.attnum, a.attname, format_type(a.atttypid, a.atttypmod),
    tn.nspname, t.typname, e.oid IS NOT NULL, a.attnotnull, a.attidentity::text, a.attgenerated <> '',
    pg_get_expr(f.adbin, f.adrelid), d.description, a.attcollation <> y.typcollation
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p', 'c') AND NOT c.relispartition
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_type y ON y.oid = a.atttypid
LEFT JOIN pg_type e ON e.oid = y.typelem AND e.typarray = y.oid
LEFT JOIN pg_type t ON t.oid = COALESCE(e.oid, y.oid)
    AND (t.typtype = 'e' OR t.typtype = 'c' AND EXISTS (SELECT FROM pg_class k WHERE k.oid = t.typrelid AND k.relkind = 'c'))
    AND {_own("pg_type", "t")}
LEFT JOIN pg_namespace tn ON tn.oid = t.typnamespace
LEFT JOIN pg_attrdef f ON f.adrelid = a.attrelid AND f.adnum = a.attnum
LEFT JOIN pg_description d ON d.classoid = 'pg_class'::regclass AND d.objoid = a.attrelid AND d.objsubid = a.attnum
WHERE a.attnum > 0 AND NOT a.attisdropped AND {_SELECTED}
"""

# A foreign key to a partitioned table has a child for each partition. Attributes that not every version has are looked
# up by name in the row as a document.
_CONSTRAINTS = f"""
SELECT n.nspname, c.relname, o.conname, o.contype::text, k.names, pg_get_expr(o.conbin, o.conrelid),
    rn.nspname, r.relname, rk.names, o.confdeltype::text, o.confupdtype::text,
    array_remove(ARRAY[
        CASE WHEN o.condeferrable THEN 'deferrable' END,
        CASE WHEN NOT o.convalidated THEN 'unvalidated' END,
        CASE WHEN o.contype = 'c' AND o.connoinherit THEN 'uninherited' END,
        CASE WHEN o.contype = 'f' AND o.confmatchtype <> 's' THEN 'full-match' END,
        CASE WHEN j.tail->>'conenforced' = 'false' THEN 'unenforced' END,
        CASE WHEN j.tail->>'conperiod' = 'true' THEN 'temporal' END,
        CASE WHEN j.tail->>'confdelsetcols' IS NOT NULL THEN 'column-wise' END,
        CASE WHEN o.contype IN ('p', 'u') AND i.indnatts <> i.indnkeyatts THEN 'covering' END,
        CASE WHEN o.contype = 'u' AND to_jsonb(i)->>'indnullsnotdistinct' = 'true' THEN 'nulls-not-distinct' END
    ], NULL)
FROM pg_constraint o
JOIN pg_class c ON c.oid = o.conrelid AND c.relkind IN ('r', 'p') AND NOT c.relispartition
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_class r ON r.oid = o.confrelid
LEFT JOIN pg_namespace rn ON rn.oid = r.relnamespace
LEFT JOIN pg_index i ON i.indexrelid = o.conindid
CROSS JOIN LATERAL (SELECT to_jsonb(o) AS tail) j
CROSS JOIN LATERAL (
    SELECT array_agg(a.attname::text ORDER BY u.place) AS names
    FROM unnest(o.conkey) WITH ORDINALITY u(attnum, place)
    JOIN pg_attribute a ON a.attrelid = o.conrelid AND a.attnum = u.attnum) k
CROSS JOIN LATERAL (
    SELECT array_agg(a.attname::text ORDER BY u.place) AS names
    FROM unnest(o.confkey) WITH ORDINALITY u(attnum, place)
    JOIN pg_attribute a ON a.attrelid = o.confrelid AND a.attnum = u.attnum) rk
WHERE o.contype IN ('p', 'u', 'c', 'f', 'x') AND o.conparentid = 0 AND {_SELECTED}
"""

# Arrays, multi-ranges and the row types of tables come with another object.
_TYPES = f"""
SELECT n.nspname, t.typname, t.typtype::text, d.description, l.labels
FROM pg_type t
JOIN pg_namespace n ON n.oid = t.typnamespace
LEFT JOIN pg_class c ON c.oid = t.typrelid
LEFT JOIN pg_description d ON d.classoid = 'pg_type'::regclass AND d.objoid = t.oid AND d.objsubid = 0
LEFT JOIN LATERAL (
    SELECT array_agg(v.enumlabel::text ORDER BY v.enumsortorder) AS labels FROM pg_enum v WHERE v.enumtypid = t.oid
) l ON true
WHERE (t.typtype IN ('e', 'd', 'r') OR t.typtype = 'c' AND c.relkind = 'c'
        OR t.typtype = 'b' AND NOT EXISTS (SELECT FROM pg_type e WHERE e.typarray = t.oid))
    AND {_own("pg_type", "t")} AND {_SELECTED}
"""

_OTHERS = f"""
SELECT CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'function' END, n.nspname,
    p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')'
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE {_own("pg_proc", "p")} AND {_SELECTED}
UNION ALL
SELECT 'trigger', n.nspname, c.relname || '.' || g.tgname
FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE NOT g.tgisinternal AND {_own("pg_class", "c")} AND {_SELECTED}
UNION ALL
SELECT 'rule', n.nspname, c.relname || '.' || w.rulename
FROM pg_rewrite w JOIN pg_class c ON c.oid = w.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE w.rulename <> '_RETURN' AND {_own("pg_class", "c")} AND {_SELECTED}
UNION ALL
SELECT 'policy', n.nspname, c.relname || '.' || p.polname
FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE {_own("pg_class", "c")} AND {_SELECTED}
UNION ALL
SELECT 'index', n.nspname, x.relname
FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_class x ON x.oid = i.indexrelid
JOIN pg_namespace n ON n.oid = x.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND {_own("pg_class", "c")} AND {_SELECTED}
    AND NOT EXISTS (SELECT FROM pg_constraint o WHERE o.conindid = i.indexrelid AND o.contype IN ('p', 'u', 'x'))
UNION ALL
SELECT 'statistics', n.nspname, s.stxname
FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = s.stxnamespace
WHERE {_SELECTED}
"""

_RELATION_KINDS = {"v": "view", "m": "materialized view", "f": "foreign table", "S": "sequence"}
_TYPE_KINDS = {"d": "domain", "r": "range", "b": "base type"}
_IDENTITY_MODES = {"": None, "a": IdentityMode.ALWAYS, "d": IdentityMode.BY_DEFAULT}
_ACTIONS = {
    "a": ReferentialAction.NO_ACTION,
    "r": ReferentialAction.RESTRICT,
    "c": ReferentialAction.CASCADE,
    "n": ReferentialAction.SET_NULL,
    "d": ReferentialAction.SET_DEFAULT,
}


@dataclass(frozen=True, slots=True)
class PostgreSQLReader:
    """
    Reads what namespaces hold; see `CatalogReader`.

    What the model has no words for is kept out of the catalog, and reported as unmanaged: whole objects (`view public.v`),
    and what an object of the catalog has besides (`deferrable constraint public.t.c`). A generated column is a column
    without a default, reported as `generated column public.t.c`.

    :param capabilities: Of the server; nothing in here depends on its version, so far.
    """

    capabilities: Capabilities

    def parse_type(self, definition: str) -> SqlType:
        return parse_type(definition)

    async def fetch(
        self, session: Session, namespaces: Sequence[str] | None, *, lookups: Sequence[QualifiedId] = ()
    ) -> CatalogRows:
        selected = None if namespaces is None else list(namespaces)
        async with _settings(session):
            relations = await session.fetch(_RELATIONS, selected)
            columns = await session.fetch(_COLUMNS, selected)
            constraints = await session.fetch(_CONSTRAINTS, selected)
            types = await session.fetch(_TYPES, selected)
            others = await session.fetch(_OTHERS, selected)
            found = _find_lookups(lookups, columns)
            labels = await session.fetch(_select_labels(found)) if found else []
        tables = {QualifiedId(row[0], row[1]) for row in relations if _is_table(row)}
        structs = {QualifiedId(row[0], row[1]) for row in types if row[2] == "c"}
        return CatalogRows(
            namespaces=tuple(sorted({row[0] for row in relations})),
            tables=tuple(
                Table(QualifiedId(row[0], row[1]), (), description=row[6]) for row in relations if _is_table(row)
            ),
            columns=tuple(_column(row) for row in columns if not row[2] and QualifiedId(row[0], row[1]) in tables),
            constraints=tuple(_constraint(row) for row in constraints if _is_managed(row, tables)),
            enums=tuple(NamedRow(QualifiedId(row[0], row[1]), row[3]) for row in types if row[2] == "e"),
            enum_labels=tuple(label for row in types if row[2] == "e" for label in _enum_labels(row)),
            structs=tuple(NamedRow(QualifiedId(row[0], row[1]), row[3]) for row in types if row[2] == "c"),
            members=tuple(_member(row) for row in columns if row[2] and QualifiedId(row[0], row[1]) in structs),
            lookups=tuple(table for table in found if table in tables),
            lookup_labels=tuple(_lookup_label(row, found) for row in labels),
            unmanaged=(
                *_unmanaged(relations, columns, constraints, types, tables),
                *(f"{kind} {namespace}.{name}" for kind, namespace, name in others),
            ),
        )


@asynccontextmanager
async def _settings(session: Session) -> AsyncGenerator[None]:
    """Fix what the server's printing depends on; the transaction of the caller, if there is one, has its own again after."""
    # the new values are set after the old ones are read: a select list is evaluated from left to right
    current = ", ".join(f"pg_catalog.current_setting('{name}')" for name in _SETTINGS)
    async with session.transaction():
        rows = await session.fetch(f"SELECT {current}, {_assignments()}", *_SETTINGS.values())
        yield
        await session.fetch(f"SELECT {_assignments()}", *rows[0][: len(_SETTINGS)])


def _assignments() -> str:
    return ", ".join(
        f"pg_catalog.set_config('{name}', ${number}, true)" for number, name in enumerate(_SETTINGS, start=1)
    )


def _find_lookups(lookups: Iterable[QualifiedId], columns: Iterable[Row]) -> list[QualifiedId]:
    """:returns: Those of the tables that are there, and are made as lookup tables are."""
    names: dict[QualifiedId, set[str]] = {}
    for row in columns:
        if not row[2]:
            names.setdefault(QualifiedId(row[0], row[1]), set()).add(row[4])
    return [table for table in dict.fromkeys(lookups) if names.get(table, set()) >= {"id", "value"}]


def _select_labels(tables: Sequence[QualifiedId]) -> str:
    """:returns: One statement for the rows of all lookup tables: number of the table, place in its order, label."""
    return " UNION ALL ".join(
        f'SELECT {number}, row_number() OVER (ORDER BY id), "value"::text FROM ONLY {table}'
        for number, table in enumerate(tables)
    )


def _is_table(row: Row) -> bool:
    return row[2] in {"r", "p"} and not row[3]


def _is_managed(row: Row, tables: set[QualifiedId]) -> bool:
    return row[3] != "x" and QualifiedId(row[0], row[1]) in tables


def _data_type(row: Row) -> SqlType:
    if row[7] is None:
        return parse_type(row[5])
    named = SqlNamed(QualifiedId(row[6], row[7]))
    return SqlArray(named) if row[8] else named


def _column(row: Row) -> ColumnRow:
    data_type = _data_type(row)
    default = None if row[11] or row[12] is None else canonical_default(row[12], data_type)
    column = Column(
        LocalId(row[4]),
        data_type,
        nullable=not row[9],
        default=default,
        identity=_IDENTITY_MODES[row[10]],
        description=row[13],
    )
    return ColumnRow(QualifiedId(row[0], row[1]), row[3], column)


def _member(row: Row) -> MemberRow:
    member = StructMember(LocalId(row[4]), _data_type(row), row[13])
    return MemberRow(QualifiedId(row[0], row[1]), row[3], member)


def _constraint(row: Row) -> ConstraintRow:
    table = QualifiedId(row[0], row[1])
    return ConstraintRow(table, _make_constraint(row, LocalId(row[2]), table))


def _make_constraint(row: Row, name: LocalId, table: QualifiedId) -> Constraint:
    if row[3] == "c":
        return CheckConstraint(name, strip_parentheses(_present(row[5], table, name)))
    columns = tuple(map(LocalId, _present(row[4], table, name)))
    if row[3] == "p":
        return PrimaryKeyConstraint(name, columns)
    if row[3] == "u":
        return UniqueConstraint(name, columns)
    return ForeignKeyConstraint(
        name,
        columns,
        QualifiedId(_present(row[6], table, name), _present(row[7], table, name)),
        tuple(map(LocalId, _present(row[8], table, name))),
        on_delete=_ACTIONS[row[9]],
        on_update=_ACTIONS[row[10]],
    )


def _present(value: Any, table: QualifiedId, name: LocalId) -> Any:
    """:returns: The value; it is absent if the object was dropped while the catalog was read."""
    if value is None:
        raise DiscoveryError(
            f"constraint {name.name} of table {table.display}: was changed while the schema was read; try again"
        )
    return value


def _enum_labels(row: Row) -> Iterator[LabelRow]:
    for position, label in enumerate(row[4] or ()):
        yield LabelRow(QualifiedId(row[0], row[1]), position, label)


def _lookup_label(row: Row, tables: Sequence[QualifiedId]) -> LabelRow:
    number: int = row[0]
    table = tables[number]
    if row[2] is None:
        raise DiscoveryError(
            f"{table.display}.value: a row of the lookup table has no label; give it one, or delete it"
        )
    return LabelRow(table, row[1], row[2])


def _unmanaged(
    relations: Iterable[Row],
    columns: Iterable[Row],
    constraints: Iterable[Row],
    types: Iterable[Row],
    tables: set[QualifiedId],
) -> Iterator[str]:
    for row in relations:
        yield from _unmanaged_relation(row)
    for row in columns:
        if QualifiedId(row[0], row[1]) in tables:
            yield from _unmanaged_column(row)
    for row in constraints:
        if QualifiedId(row[0], row[1]) in tables:
            yield from _unmanaged_constraint(row)
    for row in types:
        if row[2] in _TYPE_KINDS:
            yield f"{_TYPE_KINDS[row[2]]} {row[0]}.{row[1]}"


def _unmanaged_relation(row: Row) -> Iterator[str]:
    display = f"{row[0]}.{row[1]}"
    if row[2] in _RELATION_KINDS:
        yield f"{_RELATION_KINDS[row[2]]} {display}"
    elif row[3]:
        yield f"partition {display}"
    elif row[2] is not None:
        if row[2] == "p":
            yield f"partitioning {display}"
        if row[4]:
            yield f"unlogged table {display}"
        if row[5]:
            yield f"inheritance {display}"


def _unmanaged_column(row: Row) -> Iterator[str]:
    display = f"{row[0]}.{row[1]}.{row[4]}"
    if row[11]:
        yield f"generated column {display}"
    if row[14]:
        yield f"collation {display}"


def _unmanaged_constraint(row: Row) -> Iterator[str]:
    display = f"constraint {row[0]}.{row[1]}.{row[2]}"
    if row[3] == "x":
        yield f"exclusion {display}"
    yield from (f"{trait} {display}" for trait in row[11])
