"""Locks between processes; the kernel releases them when a process ends, however it ends."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from pysqlsync_engine.errors import EmbeddedServerError

POLL_INTERVAL_S = 0.05


@contextmanager
def exclusive(path: Path, *, timeout_s: float) -> Generator[None, None, None]:
    """
    Hold a lock that only one process (and one thread of it) has at a time.

    :raises EmbeddedServerError: if somebody else holds it all that time.
    """
    descriptor = _open(path)
    try:
        deadline = time.monotonic() + timeout_s
        while not _lock(descriptor, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                raise EmbeddedServerError(
                    f"{path.parent}: another process has been starting or stopping the server for {timeout_s:.0f} s;"
                    " end that process and try again"
                )
            time.sleep(POLL_INTERVAL_S)
        yield
    finally:
        os.close(descriptor)


class Lease:
    """A sign that a process needs the server; many may hold one at the same time."""

    def __init__(self, path: Path) -> None:
        self._descriptor = _open(path)
        fcntl.flock(self._descriptor, fcntl.LOCK_SH)

    def release(self) -> None:
        """Give up the lease. A process that was forked from this one keeps it until it ends."""
        os.close(self._descriptor)


def is_leased(path: Path) -> bool:
    """:returns: True if any process holds a lease."""
    descriptor = _open(path)
    try:
        return not _lock(descriptor, fcntl.LOCK_EX)
    finally:
        os.close(descriptor)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def _lock(descriptor: int, operation: int) -> bool:
    try:
        fcntl.flock(descriptor, operation | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
