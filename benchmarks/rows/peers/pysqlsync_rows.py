"""pysqlsync 1.0.1: insert, upsert, delete; rows from a generator, or from a list as its own examples have them."""

# pyright: basic, reportMissingImports=false

from __future__ import annotations

import enum
import functools
import sys
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Address
from typing import Annotated
from uuid import UUID

from common import COLUMNS, KINDS, Clock, answer, parsed
from pysqlsync.base import GeneratorOptions
from pysqlsync.connection import ConnectionParameters
from pysqlsync.factory import get_dialect
from pysqlsync.formation.py_to_sql import EnumMode
from pysqlsync.model.key_types import PrimaryKey
from strong_typing.auxiliary import MaxLength, int16, int32, int64


class Kind(enum.Enum):
    view = "view"
    click = "click"
    search = "search"
    download = "download"
    upload = "upload"
    login = "login"
    logout = "logout"
    error = "error"


class Method(enum.Enum):
    get = "GET"
    post = "POST"
    put = "PUT"
    delete = "DELETE"


@dataclass
class Event:
    id: PrimaryKey[UUID]
    occurred_at: datetime
    received_at: datetime
    user_id: int64
    account_id: int32 | None
    session: Annotated[str, MaxLength(32)]
    kind: Kind
    method: Method
    url: str
    referrer: str | None
    user_agent: Annotated[str, MaxLength(255)]
    remote_ip: IPv4Address
    status: int16
    note: str | None


def connection(request):
    server = request["server"]
    if server["socket"]:
        import aiomysql

        # it has no parameter for a socket
        aiomysql.connect = functools.partial(aiomysql.connect, unix_socket=server["socket"])
    parameters = ConnectionParameters(
        host=server["host"],
        port=server["port"],
        username=server["user"],
        password=server["password"],
        database=server["database"],
    )
    modes = {"RELATION": EnumMode.RELATION, None: None}
    options = GeneratorOptions(
        namespaces={sys.modules[__name__]: "bench"}, enum_mode=modes[request.get("enum_mode")], initialize_tables=False
    )
    return get_dialect(server["dialect"]).create_connection(parameters, options)


def send(method, *, whole=False):
    async def run(request):
        async with connection(request) as conn:
            # what it knows of tables is what it has created itself
            conn.connection.generator.create(tables=[Event])
            table = conn.get_table(Event)
            with Clock() as clock:
                rows = parsed(request["files"][0])
                await getattr(conn, method)(
                    table, list(rows) if whole else rows, field_types=KINDS, field_names=tuple(COLUMNS)
                )
            return clock

    return run


async def delete(request):
    async with connection(request) as conn:
        conn.connection.generator.create(tables=[Event])
        with Clock() as clock:
            await conn.delete_data(Event, (key for (key,) in parsed(request["files"][0], (UUID,))))
        return clock


if __name__ == "__main__":
    answer(
        {
            "insert": send("insert_rows"),
            "insert_list": send("insert_rows", whole=True),
            "upsert": send("upsert_rows"),
            "upsert_list": send("upsert_rows", whole=True),
            "delete": delete,
        }
    )
