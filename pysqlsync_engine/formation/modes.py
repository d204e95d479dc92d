"""How enumerations, lists and objects are stored: what the user asked for, if the server can do it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from pysqlsync_engine.capabilities import Capabilities
from pysqlsync_engine.errors import UnsupportedError
from pysqlsync_engine.options import ArrayMode, EnumMode, StructMode

Mode = TypeVar("Mode", EnumMode, StructMode, ArrayMode)


def select_enum_mode(requested: EnumMode | None, capabilities: Capabilities, place: str) -> EnumMode:
    """
    :param requested: What the user asked for; `None` takes what suits the server best.
    :returns: How enumerations are stored.
    :raises UnsupportedError: if this server cannot store them so.
    """
    return _select(
        requested, capabilities.enum_modes, f"{place}: {capabilities.version} cannot store an enumeration as"
    )


def select_struct_mode(requested: StructMode | None, capabilities: Capabilities, place: str) -> StructMode:
    """:returns: How data-classes without a key are stored; see `select_enum_mode`."""
    refusal = f"{place}: {capabilities.version} cannot store a data-class without a key as"
    return _select(requested, capabilities.struct_modes, refusal)


def select_array_mode(requested: ArrayMode | None, capabilities: Capabilities, place: str) -> ArrayMode:
    """:returns: How lists and sets are stored; see `select_enum_mode`."""
    return _select(requested, capabilities.array_modes, f"{place}: {capabilities.version} cannot store a list as")


def _select(requested: Mode | None, possible: Sequence[Mode], refusal: str) -> Mode:
    if requested is None:
        return possible[0]
    if requested not in possible:
        listed = ", ".join(f"{type(mode).__name__}.{mode.name}" for mode in possible)
        raise UnsupportedError(f"{refusal} {type(requested).__name__}.{requested.name}; use one of {listed}")
    return requested
