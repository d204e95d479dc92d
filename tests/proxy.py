"""A proxy between a client and a real server, which can break the connection at a chosen moment."""

from __future__ import annotations

import asyncio
import enum
import re
import socket
import struct
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from pysqlsync_engine.parameters import ConnectionParameters, SSLMode
from tests.servers import Server

CHUNK_BYTES = 512
"""Small, so that a connection can break in the middle of a message."""

CLOSE_TIMEOUT_S = 5.0

RESET = struct.pack("ii", 1, 0)
"""Closes a socket with RST in place of FIN: `l_onoff` and `l_linger`."""

SOCKETS = {"postgresql": ".s.PGSQL.5432", "mysql": "mysqld.sock"}


class Direction(enum.Enum):
    TO_SERVER = "to server"
    TO_CLIENT = "to client"


@dataclass
class Connection:
    client: asyncio.StreamWriter
    server: asyncio.StreamWriter

    def reset(self) -> None:
        for writer in (self.client, self.server):
            if writer.is_closing():
                continue
            connection: socket.socket = writer.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            writer.transport.abort()


class Proxy:
    """
    Counts what goes through, and breaks one connection when it is told to.

    :ivar passed: Bytes in each direction, since it was last armed.
    :ivar broken: How many connections it has broken since then.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._limits: dict[Direction, int] = {}
        self._swallowed: re.Pattern[bytes] | None = None
        self._was_sent = False
        self._refuses = self._will_refuse = False
        self._accepted: set[asyncio.Task[None]] = set()
        self.port = 0
        self.passed = dict.fromkeys(Direction, 0)
        self.broken = 0

    def arm(
        self,
        limits: dict[Direction, int] | None = None,
        *,
        swallow: re.Pattern[bytes] | None = None,
        then_refuse: bool = False,
    ) -> None:
        """
        Break the connection once, at the next occasion.

        :param limits: Break it after so many more bytes.
        :param swallow: Break it when the server has answered a message in which this is found, before the client knows.
        :param then_refuse: True to let nobody connect any more after that.
        """
        self._limits = dict(limits or {})
        self._swallowed = swallow
        self._was_sent = False
        self._will_refuse = then_refuse
        self.passed = dict.fromkeys(Direction, 0)
        self.broken = 0

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take a connection of a client."""
        task = asyncio.create_task(self._connect(reader, writer))
        self._accepted.add(task)
        task.add_done_callback(self._accepted.discard)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refuses:
            writer.transport.abort()
            return
        from_server, to_server = await asyncio.open_unix_connection(self._path)
        connection = Connection(writer, to_server)
        pumps = [
            asyncio.create_task(self._pump(connection, reader, to_server, Direction.TO_SERVER)),
            asyncio.create_task(self._pump(connection, from_server, writer, Direction.TO_CLIENT)),
        ]
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
        for each in (writer, to_server):
            each.close()

    async def finish(self) -> None:
        """Wait until all connections are closed; fail if their clients keep them."""
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await asyncio.gather(*self._accepted)

    async def _pump(
        self, connection: Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: Direction
    ) -> None:
        while data := await reader.read(CHUNK_BYTES):
            limit = self._limits.get(way)
            if limit is not None and self.passed[way] + len(data) >= limit:
                writer.write(data[: limit - self.passed[way]])
                await self._break(connection, writer)
                return
            if way is Direction.TO_CLIENT and self._was_sent:
                await self._break(connection, writer)
                return
            self.passed[way] += len(data)
            if way is Direction.TO_SERVER and self._swallowed and self._swallowed.search(data):
                # the next answer is the one to it
                self._was_sent = True
            writer.write(data)
            await writer.drain()

    async def _break(self, connection: Connection, writer: asyncio.StreamWriter) -> None:
        self._limits = {}
        self._swallowed = None
        self._was_sent = False
        self._refuses = self._will_refuse
        self.broken += 1
        await writer.drain()
        connection.reset()


@asynccontextmanager
async def proxied(server: Server) -> AsyncGenerator[tuple[Proxy, Server]]:
    """:returns: A proxy, and the server as it is reached by way of it, in plain text."""
    proxy = Proxy(f"{server.parameters.host}/{SOCKETS[server.dialect]}")
    listener = await asyncio.start_server(proxy.accept, "127.0.0.1", 0)
    async with listener:
        port: int = listener.sockets[0].getsockname()[1]
        parameters: ConnectionParameters = replace(server.parameters, host="127.0.0.1", port=port, ssl=SSLMode.DISABLE)
        yield proxy, replace(server, parameters=parameters)
        await proxy.finish()
