"""Data types of PostgreSQL: what the server calls them, and a desired catalog as the server will report it back."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from pysqlsync_engine.capabilities import Capabilities
from pysqlsync_engine.dialect.postgresql.capabilities import quoted_words
from pysqlsync_engine.dialect.postgresql.expressions import (
    canonical_default,
    label_condition,
    parse_constant,
    print_qualified,
    size_condition,
)
from pysqlsync_engine.errors import UnsupportedError
from pysqlsync_engine.formation.names import constraint_name
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
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.literals import quote_literal
from pysqlsync_engine.model.object_types import (
    Catalog,
    CheckConstraint,
    Column,
    Constraint,
    EnumType,
    ForeignKeyConstraint,
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

MAX_CHARACTERS = 10_485_760
"""Longest length that a string type can declare; https://www.postgresql.org/docs/current/datatype-character.html"""

MAX_DIGITS = 1000
"""Largest precision that a number can declare; https://www.postgresql.org/docs/current/datatype-numeric.html"""

MAX_COLUMNS = 1600
"""https://www.postgresql.org/docs/current/limits.html"""

_MICROSECONDS = 6
"""Digits of fractional seconds where none are declared."""

_PLAIN_TYPES: Mapping[str, SqlType] = {
    "boolean": SqlBoolean(),
    "smallint": SqlInteger(2),
    "integer": SqlInteger(4),
    "bigint": SqlInteger(8),
    "real": SqlFloat(4),
    "double precision": SqlFloat(8),
    "numeric": SqlDecimal(),
    "text": SqlCharacter(),
    "bytea": SqlBinary(),
    "date": SqlDate(),
    "timestamp without time zone": SqlTimestamp(),
    "timestamp with time zone": SqlTimestamp(with_time_zone=True),
    "time without time zone": SqlTime(),
    "time with time zone": SqlTime(with_time_zone=True),
    "interval": SqlInterval(),
    "uuid": SqlUuid(),
    "json": SqlJson(binary=False),
    "jsonb": SqlJson(),
}
_STRING = re.compile(r"character( varying)?\((\d+)\)")
_DECIMAL = re.compile(r"numeric\((\d+),(-?\d+)\)")
_TIME = re.compile(r"(timestamp|time)\((\d)\) with(out)? time zone")
_INTERVAL = re.compile(r"interval\((\d)\)")
_ARRAY = re.compile(r"(?:\[\])+$")


def parse_type(definition: str) -> SqlType:
    """
    Understand a type as `format_type()` prints it.

    :returns: The type; `SqlOpaque` with the very spelling for one that is not modelled: among them `character varying`
        without a length, which is not `text` to the server, and all types that users and extensions have made.
    """
    element = _ARRAY.sub("", definition)
    if element != definition:
        # the server does not keep the number of dimensions
        return SqlArray(parse_type(element))
    plain = _PLAIN_TYPES.get(definition)
    return plain or _parse_sized(definition) or SqlOpaque(definition)


def _parse_sized(definition: str) -> SqlType | None:
    if match := _STRING.fullmatch(definition):
        return SqlCharacter(int(match[2]), fixed=match[1] is None)
    if match := _DECIMAL.fullmatch(definition):
        return SqlDecimal(int(match[1]), int(match[2]))
    if match := _TIME.fullmatch(definition):
        kind = SqlTimestamp if match[1] == "timestamp" else SqlTime
        return kind(_digits(int(match[2])), with_time_zone=match[3] is None)
    if match := _INTERVAL.fullmatch(definition):
        return SqlInterval(_digits(int(match[1])))
    return None


def _digits(precision: int | None) -> int | None:
    """:returns: The precision of a time; `None` for what a time has anyway."""
    return None if precision == _MICROSECONDS else precision


def lower(catalog: Catalog, capabilities: Capabilities) -> Catalog:
    """
    Say what the server will report once the catalog has been created.

    - Objects without a namespace are in the default one.
    - Integers that the server has no type for get the next wider one: unsigned ones the next signed one, those of
      8 bytes `numeric(20,0)`.
    - The server has no limit for byte strings, and none above `MAX_CHARACTERS` for text: these limits become checks.
    - Lists of lists are lists, as the server does not keep the number of dimensions.
    - Defaults and checks are as the server prints them; see `canonical_default`.

    :raises UnsupportedError: if the server cannot do what the catalog asks for; names table and column.
    """
    lowering = _Lowering(capabilities, quoted_words(capabilities.version))
    merged: dict[str, Namespace] = {}
    for namespace in map(lowering.namespace, catalog.namespaces):
        other = merged.get(namespace.name.name, Namespace(namespace.name))
        merged[namespace.name.name] = Namespace(
            namespace.name,
            enums=tuple(sorted(other.enums + namespace.enums, key=lambda enum: enum.name)),
            structs=tuple(sorted(other.structs + namespace.structs, key=lambda struct: struct.name)),
            tables=tuple(sorted(other.tables + namespace.tables, key=lambda table: table.name)),
        )
    for namespace in merged.values():
        _check_distinct(namespace)
    return replace(catalog, namespaces=tuple(merged[name] for name in sorted(merged)))


def _check_distinct(namespace: Namespace) -> None:
    """Refuse two objects of a name, which come of modules that have the default namespace with and without its name."""
    seen: set[QualifiedId] = set()
    for item in (*namespace.enums, *namespace.structs, *namespace.tables):
        if item.name in seen:
            raise UnsupportedError(f"{item.name.display}: two objects would have this name; rename one of them")
        seen.add(item.name)


@dataclass(frozen=True, slots=True)
class _Size:
    """
    A limit that the type itself cannot have.

    :param function: How the server measures it.
    """

    function: str
    limit: int
    exact: bool


@dataclass(frozen=True, slots=True)
class _Lowering:
    """What lowering depends on besides the object."""

    capabilities: Capabilities
    quoted_words: frozenset[str]

    def name(self, name: QualifiedId) -> QualifiedId:
        return QualifiedId(name.namespace or self.capabilities.default_namespace, name.name)

    def namespace(self, namespace: Namespace) -> Namespace:
        return Namespace(
            LocalId(namespace.name.name or self.capabilities.default_namespace or ""),
            enums=tuple(map(self.enum, namespace.enums)),
            structs=tuple(map(self.struct, namespace.structs)),
            tables=tuple(map(self.table, namespace.tables)),
        )

    def enum(self, enum: EnumType) -> EnumType:
        name = self.name(enum.name)
        return replace(enum, name=name, description=_comment(enum.description, name.display))

    def struct(self, struct: StructType) -> StructType:
        name = self.name(struct.name)
        members = tuple(self.member(member, name) for member in struct.members)
        return StructType(name, members, _comment(struct.description, name.display))

    def member(self, member: StructMember, struct: QualifiedId) -> StructMember:
        place = f"{struct.display}.{member.name.name}"
        data_type = self.unlimited_type(member.data_type, place)
        return StructMember(member.name, data_type, _comment(member.description, place))

    def table(self, table: Table) -> Table:
        name = self.name(table.name)
        if len(table.columns) > MAX_COLUMNS:
            raise UnsupportedError(
                f"{name.display}: {len(table.columns)} columns, the server permits {MAX_COLUMNS}; split the table"
            )
        columns = tuple(self.column(column, name) for column in table.columns)
        constraints = [
            *(self.constraint(constraint, columns, name) for constraint in table.constraints),
            *self.size_checks(table, name),
        ]
        lowered = replace(
            table,
            name=name,
            columns=columns,
            constraints=tuple(sorted(constraints, key=lambda constraint: constraint.name)),
            description=_comment(table.description, name.display),
            relations=tuple(map(self.relation, table.relations)),
            lookups=tuple(map(self.lookup, table.lookups)),
        )
        _check_keys(lowered)
        return lowered

    def column(self, column: Column, table: QualifiedId) -> Column:
        place = f"{table.display}.{column.name.name}"
        data_type, _ = self.data_type(column.data_type, place)
        if column.identity is not None and not isinstance(data_type, SqlInteger):
            raise UnsupportedError(
                f"{place}: the server generates values of 2, 4 or 8 bytes with a sign only; use int or Annotated[int, ...]"
                " of a narrower type"
            )
        return replace(
            column,
            data_type=data_type,
            default=None if column.default is None else self.default(column.default, data_type),
            description=_comment(column.description, place),
        )

    def default(self, expression: str, data_type: SqlType) -> str | None:
        constant = parse_constant(expression)
        if isinstance(data_type, SqlNamed) and constant is not None and constant.quoted and constant.cast is None:
            return f"{quote_literal(constant.text)}::{print_qualified(data_type.name, self.quoted_words)}"
        return canonical_default(expression, data_type)

    def constraint(self, constraint: Constraint, columns: tuple[Column, ...], table: QualifiedId) -> Constraint:
        match constraint:
            case ForeignKeyConstraint():
                return replace(constraint, referenced_table=self.name(constraint.referenced_table))
            case LabelCheck():
                expression = self.label_expression(constraint, columns, table)
                return CheckConstraint(constraint.name, expression, columns=constraint.columns)
            case _:
                return constraint

    def label_expression(self, check: LabelCheck, columns: tuple[Column, ...], table: QualifiedId) -> str:
        data_type = next((column.data_type for column in columns if column.name == check.column), None)
        if not isinstance(data_type, SqlCharacter) or not check.labels:
            raise UnsupportedError(
                f"{table.display}.{check.column.name}: expected a column of text and one or more labels for the check"
                f" {check.name.name}; store the enumeration in another way"
            )
        return label_condition(check.column, data_type, check.labels, self.quoted_words)

    def size_checks(self, table: Table, name: QualifiedId) -> Iterator[CheckConstraint]:
        taken = {constraint.name.name for constraint in table.constraints}
        for column in table.columns:
            _, size = self.data_type(column.data_type, f"{name.display}.{column.name.name}")
            if size is None:
                continue
            limit = self.capabilities.max_identifier_bytes
            check = constraint_name("ck", name.name, column.name.name, "size", max_bytes=limit)
            if check in taken:
                raise UnsupportedError(
                    f"{name.display}.{column.name.name}: the check of its length would be called {check!r}, as is another"
                    " constraint; rename the column"
                )
            yield CheckConstraint(
                LocalId(check),
                size_condition(size.function, column.name, size.limit, self.quoted_words, exact=size.exact),
            )

    def relation(self, relation: Relation) -> Relation:
        return replace(relation, referenced_table=self.name(relation.referenced_table))

    def lookup(self, lookup: Lookup) -> Lookup:
        return replace(lookup, table=self.name(lookup.table))

    def unlimited_type(self, data_type: SqlType, place: str) -> SqlType:
        """:returns: The type of a value that no check can guard: a member of a composite type, an element of a list."""
        lowered, size = self.data_type(data_type, place)
        if size is not None:
            raise UnsupportedError(
                f"{place}: the server cannot limit values to {size.limit} here; remove the limit, or make it a column"
            )
        return lowered

    def data_type(self, data_type: SqlType, place: str) -> tuple[SqlType, _Size | None]:
        """:returns: The type, and what remains to be checked."""
        match data_type:
            case SqlArray(element=SqlArray() as element):
                return self.data_type(element, place)
            case SqlArray(element=element):
                return SqlArray(self.unlimited_type(element, place)), None
            case SqlNamed(name=name):
                return SqlNamed(self.name(name)), None
            case SqlBinary(limit=int(limit), fixed=fixed):
                return SqlBinary(), _Size("octet_length", limit, exact=fixed)
            case SqlCharacter(limit=int(limit), fixed=fixed) if limit > MAX_CHARACTERS:
                return SqlCharacter(), _Size("char_length", limit, exact=fixed)
            case _:
                return _lower_scalar(data_type, place), None


def _lower_scalar(data_type: SqlType, place: str) -> SqlType:
    match data_type:
        case SqlInteger():
            return _lower_integer(data_type, place)
        case SqlFloat(width=width) if width not in (4, 8):
            raise UnsupportedError(f"{place}: no floating-point number has {width} bytes; use 4 or 8")
        case SqlDecimal(precision=int()):
            return _lower_decimal(data_type, place)
        case SqlCharacter(limit=int(limit)) if limit < 1:
            raise UnsupportedError(f"{place}: no string has a limit of {limit}; use 1 or more")
        case SqlCharacter(limit=None) | SqlBinary():
            return replace(data_type, fixed=False)
        case SqlTimestamp(precision=precision) | SqlTime(precision=precision) | SqlInterval(precision=precision):
            if precision is not None and not 0 <= precision <= _MICROSECONDS:
                raise UnsupportedError(f"{place}: no time has {precision} decimal digits; use 0 to {_MICROSECONDS}")
            return replace(data_type, precision=_digits(precision))
        case _:
            return data_type


def _lower_integer(data_type: SqlInteger, place: str) -> SqlType:
    needed = data_type.width if data_type.signed else data_type.width + 1
    fitting = [width for width in (2, 4, 8) if width >= needed]
    if data_type.width not in (1, 2, 3, 4, 8):
        raise UnsupportedError(f"{place}: no integer has {data_type.width} bytes; use 1, 2, 3, 4 or 8")
    return SqlInteger(fitting[0]) if fitting else SqlDecimal(20, 0)


def _lower_decimal(data_type: SqlDecimal, place: str) -> SqlType:
    precision, scale = data_type.precision or 0, data_type.scale or 0
    if not 1 <= precision <= MAX_DIGITS or not 0 <= scale <= precision:
        raise UnsupportedError(
            f"{place}: no number has {precision} digits, {scale} of them decimal; use 1 to {MAX_DIGITS}, and no more decimal"
        )
    return SqlDecimal(precision, scale)


def _check_keys(table: Table) -> None:
    """Refuse keys of a type that the server cannot compare."""
    keys = (table.primary_key, *table.constraints)
    for key in keys:
        if not isinstance(key, PrimaryKeyConstraint | UniqueConstraint):
            continue
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
