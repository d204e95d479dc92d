"""Pools of sessions on MySQL and MariaDB, and how a session is opened."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from pysqlsync_engine.dialect.mysql.driver import open_connection
from pysqlsync_engine.dialect.mysql.session import MySQLSession
from pysqlsync_engine.errors import ConnectError, StatementError
from pysqlsync_engine.parameters import ConnectionParameters


class MySQLPool:
    """Connections that are lent out; a lost one is replaced, and each is reset when it is given back."""

    def __init__(self, parameters: ConnectionParameters, *, max_size: int) -> None:
        self._parameters = parameters
        self._room = asyncio.Semaphore(max_size)
        self._has_others = max_size > 1
        self._free: deque[MySQLSession] = deque()

    @asynccontextmanager
    async def acquire(self) -> AsyncGenerator[MySQLSession]:
        async with self._room:
            session = await self._take()
            try:
                yield session
            finally:
                await self._give_back(session)

    async def fill(self, size: int) -> None:
        """Open connections until so many are free."""
        while len(self._free) < size:
            self._free.append(await _open(self._parameters, has_others=self._has_others))

    async def close(self) -> None:
        """Close all connections that are free."""
        while self._free:
            await self._free.pop().close()

    async def _take(self) -> MySQLSession:
        while self._free:
            session = self._free.pop()
            try:
                await session.execute("DO 0")
            except StatementError:
                # the server has closed it, or was restarted
                await session.close()
            except BaseException:
                await session.close()
                raise
            else:
                return session
        return await _open(self._parameters, has_others=self._has_others)

    async def _give_back(self, session: MySQLSession) -> None:
        try:
            await session.reset()
        except StatementError:
            await session.close()
        except BaseException:
            await session.close()
            raise
        else:
            self._free.append(session)


@asynccontextmanager
async def connect(parameters: ConnectionParameters) -> AsyncGenerator[MySQLSession]:
    """
    Open one session, and close it on leaving the context.

    :raises ConnectError: if the server does not accept the connection.
    """
    session = await _open(parameters)
    try:
        yield session
    finally:
        await session.close()


@asynccontextmanager
async def open_pool(parameters: ConnectionParameters, *, min_size: int, max_size: int) -> AsyncGenerator[MySQLPool]:
    """
    Open a pool of sessions, and close it on leaving the context.

    :param min_size: Connections to open at once.
    :param max_size: Connections to open at most.
    :raises ConnectError: if the server does not accept the connections.
    """
    pool = MySQLPool(parameters, max_size=max_size)
    try:
        await pool.fill(min_size)
        yield pool
    finally:
        await pool.close()


async def _open(parameters: ConnectionParameters, *, has_others: bool = False) -> MySQLSession:
    session = MySQLSession(await open_connection(parameters), parameters, has_others=has_others)
    try:
        await session.prepare()
    except StatementError as error:
        await session.close()
        raise ConnectError(
            f"MySQL at {parameters.host}: the session cannot be set up: {error}; check the server",
            is_transient=error.is_lost,
        ) from error
    except BaseException:
        await session.close()
        raise
    return session
