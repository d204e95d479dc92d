"""Annotations that say what a Python type alone leaves open; those for length and precision are in `strong_typing`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time
from typing import Annotated, TypeAlias


@dataclass(frozen=True, slots=True)
class WithTimeZone:
    """Marks a `datetime` or `time` whose values carry a UTC offset: `Annotated[datetime, WithTimeZone()]`."""


AwareDatetime: TypeAlias = Annotated[datetime, WithTimeZone()]
"""A moment in time (`timestamp with time zone`); a plain `datetime` is what a clock on a wall shows."""

AwareTime: TypeAlias = Annotated[time, WithTimeZone()]
"""A time of day with its UTC offset (`time with time zone`)."""
