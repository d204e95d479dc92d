"""Values of the types of MySQL and MariaDB: stored exactly as given, or refused."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from ipaddress import IPv4Address
from typing import Any
from uuid import UUID

import pytest

from pysqlsync_engine.data.load_options import LoadMode
from pysqlsync_engine.dialect.mysql.pool import connect
from pysqlsync_engine.dialect.mysql.session import MySQLSession
from pysqlsync_engine.errors import RowError
from pysqlsync_engine.model.data_types import (
    SqlBinary,
    SqlBit,
    SqlBoolean,
    SqlCharacter,
    SqlDate,
    SqlDecimal,
    SqlFloat,
    SqlInteger,
    SqlJson,
    SqlLabel,
    SqlLabelSet,
    SqlOpaque,
    SqlTime,
    SqlTimestamp,
    SqlType,
    SqlYear,
)
from tests.row_tables import column, store, table
from tests.servers import Server, differs

MOMENT = SqlTimestamp(None, with_time_zone=True)
HALF = timezone(timedelta(hours=5, minutes=30))


@pytest.fixture(params=[True, False], ids=["LOAD", "INSERT"])
async def session(request: pytest.FixtureRequest, mysql: Server) -> AsyncIterator[MySQLSession]:
    """A session on a server that takes files of the client, and on one that does not."""
    async with connect(mysql.parameters) as session:
        # as of a server that lacks it
        session._capabilities = replace(session.capabilities, client_files=request.param)  # pyright: ignore[reportPrivateUsage]
        yield session


async def round_trip(
    session: MySQLSession, case: tuple[str, SqlType, Any], values: list[Any], mode: LoadMode, shown: str = "v"
) -> list[Any]:
    """:returns: What the server has after the values were stored in a column."""
    sql_type, data_type, annotation = case
    await session.execute("DROP TABLE IF EXISTS t")
    await session.execute(f"CREATE TABLE t (id int PRIMARY KEY, v {sql_type} NULL)")
    target = table("t", column("id", SqlInteger(4)), column("v", data_type, nullable=True))
    await store(session, target, mode, {"id": int, "v": annotation}, list(enumerate(values, start=1)))
    return [value for (value,) in await session.fetch(f"SELECT {shown} FROM t ORDER BY id")]


TEXTS = ["", " a ", "\\N", "\t\n\r\x01\x1a", "\f\v\b", "NULL", "\\", "'\"`", "𝄞", None]

KEPT: list[tuple[str, SqlType, Any, list[Any], str, list[Any] | None]] = [
    ("boolean", SqlBoolean(), bool, [True, False, None], "v", None),
    ("smallint", SqlInteger(2), int, [-32768, 32767, 0, None], "v", None),
    ("bigint unsigned", SqlInteger(8, signed=False), int, [2**64 - 1, 0], "v", None),
    ("double", SqlFloat(8), float, [0.1, -0.0, 1e308, 5e-324, 3], "v", None),
    ("float", SqlFloat(4), float, [0.5, 16777216.0], "v * 1e0", None),
    ("decimal(65,30)", SqlDecimal(65, 30), Decimal, [Decimal("1.1"), Decimal("-1E+20"), Decimal("1E-30"), 5], "v", None),
    ("longtext", SqlCharacter(), str, TEXTS, "v", None),
    ("varchar(3)", SqlCharacter(3), str, ["", "abc", "ab ", "𝄞𝄞𝄞"], "v", None),
    ("text", SqlOpaque("text"), str, ["", "abc"], "v", None),
    ("longblob", SqlBinary(), bytes, [b"", b"\x00\xff\\x\n\t", None], "v", None),
    ("binary(16)", SqlBinary(16, fixed=True), UUID, [UUID(int=1), UUID(int=2**128 - 1)], "lower(hex(v))", [f"{1:032x}", "f" * 32]),
    ("varbinary(16)", SqlBinary(16), IPv4Address, [IPv4Address("1.2.3.4")], "v", [b"\x01\x02\x03\x04"]),
    ("date", SqlDate(), date, [date(2000, 2, 29), date.min, date.max, None], "v", None),
    ("datetime(6)", SqlTimestamp(), datetime, [datetime.min, datetime.max, datetime(2000, 1, 1, 1, 2, 3, 456789)], "v", None),
    ("timestamp(6)", MOMENT, datetime, [datetime(2024, 6, 1, 12, tzinfo=HALF)], "v", [datetime(2024, 6, 1, 6, 30)]),
    ("time(6)", SqlTime(), time, [time.min, time.max], "cast(v as char)", ["00:00:00.000000", "23:59:59.999999"]),
    ("decimal(20,6)", SqlDecimal(20, 6), timedelta, [timedelta.max, timedelta(microseconds=-7)], "v", [Decimal("86399999999999.999999"), Decimal("-0.000007")]),
    ("enum('a','b','1')", SqlLabel(("a", "b", "1")), str, ["a", "1", None], "v", None),
    ("set('a','b')", SqlLabelSet(("a", "b")), set[str], [{"b", "a"}, set(), None], "v", ["a,b", "", None]),
    ("year", SqlYear(), int, [1901, 2155, 0], "v", None),
    ("bit(3)", SqlBit(3), str, ["101", "000"], "v + 0", [5, 0]),
    ("point", SqlOpaque("point"), str, ["POINT(1 2)", None], "ST_X(v)", [1.0, None]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("sql_type", "data_type", "annotation", "values", "query", "expected"), KEPT, ids=[case[0] for case in KEPT]
)
async def test_values_are_stored_exactly(
    session: MySQLSession,
    sql_type: str,
    data_type: SqlType,
    annotation: Any,
    values: list[Any],
    query: str,
    expected: list[Any] | None,
) -> None:
    for mode in (LoadMode.INSERT, LoadMode.UPSERT):
        stored = await round_trip(session, (sql_type, data_type, annotation), values, mode, query)
        assert stored == (values if expected is None else expected)


REFUSED: list[tuple[str, SqlType, Any, Any, str]] = [
    ("boolean", SqlBoolean(), bool, 1, "cannot encode int as boolean"),
    ("int unsigned", SqlInteger(4, signed=False), int, -1, "expected an integer of 32 bits, 0 to 4294967295"),
    ("double", SqlFloat(8), float, math.nan, "not finite"),
    ("double", SqlFloat(8), float, math.inf, "not finite"),
    ("float", SqlFloat(4), float, 1e300, "out of range of a 32-bit float"),
    ("decimal(6,2)", SqlDecimal(6, 2), Decimal, Decimal("0.001"), "at most 2 digits after"),
    ("decimal(6,2)", SqlDecimal(6, 2), Decimal, Decimal("NaN"), "not finite"),
    ("longtext", SqlCharacter(), str, "\ud800", "lone surrogate"),
    ("longtext", SqlCharacter(), str, "a\0b", "NUL character"),
    ("varchar(9)", SqlCharacter(9), str, "\0", "NUL character"),
    ("tinytext", SqlOpaque("tinytext"), str, "x" * 256, "v"),
    ("varchar(9) CHARACTER SET latin1", SqlCharacter(9), str, "𝄞", "v"),
    ("binary(4)", SqlBinary(4, fixed=True), bytes, b"abc", "expected 4 bytes"),
    ("varbinary(4)", SqlBinary(4), bytes, b"abcde", "expected at most 4 bytes"),
    ("date", SqlDate(), date, datetime(2000, 1, 1), "cannot encode datetime as date"),
    ("datetime(3)", SqlTimestamp(3), datetime, datetime(2000, 1, 1, 0, 0, 0, 1), "at most 3 digits of fractional"),
    ("datetime(6)", SqlTimestamp(), datetime, datetime(2000, 1, 1, tzinfo=UTC), "with a time zone"),
    ("timestamp(6)", MOMENT, datetime, datetime(2000, 1, 1), "without a UTC offset"),
    ("timestamp(6)", MOMENT, datetime, datetime(1969, 1, 1, tzinfo=UTC), "v"),
    ("enum('a','b')", SqlLabel(("a", "b")), str, "1", "expected one of a, b"),
    ("set('a','b')", SqlLabelSet(("a", "b")), set[str], {"c"}, "expected one of a, b"),
    ("year", SqlYear(), int, 70, "year"),
    ("bit(3)", SqlBit(3), str, "10", "bit"),
    ("json", SqlJson(), str, "{", "."),
    ("json", SqlJson(), dict[str, Any], {"a": math.nan}, "not JSON compliant"),
]


@pytest.mark.parametrize(("sql_type", "data_type", "annotation", "value", "reason"), REFUSED)
async def test_values_that_cannot_be_stored_exactly_are_refused(
    session: MySQLSession, sql_type: str, data_type: SqlType, annotation: Any, value: Any, reason: str
) -> None:
    for mode in (LoadMode.INSERT, LoadMode.UPSERT):
        with pytest.raises(RowError) as caught:
            await round_trip(session, (sql_type, data_type, annotation), [None, value, None], mode)
        assert caught.value.row == 2
        assert reason in str(caught.value)
        assert await session.fetch("SELECT * FROM t") == []


@differs("mariadb", raises=pytest.fail.Exception, reason="it keeps documents as text")
async def test_a_document_with_a_number_that_would_be_rounded_is_refused(session: MySQLSession) -> None:
    with pytest.raises(RowError, match="would be rounded"):
        await round_trip(session, ("json", SqlJson(), dict[str, Any]), [{"a": 2**64}], LoadMode.INSERT)


async def test_a_zero_is_not_taken_for_the_next_number(session: MySQLSession) -> None:
    await session.execute("CREATE TABLE n (id int AUTO_INCREMENT PRIMARY KEY)")
    await store(session, table("n", column("id", SqlInteger(4))), LoadMode.INSERT, {"id": int}, [(7,), (0,)])
    assert await session.fetch("SELECT id FROM n ORDER BY id") == [(0,), (7,)]


async def test_a_key_may_be_bytes(session: MySQLSession) -> None:
    await session.execute("CREATE TABLE b (k binary(16) PRIMARY KEY, v int)")
    rows = table("b", column("k", SqlBinary(16, fixed=True)), column("v", SqlInteger(4), nullable=True), key="k")
    fields = {"k": UUID, "v": int}
    await store(session, rows, LoadMode.UPSERT, fields, [(UUID(int=1), 1), (UUID(int=2), 2), (UUID(int=1), 3)])
    await store(session, rows, LoadMode.UPSERT, {"k": UUID, "v": int}, [(UUID(int=2), 4)])
    await store(session, rows, LoadMode.DELETE, {"k": UUID}, [(UUID(int=1),)])
    assert await session.fetch("SELECT v FROM b") == [(4,)]
