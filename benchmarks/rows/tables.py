"""Tables of the benchmark; all contestants write into the same ones, in the namespace `bench`."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from ipaddress import IPv4Address
from typing import Annotated
from uuid import UUID

from strong_typing.auxiliary import MaxLength, Precision, int8, int16, int32, int64

from pysqlsync_engine.model.key_types import PrimaryKey
from pysqlsync_engine.model.type_markers import AwareDatetime

NAMESPACE = "bench"


class Kind(enum.Enum):
    """What a visitor has done."""

    view = "view"
    click = "click"
    search = "search"
    download = "download"
    upload = "upload"
    login = "login"
    logout = "logout"
    error = "error"


class Method(enum.Enum):
    """Method of a request."""

    get = "GET"
    post = "POST"
    put = "PUT"
    delete = "DELETE"


@dataclass(slots=True)
class Event:
    """A line of the log of a web server; 14 columns, about 330 bytes of text."""

    id: PrimaryKey[UUID]
    occurred_at: datetime
    received_at: datetime
    user_id: int64
    account_id: int32 | None
    session: Annotated[str, MaxLength(32)]
    kind: Kind
    method: Method
    url: str
    referrer: str | None
    user_agent: Annotated[str, MaxLength(255)]
    remote_ip: IPv4Address
    status: int16
    note: str | None


@dataclass(slots=True)
class LineItem:
    """A line of an order, as TPC-H has it."""

    l_orderkey: PrimaryKey[int64]
    l_partkey: int64
    l_suppkey: int64
    l_linenumber: PrimaryKey[int32]
    l_quantity: Annotated[Decimal, Precision(15, 2)]
    l_extendedprice: Annotated[Decimal, Precision(15, 2)]
    l_discount: Annotated[Decimal, Precision(15, 2)]
    l_tax: Annotated[Decimal, Precision(15, 2)]
    l_returnflag: Annotated[str, MaxLength(1)]
    l_linestatus: Annotated[str, MaxLength(1)]
    l_shipdate: date
    l_commitdate: date
    l_receiptdate: date
    l_shipinstruct: Annotated[str, MaxLength(25)]
    l_shipmode: Annotated[str, MaxLength(10)]
    l_comment: Annotated[str, MaxLength(44)]


@dataclass(slots=True)
class Orders:
    """An order, as TPC-H has it."""

    o_orderkey: PrimaryKey[int64]
    o_custkey: int64
    o_orderstatus: Annotated[str, MaxLength(1)]
    o_totalprice: Annotated[Decimal, Precision(15, 2)]
    o_orderdate: date
    o_orderpriority: Annotated[str, MaxLength(15)]
    o_clerk: Annotated[str, MaxLength(15)]
    o_shippriority: int32
    o_comment: Annotated[str, MaxLength(79)]


@dataclass(slots=True)
class Flight:
    """
    A flight of New York City in 2013, as the file has it; a carrier uses a number once an hour.

    The number is in the key before the carrier: it tells more flights of an hour apart, and servers compare it faster than letters.
    """

    time_hour: PrimaryKey[AwareDatetime]
    year: int16
    month: int8
    day: int8
    dep_time: int16 | None
    sched_dep_time: int16
    dep_delay: int16 | None
    arr_time: int16 | None
    sched_arr_time: int16
    arr_delay: int16 | None
    flight: PrimaryKey[int16]
    carrier: PrimaryKey[Annotated[str, MaxLength(2)]]
    tailnum: Annotated[str, MaxLength(6)] | None
    origin: Annotated[str, MaxLength(3)]
    dest: Annotated[str, MaxLength(3)]
    air_time: int16 | None
    distance: int16
    hour: int8
    minute: int8


TABLES: dict[str, type] = {cls.__name__: cls for cls in (Event, LineItem, Orders, Flight)}
"""By name."""
