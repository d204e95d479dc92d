"""Labels that are renamed, or replaced by others, in whatever way labels are stored."""

from __future__ import annotations

import enum
from contextlib import AbstractAsyncContextManager
from dataclasses import make_dataclass
from types import GenericAlias
from typing import Any

import pytest

from pysqlsync_engine.base import EnumMode, GeneratorOptions
from pysqlsync_engine.connection import ConnectionContext
from pysqlsync_engine.errors import DefinitionError
from pysqlsync_engine.factory import get_dialect
from pysqlsync_engine.migration.plan import Plan
from pysqlsync_engine.model.declarations import TypeDeclaration
from pysqlsync_engine.model.key_types import PrimaryKey
from pysqlsync_engine.options import ArrayMode, Hazard, StructMode, SyncPolicy
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


def listing(kind: type[enum.Enum], annotation: object) -> type:
    """:returns: The class of a table with several labels in a row."""
    fields: list[tuple[str, object]] = [("id", PrimaryKey[int]), ("phases", annotation), ("phase", kind)]
    return make_dataclass("Plan", fields)  # pyright: ignore[reportArgumentType]


async def phases(connection: ConnectionContext) -> list[tuple[object, ...]]:
    name = '"Plan"' if connection.dialect.name == "postgresql" else "`Plan`"
    return await connection.session.fetch(f"SELECT phases, phase FROM {name} ORDER BY id")


async def test_labels_in_sets_are_replaced_wherever_the_move_was_interrupted(mysql: Server) -> None:
    _, kind = made(BEFORE)
    _, after = made(AFTER, LABEL_MAP)
    old, new = listing(kind, set[kind]), listing(after, set[after] | None)
    statements: tuple[str, ...] = ("",)
    executed = 0
    async with get_dialect("mysql").create_connection(mysql.parameters, GeneratorOptions()) as connection:
        while executed < len(statements):
            await connection.session.execute("DROP TABLE IF EXISTS `Plan`")
            await synchronize(connection, old)
            rows = [{"new", "over"}, {"done", "run", "over"}, set[str](), {"run"}]
            await connection.insert_data(
                old, [old(key, {kind[name] for name in names}, kind["over"]) for key, names in enumerate(rows)]
            )
            statements = (await planned(connection, new)).statements
            for statement in statements[:executed]:
                await connection.session.execute(statement)
            await synchronize(connection, new)
            assert await phases(connection) == [
                ("it's brand new,done", "done"),
                ("running,done", "done"),
                ("", "done"),
                ("running", "done"),
            ]
            executed += 1
    assert executed > 2


@pytest.mark.parametrize("of", [list, set])
async def test_labels_in_arrays_are_renamed_and_replaced(postgresql: Server, of: type[list[Any] | set[Any]]) -> None:
    _, kind = made(BEFORE)
    _, after = made(AFTER, LABEL_MAP)
    old, new = listing(kind, GenericAlias(of, kind)), listing(after, GenericAlias(of, after))
    async with get_dialect("postgresql").create_connection(postgresql.parameters, GeneratorOptions()) as connection:
        await synchronize(connection, old)
        await connection.insert_data(
            old, [old(1, of([kind["new"]]), kind["over"]), old(2, of([kind["over"]]), kind["run"])]
        )
        await synchronize(connection, new)
        assert await phases(connection) == [(["it's brand new"], "done"), (["done"], "running")]


async def test_labels_in_a_table_of_a_list_are_replaced(database: Server) -> None:
    _, kind = made(BEFORE)
    _, after = made(AFTER, LABEL_MAP)
    old, new = listing(kind, list[kind]), listing(after, list[after])
    options = GeneratorOptions(array_mode=ArrayMode.RELATION)
    quote = '"' if database.dialect == "postgresql" else "`"
    async with get_dialect(database.dialect).create_connection(database.parameters, options) as connection:
        await synchronize(connection, old)
        await connection.session.execute(f"INSERT INTO {quote}Plan{quote} VALUES (1, 'running')")
        values = "(1, 0, 'it''s new'), (1, 1, 'over')"
        await connection.session.execute(f"INSERT INTO {quote}Plan_phases{quote} VALUES {values}")
        await synchronize(connection, new)
        found = await connection.session.fetch(f"SELECT value FROM {quote}Plan_phases{quote} ORDER BY position")
        assert found == [("it's brand new",), ("done",)]


def test_labels_in_documents_are_not_left_as_they_are_in_silence() -> None:
    _, kind = made(AFTER, LABEL_MAP)
    holder = make_dataclass("Note", [("phase", kind)])
    options = GeneratorOptions(struct_mode=StructMode.JSON, array_mode=ArrayMode.JSON)
    for annotation in (list[kind], set[kind], list[holder], holder):
        cls = listing(kind, annotation)
        with pytest.raises(DefinitionError, match=r"Plan\.phases.*label_map of Phase cannot change labels in JSON"):
            get_dialect("postgresql").create_generator(options).create(tables=[cls])
