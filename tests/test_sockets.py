"""Sockets of a machine take much at once; those of a network are the system's business."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from pysqlsync_engine.dialect.sockets import widen
from pysqlsync_engine.factory import get_dialect
from tests.servers import Server


def buffer_of(session: Any) -> int:
    """:returns: Bytes that may be on their way to the server, by the driver's own socket."""
    driver: Any = getattr(session._connection, "_driver", None)
    transport: Any = session._connection._transport if driver is None else driver._writer
    endpoint: Any = transport.get_extra_info("socket")
    assert endpoint.family == socket.AF_UNIX
    return endpoint.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)


async def test_a_server_of_this_machine_may_be_sent_more_at_once(database: Server) -> None:
    with socket.socket(socket.AF_UNIX) as fresh:
        usual = fresh.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
    engine = get_dialect(database.dialect)
    async with engine.create_connection(database.parameters) as connection:
        assert buffer_of(connection.session) > usual
    async with engine.create_pool(database.parameters, min_size=1, max_size=1) as pool, pool.connection() as connection:
        assert buffer_of(connection.session) > usual


async def test_sockets_of_a_network_are_left_alone() -> None:
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        endpoint: Any = writer.get_extra_info("socket")
        before = endpoint.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
        widen(writer)
        assert endpoint.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) == before
        writer.close()


def test_what_has_no_socket_is_left_alone() -> None:
    widen(None)
    widen(asyncio.BaseTransport())
