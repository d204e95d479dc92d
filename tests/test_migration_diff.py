"""What the difference between two catalogs is, and the order in which it is made; no server needed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from pysqlsync_engine.errors import UnsupportedError
from pysqlsync_engine.migration.diff import diff
from pysqlsync_engine.migration.inverse import inverse
from pysqlsync_engine.migration.operations import (
    AddColumn,
    AddForeignKey,
    AlterTable,
    CreateEnum,
    CreateNamespace,
    CreateStruct,
    CreateTable,
    DropConstraint,
    DropEnum,
    DropForeignKey,
    DropStruct,
    DropTable,
    FillLookup,
    RenameConstraint,
    SetDescription,
)
from pysqlsync_engine.migration.order import order
from pysqlsync_engine.model.data_types import SqlCharacter, SqlInteger, SqlNamed, SqlUuid
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.object_types import (
    Catalog,
    Column,
    Constraint,
    EnumType,
    ForeignKeyConstraint,
    Namespace,
    PrimaryKeyConstraint,
    Relation,
    StructMember,
    StructType,
    Table,
    UniqueConstraint,
)

ID = LocalId("id")
COLOR = EnumType(QualifiedId("shop", "color"), ("red", "green"))


def table(name: str, *columns: Column, constraints: Iterable[Constraint] = ()) -> Table:
    return Table(
        QualifiedId("shop", name),
        (Column(ID, SqlInteger(8)), *columns),
        PrimaryKeyConstraint(LocalId(f"pk_{name}"), (ID,)),
        tuple(constraints),
    )


def reference(name: str, column: str, to: str, referenced: str = "id") -> ForeignKeyConstraint:
    return ForeignKeyConstraint(LocalId(name), (LocalId(column),), QualifiedId("shop", to), (LocalId(referenced),))


def catalog(*objects: Table | EnumType | StructType) -> Catalog:
    """:returns: A catalog of the namespace `shop`."""
    namespace = Namespace(
        LocalId("shop"),
        tuple(item for item in objects if isinstance(item, EnumType)),
        tuple(item for item in objects if isinstance(item, StructType)),
        tuple(item for item in objects if isinstance(item, Table)),
    )
    return Catalog((namespace,))


OWNER_COLUMN = Column(LocalId("owner"), SqlInteger(8))
OWNER = table("owner")
ITEM = table("item", OWNER_COLUMN, constraints=[reference("fk_owner", "owner", "owner")])


def test_a_namespace_that_is_missing_is_created_and_an_empty_one_is_not_dropped() -> None:
    assert diff(Catalog(), catalog()) == (CreateNamespace(LocalId("shop")),)
    assert diff(catalog(), Catalog()) == ()
    assert diff(Catalog(), Catalog((Namespace(LocalId("")),))) == ()


def test_namespaces_that_the_target_does_not_mention_are_never_touched() -> None:
    other = Namespace(LocalId("legacy"), tables=(replace(OWNER, name=QualifiedId("legacy", "owner")),))
    source = Catalog((other, *catalog(OWNER).namespaces))
    assert diff(source, catalog(OWNER)) == ()


def test_undeclared_tables_are_dropped_unless_a_pattern_keeps_them() -> None:
    source = catalog(OWNER, table("legacy_a"), table("legacy_b"))
    dropped = diff(source, catalog(OWNER))
    assert dropped == (DropTable(table("legacy_a")), DropTable(table("legacy_b")))
    assert diff(source, catalog(OWNER), keep=["shop.legacy_?"]) == ()
    assert diff(source, catalog(OWNER), keep=["shop.legacy_a"]) == (DropTable(table("legacy_b")),)


def test_what_a_kept_table_refers_to_is_kept() -> None:
    legacy = table(
        "legacy",
        OWNER_COLUMN,
        Column(LocalId("color"), SqlNamed(COLOR.name)),
        constraints=[reference("fk", "owner", "owner")],
    )
    source = catalog(COLOR, legacy, OWNER, table("other"))
    assert diff(source, catalog(), keep=["shop.legacy"]) == (DropTable(table("other")),)


def test_the_order_of_columns_is_not_compared() -> None:
    extra = [Column(LocalId("a"), SqlUuid()), Column(LocalId("b"), SqlUuid())]
    assert diff(catalog(table("item", *extra)), catalog(table("item", *reversed(extra)))) == ()


def test_references_that_are_not_enforced_are_not_compared() -> None:
    related = replace(OWNER, relations=(Relation((ID,), QualifiedId("shop", "x"), (ID,)),))
    assert diff(catalog(OWNER), catalog(related)) == ()


def test_a_foreign_key_of_another_name_is_renamed_and_nothing_else() -> None:
    renamed = replace(ITEM, constraints=(reference("item_owner_fkey", "owner", "owner"),))
    (operation,) = diff(catalog(renamed, OWNER), catalog(ITEM, OWNER))
    assert operation == AlterTable(renamed, ITEM, (RenameConstraint(renamed.foreign_keys[0], ITEM.foreign_keys[0]),))


def test_column_pairs_of_a_foreign_key_may_come_in_any_order() -> None:
    a, b, x, y = map(LocalId, "abxy")
    forth = ForeignKeyConstraint(LocalId("fk"), (a, b), OWNER.name, (x, y))
    back = ForeignKeyConstraint(LocalId("fk"), (b, a), OWNER.name, (y, x))
    crossed = ForeignKeyConstraint(LocalId("fk"), (a, b), OWNER.name, (y, x))
    assert diff(catalog(table("t", constraints=[forth])), catalog(table("t", constraints=[back]))) == ()
    assert diff(catalog(table("t", constraints=[forth])), catalog(table("t", constraints=[crossed]))) != ()


def test_names_that_go_round_in_a_circle_are_borrowed() -> None:
    unique = [UniqueConstraint(LocalId(name), (LocalId(name),)) for name in ("a", "b")]
    swapped = [replace(unique[0], name=LocalId("b")), replace(unique[1], name=LocalId("a"))]
    (operation,) = diff(catalog(table("t", constraints=unique)), catalog(table("t", constraints=swapped)))
    assert isinstance(operation, AlterTable)
    names = {"a", "b"}
    for change in operation.changes:
        assert isinstance(change, RenameConstraint)
        assert change.target.name.name not in names
        names = names - {change.source.name.name} | {change.target.name.name}
    assert names == {"a", "b"}


def test_a_constraint_of_the_same_name_with_another_meaning_is_replaced() -> None:
    before = UniqueConstraint(LocalId("uq"), (ID,))
    after = UniqueConstraint(LocalId("uq"), (ID, LocalId("owner")))
    (operation,) = diff(catalog(table("t", constraints=[before])), catalog(table("t", constraints=[after])))
    assert isinstance(operation, AlterTable)
    assert [type(change).__name__ for change in operation.changes] == ["DropConstraint", "AddConstraint"]


def test_of_two_constraints_with_one_meaning_the_one_of_the_same_name_stays() -> None:
    pair = [UniqueConstraint(LocalId(name), (ID,)) for name in ("a", "b")]
    (operation,) = diff(catalog(table("t", constraints=pair)), catalog(table("t", constraints=pair[1:])))
    assert isinstance(operation, AlterTable)
    assert operation.changes == (DropConstraint(pair[0]),)


def test_a_foreign_key_is_replaced_if_the_key_it_refers_to_goes() -> None:
    code = LocalId("code")
    unique = UniqueConstraint(LocalId("uq_code"), (code,))
    owner = table("owner", Column(code, SqlInteger(8)), constraints=[unique])
    item = table("item", OWNER_COLUMN, constraints=[reference("fk", "owner", "owner", "code")])
    keyed = replace(owner, primary_key=PrimaryKeyConstraint(LocalId("pk_owner"), (code,)), constraints=())
    names = [type(operation).__name__ for operation in order(diff(catalog(owner, item), catalog(keyed, item)))]
    assert names == ["DropForeignKey", "AlterTable", "AddForeignKey"]


def test_a_foreign_key_stays_while_its_columns_grow() -> None:
    narrow = Column(ID, SqlInteger(4))
    source = catalog(replace(OWNER, columns=(narrow,)), ITEM)
    assert [type(operation).__name__ for operation in diff(source, catalog(OWNER, ITEM))] == ["AlterTable"]


def test_a_comment_is_set_and_removed() -> None:
    described = replace(OWNER, description="who")
    assert diff(catalog(OWNER), catalog(described)) == (AlterTable(OWNER, described, (SetDescription("who"),)),)
    assert diff(catalog(described), catalog(OWNER)) == (AlterTable(described, OWNER, (SetDescription(None),)),)


def test_labels_that_a_lookup_table_lacks_are_added_and_none_is_removed() -> None:
    def lookup(*labels: str) -> Table:
        return replace(OWNER, labels=labels)

    assert diff(catalog(lookup("a", "x")), catalog(lookup("a", "b"))) == (FillLookup(lookup("a", "b"), ("b",)),)
    assert diff(catalog(lookup("a", "x")), catalog(lookup("a"))) == ()
    assert diff(catalog(OWNER), catalog(lookup("a", "b"))) == (FillLookup(lookup("a", "b"), ("a", "b")),)
    assert FillLookup(lookup("a"), ("a",)) in diff(catalog(), catalog(lookup("a")))


def test_tables_that_refer_to_each_other_get_their_foreign_keys_last_and_lose_them_first() -> None:
    a = table("a", OWNER_COLUMN, constraints=[reference("fk_b", "owner", "b")])
    b = table("b", OWNER_COLUMN, constraints=[reference("fk_a", "owner", "a"), reference("fk_self", "id", "b")])
    created = order(diff(Catalog(), catalog(a, b)))
    assert [type(operation) for operation in created] == [
        CreateNamespace,
        CreateTable,
        CreateTable,
        AddForeignKey,
        AddForeignKey,
        AddForeignKey,
    ]
    dropped = order(diff(catalog(a, b), catalog()))
    assert [type(operation) for operation in dropped] == [DropForeignKey] * 2 + [DropTable] * 2


def test_structs_are_created_before_and_dropped_after_those_that_hold_them() -> None:
    inner = StructType(QualifiedId("shop", "z_inner"), (StructMember(LocalId("color"), SqlNamed(COLOR.name)),))
    outer = StructType(QualifiedId("shop", "a_outer"), (StructMember(LocalId("inner"), SqlNamed(inner.name)),))
    user = table("t", Column(LocalId("outer"), SqlNamed(outer.name)))
    objects = catalog(COLOR, inner, outer, user)
    assert order(diff(catalog(), objects)) == (
        CreateEnum(COLOR),
        CreateStruct(inner),
        CreateStruct(outer),
        CreateTable(user),
    )
    assert order(diff(objects, catalog())) == (
        DropTable(user),
        DropStruct(outer),
        DropStruct(inner),
        DropEnum(COLOR),
    )


def test_an_enum_can_give_its_name_to_a_table() -> None:
    before = table("item", Column(LocalId("color"), SqlNamed(COLOR.name)))
    after = table("item", Column(LocalId("color_id"), SqlInteger(8)))
    lookup = table("color")
    names = [type(operation).__name__ for operation in order(diff(catalog(COLOR, before), catalog(lookup, after)))]
    assert names == ["AlterTable", "DropEnum", "CreateTable"]


def test_an_enum_cannot_give_its_name_to_a_struct_while_the_same_column_has_it() -> None:
    item = table("item", Column(LocalId("color"), SqlNamed(COLOR.name)))
    struct = StructType(COLOR.name, (StructMember(ID, SqlUuid()),))
    operations = diff(catalog(COLOR, item), catalog(struct, replace(item, description="other")))
    with pytest.raises(UnsupportedError, match=r"create type shop\.color.*make the change in two synchronizations"):
        order(operations)


def test_what_can_be_undone_is_undone_in_reverse() -> None:
    added = replace(ITEM, columns=(*ITEM.columns, Column(LocalId("note"), SqlCharacter())), description="new")
    (forth,) = diff(catalog(ITEM), catalog(added))
    (back,) = diff(catalog(added), catalog(ITEM))
    assert isinstance(forth, AlterTable)
    undone = inverse(forth)
    assert isinstance(undone, AlterTable)
    assert isinstance(back, AlterTable)
    assert undone.changes == tuple(reversed(back.changes))
    assert forth.changes[0] == AddColumn(added.columns[-1])
    assert inverse(back) is None
