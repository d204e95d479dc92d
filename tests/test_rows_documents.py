"""Values that are stored as documents, addresses, bits, labels and domains: exactly as given, or refused."""

from __future__ import annotations

import enum
import json
import math
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from ipaddress import IPv4Address, IPv4Interface, IPv6Address
from typing import Annotated, Any, Literal, NewType
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strong_typing.auxiliary import Alias
from strong_typing.serialization import json_to_object, object_to_json

from pysqlsync_engine.data.documents import document_hook
from pysqlsync_engine.data.fitting import choose_hook
from pysqlsync_engine.data.load_options import LoadMode
from pysqlsync_engine.dialect.postgresql.session import PostgreSQLSession, connect
from pysqlsync_engine.errors import RowError
from pysqlsync_engine.model.data_types import (
    SqlArray,
    SqlBit,
    SqlCharacter,
    SqlInteger,
    SqlJson,
    SqlLabelSet,
    SqlNamed,
    SqlNetworkAddress,
    SqlOpaque,
    SqlType,
    SqlYear,
)
from pysqlsync_engine.model.declarations import DomainDeclaration, declare_domain
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.json_values import from_json
from pysqlsync_engine.model.object_types import Lookup
from pysqlsync_engine.model.type_markers import AwareDatetime, AwareTime
from tests.row_tables import column, store, table
from tests.servers import Server
from tests.test_rows_values import round_trip

MODES = [LoadMode.INSERT, LoadMode.UPSERT]

Score = NewType("Score", int)
declare_domain(Score, DomainDeclaration())


class Color(enum.Enum):
    red = "red"
    blue = "blue"


class Priority(enum.Enum):
    low = 1
    high = 2


@dataclass(frozen=True)
class Currency:
    digits: int
    sign: str


class Coin(enum.Enum):
    euro = Currency(2, "€")
    yen = Currency(0, "¥")


@dataclass
class Everything:
    flag: bool
    count: int
    ratio: float
    amount: Decimal
    text: str
    binary: bytes
    moment: AwareDatetime
    wall: datetime
    day: date
    clock: time
    offset: AwareTime
    length: timedelta
    key: UUID
    four: IPv4Address
    six: IPv6Address
    color: Color
    priority: Priority
    size: Literal["s", "m"]
    numbers: list[int | None]
    colors: set[Color]
    prices: dict[str, Decimal]
    free: dict[str, Any]
    class_: Annotated[str | None, Alias("klass")] = None
    inner: Everything | None = None
    tag: str | None = "none"


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
EVERYTHING = st.builds(
    Everything,
    flag=st.booleans(),
    count=st.integers(-(2**63), 2**63 - 1),
    ratio=st.floats(allow_nan=False, allow_infinity=False),
    amount=st.decimals(allow_nan=False, allow_infinity=False),
    text=TEXTS,
    binary=st.binary(),
    moment=st.datetimes(timezones=st.just(UTC)),
    wall=st.datetimes(),
    day=st.dates(),
    clock=st.times(),
    offset=st.times(timezones=st.just(UTC)),
    length=st.timedeltas(),
    key=st.uuids(),
    four=st.ip_addresses(v=4),
    six=st.ip_addresses(v=6),
    color=st.sampled_from(Color),
    priority=st.sampled_from(Priority),
    size=st.sampled_from(["s", "m"]),
    numbers=st.lists(st.integers(0, 9) | st.none()),
    colors=st.sets(st.sampled_from(Color)),
    prices=st.dictionaries(TEXTS, st.decimals(allow_nan=False, allow_infinity=False)),
    free=st.dictionaries(TEXTS, st.none() | st.integers(0, 9) | TEXTS),
    class_=st.none() | TEXTS,
    inner=st.none(),
    tag=st.none() | TEXTS,
)


@settings(max_examples=60, deadline=None)
@given(EVERYTHING, EVERYTHING)
def test_object_reads_back_from_its_document_as_it_was(outer: Everything, inner: Everything) -> None:
    outer.inner = inner
    text = document_hook(Everything).encode(outer)
    assert from_json(Everything)(json.loads(text)) == outer


@dataclass
class Plain:
    moment: datetime
    key: UUID
    color: Color
    binary: bytes
    days: list[date] = field(default_factory=list[date])
    note: str | None = None


def test_document_is_what_strong_typing_makes_of_an_object() -> None:
    plain = Plain(datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC), UUID(int=7), Color.red, b"\0\xff", [date(2024, 5, 6)])
    hook = document_hook(Annotated[Plain, "as is"])
    with pytest.raises(ValueError, match="property 'moment': cannot encode datetime with a time zone"):
        hook.encode(plain)

    @dataclass
    class Aware(Plain):
        pass

    Aware.__annotations__ = {"moment": AwareDatetime}
    Aware.__dataclass_fields__["moment"].type = AwareDatetime
    aware = Aware(plain.moment, plain.key, plain.color, plain.binary, plain.days)
    document = json.loads(document_hook(Aware).encode(aware))
    assert document == object_to_json(aware)
    assert json_to_object(Aware, document) == aware


@pytest.mark.parametrize(
    ("annotation", "value", "expected"),
    [
        (list[int], [1, "2"], "element 1: cannot encode str as integer"),
        (list[int], {1}, "cannot encode set as list"),
        (set[int], [1, 1], "expected each element of a set once"),
        (list[int], [1 << 64], "element 0: expected an integer from"),
        (list[float], [math.inf], "not JSON compliant"),
        (dict[str, int], {"a": None, "b": "c"}, "property 'b': cannot encode str as integer"),
        (Plain, {"moments": 1}, "Plain has no property 'moments'"),
        (Plain, 1, "cannot encode int as Plain"),
        (list[Color], ["green"], "element 0: not a label of Color; expected one of red, blue"),
        (list[Literal["a", "b"]], ["c"], "element 0: expected one of a, b"),
        (list[str], ["\ud800"], "element 0: lone surrogate cannot be stored as text"),
    ],
)
def test_value_that_a_document_cannot_hold_is_refused(annotation: Any, value: Any, expected: str) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        document_hook(annotation).encode(value)
    assert expected in str(caught.value)


def test_type_that_json_has_no_values_for_is_refused_before_any_row() -> None:
    with pytest.raises(TypeError, match="no value of JSON stands for type complex"):
        choose_hook(list[complex], SqlJson())


@pytest.fixture
async def session(postgresql: Server) -> AsyncIterator[PostgreSQLSession]:
    async with connect(postgresql.parameters) as session:
        yield session


KEPT: list[tuple[str, SqlType, Any, list[Any], list[Any]]] = [
    ("inet", SqlNetworkAddress(), IPv4Address, [IPv4Address("10.0.0.1"), "10.0.0.2"], ["10.0.0.1/32", "10.0.0.2/32"]),
    ("inet", SqlNetworkAddress(), IPv6Address, [IPv6Address("::1"), None], ["::1/128", None]),
    ("inet", SqlNetworkAddress(), Any, [IPv4Interface("10.0.0.1/8")], ["10.0.0.1/8"]),
    ("inet[]", SqlArray(SqlNetworkAddress()), list[IPv4Address], [[IPv4Address("10.0.0.1")]], ["{10.0.0.1}"]),
    ("bit(3)", SqlBit(3), str, ["101", None], ["101", None]),
    ("varbit(3)", SqlBit(3, varying=True), str, ["10", ""], ["10", ""]),
    ("varbit", SqlBit(varying=True), str, ["1" * 99], ["1" * 99]),
    ("bit(3)[]", SqlArray(SqlBit(3)), list[str], [["101", None], []], ["{101,NULL}", "{}"]),
    ("point[]", SqlArray(SqlOpaque("point")), list[str], [["(1,2)"]], ['{"(1,2)"}']),
    ("int[]", SqlArray(SqlInteger(4)), list[list[int]], [[[1, 2], [3, 4]]], ["{{1,2},{3,4}}"]),
    ("text[]", SqlArray(SqlCharacter()), set[str], [{"b", "a"}, ["a"]], ["{a,b}", "{a}"]),
    ("text", SqlCharacter(), Literal["a", "b"], ["a", None], ["a", None]),
    ("text", SqlCharacter(), Color | str, [Color.red, "green"], ["red", "green"]),
    ("text", SqlCharacter(), Coin, [Coin.yen, "euro"], ["yen", "euro"]),
    ("jsonb", SqlJson(), list[Color], [[Color.blue], []], ['["blue"]', "[]"]),
    ("jsonb", SqlJson(), set[UUID], [{UUID(int=1)}], ['["00000000-0000-0000-0000-000000000001"]']),
]  # fmt: skip


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("sql_type", "data_type", "annotation", "values", "texts"), KEPT)
async def test_values_are_stored_exactly(
    session: PostgreSQLSession,
    mode: LoadMode,
    sql_type: str,
    data_type: SqlType,
    annotation: Any,
    values: list[Any],
    texts: list[Any],
) -> None:
    assert await round_trip(session, sql_type, data_type, annotation, values, mode, "v::text") == texts


REFUSED: list[tuple[str, SqlType, Any, Any, str]] = [
    ("inet", SqlNetworkAddress(), IPv4Address, IPv6Address("::1"), "expected an IPv4 address"),
    ("inet", SqlNetworkAddress(), IPv4Address, IPv4Interface("10.0.0.1/8"), "without a netmask"),
    ("inet", SqlNetworkAddress(), IPv6Address, "fe80::1%eth0", "zone"),
    ("inet", SqlNetworkAddress(), str, "300.0.0.1", "cannot encode str as IP address: '300.0.0.1'"),
    ("bit(3)", SqlBit(3), str, "10", "expected 3 bits; got 2"),
    ("varbit(3)", SqlBit(3, varying=True), str, "1011", "expected at most 3 bits; got 4"),
    ("varbit(3)", SqlBit(3, varying=True), str, "12", "expected digits 0 and 1"),
    ("text", SqlCharacter(), Literal["a", "b"], "c", "expected one of a, b; got: 'c'"),
    ("text", SqlCharacter(), Color | str, "a\0", "NUL character"),
    ("text", SqlCharacter(), Coin, "dollar", "not a label of Coin; expected one of euro, yen"),
]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("sql_type", "data_type", "annotation", "value", "reason"), REFUSED)
async def test_values_that_cannot_be_stored_exactly_are_refused(
    session: PostgreSQLSession,
    mode: LoadMode,
    sql_type: str,
    data_type: SqlType,
    annotation: Any,
    value: Any,
    reason: str,
) -> None:
    with pytest.raises(RowError) as caught:
        await round_trip(session, sql_type, data_type, annotation, [None, value], mode)
    assert caught.value.row == 2
    assert reason in str(caught.value)


@pytest.mark.parametrize("mode", MODES)
async def test_value_of_a_domain_is_checked_by_the_server(session: PostgreSQLSession, mode: LoadMode) -> None:
    await session.execute("CREATE DOMAIN score AS smallint CHECK (VALUE >= 0)")
    named = SqlNamed(QualifiedId("public", "score"))
    assert await round_trip(session, "score", named, Score, [1, None], mode) == [1, None]
    with pytest.raises(RowError, match="score"):
        await round_trip(session, "score", named, Score, [-1], mode)
    with pytest.raises(RowError, match="cannot encode str as integer"):
        await round_trip(session, "score", named, Score, ["1"], mode)


async def test_enumeration_that_may_get_labels_adds_those_that_rows_bring(session: PostgreSQLSession) -> None:
    await session.execute("CREATE TABLE colors (id int GENERATED BY DEFAULT AS IDENTITY, value text UNIQUE NOT NULL)")
    await session.execute("CREATE TABLE cars (id int PRIMARY KEY, color int)")
    lookup = Lookup(LocalId("color"), QualifiedId("public", "colors"), extensible=True)
    cars = table("cars", column("id", SqlInteger(4)), column("color", SqlInteger(4), nullable=True), lookups=(lookup,))
    rows = [(1, Color.red), (2, "it's green"), (3, None), (4, "it's green")]
    await store(session, cars, LoadMode.INSERT, {"id": int, "color": Color | str}, rows)
    await store(session, cars, LoadMode.UPSERT, {"id": int, "color": Color | str}, [(3, "red"), (1, "black")])
    shown = await session.fetch("SELECT c.id, l.value FROM cars c JOIN colors l ON l.id = c.color ORDER BY 1")
    assert shown == [(1, "black"), (2, "it's green"), (3, "red"), (4, "it's green")]


def test_set_of_labels_is_written_in_the_order_of_the_column() -> None:
    labels = SqlLabelSet(("red", "blue"))
    for annotation, value in (
        (set[Color], {Color.blue, Color.red}),
        (set[str], ["blue", "red", "blue"]),
        (Any, "blue,red"),
    ):
        hook = choose_hook(annotation, labels)
        assert hook is not None
        assert hook.encode(value) == "red,blue"
        assert hook.encode([]) == ""
        with pytest.raises(ValueError, match=r"expected (some|one) of red, blue"):
            hook.encode(["green"])


def test_year_is_one_that_the_server_has() -> None:
    hook = choose_hook(int, SqlYear())
    assert hook is not None
    assert [hook.encode(year) for year in (0, 1901, 2155)] == [0, 1901, 2155]
    for year in (1900, 2156, True):
        with pytest.raises((TypeError, ValueError)):
            hook.encode(year)
