"""Reads the catalog of a PostgreSQL server: at most eight statements for a whole database."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from pysqlsync_engine.capabilities import Capabilities
from pysqlsync_engine.dialect.postgresql.capabilities import Features, features_of, quoted_words
from pysqlsync_engine.dialect.postgresql.records import (
    EXTENSION,
    ColumnRecord,
    ConstraintRecord,
    IndexRecord,
    RelationRecord,
    TypeRecord,
)
from pysqlsync_engine.dialect.postgresql.rows import find_lookups, make_rows
from pysqlsync_engine.dialect.postgresql.types import parse_type
from pysqlsync_engine.discovery.reader import CatalogRows
from pysqlsync_engine.model.data_types import SqlType
from pysqlsync_engine.model.id_types import QualifiedId
from pysqlsync_engine.session import Session

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

_TABLES = "c.relkind IN ('r', 'p') AND NOT c.relispartition"


def _names(numbers: str, relation: str, *, after: str = "0") -> str:
    """:returns: Names of the columns of those numbers, in order; `after` says how many are left out at the start."""
    return (
        f"(SELECT array_agg(a.attname::text ORDER BY u.place) FROM unnest({numbers}) WITH ORDINALITY u(number, place)"
        f" JOIN pg_attribute a ON a.attrelid = {relation} AND a.attnum = u.number WHERE u.place > {after})"
    )


def _traits(**conditions: str) -> str:
    """:returns: The words whose conditions hold."""
    cases = ", ".join(f"CASE WHEN {test} THEN '{word.replace('_', ' ')}' END" for word, test in conditions.items())
    return f"array_remove(ARRAY[{cases}]::text[], NULL)"


def _collation(actual: str, usual: str) -> str:
    """:returns: The collation as the server prints it; NULL if it is the one that the type has anyway."""
    return f"""(SELECT CASE WHEN ln.nspname = 'pg_catalog' THEN '' ELSE quote_ident(ln.nspname) || '.' END || quote_ident(l.collname)
    FROM pg_collation l JOIN pg_namespace ln ON ln.oid = l.collnamespace WHERE l.oid = {actual} AND {actual} <> {usual})"""


# A row without a relation is an empty namespace. Sequences that belong to a column are part of it.
_RELATIONS = f"""
SELECT n.nspname, c.relname, c.relkind::text, c.relispartition, c.relpersistence = 'u', d.description,
    CASE WHEN c.relkind = 'p' THEN pg_get_partkeydef(c.oid) END,
    {
    _traits(
        inheritance="i.inhrelid IS NOT NULL AND NOT c.relispartition",
        storage_parameters_of_table=f"{_TABLES} AND c.reloptions IS NOT NULL",
        tablespace_of_table=f"{_TABLES} AND c.reltablespace <> 0",
        row_security_of_table="c.relrowsecurity",
    )
}
FROM pg_namespace n
LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND {
    _own("pg_class", "c")
}
    AND NOT (c.relkind = 'S' AND EXISTS (
        SELECT FROM pg_depend s
        WHERE s.classid = 'pg_class'::regclass AND s.objid = c.oid AND s.refclassid = 'pg_class'::regclass
            AND s.refobjsubid > 0 AND s.deptype IN ('a', 'i')))
LEFT JOIN pg_description d ON d.classoid = 'pg_class'::regclass AND d.objoid = c.oid AND d.objsubid = 0
LEFT JOIN (SELECT DISTINCT inhrelid FROM pg_inherits) i ON i.inhrelid = c.oid
WHERE {_SELECTED}
"""

# A type that the catalog defines is told by its identity rather than by its text, also as the element of an array.
_NAMED_TYPE = f"""
LEFT JOIN pg_type e ON e.oid = y.typelem AND e.typarray = y.oid
LEFT JOIN pg_type t ON t.oid = COALESCE(e.oid, y.oid)
    AND (t.typtype IN ('e', 'd')
        OR t.typtype = 'c' AND EXISTS (SELECT FROM pg_class k WHERE k.oid = t.typrelid AND k.relkind = 'c'))
    AND {_own("pg_type", "t")} AND t.typnamespace <> 'information_schema'::regnamespace
LEFT JOIN pg_namespace tn ON tn.oid = t.typnamespace
"""

# Defaults that take the next value of a sequence, and nothing else, with the column to which the sequence belongs.
_COUNTERS = """
SELECT p.objid AS default_id, s.relname, sn.nspname, o.refobjid AS owner, o.refobjsubid AS owner_column,
    'nextval(''' || replace(s.oid::regclass::text, '''', '''''') || '''::regclass)' AS expression
FROM pg_depend p
JOIN pg_class s ON s.oid = p.refobjid AND s.relkind = 'S'
JOIN pg_namespace sn ON sn.oid = s.relnamespace
LEFT JOIN pg_depend o ON o.classid = 'pg_class'::regclass AND o.objid = s.oid
    AND o.refclassid = 'pg_class'::regclass AND o.refobjsubid > 0 AND o.deptype = 'a'
WHERE p.classid = 'pg_attrdef'::regclass AND p.refclassid = 'pg_class'::regclass AND p.deptype = 'n'
"""

# Columns of tables, and members of composite types.
_COLUMNS = f"""
SELECT n.nspname, c.relname, c.relkind = 'c', a.attnum, a.attname, format_type(a.atttypid, a.atttypmod),
    tn.nspname, t.typname, e.oid IS NOT NULL, a.attnotnull, a.attidentity::text, a.attgenerated::text,
    pg_get_expr(f.adbin, f.adrelid), d.description, {_collation("a.attcollation", "y.typcollation")},
    q.nspname, q.relname, q.owner = a.attrelid AND q.owner_column = a.attnum
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p', 'c') AND NOT c.relispartition
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_type y ON y.oid = a.atttypid
{_NAMED_TYPE}
LEFT JOIN pg_attrdef f ON f.adrelid = a.attrelid AND f.adnum = a.attnum
LEFT JOIN ({_COUNTERS}) q ON q.default_id = f.oid AND q.expression = pg_get_expr(f.adbin, f.adrelid)
LEFT JOIN pg_description d ON d.classoid = 'pg_class'::regclass AND d.objoid = a.attrelid AND d.objsubid = a.attnum
WHERE a.attnum > 0 AND NOT a.attisdropped AND {_SELECTED}
"""


def _constraints(features: Features) -> str:
    """
    :returns: Constraints of tables and of domains. A foreign key to a partitioned table has a child for each partition.
    """
    period = "o.conperiod" if features.virtual_columns else "false"
    enforced = "o.conenforced" if features.virtual_columns else "true"
    columnwise = "o.confdelsetcols IS NOT NULL" if features.nulls_not_distinct else "false"
    traits = _traits(
        temporal=period,
        column_wise=columnwise,
        storage_parameters_of="o.contype IN ('p', 'u', 'x') AND x.reloptions IS NOT NULL",
        tablespace_of="o.contype IN ('p', 'u', 'x') AND x.reltablespace <> 0",
        unvalidated_not_null="o.contype = 'n'",
        comment_on="d.objoid IS NOT NULL",
    )
    return f"""
SELECT n.nspname, COALESCE(c.relname, t.typname), o.conrelid <> 0, o.conname, o.contype::text,
    {_names("o.conkey", "o.conrelid")}, pg_get_expr(o.conbin, o.conrelid),
    CASE WHEN o.contype = 'x' THEN pg_get_constraintdef(o.oid) END,
    rn.nspname, r.relname, CASE WHEN o.contype = 'f' THEN {_names("o.confkey", "o.confrelid")} END,
    o.confdeltype::text, o.confupdtype::text, o.confmatchtype = 'f', o.condeferrable, o.condeferred,
    o.convalidated OR NOT {enforced}, {enforced}, o.connoinherit,
    CASE WHEN i.indnatts > i.indnkeyatts AND o.contype IN ('p', 'u')
        THEN {_names("i.indkey::int2[]", "o.conrelid", after="i.indnkeyatts")} END,
    {"i.indnullsnotdistinct" if features.nulls_not_distinct else "false"}, {traits}
FROM pg_constraint o
LEFT JOIN pg_class c ON c.oid = o.conrelid AND {_TABLES}
LEFT JOIN pg_type t ON t.oid = o.contypid AND o.contypid <> 0
JOIN pg_namespace n ON n.oid = COALESCE(c.relnamespace, t.typnamespace)
LEFT JOIN pg_class r ON r.oid = o.confrelid
LEFT JOIN pg_namespace rn ON rn.oid = r.relnamespace
LEFT JOIN pg_index i ON i.indexrelid = o.conindid
LEFT JOIN pg_class x ON x.oid = o.conindid
LEFT JOIN pg_description d ON d.classoid = 'pg_constraint'::regclass AND d.objoid = o.oid
WHERE (o.contype IN ('p', 'u', 'c', 'f', 'x') OR o.contype = 'n' AND NOT o.convalidated) AND o.conparentid = 0
    AND {_SELECTED}
"""


def _indexes(features: Features) -> str:
    """:returns: Indexes that no constraint is behind, as the server prints them, from their first key on."""
    traits = _traits(
        tablespace_of="x.reltablespace <> 0", cluster_on="i.indisclustered", identity_of="i.indisreplident"
    )
    return f"""
SELECT n.nspname, c.relname, x.relname, m.amname, i.indisunique, i.indisvalid,
    {"i.indnullsnotdistinct" if features.nulls_not_distinct else "false"},
    ARRAY(SELECT pg_get_indexdef(i.indexrelid, k, false) FROM generate_series(1, i.indnkeyatts) k ORDER BY k),
    ARRAY(SELECT a.attname::text FROM unnest(i.indkey::int2[]) WITH ORDINALITY u(number, place)
        LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = u.number ORDER BY u.place),
    substr(pg_get_indexdef(i.indexrelid), 1 + length(format('CREATE %sINDEX %I ON %s%I.%I USING %I (',
        CASE WHEN i.indisunique THEN 'UNIQUE ' ELSE '' END, x.relname,
        CASE WHEN x.relkind = 'I' THEN 'ONLY ' ELSE '' END,
        CASE WHEN n.oid = pg_my_temp_schema() THEN 'pg_temp' ELSE n.nspname END, c.relname, m.amname))),
    pg_get_expr(i.indpred, i.indrelid), COALESCE(x.reloptions, '{{}}'), d.description, {traits}
FROM pg_index i
JOIN pg_class c ON c.oid = i.indrelid AND {_TABLES} AND {_own("pg_class", "c")}
JOIN pg_class x ON x.oid = i.indexrelid
JOIN pg_am m ON m.oid = x.relam
JOIN pg_namespace n ON n.oid = x.relnamespace
LEFT JOIN pg_description d ON d.classoid = 'pg_class'::regclass AND d.objoid = x.oid AND d.objsubid = 0
WHERE {_SELECTED}
    AND NOT EXISTS (SELECT FROM pg_constraint o WHERE o.conindid = i.indexrelid AND o.contype IN ('p', 'u', 'x'))
"""


# Arrays, multi-ranges and the row types of tables come with another object.
_TYPES = f"""
SELECT n.nspname, s.typname, s.typtype::text, d.description, v.labels, format_type(s.typbasetype, s.typtypmod),
    tn.nspname, t.typname, e.oid IS NOT NULL, s.typnotnull, pg_get_expr(s.typdefaultbin, 0),
    {_collation("s.typcollation", "y.typcollation")}
FROM pg_type s
JOIN pg_namespace n ON n.oid = s.typnamespace
LEFT JOIN pg_class c ON c.oid = s.typrelid
LEFT JOIN pg_type y ON y.oid = s.typbasetype AND s.typtype = 'd'
{_NAMED_TYPE}
LEFT JOIN pg_description d ON d.classoid = 'pg_type'::regclass AND d.objoid = s.oid AND d.objsubid = 0
LEFT JOIN LATERAL (
    SELECT array_agg(v.enumlabel::text ORDER BY v.enumsortorder) AS labels FROM pg_enum v WHERE v.enumtypid = s.oid
) v ON true
WHERE (s.typtype IN ('e', 'd', 'r') OR s.typtype = 'c' AND c.relkind = 'c'
        OR s.typtype = 'b' AND NOT EXISTS (SELECT FROM pg_type w WHERE w.typarray = s.oid))
    AND {_own("pg_type", "s")} AND {_SELECTED}
"""


def _named(kind: str, catalog: str, name: str, namespace: str) -> str:
    """:returns: Objects of a catalog that have a name in a namespace and no more to tell."""
    return f"""
SELECT '{kind}', n.nspname, s.{name} FROM {catalog} s JOIN pg_namespace n ON n.oid = s.{namespace}
WHERE {_own(catalog, "s")} AND {_SELECTED}"""


def _attached(kind: str, catalog: str, name: str, relation: str, condition: str) -> str:
    """:returns: Objects of a catalog that belong to a relation."""
    return f"""
SELECT '{kind}', n.nspname, c.relname || '.' || s.{name}
FROM {catalog} s JOIN pg_class c ON c.oid = s.{relation} JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE {condition} AND {_own("pg_class", "c")} AND {_SELECTED}"""


# Functions and collations of users, and whether a default, a condition, an index or a column uses them. Functions have to be
# found by their names in the bodies of others, as the server does not keep track of that.
_PREREQUISITES = f"""
WITH used AS (
    SELECT DISTINCT d.refclassid, d.refobjid
    FROM pg_depend d
    WHERE d.refclassid IN ('pg_proc'::regclass, 'pg_collation'::regclass)
        AND d.classid IN ('pg_attrdef'::regclass, 'pg_constraint'::regclass, 'pg_class'::regclass, 'pg_type'::regclass))
SELECT 'function', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid), pg_get_functiondef(p.oid), p.prosrc,
    EXISTS (SELECT FROM used u WHERE u.refclassid = 'pg_proc'::regclass AND u.refobjid = p.oid)
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE p.prokind IN ('f', 'w') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND {_own("pg_proc", "p")}
    AND EXISTS (SELECT FROM used u WHERE u.refobjid >= 16384)
UNION ALL
SELECT 'collation', n.nspname, l.collname, '', format('CREATE COLLATION "%s"."%s" (%s)', replace(n.nspname, '"', '""'),
    replace(l.collname, '"', '""'), concat_ws(', ',
        'provider = ' || CASE l.collprovider WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin' ELSE 'libc' END,
        CASE WHEN l.collcollate IS NULL THEN 'locale = ' || quote_literal(COALESCE(j.tail->>'colllocale', j.tail->>'colliculocale'))
            WHEN l.collprovider = 'i' THEN 'locale = ' || quote_literal(l.collcollate)
            ELSE 'lc_collate = ' || quote_literal(l.collcollate) || ', lc_ctype = ' || quote_literal(l.collctype) END,
        CASE WHEN NOT l.collisdeterministic THEN 'deterministic = false' END,
        'rules = ' || quote_literal(j.tail->>'collicurules'))), '', true
FROM pg_collation l JOIN pg_namespace n ON n.oid = l.collnamespace CROSS JOIN LATERAL (SELECT to_jsonb(l) AS tail) j
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND {_own("pg_collation", "l")}
    AND EXISTS (SELECT FROM used u WHERE u.refclassid = 'pg_collation'::regclass AND u.refobjid = l.oid)
"""


def _is_used(extension: str) -> str:
    """:returns: Condition that a column, a default, a condition, an index, a type or a function uses a member of an extension."""
    return f"""EXISTS (
    SELECT FROM pg_depend m
    WHERE m.refclassid = 'pg_extension'::regclass AND m.refobjid = {extension}.oid AND m.deptype = 'e' AND (
        EXISTS (SELECT FROM pg_depend u
            WHERE u.refclassid = m.classid AND u.refobjid = m.objid AND u.deptype IN ('n', 'a') AND u.objid >= 16384
                AND u.classid IN ('pg_class'::regclass, 'pg_attrdef'::regclass, 'pg_constraint'::regclass,
                    'pg_type'::regclass, 'pg_proc'::regclass)
                AND NOT EXISTS (SELECT FROM pg_depend x
                    WHERE x.classid = u.classid AND x.objid = u.objid AND x.deptype = 'e'))
        OR m.classid = 'pg_type'::regclass AND EXISTS (
            SELECT FROM pg_attribute a JOIN pg_type y ON y.oid = a.atttypid
            WHERE y.typelem = m.objid AND a.attrelid >= 16384)))"""


_OTHERS = " UNION ALL ".join(
    (
        f"""
SELECT CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'function' END, n.nspname,
    p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')'
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE {_own("pg_proc", "p")} AND {_SELECTED}""",
        _attached("trigger", "pg_trigger", "tgname", "tgrelid", "NOT s.tgisinternal"),
        _attached("rule", "pg_rewrite", "rulename", "ev_class", "s.rulename <> '_RETURN'"),
        _attached("policy", "pg_policy", "polname", "polrelid", "true"),
        _named("statistics", "pg_statistic_ext", "stxname", "stxnamespace"),
        _named("collation", "pg_collation", "collname", "collnamespace"),
        _named("operator", "pg_operator", "oprname", "oprnamespace"),
        _named("operator class", "pg_opclass", "opcname", "opcnamespace"),
        _named("operator family", "pg_opfamily", "opfname", "opfnamespace"),
        _named("text search configuration", "pg_ts_config", "cfgname", "cfgnamespace"),
        _named("text search dictionary", "pg_ts_dict", "dictname", "dictnamespace"),
        f"""
SELECT '{EXTENSION}', n.nspname, s.extname
FROM pg_extension s JOIN pg_namespace n ON n.oid = s.extnamespace
WHERE s.extname <> 'plpgsql' AND {_is_used("s")}""",
        f"""
SELECT 'options of sequence', n.nspname, c.relname || '.' || a.attname
FROM pg_sequence s
JOIN pg_depend o ON o.classid = 'pg_class'::regclass AND o.objid = s.seqrelid
    AND o.refclassid = 'pg_class'::regclass AND o.refobjsubid > 0 AND o.deptype IN ('a', 'i')
JOIN pg_class c ON c.oid = o.refobjid AND {_TABLES}
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = o.refobjsubid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE (s.seqstart, s.seqincrement, s.seqmin, s.seqcache, s.seqcycle) IS DISTINCT FROM (1::int8, 1::int8, 1::int8, 1::int8, false)
    AND {_own("pg_class", "c")} AND {_SELECTED}""",
    )
)


@dataclass(frozen=True, slots=True)
class PostgreSQLReader:
    """
    Reads what namespaces hold; see `CatalogReader`.

    What the model has no words for is kept out of the catalog, and reported as unmanaged: whole objects (`view public.v`),
    and what an object of the catalog has besides (`comment on constraint public.t.c`).

    :param capabilities: Of the server; catalogs of later versions have columns that those of earlier ones lack.
    """

    capabilities: Capabilities

    def parse_type(self, definition: str) -> SqlType:
        return parse_type(definition)

    async def fetch(
        self, session: Session, namespaces: Sequence[str] | None, *, lookups: Sequence[QualifiedId] = ()
    ) -> CatalogRows:
        selected = None if namespaces is None else list(namespaces)
        features = features_of(self.capabilities.version)
        async with _settings(session):
            relations = [RelationRecord(*row) for row in await session.fetch(_RELATIONS, selected)]
            columns = [ColumnRecord(*row) for row in await session.fetch(_COLUMNS, selected)]
            constraints = [ConstraintRecord(*row) for row in await session.fetch(_constraints(features), selected)]
            indexes = [IndexRecord(*row) for row in await session.fetch(_indexes(features), selected)]
            types = [TypeRecord(*row) for row in await session.fetch(_TYPES, selected)]
            others = await session.fetch(_OTHERS, selected)
            prerequisites = await session.fetch(_PREREQUISITES)
            found = find_lookups(lookups, columns)
            labels = await session.fetch(_select_labels(found)) if found else []
        return make_rows(
            relations,
            columns,
            constraints,
            indexes,
            types,
            others=others,
            prerequisites=prerequisites,
            lookups=found,
            labels=labels,
            quoted_words=quoted_words(self.capabilities.version),
        )


class _RollBack(Exception):  # noqa: N818 - nothing went wrong
    """Leaves a transaction without a trace of it."""


@asynccontextmanager
async def rolled_back(session: Session) -> AsyncGenerator[None]:
    """Undo all that is done within; the transaction of the caller, if there is one, goes on as before."""
    try:
        async with session.transaction():
            yield
            raise _RollBack
    except _RollBack:
        return


@asynccontextmanager
async def _settings(session: Session) -> AsyncGenerator[None]:
    """Fix what the server's printing depends on; settings are as they were, after."""
    assignments = ", ".join(
        f"pg_catalog.set_config('{name}', ${number}, true)" for number, name in enumerate(_SETTINGS, start=1)
    )
    async with rolled_back(session):
        await session.fetch(f"SELECT {assignments}", *_SETTINGS.values())
        yield


def _select_labels(tables: Sequence[QualifiedId]) -> str:
    """:returns: One statement for the rows of all lookup tables: number of the table, place in its order, label."""
    return " UNION ALL ".join(
        f'SELECT {number}, row_number() OVER (ORDER BY id), "value"::text FROM ONLY {table}'
        for number, table in enumerate(tables)
    )
