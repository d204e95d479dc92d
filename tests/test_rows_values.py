"""Values of every type: stored exactly as given, or refused."""

from __future__ import annotations

import asyncio
import contextlib
import enum
import json
import math
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strong_typing.auxiliary import Precision

from pysqlsync_engine.data.load_options import LoadMode
from pysqlsync_engine.dialect.postgresql.session import PostgreSQLSession, connect
from pysqlsync_engine.errors import RowError
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
    SqlNamed,
    SqlOpaque,
    SqlTime,
    SqlTimestamp,
    SqlType,
    SqlUuid,
)
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.key_types import PrimaryKey
from pysqlsync_engine.model.object_types import Lookup
from tests.row_tables import column, store, table
from tests.servers import Server

MODES = [LoadMode.INSERT, LoadMode.UPSERT]
HALF = timezone(timedelta(hours=5, minutes=30))
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
async def session(postgresql: Server) -> AsyncIterator[PostgreSQLSession]:
    async with connect(postgresql.parameters) as session:
        yield session


async def round_trip(
    session: PostgreSQLSession,
    sql_type: str,
    data_type: SqlType,
    annotation: Any,
    values: list[Any],
    mode: LoadMode,
    shown: str = "v",
) -> list[Any]:
    """:returns: What the server has after the values were stored in a column."""
    await session.execute("DROP TABLE IF EXISTS t")
    await session.execute(f"CREATE TABLE t (id int PRIMARY KEY, v {sql_type})")
    target = table("t", column("id", SqlInteger(4)), column("v", data_type, nullable=True))
    await store(session, target, mode, {"id": int, "v": annotation}, list(enumerate(values)))
    return [value for (value,) in await session.fetch(f"SELECT {shown} FROM t ORDER BY id")]


KEPT: list[tuple[str, SqlType, Any, list[Any]]] = [
    ("boolean", SqlBoolean(), bool, [True, False, None]),
    ("smallint", SqlInteger(2), int, [-32768, 32767, 0, None]),
    ("integer", SqlInteger(4), int, [-(2**31), 2**31 - 1]),
    ("bigint", SqlInteger(8), int | None, [-(2**63), 2**63 - 1, None]),
    ("double precision", SqlFloat(8), float, [0.1, -0.0, 1e308, 5e-324, math.inf, -math.inf, 3]),
    ("real", SqlFloat(4), float, [0.5, 16777216.0, math.inf]),
    ("numeric", SqlDecimal(), Decimal, [Decimal("1.10"), Decimal("-1E+20"), Decimal("1E-16000"), Decimal("1E+131071"), 5]),
    ("numeric(6,2)", SqlDecimal(6, 2), Decimal, [Decimal("9999.99"), Decimal("0.01"), Decimal("1.500"), -7]),
    ("numeric(6)", SqlDecimal(6), Decimal, [Decimal(999999), Decimal("1E+3")]),
    ("text", SqlCharacter(), str, ["", " a ", "\\N", "\t\n\r\x01", "𝄞", "'\"", None]),
    ("varchar(3)", SqlCharacter(3), str, ["", "abc", "ab ", "𝄞𝄞𝄞"]),
    ("bytea", SqlBinary(), bytes, [b"", b"\x00\xff\\x", bytearray(b"x"), memoryview(b"y")]),
    ("date", SqlDate(), date, [date(2000, 2, 29), date.min, date.max, date(1, 1, 2), None]),
    ("timestamp", SqlTimestamp(), datetime, [datetime.min, datetime.max, datetime(2000, 1, 1, 1, 2, 3, 456789)]),
    ("timestamp(3)", SqlTimestamp(3), datetime, [datetime(2000, 1, 1, 0, 0, 0, 456000)]),
    ("time", SqlTime(), time, [time.min, time.max, time(1, 2, 3, 4)]),
    ("interval", SqlInterval(), timedelta, [timedelta(days=-3, seconds=5, microseconds=7), timedelta(0)]),
    ("uuid", SqlUuid(), UUID, [UUID(int=0), UUID(int=2**128 - 1)]),
    ("int[]", SqlArray(SqlInteger(4)), list[int], [[], [1, None, -3], None]),
    ("text[]", SqlArray(SqlCharacter()), list[str], [["", "a,b", '{"}', "NULL", None]]),
    ("uuid[]", SqlArray(SqlUuid()), list[UUID], [[UUID(int=5)]]),
    ("point", SqlOpaque("point"), Any, [None]),
]  # fmt: skip


@pytest.mark.parametrize("mode", MODES)
async def test_values_are_stored_exactly(session: PostgreSQLSession, mode: LoadMode) -> None:
    for sql_type, data_type, annotation, values in KEPT:
        assert await round_trip(session, sql_type, data_type, annotation, values, mode) == values, sql_type


@pytest.mark.parametrize("mode", MODES)
async def test_not_a_number_is_stored(session: PostgreSQLSession, mode: LoadMode) -> None:
    (value,) = await round_trip(session, "double precision", SqlFloat(8), float, [math.nan], mode)
    assert math.isnan(value)
    for sql_type, data_type in (("numeric", SqlDecimal()), ("numeric(5,2)", SqlDecimal(5, 2))):
        (value,) = await round_trip(session, sql_type, data_type, Decimal, [Decimal("NaN")], mode)
        assert value.is_nan()


@pytest.mark.parametrize("mode", MODES)
async def test_no_date_becomes_infinite(session: PostgreSQLSession, mode: LoadMode) -> None:
    for sql_type, data_type, annotation, first, last in (
        ("date", SqlDate(), date, date.min, date.max),
        ("timestamp", SqlTimestamp(), datetime, datetime.min, datetime.max),
        (
            "timestamptz",
            SqlTimestamp(None, with_time_zone=True),
            datetime,
            datetime.min.replace(tzinfo=UTC),
            datetime.max.replace(tzinfo=UTC),
        ),
    ):
        values = [None, first, last] + [None] * 600 + [last]
        finite = await round_trip(session, sql_type, data_type, annotation, values, mode, "isfinite(v)")
        assert finite == [None, True, True] + [None] * 600 + [True]
        years = await round_trip(session, sql_type, data_type, annotation, values, mode, "extract(year from v)::int")
        assert years[1:3] == [1, 9999]


@pytest.mark.parametrize("mode", MODES)
async def test_moments_are_stored_exactly_whatever_their_offset(session: PostgreSQLSession, mode: LoadMode) -> None:
    moments = [
        datetime(2024, 6, 1, 12, tzinfo=UTC),
        datetime(2024, 6, 1, 12, tzinfo=HALF),
        datetime(2024, 10, 27, 2, 30, tzinfo=BERLIN, fold=0),
        datetime(2024, 10, 27, 2, 30, tzinfo=BERLIN, fold=1),
    ]
    stored = await round_trip(session, "timestamptz", SqlTimestamp(None, with_time_zone=True), datetime, moments, mode)
    assert [value.astimezone(UTC) for value in stored] == [moment.astimezone(UTC) for moment in moments]
    times = [time(1, 2, 3, 4, tzinfo=HALF)]
    assert await round_trip(session, "timetz", SqlTime(None, with_time_zone=True), time, times, mode) == times


@pytest.mark.parametrize("mode", MODES)
async def test_text_forms_are_converted_where_nothing_is_lost(session: PostgreSQLSession, mode: LoadMode) -> None:
    text = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
    assert await round_trip(session, "uuid", SqlUuid(), str, [text], mode, "v::text") == [text]
    assert await round_trip(session, "inet", SqlOpaque("inet"), str, ["10.0.0.1", "::1"], mode, "host(v)") == [
        "10.0.0.1",
        "::1",
    ]
    assert await round_trip(session, "point", SqlOpaque("point"), str, ["(1,2)"], mode, "v[1]") == [2.0]


REFUSED: list[tuple[str, SqlType, Any, Any, str]] = [
    ("boolean", SqlBoolean(), bool, 1, "cannot encode int as boolean: 1"),
    ("integer", SqlInteger(4), int, 2**31, "expected an integer of 32 bits"),
    ("bigint", SqlInteger(8), int, 2**63, "expected an integer of 64 bits"),
    ("integer", SqlInteger(4), int, Decimal(1), "cannot encode Decimal as integer"),
    ("double precision", SqlFloat(8), float, 2**53 + 1, "without rounding"),
    ("double precision", SqlFloat(8), float, True, "cannot encode bool as float"),
    ("double precision", SqlFloat(8), float, Decimal("0.1"), "cannot encode Decimal as float"),
    ("real", SqlFloat(4), float, 1e300, "out of range of a 32-bit float"),
    ("numeric(6,2)", SqlDecimal(6, 2), Decimal, Decimal("0.001"), "expected at most 2 digits after the decimal point"),
    ("numeric(6,2)", SqlDecimal(6, 2), Decimal, Decimal("10000"), "expected at most 4 digits before the decimal point"),
    ("numeric(6,2)", SqlDecimal(6, 2), Decimal, Decimal("Infinity"), "Decimal('Infinity')"),
    ("numeric(6,2)", SqlDecimal(6, 2), Decimal, Decimal("sNaN"), "Decimal('sNaN')"),
    ("numeric(6,2)", SqlDecimal(6, 2), Decimal, 0.5, "cannot encode float as decimal"),
    ("numeric", SqlDecimal(), Decimal, Decimal("1E+131072"), "digits"),
    ("numeric", SqlDecimal(), Decimal, Decimal("1E-16384"), "digits"),
    ("numeric", SqlDecimal(), Decimal, Decimal("sNaN"), "signaling"),
    ("text", SqlCharacter(), str, "\ud800", "lone surrogate"),
    ("text[]", SqlArray(SqlCharacter()), list[str], ["\0"], "NUL character"),
    ("bytea", SqlBinary(), bytes, "text", "cannot encode str as bytes"),
    ("date", SqlDate(), date, datetime(2000, 1, 1), "cannot encode datetime as date"),
    ("timestamp", SqlTimestamp(), datetime, date(2000, 1, 1), "cannot encode date as timestamp"),
    ("timestamp", SqlTimestamp(), datetime, datetime(2000, 1, 1, tzinfo=UTC), "with a time zone"),
    ("timestamp(3)", SqlTimestamp(3), datetime, datetime(2000, 1, 1, 0, 0, 0, 1), "at most 3 digits of fractional"),
    ("timestamptz", SqlTimestamp(None, True), datetime, datetime(2000, 1, 1), "without a UTC offset"),
    ("timestamptz", SqlTimestamp(None, True), datetime, datetime.max.replace(tzinfo=timezone(-timedelta(hours=1))), "out of range"),
    ("time", SqlTime(), time, time(1, tzinfo=UTC), "with a time zone"),
    ("timetz", SqlTime(None, True), time, time(1), "without a UTC offset"),
    ("interval(0)", SqlInterval(0), timedelta, timedelta(milliseconds=1), "at most 0 digits of fractional"),
    ("uuid", SqlUuid(), str, "not-a-uuid", "cannot encode str as uuid: 'not-a-uuid'"),
    ("int[]", SqlArray(SqlInteger(4)), list[int], [1, "2"], "cannot encode str as integer"),
    ("text[]", SqlArray(SqlCharacter()), list[str], "abc", "cannot encode str as list"),
    ("date[]", SqlArray(SqlDate()), list[date], [date.max], "inside a list or an object"),
    ("jsonb", SqlJson(), dict, {"a": math.nan}, "not JSON compliant"),
    ("jsonb", SqlJson(), dict, {1: "a"}, "cannot encode int as key of a JSON object"),
    ("jsonb", SqlJson(), dict, {"a": object()}, "not JSON serializable"),
    ("jsonb", SqlJson(), str, "{", "invalid input syntax for type json"),
    ("inet", SqlOpaque("inet"), str, "300.0.0.1", "invalid input syntax for type inet"),
]  # fmt: skip


@pytest.mark.parametrize("mode", MODES)
async def test_values_that_cannot_be_stored_exactly_are_refused(session: PostgreSQLSession, mode: LoadMode) -> None:
    for sql_type, data_type, annotation, value, reason in REFUSED:
        with pytest.raises(RowError) as caught:
            await round_trip(session, sql_type, data_type, annotation, [None, value], mode)
        assert caught.value.row == 2
        assert reason in str(caught.value)


@pytest.mark.parametrize("mode", MODES)
async def test_documents_are_stored_as_json(session: PostgreSQLSession, mode: LoadMode) -> None:
    documents = [{"a": [1, 2.5, None, True], "ü": {"b": '"\\'}}, [1, "x"], {}, None]
    for sql_type, data_type in (("jsonb", SqlJson()), ("json", SqlJson(binary=False))):
        stored = await round_trip(session, sql_type, data_type, dict[str, Any], documents, mode, "v::text")
        assert [None if text is None else json.loads(text) for text in stored] == documents
        assert await round_trip(session, sql_type, data_type, str, ['{"a": 1}'], mode, "v ->> 'a'") == ["1"]


class State(enum.Enum):
    OPEN = "open"
    SHUT = "it's shut"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


@pytest.mark.parametrize("mode", MODES)
async def test_members_of_an_enumeration_are_stored_by_label(session: PostgreSQLSession, mode: LoadMode) -> None:
    await session.execute("CREATE TYPE state AS ENUM ('open', 'it''s shut')")
    values = [State.OPEN, "it's shut", State.SHUT, None]
    labels = ["open", "it's shut", "it's shut", None]
    named = SqlNamed(QualifiedId("public", "state"))
    for sql_type, data_type in (("state", named), ("text", SqlCharacter()), ("varchar(10)", SqlCharacter(10))):
        assert await round_trip(session, sql_type, data_type, State | None, values, mode) == labels
        with pytest.raises(RowError, match="not a label of State; expected one of open, it's shut; got: 'ajar'"):
            await round_trip(session, sql_type, data_type, State, ["ajar"], mode)
    assert await round_trip(session, "state[]", SqlArray(named), list[State], [[State.OPEN]], mode) == [["open"]]
    assert await round_trip(session, "int", SqlInteger(4), Level, [Level.HIGH], mode) == [2]
    with pytest.raises(RowError, match="invalid input value for enum state"):
        await round_trip(session, "state", named, str, ["ajar"], mode)


@pytest.mark.parametrize("mode", MODES)
async def test_labels_of_a_lookup_table_are_resolved_and_never_added(
    session: PostgreSQLSession, mode: LoadMode
) -> None:
    await session.execute("CREATE TABLE states (id int PRIMARY KEY, value text UNIQUE NOT NULL)")
    await session.execute("INSERT INTO states VALUES (10, 'open'), (20, 'it''s shut')")
    await session.execute("CREATE TABLE doors (id int PRIMARY KEY, state int REFERENCES states)")
    lookup = Lookup(LocalId("state"), QualifiedId("public", "states"))
    doors = table(
        "doors", column("id", SqlInteger(4)), column("state", SqlInteger(4), nullable=True), lookups=(lookup,)
    )
    rows = [(1, State.SHUT), (2, "open"), (3, None)]
    await store(session, doors, mode, {"id": int, "state": State}, rows)
    assert await session.fetch("SELECT * FROM doors ORDER BY id") == [(1, 20), (2, 10), (3, None)]
    await store(session, doors, LoadMode.UPSERT, {"id": int, "state": str}, [(1, "open")])
    await store(session, doors, LoadMode.UPSERT, {"id": int, "state": int}, [(2, 20)])
    assert await session.fetch("SELECT * FROM doors ORDER BY id") == [(1, 10), (2, 20), (3, None)]
    with pytest.raises(RowError, match=r"public\.doors\.state: row 2: not a label of the lookup table: 'ajar'"):
        await store(session, doors, mode, {"id": int, "state": str}, [(4, "open"), (5, "ajar"), (6, "other")])
    assert await session.fetch("SELECT count(*) FROM states") == [(2,)]
    assert await session.fetch("SELECT count(*) FROM doors") == [(3,)]


@dataclass
class Place:
    x: int
    note: str | None
    cost: Annotated[Decimal, Precision(5, 2)]


@dataclass
class Owner:
    id: PrimaryKey[int]
    name: str


@pytest.mark.parametrize("mode", MODES)
async def test_objects_are_stored_as_composite_values(session: PostgreSQLSession, mode: LoadMode) -> None:
    await session.execute("CREATE TYPE place AS (x int, note text, cost numeric(5,2))")
    named = SqlNamed(QualifiedId("public", "place"))
    values = [Place(1, None, Decimal("1.5")), (2, "b", None), None]
    stored = await round_trip(session, "place", named, Place | None, values, mode)
    assert [value and tuple(value) for value in stored] == [(1, None, Decimal("1.50")), (2, "b", None), None]
    (places,) = await round_trip(session, "place[]", SqlArray(named), list[Place], [[values[0]]], mode)
    assert [tuple(place) for place in places] == [(1, None, Decimal("1.50"))]
    for bad, reason in (((1, "a"), "expected 3 members"), (Place(1, "a", Decimal("0.001")), "member cost: expected")):
        with pytest.raises(RowError, match=reason):
            await round_trip(session, "place", named, Place, [bad], mode)


@pytest.mark.parametrize("mode", MODES)
async def test_an_object_of_another_table_stands_for_its_key(session: PostgreSQLSession, mode: LoadMode) -> None:
    assert await round_trip(session, "int", SqlInteger(4), Owner | None, [Owner(7, "x"), 8, None], mode) == [7, 8, None]
    with pytest.raises(RowError, match="cannot encode str as integer"):
        await round_trip(session, "int", SqlInteger(4), Owner, ["x"], mode)


def single(value: float) -> float:
    """:returns: The nearest number that a 32-bit float holds."""
    return struct.unpack("f", struct.pack("f", value))[0]


PROPERTIES: dict[str, tuple[SqlType, Any, st.SearchStrategy[Any]]] = {
    "bigint": (SqlInteger(8), int, st.integers(-(2**64), 2**64)),
    "double precision": (SqlFloat(8), float, st.floats(allow_nan=False) | st.integers(-(2**60), 2**60)),
    "numeric": (SqlDecimal(), Decimal, st.decimals(allow_nan=False, allow_infinity=False)),
    "numeric(12,3)": (
        SqlDecimal(12, 3),
        Decimal,
        st.decimals(-(10**9), 10**9, places=3) | st.decimals(allow_nan=False),
    ),
    "text": (SqlCharacter(), str, st.text()),
    "varchar(4)": (SqlCharacter(4), str, st.text(max_size=6)),
    "bytea": (SqlBinary(), bytes, st.binary()),
    "date": (SqlDate(), date, st.dates()),
    "timestamp": (SqlTimestamp(), datetime, st.datetimes()),
    "timestamptz": (SqlTimestamp(None, with_time_zone=True), datetime, st.datetimes(timezones=st.timezones())),
    "time": (SqlTime(), time, st.times()),
    "interval": (SqlInterval(), timedelta, st.timedeltas()),
    "text[]": (SqlArray(SqlCharacter()), list[str], st.lists(st.text(max_size=4) | st.none())),
}


def in_utc(value: Any) -> Any:
    """:returns: The same moment; in a zone whose clock is turned back, Python takes no two moments for equal."""
    return value.astimezone(UTC) if isinstance(value, datetime) and value.tzinfo is not None else value


@pytest.mark.parametrize("sql_type", PROPERTIES)
def test_every_value_is_stored_exactly_or_refused(postgresql: Server, sql_type: str) -> None:
    data_type, annotation, values = PROPERTIES[sql_type]

    async def check(session: PostgreSQLSession, value: Any, mode: LoadMode) -> None:
        with contextlib.suppress(RowError):
            (stored,) = await round_trip(session, sql_type, data_type, annotation, [value], mode)
            assert in_utc(stored) == in_utc(value)

    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(values, st.sampled_from(MODES))
    def every(value: Any, mode: LoadMode) -> None:
        runner.run(check(session, value, mode))

    # hypothesis is synchronous, and a session belongs to one loop
    with asyncio.Runner() as runner:
        opened = connect(postgresql.parameters)
        session = runner.run(opened.__aenter__())
        try:
            every()
        finally:
            runner.run(opened.__aexit__(None, None, None))
