"""Tables of some weather stations, as data-classes; their fields are the columns of the files."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

from strong_typing.auxiliary import MaxLength, Precision, float64

from pysqlsync_engine.model.key_types import PrimaryKey
from pysqlsync_engine.model.type_markers import AwareDatetime


class Fault(enum.Enum):
    """What can be wrong with a station."""

    BATTERY = "battery"
    FROZEN = "frozen"


@dataclass
class Station:
    """Weather station."""

    id: PrimaryKey[int]
    name: Annotated[str, MaxLength(64)]
    altitude: Annotated[Decimal, Precision(6, 1)] | None


@dataclass
class Reading:
    """
    What a station has measured.

    :param celsius: Temperature of the air; unknown if the thermometer was out of order.
    """

    station: PrimaryKey[Station]
    at: PrimaryKey[AwareDatetime]
    celsius: float64 | None


@dataclass
class Alarm:
    """
    What a station has reported of itself.

    :param sensors: Parts that are concerned.
    """

    id: PrimaryKey[int]
    station: Station
    at: AwareDatetime
    fault: Fault
    sensors: list[str]
