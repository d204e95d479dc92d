"""Classes with all that a table in MySQL or MariaDB can be made of, for tests."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address
from typing import Annotated, Any, Literal
from uuid import UUID

from strong_typing.auxiliary import (
    MaxLength,
    Precision,
    TimePrecision,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    uint8,
    uint16,
    uint32,
    uint64,
)

from pysqlsync_engine.model.constraint_types import ReferentialAction
from pysqlsync_engine.model.declarations import Check, IndexKey, IndexOf, KeyOf, References, TableDeclaration, UniqueOf
from pysqlsync_engine.model.key_types import Identity, PrimaryKey, Unique
from pysqlsync_engine.model.type_markers import (
    AwareDatetime,
    Bits,
    Collation,
    GeneratedAs,
    NativeType,
    ServerDefault,
    Year,
)
from pysqlsync_engine.model.vendor_markers import MySQLInvisible, MySQLOnUpdate, MySQLOptions


class State(enum.Enum):
    """What became of it."""

    on = "on"
    off = 'it\'s \\ off; "x" `y` % -- é'


class Case(enum.Enum):
    lower = "a"
    upper = "A"


@dataclass
class Account:
    """
    Somebody's "account"; it's \\ % odd.

    :param name: Who it's; \\ é
    """

    id: PrimaryKey[Identity[int]]
    name: Unique[Annotated[str, MaxLength(100)]]
    uuid: UUID
    parent: Account | None = None


@dataclass
class Kinds:
    """All types."""

    id: PrimaryKey[UUID]
    boolean: bool
    i8: int8
    i16: int16
    i32: int32
    i64: int64
    u8: uint8
    u16: uint16
    u32: uint32
    u64: uint64
    f32: float32
    f64: float64
    number: Decimal
    money: Annotated[Decimal, Precision(10, 2)]
    text: str
    line: Annotated[str, MaxLength(255)]
    page: Annotated[str, MaxLength(20000)]
    book: Annotated[str, MaxLength(5_000_000)]
    blob: bytes
    key: Annotated[bytes, MaxLength(16)]
    moment: AwareDatetime
    clock: datetime
    second: Annotated[datetime, TimePrecision(0)]
    day: date
    hour: time
    span: timedelta
    v4: IPv4Address
    v6: IPv6Address
    document: dict[str, Any]
    numbers: list[int]
    state: State
    case: Case
    choice: Literal["x", "y"]
    bits: Annotated[str, Bits(3)]
    year: Annotated[int, Year()]
    native: Annotated[str, NativeType("mediumtext")]
    bio: str | None = None
    flag: bool = True
    count: int = -5
    rate: float = 1e20
    price: Annotated[Decimal, Precision(10, 2)] = Decimal("1.5")
    word: Annotated[str, MaxLength(40)] = 'it\'s \\ "x" `y` % é'
    essay: str = "it's \\ \n"
    kind: State = State.off


@dataclass
class Event:
    account: Account
    starts: Annotated[datetime, ServerDefault("now()")]
    day: Annotated[date, ServerDefault("curdate()")]
    at: Annotated[datetime, ServerDefault("'2020-01-01'")]
    changed: Annotated[datetime, ServerDefault("CURRENT_TIMESTAMP(6)"), MySQLOnUpdate("CURRENT_TIMESTAMP(6)")]
    seat: int
    row: int
    place: Annotated[int, GeneratedAs('"row" * 100 + seat')]
    shout: Annotated[str | None, GeneratedAs("concat(title, '!')", stored=False), NativeType("varchar(100)")]
    title: Annotated[str, MaxLength(50), Collation("utf8mb4_bin")]
    hidden: Annotated[int, MySQLInvisible()] = 3
    size: int = field(default=0)

    __table__ = TableDeclaration(
        name="events",
        primary_key=KeyOf(("seat", "row")),
        constraints=(
            UniqueOf(("account", "seat"), "uq_account_seat"),
            References(("size",), "Account", name="fk_size", on_delete=ReferentialAction.CASCADE),
            Check("seat > 0 and title <> 'it''s \\'", "ck_seat"),
            Check('"row" between 1 and 5', "ck_row"),
        ),
        indexes=(
            IndexOf(("title",), "ix_title"),
            IndexOf((IndexKey("title", length=5), IndexKey("seat", descending=True)), "ix_short"),
            IndexOf(("row",), "ix_hidden", visible=False),
        ),
        options=(MySQLOptions(row_format="DYNAMIC", collation="utf8mb4_unicode_ci"),),
    )
