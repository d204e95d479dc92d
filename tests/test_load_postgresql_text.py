"""Text that goes to PostgreSQL as it is: stored exactly as the value that it stands for, or refused alike."""

from __future__ import annotations

import asyncio
import enum
import json
import re
from collections.abc import AsyncIterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address
from typing import Any, Literal
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pysqlsync_engine.data.batches import BatchSource
from pysqlsync_engine.data.cells import cell_converter
from pysqlsync_engine.data.encoding import plain_encoder
from pysqlsync_engine.data.load_options import LoadMode, LoadOptions, OnError
from pysqlsync_engine.data.load_report import Counts, Outcome
from pysqlsync_engine.data.loading import load
from pysqlsync_engine.data.parts import EncodedBatch, Part, Run
from pysqlsync_engine.data.sources import Fields
from pysqlsync_engine.data.target import choose_target
from pysqlsync_engine.data.text import TSV, TextColumn, TextFormat, TextPart
from pysqlsync_engine.dialect.postgresql.loader import PostgreSQLLoader
from pysqlsync_engine.dialect.postgresql.session import PostgreSQLSession, connect
from pysqlsync_engine.errors import LoadError, RowError
from pysqlsync_engine.model.data_types import (
    SqlBinary,
    SqlBit,
    SqlBoolean,
    SqlCharacter,
    SqlDate,
    SqlDecimal,
    SqlFloat,
    SqlInteger,
    SqlInterval,
    SqlJson,
    SqlNamed,
    SqlNetworkAddress,
    SqlOpaque,
    SqlTime,
    SqlTimestamp,
    SqlType,
    SqlUuid,
)
from pysqlsync_engine.model.id_types import QualifiedId
from pysqlsync_engine.model.object_types import Table
from pysqlsync_engine.session import Row
from tests.row_tables import PEOPLE, PEOPLE_SQL, column, table
from tests.servers import Server

MODES = [LoadMode.INSERT, LoadMode.UPSERT]

CSV = TextFormat(delimiter=",", null="", quote='"')

ALL = {"id": int, "name": str, "born": date, "points": int}


@pytest.fixture
async def session(postgresql: Server) -> AsyncIterator[PostgreSQLSession]:
    async with connect(postgresql.parameters) as session:
        yield session


async def in_order(parts: list[Part]) -> AsyncIterator[Part]:
    for part in parts:
        yield part


async def send(
    session: PostgreSQLSession,
    target: Table,
    mode: LoadMode,
    fields: dict[str, Any],
    *parts: TextPart | list[Row],
    **options: Any,
) -> Outcome:
    """Store text, and rows between it."""
    chosen = choose_target(target, Fields(tuple(fields), tuple(fields.values())), LoadOptions(mode, **options))
    store = PostgreSQLLoader(session.capabilities).open(chosen)
    await store.prepare(session)
    encode = plain_encoder(store.hooks)
    number, sent = 1, list[Part]()
    for part in parts:
        sent.append(part if isinstance(part, TextPart) else EncodedBatch((Run(part, number),), encode))
        number += part.rows if isinstance(part, TextPart) else len(part)
    async with session.transaction():
        return await store.store(session, in_order(sent))


def text(
    records: str,
    first: int = 1,
    *,
    form: TextFormat = TSV,
    layout: tuple[int | None, ...] = (0, 1, 2, 3),
    rows: int = 0,
) -> TextPart:
    return TextPart(records.encode(), rows or records.count("\n"), first, form, layout)


def fits(rule: TextColumn | None, cell: str) -> bool:
    """:returns: True if the rule lets a cell through."""
    if rule is None or (rule.max_characters is not None and len(cell) > rule.max_characters):
        return False
    return rule.pattern is None or re.fullmatch(rule.pattern, cell) is not None


class State(enum.Enum):
    OPEN = "open"
    SHUT = "shut"


class Kind:
    """A type of column, with text of it that goes through, and text that is parsed."""

    def __init__(self, sql_type: str, data_type: SqlType, annotation: Any, passing: str, parsed: str = "") -> None:
        self.sql_type = sql_type
        self.data_type = data_type
        self.annotation = annotation
        self.passing = passing.split(";")
        self.parsed = parsed.split(";") if parsed else []

    def __repr__(self) -> str:
        return f"{self.sql_type} {getattr(self.annotation, '__name__', self.annotation)}"


MOMENTS = "2024-02-29 23:59:59;2024-01-02T03:04:05.123456;2024-01-02 03:04;2024-13-01 00:00:00;2023-02-29 00:00"
OFFSETS = "2024-02-29 23:59:59Z;2024-01-02T03:04:05.123456+05:30;2024-01-02 03:04-0800;1024-12-31 23:00:00+14;2024-06-31 00:00Z"

KINDS = [
    Kind("boolean", SqlBoolean(), bool, "t;f;true;false;1;0;yes;no", "on;off;tr;TRUE;n; t;y"),
    Kind("smallint", SqlInteger(2), int, "0;-32768;32767;+5;007;32768;-40000"),
    Kind("integer", SqlInteger(4), int, "0;-2147483648;2147483647;2147483648"),
    Kind("bigint", SqlInteger(8), int, "9223372036854775807;-9223372036854775808;9223372036854775808"),
    Kind("double precision", SqlFloat(8), float, "0.1;-1.5e10;1e99;123456789012345;-0.0;1E-99", "1e400;1e-400;NaN;inf;0x1p3;.5;1_0"),
    Kind("real", SqlFloat(4), float, "0.1;1e29;-1.5;1e-29", "16777217;1e39;3.4028235e38;nan"),
    Kind("numeric", SqlDecimal(), Decimal, "1.10;-5;+0.000000001;12345678901234567890.5;007", "NaN;1e5;.5;Infinity;1_0"),
    Kind("numeric(6,2)", SqlDecimal(6, 2), Decimal, "1.5;9999.99;-0.01;0001", "1.005;10000;1e2;NaN;1.500"),
    Kind("numeric(3)", SqlDecimal(3), Decimal, "999;-5", "1.0;1000;0.5"),
    Kind("text", SqlCharacter(), str, " a ;ünï;'\";{}"),
    Kind("varchar(3)", SqlCharacter(3), str, "abc;a ;;ü;üüü", "abcd;abc ;üüüü"),
    Kind("char(3)", SqlCharacter(3, fixed=True), str, "abc;a;a ", "abcd;abc "),
    Kind("varchar(9)", SqlCharacter(9), State, "open;shut", "ajar;OPEN"),
    Kind("varchar(9)", SqlCharacter(9), Literal["a", "b"], "a;b", "c;"),
    Kind("bytea", SqlBinary(), bytes, "", "6162;abc"),
    Kind("date", SqlDate(), date, "2024-02-29;0001-01-01;9999-12-31;2023-02-29;2024-13-01;0000-01-01", "today;infinity;20240102;2024-W01-1;01/02/2024;2024-1-2"),
    Kind("timestamp", SqlTimestamp(), datetime, f"{MOMENTS};0001-01-01 00:00:00;9999-12-31 23:59:59.999999", "2024-01-02 24:00:00;2024-01-02 03:04:60;2024-01-02 03:04:05+02;now;2024-01-02;2024-01-02 03:04:05.1234567;infinity"),
    Kind("timestamp(3)", SqlTimestamp(3), datetime, "2024-01-02 03:04:05.123;2024-01-02 03:04:05", "2024-01-02 03:04:05.1234"),
    Kind("timestamp(0)", SqlTimestamp(0), datetime, "2024-01-02 03:04:05", "2024-01-02 03:04:05.5"),
    Kind("timestamptz", SqlTimestamp(None, with_time_zone=True), datetime, OFFSETS, "2024-01-02 03:04:05;9999-12-31 23:59:59-05;0001-01-01 00:00:00+05;2024-01-02 03:04:05 Europe/Berlin;now;2024-01-02 03:04:05+15:30"),
    Kind("time", SqlTime(), time, "03:04:05;03:04;23:59:59.999999", "24:00:00;03:04:05Z;3:04;03:04:05 PM"),
    Kind("timetz", SqlTime(None, with_time_zone=True), time, "03:04:05Z;03:04+05:30", "03:04:05;24:00:00Z"),
    Kind("interval", SqlInterval(), timedelta, "P1D;PT5H;P3DT4H5M6.5S;P0D;PT23H59M59.999999S", "P1DT25H;1 day;P1M;P1W;-P1D;PT90M"),
    Kind("interval(0)", SqlInterval(0), timedelta, "PT5H1S;PT0H0M1S", "PT0H0M1.5S"),
    Kind("uuid", SqlUuid(), UUID, "6ba7b810-9dad-11d1-80b4-00c04fd430c8;{6BA7B810-9dad-11d1-80b4-00c04fd430c8};6ba7b8109dad11d180b400c04fd430c8;nope"),
    Kind("uuid", SqlUuid(), str, "6ba7b810-9dad-11d1-80b4-00c04fd430c8;nope"),
    Kind("inet", SqlNetworkAddress(), IPv4Address, "10.0.0.1;255.255.255.255;0.0.0.0;256.1.1.1;999.1.1.1", "010.0.0.1;10.0.0.0/8;::1;10.1"),
    Kind("inet", SqlNetworkAddress(), IPv6Address, "::1;2001:db8::ff00:42:8329;1:2:3:4:5:6:7:8;:::;12345::", "::ffff:10.0.0.1;10.0.0.1;fe80::1%eth0"),
    Kind("inet", SqlNetworkAddress(), str, "::1;10.0.0.1", "10.0.0.0/8"),
    Kind("inet", SqlOpaque("inet"), str, "10.0.0.0/8;::1;nope"),
    Kind("bit(3)", SqlBit(3), str, "101;000", "10;1010;B101;x5"),
    Kind("varbit(4)", SqlBit(4, varying=True), str, "101;;1111", "11111;2"),
    Kind("json", SqlJson(binary=False), str, '{"a" : 1};[];{'),
    Kind("json", SqlJson(binary=False), dict[str, Any], "", '{"a" : 1}'),
    Kind("jsonb", SqlJson(), str, '{"a" : 1};nope'),
    Kind("jsonb", SqlJson(), dict[str, Any], '{"a" : 1, "b": [null, 1.5, true]};{"a": 1, "a": 2};{'),
    Kind("state", SqlNamed(QualifiedId("public", "state")), State, "open;shut", "ajar"),
    Kind("state", SqlNamed(QualifiedId("public", "state")), str, "open;ajar"),
    Kind("positive", SqlNamed(QualifiedId("public", "positive")), int, "", "5;-5"),
]  # fmt: skip


def one_column(kind: Kind) -> Table:
    return table("t", column("id", SqlInteger(4)), column("v", kind.data_type, nullable=True))


async def create(session: PostgreSQLSession, kind: Kind) -> None:
    await session.execute("CREATE TYPE state AS ENUM ('open', 'shut')")
    await session.execute("CREATE DOMAIN positive AS int CHECK (VALUE > 0)")
    await session.execute(f"CREATE TABLE t (id int PRIMARY KEY, v {kind.sql_type})")


async def stored(session: PostgreSQLSession) -> str:
    """:returns: What the table has, byte by byte; the table is then empty."""
    ((value,),) = await session.fetch("SELECT v::text FROM t")
    await session.execute("TRUNCATE t")
    return value


def is_alike(kind: Kind, one: str | None, other: str | None) -> bool:
    """:returns: True if the same is stored; numbers in a document may have other digits, though they are equal."""
    if isinstance(kind.data_type, SqlJson) and one is not None and other is not None:
        return json.loads(one) == json.loads(other)
    return one == other


async def as_text(session: PostgreSQLSession, kind: Kind, mode: LoadMode, cell: str) -> str | None:
    """:returns: What is stored of a cell that goes through as it is; `None` if it is refused."""
    part = text(f"1\t{cell}\n", layout=(0, 1))
    try:
        await send(session, one_column(kind), mode, {"id": int, "v": kind.annotation}, part)
    except RowError:
        return None
    return await stored(session)


async def as_value(session: PostgreSQLSession, kind: Kind, mode: LoadMode, cell: str) -> str | None:
    """:returns: What is stored of the value of a cell; `None` if there is none, or it is refused."""
    try:
        value = cell_converter(kind.annotation)(cell)
    except (ValueError, ArithmeticError):
        return None
    fields = Fields(("id", "v"), (int, kind.annotation))
    loader = PostgreSQLLoader(session.capabilities)
    source = BatchSource(fields, [[(1, value)]])
    try:
        await load(session, loader, None, table=one_column(kind), source=source, options=LoadOptions(mode))
    except RowError:
        return None
    return await stored(session)


def rule_of(session: PostgreSQLSession, kind: Kind, *, strict: bool = False) -> TextColumn | None:
    on_error = OnError.QUARANTINE if strict else OnError.FAIL
    fields = Fields(("id", "v"), (int, kind.annotation))
    target = choose_target(one_column(kind), fields, LoadOptions(LoadMode.UPSERT, on_error=on_error))
    return PostgreSQLLoader(session.capabilities).open(target).text.columns[1]


@pytest.mark.parametrize("kind", KINDS, ids=repr)
async def test_text_is_stored_as_its_value_is(session: PostgreSQLSession, kind: Kind) -> None:
    await create(session, kind)
    rule = rule_of(session, kind)
    for mode in MODES:
        for cell in kind.passing if rule is not None else []:
            assert fits(rule, cell), cell
            one, other = await as_text(session, kind, mode, cell), await as_value(session, kind, mode, cell)
            assert is_alike(kind, one, other), cell
    assert [cell for cell in kind.parsed if fits(rule, cell)] == []


STRICT = {"boolean", "smallint", "integer", "bigint", "double precision", "real", "numeric", "numeric(6,2)", "text"} | {
    "varchar(3)", "date", "timestamp", "timestamptz", "time", "uuid", "inet"
}  # fmt: skip


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.sql_type in STRICT], ids=repr)
async def test_a_stricter_rule_lets_nothing_through_that_is_refused(session: PostgreSQLSession, kind: Kind) -> None:
    await create(session, kind)
    rule = rule_of(session, kind, strict=True)
    passing = [cell for cell in kind.passing if fits(rule, cell)]
    assert kind.annotation is str or len(passing) < len(kind.passing) or rule == rule_of(session, kind)
    for cell in passing if not isinstance(kind.data_type, SqlOpaque) else []:
        assert await as_text(session, kind, LoadMode.UPSERT, cell) is not None, cell
    assert [cell for cell in kind.parsed if fits(rule, cell)] == []


CELLS = st.text("0123456789+-.:TZ eE/Pabdnf", max_size=12)


@pytest.mark.parametrize("index", range(len(KINDS)), ids=[repr(kind) for kind in KINDS])
def test_any_text_that_fits_is_stored_as_its_value_is(postgresql: Server, index: int) -> None:
    kind = KINDS[index]

    async def check(session: PostgreSQLSession, cell: str) -> None:
        if fits(rule_of(session, kind), cell):
            one = await as_text(session, kind, LoadMode.INSERT, cell)
            assert is_alike(kind, one, await as_value(session, kind, LoadMode.INSERT, cell))

    # hypothesis is synchronous, and a session belongs to one loop
    with asyncio.Runner() as runner:
        opened = connect(postgresql.parameters)
        session = runner.run(opened.__aenter__())
        try:
            runner.run(create(session, kind))
            rule = rule_of(session, kind)
            # a number that Python cannot hold goes through as it is in a document, as nothing of it is lost
            cells = CELLS.filter(lambda cell: "E" not in cell.upper()) if isinstance(kind.data_type, SqlJson) else CELLS
            if rule is not None and rule.pattern is not None and "(?!" not in rule.pattern:
                cells |= st.from_regex(rule.pattern, fullmatch=True).filter(str.isascii)

            @settings(
                max_examples=40,
                deadline=None,
                suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much],
            )
            @given(cells)
            def every(cell: str) -> None:
                runner.run(check(session, cell))

            every()
        finally:
            runner.run(opened.__aexit__(None, None, None))


@pytest.fixture
async def people(session: PostgreSQLSession) -> PostgreSQLSession:
    await session.execute(PEOPLE_SQL)
    return session


async def all_people(session: PostgreSQLSession) -> list[Row]:
    return await session.fetch("SELECT id, name, born, points FROM people ORDER BY id")


ANN, BOB, EVE = (1, "Ann", date(2000, 2, 29), 5), (2, "B\tb\\", None, 7), (3, "Eve", None, 9)


@pytest.mark.parametrize("mode", MODES)
async def test_text_and_rows_may_alternate(people: PostgreSQLSession, mode: LoadMode) -> None:
    outcome = await send(
        people,
        PEOPLE,
        mode,
        ALL,
        text("1\tAnn\t2000-02-29\t5\n"),
        [(3, "Eve", None, 9)],
        text("2\tB\\tb\\\\\t\\N\t7\n", 3),
        text("4\td\t\\N\t1\n", 4),
        [(5, "e", None, 1), (6, "f", date.max, 1)],
        text("7\tg\t\\N\t1\n", 7),
    )
    assert outcome.counts == Counts(inserted=7)
    assert (await all_people(people))[:3] == [ANN, BOB, EVE]


@pytest.mark.parametrize("mode", MODES)
async def test_cells_may_be_in_another_order_or_be_left_out(people: PostgreSQLSession, mode: LoadMode) -> None:
    parts = [
        text("x\t5\tAnn\ty\t1\t2000-02-29\n", layout=(None, 3, 1, None, 0, 2)),
        text("z\t9\tEve\tz\t3\t\\N\n", 2, layout=(None, 3, 1, None, 0, 2)),
    ]
    await send(people, PEOPLE, mode, ALL, *parts)
    assert await all_people(people) == [ANN, EVE]
    await send(
        people, PEOPLE, mode, ALL, text("4\tb\t\\N\t1\n"), text("1\td\t\\N\t5\t?\n", 2, layout=(3, 1, 2, 0, None))
    )
    assert len(await all_people(people)) == 4


@pytest.mark.parametrize("mode", MODES)
async def test_cells_may_be_in_quotes(people: PostgreSQLSession, mode: LoadMode) -> None:
    records = '"1","An,""n""\ny",2000-02-29,5\n2,"","",7\n3,\\.,,"9"\n'
    await people.execute("ALTER TABLE people ALTER COLUMN name DROP NOT NULL")
    await send(people, PEOPLE, mode, ALL, text(records, form=CSV, rows=3))
    assert await all_people(people) == [
        (1, 'An,"n"\ny', date(2000, 2, 29), 5),
        (2, None, None, 7),
        (3, "\\.", None, 9),
    ]
    other = TextFormat(delimiter=";", null="NA", quote="'")
    await send(people, PEOPLE, mode, ALL, text("4;'';NA;1\n5;'it''s';'NA';2\n", form=other))
    assert (await all_people(people))[3:] == [(4, "", None, 1), (5, "it's", None, 2)]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("bad", "name", "reason"),
    [
        ("9\tx\t2000-02-30\t1\n", "born", "date/time field value out of range"),
        ("9\tx\t\\N\tseven\n", "points", "invalid input syntax for type smallint"),
        ("9\tx\t\\N\t40000\n", "points", "out of range for type smallint"),
        ("9\tx\t\\N\t100\n", None, "people_points_check"),
        ("9\t\\N\t\\N\t1\n", "name", "null value"),
        ("9\tname 3\t\\N\t1\n", "name", "people_name_key"),
        ("9\tx\t\\N\n", None, "missing data"),
    ],
)
async def test_a_bad_record_is_named(
    people: PostgreSQLSession, mode: LoadMode, bad: str, name: str | None, reason: str
) -> None:
    def good(first: int, end: int) -> str:
        return "".join(f"{number}\tname {number}\t\\N\t1\n" for number in range(first, end))

    parts = [
        text(good(10, 20), 1),
        [(1, "name 1", None, 1), (3, "name 3", None, 1)],
        text(good(20, 30), 13),
        text(good(30, 35) + bad + good(35, 40), 23),
        text(good(40, 50), 34),
    ]
    with pytest.raises(RowError, match=reason) as caught:
        await send(people, PEOPLE, mode, ALL, *parts)
    assert (caught.value.row, caught.value.table) == (28, "public.people")
    if name is not None:
        assert caught.value.column == name
    assert await all_people(people) == []


@pytest.mark.parametrize("mode", MODES)
async def test_a_bad_record_with_line_feeds_in_cells_is_named(people: PostgreSQLSession, mode: LoadMode) -> None:
    records = ['1,"a\nb\nc\n\n",,1\n', '2,"d\n",,1\n', "3,e,,1\n", '4,"f\n\n",,1\n', "5,g,,1\n"]
    for number in range(5):
        changed = [
            record.replace(",,", ",2000-99-01,") if at == number else record for at, record in enumerate(records)
        ]
        with pytest.raises(RowError) as caught:
            await send(people, PEOPLE, mode, ALL, text("".join(changed), 11, form=CSV, rows=5))
        assert (caught.value.row, caught.value.column) == (11 + number, "born")


@pytest.mark.parametrize("mode", MODES)
async def test_values_of_text_are_redacted(people: PostgreSQLSession, mode: LoadMode) -> None:
    with pytest.raises(RowError) as caught:
        await send(people, PEOPLE, mode, ALL, text("1\tx\t\\N\tsecret\n"), redact_values=True)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


async def test_an_end_of_text_that_hides_records_is_noticed(people: PostgreSQLSession) -> None:
    with pytest.raises(LoadError, match="read 1 rows; expected 3"):
        await send(people, PEOPLE, LoadMode.UPSERT, ALL, text("1\tx\t\\N\t1\n\\.\n2\ty\t\\N\t1\n"))
    assert await all_people(people) == []


@pytest.mark.parametrize("mode", MODES)
async def test_a_source_of_text_that_fails_leaves_nothing(people: PostgreSQLSession, mode: LoadMode) -> None:
    async def parts() -> AsyncIterator[Part]:
        for number in range(1, 200):
            yield text(f"{number}\tname {number}\t\\N\t1\n", number)
        raise OSError("the file is cut off")

    target = choose_target(PEOPLE, Fields(tuple(ALL), tuple(ALL.values())), LoadOptions(mode))
    store = PostgreSQLLoader(people.capabilities).open(target)
    with pytest.raises(OSError, match="the file is cut off"):
        async with people.transaction():
            await store.store(people, parts())
    assert await all_people(people) == []


async def test_bad_records_are_set_aside_and_the_others_are_stored(people: PostgreSQLSession) -> None:
    records = [f"{number}\tname {number}\t\\N\t1\n" for number in range(1, 1001)]
    for number in (5, 6, 700, 1000):
        records[number - 1] = f"{number}\tname {number}\tnever\t1\n"
    records[99] = "100\tname 100\t\\N\t100\n"
    parts = [text("".join(records[:600]), 1), text("".join(records[600:]), 601)]
    outcome = await send(people, PEOPLE, LoadMode.UPSERT, ALL, *parts, on_error=OnError.QUARANTINE)
    # the check is found by the merge, as the table is not said to have it
    assert outcome.counts == Counts(inserted=995, rejected=5)
    found = await people.fetch("SELECT row_number, column_name, record FROM people__rejected ORDER BY row_number")
    assert [number for number, _, _ in found] == [5, 6, 100, 700, 1000]
    assert found[0][1:] == ("born", "5\tname 5\tnever\t1")
    assert len(await all_people(people)) == 995


async def test_bad_records_in_quotes_are_set_aside(people: PostgreSQLSession) -> None:
    records = '1,"a\nb",,1\n2,"c\n",never,1\n3,"d\n\n",,1\n4,e,,x\n'
    outcome = await send(
        people, PEOPLE, LoadMode.INSERT, ALL, text(records, form=CSV, rows=4), on_error=OnError.QUARANTINE
    )
    assert outcome.counts == Counts(inserted=2, rejected=2)
    assert [row[:2] for row in await all_people(people)] == [(1, "a\nb"), (3, "d\n\n")]
