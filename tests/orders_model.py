"""Tables of a small shop, for tests of the Dagster package."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

from strong_typing.auxiliary import MaxLength, Precision

from pysqlsync_engine.model.key_types import NotEnforced, PrimaryKey, Unique
from pysqlsync_engine.model.type_markers import AwareDatetime
from pysqlsync_engine.model.vendor_markers import Pii


class OrderState(enum.Enum):
    """Where an order is."""

    open = "open"
    shipped = "shipped"


@dataclass(slots=True)
class Customer:
    """
    Someone who buys.

    :param id: Number of the customer.
    :param email: Address for the bill.
    :param name: Full name.
    """

    id: PrimaryKey[int]
    email: Unique[Annotated[str, MaxLength(320), Pii("e-mail")]]
    name: Annotated[str, MaxLength(100)] | None


@dataclass(slots=True)
class Order:
    """
    Something bought.

    :param id: Number of the order.
    :param customer: Who bought it.
    :param recommended_by: Who recommended it; may have left.
    :param ordered_at: When it was bought.
    :param state: Where it is.
    :param total: Price in euros.
    """

    id: PrimaryKey[int]
    customer: Customer
    recommended_by: NotEnforced[Customer] | None
    ordered_at: AwareDatetime
    state: OrderState
    total: Annotated[Decimal, Precision(10, 2)]


@dataclass(slots=True)
class Voucher:
    """
    A price reduction; filled in by another program.

    :param code: What the customer types.
    """

    code: PrimaryKey[Annotated[str, MaxLength(20)]]
