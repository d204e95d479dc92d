"""Keeps Python from looking for garbage too often while rows are streamed."""

from __future__ import annotations

import gc
from collections.abc import Generator
from contextlib import contextmanager
from threading import Lock

OBJECTS = 10_000
"""
New objects after which Python looks for garbage that refers to itself, while rows are streamed.

Rows are many objects that live for a moment and are freed without that, as nothing in them refers to itself. By default (700 objects,
or 2,000) so many of them are found alive that all objects of the process are looked through again and again.
"""


class _Patience:
    """The setting is one of the process; several streams, also of several threads, may be under way."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._streams = 0
        self._before = gc.get_threshold()
        self._raised = self._before

    def begin(self) -> None:
        with self._lock:
            self._streams += 1
            if self._streams == 1:
                self._before = self._raised = gc.get_threshold()
                # zero turns it off
                if 0 < self._before[0] < OBJECTS:
                    gc.set_threshold(OBJECTS, *self._before[1:])
                    self._raised = gc.get_threshold()

    def end(self) -> None:
        with self._lock:
            self._streams -= 1
            # what somebody else has set meanwhile stays
            if self._streams == 0 and gc.get_threshold() == self._raised:
                gc.set_threshold(*self._before)


_patience = _Patience()


@contextmanager
def rare_collections() -> Generator[None]:
    """Let Python look for garbage after 10,000 new objects rather than sooner; a setting that says later, or never, stays."""
    _patience.begin()
    try:
        yield
    finally:
        _patience.end()
