"""Rows of `information_schema` as objects of the model."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

from pysqlsync_engine.dialect.mysql.capabilities import Features
from pysqlsync_engine.dialect.mysql.column_types import parse_type
from pysqlsync_engine.dialect.mysql.constraints import WORD_INDEXES, is_plain_key, usual_method
from pysqlsync_engine.dialect.mysql.expressions import (
    parse_expression,
    parse_metadata,
    read_default,
    read_marked_default,
    spell_now,
)
from pysqlsync_engine.dialect.mysql.names import quote
from pysqlsync_engine.dialect.mysql.objects import MySQLColumn, MySQLTable
from pysqlsync_engine.discovery.reader import ColumnRow, ConstraintRow, IndexRow
from pysqlsync_engine.errors import DiscoveryError
from pysqlsync_engine.model.constraint_types import Index, IndexPart
from pysqlsync_engine.model.data_types import SqlJson, SqlOpaque, SqlType
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.object_types import (
    CheckConstraint,
    ForeignKeyConstraint,
    Generated,
    IdentityMode,
    PrimaryKeyConstraint,
    ReferentialAction,
    UniqueConstraint,
)
from pysqlsync_engine.session import Row

_OPTION = re.compile(r"""[^\s=]+(?:=(?:"(?:[^"\\]|""|\\.)*"|'(?:[^'\\]|''|\\.)*'|\S+))?""")
_ON_UPDATE = re.compile(r"on update ([^\s,]+)", re.IGNORECASE)
_JSON_COLLATION = "utf8mb4_bin"
_PARSER = re.compile(r"^\s*FULLTEXT KEY `((?:[^`]|``)*)` .*WITH PARSER `((?:[^`]|``)*)`", re.MULTILINE)


def full_text_parsers(definition: str) -> dict[str, str]:
    """
    :param definition: Of a table, as `SHOW CREATE TABLE` has it.
    :returns: The parser of each full-text index that has one of its own, between backticks.
    """
    return {match[1].replace("``", "`"): f"`{match[2]}`" for match in _PARSER.finditer(definition)}


def table_options(text: str) -> tuple[str | None, tuple[str, ...]]:
    """
    :param text: As `create_options` has them.
    :returns: Row format, and the other options, but for partitions.
    """
    row_format: str | None = None
    others: list[str] = []
    for match in _OPTION.finditer(text):
        name, _, value = match[0].partition("=")
        if name.lower() == "row_format":
            row_format = value.upper()
        elif name.lower() != "partitioned":
            others.append(match[0])
    return row_format, tuple(sorted(others))


def make_table(row: Row) -> MySQLTable:
    """:param row: Of the query for tables."""
    name, _, engine, collation, options, comment, database_collation, _ = row
    row_format, others = table_options(options or "")
    return MySQLTable(
        QualifiedId(None, name),
        (),
        description=comment or None,
        engine=None if engine is None or engine.lower() == "innodb" else engine,
        collation=None if collation == database_collation else collation,
        row_format=row_format,
        options=others,
    )


@dataclass(frozen=True, slots=True)
class RowParser:
    """
    Makes objects of rows.

    :param features: Of the server.
    :param tables: Those that are read, by name.
    :param collations: Of all tables, by name, that of the database filled in.
    :param documents: Tables and columns that hold JSON as text.
    :param parsers: Options of full-text indexes, by table and index.
    """

    features: Features
    tables: Mapping[str, MySQLTable]
    collations: Mapping[str, str | None]
    documents: frozenset[tuple[str, str]]
    parsers: Mapping[tuple[str, str], str]

    def column(self, row: Row) -> ColumnRow:
        """:param row: Of the query for columns."""
        table, position, name, definition, nullable, default, extra, comment, collation, generation, srid = row
        data_type = self._data_type(table, name, definition, srid)
        generated = self._generated(generation, extra)
        on_update = _ON_UPDATE.search(extra)
        column = MySQLColumn(
            LocalId(name),
            data_type,
            nullable=nullable == "YES",
            default=None if default is None or generated is not None else self._default(default, extra, data_type),
            identity=IdentityMode.BY_DEFAULT if "auto_increment" in extra.lower() else None,
            description=comment or None,
            generated=generated,
            collation=None if collation == self.collations[table] or isinstance(data_type, SqlJson) else collation,
            on_update=None if on_update is None else spell_now(on_update[1], self.features.now) or on_update[1],
            visible="INVISIBLE" not in extra,
        )
        return ColumnRow(QualifiedId(None, table), position, column)

    def _data_type(self, table: str, name: str, definition: str, srid: int | None) -> SqlType:
        if (table, name) in self.documents:
            return SqlJson()
        return SqlOpaque(f"{definition} SRID {srid:d}") if srid is not None else parse_type(definition)

    def _generated(self, expression: str | None, extra: str) -> Generated | None:
        if not expression:
            return None
        return Generated(self.expression(expression), stored="VIRTUAL" not in extra)

    def expression(self, printed: str) -> str:
        """:returns: An expression as the model has it."""
        return parse_expression(parse_metadata(printed) if self.features.marked_expressions else printed)

    def _default(self, printed: str, extra: str, data_type: SqlType) -> str | None:
        if self.features.marked_expressions:
            return read_marked_default(printed, extra, data_type, self.features.now)
        return read_default(printed, data_type, self.features.now)

    def keys_and_indexes(self, rows: Iterable[Row]) -> Iterator[ConstraintRow | IndexRow]:
        """
        :param rows: Of the query for indexes, in any order.
        :returns: Keys as constraints, all else as indexes.
        """
        ordered = sorted(rows, key=lambda row: (row[0], row[1], row[3]))
        for (table, name), group in groupby(ordered, key=lambda row: (row[0], row[1])):
            parts = list(group)
            owner = QualifiedId(None, table)
            if name == "PRIMARY":
                yield ConstraintRow(owner, _primary_key(parts))
                continue
            index = self._index(table, name, parts)
            if is_plain_key(index):
                yield ConstraintRow(owner, UniqueConstraint(index.name, index.columns))
            else:
                yield IndexRow(owner, index)

    def _index(self, table: str, name: str, rows: list[Row]) -> Index:
        _, _, repeated, _, _, _, _, method, comment, visible, _ = rows[0]
        usual = usual_method(self.tables[table].engine)
        # text of any length is unique by way of a hash that nobody asked for
        hashed = self.features.hashed_unique and method == "HASH" and not repeated
        parser = self.parsers.get((table, name))
        return Index(
            LocalId(name),
            tuple(self._part(row) for row in rows),
            unique=not int(repeated),
            method=None if method == usual or hashed else method,
            description=comment or None,
            visible=visible == "YES",
            options=() if parser is None else (parser,),
        )

    def _part(self, row: Row) -> IndexPart:
        _, _, _, _, column, order, length, method, _, _, expression = row
        return IndexPart(
            None if column is None else LocalId(column),
            expression=self.expression(expression) if column is None else None,
            descending=order == "D",
            length=None if method in WORD_INDEXES else length,
        )

    def foreign_keys(self, rows: Iterable[Row]) -> Iterator[ConstraintRow]:
        """:param rows: Of the query for foreign keys: a row for each column of each, in any order."""
        ordered = sorted(rows, key=lambda row: (row[0], row[1], row[2]))
        for (table, name), group in groupby(ordered, key=lambda row: (row[0], row[1])):
            pairs = list(group)
            _, _, _, _, _, referenced, _, on_delete, on_update = pairs[0]
            key = ForeignKeyConstraint(
                LocalId(name),
                tuple(LocalId(row[3]) for row in pairs),
                QualifiedId(None, referenced),
                tuple(LocalId(row[6]) for row in pairs),
                _action(on_delete, table, name),
                _action(on_update, table, name),
            )
            yield ConstraintRow(QualifiedId(None, table), key)

    def makes_document(self, row: Row) -> bool:
        """:returns: True for a check that is part of a type."""
        return (row[0], row[1]) in self.documents and _is_document_check(row)

    def check(self, row: Row) -> ConstraintRow:
        """:param row: Of the query for checks."""
        table, name, condition, enforced, _ = row
        check = CheckConstraint(LocalId(name), self.expression(condition), enforced=enforced == "YES")
        return ConstraintRow(QualifiedId(None, table), check)


def documents(columns: Iterable[Row], checks: Iterable[Row]) -> frozenset[tuple[str, str]]:
    """:returns: Tables and columns that MariaDB calls JSON: text with a check of its own."""
    texts = {(row[0], row[2]) for row in columns if row[3] == "longtext" and row[8] == _JSON_COLLATION}
    return frozenset(texts & {(row[0], row[1]) for row in checks if _is_document_check(row)})


def _is_document_check(row: Row) -> bool:
    _, name, condition, _, level = row
    return level == "Column" and condition == f"json_valid({quote(name)})"


def _primary_key(rows: list[Row]) -> PrimaryKeyConstraint:
    lengths = tuple(row[6] for row in rows)
    return PrimaryKeyConstraint(
        LocalId("PRIMARY"),
        tuple(LocalId(row[4]) for row in rows),
        lengths=lengths if any(length is not None for length in lengths) else (),
    )


def _action(rule: str, table: str, name: str) -> ReferentialAction:
    try:
        return ReferentialAction(rule)
    except ValueError as error:
        raise DiscoveryError(f"{table}: foreign key {name} has the rule {rule!r}; please report this") from error
