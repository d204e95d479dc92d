"""Labels of enumerations that are to be kept in another way, with the rows that have them."""

from __future__ import annotations

import enum
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

import pytest

from pysqlsync_engine.base import EnumMode, GeneratorOptions
from pysqlsync_engine.connection import ConnectionContext
from pysqlsync_engine.errors import ApplyError, HazardError
from pysqlsync_engine.factory import get_dialect
from pysqlsync_engine.migration.plan import Plan
from pysqlsync_engine.model.key_types import PrimaryKey
from pysqlsync_engine.options import Hazard, SyncPolicy
from tests.servers import Server

EVERYTHING = SyncPolicy(allow=frozenset(Hazard))


class Lamp(enum.Enum):
    on = "it's on \\ \u00e9"
    off = "2"
    broken = "1"


@dataclass
class Room:
    name: PrimaryKey[int]
    lamp: Lamp
    other: Lamp | None
    third: Lamp = Lamp.off


@dataclass
class LampRow:
    """Kept by its label."""

    lamp: PrimaryKey[Lamp]
    watts: int


@dataclass
class Socket:
    id: PrimaryKey[int]
    lamp: LampRow


@dataclass
class Open:
    id: PrimaryKey[int]
    lamp: Lamp | str


ROOMS = [Room(1, Lamp.on, None), Room(2, Lamp.off, Lamp.broken), Room(3, Lamp.broken, Lamp.on, Lamp.on)]


def connect(server: Server, mode: EnumMode) -> AbstractAsyncContextManager[ConnectionContext]:
    return get_dialect(server.dialect).create_connection(server.parameters, GeneratorOptions(enum_mode=mode))


async def synchronize(connection: ConnectionContext, *classes: type) -> None:
    explorer = get_dialect(connection.dialect.name).create_explorer(connection)
    await explorer.synchronize(classes=classes, policy=EVERYTHING)
    assert (await explorer.plan(classes=classes)).is_empty


async def rooms(connection: ConnectionContext) -> list[tuple[object, ...]]:
    quote = '"' if connection.dialect.name == "postgresql" else "`"
    return await connection.session.fetch(f"SELECT * FROM {quote}Room{quote} ORDER BY 1")


def other_modes(server: Server) -> tuple[EnumMode, ...]:
    return server.capabilities.enum_modes


async def test_rows_keep_their_labels_whatever_way_labels_are_stored(database: Server) -> None:
    modes = other_modes(database)
    path = [mode for start in modes for other in modes if other is not start for mode in (start, other)]
    async with connect(database, path[0]) as connection:
        await synchronize(connection, Room)
        await connection.insert_data(Room, ROOMS)
        before = await rooms(connection)
    for mode in (*path[1:], path[0]):
        async with connect(database, mode) as connection:
            await synchronize(connection, Room)
            await connection.insert_data(Room, [Room(9, Lamp.off, None)])
            await connection.delete_data(Room, [Room(9, Lamp.off, None)])
    async with connect(database, path[0]) as connection:
        assert await rooms(connection) == before


async def test_keys_and_references_to_them_take_part_in_the_move(postgresql: Server) -> None:
    mode = other_modes(postgresql)[0]
    for former, later in ((EnumMode.CHECK, EnumMode.RELATION), (EnumMode.RELATION, mode)):
        async with connect(postgresql, former) as connection:
            await synchronize(connection, LampRow, Socket)
            await connection.upsert_data(LampRow, [LampRow(Lamp.off, 5), LampRow(Lamp.on, 60)])
            rows = connection.get_table(Socket)
            records = [(1, Lamp.on.value), (2, Lamp.off.value)]
            await connection.insert_rows(rows, field_names=("id", "lamp"), field_types=(int, str), records=records)
        async with connect(postgresql, later) as connection:
            await synchronize(connection, LampRow, Socket)
            assert await connection.count_rows(connection.get_table(Socket)) == 2
            await connection.delete_rows(rows, field_names=("id",), field_types=(int,), records=[(1,), (2,)])


async def test_value_without_a_label_stops_the_move_and_is_named(database: Server) -> None:
    async with connect(database, EnumMode.CHECK) as connection:
        await synchronize(connection, Open)
        await connection.insert_data(Open, [Open(1, Lamp.on), Open(2, "candle")])

    @dataclass
    class Closed:
        id: PrimaryKey[int]
        lamp: Lamp

    Closed.__name__ = "Open"
    async with connect(database, EnumMode.RELATION) as connection:
        explorer = get_dialect(connection.dialect.name).create_explorer(connection)
        with pytest.raises(ApplyError, match="candle"):
            await explorer.synchronize(classes=[Closed], policy=EVERYTHING)


async def test_lookup_table_that_may_get_labels_gets_those_that_rows_have(database: Server) -> None:
    async with connect(database, EnumMode.CHECK) as connection:
        await synchronize(connection, Open)
        await connection.insert_data(Open, [Open(1, Lamp.on), Open(2, "candle")])
    async with connect(database, EnumMode.RELATION) as connection:
        await synchronize(connection, Open)
    async with connect(database, EnumMode.CHECK) as connection:
        await synchronize(connection, Open)
        quote = '"' if connection.dialect.name == "postgresql" else "`"
        found = await connection.session.fetch(f"SELECT lamp FROM {quote}Open{quote} ORDER BY id")
        assert found == [(Lamp.on.value,), ("candle",)]


async def test_lookup_table_is_dropped_only_if_that_is_permitted(database: Server) -> None:
    async with connect(database, EnumMode.RELATION) as connection:
        await synchronize(connection, Room)
    async with connect(database, EnumMode.CHECK) as connection:
        explorer = get_dialect(connection.dialect.name).create_explorer(connection)
        with pytest.raises(HazardError, match=r"drop table [a-z.]*Lamp"):
            await explorer.synchronize(classes=[Room])
        await explorer.synchronize(classes=[Room], policy=SyncPolicy(keep=("*Lamp",)))
        plan = await explorer.plan(classes=[Room], policy=SyncPolicy(keep=("*Lamp",)))
        assert plan.is_empty


@pytest.mark.parametrize("later", [EnumMode.CHECK, EnumMode.RELATION])
async def test_move_can_be_planned_as_json_and_made_while_others_work(database: Server, later: EnumMode) -> None:
    former = EnumMode.CHECK if later is EnumMode.RELATION else EnumMode.RELATION
    async with connect(database, former) as connection:
        await synchronize(connection, Room)
        await connection.insert_data(Room, ROOMS)
    async with connect(database, later) as connection:
        explorer = get_dialect(connection.dialect.name).create_explorer(connection)
        policy = SyncPolicy(allow=frozenset(Hazard), online=True)
        plan = await explorer.plan(classes=[Room], policy=policy)
        await explorer.apply(Plan.from_json(plan.to_json()), policy=policy)
        assert (await explorer.plan(classes=[Room])).is_empty
