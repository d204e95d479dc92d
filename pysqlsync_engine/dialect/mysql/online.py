"""How MySQL and MariaDB change tables while others read and write them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pysqlsync_engine.dialect.mysql.list_writer import MySQLListWriter
from pysqlsync_engine.migration.operations import (
    AddForeignKey,
    AlterTable,
    CreateIndex,
    DropForeignKey,
    DropIndex,
    FillColumn,
    Operation,
    RenameIndex,
)
from pysqlsync_engine.migration.plan import RangeUpdate, Step
from pysqlsync_engine.model.id_types import QualifiedId
from pysqlsync_engine.model.object_types import Table

_WAYS = ("ALGORITHM=INSTANT", "ALGORITHM=INPLACE,\n    LOCK=NONE")
"""How the server may go about a change of a table without keeping others from writing, the quickest first."""


class MySQLOnlineWriter(MySQLListWriter):
    """The writer for MySQL and MariaDB, with steps that let others read and write."""

    def fill_column(self, operation: FillColumn, condition: str | None = None) -> str:
        """:returns: The statement; where values are sent beside it, percent signs stand for themselves."""
        if condition is None:
            return super().fill_column(operation)
        return f"{super().fill_column(operation).replace('%', '%%')} AND {condition}"

    def fill_batches(self, operation: FillColumn) -> RangeUpdate | None:
        """:returns: Statements that fill some rows at a time; `None` if a name of the key has what stands for values."""
        key = operation.table.primary_key
        named = operation.table.name.name, *(column.name for column in (key.columns if key is not None else ()))
        return None if any("%" in name for name in named) else super().fill_batches(operation)

    def write_online(self, operation: Operation, tables: Mapping[QualifiedId, Table]) -> tuple[Step, ...]:
        """:returns: The steps that perform the operation while others read and write, one per statement; see `Writer`."""
        match operation:
            case AlterTable() | CreateIndex() | DropIndex() | RenameIndex() | AddForeignKey() | DropForeignKey():
                step = self.write(operation)
                return tuple(
                    replace(
                        step,
                        statements=(statement,),
                        variants=tuple(f"{statement},\n    {way}" for way in _WAYS),
                        reverse=step.reverse if len(step.statements) == 1 else None,
                    )
                    for statement in step.statements
                )
            case _:
                return super().write_online(operation, tables)
