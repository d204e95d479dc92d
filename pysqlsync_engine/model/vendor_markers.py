"""What a class says of a column or a table for one product only; others ignore it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MySQLOnUpdate:
    """
    The column gets a new value whenever the row changes: `Annotated[datetime, MySQLOnUpdate("CURRENT_TIMESTAMP")]`.

    :param expression: As the server prints it.
    """

    expression: str


@dataclass(frozen=True, slots=True)
class MySQLInvisible:
    """The column is left out where a statement names none."""


@dataclass(frozen=True, slots=True)
class MySQLOptions:
    """
    Options of a table in MySQL and MariaDB.

    :param engine: Storage engine; `None` for InnoDB.
    :param collation: Of columns that name none, and with it their character set; `None` for the database's.
    :param row_format: `None` for the engine's default.
    """

    engine: str | None = None
    collation: str | None = None
    row_format: str | None = None


@dataclass(frozen=True, slots=True)
class PostgreSQLOptions:
    """
    Options of a table in PostgreSQL.

    :param partition_by: How rows are spread over partitions, as the server prints it: `RANGE (placed)`.
    :param unlogged: True if rows are lost when the server crashes.
    """

    partition_by: str | None = None
    unlogged: bool = False
