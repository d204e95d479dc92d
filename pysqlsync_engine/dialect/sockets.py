"""What drivers leave as it is in the sockets of their connections."""

from __future__ import annotations

import asyncio
import socket

SEND_BUFFER_BYTES = 4 * 1024 * 1024
"""What may be on its way to a server; the system permits less as a rule, and takes the most that it permits."""


def widen(transport: asyncio.BaseTransport | asyncio.StreamWriter | None) -> None:
    """
    Let a Unix socket take more at once, so that a server has something to do while the next rows are made.

    Sockets of a network are left alone: the system finds out by itself how much is good for them.
    """
    endpoint = None if transport is None else transport.get_extra_info("socket")
    if endpoint is not None and endpoint.family == socket.AF_UNIX:
        endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
