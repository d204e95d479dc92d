"""What becomes of values when the type of their column changes, told and tried."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

from pysqlsync_engine.dialect.postgresql import DIALECT
from pysqlsync_engine.dialect.postgresql.writer import PostgreSQLWriter
from pysqlsync_engine.errors import StatementError
from pysqlsync_engine.migration.conversion import NARROWS, convert
from pysqlsync_engine.migration.operations import AlterColumn, AlterTable
from pysqlsync_engine.model.data_types import (
    SqlArray,
    SqlBinary,
    SqlBoolean,
    SqlCharacter,
    SqlDate,
    SqlDecimal,
    SqlFloat,
    SqlInteger,
    SqlInterval,
    SqlJson,
    SqlOpaque,
    SqlTime,
    SqlTimestamp,
    SqlType,
    SqlUuid,
)
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.object_types import Column, Table
from pysqlsync_engine.options import Hazard
from pysqlsync_engine.session import Session
from tests.servers import Server

SAMPLES: dict[SqlType, tuple[str, ...]] = {
    SqlBoolean(): ("true",),
    SqlInteger(2): ("-32768", "32767"),
    SqlInteger(4): ("2147483647", "0"),
    SqlInteger(8): ("9223372036854775807", "1"),
    SqlFloat(4): ("1.5", "NaN"),
    SqlFloat(8): ("1e300", "0.1"),
    SqlDecimal(): ("123456789012345678901234567890.123456789",),
    SqlDecimal(8, 2): ("999999.99",),
    SqlDecimal(10, 2): ("99999999.99",),
    SqlDecimal(10, 4): ("999999.9999",),
    SqlCharacter(): ("free text, longer than nine", "trailing  "),
    SqlCharacter(5): ("five5",),
    SqlCharacter(9): ("nine char",),
    SqlCharacter(9, fixed=True): ("padded",),
    SqlBinary(): ("\\x00ff",),
    SqlTimestamp(): ("2013-01-01 00:00:00.123456",),
    SqlTimestamp(3): ("2013-01-01 00:00:00.123",),
    SqlTimestamp(with_time_zone=True): ("2013-01-01 00:00:00.123456+02",),
    SqlDate(): ("2013-01-01",),
    SqlTime(): ("23:59:59.999999",),
    SqlTime(0): ("23:59:59",),
    SqlInterval(): ("1 year 00:00:01.123456",),
    SqlInterval(3): ("1 year 00:00:01.123",),
    SqlUuid(): ("00000000-0000-0000-0000-00000000000a",),
    SqlJson(): ('{"a": 1}',),
    SqlJson(binary=False): ('{"a": 1,  "a": 2}',),
    SqlArray(SqlInteger(4)): ("{1,2}",),
    SqlArray(SqlInteger(8)): ("{1,9223372036854775807}",),
    SqlOpaque("point"): ("(1,2)",),
}

COLUMN = LocalId("value")
TABLE = QualifiedId("public", "sample")


async def test_conversions_do_what_their_hazards_say(postgresql: Server) -> None:
    async with DIALECT.connect(postgresql.parameters) as session, session.transaction():
        for source, target in itertools.permutations(SAMPLES, 2):
            # where all of them are told, there is nothing that could be wrong
            if convert(source, target).hazards != NARROWS.hazards:
                await attempt(session, source, target)


async def attempt(session: Session, source: SqlType, target: SqlType) -> None:
    """Change the type of a column with values; nothing may fail, change or be rewritten that the hazards do not tell."""
    writer = PostgreSQLWriter(session.capabilities)
    before, after = Column(COLUMN, source, nullable=True), Column(COLUMN, target, nullable=True)
    step = writer.write(AlterTable(Table(TABLE, (before,)), Table(TABLE, (after,)), (AlterColumn(before, after),)))
    assert step.hazards == convert(source, target).hazards
    values = ", ".join(f"('{value}')" for value in SAMPLES[source])
    await session.execute("DROP TABLE IF EXISTS sample")
    await session.execute(f"CREATE TABLE sample (value {writer.data_type(source)})")
    await session.execute(f"INSERT INTO sample VALUES {values}")
    printed, file = await state(session)
    if not await succeeds(session, step.statements):
        assert Hazard.MAY_FAIL_ON_DATA in step.hazards, (source, target)
        return
    printed_after, file_after = await state(session)
    if Hazard.REWRITES_TABLE not in step.hazards:
        assert file_after == file, (source, target)
    if Hazard.NARROWS_TYPE not in step.hazards and type(source) is type(target):
        assert same(printed, printed_after), (source, target)


async def succeeds(session: Session, statements: Iterable[str]) -> bool:
    """:returns: False if the server refuses a statement; nothing is changed then."""
    try:
        async with session.transaction():
            for statement in statements:
                await session.execute(statement)
    except StatementError:
        return False
    return True


async def state(session: Session) -> tuple[list[Any], Any]:
    rows = await session.fetch("SELECT value::text, pg_relation_filenode('sample') FROM sample")
    return [row[0] for row in rows], rows[0][1]


def same(before: list[Any], after: list[Any]) -> bool:
    """:returns: True if values print as they did, or are equal numbers."""
    return all(one == other or float(one) == float(other) for one, other in zip(before, after, strict=True))
