"""What tables, types and constraints data-classes become, and what they cannot become."""

from __future__ import annotations

from dataclasses import make_dataclass, replace
from typing import Annotated, Any

import pytest
from strong_typing.auxiliary import (
    Alias,
)

from pysqlsync_engine.errors import UnsupportedError
from pysqlsync_engine.formation.catalog import form_catalog
from pysqlsync_engine.model.data_types import (
    SqlArray,
    SqlCharacter,
    SqlFloat,
    SqlInteger,
    SqlJson,
    SqlNamed,
)
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.key_types import Unique
from pysqlsync_engine.model.object_types import (
    Column,
    EnumType,
    ForeignKeyConstraint,
    IdentityMode,
    LabelCheck,
    Lookup,
    PrimaryKeyConstraint,
    Relation,
    StructMember,
    StructType,
    Table,
    UniqueConstraint,
)
from pysqlsync_engine.options import ArrayMode, EnumMode, GeneratorOptions, StructMode
from tests.formation_samples import (
    CAPABILITIES,
    Hen,
    Passport,
    Person,
    Place,
    Position,
    State,
    Switch,
    Visa,
    form,
    refusal,
    sample,
    table_of,
)


def test_table_has_key_constraints_and_comments_of_its_class() -> None:
    table = table_of(Person)
    assert table == Table(
        QualifiedId(None, "Person"),
        columns=(
            Column(LocalId("id"), SqlInteger(2), identity=IdentityMode.BY_DEFAULT),
            Column(LocalId("name"), SqlCharacter(100), description="As in the passport."),
            Column(LocalId("boss"), SqlInteger(2), nullable=True),
            Column(LocalId("state"), SqlNamed(QualifiedId(None, "State")), default="'it''s \\ off'"),
        ),
        primary_key=PrimaryKeyConstraint(LocalId("pk_Person"), (LocalId("id"),)),
        constraints=(
            ForeignKeyConstraint(
                LocalId("fk_Person_boss"), (LocalId("boss"),), QualifiedId(None, "Person"), (LocalId("id"),)
            ),
            UniqueConstraint(LocalId("uq_Person_name"), (LocalId("name"),)),
        ),
        description="Somebody.",
    )


def test_reference_has_the_type_of_the_key_even_if_that_is_a_reference_too() -> None:
    table = table_of(Visa)
    assert table.column("passport").data_type == SqlInteger(2)
    assert table.column("passport").identity is None
    assert table.key_names == ("passport", "number")
    (key,) = table.foreign_keys
    assert (key.referenced_table.name, key.referenced_columns) == ("Passport", (LocalId("person"),))


def test_reference_that_is_not_enforced_is_a_relation_without_a_constraint() -> None:
    table = table_of(Passport)
    assert [key.name.name for key in table.foreign_keys] == ["fk_Passport_person"]
    assert table.relations == (Relation((LocalId("friend"),), QualifiedId(None, "Person"), (LocalId("id"),)),)
    assert table.column("friend") == Column(LocalId("friend"), SqlInteger(2), nullable=True)


def test_everything_that_a_class_refers_to_takes_part() -> None:
    (namespace,) = form(Visa).namespaces
    assert [table.name.name for table in namespace.tables] == ["Passport", "Person", "Visa"]
    assert [enumeration.name.name for enumeration in namespace.enums] == ["State"]
    assert namespace.name == LocalId("")


def test_data_class_without_key_becomes_a_composite_type() -> None:
    (namespace,) = form(Place).namespaces
    assert namespace.structs == (
        StructType(
            QualifiedId(None, "Position"),
            (
                StructMember(LocalId("x"), SqlFloat(8), "To the east."),
                StructMember(LocalId("from"), SqlNamed(QualifiedId(None, "State"))),
            ),
            "Where it is.",
        ),
    )
    assert table_of(Place).column("corners").data_type == SqlArray(SqlNamed(QualifiedId(None, "Position")))


def test_enumeration_becomes_a_type_with_its_values_as_labels() -> None:
    (namespace,) = form(Person, mode=EnumMode.TYPE).namespaces
    assert namespace.enums == (EnumType(QualifiedId(None, "State"), ("on", "it's \\ off"), "What became of it."),)


def test_enumeration_becomes_text_with_a_check() -> None:
    (namespace,) = form(Person, mode=EnumMode.CHECK).namespaces
    (table,) = namespace.tables
    assert namespace.enums == ()
    assert table.column("state") == Column(LocalId("state"), SqlCharacter(), default="'it''s \\ off'")
    check = LabelCheck(LocalId("ck_Person_state"), LocalId("state"), ("on", "it's \\ off"))
    assert table.constraints[0] == check
    assert check.expression == "\"state\" IN ('on', 'it''s \\ off')"


def test_enumeration_becomes_a_lookup_table() -> None:
    catalog = form(Person, mode=EnumMode.RELATION)
    name = QualifiedId(None, "State")
    assert catalog.find_table(name) == Table(
        name,
        columns=(
            Column(LocalId("id"), SqlInteger(4), identity=IdentityMode.BY_DEFAULT),
            Column(LocalId("value"), SqlCharacter()),
        ),
        primary_key=PrimaryKeyConstraint(LocalId("pk_State"), (LocalId("id"),)),
        constraints=(UniqueConstraint(LocalId("uq_State_value"), (LocalId("value"),)),),
        description="What became of it.",
        labels=("on", "it's \\ off"),
    )
    table = table_of(Person, EnumMode.RELATION)
    assert table.column("state") == Column(LocalId("state"), SqlInteger(4))
    assert table.lookups == (Lookup(LocalId("state"), name),)
    assert table.foreign_keys[1].referenced_table == name


def test_reference_to_a_key_from_a_lookup_table_takes_labels_too() -> None:
    table = table_of(Switch, EnumMode.RELATION)
    assert table.column("setting").data_type == SqlInteger(4)
    assert table.lookups == (Lookup(LocalId("setting"), QualifiedId(None, "State")),)
    assert [key.referenced_table.name for key in table.foreign_keys] == ["Setting"]


def test_mode_that_the_server_prefers_is_taken_by_default() -> None:
    checking = replace(CAPABILITIES, enum_modes=(EnumMode.CHECK,))
    (table,) = form(Person, capabilities=checking).tables()
    assert table.column("state").data_type == SqlCharacter()


def test_mode_that_the_server_does_not_have_is_refused() -> None:
    with pytest.raises(UnsupportedError) as caught:
        form(Person, mode=EnumMode.INLINE)
    assert str(caught.value) == (
        "Person.state: PostgreSQL 15.0 cannot store an enumeration as EnumMode.INLINE; use one of EnumMode.TYPE, "
        "EnumMode.CHECK, EnumMode.RELATION"
    )


def test_member_of_a_composite_type_cannot_be_a_key() -> None:
    inner = make_dataclass("Inner", [("x", Unique[int])])
    assert refusal(sample(("inner", inner))) == (
        "Inner.x: Unique does not apply to a member of a composite type; remove it, or tag the field of a table"
    )


def test_keys_that_refer_to_each_other_are_refused() -> None:
    assert refusal(Hen) in {
        "Hen.egg: the keys refer to each other (Egg -> Hen -> Egg); give one of them a type of its own",
        "Egg.hen: the keys refer to each other (Hen -> Egg -> Hen); give one of them a type of its own",
    }


def test_class_without_a_key_is_no_table() -> None:
    assert refusal(Position) == (
        "class Position: no field identifies a row, so it is no table of its own; mark one or more as PrimaryKey[...],"
        " or declare it with __table__ = TableDeclaration()"
    )


@pytest.mark.parametrize("mode", [EnumMode.CHECK, EnumMode.RELATION])
@pytest.mark.parametrize("annotation", [list[State], Position])
def test_enumeration_within_a_value_needs_a_type_of_its_own(mode: EnumMode, annotation: Any) -> None:
    place = "Position.from_" if annotation is Position else "Sample.x"
    assert refusal(sample(("x", annotation)), mode) == (
        f"{place}: in a list or a composite type, State cannot be stored as EnumMode.{mode.name}; use EnumMode.TYPE, or hold "
        "the labels as str"
    )


def test_server_without_arrays_or_composite_types_has_documents() -> None:
    bare = replace(CAPABILITIES, struct_modes=(StructMode.JSON,), array_modes=(ArrayMode.JSON,))
    for annotation in (list[int], Position):
        (table,) = form(sample(("x", annotation)), capabilities=bare).tables()
        assert table.column("x").data_type == SqlJson()


def test_mode_that_the_server_lacks_is_told() -> None:
    bare = replace(CAPABILITIES, struct_modes=(StructMode.JSON,), array_modes=(ArrayMode.JSON,))
    options = GeneratorOptions(struct_mode=StructMode.TYPE, array_mode=ArrayMode.ARRAY)
    with pytest.raises(UnsupportedError) as caught:
        form_catalog([sample(("x", list[int]))], options=options, capabilities=bare)
    assert str(caught.value) == (
        "Sample.x: PostgreSQL 15.0 cannot store a list as ArrayMode.ARRAY; use one of ArrayMode.JSON"
    )
    with pytest.raises(UnsupportedError) as caught:
        form_catalog([sample(("x", Position))], options=options, capabilities=bare)
    assert str(caught.value) == (
        "Sample.x: PostgreSQL 15.0 cannot store a data-class without a key as StructMode.TYPE; use one of StructMode.JSON"
    )


def test_two_fields_cannot_become_one_column() -> None:
    assert refusal(sample(("from_", int), ("origin", Annotated[int, Alias("from")]))) == (
        "Sample.origin: Sample.from_ becomes a column of the same name 'from'; rename one of them, or give it another name "
        "with Alias"
    )
