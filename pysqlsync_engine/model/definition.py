"""
ANSI SQL that defines database objects.

Small methods by design: a dialect overrides how a thing is spelled, never how things are put together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pysqlsync_engine.errors import DefinitionError
from pysqlsync_engine.model.constraint_types import ExclusionConstraint, Index, IndexPart
from pysqlsync_engine.model.data_types import SqlArray, SqlNamed, SqlType
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.object_types import (
    Catalog,
    CheckConstraint,
    Column,
    Constraint,
    DatabaseObject,
    DomainType,
    EnumType,
    ForeignKeyConstraint,
    IdentityMode,
    Namespace,
    PrimaryKeyConstraint,
    ReferentialAction,
    StructMember,
    StructType,
    Table,
    UniqueConstraint,
)
from pysqlsync_engine.model.spelling import SpellingWriter


class DefinitionWriter(SpellingWriter):
    """Writes definitions of objects; holds nothing that a call could change."""

    def column(self, column: Column) -> str:
        """:returns: The column as it stands in the body of a table."""
        return " ".join((self.quote(column.name), self.column_type(column), *self.column_properties(column)))

    def column_type(self, column: Column) -> str:
        """:returns: The type of a column, with its collation."""
        collation = "" if column.collation is None else f" COLLATE {column.collation}"
        return self.data_type(column.data_type) + collation

    def column_properties(self, column: Column) -> Iterator[str]:
        """:returns: What follows the type of a column in the body of a table, in order."""
        if column.generated is not None:
            kind = " STORED" if column.generated.stored else " VIRTUAL"
            yield f"GENERATED ALWAYS AS ({self.expression(column.generated.expression)}){kind}"
        elif column.identity is not None:
            mode = IdentityMode.BY_DEFAULT if column.identity is IdentityMode.SERIAL else column.identity
            yield f"GENERATED {mode.value} AS IDENTITY"
        elif column.default is not None:
            yield f"DEFAULT {self.expression(column.default)}"
        if not column.nullable:
            yield "NOT NULL"

    def constraint(self, constraint: Constraint) -> str:
        """
        :returns: The constraint as it stands in the body of a table.
        :raises DefinitionError: if it is of a kind that the model does not know.
        """
        return f"CONSTRAINT {self.quote(constraint.name)} {self.condition(constraint)}"

    def condition(self, constraint: Constraint) -> str:
        """:returns: The constraint without its name."""
        match constraint:
            case PrimaryKeyConstraint():
                return f"PRIMARY KEY ({self.names(constraint.columns)}){self.key_options(constraint)}"
            case UniqueConstraint():
                nulls = " NULLS NOT DISTINCT" if constraint.nulls_not_distinct else ""
                return f"UNIQUE{nulls} ({self.names(constraint.columns)}){self.key_options(constraint)}"
            case CheckConstraint():
                return self.check(constraint)
            case ForeignKeyConstraint():
                return self.reference(constraint)
            case ExclusionConstraint():
                return constraint.definition + self.deferrability(constraint)
            case _:
                raise DefinitionError(
                    f"constraint {constraint.name.name}: {type(constraint).__name__} has no SQL; use a constraint of the model"
                )

    def key_options(self, key: PrimaryKeyConstraint | UniqueConstraint) -> str:
        """:returns: What follows the columns of a key."""
        include = f" INCLUDE ({self.names(key.include)})" if key.include else ""
        return include + self.deferrability(key)

    def deferrability(
        self, constraint: PrimaryKeyConstraint | UniqueConstraint | ForeignKeyConstraint | ExclusionConstraint
    ) -> str:
        """:returns: When the constraint is checked."""
        return "" if constraint.deferrable is None else f" {constraint.deferrable.value}"

    def check(self, check: CheckConstraint) -> str:
        """:returns: A check without its name."""
        text = f"CHECK ({self.expression(check.expression)})"
        if not check.inherited:
            text += " NO INHERIT"
        if not check.enforced:
            return text + " NOT ENFORCED"
        return text if check.validated else text + " NOT VALID"

    def reference(self, key: ForeignKeyConstraint) -> str:
        """:returns: A foreign key without its name."""
        text = (
            f"FOREIGN KEY ({self.names(key.columns)})"
            f" REFERENCES {self.qualified(key.referenced_table)} ({self.names(key.referenced_columns)})"
        )
        if key.match_full:
            text += " MATCH FULL"
        for event, action in (("DELETE", key.on_delete), ("UPDATE", key.on_update)):
            if action is not ReferentialAction.NO_ACTION:
                text += f" ON {event} {action.value}"
        text += self.deferrability(key)
        if not key.enforced:
            return text + " NOT ENFORCED"
        return text if key.validated else text + " NOT VALID"

    def create_index(self, table: QualifiedId, index: Index) -> str:
        """:returns: A statement that creates an index."""
        unique = "UNIQUE " if index.unique else ""
        method = "" if index.method is None else f" USING {index.method}"
        parts = ", ".join(self.index_part(part) for part in index.parts)
        return (
            f"CREATE {unique}INDEX {self.quote(index.name)} ON {self.qualified(table)}{method}"
            f" ({parts}){self.index_options(index)}"
        )

    def index_part(self, part: IndexPart) -> str:
        """:returns: A key of an index."""
        text = f"({self.expression(part.expression)})" if part.expression is not None else self.quote(_column_of(part))
        if part.collation is not None:
            text += f" COLLATE {part.collation}"
        if part.operator_class is not None:
            text += f" {part.operator_class}"
        if part.descending:
            text += " DESC"
        if part.nulls_first is not None:
            text += f" NULLS {'FIRST' if part.nulls_first else 'LAST'}"
        return text

    def index_options(self, index: Index) -> str:
        """:returns: What follows the keys of an index."""
        text = f" INCLUDE ({self.names(index.include)})" if index.include else ""
        if index.nulls_not_distinct:
            text += " NULLS NOT DISTINCT"
        if index.options:
            text += f" WITH ({', '.join(index.options)})"
        if index.predicate is not None:
            text += f" WHERE {self.expression(index.predicate)}"
        return text

    def create_domain(self, domain: DomainType) -> str:
        """:returns: A statement that creates the domain."""
        text = f"CREATE DOMAIN {self.qualified(domain.name)} AS {self.data_type(domain.data_type)}"
        if domain.collation is not None:
            text += f" COLLATE {domain.collation}"
        if domain.default is not None:
            text += f" DEFAULT {self.expression(domain.default)}"
        if not domain.nullable:
            text += " NOT NULL"
        # the server takes a condition for valid when it creates the type, as there are no values yet
        return text + "".join(f" {self.constraint(check)}" for check in domain.constraints)

    def table_body(self, table: Table, *, foreign_keys: bool) -> str:
        """
        :param foreign_keys: False where they are added once all tables exist.
        :returns: Columns and constraints, a line each, in parentheses.
        """
        lines = [self.column(column) for column in table.columns]
        if table.primary_key is not None:
            lines.append(self.constraint(table.primary_key))
        lines += [
            self.constraint(constraint)
            for constraint in table.constraints
            if foreign_keys or not isinstance(constraint, ForeignKeyConstraint)
        ]
        return "(\n    " + ",\n    ".join(lines) + "\n)" if lines else "()"

    def create_table(self, table: Table, *, foreign_keys: bool) -> str:
        """:returns: A statement that creates the table; see `table_body`."""
        return f"CREATE TABLE {self.qualified(table.name)} {self.table_body(table, foreign_keys=foreign_keys)}"

    def add_constraint(self, table: QualifiedId, constraint: Constraint) -> str:
        """:returns: A statement that adds a constraint to a table."""
        return f"ALTER TABLE {self.qualified(table)} ADD {self.constraint(constraint)}"

    def create_enum(self, enum: EnumType) -> str:
        """
        :returns: A statement that creates the enumeration.

        The standard has no enumerations. A domain comes closest: a named type with a check of its values, and with the
        order of text rather than that of the labels.
        """
        longest = max((len(label) for label in enum.labels), default=1)
        return (
            f"CREATE DOMAIN {self.qualified(enum.name)} AS character varying({max(longest, 1)})"
            f" CHECK (VALUE IN ({self.labels(enum.labels)}))"
        )

    def create_struct(self, struct: StructType) -> str:
        """:returns: A statement that creates the composite type."""
        members = ",\n    ".join(self.member(member) for member in struct.members)
        return f"CREATE TYPE {self.qualified(struct.name)} AS (\n    {members}\n)"

    def member(self, member: StructMember) -> str:
        """:returns: The member as it stands in the body of a composite type."""
        return f"{self.quote(member.name)} {self.data_type(member.data_type)}"

    def create_namespace(self, name: LocalId) -> str:
        """:returns: A statement that creates the namespace."""
        return f"CREATE SCHEMA {self.quote(name)}"

    def create(self, subject: DatabaseObject) -> str:
        """
        Define an object, for people and for scripts.

        Comments and labels of lookup tables are left out: the standard has no statement for the former, and the latter
        are rows.

        :returns: Statements, each with a terminator; for a column, a member or a constraint, its clause in the body.
        """
        match subject:
            case Column():
                return self.column(subject)
            case StructMember():
                return self.member(subject)
            case Constraint():
                return self.constraint(subject)
            case Table():
                return self.create_table(subject, foreign_keys=True) + ";"
            case EnumType():
                return self.create_enum(subject) + ";"
            case StructType():
                return self.create_struct(subject) + ";"
            case DomainType():
                return self.create_domain(subject) + ";"
            case Index() | IndexPart():
                return self._index(subject)
            case Namespace() | Catalog():
                catalog = subject if isinstance(subject, Catalog) else Catalog((subject,))
                return "\n".join(f"{statement};" for statement in self._catalog(catalog))
            case _:
                raise DefinitionError(f"{type(subject).__name__}: has no SQL; use an object of the model")

    def _index(self, subject: Index | IndexPart) -> str:
        """An index, as a clause that is the same wherever its table is."""
        if isinstance(subject, IndexPart):
            return self.index_part(subject)
        unique = "UNIQUE " if subject.unique else ""
        method = "" if subject.method is None else f" USING {subject.method}"
        parts = ", ".join(self.index_part(part) for part in subject.parts)
        return f"{unique}INDEX {self.quote(subject.name)}{method} ({parts}){self.index_options(subject)}"

    def _catalog(self, catalog: Catalog) -> Iterator[str]:
        """Statements that create all objects, foreign keys last, as tables may refer to each other."""
        for namespace in catalog.namespaces:
            if namespace.name.name:
                yield self.create_namespace(namespace.name)
        for namespace in catalog.namespaces:
            yield from (self.create_enum(enum) for enum in namespace.enums)
            yield from (self.create_domain(domain) for domain in namespace.domains)
        for struct in _by_dependency([struct for namespace in catalog.namespaces for struct in namespace.structs]):
            yield self.create_struct(struct)
        for table in catalog.tables():
            yield self.create_table(table, foreign_keys=False)
        for table in catalog.tables():
            yield from (self.create_index(table.name, index) for index in table.indexes)
        for table in catalog.tables():
            yield from (self.add_constraint(table.name, key) for key in table.foreign_keys)


def _column_of(part: IndexPart) -> LocalId:
    if part.column is None:
        raise DefinitionError("index part: expected a column or an expression")
    return part.column


def named_types(data_type: SqlType) -> frozenset[QualifiedId]:
    """:returns: Names of the types of the catalog that a type is made of."""
    match data_type:
        case SqlNamed(name=name):
            return frozenset({name})
        case SqlArray(element=element):
            return named_types(element)
        case _:
            return frozenset()


def types_of(subject: EnumType | StructType | DomainType | Table) -> frozenset[QualifiedId]:
    """:returns: Names of the types of the catalog that the columns or members of an object have."""
    match subject:
        case EnumType():
            return frozenset()
        case DomainType(data_type=base):
            return named_types(base)
        case StructType(members=parts) | Table(columns=parts):
            return frozenset(name for part in parts for name in named_types(part.data_type))


def _by_dependency(structs: Iterable[StructType]) -> list[StructType]:
    """:returns: The same types, each after those that its members have."""
    ordered: dict[QualifiedId, StructType] = {}
    pending = {struct.name: struct for struct in structs}

    def visit(struct: StructType) -> None:
        if pending.pop(struct.name, None) is None:
            return
        for name in sorted(types_of(struct)):
            if name in pending:
                visit(pending[name])
        ordered[struct.name] = struct

    while pending:
        visit(next(iter(pending.values())))
    return list(ordered.values())


ANSI = DefinitionWriter()
"""The writer behind `str()` of every object of the model."""
