"""What asyncpg does without anything on top of it."""

# pyright: basic, reportMissingImports=false

from __future__ import annotations

import asyncio
from uuid import UUID

import asyncpg
from common import COLUMNS, Clock, answer, blocks, parsed

BATCH_ROWS = 30_000


async def connect(server):
    return await asyncpg.connect(
        host=server["host"],
        port=server["port"],
        user=server["user"],
        password=server["password"],
        database=server["database"],
        ssl=False,
    )


async def raw(request):
    """COPY the bytes of each file on a connection of its own, all at once."""
    connections = [await connect(request["server"]) for _ in request["files"]]
    with Clock() as clock:
        await asyncio.gather(
            *(
                each.copy_to_table(request["table"], schema_name="bench", source=file)
                for each, file in zip(connections, request["files"], strict=True)
            )
        )
    return clock


async def copy_records(request):
    """Parse, and COPY batches of tuples."""
    connection = await connect(request["server"])
    with Clock() as clock:
        async with connection.transaction():
            for block in blocks(parsed(request["files"][0]), BATCH_ROWS):
                await connection.copy_records_to_table(
                    request["table"], schema_name="bench", columns=COLUMNS, records=block
                )
    return clock


async def copy_at_hand(request):
    """COPY tuples that were parsed before the clock started."""
    connection = await connect(request["server"])
    rows = list(parsed(request["files"][0]))
    with Clock() as clock:
        await connection.copy_records_to_table(request["table"], schema_name="bench", columns=COLUMNS, records=rows)
    return clock


async def upsert(request):
    connection = await connect(request["server"])
    places = ", ".join(f"${number}" for number in range(1, len(COLUMNS) + 1))
    updates = ", ".join(f"{name} = EXCLUDED.{name}" for name in COLUMNS[1:])
    statement = (
        f'INSERT INTO bench."{request["table"]}" ({", ".join(COLUMNS)}) VALUES ({places})'
        f" ON CONFLICT (id) DO UPDATE SET {updates}"
    )
    with Clock() as clock:
        async with connection.transaction():
            for block in blocks(parsed(request["files"][0]), BATCH_ROWS):
                await connection.executemany(statement, block)
    return clock


async def upsert_staged(request):
    """COPY the bytes of each file to a table of our own on a connection of its own, and merge them, by ranges of the key if asked to."""
    connections = [await connect(request["server"]) for _ in request["files"]]
    target = f'bench."{request["table"]}"'
    updates = ", ".join(f"{name} = EXCLUDED.{name}" for name in COLUMNS[1:])
    middle = "'80000000-0000-0000-0000-000000000000'"
    ranges = [f"WHERE id < {middle}", f"WHERE id >= {middle}"] if request.get("merges") == "2" else [""]
    with Clock() as clock:
        await connections[0].execute(f"CREATE UNLOGGED TABLE bench.staging (LIKE {target})")
        await asyncio.gather(
            *(
                each.copy_to_table("staging", schema_name="bench", source=file)
                for each, file in zip(connections, request["files"], strict=True)
            )
        )
        await asyncio.gather(
            *(
                each.execute(
                    f"INSERT INTO {target} SELECT * FROM bench.staging {part} ORDER BY id ON CONFLICT (id) DO UPDATE SET {updates}"
                )
                for each, part in zip(connections, ranges, strict=False)
            )
        )
        await connections[0].execute("DROP TABLE bench.staging")
    return clock


async def delete(request):
    connection = await connect(request["server"])
    with Clock() as clock:
        async with connection.transaction():
            for block in blocks(parsed(request["files"][0], (UUID,)), BATCH_ROWS):
                await connection.executemany(f'DELETE FROM bench."{request["table"]}" WHERE id = $1', block)
    return clock


if __name__ == "__main__":
    answer(
        {
            "raw": raw,
            "records": copy_records,
            "at_hand": copy_at_hand,
            "upsert": upsert,
            "upsert_staged": upsert_staged,
            "delete": delete,
        }
    )
