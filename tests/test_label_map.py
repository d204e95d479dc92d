"""Labels that are renamed, or replaced by others, in whatever way labels are stored."""

from __future__ import annotations

import enum
from contextlib import AbstractAsyncContextManager
from dataclasses import make_dataclass

import pytest

from pysqlsync_engine.base import EnumMode, GeneratorOptions
from pysqlsync_engine.connection import ConnectionContext
from pysqlsync_engine.factory import get_dialect
from pysqlsync_engine.migration.plan import Plan
from pysqlsync_engine.model.declarations import TypeDeclaration
from pysqlsync_engine.model.key_types import PrimaryKey
from pysqlsync_engine.options import Hazard, SyncPolicy
from tests.servers import Server

EVERYTHING = SyncPolicy(allow=frozenset(Hazard))


def made(labels: dict[str, str], label_map: tuple[tuple[str, str], ...] = ()) -> tuple[type, type[enum.Enum]]:
    """:returns: The class of a table, and the enumeration that it has two columns of."""
    kind = enum.Enum("Phase", labels)
    if label_map:
        kind.__type__ = TypeDeclaration(label_map=label_map)  # pyright: ignore[reportAttributeAccessIssue]

    fields: list[tuple[str, object]] = [("id", PrimaryKey[int]), ("phase", kind), ("former", kind | None)]
    return make_dataclass("Job", fields), kind  # pyright: ignore[reportArgumentType]


BEFORE = {"new": "it's new", "run": "running", "done": "done \\ finished", "over": "over"}
AFTER = {"new": "it's brand new", "run": "running", "done": "done"}
LABEL_MAP = (("it's new", "it's brand new"), ("done \\ finished", "done"), ("over", "done"))


def connect(server: Server, mode: EnumMode) -> AbstractAsyncContextManager[ConnectionContext]:
    return get_dialect(server.dialect).create_connection(server.parameters, GeneratorOptions(enum_mode=mode))


async def planned(connection: ConnectionContext, cls: type) -> Plan:
    return await get_dialect(connection.dialect.name).create_explorer(connection).plan(classes=[cls])


async def synchronize(connection: ConnectionContext, cls: type, policy: SyncPolicy = EVERYTHING) -> None:
    explorer = get_dialect(connection.dialect.name).create_explorer(connection)
    await explorer.synchronize(classes=[cls], policy=policy)
    assert (await explorer.plan(classes=[cls])).is_empty


async def labels(connection: ConnectionContext, mode: EnumMode) -> list[tuple[object, ...]]:
    job, phase = ('"Job"', '"Phase"') if connection.dialect.name == "postgresql" else ("Job", "Phase")
    if mode is EnumMode.RELATION:
        joined = f"LEFT JOIN {phase} p ON p.id = j.phase LEFT JOIN {phase} f ON f.id = j.former"
        return await connection.session.fetch(f"SELECT p.value, f.value FROM {job} j {joined} ORDER BY j.id")
    return await connection.session.fetch(f"SELECT phase, former FROM {job} ORDER BY id")


@pytest.mark.parametrize("former", EnumMode)
@pytest.mark.parametrize("later", EnumMode)
async def test_rows_get_the_labels_that_take_the_place_of_theirs(
    database: Server, former: EnumMode, later: EnumMode
) -> None:
    if not {former, later} <= set(database.capabilities.enum_modes):
        pytest.skip("the server does not store labels so")
    old, kind = made(BEFORE)
    async with connect(database, former) as connection:
        await synchronize(connection, old)
        rows = [old(1, kind["new"], kind["over"]), old(2, kind["done"], None), old(3, kind["run"], kind["new"])]
        await connection.insert_data(old, rows)
    new, _ = made(AFTER, LABEL_MAP)
    async with connect(database, later) as connection:
        await synchronize(connection, new)
        assert await labels(connection, later) == [
            ("it's brand new", "done"),
            ("done", None),
            ("running", "it's brand new"),
        ]


async def test_renamed_label_keeps_its_key_in_the_lookup_table(database: Server) -> None:
    old, kind = made(BEFORE)
    new, _ = made(AFTER, LABEL_MAP)
    phase = '"Phase"' if database.dialect == "postgresql" else "Phase"
    async with connect(database, EnumMode.RELATION) as connection:
        await synchronize(connection, old)
        await connection.insert_data(old, [old(1, kind["over"], None)])
        await synchronize(connection, new, SyncPolicy())
        found = await connection.session.fetch(f"SELECT id, value FROM {phase} ORDER BY id")
        assert found == [(1, "it's brand new"), (2, "running"), (3, "done")]
