"""
What a class says of its table as a whole, in a class variable without annotation.

    @dataclass
    class Ticket:
        event: int
        seat: int
        owner: str

        __table__ = TableDeclaration(
            name="tickets",
            primary_key=KeyOf(("event", "seat")),
            constraints=(References(("event",), "Event", on_delete=ReferentialAction.CASCADE), Check("seat > 0")),
            indexes=(IndexOf(("owner",)),),
        )

Fields are named as in Python. Expressions are SQL, in the terms of the database. Constraints and indexes without a name get one
that follows from the table and the fields.
"""

from __future__ import annotations

import sys
import types
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

from pysqlsync_engine.errors import DefinitionError
from pysqlsync_engine.model.constraint_types import Deferrability, ReferentialAction
from pysqlsync_engine.model.object_types import Prerequisite

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class KeyOf:
    """
    The primary key; instead of marking fields as `PrimaryKey[...]`, where the order, the name or an option matters.

    :param fields: In key order.
    :param include: Fields that the index behind the key holds besides.
    :param lengths: For each field, how many characters or bytes of it count; empty if all do.
    """

    fields: tuple[str, ...]
    name: str | None = None
    include: tuple[str, ...] = field(default=(), kw_only=True)
    deferrable: Deferrability | None = field(default=None, kw_only=True)
    lengths: tuple[int | None, ...] = field(default=(), kw_only=True)


@dataclass(frozen=True, slots=True)
class UniqueOf:
    """Fields whose values, taken together, are distinct in each row; see `UniqueConstraint`."""

    fields: tuple[str, ...]
    name: str | None = None
    include: tuple[str, ...] = field(default=(), kw_only=True)
    nulls_not_distinct: bool = field(default=False, kw_only=True)
    deferrable: Deferrability | None = field(default=None, kw_only=True)


@dataclass(frozen=True, slots=True)
class TableName:
    """
    A table that no class describes, in place of its class; it has to be there already.

    :param name: Name of the table, unquoted.
    :param namespace: `None` for the default one of the connection.
    """

    name: str
    namespace: str | None = None


@dataclass(frozen=True, slots=True)
class References:
    """
    Fields that refer to a key of another (or the same) table; see `ForeignKeyConstraint`.

    :param table: Class of the other table, or its name where it is not defined yet: a name in the module of this class, or
        `module.Class` for a module that this module imports.
    :param keys: Fields of the other class; empty for its primary key. For a `TableName`, the columns.
    """

    fields: tuple[str, ...]
    table: type | str | TableName
    keys: tuple[str, ...] = ()
    name: str | None = field(default=None, kw_only=True)
    on_delete: ReferentialAction = field(default=ReferentialAction.NO_ACTION, kw_only=True)
    on_update: ReferentialAction = field(default=ReferentialAction.NO_ACTION, kw_only=True)
    deferrable: Deferrability | None = field(default=None, kw_only=True)
    match_full: bool = field(default=False, kw_only=True)
    validated: bool = field(default=True, kw_only=True)
    enforced: bool = field(default=True, kw_only=True)


@dataclass(frozen=True, slots=True)
class Check:
    """
    A condition that each row meets; see `CheckConstraint`.

    :param condition: SQL expression over columns of the row.
    """

    condition: str
    name: str | None = None
    validated: bool = field(default=True, kw_only=True)
    inherited: bool = field(default=True, kw_only=True)
    enforced: bool = field(default=True, kw_only=True)


@dataclass(frozen=True, slots=True)
class Exclusion:
    """No two rows are in conflict by given operators; see `ExclusionConstraint`."""

    definition: str
    name: str
    deferrable: Deferrability | None = field(default=None, kw_only=True)


@dataclass(frozen=True, slots=True)
class IndexKey:
    """
    One key of an index, where it is more than a field; see `IndexPart`.

    :param name: Of a field; `None` for an expression.
    """

    name: str | None = None
    expression: str | None = field(default=None, kw_only=True)
    descending: bool = field(default=False, kw_only=True)
    nulls_first: bool | None = field(default=None, kw_only=True)
    length: int | None = field(default=None, kw_only=True)
    operator_class: str | None = field(default=None, kw_only=True)
    collation: str | None = field(default=None, kw_only=True)


@dataclass(frozen=True, slots=True)
class IndexOf:
    """
    An index; see `Index`.

    :param keys: Fields, or more of them than a name: `("owner", IndexKey("seat", descending=True))`.
    :param where: Condition of the rows that are in a partial index.
    """

    keys: tuple[str | IndexKey, ...]
    name: str | None = None
    unique: bool = field(default=False, kw_only=True)
    method: str | None = field(default=None, kw_only=True)
    include: tuple[str, ...] = field(default=(), kw_only=True)
    where: str | None = field(default=None, kw_only=True)
    nulls_not_distinct: bool = field(default=False, kw_only=True)
    options: tuple[str, ...] = field(default=(), kw_only=True)
    description: str | None = field(default=None, kw_only=True)
    visible: bool = field(default=True, kw_only=True)


ConstraintDeclaration: TypeAlias = UniqueOf | References | Check | Exclusion
"""Any constraint but the primary key."""


@dataclass(frozen=True, slots=True)
class Extension:
    """
    A module of the server that tables of a Python module need; it is installed where it is missing, and never dropped.

    Named in the variable `__extensions__` of the module: `__extensions__ = (Extension("btree_gin"),)`.

    :param namespace: Of its functions and types; `None` for the default one.
    """

    name: str
    namespace: str | None = None


@dataclass(frozen=True, slots=True)
class TableDeclaration:
    """
    What a data-class says of its table as a whole: the class variable `__table__`.

    A class that has one is a table, also without a primary key; rows can then only be appended.

    :param name: Name of the table; `None` for that of the class.
    :param renamed_from: Names that the table may have had before, in the same namespace, the latest first.
    :param description: Comment of the table, where the docstring cannot say it.
    :param options: For one product, see `model.vendor_markers`.
    :param requires: Functions and collations that expressions and columns of the table use.
    """

    name: str | None = None
    primary_key: KeyOf | None = None
    constraints: tuple[ConstraintDeclaration, ...] = ()
    indexes: tuple[IndexOf, ...] = ()
    renamed_from: tuple[str, ...] = ()
    description: str | None = None
    options: tuple[object, ...] = ()
    requires: tuple[Prerequisite, ...] = ()


@dataclass(frozen=True, slots=True)
class TypeDeclaration:
    """
    What an enumeration, or a data-class that is the type of a field, says of its type: the class variable `__type__`.

    :param name: Name of the type; `None` for that of the class.
    :param renamed_from: Names that the type may have had before, in the same namespace, the latest first.
    :param label_map: For an enumeration, what becomes of labels that are gone: pairs of a former label and a present one.
    :param description: Comment of the type, where the docstring cannot say it.
    :param namespace: Where the type is; `None` for the namespace of its module.
    """

    name: str | None = None
    renamed_from: tuple[str, ...] = ()
    label_map: tuple[tuple[str, str], ...] = ()
    description: str | None = None
    namespace: str | None = None


@dataclass(frozen=True, slots=True)
class DomainDeclaration:
    """
    What makes a domain of a `NewType`; given to `declare_domain`.

    :param name: Name of the domain; `None` for that of the type.
    :param checks: Conditions on `VALUE`.
    :param default: SQL expression.
    :param nullable: False if a column of the type never permits NULL.
    :param requires: Functions and collations that its expressions use.
    """

    name: str | None = None
    checks: tuple[Check, ...] = ()
    default: str | None = None
    nullable: bool = True
    description: str | None = None
    collation: str | None = None
    namespace: str | None = None
    base: object | None = None
    """
    Annotation of the values, where the type that the `NewType` derives from does not say enough; `None` if it does. As a string,
    names of other modules start with the name of the module.
    """
    requires: tuple[Prerequisite, ...] = ()


TABLE_ATTRIBUTE = "__table__"
TYPE_ATTRIBUTE = "__type__"
DOMAIN_ATTRIBUTE = "__domain__"
EXTENSIONS_ATTRIBUTE = "__extensions__"


def declare_domain(new_type: object, declaration: DomainDeclaration) -> None:
    """
    Make a `NewType` a type of its own in the database: `declare_domain(Year, DomainDeclaration(checks=(Check("VALUE > 0"),)))`.

    Without it, a `NewType` is stored as what it derives from.
    """
    setattr(new_type, DOMAIN_ATTRIBUTE, declaration)


def table_declaration(cls: type) -> TableDeclaration | None:
    """
    :returns: What the class itself says of its table, not what its bases say of theirs.
    :raises DefinitionError: if `__table__` is something else.
    """
    return _declaration(vars(cls).get(TABLE_ATTRIBUTE), TableDeclaration, f"class {cls.__name__}", TABLE_ATTRIBUTE)


def declared_extensions(cls: type) -> tuple[Extension, ...]:
    """
    :returns: Those that the module of a class names.
    :raises DefinitionError: if its `__extensions__` is something else.
    """
    found = vars(sys.modules.get(cls.__module__, types)).get(EXTENSIONS_ATTRIBUTE, ())
    if isinstance(found, tuple) and all(isinstance(each, Extension) for each in found):  # pyright: ignore[reportUnknownVariableType]
        return found  # pyright: ignore[reportUnknownVariableType]
    raise DefinitionError(
        f"module {cls.__module__}: expected {EXTENSIONS_ATTRIBUTE} to be a tuple; write (Extension(...),)"
    )


def type_declaration(cls: type) -> TypeDeclaration | None:
    """
    :returns: What the class itself says of its type.
    :raises DefinitionError: if `__type__` is something else.
    """
    return _declaration(vars(cls).get(TYPE_ATTRIBUTE), TypeDeclaration, f"class {cls.__name__}", TYPE_ATTRIBUTE)


def domain_declaration(new_type: object) -> DomainDeclaration | None:
    """
    :returns: What makes a domain of a `NewType`; `None` if nothing does.
    :raises DefinitionError: if it was given something else.
    """
    name = getattr(new_type, "__name__", repr(new_type))
    return _declaration(getattr(new_type, DOMAIN_ATTRIBUTE, None), DomainDeclaration, f"type {name}", DOMAIN_ATTRIBUTE)


def _declaration(found: object, kind: type[T], owner: str, attribute: str) -> T | None:
    if found is None or isinstance(found, kind):
        return found
    raise DefinitionError(
        f"{owner}: expected {attribute} to be a {kind.__name__}; got {type(found).__name__}; write {kind.__name__}(...)"
    )
