"""Tables and columns with what only MySQL and MariaDB have."""

from __future__ import annotations

from dataclasses import dataclass, field

from pysqlsync_engine.model.object_types import Column, Table
from pysqlsync_engine.model.vendor_markers import MySQLInvisible, MySQLOnUpdate, MySQLOptions


@dataclass(frozen=True, slots=True)
class MySQLColumn(Column):
    """
    A column in MySQL or MariaDB.

    :param on_update: What the column becomes when the row changes, as the server prints it; `None` to keep its value.
    :param visible: False if the column is left out where a statement names none.
    """

    on_update: str | None = field(default=None, kw_only=True)
    visible: bool = field(default=True, kw_only=True)

    @property
    def vendor_markers(self) -> tuple[object, ...]:
        """Tags for a field; none for a column that is as usual."""
        renewed = () if self.on_update is None else (MySQLOnUpdate(self.on_update),)
        return renewed if self.visible else (*renewed, MySQLInvisible())


@dataclass(frozen=True, slots=True)
class MySQLTable(Table):
    """
    A table in MySQL or MariaDB.

    :param engine: Storage engine; `None` for InnoDB.
    :param collation: Of columns that name none; `None` for that of the database.
    :param row_format: In upper case; `None` for the engine's default.
    :param options: Other options as the server prints them, sorted: `KEY_BLOCK_SIZE=8`.
    """

    engine: str | None = field(default=None, kw_only=True)
    collation: str | None = field(default=None, kw_only=True)
    row_format: str | None = field(default=None, kw_only=True)
    options: tuple[str, ...] = field(default=(), kw_only=True)

    @property
    def vendor_markers(self) -> tuple[object, ...]:
        """Options for `__table__`; none for a table that is as usual."""
        options = MySQLOptions(self.engine, self.collation, self.row_format, self.options)
        return () if options == MySQLOptions() else (options,)
