"""Random catalogs for MySQL and MariaDB, before they are lowered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from hypothesis import strategies as st

from pysqlsync_engine.dialect.mysql.capabilities import Features
from pysqlsync_engine.model.data_types import (
    SqlBinary,
    SqlBit,
    SqlBoolean,
    SqlCharacter,
    SqlDate,
    SqlDecimal,
    SqlFloat,
    SqlInteger,
    SqlJson,
    SqlLabel,
    SqlLabelSet,
    SqlOpaque,
    SqlTime,
    SqlTimestamp,
    SqlType,
    SqlUuid,
    SqlYear,
)
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.object_types import (
    Catalog,
    CheckConstraint,
    Column,
    Constraint,
    ForeignKeyConstraint,
    Generated,
    IdentityMode,
    Index,
    IndexPart,
    Namespace,
    PrimaryKeyConstraint,
    ReferentialAction,
    Table,
    UniqueConstraint,
)
from pysqlsync_engine.model.vendor_markers import MySQLInvisible, MySQLOnUpdate

Chosen = TypeVar("Chosen")

NAMESPACES = ("", "my canvas")
ID, NUMBER, COMPUTED = LocalId("id"), LocalId("n"), LocalId("computed `%s`")
DESCRIPTIONS = st.sampled_from((None, "plain", "it's a \\ comment %s", "-- '; DROP TABLE canary"))
LABELS = ("x", "it's", "back\\slash", "new\nline", "100 %", "ä")
KEY_TYPES = (SqlInteger(4), SqlInteger(8), SqlInteger(4, signed=False), SqlCharacter(20))

PLAIN: dict[SqlType, tuple[str | None, ...]] = {
    SqlInteger(1): (None, "7"),
    SqlInteger(4): (None, "7", "(1 + 2)"),
    SqlInteger(8, signed=False): (None, "18446744073709551615"),
    SqlBoolean(): (None, "true"),
    SqlFloat(8): (None, "0.5"),
    SqlDecimal(10, 2): (None, "1.50"),
    SqlCharacter(9): (None, "''", "'it''s \\ %'"),
    SqlCharacter(40, fixed=True): (None, "'a'"),
    SqlBinary(9): (None, "'ab'"),
    SqlBit(8): (None, "b'101'"),
    SqlYear(): (None, "2020"),
    SqlDate(): (None, "'2020-01-02'"),
    SqlTime(3): (None, "'12:00'"),
    SqlTimestamp(3): (None, "now()", "'2020-01-02 03:04:05'"),
    SqlTimestamp(0, with_time_zone=True): (None, "now()"),
    SqlUuid(): (None,),
}
"""Types of which keys can be made, and their defaults."""

LONG: dict[SqlType, tuple[str | None, ...]] = {
    SqlCharacter(): (None, "'it''s \\'"),
    SqlOpaque("text"): (None, "'new\nline'"),
    SqlBinary(): (None,),
    SqlJson(): (None, "(json_array())"),
}
"""Types that indexes can have the beginning of, at most."""


def subset(*choice: Chosen) -> st.SearchStrategy[list[Chosen]]:
    """:returns: Any of the values, most of them more often than few, in their order."""
    flags = st.tuples(*(st.sampled_from((True, True, False)) for _ in choice))
    return flags.map(lambda taken: [value for value, is_taken in zip(choice, taken, strict=True) if is_taken])


def labelled() -> st.SearchStrategy[SqlType]:
    some = st.lists(st.sampled_from(LABELS), min_size=1, unique=True).map(tuple)
    return st.one_of(some.map(SqlLabel), some.map(SqlLabelSet))


@st.composite
def columns(draw: st.DrawFn, name: LocalId, features: Features) -> Column:
    data_type = draw(st.one_of(st.sampled_from((*PLAIN, *LONG)), labelled()))
    default = draw(st.sampled_from((PLAIN | LONG).get(data_type, (None,))))
    if isinstance(data_type, SqlLabel | SqlLabelSet) and draw(st.booleans()):
        default = "'" + data_type.labels[0].replace("'", "''") + "'"
    nullable = draw(st.booleans())
    may_hide = nullable or default is not None or features.hidden_required
    markers: tuple[object, ...] = (MySQLInvisible(),) if may_hide and draw(st.integers(0, 3)) == 0 else ()
    if isinstance(data_type, SqlTimestamp) and default == "now()" and draw(st.booleans()):
        markers += (MySQLOnUpdate("now()"),)
    collates = isinstance(data_type, SqlCharacter) and draw(st.booleans())
    return Column(
        name,
        data_type,
        nullable=nullable,
        default=default,
        description=draw(DESCRIPTIONS),
        collation="utf8mb4_bin" if collates else None,
        markers=markers,
    )


@st.composite
def indexes(draw: st.DrawFn, body: Sequence[Column], features: Features) -> tuple[Index, ...]:
    """Indexes under names that move from one to the other, but for those of keys."""
    parts = [IndexPart(NUMBER), IndexPart(NUMBER, descending=True), IndexPart(ID)]
    for column in body:
        if column.data_type in PLAIN:
            parts.append(IndexPart(column.name, descending=draw(st.booleans())))
        elif isinstance(column.data_type, SqlCharacter | SqlBinary | SqlOpaque):
            parts.append(IndexPart(column.name, length=draw(st.sampled_from((4, 5)))))
    if features.functional_indexes:
        parts.append(IndexPart(expression="(n + 1)"))
    return tuple(
        Index(
            LocalId(name),
            tuple(
                draw(
                    st.lists(
                        st.sampled_from(parts), min_size=1, max_size=2, unique_by=lambda p: p.column or p.expression
                    )
                )
            ),
            unique=draw(st.booleans()),
            description=draw(DESCRIPTIONS),
            visible=draw(st.sampled_from((True, True, False))),
        )
        for name in draw(subset("ix `a`", "ix_b"))
    )


@st.composite
def tables(draw: st.DrawFn, name: QualifiedId, features: Features) -> Table:
    key_type = draw(st.sampled_from(KEY_TYPES))
    counts = isinstance(key_type, SqlInteger) and draw(st.booleans())
    body = [draw(columns(LocalId(column), features)) for column in draw(subset("a", "b `b`", "c"))]
    number = Column(
        NUMBER, draw(st.sampled_from((SqlInteger(4), SqlInteger(2)))), default=draw(st.sampled_from((None, "5")))
    )
    constraints: list[Constraint] = []
    unique = [column.name for column in body if column.data_type in PLAIN and draw(st.booleans())]
    if unique:
        constraints.append(UniqueConstraint(LocalId(draw(st.sampled_from(("uq", "other uq")))), tuple(unique)))
    if draw(st.booleans()):
        name_of_check = draw(st.sampled_from((f"{name.name}_ck", f"other \\ {name.name}")))
        constraints.append(CheckConstraint(LocalId(name_of_check), draw(st.sampled_from(("n > 0", "n <> 7")))))
    chosen = draw(indexes(body, features))
    if draw(st.booleans()):
        generated = Generated(draw(st.sampled_from(("n is not null", "n + 1"))), stored=draw(st.booleans()))
        body.append(Column(COMPUTED, SqlInteger(8), nullable=True, generated=generated))
    key = Column(ID, key_type, identity=IdentityMode.BY_DEFAULT if counts else None, description=draw(DESCRIPTIONS))
    primary = PrimaryKeyConstraint(LocalId("pk"), draw(st.sampled_from(((ID,), (ID, NUMBER)))))
    table = Table(
        name,
        (key, number, *body),
        primary,
        tuple(sorted(constraints, key=lambda constraint: constraint.name)),
        draw(DESCRIPTIONS),
        indexes=chosen,
    )
    return counting_by(table, draw(st.sampled_from((ID, NUMBER))))


def counting_by(table: Table, name: LocalId) -> Table:
    """:returns: The table; if it counts, and nothing forbids that another column of it does, then in that column."""
    counted = [column.name for column in table.columns if column.identity is not None]
    begun = {index.parts[0].column for index in table.indexes}
    mentioned = any(isinstance(constraint, CheckConstraint) for constraint in table.constraints)
    mentioned |= any(column.generated is not None for column in table.columns)
    mentioned |= any(part.expression is not None for index in table.indexes for part in index.parts)
    if not counted or name not in begun or mentioned:
        return table
    columns = (
        replace(
            column,
            identity=IdentityMode.BY_DEFAULT if column.name == name else None,
            default=None if column.name == name else column.default,
        )
        for column in table.columns
    )
    return replace(table, columns=tuple(columns))


@st.composite
def foreign_keys(draw: st.DrawFn, table: Table, others: list[Table]) -> Table:
    added, constraints = list(table.columns), list(table.constraints)
    for number, other in enumerate(draw(subset(*others))):
        if other.primary_key is None or other.primary_key.columns != (ID,):
            continue
        column = Column(LocalId(f"ref_{number}"), other.columns[0].data_type, nullable=True)
        name = draw(st.sampled_from((f"{table.name.name}_fk_{number}", f"other_{table.name.name}_fk_{number}")))
        action = st.sampled_from([each for each in ReferentialAction if each is not ReferentialAction.SET_DEFAULT])
        added.append(column)
        constraints.append(
            ForeignKeyConstraint(
                LocalId(name), (column.name,), other.name, (ID,), on_delete=draw(action), on_update=draw(action)
            )
        )
    return replace(
        table,
        columns=tuple(added),
        constraints=tuple(sorted(constraints, key=lambda constraint: constraint.name)),
    )


@st.composite
def mysql_catalogs(draw: st.DrawFn, features: Features) -> Catalog:
    """Catalogs of two namespaces, whose tables meet in names, types and foreign keys."""
    names = [QualifiedId(namespace or None, name) for namespace in NAMESPACES for name in ("t", "u;-- `%s`")]
    chosen = [draw(tables(name, features)) for name in draw(subset(*names))]
    chosen = [draw(foreign_keys(table, chosen)) for table in chosen]
    return Catalog(
        tuple(
            Namespace(
                LocalId(namespace),
                tables=tuple(
                    sorted((t for t in chosen if (t.name.namespace or "") == namespace), key=lambda table: table.name)
                ),
            )
            for namespace in NAMESPACES
        )
    )
