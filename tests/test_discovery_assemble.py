"""Flat rows become a catalog in its normal form, or an error that names the object."""

from __future__ import annotations

import random
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysqlsync_engine.discovery.assemble import assemble
from pysqlsync_engine.discovery.reader import CatalogRows, ColumnRow, ConstraintRow, LabelRow, MemberRow, NamedRow
from pysqlsync_engine.errors import DiscoveryError
from pysqlsync_engine.model.data_types import SqlDate, SqlInteger
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.object_types import (
    Catalog,
    Column,
    EnumType,
    Namespace,
    PrimaryKeyConstraint,
    StructMember,
    StructType,
    Table,
    UniqueConstraint,
)

FIRST, SECOND, ELSEWHERE = QualifiedId("a", "first"), QualifiedId("a", "second"), QualifiedId("b", "first")
LEVEL, PAIR = QualifiedId("a", "level"), QualifiedId("b", "pair")
ID, DAY = Column(LocalId("id"), SqlInteger(4)), Column(LocalId("day"), SqlDate(), nullable=True)
KEY = PrimaryKeyConstraint(LocalId("pk"), (ID.name,))
ONE, TWO = UniqueConstraint(LocalId("one"), (DAY.name,)), UniqueConstraint(LocalId("two"), (DAY.name, ID.name))
X, Y = StructMember(LocalId("x"), SqlDate()), StructMember(LocalId("y"), SqlDate(), "second")

ROWS = CatalogRows(
    namespaces=("b", "a", "empty"),
    tables=(Table(SECOND, ()), Table(ELSEWHERE, ()), Table(FIRST, (), description="comment")),
    columns=(ColumnRow(FIRST, 5, DAY), ColumnRow(SECOND, 1, DAY), ColumnRow(FIRST, 2, ID)),
    constraints=(ConstraintRow(FIRST, TWO), ConstraintRow(FIRST, KEY), ConstraintRow(FIRST, ONE)),
    enums=(NamedRow(LEVEL, "levels"),),
    enum_labels=(LabelRow(LEVEL, 2.0, "high"), LabelRow(LEVEL, 1.0, "low"), LabelRow(LEVEL, 1.5, "middle")),
    structs=(NamedRow(PAIR, None),),
    members=(MemberRow(PAIR, 2, Y), MemberRow(PAIR, 1, X)),
    lookups=(SECOND, ELSEWHERE),
    lookup_labels=(LabelRow(SECOND, 2, "a"), LabelRow(SECOND, 1, "b")),
    unmanaged=("view a.v", "domain b.d"),
)
CATALOG = Catalog(
    (
        Namespace(
            LocalId("a"),
            enums=(EnumType(LEVEL, ("low", "middle", "high"), "levels"),),
            tables=(
                Table(FIRST, (ID, DAY), primary_key=KEY, constraints=(ONE, TWO), description="comment"),
                Table(SECOND, (DAY,), labels=("b", "a")),
            ),
        ),
        Namespace(LocalId("b"), structs=(StructType(PAIR, (X, Y)),), tables=(Table(ELSEWHERE, (), labels=()),)),
        Namespace(LocalId("empty")),
    ),
    unmanaged=("domain b.d", "view a.v"),
)


@given(st.randoms(use_true_random=False))
def test_catalog_does_not_depend_on_the_order_of_rows(source: random.Random) -> None:
    shuffled = replace(
        ROWS,
        **{
            field.name: tuple(source.sample(getattr(ROWS, field.name), len(getattr(ROWS, field.name))))
            for field in fields(ROWS)
            if isinstance(getattr(ROWS, field.name), tuple)
        },
    )
    catalog = assemble(shuffled)
    assert catalog == CATALOG
    assert catalog.unmanaged == CATALOG.unmanaged


def test_nothing_is_an_empty_catalog() -> None:
    assert assemble(CatalogRows()) == Catalog()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (replace(ROWS, tables=(*ROWS.tables, Table(FIRST, ()))), r"table a\.first: was read twice"),
        (replace(ROWS, tables=ROWS.tables[:2]), r"a\.first: a column was read, but not the object"),
        (replace(ROWS, structs=()), r"b\.pair: a member was read, but not the object"),
        (replace(ROWS, enums=()), r"a\.level: a label was read, but not the object"),
        (replace(ROWS, lookups=()), r"a\.second: a label was read, but not the object"),
        (replace(ROWS, namespaces=("b",)), r"a\.level: was read, but not its namespace"),
        (
            replace(ROWS, constraints=(*ROWS.constraints, ConstraintRow(FIRST, replace(KEY, name=LocalId("other"))))),
            r"table a\.first: several primary keys: pk, other",
        ),
    ],
)
def test_rows_that_contradict_each_other_are_an_error_that_names_the_object(rows: CatalogRows, message: str) -> None:
    with pytest.raises(DiscoveryError, match=f"^{message}"):
        assemble(rows)
