"""Whatever is formed from data-classes is what a real server reports back once it has been created."""

from __future__ import annotations

import datetime
import sys
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import field, make_dataclass
from decimal import Decimal
from typing import Annotated, Any, Optional

import pytest
from strong_typing.auxiliary import (
    Length,
    MaxLength,
    Precision,
    TimePrecision,
    float32,
    int8,
    int16,
    int32,
    uint8,
    uint16,
    uint32,
    uint64,
)
from strong_typing.core import JsonType

from pysqlsync_engine.factory import get_dialect
from pysqlsync_engine.model.key_types import Identity, PrimaryKey
from pysqlsync_engine.model.type_markers import AwareDatetime, AwareTime
from pysqlsync_engine.options import EnumMode, GeneratorOptions
from tests import formation_samples
from tests.formation_samples import Passport, Person, Place, Setting, State, Switch, Visa
from tests.servers import Server

DEFAULTS: Mapping[Any, Sequence[Any]] = {
    bool: [True, False],
    int: [0, 1, -1, -(1 << 63), (1 << 63) - 1, 3_000_000_000],
    int8: [-128, 5],
    int16: [-1],
    int32: [-5, 7],
    uint8: [255],
    uint16: [65_535],
    uint32: [4_294_967_295],
    uint64: [(1 << 64) - 1],
    float: [0, 1.5, -2.0, 1e100, 1e-7],
    float32: [0.5, -1.25],
    Decimal: [Decimal("1.50"), Decimal(-3), Decimal("1E+5"), Decimal("1E-9")],
    Annotated[Decimal, Precision(8, 2)]: [Decimal("1.5"), Decimal("-1.50"), 7],
    str: ["", "a", "it's \\ \n"],
    Annotated[str, MaxLength(5)]: ["ab", ""],
    Annotated[str, Length(5)]: ["ab", "abcde"],
    State: list(State),
}
WITHOUT_DEFAULT = (
    bytes,
    Annotated[bytes, MaxLength(5)],
    datetime.datetime,
    Annotated[datetime.datetime, TimePrecision(3)],
    AwareDatetime,
    Annotated[AwareDatetime, TimePrecision(6)],
    datetime.date,
    datetime.time,
    Annotated[datetime.time, TimePrecision(0)],
    AwareTime,
    datetime.timedelta,
    Annotated[datetime.timedelta, TimePrecision(2)],
    uuid.UUID,
    dict[str, Any],
    JsonType,
    list[int32],
    list[list[int]],
    list[Annotated[str, MaxLength(3)]],
    list[Annotated[Decimal, Precision(5, 2)]],
    list[AwareDatetime],
)


@pytest.mark.parametrize("mode", [EnumMode.TYPE, EnumMode.CHECK, EnumMode.RELATION])
async def test_second_plan_is_empty_for_a_column_of_each_type_and_default(postgresql: Server, mode: EnumMode) -> None:
    fields: list[Any] = []
    for number, annotation in enumerate([*DEFAULTS, *WITHOUT_DEFAULT]):
        fields += [(f"required_{number}", annotation), (f"optional_{number}", Optional[annotation])]  # noqa: UP045 - built at run time
    for number, (annotation, values) in enumerate(DEFAULTS.items()):
        fields += [(f"default_{number}_{i}", annotation, field(default=value)) for i, value in enumerate(values)]
    cls = make_dataclass("Everything", [("id", PrimaryKey[Identity[int32]]), *fields], kw_only=True)
    await assert_second_plan_is_empty(postgresql, [cls], GeneratorOptions(enum_mode=mode))


@pytest.mark.parametrize("mode", [EnumMode.TYPE, EnumMode.CHECK, EnumMode.RELATION])
@pytest.mark.parametrize("namespace", ["Canvas", None])
async def test_second_plan_is_empty_for_classes_that_refer_to_each_other(
    postgresql: Server, mode: EnumMode, namespace: str | None
) -> None:
    options = GeneratorOptions(enum_mode=mode, namespaces={sys.modules[formation_samples.__name__]: namespace})
    await assert_second_plan_is_empty(postgresql, [Person, Passport, Visa, Setting, Switch], options)


async def test_second_plan_is_empty_for_composite_types(postgresql: Server) -> None:
    await assert_second_plan_is_empty(postgresql, [Place], GeneratorOptions(enum_mode=EnumMode.TYPE))


async def assert_second_plan_is_empty(server: Server, classes: Sequence[type], options: GeneratorOptions) -> None:
    engine = get_dialect("postgresql")
    async with engine.create_connection(server.parameters, options) as connection:
        explorer = engine.create_explorer(connection)
        await explorer.synchronize(classes=classes)
        plan = await explorer.plan(classes=classes)
        assert plan.steps == (), str(plan)
