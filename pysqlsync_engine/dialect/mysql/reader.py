"""Reads the catalog of a MySQL or MariaDB server: at most seven statements for a whole database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pysqlsync_engine.capabilities import Capabilities
from pysqlsync_engine.dialect.mysql.capabilities import Features, features_of
from pysqlsync_engine.dialect.mysql.column_types import parse_type
from pysqlsync_engine.dialect.mysql.names import quote, quote_table
from pysqlsync_engine.dialect.mysql.rows import RowParser, documents, full_text_parsers, make_table
from pysqlsync_engine.discovery.reader import CatalogRows, ConstraintRow, IndexRow, LabelRow, namespace_of
from pysqlsync_engine.model.data_types import SqlType
from pysqlsync_engine.model.id_types import QualifiedId
from pysqlsync_engine.session import Row, Session

_TABLES = """
SELECT table_name, table_type, engine, table_collation, create_options, table_comment,
    (SELECT default_collation_name FROM information_schema.schemata WHERE schema_name = DATABASE()),
    (SELECT COUNT(*) FROM information_schema.plugins WHERE plugin_type = 'FTPARSER' AND plugin_status = 'ACTIVE')
FROM information_schema.tables
WHERE table_schema = DATABASE()
"""

_COLUMNS = """
SELECT table_name, ordinal_position, column_name, column_type, is_nullable, column_default, extra, column_comment,
    collation_name, generation_expression, {reference}
FROM information_schema.columns
WHERE table_schema = DATABASE()
"""

_INDEXES = """
SELECT table_name, index_name, non_unique, seq_in_index, column_name, collation, sub_part, index_type, index_comment,
    {visible}, {expression}
FROM information_schema.statistics
WHERE table_schema = DATABASE()
"""

_FOREIGN_KEYS = """
SELECT k.table_name, k.constraint_name, k.ordinal_position, k.column_name, k.referenced_table_schema = DATABASE(),
    k.referenced_table_name, k.referenced_column_name, r.delete_rule, r.update_rule
FROM information_schema.key_column_usage k
JOIN information_schema.referential_constraints r ON r.constraint_name = k.constraint_name AND r.table_name = k.table_name
WHERE k.table_schema = DATABASE() AND r.constraint_schema = DATABASE() AND k.referenced_table_name IS NOT NULL
"""

_CHECKS = """
SELECT t.table_name, t.constraint_name, c.check_clause, t.enforced, 'Table'
FROM information_schema.table_constraints t
JOIN information_schema.check_constraints c
    ON c.constraint_schema = t.constraint_schema AND c.constraint_name = t.constraint_name
WHERE t.constraint_schema = DATABASE() AND t.constraint_type = 'CHECK'
"""

_CHECKS_WITH_LEVEL = """
SELECT table_name, constraint_name, check_clause, 'YES', level
FROM information_schema.check_constraints
WHERE constraint_schema = DATABASE()
"""

_OTHERS = """
SELECT 'trigger', event_object_table, CONCAT(event_object_table, '.', trigger_name)
FROM information_schema.triggers WHERE trigger_schema = DATABASE()
UNION ALL
SELECT LOWER(routine_type), routine_name, routine_name
FROM information_schema.routines WHERE routine_schema = DATABASE()
UNION ALL
SELECT 'event', event_name, event_name
FROM information_schema.events WHERE event_schema = DATABASE()
"""

_BASE_TABLE = "BASE TABLE"
_KINDS = {"VIEW": "view", "SEQUENCE": "sequence", "SYSTEM VERSIONED": "system-versioned table"}


@dataclass(frozen=True, slots=True)
class MySQLReader:
    """
    Reads what the database of the connection holds; see `CatalogReader`. Namespaces are prefixes of the names of tables.

    What the model has no words for is kept out of the catalog, and reported as unmanaged: whole objects (`view v`), and
    what a table of the catalog has besides (`partitions t`).

    Where the server has parsers of full text (MySQL has one), one more statement for each table with a full-text index tells
    by which of them; `information_schema` does not.

    :param capabilities: Of the server.
    """

    capabilities: Capabilities

    def parse_type(self, definition: str) -> SqlType:
        return parse_type(definition)

    async def fetch(
        self, session: Session, namespaces: Sequence[str] | None, *, lookups: Sequence[QualifiedId] = ()
    ) -> CatalogRows:
        requested = ("",) if namespaces is None else tuple(dict.fromkeys(namespaces))
        read = await _read(session, requested, features_of(self.capabilities.version))
        found = _find_lookups(lookups, read.columns)
        labels = await session.fetch(_select_labels(found)) if found else []
        parser = read.parser()
        keyed = list(parser.keys_and_indexes(read.indexes))
        return CatalogRows(
            namespaces=requested,
            prefixed=True,
            tables=tuple(parser.tables.values()),
            columns=tuple(map(parser.column, read.columns)),
            constraints=(
                *(item for item in keyed if isinstance(item, ConstraintRow)),
                *parser.foreign_keys(row for row in read.keys if row[4]),
                *(parser.check(row) for row in read.checks if not parser.makes_document(row)),
            ),
            indexes=tuple(item for item in keyed if isinstance(item, IndexRow)),
            lookups=tuple(found),
            lookup_labels=tuple(_label(row, found) for row in labels),
            unmanaged=tuple(_unmanaged(read)),
        )


@dataclass(frozen=True, slots=True)
class _Read:
    """
    What was read of the namespaces that were asked for.

    :param parsers: Options of full-text indexes, by table and index.
    """

    features: Features
    relations: list[Row]
    columns: list[Row]
    indexes: list[Row]
    keys: list[Row]
    checks: list[Row]
    others: list[Row]
    parsers: Mapping[tuple[str, str], str]

    def parser(self) -> RowParser:
        """:returns: What makes objects of the rows."""
        return RowParser(
            self.features,
            {row[0]: make_table(row) for row in self.relations if row[1] == _BASE_TABLE},
            {row[0]: row[3] for row in self.relations},
            documents(self.columns, self.checks),
            self.parsers,
        )


async def _read(session: Session, namespaces: tuple[str, ...], features: Features) -> _Read:
    everywhere = _Scope(namespaces)
    relations = everywhere.select(await session.fetch(_TABLES))
    has_parsers = any(row[7] for row in relations)
    tables = _Scope(namespaces, frozenset(row[0] for row in relations if row[1] == _BASE_TABLE))
    reference = "srs_id" if features.marked_expressions else "NULL"
    columns = tables.select(await session.fetch(_COLUMNS.format(reference=reference)))
    visible = "is_visible" if features.functional_indexes else "IF(ignored = 'YES', 'NO', 'YES')"
    expression = "expression" if features.functional_indexes else "NULL"
    indexes = tables.select(await session.fetch(_INDEXES.format(visible=visible, expression=expression)))
    keys = tables.select(await session.fetch(_FOREIGN_KEYS))
    checks = tables.select(await session.fetch(_CHECKS if features.unenforced_checks else _CHECKS_WITH_LEVEL))
    others = everywhere.anywhere(await session.fetch(_OTHERS))
    parsers = await _full_text_options(session, indexes) if has_parsers else {}
    return _Read(features, relations, columns, indexes, keys, checks, others, parsers)


@dataclass(frozen=True, slots=True)
class _Scope:
    """
    What was asked for.

    :param tables: Only rows of these are selected; `None` for all in the namespaces.
    """

    namespaces: tuple[str, ...]
    tables: frozenset[str] | None = None

    def select(self, rows: Iterable[Row]) -> list[Row]:
        """:returns: Rows of the tables, whose name is the first value of each."""
        if self.tables is not None:
            return [row for row in rows if row[0] in self.tables]
        return [row for row in rows if namespace_of(row[0], self.namespaces) is not None]

    def anywhere(self, rows: Iterable[Row]) -> list[Row]:
        """:returns: Rows of other objects, whose name, or that of their table, is the second value of each."""
        return [row for row in rows if namespace_of(row[1], self.namespaces) is not None]


def _label(row: Row, tables: Sequence[QualifiedId]) -> LabelRow:
    number, position, label = row
    return LabelRow(tables[int(number)], position, label)


async def _full_text_options(session: Session, indexes: Iterable[Row]) -> dict[tuple[str, str], str]:
    """:returns: The parser of each full-text index that has one of its own, by table and index."""
    options: dict[tuple[str, str], str] = {}
    for table in sorted({row[0] for row in indexes if row[7] == "FULLTEXT"}):
        ((_, definition, *_),) = await session.fetch(f"SHOW CREATE TABLE {quote(table)}")
        options |= {(table, index): f"WITH PARSER {parser}" for index, parser in full_text_parsers(definition).items()}
    return options


def _find_lookups(lookups: Iterable[QualifiedId], columns: Iterable[Row]) -> list[QualifiedId]:
    """:returns: Those of the tables that are there, and are made as lookup tables are."""
    names: dict[str, set[str]] = {}
    for row in columns:
        names.setdefault(row[0], set()).add(row[2])
    return [table for table in dict.fromkeys(lookups) if names.get(table.name, set()) >= {"id", "value"}]


def _select_labels(tables: Sequence[QualifiedId]) -> str:
    """:returns: One statement for the rows of all lookup tables: number of the table, place in its order, label."""
    return " UNION ALL ".join(
        f"SELECT {number}, ROW_NUMBER() OVER (ORDER BY `id`), CONVERT(`value` USING utf8mb4) COLLATE utf8mb4_bin"
        f" FROM {quote_table(table)}"
        for number, table in enumerate(tables)
    )


def _unmanaged(read: _Read) -> Iterator[str]:
    for name, kind, _, _, options, *_ in read.relations:
        if kind != _BASE_TABLE:
            yield f"{_KINDS.get(kind, kind.lower())} {name}"
        elif "partitioned" in (options or "").lower().split():
            yield f"partitions {name}"
    for table, _, column, _, _, _, extra, *_ in read.columns:
        if "WITHOUT SYSTEM VERSIONING" in extra:
            yield f"column without system versioning {table}.{column}"
    for table, index, _, _, column, order, *_ in read.indexes:
        if index == "PRIMARY" and order == "D":
            yield f"descending order in primary key {table}.{column}"
    yield from dict.fromkeys(f"foreign key to another database {row[0]}.{row[1]}" for row in read.keys if not row[4])
    yield from (f"{kind} {name}" for kind, _, name in read.others)
