"""One table all the way, in each way to store its enumeration: created, filled, changed, and protected from bad rows."""

from __future__ import annotations

import enum
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID, uuid4

import pytest
from strong_typing.auxiliary import MaxLength

from pysqlsync_engine.base import ConnectionContext, EnumMode, GeneratorOptions, LoadReport
from pysqlsync_engine.errors import RowError
from pysqlsync_engine.factory import get_dialect
from pysqlsync_engine.model.key_types import PrimaryKey
from tests.servers import Server

HERE = sys.modules[__name__]
NINE = UUID(int=9)
NOON = datetime(2026, 1, 1, 12)
NAMES = ["id", "uuid", "name", "updated_at", "workflow_state"]
TYPES: list[Any] = [int, UUID, str, datetime, str]


class WorkflowState(enum.Enum):
    active = "active"
    inactive = "inactive"
    deleted = "deleted"


@dataclass(slots=True)
class UserTable:
    id: PrimaryKey[int]
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime
    workflow_state: WorkflowState
    uuid: UUID
    name: str
    short_name: Annotated[str, MaxLength(255)]
    homepage_url: str | None


def user(key: int) -> UserTable:
    return UserTable(key, NOON, NOON, NOON, WorkflowState.active, UUID(int=key), f"user {key}", "u", None)


def row(
    key: int = 1, uuid: Any = NINE, name: Any = "new", updated: Any = NOON, state: Any = "deleted"
) -> tuple[Any, ...]:
    return (key, uuid, name, updated, state)


async def upsert(connection: ConnectionContext, *rows: tuple[Any, ...]) -> LoadReport:
    table = connection.get_table(UserTable)
    return await connection.upsert_rows(table, field_names=NAMES, field_types=TYPES, records=rows)


def table_in_sql(connection: ConnectionContext) -> str:
    """:returns: The name of the table as the server quotes it."""
    name = connection.get_table(UserTable).name
    return str(name) if connection.capabilities.namespaces else f"`{name.name}`"


modes = pytest.mark.parametrize("mode", [None, EnumMode.CHECK, EnumMode.RELATION], ids=str)


@modes
async def test_a_table_is_filled_and_changed_over_connections_of_its_own(
    database: Server, mode: EnumMode | None
) -> None:
    options = GeneratorOptions(enum_mode=mode, namespaces={HERE: "canvas"})
    parameters = database.parameters
    async with get_dialect(database.dialect).create_connection(parameters, options) as connection:
        await connection.create_objects([UserTable])
        assert (await connection.insert_data(UserTable, map(user, range(3)))).affected == 3
    async with get_dialect(database.dialect).create_connection(parameters, options) as connection:
        assert (
            await get_dialect(database.dialect).create_explorer(connection).synchronize(module=HERE)
        ).statements == 0
    async with get_dialect(database.dialect).create_connection(parameters, options) as connection:
        assert (await connection.upsert_data(UserTable, map(user, range(2, 5)))).affected == 3
    async with get_dialect(database.dialect).create_connection(parameters, options) as connection:
        report = await upsert(connection, row(name="first"), row(name="last"))
        assert (report.rows, report.affected) == (2, 1)
        table = connection.get_table(UserTable)
        kept = await connection.session.fetch(
            f"SELECT name, short_name, created_at FROM {table_in_sql(connection)} WHERE id = 1"
        )
        assert kept == [("last", "u", NOON)]
        assert await connection.count_rows(table) == 5
    async with get_dialect(database.dialect).create_connection(parameters, options) as connection:
        assert (await connection.delete_data(UserTable, map(user, range(1, 9)))).affected == 4
        assert await connection.count_rows(connection.get_table(UserTable)) == 1


BAD_ROWS = {
    "uuid": (row(uuid="not-a-uuid"), r"uuid: row 3: cannot encode str as uuid: 'not-a-uuid'"),
    "null": (row(updated=None), r"updated_at: row 3: (null value|.*NULL supplied) .*"),
    "missing column": (row(key=7), r"created_at: row 3: (null value|.*default value).*"),
    "surrogate": (row(name="a\ud800b"), r"name: row 3: lone surrogate .*: 'a\\ud800b'"),
    "integer": (row(key=2**63), r"id: row 3: expected an integer of 64 bits.*: 9223372036854775808"),
    "time zone": (
        row(updated=datetime(2026, 1, 1, tzinfo=UTC)),
        r"updated_at: row 3: .*: datetime\.datetime\(2026, 1, 1.*",
    ),
    "label": (row(state="gone"), r"workflow_state: row 3: .*gone.*"),
}


@modes
async def test_a_bad_row_is_named_and_nothing_of_its_stream_stays(database: Server, mode: EnumMode | None) -> None:
    options = GeneratorOptions(enum_mode=mode, namespaces={HERE: "canvas"})
    async with get_dialect(database.dialect).create_connection(database.parameters, options) as connection:
        await connection.create_objects([UserTable])
        await connection.insert_data(UserTable, map(user, range(3)))
        query = f"SELECT * FROM {table_in_sql(connection)} ORDER BY id"
        before = await connection.session.fetch(query)
        for bad, message in BAD_ROWS.values():
            with pytest.raises(RowError, match=rf"^canvas(\.|__)UserTable\.{message}$") as caught:
                await upsert(connection, row(key=0), row(key=2), bad, row(key=0, uuid=uuid4()))
            assert caught.value.row == 3
            assert await connection.session.fetch(query) == before


@modes
async def test_values_are_left_out_of_messages_on_request(database: Server, mode: EnumMode | None) -> None:
    options = GeneratorOptions(enum_mode=mode, namespaces={HERE: "canvas"}, redact_values=True)
    bad_rows = [row(uuid="hush"), row(name="hush\ud800"), row(state="hush"), row(key=2**70)]
    async with get_dialect(database.dialect).create_connection(database.parameters, options) as connection:
        await connection.create_objects([UserTable])
        await connection.insert_data(UserTable, map(user, range(3)))
        for bad in bad_rows:
            with pytest.raises(RowError, match="row 1") as caught:
                await upsert(connection, bad)
            error: BaseException | None = caught.value
            while error is not None:
                assert "hush" not in str(error)
                assert str(2**70) not in str(error)
                error = error.__cause__
