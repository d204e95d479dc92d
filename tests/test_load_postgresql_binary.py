"""Columns of Arrow in the form that PostgreSQL itself has for rows: what is stored, which columns take that way, and which errors say what."""

from __future__ import annotations

import enum
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Optional
from uuid import UUID

import pytest
from hypothesis import strategies as st
from strong_typing.auxiliary import MaxLength, Precision

from pysqlsync_engine.base import ConnectionContext, EnumMode, GeneratorOptions, LoadMode, LoadOptions, OnError
from pysqlsync_engine.data.arrow import ArrowBatches
from pysqlsync_engine.data.load_report import Counts, LoadReport, Speed
from pysqlsync_engine.data.sources import Fields
from pysqlsync_engine.errors import LoadError, RowError
from pysqlsync_engine.factory import get_dialect
from pysqlsync_engine.model.data_types import SqlCharacter, SqlInteger, SqlJson, SqlNamed, SqlNetworkAddress
from pysqlsync_engine.model.id_types import QualifiedId
from pysqlsync_engine.model.key_types import PrimaryKey
from tests.copy_ways import Way, watch_copies
from tests.exact_values import CASES, Case, Rows, check_many, fits_decimal, has_offset, is_same, read_back
from tests.row_tables import column, table
from tests.servers import Server

arrow: Any = pytest.importorskip("pyarrow")


def _decimal(precision: int, scale: int) -> Case:
    # what has more than 18 digits is sent otherwise, and takes those near it along
    most = 10 ** (min(precision, 17) - scale)
    values = st.decimals(-most, most, places=scale) | st.sampled_from([Decimal(0), Decimal(most - 1), -Decimal(most)])
    return Case(Annotated[Decimal, Precision(precision, scale)], values, fits_decimal(precision, scale))


BINARY_CASES: dict[str, tuple[Any, Case]] = {
    **{f"int{bits}": (arrow.int64(), CASES[f"int{bits}"]) for bits in (16, 32, 64)},
    "bool": (arrow.bool_(), CASES["bool"]),
    "float64": (arrow.float64(), CASES["float64"]),
    "float32": (arrow.float32(), CASES["float32"]),
    "text": (arrow.string(), CASES["text"]),
    "long text": (arrow.large_string(), CASES["text"]),
    "viewed text": (arrow.string_view(), CASES["text"]),
    "repeated text": (arrow.dictionary(arrow.int32(), arrow.string()), CASES["text"]),
    "varchar": (arrow.string(), CASES["varchar"]),
    "enum": (arrow.string(), CASES["enum"]),
    "literal": (arrow.string(), CASES["literal"]),
    "uuid": (arrow.string(), CASES["uuid"]),
    "ipv4": (arrow.string(), CASES["ipv4"]),
    "date": (arrow.date32(), CASES["date"]),
    "time": (arrow.time64("us"), CASES["time"]),
    "datetime": (arrow.timestamp("us"), CASES["datetime"]),
    "milliseconds": (arrow.timestamp("us"), CASES["milliseconds"]),
    "moment": (arrow.timestamp("us", "Asia/Tokyo"), CASES["moment"]),
    **{
        f"decimal {precision} {scale}": (arrow.decimal128(precision, scale), _decimal(precision, scale))
        for precision, scale in ((10, 3), (18, 0), (6, 5), (8, 4), (15, 2), (18, 6), (18, 16), (38, 10))
    },
}
"""Columns whose rows go in binary form, unless a value does not fit."""


@pytest.fixture
def way(monkeypatch: pytest.MonkeyPatch) -> Way:
    return watch_copies(monkeypatch)


def is_text(kind: Any) -> bool:
    types = arrow.types
    return types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)


def column_of(kind: Any, values: Sequence[Any]) -> Any:
    """:returns: A column of the values, or of their text where Arrow has no type for them."""
    if arrow.types.is_dictionary(kind):
        return column_of(kind.value_type, values).dictionary_encode()
    return arrow.array([spelled(value) for value in values] if is_text(kind) else values, kind)


def spelled(value: Any) -> str | None:
    return None if value is None else str(value.value if isinstance(value, enum.Enum) else value)


def has(kind: Any, value: Any) -> bool:
    """:returns: True if a column of Arrow can have the value as it is."""
    if arrow.types.is_timestamp(kind):
        return (value.tzinfo is None) == (kind.tz is None) and (value.tzinfo is None or has_offset(value))
    try:
        (stored,) = column_of(kind, [value]).to_pylist()
    except (arrow.ArrowInvalid, OverflowError, UnicodeEncodeError):
        return False
    return is_text(kind) or arrow.types.is_dictionary(kind) or is_same(stored, value)


async def send(
    connection: ConnectionContext, cls: type, columns: dict[str, Any], types: Sequence[Any], options: LoadOptions
) -> LoadReport:
    fields = Fields(tuple(columns), tuple(types))
    return await connection.load(connection.get_table(cls), ArrowBatches(arrow.table(columns), fields), options=options)


@pytest.mark.parametrize("name", BINARY_CASES)
def test_values_are_stored_as_given_or_refused(postgresql: Server, name: str, way: Way) -> None:
    kind, case = BINARY_CASES[name]
    types = (int, case.annotation | None)
    insert = LoadOptions(LoadMode.INSERT)

    async def check(connection: ConnectionContext, sample: type, rows: Rows) -> None:
        good = {at: value for at, value in rows.items() if value is None or (has(kind, value) and case.fits(value))}
        columns = {"id": arrow.array([*good], arrow.int64()), "value": column_of(kind, [*good.values()])}
        report = await send(connection, sample, columns, types, insert)
        assert (report.rows, report.counts.inserted) == (len(good), len(good))
        query = f"SELECT id, {case.query} FROM sample WHERE id >= $1"
        found = dict(await connection.session.fetch(query, min(rows)))
        assert found.keys() == good.keys()
        for at, value in good.items():
            assert value is None or is_same(read_back(found[at], value.__class__), case.shown(value))
            assert value is not None or found[at] is None
        bad = next(((at, value) for at, value in rows.items() if value is not None and not case.fits(value)), None)
        if bad is not None and has(kind, bad[1]):
            columns = {"id": arrow.array(bad[:1], arrow.int64()), "value": column_of(kind, bad[1:])}
            with pytest.raises(LoadError):
                await send(connection, sample, columns, types, insert)

    check_many(postgresql, case, check)
    # one value that has to be sent otherwise takes those near it along
    assert way.binary > 0


class Colour(enum.Enum):
    RED = "red"
    GREEN = "green"


@dataclass
class Ware:
    id: PrimaryKey[int]
    name: Annotated[str, MaxLength(20)]
    price: Annotated[Decimal, Precision(9, 2)] | None
    made: date
    colour: Colour
    seller: UUID | None


NAMES = ("id", "name", "price", "made", "colour", "seller")
TYPES: tuple[Any, ...] = (
    int,
    Annotated[str, MaxLength(20)],
    Optional[Annotated[Decimal, Precision(9, 2)]],  # noqa: UP045 - pyright knows no other way
    date,
    Colour,
    UUID | None,
)
KINDS = (arrow.int64(), arrow.string(), arrow.decimal128(12, 2), arrow.date32(), arrow.string(), arrow.string())
SELLER = UUID("0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0")
DAY = date(2024, 2, 29)

Given = tuple[int, str | None, Decimal | None, date, str, UUID | None]


def ware(number: int, **changes: Any) -> Given:
    values = {"id": number, "name": f"ware {number}", "price": Decimal(number) / 100, "made": DAY}
    return tuple({**values, "colour": "red", "seller": SELLER, **changes}.values())  # type: ignore[return-value]


async def store(connection: ConnectionContext, rows: Sequence[Given], options: LoadOptions, **kinds: Any) -> LoadReport:
    columns = {
        name: column_of(kinds.get(name, kind), values)
        for name, kind, values in zip(NAMES, KINDS, zip(*rows, strict=True), strict=True)
    }
    return await send(connection, Ware, columns, TYPES, options)


async def wares(connection: ConnectionContext) -> list[Any]:
    return await connection.session.fetch('SELECT id, name, price, made, colour::text, seller FROM "Ware" ORDER BY id')


@pytest.fixture
async def connection(postgresql: Server) -> AsyncIterator[ConnectionContext]:
    async with get_dialect("postgresql").create_connection(postgresql.parameters) as connection:
        await connection.create_objects([Ware])
        yield connection


@pytest.mark.parametrize("is_empty", [True, False])
@pytest.mark.parametrize("mode", [LoadMode.INSERT, LoadMode.UPSERT, LoadMode.REPLACE, LoadMode.MIRROR])
async def test_each_mode_takes_them(connection: ConnectionContext, way: Way, mode: LoadMode, *, is_empty: bool) -> None:
    # more than the library writes at once
    rows = [ware(number) for number in range(1, 5001)]
    old = (
        [] if is_empty else [ware(number, price=None) for number in ((6000,) if mode is LoadMode.INSERT else (1, 6000))]
    )
    if old:
        await store(connection, old, LoadOptions(LoadMode.INSERT))
    way.binary = 0
    report = await store(connection, rows, LoadOptions(mode))
    assert (way.binary, way.text, way.rows) == (5000, 0, 0)
    assert (report.rows, report.speed, report.notes) == (5000, Speed.ARROW, ())
    kept = old[-1:] if mode in {LoadMode.INSERT, LoadMode.UPSERT} else []
    assert await wares(connection) == [*rows, *kept]


@pytest.mark.parametrize("is_empty", [True, False])
async def test_the_last_row_of_a_key_is_stored(connection: ConnectionContext, way: Way, *, is_empty: bool) -> None:
    if not is_empty:
        await store(connection, [ware(1, price=None), ware(9)], LoadOptions(LoadMode.INSERT))
    way.binary = 0
    rows = [ware(1, name="first"), ware(2), ware(1, name="second"), ware(2, name="last")]
    report = await store(connection, rows, LoadOptions(LoadMode.UPSERT))
    assert way.binary == 4
    assert report.counts == Counts(inserted=2, superseded=2) if is_empty else Counts(1, 1, superseded=2)
    assert (await wares(connection))[:2] == [rows[2], rows[3]]


async def test_enumerations_in_lookup_tables_are_looked_up(postgresql: Server, way: Way) -> None:
    options = GeneratorOptions(enum_mode=EnumMode.RELATION)
    async with get_dialect("postgresql").create_connection(postgresql.parameters, options) as connection:
        await connection.create_objects([Ware])
        rows = [ware(1), ware(2, colour="green"), ware(3)]
        await store(connection, rows, LoadOptions(LoadMode.INSERT))
        await store(connection, [ware(2), ware(4, colour="green")], LoadOptions(LoadMode.UPSERT))
        assert (way.binary, way.text, way.rows) == (5, 0, 0)
        found = await connection.session.fetch(
            'SELECT w.id, c.value FROM "Ware" w JOIN "Colour" c ON c.id = w.colour ORDER BY w.id'
        )
        assert found == [(1, "red"), (2, "red"), (3, "red"), (4, "green")]


@pytest.mark.parametrize("mode", [LoadMode.INSERT, LoadMode.UPSERT])
@pytest.mark.parametrize(
    ("changes", "column", "reason"),
    [
        ({"name": None}, "name", "null value"),
        ({"price": Decimal("66.66")}, None, "check constraint"),
        ({"name": "ware 2"}, None, "unique"),
    ],
)
async def test_the_row_that_is_refused_is_named(
    connection: ConnectionContext, mode: LoadMode, changes: dict[str, Any], column: str | None, reason: str
) -> None:
    await connection.session.execute(
        """ALTER TABLE "Ware" ADD CONSTRAINT cheap CHECK (price <> 66.66), ADD CONSTRAINT single UNIQUE (name)"""
    )
    rows = [ware(number) for number in range(1, 5001)]
    rows[4321] = ware(4322, **changes)
    rows[4100] = ware(4101, price=None)
    for is_first in (True, False):
        with pytest.raises(RowError, match=reason) as raised:
            await store(connection, rows, LoadOptions(mode))
        assert (raised.value.row, raised.value.column) == (4322, column)
        assert await wares(connection) == ([] if is_first else [ware(9999)])
        if is_first:
            # and where the rows are merged
            await store(connection, [ware(9999)], LoadOptions(LoadMode.INSERT))


async def test_a_batch_with_a_value_that_has_no_such_form_is_sent_otherwise(
    connection: ConnectionContext, way: Way
) -> None:
    rows = [ware(number) for number in range(1, 6200)]
    report = await store(connection, rows, LoadOptions(LoadMode.INSERT), seller=arrow.string())
    assert way.binary == report.rows == len(rows)
    columns = {
        name: column_of(kind, values) for name, kind, values in zip(NAMES, KINDS, zip(*rows, strict=True), strict=True)
    }
    spellings = [str(SELLER)] * len(rows)
    # the server takes it, as text; and another row after it is refused
    spellings[3000] = "{" + str(SELLER).upper() + "}"
    columns["id"] = arrow.array([row[0] + 10_000 for row in rows], arrow.int64())
    columns["seller"] = arrow.array(spellings)
    way.binary = 0
    await send(connection, Ware, columns, TYPES, LoadOptions(LoadMode.INSERT))
    assert way.binary == len(rows) - 2048
    assert way.text == 2048
    assert [row[5] for row in await wares(connection)] == [SELLER] * 2 * len(rows)
    for wrong in ("0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f", "0f1e2d3c-4b5a-6978-8796-a5b4c3d2 1f0", "", "x" * 36):
        spellings[5000] = wrong
        columns["id"] = arrow.array([row[0] + 20_000 for row in rows], arrow.int64())
        columns["seller"] = arrow.array(spellings)
        with pytest.raises(RowError, match="uuid") as raised:
            await send(connection, Ware, columns, TYPES, LoadOptions(LoadMode.INSERT))
        assert (raised.value.row, raised.value.column) == (5001, "seller")
    assert len(await wares(connection)) == 2 * len(rows)


async def test_uuids_that_lend_each_other_digits_are_refused(connection: ConnectionContext) -> None:
    short, long = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f", "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f00"
    columns = {name: column_of(kind, [value] * 2) for name, kind, value in zip(NAMES, KINDS, ware(1), strict=True)}
    columns |= {"id": arrow.array([1, 2], arrow.int64()), "seller": arrow.array([short, long])}
    with pytest.raises(LoadError, match="UUID"):
        await send(connection, Ware, columns, TYPES, LoadOptions(LoadMode.INSERT))
    assert await wares(connection) == []


async def test_addresses_of_both_versions_may_be_in_a_column(postgresql: Server, way: Way) -> None:
    async with get_dialect("postgresql").create_connection(postgresql.parameters) as connection:
        await connection.session.execute("CREATE TABLE hosts (id bigint PRIMARY KEY, address inet)")
        target = table("hosts", column("id", SqlInteger(8)), column("address", SqlNetworkAddress()))
        given = ["10.0.0.1", None, "255.255.255.255"] * 1000 + ["::ffff:1.2.3.4", "::1"]
        columns = {"id": arrow.array(range(len(given)), arrow.int64()), "address": arrow.array(given)}
        source = ArrowBatches(arrow.table(columns), Fields(("id", "address"), (int, str | None)))
        await connection.load(target, source, options=LoadOptions(LoadMode.INSERT))
        assert (way.binary, way.text + way.rows) == (2048, len(given) - 2048)
        found = await connection.session.fetch("SELECT host(address) FROM hosts ORDER BY id")
        assert [address for (address,) in found] == given


async def test_documents_that_are_text_are_stored(postgresql: Server, way: Way) -> None:
    async with get_dialect("postgresql").create_connection(postgresql.parameters) as connection:
        await connection.session.execute("CREATE TABLE documents (id bigint PRIMARY KEY, plain json, parsed jsonb)")
        target = table(
            "documents",
            column("id", SqlInteger(8)),
            column("plain", SqlJson(binary=False)),
            column("parsed", SqlJson(binary=True)),
        )
        texts = ['{"a":  [1, "ä\\n"]}', None, "[]"]
        columns = {"id": arrow.array([1, 2, 3]), "plain": arrow.array(texts), "parsed": arrow.array(texts[::-1])}
        fields = Fields(("id", "plain", "parsed"), (int, str | None, str | None))
        options = LoadOptions(LoadMode.INSERT)
        await connection.load(target, ArrowBatches(arrow.table(columns), fields), options=options)
        assert way.binary == 3
        found = await connection.session.fetch("SELECT plain::text, parsed::text FROM documents ORDER BY id")
        assert found == [(texts[0], "[]"), (None, None), ("[]", '{"a": [1, "ä\\n"]}')]
        columns = {name: values.slice(0, 1) for name, values in columns.items()}
        columns |= {"id": arrow.array([4]), "parsed": arrow.array(["{"])}
        with pytest.raises(RowError, match="json") as raised:
            await connection.load(target, ArrowBatches(arrow.table(columns), fields), options=options)
        assert raised.value.row == 1


@pytest.mark.parametrize(("base", "is_text"), [("int", False), ("text", True), ("label", True)])
async def test_text_of_a_named_type_is_left_to_the_server_unless_that_is_text(
    postgresql: Server, way: Way, base: str, *, is_text: bool
) -> None:
    async with get_dialect("postgresql").create_connection(postgresql.parameters) as connection:
        # four characters would be a number in binary form
        await connection.session.execute("CREATE TYPE label AS ENUM ('1234')")
        await connection.session.execute(f"CREATE DOMAIN named AS {base}")
        await connection.session.execute("CREATE TABLE names (id bigint PRIMARY KEY, value named)")
        target = table("names", column("id", SqlInteger(8)), column("value", SqlNamed(QualifiedId("public", "named"))))
        columns = {"id": arrow.array([1]), "value": arrow.array(["1234"])}
        source = ArrowBatches(arrow.table(columns), Fields(("id", "value"), (int, str)))
        await connection.load(target, source, options=LoadOptions(LoadMode.INSERT))
        assert (way.binary, way.text) == ((1, 0) if is_text else (0, 1))
        assert await connection.session.fetch("SELECT value::text FROM names") == [("1234",)]


@pytest.mark.parametrize("mode", [LoadMode.INSERT, LoadMode.UPSERT])
async def test_a_column_that_is_not_what_it_is_taken_for_gets_text(
    postgresql: Server, way: Way, mode: LoadMode
) -> None:
    async with get_dialect("postgresql").create_connection(postgresql.parameters) as connection:
        # eight bytes of a number would be another number
        await connection.session.execute("CREATE TABLE readings (id bigint PRIMARY KEY, value double precision)")
        await connection.session.execute("INSERT INTO readings VALUES (9, 0.5)")
        target = table("readings", column("id", SqlInteger(8)), column("value", SqlInteger(8)))
        columns = {"id": arrow.array([1, 2]), "value": arrow.array([4_614_253_070_214_989_087, 7])}
        source = ArrowBatches(arrow.table(columns), Fields(("id", "value"), (int, int)))
        await connection.load(target, source, options=LoadOptions(mode))
        assert (way.binary, way.text) == (0, 2)
        found = await connection.session.fetch("SELECT id, value FROM readings ORDER BY id")
        assert found == [(1, float(4_614_253_070_214_989_087)), (2, 7.0), (9, 0.5)]


async def test_domains_are_written_as_what_they_are_made_of(postgresql: Server, way: Way) -> None:
    async with get_dialect("postgresql").create_connection(postgresql.parameters) as connection:
        await connection.session.execute("CREATE DOMAIN percent AS int CHECK (value BETWEEN 0 AND 100)")
        await connection.session.execute("CREATE TABLE shares (id bigint PRIMARY KEY, value percent)")
        target = table("shares", column("id", SqlInteger(8)), column("value", SqlInteger(4)))
        fields = Fields(("id", "value"), (int, int))
        columns = {"id": arrow.array([1, 2]), "value": arrow.array([0, 100])}
        options = LoadOptions(LoadMode.INSERT)
        await connection.load(target, ArrowBatches(arrow.table(columns), fields), options=options)
        assert way.binary == 2
        assert await connection.session.fetch("SELECT value FROM shares ORDER BY id") == [(0,), (100,)]
        columns = {"id": arrow.array([3, 4]), "value": arrow.array([7, 101])}
        with pytest.raises(RowError, match="percent_check") as raised:
            await connection.load(target, ArrowBatches(arrow.table(columns), fields), options=options)
        assert raised.value.row == 2


async def test_bad_rows_can_be_set_aside(connection: ConnectionContext, way: Way) -> None:
    rows = [ware(1), ware(2, name=None), ware(3)]
    report = await store(connection, rows, LoadOptions(LoadMode.UPSERT, on_error=OnError.QUARANTINE))
    # rows can be taken out of text, and out of values
    assert way.binary == 0
    assert report.counts == Counts(inserted=2, rejected=1)
    assert await wares(connection) == [rows[0], rows[2]]


async def test_a_column_of_nothing_is_null(connection: ConnectionContext, way: Way) -> None:
    await store(
        connection, [ware(1, price=None), ware(2, price=None)], LoadOptions(LoadMode.INSERT), price=arrow.null()
    )
    assert way.binary == 2
    assert [row[2] for row in await wares(connection)] == [None, None]


async def test_rows_of_nothing_are_rows(postgresql: Server, way: Way) -> None:
    async with get_dialect("postgresql").create_connection(postgresql.parameters) as connection:
        await connection.session.execute("CREATE TABLE marks (size int, note text)")
        target = table(
            "marks", column("size", SqlInteger(4), nullable=True), column("note", SqlCharacter(), nullable=True), key=""
        )
        columns = {"size": arrow.array([None, None], arrow.int32()), "note": arrow.array([None, None], arrow.string())}
        source = ArrowBatches(arrow.table(columns), Fields(("size", "note"), (int | None, str | None)))
        report = await connection.load(target, source, options=LoadOptions(LoadMode.INSERT))
        assert way.binary == report.counts.inserted == 2
        assert await connection.session.fetch("SELECT size, note FROM marks") == [(None, None)] * 2
