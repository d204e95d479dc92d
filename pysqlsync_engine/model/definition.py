"""
ANSI SQL that defines database objects.

Small methods by design: a dialect overrides how a thing is spelled, never how things are put together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal

from pysqlsync_engine.errors import DefinitionError
from pysqlsync_engine.model.data_types import (
    SqlArray,
    SqlBinary,
    SqlBoolean,
    SqlCharacter,
    SqlDate,
    SqlDecimal,
    SqlFloat,
    SqlInteger,
    SqlInterval,
    SqlJson,
    SqlNamed,
    SqlOpaque,
    SqlTime,
    SqlTimestamp,
    SqlType,
    SqlUuid,
)
from pysqlsync_engine.model.id_types import LocalId, QualifiedId, quote_ansi
from pysqlsync_engine.model.literals import boolean_literal, number_literal, quote_literal
from pysqlsync_engine.model.object_types import (
    Catalog,
    CheckConstraint,
    Column,
    Constraint,
    DatabaseObject,
    EnumType,
    ForeignKeyConstraint,
    Namespace,
    PrimaryKeyConstraint,
    ReferentialAction,
    StructMember,
    StructType,
    Table,
    UniqueConstraint,
)

_DECIMAL_DIGITS = {1: 3, 2: 5, 3: 8, 4: 10, 8: 20}
"""Digits of the largest unsigned integer of as many bytes."""


class DefinitionWriter:
    """Writes definitions of objects; holds nothing that a call could change."""

    def quote(self, name: LocalId | str) -> str:
        """
        :returns: The name as a delimited identifier.
        :raises DefinitionError: if no server can have the name.
        """
        text = name.name if isinstance(name, LocalId) else name
        if not text or "\0" in text:
            raise DefinitionError(f"name {text!r}: is empty or has a NUL character; give the object another name")
        return quote_ansi(text)

    def qualified(self, name: QualifiedId) -> str:
        """:returns: The name as delimited identifiers, with the namespace if it has one."""
        if name.namespace is None:
            return self.quote(name.name)
        return f"{self.quote(name.namespace)}.{self.quote(name.name)}"

    def names(self, names: Iterable[LocalId]) -> str:
        """:returns: The names as delimited identifiers, with commas between."""
        return ", ".join(self.quote(name) for name in names)

    def literal(self, value: str | bool | int | float | Decimal | None) -> str:  # noqa: FBT001 - the value is the subject
        """
        :returns: The value as an SQL literal.
        :raises ValueError: if SQL has no literal for it.
        """
        if value is None:
            return "NULL"
        if isinstance(value, bool):
            return boolean_literal(value)
        if isinstance(value, str):
            return quote_literal(value)
        return number_literal(value)

    def labels(self, labels: Iterable[str]) -> str:
        """:returns: The labels as literals, with commas between."""
        return ", ".join(self.literal(label) for label in labels)

    def expression(self, text: str) -> str:
        """:returns: An expression of the model (a default, a condition of a check) as the server is to read it."""
        return text

    def data_type(self, data_type: SqlType) -> str:
        """
        :returns: The type as it stands after the name of a column.
        :raises DefinitionError: if the type is none of the model's.
        """
        match data_type:
            case SqlInteger() | SqlFloat() | SqlDecimal():
                return self.numeric_type(data_type)
            case SqlCharacter() | SqlBinary():
                return self.string_type(data_type)
            case SqlTimestamp() | SqlDate() | SqlTime() | SqlInterval():
                return self.temporal_type(data_type)
            case SqlArray():
                return self.array_type(data_type)
            case SqlNamed():
                return self.qualified(data_type.name)
            case _:
                return self.other_type(data_type)

    def numeric_type(self, data_type: SqlInteger | SqlFloat | SqlDecimal) -> str:
        """:returns: The type of a number; where there is none as narrow (or none without a sign), the next wider one."""
        match data_type:
            case SqlInteger(width=width, signed=signed):
                needed = width if signed else width + 1
                names = {2: "smallint", 4: "integer", 8: "bigint"}
                fitting = [name for bytes_held, name in names.items() if needed <= bytes_held]
                return fitting[0] if fitting else f"numeric({_DECIMAL_DIGITS[width]})"
            case SqlFloat(width=width):
                return "real" if width == 4 else "double precision"
            case SqlDecimal(precision=None):
                return "numeric"
            case SqlDecimal(precision=precision, scale=scale):
                return f"numeric({precision})" if scale is None else f"numeric({precision}, {scale})"

    def string_type(self, data_type: SqlCharacter | SqlBinary) -> str:
        """:returns: The type of text or of a byte string."""
        unit = "character" if isinstance(data_type, SqlCharacter) else "binary"
        if data_type.limit is None:
            return f"{unit} large object"
        return f"{unit}{'' if data_type.fixed else ' varying'}({data_type.limit})"

    def temporal_type(self, data_type: SqlTimestamp | SqlDate | SqlTime | SqlInterval) -> str:
        """:returns: The type of a date, a time or a length of time."""
        match data_type:
            case SqlDate():
                return "date"
            case SqlInterval(precision=precision):
                return f"interval day to second{_digits(precision)}"
            case SqlTimestamp() | SqlTime():
                name = "timestamp" if isinstance(data_type, SqlTimestamp) else "time"
                zone = "with" if data_type.with_time_zone else "without"
                return f"{name}{_digits(data_type.precision)} {zone} time zone"

    def array_type(self, data_type: SqlArray) -> str:
        """:returns: The type of a list."""
        return f"{self.data_type(data_type.element)} array"

    def other_type(self, data_type: SqlType) -> str:
        """:returns: The type as it is; `uuid` is not in the standard, but is what servers that have the type call it."""
        match data_type:
            case SqlBoolean():
                return "boolean"
            case SqlUuid():
                return "uuid"
            case SqlJson():
                return "json"
            case SqlOpaque(definition=definition):
                return definition
            case _:
                raise DefinitionError(f"type {type(data_type).__name__}: has no SQL; use a type of the model")

    def column(self, column: Column) -> str:
        """:returns: The column as it stands in the body of a table."""
        parts = [self.quote(column.name), self.data_type(column.data_type)]
        if column.identity is not None:
            parts.append(f"GENERATED {column.identity.value} AS IDENTITY")
        elif column.default is not None:
            parts.append(f"DEFAULT {self.expression(column.default)}")
        if not column.nullable:
            parts.append("NOT NULL")
        return " ".join(parts)

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
                return f"PRIMARY KEY ({self.names(constraint.columns)})"
            case UniqueConstraint():
                return f"UNIQUE ({self.names(constraint.columns)})"
            case CheckConstraint():
                return f"CHECK ({self.expression(constraint.expression)})"
            case ForeignKeyConstraint():
                return self.reference(constraint)
            case _:
                raise DefinitionError(
                    f"constraint {constraint.name.name}: {type(constraint).__name__} has no SQL; use a constraint of the model"
                )

    def reference(self, key: ForeignKeyConstraint) -> str:
        """:returns: A foreign key without its name."""
        text = (
            f"FOREIGN KEY ({self.names(key.columns)})"
            f" REFERENCES {self.qualified(key.referenced_table)} ({self.names(key.referenced_columns)})"
        )
        for event, action in (("DELETE", key.on_delete), ("UPDATE", key.on_update)):
            if action is not ReferentialAction.NO_ACTION:
                text += f" ON {event} {action.value}"
        return text

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
            case Namespace():
                return self.create(Catalog((subject,)))
            case Catalog():
                return "\n".join(f"{statement};" for statement in self._catalog(subject))
            case _:
                raise DefinitionError(f"{type(subject).__name__}: has no SQL; use an object of the model")

    def _catalog(self, catalog: Catalog) -> Iterator[str]:
        """Statements that create all objects, foreign keys last, as tables may refer to each other."""
        for namespace in catalog.namespaces:
            if namespace.name.name:
                yield self.create_namespace(namespace.name)
        for namespace in catalog.namespaces:
            yield from (self.create_enum(enum) for enum in namespace.enums)
        for struct in _by_dependency([struct for namespace in catalog.namespaces for struct in namespace.structs]):
            yield self.create_struct(struct)
        for table in catalog.tables():
            yield self.create_table(table, foreign_keys=False)
        for table in catalog.tables():
            yield from (self.add_constraint(table.name, key) for key in table.foreign_keys)


def _digits(precision: int | None) -> str:
    return "" if precision is None else f"({precision})"


def named_types(data_type: SqlType) -> frozenset[QualifiedId]:
    """:returns: Names of the types of the catalog that a type is made of."""
    match data_type:
        case SqlNamed(name=name):
            return frozenset({name})
        case SqlArray(element=element):
            return named_types(element)
        case _:
            return frozenset()


def types_of(subject: EnumType | StructType | Table) -> frozenset[QualifiedId]:
    """:returns: Names of the types of the catalog that the columns or members of an object have."""
    match subject:
        case EnumType():
            return frozenset()
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
