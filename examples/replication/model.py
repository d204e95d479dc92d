"""Tables of a shop, as data-classes: they are read in PostgreSQL, and kept in step in MySQL or MariaDB."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from strong_typing.auxiliary import MaxLength, Precision

from pysqlsync_engine.model.constraint_types import ReferentialAction
from pysqlsync_engine.model.declarations import References, TableDeclaration
from pysqlsync_engine.model.key_types import PrimaryKey
from pysqlsync_engine.model.type_markers import AwareDatetime


class Tier(enum.Enum):
    """What a customer has paid for: a type of its own in PostgreSQL, a column of labels in MySQL."""

    BASIC = "basic"
    GOLD = "gold"


@dataclass
class Customer:
    """
    Someone who has bought at least once.

    :param tags: An array in PostgreSQL, a JSON array in MySQL.
    :param settings: A document: `jsonb` in PostgreSQL, `json` in MySQL.
    :param changed: When the row was written last. Whoever writes sets it, so that the copy can ask for what is new.
    """

    id: PrimaryKey[UUID]
    name: Annotated[str, MaxLength(100)]
    tier: Tier
    active: bool
    tags: list[str]
    settings: dict[str, Any]
    joined: date
    changed: AwareDatetime


@dataclass
class Order:
    """
    What a customer has bought.

    :param parcels: Weights of the parcels, in grams.
    :param changed: When the row was written last.
    """

    id: PrimaryKey[int]
    customer: UUID
    total: Annotated[Decimal, Precision(12, 2)]
    parcels: list[int]
    placed: AwareDatetime
    changed: AwareDatetime

    __table__ = TableDeclaration(
        # a customer who is gone from the source is deleted before the copy has heard of the orders, which are gone as well
        constraints=(References(("customer",), Customer, on_delete=ReferentialAction.CASCADE),),
    )
