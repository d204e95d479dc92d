"""What holds for the catalog of any data-classes."""

from __future__ import annotations

import datetime
import enum
import uuid
from collections.abc import Callable, Mapping
from dataclasses import field, make_dataclass
from decimal import Decimal
from typing import Annotated, Any, Optional

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strong_typing.auxiliary import MaxLength, Precision, float32, int8, int32, uint16

from pysqlsync_engine.formation.catalog import form_catalog
from pysqlsync_engine.model.key_types import Identity, NotEnforced, PrimaryKey, Unique
from pysqlsync_engine.options import EnumMode, GeneratorOptions
from tests.formation_samples import CAPABILITIES


class Color(enum.Enum):
    red = "red"
    green = "it's green"


Point = make_dataclass("Point", [("x", float), ("tags", list[str])])

SCALARS: Mapping[Any, st.SearchStrategy[Any]] = {
    bool: st.booleans(),
    int: st.integers(-(1 << 63), (1 << 63) - 1),
    int8: st.integers(-128, 127),
    uint16: st.integers(0, 65535),
    float: st.floats(),
    float32: st.floats(width=32),
    Decimal: st.decimals(),
    Annotated[Decimal, Precision(8, 2)]: st.decimals(-999_999, 999_999, places=2),
    str: st.text(st.characters(codec="utf-8", exclude_characters="\0")),
    Annotated[str, MaxLength(5)]: st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5),
    Color: st.sampled_from(Color),
    datetime.datetime: st.datetimes(),
    datetime.date: st.dates(),
    uuid.UUID: st.uuids(),
    bytes: st.binary(),
}
WITHOUT_DEFAULT = (Point, list[int], dict[str, int], list[Annotated[str, MaxLength(3)]])
KEYS = (PrimaryKey[int], PrimaryKey[Identity[int32]], PrimaryKey[Annotated[str, MaxLength(9)]], PrimaryKey[uuid.UUID])


UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=60)
"""The machine may be busy with database servers."""


@st.composite
def members(draw: Callable[[st.SearchStrategy[Any]], Any], name: str, earlier: list[type]) -> tuple[Any, ...]:
    kind = draw(
        st.sampled_from(["scalar", "unique", "default", "optional", "other", *(["reference"] if earlier else [])])
    )
    scalar = draw(st.sampled_from(list(SCALARS)))
    match kind:
        case "unique":
            return (name, Unique[scalar])
        case "default":
            return (name, scalar, field(default=draw(SCALARS[scalar])))
        case "optional":
            return (name, Optional[scalar], field(default=None))  # noqa: UP045 - built at run time
        case "other":
            return (name, draw(st.sampled_from(WITHOUT_DEFAULT)))
        case "reference":
            cls = draw(st.sampled_from(earlier))
            return (name, draw(st.sampled_from([cls, Optional[cls], NotEnforced[cls]])))  # noqa: UP045 - built at run time
        case _:
            return (name, scalar)


@st.composite
def data_classes(draw: Callable[[st.SearchStrategy[Any]], Any]) -> list[type]:
    classes: list[type] = []
    for number in range(draw(st.integers(1, 5))):
        names = draw(
            st.lists(st.from_regex(r"[a-z][a-z_]{0,9}", fullmatch=True), unique_by=lambda n: n.rstrip("_"), max_size=6)
        )
        fields = [draw(members(f"x_{name}", classes)) for name in names]
        key = ("id", draw(st.sampled_from(KEYS)))
        classes.append(make_dataclass(f"Class{number}", [key, *fields], kw_only=True, slots=draw(st.booleans())))
    return classes


@UNHURRIED
@given(classes=data_classes(), mode=st.sampled_from([EnumMode.TYPE, None]), order=st.randoms(use_true_random=False))
def test_catalog_depends_on_neither_order_nor_run(classes: list[type], mode: EnumMode | None, order: Any) -> None:
    options = GeneratorOptions(enum_mode=mode)
    first = form_catalog(classes, options=options, capabilities=CAPABILITIES)
    shuffled = list(classes)
    order.shuffle(shuffled)
    second = form_catalog(shuffled, options=options, capabilities=CAPABILITIES)
    assert first == second
    assert [table.relations for table in first.tables()] == [table.relations for table in second.tables()]


@UNHURRIED
@given(classes=data_classes(), mode=st.sampled_from(CAPABILITIES.enum_modes))
def test_catalog_is_complete_and_sorted(classes: list[type], mode: EnumMode) -> None:
    catalog = form_catalog(classes, options=GeneratorOptions(enum_mode=mode), capabilities=CAPABILITIES)
    tables = {table.name: table for table in catalog.tables()}
    assert list(tables) == sorted(tables)
    assert {cls.__name__ for cls in classes} <= {name.name for name in tables}
    for table in tables.values():
        assert [c.name for c in table.constraints] == sorted(c.name for c in table.constraints)
        for key in (*table.foreign_keys, *table.relations):
            target = tables[key.referenced_table].column(key.referenced_columns[0].name)
            assert table.column(key.columns[0].name).data_type == target.data_type
