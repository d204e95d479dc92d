"""Rows of one database into another: by pages, by cursors, and from a watermark on."""

from __future__ import annotations

import enum
import ipaddress
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

import pytest
from strong_typing.auxiliary import MaxLength, Precision

from pysqlsync_engine.base import ConnectionContext, Engine, LoadOptions, class_fields
from pysqlsync_engine.data.load_options import LoadMode
from pysqlsync_engine.data.sources import CursorSource, Fields, RecordSource, Window
from pysqlsync_engine.database_source import DatabaseSource
from pysqlsync_engine.errors import UnsupportedError
from pysqlsync_engine.factory import get_dialect
from pysqlsync_engine.model.key_types import PrimaryKey
from pysqlsync_engine.model.type_markers import AwareDatetime
from tests.servers import Server


class Colour(enum.Enum):
    RED = "red"
    GREEN = "green"


@dataclass
class Ware:
    code: PrimaryKey[Annotated[str, MaxLength(8)]]
    part: PrimaryKey[int]
    name: str | None
    price: Annotated[Decimal, Precision(9, 2)]
    weight: float
    colour: Colour
    is_sold: bool
    made: date
    opens: time
    changed: AwareDatetime
    seen: datetime
    lasts: timedelta
    mark: UUID
    host: ipaddress.IPv4Address
    picture: bytes
    notes: dict[str, Any]


def ware(number: int) -> Ware:
    return Ware(
        code=f"c{number % 3}",
        part=number,
        name=None if number % 5 == 0 else f"a\tb\\{number}%s",
        price=Decimal(number) / 4,
        weight=number / 3,
        colour=Colour.GREEN if number % 2 else Colour.RED,
        is_sold=number % 2 == 0,
        made=date(2026, 1, 1) + timedelta(days=number),
        opens=time(8, number % 60),
        changed=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=number),
        seen=datetime(2026, 1, 1, 12) + timedelta(microseconds=number),
        lasts=timedelta(days=number % 7, seconds=0.25),
        mark=UUID(int=number),
        host=ipaddress.IPv4Address(number),
        picture=bytes([number % 256, 0]),
        notes={"n": number, "text": "ä"},
    )


WARES = sorted((ware(number) for number in range(1, 41)), key=lambda each: (each.code, each.part))
FIELDS = class_fields(Ware)


def engine_of(server: Server) -> Engine:
    return get_dialect(server.dialect)


def connect(server: Server) -> Any:
    return engine_of(server).create_connection(server.parameters)


async def rows_of(source: RecordSource, window: Window | None = None) -> list[Any]:
    batches: Any = source.batches(window)
    return [row async for batch in batches for row in batch]


@asynccontextmanager
async def filled(server: Server) -> AsyncGenerator[ConnectionContext]:
    async with connect(server) as conn:
        await conn.create_objects([Ware])
        await conn.insert_data(Ware, WARES)
        yield conn


def values(row: Ware) -> tuple[Any, ...]:
    return tuple(getattr(row, name) for name in FIELDS.names)


async def test_rows_go_from_one_server_to_another_and_back(postgresql: Server, mysql: Server) -> None:
    async with filled(postgresql) as conn, connect(mysql) as other:
        await other.create_objects([Ware])
        there = DatabaseSource(lambda: connect(postgresql), FIELDS, table=conn.get_table(Ware), page_rows=7)
        report = await other.load(other.get_table(Ware), there)
        assert (report.rows, report.counts.inserted) == (len(WARES), len(WARES))
        back = DatabaseSource(lambda: connect(mysql), FIELDS, table=other.get_table(Ware), page_rows=7)
        options = LoadOptions(LoadMode.UPSERT, only_changed=True)
        report = await conn.load(conn.get_table(Ware), back, options=options)
        assert (report.counts.unchanged, report.affected) == (len(WARES), 0)


async def test_pages_follow_the_primary_key(database: Server) -> None:
    async with filled(database) as conn:
        fields = Fields(("name", "part"), (str, int))
        source = DatabaseSource(lambda: connect(database), fields, table=conn.get_table(Ware), page_rows=3)
        assert await rows_of(source) == [(each.name, each.part) for each in WARES]


async def test_queries_are_read_by_their_key(database: Server) -> None:
    async with filled(database):
        text = "SELECT part AS number, 'a%s' AS text FROM {} WHERE part % 2 = 0;"
        query = text.format('"Ware"' if database.dialect == "postgresql" else "`Ware`")
        fields = Fields(("text", "number"), (str, int))
        source = DatabaseSource(lambda: connect(database), fields, query=query, key=["number"], page_rows=6)
        assert await rows_of(source) == [("a%s", number) for number in range(2, 41, 2)]


async def test_queries_without_a_key_are_read_by_a_cursor(postgresql: Server) -> None:
    async with filled(postgresql):
        query = 'SELECT part FROM "Ware" ORDER BY part DESC'
        source = DatabaseSource(lambda: connect(postgresql), Fields(("part",), (int,)), query=query, page_rows=9)
        assert await rows_of(source) == [(number,) for number in range(40, 0, -1)]


async def test_a_server_without_cursors_needs_a_key(mysql: Server) -> None:
    source = DatabaseSource(lambda: connect(mysql), Fields(("a",), (int,)), query="SELECT 1 AS a")
    with pytest.raises(UnsupportedError, match="name the columns of a key"):
        await rows_of(source)


async def test_a_watermark_tells_where_to_go_on(database: Server) -> None:
    async with filled(database) as conn:
        table = conn.get_table(Ware)

        def source(**options: Any) -> DatabaseSource:
            return DatabaseSource(lambda: connect(database), FIELDS, table=table, watermark="changed", **options)

        everything = source()
        assert await rows_of(everything) == [values(each) for each in WARES]
        assert isinstance(everything, CursorSource)
        assert everything.cursor() == ware(40).changed
        late = source(after=str(ware(38).changed))
        assert sorted(row[1] for row in await rows_of(late)) == [39, 40]
        overlapping = source(after=ware(38).changed, overlap=timedelta(hours=2))
        assert sorted(row[1] for row in await rows_of(overlapping)) == [37, 38, 39, 40]
        nothing = source(after=ware(40).changed)
        assert await rows_of(nothing) == []
        assert nothing.cursor() is None
        window = Window(ware(3).changed, ware(5).changed, "3-5")
        assert sorted(row[1] for row in await rows_of(source(), window)) == [3, 4]


def test_what_does_not_go_together_is_refused() -> None:
    def refuse() -> Any:
        raise AssertionError

    with pytest.raises(ValueError, match="either a table or a query"):
        DatabaseSource(refuse, FIELDS)
    with pytest.raises(ValueError, match="need the column of a watermark"):
        DatabaseSource(refuse, FIELDS, query="q", after=1)
    with pytest.raises(ValueError, match="expected the watermark 'nix' among the fields"):
        DatabaseSource(refuse, FIELDS, query="q", watermark="nix")
