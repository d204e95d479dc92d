"""Temporary tables of one stream, and the SQL that fills and reads them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import uuid4

from pysqlsync_engine.data.load_options import LoadMode, OnDuplicate, OnError
from pysqlsync_engine.data.target import LoadTarget
from pysqlsync_engine.data.text import TextFormat
from pysqlsync_engine.dialect.mysql.names import quote, quote_list, quote_table, quote_text
from pysqlsync_engine.dialect.mysql.transfer import MAX_LABEL_CHARACTERS, Transfer
from pysqlsync_engine.model.constraint_types import ForeignKeyConstraint
from pysqlsync_engine.model.data_types import SqlBinary, SqlCharacter, SqlJson, SqlLabelSet, SqlOpaque, SqlType
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.object_types import Column, Lookup

COUNTER = "@pysqlsync_row"
"""Variable of the session that numbers the rows of a file."""

BY_KEY = "FORCE INDEX (PRIMARY)"
"""Follows the name of a table whose rows are looked up by their primary key, whatever the server thinks of its size."""

MAX_KEY_CHARACTERS = 512
"""Most that the key of a row has in a table that is sorted by it; an index takes 3,072 bytes, and a character may be four."""


@dataclass(frozen=True, slots=True)
class Cell:
    """
    What becomes of a cell of a record.

    :param column: Where it goes.
    :param cast: SQL for the value of the column, with `{}` for the cell.
    :param is_counted: True if the server gives the column a number of its own when it gets NULL.
    """

    column: LocalId
    cast: str = "{}"
    is_counted: bool = False


@dataclass(frozen=True, slots=True)
class Destination:
    """
    A table that records are sent to.

    :param number: Column that gets their numbers; `None` if there is none.
    :param order: Column by which the table is kept in order, before all others; `None` if it is not known.
    """

    name: QualifiedId
    number: LocalId | None = None
    order: LocalId | None = None

    def load(self, file: str, form: TextFormat, cells: Sequence[Cell | None], character_set: str = "utf8mb4") -> str:
        """
        :param file: Name that stands for the data.
        :param cells: For each cell of a record what becomes of it; `None` if it is left out.
        :param character_set: Of the data; `binary` for bytes that are stored as they are.
        """
        names: list[str] = []
        assigned: list[str] = []
        for position, cell in enumerate(cells):
            variable = f"@c{position}"
            if cell is None:
                names.append(variable)
            elif cell.cast == "{}" and _has_null(form):
                names.append(quote(cell.column))
            else:
                names.append(variable)
                value = variable if _has_null(form) else _or_null(form, variable)
                assigned.append(f"{quote(cell.column)} = {cell.cast.replace('{}', value)}")
        if self.number is not None:
            assigned.append(f"{quote(self.number)} = ({COUNTER} := {COUNTER} + 1)")
        return (
            f"LOAD DATA LOCAL INFILE {quote_text(file)} INTO TABLE {quote_table(self.name)} CHARACTER SET {character_set}"
            f" FIELDS TERMINATED BY {quote_text(form.delimiter)}{_quoting(form)} LINES TERMINATED BY '\\n'"
            f" ({', '.join(names)}){' SET ' if assigned else ''}{', '.join(assigned)}"
        )

    def insert(self, cells: Sequence[Cell]) -> str:
        """:returns: Statement that inserts rows, without the list of their values."""
        numbers = [] if self.number is None else [self.number]
        return f"INSERT INTO {quote_table(self.name)} ({quote_list([*numbers, *(c.column for c in cells)])}) VALUES "


def start_counting(number: int) -> str:
    """:param number: That of the row before the next one."""
    return f"SET {COUNTER} = {number:d}"


def _has_null(form: TextFormat) -> bool:
    """:returns: True if the server itself knows the spelling of NULL."""
    return form.null == "\\N" and form.quote is None


def _or_null(form: TextFormat, cell: str) -> str:
    # compared byte by byte: to a collation, other texts may be the same
    return f"IF({cell} = CAST({quote_text(form.null)} AS BINARY), NULL, {cell})"


def _quoting(form: TextFormat) -> str:
    if form.quote is None:
        return " ESCAPED BY '\\\\'"
    return f" OPTIONALLY ENCLOSED BY {quote_text(form.quote)} ESCAPED BY ''"


class Staging:
    """
    A temporary table whose columns are typed like those of the table that they are meant for, but none has a constraint.

    Its rows are numbered as they were sent; those that are not merged are marked. Where it can be, it is kept in the order of the
    keys that the rows have in the other table, so that no merge has to sort them. A statement can refer to it once:
    https://dev.mysql.com/doc/refman/8.4/en/temporary-table-problems.html
    """

    def __init__(self, target: LoadTarget, transfers: Sequence[Transfer]) -> None:
        self.target = target
        self.transfers = [t for t in transfers if is_staged(target, t.column.name.name)]
        self.name = temporary_name()
        self.number = self.free_name("row")
        self.skipped = self.free_name("skipped")
        self.named = {column.name for column in target.columns}
        keys = [LocalId(name) for name in target.key_names]
        self.keys = keys if self.named.issuperset(keys) else []
        self.is_partial = is_partial(target)
        self.is_lenient = target.options.on_error is OnError.QUARANTINE
        self.is_sorted = self._can_be_sorted()
        self.primary = [*(self.keys if self.is_sorted else []), self.number]
        self.foreign_keys = [
            key for key in target.table.foreign_keys if key.enforced and self.named.issuperset(key.columns)
        ]
        self.may_refer_to_itself = target.mode is not LoadMode.DELETE and any(
            key.referenced_table == target.table.name for key in self.foreign_keys
        )
        self.table = quote_table(target.table.name)
        self.rows_of_key = f"{self.table} t{self._index_of_key()}"
        self.values = {t.column.name: self._value(position) for position, t in enumerate(self.transfers)}

    def _can_be_sorted(self) -> bool:
        """:returns: True if the keys of the rows can be those of the staging table, and nothing looks rows up by their numbers."""
        if not self.keys or self.is_lenient or self.target.mode is LoadMode.HISTORY:
            return False
        looked_up = {t.column.name for t in self.transfers if t.lookup is not None}
        columns = [self.target.table.column(key.name) for key in self.keys]
        return (
            looked_up.isdisjoint(self.keys)
            and not any(column.nullable for column in columns)
            and sum(_key_characters(column.data_type) for column in columns) <= MAX_KEY_CHARACTERS
        )

    def _index_of_key(self) -> str:
        """
        :returns: What follows the name of the table where rows are looked up by their key.

        A table that was filled a moment ago is still thought to be empty, so that it would be read as a whole for each row.
        """
        primary = self.target.table.primary_key
        return "" if primary is None or set(primary.columns) != set(self.keys) else f" {BY_KEY}"

    def free_name(self, name: str) -> LocalId:
        """:returns: A name that no column has."""
        return LocalId(next(n for n in (name, f"{name}_", self.name.name) if n not in self.target.table.column_names))

    @property
    def destination(self) -> Destination:
        """Where records are sent."""
        return Destination(self.name, self.number, self.keys[0] if self.is_sorted else None)

    @property
    def names(self) -> list[LocalId]:
        """Columns that the stream names."""
        return [column.name for column in self.target.columns]

    @property
    def updated(self) -> list[LocalId]:
        """Columns that a row gets new values in if it exists."""
        return [column.name for column in self.target.columns if column.name not in self.keys]

    @property
    def is_versioned(self) -> bool:
        """True if a row of the table may be newer than one of the stream."""
        return self.target.options.on_duplicate is OnDuplicate.HIGHEST and self.target.mode is not LoadMode.REPLACE

    @property
    def deletes_missing(self) -> bool:
        """True if rows go, or versions end, whose keys the stream lacks."""
        history = self.target.options.history
        return self.target.mode is LoadMode.MIRROR or (history is not None and history.closes_missing)

    def create(self) -> str:
        labels = [t.column for t in self.transfers if t.lookup is not None]
        own = [f"{quote(c.name)} {_LABEL}{'' if c.nullable or self.is_lenient else ' NOT NULL'}" for c in labels]
        own.append(f"{quote(self.skipped)} tinyint")
        definitions = [f"{quote(self.number)} bigint NOT NULL", *own, f"PRIMARY KEY ({quote_list(self.primary)})"]
        # all columns are selected, as the server asks for a value, though no row is
        selected = [f"0 AS {quote(self.number)}", f"NULL AS {quote(self.skipped)}"]
        selected += [f"{'0 AS ' if t.lookup is not None else 't.'}{quote(t.column.name)}" for t in self.transfers]
        # a table that may be missing has columns that may be NULL
        source = f"(SELECT 1) x LEFT JOIN {self.table} t ON FALSE" if self.is_lenient else f"{self.table} t"
        return (
            f"CREATE TEMPORARY TABLE {quote_table(self.name)} ({', '.join(definitions)})"
            f" ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 AS SELECT {', '.join(selected)} FROM {source} LIMIT 0"
        )

    def part(self, start: int = 0, stop: int | None = None) -> str:
        """
        :param start: Number of the row before the first one.
        :param stop: Number of the last row; `None` for all rows.
        :returns: Condition for some of the rows that are to be merged.
        """
        number = f"s.{quote(self.number)}"
        some = "" if stop is None else f" AND {number} > {start:d} AND {number} <= {stop:d}"
        return f"s.{quote(self.skipped)} IS NULL{some}"

    def select(self, part: str, join: str = "") -> str:
        """:returns: Query for the values of rows, as the table takes them."""
        return f"SELECT {', '.join(self.values.values())} FROM {self.joined()}{join} WHERE {part}"

    def joined(self) -> str:
        """:returns: The rows, `s`, and the lookup tables."""
        joins = [self.join(position) for position, t in enumerate(self.transfers) if t.lookup is not None]
        return f"{quote_table(self.name)} s{''.join(joins)}"

    def join(self, position: int) -> str:
        """:returns: Join with the row of a lookup table that has exactly the same label, to the byte."""
        transfer = self.transfers[position]
        if transfer.lookup is None:
            return ""
        return (
            f" LEFT JOIN {quote_table(transfer.lookup.table)} l{position}"
            f" ON CAST(l{position}.`value` AS BINARY) = CAST(s.{quote(transfer.column.name)} AS BINARY)"
        )

    def _value(self, position: int) -> str:
        transfer = self.transfers[position]
        return f"s.{quote(transfer.column.name)}" if transfer.lookup is None else f"l{position}.`id`"

    def matches(self, table: str) -> str:
        """:returns: Condition for the row of the table that has the key."""
        return " AND ".join(f"{table}.{quote(key)} = {self.values[key]}" for key in self.keys)

    def is_older(self, table: str) -> str:
        """:returns: Condition for a row of the table that is newer than that of the stream."""
        version = quote(self.target.options.version or "")
        return f"({table}.{version} IS NOT NULL AND COALESCE(s.{version} < {table}.{version}, TRUE))"

    def order(self) -> str:
        """:returns: The order in which rows are merged: that of their keys, so that streams do not lock each other out."""
        number = f"s.{quote(self.number)}"
        return ", ".join([*(self.values[key] for key in self.keys), number])

    def first_and_last(self) -> str:
        """:returns: Query for the numbers of the first and the last row that are to be merged."""
        number = f"s.{quote(self.number)}"
        return f"SELECT min({number}), max({number}) FROM {quote_table(self.name)} s WHERE {self.part()}"

    def count(self, part: str) -> str:
        """:returns: Query for the number of rows."""
        return f"SELECT count(*) FROM {quote_table(self.name)} s WHERE {part}"

    def count_keys(self) -> str:
        """:returns: Query for the number of rows to be merged, and for that of the keys that they have."""
        return f"SELECT count(*), count(DISTINCT {quote_list(self.keys)}) FROM {quote_table(self.name)} s WHERE {self.part()}"

    def others(self, columns: Sequence[LocalId], order: str) -> str:
        """
        :param order: Of rows that have the same values in the columns.
        :returns: Query for the numbers of all of these but the first, and what else `skip` needs.
        """
        given = " AND ".join(f"s.{quote(name)} IS NOT NULL" for name in columns)
        return (
            f"SELECT {quote_list(self.primary, 'w.')} FROM (SELECT {quote_list(self.primary, 's.')},"
            f" row_number() OVER (PARTITION BY {quote_list(columns, 's.')} ORDER BY {order}) AS place"
            f" FROM {quote_table(self.name)} s WHERE {self.part()} AND {given}) w WHERE w.place > 1"
        )

    def superseded(self) -> str:
        """:returns: Query for rows that are not stored as another one of the same key is."""
        version = self.target.options.version
        newest = "" if version is None else f"s.{quote(version)} DESC, "
        return self.others(self.keys, f"{newest}s.{quote(self.number)} DESC")

    def repeated(self, columns: Sequence[LocalId]) -> str:
        """:returns: Query for rows that have the same values as one before."""
        return self.others(columns, f"s.{quote(self.number)}")

    def skip(self, found: QualifiedId) -> str:
        """
        :param found: Table with numbers of rows, and what else is in the primary key.
        :returns: Statement that marks the rows.
        """
        skipped = quote(self.skipped)
        same = _equal("s", ((f"f.{quote(name)}", name) for name in self.primary))
        return (
            f"UPDATE {quote_table(found)} f STRAIGHT_JOIN {quote_table(self.name)} s {BY_KEY} ON {same}"
            f" SET s.{skipped} = 1 WHERE s.{skipped} IS NULL"
        )

    def value_of(self, columns: Sequence[LocalId], number: int) -> str:
        """:returns: Query for the text of values of one row."""
        texts = ", ".join(f"CAST({quote(name)} AS CHAR)" for name in columns)
        value = texts if len(columns) == 1 else f"CONCAT_WS(', ', {texts})"
        return f"SELECT {value} FROM {quote_table(self.name)} WHERE {quote(self.number)} = {number:d}"

    def highest(self, column: Column) -> str:
        """:returns: Query for the highest value of a column, as text; text is compared by code points, as Python does."""
        name = f"s.{quote(column.name)}"
        order = f"CAST({name} AS BINARY)" if isinstance(column.data_type, SqlCharacter) else name
        return f"SELECT CAST({name} AS CHAR) FROM {quote_table(self.name)} s WHERE {name} IS NOT NULL ORDER BY {order} DESC LIMIT 1"

    def unknown_labels(self, position: int) -> str:
        """
        :returns: Query for numbers of rows whose label the lookup table lacks; locks the labels of the others, which would be NULL in
            the table if somebody deleted one before the rows are merged.
        """
        label = f"s.{quote(self.transfers[position].column.name)}"
        return (
            f"SELECT s.{quote(self.number)} FROM {quote_table(self.name)} s{self.join(position)}"
            f" WHERE {self.part()} AND {label} IS NOT NULL AND l{position}.`id` IS NULL LOCK IN SHARE MODE"
        )

    def add_labels(self, position: int, lookup: Lookup) -> str:
        """:returns: Statement that adds the labels of a column that its lookup table lacks."""
        label = f"s.{quote(self.transfers[position].column.name)}"
        return (
            f"INSERT INTO {quote_table(lookup.table)} (`value`) SELECT DISTINCT {label} FROM {quote_table(self.name)} s"
            f"{self.join(position)} WHERE {label} IS NOT NULL AND l{position}.`id` IS NULL ORDER BY 1"
            f" ON DUPLICATE KEY UPDATE {quote_table(lookup.table)}.`id` = {quote_table(lookup.table)}.`id`"
        )

    def missing(self, key: ForeignKeyConstraint, own: QualifiedId | None = None) -> str:
        """
        :param own: Table with the values that rows of the stream have in the columns that are referred to.
        :returns: Query for the numbers of rows that refer to rows which do not exist; locks the others.
        """
        values = [self.values[name] for name in key.columns]
        pairs = list(zip(values, key.referenced_columns, strict=True))
        absent = [f"o.{quote(key.referenced_columns[0])} IS NULL"]
        given = [f"{value} IS NOT NULL" for value in values]
        joins = f" LEFT JOIN {quote_table(key.referenced_table)} o ON {_equal('o', pairs)}"
        if own is not None:
            joins += f" LEFT JOIN {quote_table(own)} w ON {_equal('w', pairs)}"
            absent.append(f"w.{quote(key.referenced_columns[0])} IS NULL")
        conditions = " AND ".join([self.part(), *given, *absent])
        return f"SELECT s.{quote(self.number)} FROM {self.joined()}{joins} WHERE {conditions} LOCK IN SHARE MODE"

    def create_found(self, name: QualifiedId, query: str) -> str:
        """:returns: Statement that keeps the numbers of rows that a query yields."""
        return (
            f"CREATE TEMPORARY TABLE {quote_table(name)} ({quote(self.number)} bigint NOT NULL PRIMARY KEY)"
            f" ENGINE = InnoDB AS {query}"
        )


def is_staged(target: LoadTarget, column: str) -> bool:
    """:returns: True if the values of a column are of use; those of rows that are deleted are not."""
    watermark = target.options.watermark
    is_asked_for = watermark is not None and watermark.column == column
    return target.mode is not LoadMode.DELETE or is_asked_for or column in target.key_names


def is_partial(target: LoadTarget) -> bool:
    """:returns: True if a new row would lack a value that the server asks for."""
    named = {column.name for column in target.columns}
    return any(not column.is_optional and column.name not in named for column in target.table.columns)


def _equal(table: str, pairs: Iterable[tuple[str, LocalId]]) -> str:
    return " AND ".join(f"{table}.{quote(other)} = {value}" for value, other in pairs)


def _key_characters(data_type: SqlType) -> int:
    """:returns: How many characters or bytes a column adds to an index, roughly; more than fit if that is not limited, or not known."""
    limit = 16
    if isinstance(data_type, SqlCharacter | SqlBinary):
        limit = data_type.limit
    elif isinstance(data_type, SqlJson | SqlOpaque | SqlLabelSet):
        limit = None
    return MAX_KEY_CHARACTERS + 1 if limit is None else limit


def drop(names: Iterable[QualifiedId]) -> str:
    """:returns: Statement that drops temporary tables, which does not end a transaction."""
    return f"DROP TEMPORARY TABLE IF EXISTS {', '.join(map(quote_table, names))}"


def temporary_name() -> QualifiedId:
    """:returns: A name that no other table has."""
    return QualifiedId(None, f"pysqlsync_{uuid4().hex}")


_LABEL = f"varchar({MAX_LABEL_CHARACTERS}) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
"""What labels of a lookup table are staged as."""
