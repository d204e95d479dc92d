"""What turns a value of a row into one that a driver takes: a function, and the expression that spares calling it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Hook:
    """
    Encodes the values of one field. NULL never reaches a hook.

    :param encode: Takes a value, returns what the driver is given; raises `TypeError` or `ValueError` (whose text is the
        reason, without the value) for a value that cannot be stored as it is.
    :param fast: Python condition on a value `v` that is true only for values which the driver takes unchanged; compiled
        into the encoder so that `encode` is called for the others only. `None` calls `encode` always.
    :param names: What the condition refers to besides `v` and built-in names.
    """

    encode: Callable[[Any], Any]
    fast: str | None = None
    names: tuple[tuple[str, Any], ...] = ()
