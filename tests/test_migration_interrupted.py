"""Moves of labels that were not finished: whoever synchronizes next gets the same table and rows as if they were."""

from __future__ import annotations

import enum
import itertools
from contextlib import AbstractAsyncContextManager
from dataclasses import make_dataclass

import pytest

from pysqlsync_engine.base import EnumMode, GeneratorOptions
from pysqlsync_engine.connection import ConnectionContext
from pysqlsync_engine.factory import get_dialect
from pysqlsync_engine.model.declarations import TypeDeclaration
from pysqlsync_engine.model.key_types import PrimaryKey
from pysqlsync_engine.options import Hazard, SyncPolicy
from tests.server_types import Server

EVERYTHING = SyncPolicy(allow=frozenset(Hazard))
MODES = (EnumMode.INLINE, EnumMode.RELATION, EnumMode.CHECK)
LABELS = {"new": "it's new", "run": "2", "done": "1", "over": "over \\ 100 %"}


def made(labels: dict[str, str], label_map: tuple[tuple[str, str], ...]) -> tuple[type, type[enum.Enum]]:
    """:returns: The class of a table, and the enumeration that it has two columns of, one with a default."""
    kind = enum.Enum("Phase", labels)
    if label_map:
        kind.__type__ = TypeDeclaration(label_map=label_map)  # pyright: ignore[reportAttributeAccessIssue]
    fields: list[object] = [("id", PrimaryKey[int]), ("former", kind | None), ("phase", kind, kind["run"])]
    return make_dataclass("Job", fields), kind  # pyright: ignore[reportArgumentType]


CHANGED = {"new": "it's new", "run": "3", "done": "1", "more": "4"}
LABEL_MAP = (("2", "3"), ("over \\ 100 %", "it's new"))
REMOVALS = {
    "mysql": ("TABLE IF EXISTS Job, Phase",),
    "postgresql": ('TABLE IF EXISTS "Job", "Phase"', 'TYPE IF EXISTS "Phase"'),
}
ROWS = [(1, "new", None), (2, "run", "over"), (3, "over", "new"), (4, "done", "run")]


def connect(server: Server, mode: EnumMode) -> AbstractAsyncContextManager[ConnectionContext]:
    return get_dialect(server.dialect).create_connection(server.parameters, GeneratorOptions(enum_mode=mode))


async def begin(connection: ConnectionContext) -> None:
    """Leave a table with rows behind, and nothing else."""
    job, kind = made(LABELS, ())
    for what in REMOVALS[connection.dialect.name]:
        await connection.session.execute(f"DROP {what}")
    await connection.create_objects([job])
    rows = [job(key, kind[former] if former else None, kind[phase]) for key, phase, former in ROWS]
    await connection.insert_data(job, rows)


async def labels(connection: ConnectionContext, mode: EnumMode) -> list[tuple[object, ...]]:
    job, phase = ('"Job"', '"Phase"') if connection.dialect.name == "postgresql" else ("Job", "Phase")
    if mode is not EnumMode.RELATION:
        return await connection.session.fetch(f"SELECT phase, former FROM {job} ORDER BY id")
    joined = f"JOIN {phase} p ON p.id = phase LEFT JOIN {phase} f ON f.id = former"
    return await connection.session.fetch(f"SELECT p.value, f.value FROM {job} j {joined} ORDER BY j.id")


async def finish(server: Server, former: EnumMode, later: EnumMode, policy: SyncPolicy) -> None:
    """Move rows as often as the plan has statements, and execute one more of these each time before the move itself."""
    target, _ = made(CHANGED, LABEL_MAP)
    replaced = dict(LABEL_MAP)
    expected = [
        tuple(None if key is None else replaced.get(LABELS[key], LABELS[key]) for key in (phase, before))
        for _, phase, before in ROWS
    ]
    statements: tuple[str, ...] = ("",)
    executed = 0
    async with connect(server, former) as source, connect(server, later) as connection:
        explorer = get_dialect(server.dialect).create_explorer(connection)
        while executed < len(statements):
            await begin(source)
            statements = (await explorer.plan(classes=[target], policy=policy)).statements
            for statement in statements[:executed]:
                await connection.session.execute(statement)
            await explorer.synchronize(classes=[target], policy=policy)
            assert (await explorer.plan(classes=[target])).is_empty
            assert await labels(connection, later) == expected, statements[:executed]
            executed += 1
    assert statements


@pytest.mark.parametrize(("former", "later"), [*itertools.product(MODES, MODES)])
async def test_move_of_labels_is_finished_by_the_next_one_wherever_it_was_interrupted(
    mysql: Server, former: EnumMode, later: EnumMode
) -> None:
    await finish(mysql, former, later, EVERYTHING)


@pytest.mark.parametrize(
    ("former", "later"),
    [
        (EnumMode.RELATION, EnumMode.CHECK),
        (EnumMode.RELATION, EnumMode.TYPE),
        (EnumMode.CHECK, EnumMode.RELATION),
        (EnumMode.TYPE, EnumMode.CHECK),
    ],
)
async def test_move_of_labels_while_others_work_is_finished_by_the_next_one(
    postgresql: Server, former: EnumMode, later: EnumMode
) -> None:
    await finish(postgresql, former, later, SyncPolicy(allow=EVERYTHING.allow, online=True))
