"""What a class says of a column or a table for one product only, or for people; others ignore it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class ColumnMarker:
    """
    Base of what a field says for one product, or for people; formation passes it on to `Column.markers`.

    A dialect outside of this package derives its own.
    """

    applies_to: ClassVar[tuple[type, ...]] = ()
    """Python types of fields that can have the marker; empty for all."""


@dataclass(frozen=True, slots=True)
class TableOptions:
    """Base of what a table says for one product; formation passes it on to `Table.markers`."""


@dataclass(frozen=True, slots=True)
class Pii(ColumnMarker):
    """
    The values say something of a person: `Annotated[str, Pii("e-mail")]`. Has no effect on the database; values are not shown.

    :param kind: What they say, in a word or two.
    """

    kind: str = "personal"


@dataclass(frozen=True, slots=True)
class MySQLOnUpdate(ColumnMarker):
    """
    The column gets a new value whenever the row changes: `Annotated[datetime, MySQLOnUpdate("CURRENT_TIMESTAMP")]`.

    :param expression: As the server prints it.
    """

    applies_to: ClassVar[tuple[type, ...]] = (datetime,)

    expression: str


@dataclass(frozen=True, slots=True)
class MySQLInvisible(ColumnMarker):
    """The column is left out where a statement names none."""


@dataclass(frozen=True, slots=True)
class MySQLOptions(TableOptions):
    """
    Options of a table in MySQL and MariaDB.

    :param engine: Storage engine; `None` for InnoDB.
    :param collation: Of columns that name none, and with it their character set; `None` for the database's.
    :param row_format: `None` for the engine's default.
    :param others: Other options as the server prints them: `KEY_BLOCK_SIZE=8`.
    """

    engine: str | None = None
    collation: str | None = None
    row_format: str | None = None
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PostgreSQLOptions(TableOptions):
    """
    Options of a table in PostgreSQL.

    :param partition_by: How rows are spread over partitions, as the server prints it: `RANGE (placed)`.
    :param unlogged: True if rows are lost when the server crashes.
    """

    partition_by: str | None = None
    unlogged: bool = False
