"""Random catalogs, as a PostgreSQL server would report them."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from pysqlsync_engine.model.data_types import (
    SqlArray,
    SqlBoolean,
    SqlCharacter,
    SqlDecimal,
    SqlInteger,
    SqlNamed,
    SqlTimestamp,
    SqlType,
    SqlUuid,
)
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.object_types import (
    Catalog,
    CheckConstraint,
    Column,
    Constraint,
    DomainType,
    EnumType,
    ForeignKeyConstraint,
    Generated,
    IdentityMode,
    Index,
    IndexPart,
    Namespace,
    PrimaryKeyConstraint,
    ReferentialAction,
    StructMember,
    StructType,
    Table,
    UniqueConstraint,
)

NAMESPACES = ("public", "my canvas")
LABELS = ("x", "it's", "back\\slash", "new\nline", "📦")
DESCRIPTIONS = st.sampled_from((None, "plain", "it's a \\ comment", "-- ; DROP TABLE canary"))
ID = LocalId("id")

DEFAULTS: dict[SqlType, tuple[str | None, ...]] = {
    SqlInteger(2): (None, "7"),
    SqlInteger(4): (None, "7"),
    SqlInteger(8): (None, "8"),
    SqlCharacter(): (None, "'a'::text", "'it''s \\'::text"),
    SqlCharacter(5): (None, "'a'::character varying"),
    SqlCharacter(9): (None, "'b'::character varying"),
    SqlDecimal(8, 2): (None,),
    SqlDecimal(10, 2): (None, "1.50"),
    SqlTimestamp(): (None, "now()"),
    SqlTimestamp(3, with_time_zone=True): (None,),
    SqlBoolean(): (None, "true"),
    SqlUuid(): (None,),
    SqlArray(SqlInteger(4)): (None,),
    SqlArray(SqlCharacter()): (None,),
}


@st.composite
def columns(draw: st.DrawFn, name: str, named: tuple[SqlType, ...]) -> Column:
    data_type = draw(st.sampled_from((*DEFAULTS, *named)))
    default = draw(st.sampled_from(DEFAULTS.get(data_type, (None,))))
    identity = None
    nullable = draw(st.booleans())
    if isinstance(data_type, SqlInteger) and default is None and not nullable:
        identity = draw(st.sampled_from((None, *IdentityMode)))
    return Column(LocalId(name), data_type, nullable, default, identity, draw(DESCRIPTIONS))


@st.composite
def tables(draw: st.DrawFn, name: QualifiedId, named: tuple[SqlType, ...]) -> Table:
    chosen = draw(st.lists(st.sampled_from(("a", "b b", 'c"')), unique=True))
    body = [draw(columns(column, named)) for column in chosen]
    key_type = draw(st.sampled_from((SqlInteger(4), SqlInteger(8), SqlCharacter(), SqlUuid())))
    body.insert(0, Column(ID, key_type, description=draw(DESCRIPTIONS)))
    # as each schema has names of its own for indexes, but shares them among its tables
    prefix = draw(st.sampled_from((f"{name.name}_", f"other_{name.name}_")))
    constraints: list[Constraint] = []
    unique = [column.name for column in body[1:] if draw(st.booleans())]
    if unique:
        constraints.append(UniqueConstraint(LocalId(f"{prefix}uq"), tuple(unique)))
    if draw(st.booleans()):
        constraints.append(CheckConstraint(LocalId(f"{prefix}ck"), "id IS NOT NULL"))
    key = PrimaryKeyConstraint(LocalId(f"{prefix}pk"), (ID,))
    chosen_indexes = draw(indexes(prefix))
    if draw(st.booleans()):
        expression = draw(st.sampled_from(("id IS NOT NULL", "id IS NULL")))
        body.append(Column(LocalId("computed"), SqlBoolean(), nullable=True, generated=Generated(expression)))
    return Table(
        name,
        tuple(body),
        key,
        tuple(sorted(constraints, key=lambda constraint: constraint.name)),
        draw(DESCRIPTIONS),
        indexes=chosen_indexes,
    )


@st.composite
def indexes(draw: st.DrawFn, prefix: str) -> tuple[Index, ...]:
    """Indexes of the key, which may be partial and on expressions, under names that move from one to the other."""
    parts = st.sampled_from((IndexPart(ID), IndexPart(ID, descending=True), IndexPart(expression="id IS NULL")))
    return tuple(
        Index(
            LocalId(f"{prefix}{name}"),
            tuple(draw(st.lists(parts, min_size=1, max_size=2))),
            unique=draw(st.booleans()),
            predicate=draw(st.sampled_from((None, "id IS NOT NULL"))),
            description=draw(DESCRIPTIONS),
        )
        for name in draw(st.lists(st.sampled_from(("ix a", "ix_b")), unique=True).map(sorted))
    )


@st.composite
def foreign_keys(draw: st.DrawFn, table: Table, others: list[Table]) -> Table:
    added = list(table.columns)
    constraints = list(table.constraints)
    for number, other in enumerate(draw(st.lists(st.sampled_from(others), max_size=2, unique_by=lambda t: t.name))):
        column = Column(LocalId(f"ref_{number}"), other.columns[0].data_type, nullable=True)
        name = draw(st.sampled_from((f"fk_{number}", f"other_fk_{number}")))
        action = draw(st.sampled_from(tuple(ReferentialAction)))
        added.append(column)
        constraints.append(ForeignKeyConstraint(LocalId(name), (column.name,), other.name, (ID,), on_delete=action))
    return replace(
        table,
        columns=tuple(added),
        constraints=tuple(sorted(constraints, key=lambda constraint: constraint.name)),
    )


@st.composite
def enums(draw: st.DrawFn, name: QualifiedId) -> EnumType:
    labels = draw(st.lists(st.sampled_from(LABELS), min_size=1, unique=True))
    return EnumType(name, tuple(labels), draw(DESCRIPTIONS))


@st.composite
def domains(draw: st.DrawFn, name: QualifiedId) -> DomainType:
    data_type = draw(st.sampled_from((SqlInteger(4), SqlCharacter(), SqlCharacter(9))))
    checks = (CheckConstraint(LocalId("d_ck"), "VALUE IS NOT NULL"),)
    return DomainType(name, data_type, constraints=draw(st.sampled_from(((), checks))), description=draw(DESCRIPTIONS))


@st.composite
def structs(draw: st.DrawFn, name: QualifiedId, member_types: tuple[SqlType, ...]) -> StructType:
    members = [
        StructMember(LocalId(f"{member}"), draw(st.sampled_from(member_types)), draw(DESCRIPTIONS))
        for member in draw(st.lists(st.sampled_from(("m", "n n")), min_size=1, unique=True))
    ]
    return StructType(name, tuple(members), draw(DESCRIPTIONS))


def names(*choice: str) -> st.SearchStrategy[list[QualifiedId]]:
    qualified = [QualifiedId(namespace, name) for namespace in NAMESPACES for name in choice]
    return st.lists(st.sampled_from(qualified), unique=True, max_size=4)


@st.composite
def catalogs(draw: st.DrawFn) -> Catalog:
    """Catalogs of two namespaces, whose objects meet in names, types and foreign keys."""
    chosen_enums = [draw(enums(name)) for name in draw(names("e", "f;--"))]
    # a member cannot get another type while a column has the struct, so each has one type for good
    chosen_structs = [draw(structs(name, (SqlInteger(4),))) for name in draw(names("r", "s"))]
    chosen_domains = [draw(domains(name)) for name in draw(names("d", "d d"))]
    named = (
        *(SqlNamed(subject.name) for subject in (*chosen_enums, *chosen_structs, *chosen_domains)),
        *(SqlArray(SqlNamed(subject.name)) for subject in chosen_enums),
    )
    chosen_tables = [draw(tables(name, named)) for name in draw(names("t", "u", "v v"))]
    chosen_tables = [draw(foreign_keys(table, chosen_tables)) for table in chosen_tables]
    return Catalog(
        tuple(
            Namespace(
                LocalId(namespace),
                tuple(sorted((e for e in chosen_enums if e.name.namespace == namespace), key=lambda e: e.name)),
                tuple(sorted((s for s in chosen_structs if s.name.namespace == namespace), key=lambda s: s.name)),
                tuple(sorted((t for t in chosen_tables if t.name.namespace == namespace), key=lambda t: t.name)),
                tuple(sorted((d for d in chosen_domains if d.name.namespace == namespace), key=lambda d: d.name)),
            )
            for namespace in sorted(NAMESPACES)
        )
    )
