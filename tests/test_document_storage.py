"""Lists and objects that are to be stored as JSON documents, and the other way round, with the rows that have them."""

from __future__ import annotations

import enum
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from pysqlsync_engine.base import GeneratorOptions
from pysqlsync_engine.connection import ConnectionContext
from pysqlsync_engine.errors import ApplyError, UnsupportedError
from pysqlsync_engine.factory import get_dialect
from pysqlsync_engine.model.key_types import PrimaryKey
from pysqlsync_engine.options import ArrayMode, Hazard, StructMode, SyncPolicy
from tests.servers import Server

EVERYTHING = SyncPolicy(allow=frozenset(Hazard))


class Side(enum.Enum):
    left = "left"
    right = "right"


@dataclass
class Corner:
    x: int
    note: str | None
    at: datetime | None = None


@dataclass
class Shape:
    id: PrimaryKey[int]
    corner: Corner
    other: Corner | None
    words: list[str]
    sides: list[Side]
    numbers: list[int] | None


@dataclass
class Span:
    id: PrimaryKey[int]
    lengths: list[timedelta]


@dataclass
class Packet:
    id: PrimaryKey[int]
    parts: list[bytes]


SHAPES = [
    Shape(
        1,
        Corner(1, 'a "b" {c}, \\', datetime(2020, 1, 2, 3, 4, 5, 600000)),
        None,
        ["a,b", "", '"{}'],
        [Side.right],
        None,
    ),
    Shape(2, Corner(-2, None), Corner(3, "it's"), [], [], [1, -2, 3]),
]
NATIVE = GeneratorOptions(struct_mode=StructMode.TYPE, array_mode=ArrayMode.ARRAY)
DOCUMENTS = GeneratorOptions(struct_mode=StructMode.JSON, array_mode=ArrayMode.JSON)


def connect(server: Server, options: GeneratorOptions) -> AbstractAsyncContextManager[ConnectionContext]:
    return get_dialect("postgresql").create_connection(server.parameters, options)


async def synchronize(connection: ConnectionContext, *classes: type) -> None:
    explorer = get_dialect("postgresql").create_explorer(connection)
    await explorer.synchronize(classes=classes, policy=EVERYTHING)
    assert (await explorer.plan(classes=classes)).is_empty


async def shapes(connection: ConnectionContext) -> list[tuple[object, ...]]:
    return await connection.session.fetch('SELECT s::text FROM "Shape" AS s ORDER BY id')


async def test_lists_and_objects_become_documents_and_come_back(postgresql: Server) -> None:
    async with connect(postgresql, NATIVE) as connection:
        await synchronize(connection, Shape)
        await connection.insert_data(Shape, SHAPES)
        before = await shapes(connection)
    async with connect(postgresql, DOCUMENTS) as connection:
        await synchronize(connection, Shape)
        words = await connection.session.fetch("""SELECT words ->> 0, corner ->> 'note' FROM "Shape" ORDER BY id""")
        assert words == [("a,b", 'a "b" {c}, \\'), (None, None)]
        await connection.insert_data(Shape, [Shape(3, Corner(1, "x"), None, ["w"], [Side.left], [7])])
    async with connect(postgresql, NATIVE) as connection:
        await synchronize(connection, Shape)
        assert (await shapes(connection))[:2] == before
        assert await connection.session.fetch('SELECT (corner).note, words, numbers FROM "Shape" WHERE id = 3') == [
            ("x", ["w"], [7])
        ]


async def test_document_that_does_not_fit_stops_the_move(postgresql: Server) -> None:
    async with connect(postgresql, DOCUMENTS) as connection:
        await synchronize(connection, Shape)
        await connection.insert_data(Shape, SHAPES)
        await connection.session.execute("""UPDATE "Shape" SET numbers = '[1.5]' WHERE id = 1""")
    async with connect(postgresql, NATIVE) as connection:
        with pytest.raises(ApplyError, match=r"1\.5"):
            await synchronize(connection, Shape)


@pytest.mark.parametrize("cls", [Span, Packet])
async def test_values_that_python_writes_in_another_way_are_refused(postgresql: Server, cls: type) -> None:
    async with connect(postgresql, NATIVE) as connection:
        await synchronize(connection, cls)
    async with connect(postgresql, DOCUMENTS) as connection:
        with pytest.raises(UnsupportedError, match=r"another form of .* in JSON"):
            await synchronize(connection, cls)
