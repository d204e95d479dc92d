"""What classes declare of their tables and types as a whole."""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from typing import Annotated, NewType

import pytest
from strong_typing.auxiliary import MaxLength, int16

from pysqlsync_engine.errors import DefinitionError
from pysqlsync_engine.model.data_types import SqlArray, SqlCharacter, SqlInteger, SqlNamed
from pysqlsync_engine.model.declarations import (
    Check,
    DomainDeclaration,
    Exclusion,
    IndexKey,
    IndexOf,
    KeyOf,
    References,
    TableDeclaration,
    TypeDeclaration,
    UniqueOf,
    declare_domain,
)
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.key_types import PrimaryKey, Unique
from pysqlsync_engine.model.object_types import (
    CheckConstraint,
    Deferrability,
    DomainType,
    EnumType,
    ExclusionConstraint,
    ForeignKeyConstraint,
    Index,
    IndexPart,
    PrimaryKeyConstraint,
    ReferentialAction,
    StructType,
    UniqueConstraint,
)
from pysqlsync_engine.model.vendor_markers import MySQLOptions, PostgreSQLOptions
from tests.formation_samples import CAPABILITIES, form, refusal, table_of

Score = NewType("Score", int)
declare_domain(
    Score,
    DomainDeclaration(
        name="score",
        base=int16,
        checks=(Check("VALUE >= 0", "not_negative"), Check("VALUE < 100")),
        default="0",
        description="Points.",
    ),
)
Nickname = NewType("Nickname", str)


class Mood(enum.Enum):
    __type__ = TypeDeclaration(
        name="mood", renamed_from=("feeling",), label_map=(("glad", "happy"),), description="How it feels."
    )

    happy = "happy"
    sad = "sad"


@dataclass
class Size:
    width: int

    __type__ = TypeDeclaration(name="size", namespace="shapes", renamed_from=("extent",))


@dataclass
class Ticket:
    """
    Ignored.

    :param seat: Counted from the stage.
    """

    seat: int16
    event: Event
    owner: str
    scores: list[Score]
    size: Size
    mood: Mood = Mood.happy

    __table__ = TableDeclaration(
        name="tickets",
        primary_key=KeyOf(
            ("event", "seat"), "tickets_pkey", include=("mood",), deferrable=Deferrability.DEFERRED, lengths=(None, 3)
        ),
        constraints=(
            UniqueOf(("owner", "event"), nulls_not_distinct=True),
            References(("event",), "Event", on_delete=ReferentialAction.CASCADE, name="tickets_event"),
            References(("owner", "seat"), "Guest", ("name", "chair"), match_full=True),
            Check("seat > 0", "seat_counts", inherited=False),
            Check("owner <> ''"),
            Exclusion("EXCLUDE USING gist (seat WITH =)", "one_seat"),
        ),
        indexes=(
            IndexOf(
                ("owner", IndexKey("seat", descending=True, nulls_first=False)), where="seat > 1", include=("mood",)
            ),
            IndexOf((IndexKey(expression="lower(owner)", operator_class="text_pattern_ops"),), "by_owner", unique=True),
        ),
        renamed_from=("entries", "passes"),
        description="Who sits where.",
        options=(PostgreSQLOptions(unlogged=True), MySQLOptions(engine="MyISAM")),
    )


@dataclass
class Event:
    id: PrimaryKey[int]


@dataclass
class Guest:
    name: str
    chair: int16

    __table__ = TableDeclaration(constraints=(UniqueOf(("name", "chair")),))


def local(*names: str) -> tuple[LocalId, ...]:
    return tuple(map(LocalId, names))


def test_declared_key_has_its_order_name_and_options() -> None:
    table = table_of(Ticket)
    assert table.name == QualifiedId(None, "tickets")
    assert table.primary_key == PrimaryKeyConstraint(
        LocalId("tickets_pkey"),
        local("event", "seat"),
        local("mood"),
        deferrable=Deferrability.DEFERRED,
        lengths=(None, 3),
    )


def test_declared_constraints_take_the_place_of_those_that_follow_from_types() -> None:
    assert table_of(Ticket).constraints == (
        CheckConstraint(LocalId("ck_tickets_dfbbb53d"), "owner <> ''"),
        ForeignKeyConstraint(
            LocalId("fk_tickets_owner_seat"),
            local("owner", "seat"),
            QualifiedId(None, "Guest"),
            local("name", "chair"),
            match_full=True,
        ),
        ExclusionConstraint(LocalId("one_seat"), "EXCLUDE USING gist (seat WITH =)"),
        CheckConstraint(LocalId("seat_counts"), "seat > 0", inherited=False),
        ForeignKeyConstraint(
            LocalId("tickets_event"),
            local("event"),
            QualifiedId(None, "Event"),
            local("id"),
            ReferentialAction.CASCADE,
        ),
        UniqueConstraint(LocalId("uq_tickets_owner_event"), local("owner", "event"), nulls_not_distinct=True),
    )


def test_declared_indexes_are_of_columns_and_expressions() -> None:
    assert table_of(Ticket).indexes == (
        Index(
            LocalId("by_owner"), (IndexPart(expression="lower(owner)", operator_class="text_pattern_ops"),), unique=True
        ),
        Index(
            LocalId("ix_tickets_owner_seat"),
            (IndexPart(LocalId("owner")), IndexPart(LocalId("seat"), descending=True, nulls_first=False)),
            include=local("mood"),
            predicate="seat > 1",
        ),
    )


def test_table_has_former_names_description_and_options() -> None:
    table = table_of(Ticket)
    assert table.renamed_from == (QualifiedId(None, "entries"), QualifiedId(None, "passes"))
    assert table.description == "Who sits where."
    assert table.column("seat").description == "Counted from the stage."
    assert table.markers == (PostgreSQLOptions(unlogged=True), MySQLOptions(engine="MyISAM"))


def test_class_with_a_declaration_is_a_table_without_a_key() -> None:
    assert table_of(Guest).primary_key is None
    assert {table.name.name for table in form(Ticket).tables()} == {"tickets", "Event", "Guest"}


def test_types_have_declared_names_and_former_ones() -> None:
    shapes, default = form(Ticket).namespaces[1], form(Ticket).namespaces[0]
    assert table_of(Ticket).column("size").data_type == SqlNamed(QualifiedId("shapes", "size"))
    assert [type(struct) for struct in shapes.structs] == [StructType]
    assert shapes.structs[0].renamed_from == (QualifiedId("shapes", "extent"),)
    assert default.enums == (EnumType(QualifiedId(None, "mood"), ("happy", "sad"), "How it feels."),)
    assert default.enums[0].renamed_from == (QualifiedId(None, "feeling"),)
    assert default.enums[0].label_map == (("glad", "happy"),)


def test_declared_new_type_is_a_domain_and_others_are_what_they_derive_from() -> None:
    @dataclass
    class Player:
        id: PrimaryKey[int]
        score: Score | None
        nickname: Annotated[Nickname, MaxLength(8)]

    catalog = form(Player)
    (table,) = catalog.tables()
    assert table.column("score").data_type == SqlNamed(QualifiedId(None, "score"))
    assert table.column("nickname").data_type == SqlCharacter(8)
    assert catalog.namespaces[0].domains == (
        DomainType(
            QualifiedId(None, "score"),
            SqlInteger(2),
            default="0",
            constraints=(
                CheckConstraint(LocalId("ck_score_35ca4f59"), "VALUE < 100"),
                CheckConstraint(LocalId("not_negative"), "VALUE >= 0"),
            ),
            description="Points.",
        ),
    )
    assert table_of(Ticket).column("scores").data_type == SqlArray(SqlNamed(QualifiedId(None, "score")))


def test_server_without_domains_is_told() -> None:
    assert refusal(Ticket, capabilities=replace(CAPABILITIES, domains=False)) == (
        "type Score: PostgreSQL 15.0 has no domains; do not declare it as one, and repeat its checks in the classes that use it"
    )


def test_declaration_is_not_inherited() -> None:
    @dataclass
    class Vip(Event):
        lounge: str

    @dataclass
    class Derived(Guest):
        id: PrimaryKey[int]

    assert table_of(Vip).name.name == "Vip"
    assert table_of(Derived).constraints == ()


@pytest.mark.parametrize(
    ("declaration", "expected"),
    [
        (
            TableDeclaration(primary_key=KeyOf(("id", "name"))),
            "class Sample: primary key: KeyOf(id, name) and PrimaryKey of id contradict each other; keep one of them",
        ),
        (
            TableDeclaration(primary_key=KeyOf(("ident",))),
            "class Sample: primary key: Sample has no field 'ident'; use one of id, name",
        ),
        (
            TableDeclaration(constraints=(UniqueOf(("nam",)),)),
            "class Sample: UniqueOf: Sample has no field 'nam'; use one of id, name",
        ),
        (
            TableDeclaration(constraints=(References(("name",), "Nowhere"),)),
            (
                "class Sample: References to 'Nowhere', which is no data-class in module 'tests.test_formation_declarations';"
                " define or import it there, or give the class itself"
            ),
        ),
        (
            TableDeclaration(constraints=(References(("name",), Guest),)),
            "class Sample: References: Guest has no primary key; give the fields it refers to as keys",
        ),
        (
            TableDeclaration(constraints=(References(("name",), Guest, ("name", "chair")),)),
            "class Sample: References: expected as many fields as Guest has in its key (name, chair); got 1",
        ),
        (
            TableDeclaration(constraints=(Check(" "),)),
            "class Sample: Check: condition is empty; give one, or leave it out",
        ),
        (
            TableDeclaration(indexes=(IndexOf(()),)),
            "class Sample: IndexOf: no keys; give one or more fields or expressions",
        ),
        (
            TableDeclaration(indexes=(IndexOf(("name",), "uq_Sample_name"),)),
            (
                "index uq_Sample_name of table Sample: constraint uq_Sample_name of table Sample has the same name"
                " 'uq_Sample_name'; rename one of them"
            ),
        ),
        (
            TableDeclaration(options=("ENGINE=MyISAM",)),
            (
                "class Sample: expected options of a product, as in model.vendor_markers; got 'ENGINE=MyISAM'; correct it"
            ),
        ),
        (
            {"name": "samples"},
            ("class Sample: expected __table__ to be a TableDeclaration; got dict; write TableDeclaration(...)"),
        ),
    ],
)
def test_declaration_that_makes_no_sense_is_refused(declaration: object, expected: str) -> None:
    @dataclass
    class Sample:
        id: PrimaryKey[int]
        name: Unique[str]

        __table__ = declaration

    assert refusal(Sample) == expected


def test_label_map_leads_from_labels_that_are_gone_to_those_that_are_there() -> None:
    class Wrong(enum.Enum):
        __type__ = TypeDeclaration(label_map=(("on", "off"),))

        on = "on"
        off = "off"

    @dataclass
    class Uses:
        id: PrimaryKey[int]
        x: Wrong

    Uses.__annotations__["x"] = Wrong
    Uses.__dataclass_fields__["x"].type = Wrong
    with pytest.raises(DefinitionError, match="'on' is not a label that is gone"):
        form(Uses)
