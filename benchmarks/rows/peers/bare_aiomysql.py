"""What aiomysql does without anything on top of it."""

# pyright: basic, reportMissingImports=false

from __future__ import annotations

import aiomysql
import aiomysql.connection
from common import COLUMNS, Clock, answer, blocks, parsed

BATCH_ROWS = 10_000

# the driver fails on `bytes` with the newest PyMySQL, whose function of this name is gone
aiomysql.connection.escape_bytes_prefixed = lambda value: f"X'{value.hex()}'"


async def connect(server, *, autocommit=False):
    place = {"unix_socket": server["socket"]} if server["socket"] else {"host": server["host"], "port": server["port"]}
    return await aiomysql.connect(
        **place,
        user=server["user"],
        password=server["password"] or "",
        db=server["database"],
        charset="utf8mb4",
        autocommit=autocommit,
    )


def rows(request):
    for row in parsed(request["files"][0]):
        yield (row[0].bytes, *row[1:11], row[11].packed, *row[12:])


async def send(request, ending=""):
    connection = await connect(request["server"])
    # spelled so, the driver makes statements of many rows
    places = ", ".join(["%s"] * len(COLUMNS))
    statement = f"INSERT INTO `bench__{request['table']}` ({', '.join(COLUMNS)}) VALUES ({places}){ending}"
    with Clock() as clock:
        async with connection.cursor() as cursor:
            for block in blocks(rows(request), BATCH_ROWS):
                await cursor.executemany(statement, block)
        await connection.commit()
    connection.close()
    return clock


async def upsert(request):
    updates = ", ".join(f"{name} = VALUES({name})" for name in COLUMNS[1:])
    return await send(request, f" ON DUPLICATE KEY UPDATE {updates}")


async def delete(request, *, autocommit=False):
    from uuid import UUID

    connection = await connect(request["server"], autocommit=autocommit)
    statement = f"DELETE FROM `bench__{request['table']}` WHERE id = UNHEX(%s)"
    with Clock() as clock:
        async with connection.cursor() as cursor:
            for block in blocks(parsed(request["files"][0], (UUID,)), BATCH_ROWS):
                await cursor.executemany(statement, [(key.hex,) for (key,) in block])
        await connection.commit()
    connection.close()
    return clock


async def delete_each(request):
    return await delete(request, autocommit=True)


if __name__ == "__main__":
    answer({"insert": send, "upsert": upsert, "delete": delete, "delete_each": delete_each})
