"""Electricity meters, and what they showed."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

from strong_typing.auxiliary import MaxLength, Precision

from pysqlsync_engine.model.key_types import PrimaryKey
from pysqlsync_engine.model.type_markers import AwareDatetime


@dataclass(slots=True)
class Meter:
    """
    Meter in a house.

    :param id: Number on its label.
    :param street: Where it is.
    """

    id: PrimaryKey[int]
    street: Annotated[str, MaxLength(80)]


@dataclass(slots=True)
class Reading:
    """
    What a meter showed.

    :param meter: Which meter.
    :param read_at: When it was read.
    :param kilowatt_hours: Energy since the meter was installed.
    """

    meter: PrimaryKey[Meter]
    read_at: PrimaryKey[AwareDatetime]
    kilowatt_hours: Annotated[Decimal, Precision(12, 3)]
