"""A desired catalog as a PostgreSQL server will report it back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import TypeVar

from pysqlsync_engine.capabilities import Capabilities
from pysqlsync_engine.dialect.postgresql.capabilities import features_of, quoted_words
from pysqlsync_engine.dialect.postgresql.constants import canonical_default, parse_constant
from pysqlsync_engine.dialect.postgresql.expressions import (
    DEFAULT_COLLATION,
    label_condition,
    print_collation,
    print_option,
    print_qualified,
    strip_parentheses,
)
from pysqlsync_engine.dialect.postgresql.objects import PostgreSQLTable
from pysqlsync_engine.dialect.postgresql.types import TypeLowering
from pysqlsync_engine.errors import UnsupportedError
from pysqlsync_engine.formation.names import constraint_name
from pysqlsync_engine.model.data_types import SqlArray, SqlCharacter, SqlDecimal, SqlInteger, SqlJson, SqlNamed, SqlType
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.literals import quote_literal
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
    LabelCheck,
    Lookup,
    Namespace,
    PrimaryKeyConstraint,
    Relation,
    StructMember,
    StructType,
    Table,
    UniqueConstraint,
)
from pysqlsync_engine.model.vendor_markers import PostgreSQLOptions

T = TypeVar("T", bound=Column | Table)

MAX_COLUMNS = 1600
"""https://www.postgresql.org/docs/current/limits.html"""


def lower(catalog: Catalog, capabilities: Capabilities) -> Catalog:
    """
    Say what the server will report once the catalog has been created.

    - Objects without a namespace are in the default one.
    - Integers that the server has no type for get the next wider one: unsigned ones the next signed one, those of
      8 bytes `numeric(20,0)`. Years are `smallint`, addresses of any version are `inet`.
    - The server has no limit for byte strings, none above `MAX_CHARACTERS` for text, and no labels in the type of a
      column: these become checks.
    - Lists of lists are lists, as the server does not keep the number of dimensions.
    - Options for PostgreSQL that a class has become attributes of the table.
    - Expressions are as the server prints them as far as that can be told without one; see `canonical_default`.

    :raises UnsupportedError: if the server cannot do what the catalog asks for; names table and column.
    """
    lowering = _Lowering(
        capabilities,
        quoted_words(capabilities.version),
        TypeLowering(capabilities.default_namespace, features_of(capabilities.version)),
        {},
    )
    for domain in (domain for namespace in catalog.namespaces for domain in namespace.domains):
        lowering.bases[lowering.name(domain.name)] = lowering.types.unlimited(domain.data_type, domain.name.display)
    merged: dict[str, Namespace] = {}
    for namespace in map(lowering.namespace, catalog.namespaces):
        other = merged.get(namespace.name.name, Namespace(namespace.name))
        merged[namespace.name.name] = Namespace(
            namespace.name,
            enums=tuple(sorted(other.enums + namespace.enums, key=lambda enum: enum.name)),
            structs=tuple(sorted(other.structs + namespace.structs, key=lambda struct: struct.name)),
            tables=tuple(sorted(other.tables + namespace.tables, key=lambda table: table.name)),
            domains=tuple(sorted(other.domains + namespace.domains, key=lambda domain: domain.name)),
        )
    for namespace in merged.values():
        _check_distinct(namespace)
    return replace(catalog, namespaces=tuple(merged[name] for name in sorted(merged)))


def _check_distinct(namespace: Namespace) -> None:
    """Refuse two objects of a name, which come of modules that have the default namespace with and without its name."""
    seen: set[QualifiedId] = set()
    for item in (*namespace.enums, *namespace.structs, *namespace.domains, *namespace.tables):
        if item.name in seen:
            raise UnsupportedError(f"{item.name.display}: two objects would have this name; rename one of them")
        seen.add(item.name)


@dataclass(frozen=True, slots=True)
class _Lowering:
    """
    What lowering depends on besides the object.

    :param bases: The type that each domain of the catalog is made of.
    """

    capabilities: Capabilities
    quoted_words: frozenset[str]
    types: TypeLowering
    bases: dict[QualifiedId, SqlType]

    def name(self, name: QualifiedId) -> QualifiedId:
        return self.types.name(name)

    def namespace(self, namespace: Namespace) -> Namespace:
        return Namespace(
            LocalId(namespace.name.name or self.capabilities.default_namespace or ""),
            enums=tuple(map(self.enum, namespace.enums)),
            structs=tuple(map(self.struct, namespace.structs)),
            tables=tuple(map(self.table, namespace.tables)),
            domains=tuple(map(self.domain, namespace.domains)),
        )

    def enum(self, enum: EnumType) -> EnumType:
        name = self.name(enum.name)
        return replace(
            enum,
            name=name,
            description=_comment(enum.description, name.display),
            renamed_from=tuple(map(self.name, enum.renamed_from)),
        )

    def struct(self, struct: StructType) -> StructType:
        name = self.name(struct.name)
        members = tuple(self.member(member, name) for member in struct.members)
        return StructType(name, members, _comment(struct.description, name.display))

    def member(self, member: StructMember, struct: QualifiedId) -> StructMember:
        place = f"{struct.display}.{member.name.name}"
        data_type = self.types.unlimited(member.data_type, place)
        return StructMember(member.name, data_type, _comment(member.description, place))

    def domain(self, domain: DomainType) -> DomainType:
        name = self.name(domain.name)
        data_type = self.bases[name]
        return replace(
            domain,
            name=name,
            data_type=data_type,
            default=None if domain.default is None else self.default(domain.default, data_type),
            constraints=tuple(
                sorted((self.check(check, name) for check in domain.constraints), key=lambda check: check.name)
            ),
            description=_comment(domain.description, name.display),
            collation=self.collation(domain.collation, data_type),
        )

    def table(self, table: Table) -> PostgreSQLTable:
        name = self.name(table.name)
        if len(table.columns) > MAX_COLUMNS:
            raise UnsupportedError(
                f"{name.display}: {len(table.columns)} columns, the server permits {MAX_COLUMNS}; split the table"
            )
        key = frozenset(() if table.primary_key is None else table.primary_key.columns)
        columns = tuple(self.column(column, name, in_key=column.name in key) for column in table.columns)
        constraints = [
            *(self.constraint(constraint, columns, name) for constraint in table.constraints),
            *self.rules(table, name),
        ]
        lowered = replace(
            _plain(table, PostgreSQLTable),
            name=name,
            columns=columns,
            constraints=tuple(sorted(constraints, key=lambda constraint: constraint.name)),
            description=_comment(table.description, name.display),
            relations=tuple(map(self.relation, table.relations)),
            lookups=tuple(map(self.lookup, table.lookups)),
            indexes=tuple(sorted((self.index(index, name) for index in table.indexes), key=lambda index: index.name)),
            renamed_from=tuple(map(self.name, table.renamed_from)),
        )
        _check_keys(lowered)
        return _with_options(lowered)

    def column(self, column: Column, table: QualifiedId, *, in_key: bool) -> Column:
        place = f"{table.display}.{column.name.name}"
        data_type, _ = self.types.lower(column.data_type, place)
        counted = (SqlInteger, SqlDecimal) if column.identity is IdentityMode.SERIAL else SqlInteger
        if column.identity is not None and not isinstance(data_type, counted):
            raise UnsupportedError(
                f"{place}: the server generates values of 2, 4 or 8 bytes with a sign only; use int or Annotated[int, ...]"
                " of a narrower type"
            )
        generates = column.identity in (IdentityMode.ALWAYS, IdentityMode.BY_DEFAULT)
        return replace(
            _plain(column, Column),
            data_type=data_type,
            nullable=column.nullable and not in_key and not generates,
            default=None if column.default is None else self.default(column.default, data_type),
            description=_comment(column.description, place),
            generated=self.generated(column.generated, place),
            collation=self.collation(column.collation, data_type),
            sequence=None if column.sequence is None else self.name(column.sequence),
            enumeration=None if column.enumeration is None else self.name(column.enumeration),
        )

    def generated(self, generated: Generated | None, place: str) -> Generated | None:
        if generated is None:
            return None
        if not generated.stored and not self.types.features.virtual_columns:
            raise UnsupportedError(
                f"{place}: {self.capabilities.version} cannot compute a column when it is read; use stored=True"
            )
        return replace(generated, expression=strip_parentheses(generated.expression))

    def collation(self, collation: str | None, data_type: SqlType | None = None) -> str | None:
        printed = None if collation is None else print_collation(collation, self.quoted_words)
        # some types have another one by default, text has not
        is_usual = printed == DEFAULT_COLLATION and isinstance(data_type, SqlCharacter | SqlArray)
        return None if is_usual else printed

    def default(self, expression: str, data_type: SqlType) -> str | None:
        constant = parse_constant(expression)
        while isinstance(data_type, SqlNamed) and data_type.name in self.bases:
            data_type = self.bases[data_type.name]
        if isinstance(data_type, SqlNamed) and constant is not None and constant.quoted and constant.cast is None:
            return f"{quote_literal(constant.text)}::{print_qualified(data_type.name, self.quoted_words)}"
        return canonical_default(expression, data_type)

    def constraint(self, constraint: Constraint, columns: tuple[Column, ...], table: QualifiedId) -> Constraint:
        match constraint:
            case ForeignKeyConstraint():
                self.require_enforceable(constraint, table)
                return replace(constraint, referenced_table=self.name(constraint.referenced_table))
            case LabelCheck():
                expression = self.label_expression(constraint, columns, table)
                return CheckConstraint(constraint.name, expression, columns=constraint.columns)
            case CheckConstraint():
                return self.check(constraint, table)
            case UniqueConstraint(nulls_not_distinct=True):
                self.require_distinct(constraint.name, table)
                return constraint
            case _:
                return constraint

    def check(self, check: CheckConstraint, owner: QualifiedId) -> CheckConstraint:
        self.require_enforceable(check, owner)
        return replace(check, expression=strip_parentheses(check.expression))

    def require_enforceable(self, constraint: CheckConstraint | ForeignKeyConstraint, owner: QualifiedId) -> None:
        if not constraint.enforced and not self.types.features.virtual_columns:
            raise UnsupportedError(
                f"{owner.display}: constraint {constraint.name.name}: {self.capabilities.version} enforces all constraints;"
                " leave it out"
            )

    def require_distinct(self, name: LocalId, table: QualifiedId) -> None:
        if not self.types.features.nulls_not_distinct:
            raise UnsupportedError(
                f"{table.display}: {name.name}: to {self.capabilities.version} NULL is never equal to NULL; add an index for"
                " rows with NULL"
            )

    def label_expression(self, check: LabelCheck, columns: tuple[Column, ...], table: QualifiedId) -> str:
        data_type = next((column.data_type for column in columns if column.name == check.column), None)
        if not isinstance(data_type, SqlCharacter) or not check.labels:
            raise UnsupportedError(
                f"{table.display}.{check.column.name}: expected a column of text and one or more labels for the check"
                f" {check.name.name}; store the enumeration in another way"
            )
        return label_condition(check.column, data_type, check.labels, self.quoted_words)

    def rules(self, table: Table, name: QualifiedId) -> Iterator[CheckConstraint]:
        """Checks in place of what the types of columns cannot say."""
        taken = {constraint.name.name for constraint in table.constraints}
        limit = self.capabilities.max_identifier_bytes
        for column in table.columns:
            data_type, rule = self.types.lower(column.data_type, f"{name.display}.{column.name.name}")
            if rule is None:
                continue
            check = constraint_name("ck", name.name, column.name.name, rule.suffix, max_bytes=limit)
            if check in taken:
                what = "length" if rule.suffix == "size" else rule.suffix
                raise UnsupportedError(
                    f"{name.display}.{column.name.name}: the check of its {what} would be called {check!r}, as is another"
                    " constraint; rename the column"
                )
            yield CheckConstraint(LocalId(check), rule.condition(column.name, data_type, self.quoted_words))

    def index(self, index: Index, table: QualifiedId) -> Index:
        if index.nulls_not_distinct:
            self.require_distinct(index.name, table)
        if not index.visible:
            raise UnsupportedError(
                f"{table.display}: index {index.name.name}: the server uses all indexes; leave it out"
            )
        method = None if index.method is None or index.method.lower() == "btree" else index.method.lower()
        return replace(
            index,
            parts=tuple(self.index_part(part, index, table) for part in index.parts),
            method=method,
            predicate=None if index.predicate is None else strip_parentheses(index.predicate),
            options=tuple(print_option(option, self.quoted_words) for option in index.options),
            description=_comment(index.description, f"{table.display}: index {index.name.name}"),
        )

    def index_part(self, part: IndexPart, index: Index, table: QualifiedId) -> IndexPart:
        if part.length is not None:
            raise UnsupportedError(
                f"{table.display}: index {index.name.name}: the server indexes whole values; use an expression such as"
                " left(name, 10)"
            )
        return replace(
            part,
            expression=None if part.expression is None else strip_parentheses(part.expression),
            nulls_first=None if part.nulls_first is part.descending else part.nulls_first,
            collation=self.collation(part.collation),
        )

    def relation(self, relation: Relation) -> Relation:
        return replace(relation, referenced_table=self.name(relation.referenced_table))

    def lookup(self, lookup: Lookup) -> Lookup:
        return replace(lookup, table=self.name(lookup.table))


def _plain(subject: Table | Column, kind: type[T]) -> T:
    """:returns: The object as one of another class, without attributes that the class does not have."""
    values: Mapping[str, object] = {
        field.name: getattr(subject, field.name) for field in fields(kind) if hasattr(subject, field.name)
    }
    return kind(**values)  # pyright: ignore[reportArgumentType] - each value is that of the field of the same name


def _with_options(table: PostgreSQLTable) -> PostgreSQLTable:
    """:returns: The table with what its class says of it for this product only."""
    for options in table.markers:
        if isinstance(options, PostgreSQLOptions):
            table = replace(table, partition_by=options.partition_by, unlogged=options.unlogged)
    return table


def _check_keys(table: Table) -> None:
    """Refuse keys of a type that the server cannot compare, and keys of parts of values."""
    keys = (table.primary_key, *table.constraints)
    for key in keys:
        if not isinstance(key, PrimaryKeyConstraint | UniqueConstraint):
            continue
        if isinstance(key, PrimaryKeyConstraint) and any(length is not None for length in key.lengths):
            raise UnsupportedError(
                f"{table.name.display}: a key holds whole values; leave out the lengths of its columns"
            )
        for name in key.columns:
            if table.column(name.name).data_type == SqlJson(binary=False):
                raise UnsupportedError(
                    f"{table.name.display}.{name.name}: the server cannot compare values of json; leave it out of keys"
                )


def _comment(text: str | None, place: str) -> str | None:
    """:returns: The comment; `None` for an empty one, which the server does not keep."""
    if text and "\0" in text:
        raise UnsupportedError(f"{place}: its description has a NUL character; remove it")
    return text or None
