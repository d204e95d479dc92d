"""What a class declares of its table as a whole: keys, constraints and indexes."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import assert_never

from pysqlsync_engine.errors import DefinitionError
from pysqlsync_engine.formation.context import Context
from pysqlsync_engine.formation.inspection import ClassSpec, check_text
from pysqlsync_engine.formation.names import condition_part, object_name
from pysqlsync_engine.formation.namespaces import table_name
from pysqlsync_engine.model.declarations import (
    Check,
    ConstraintDeclaration,
    Exclusion,
    IndexKey,
    IndexOf,
    KeyOf,
    References,
    TableDeclaration,
    TableName,
    UniqueOf,
)
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.object_types import (
    CheckConstraint,
    Constraint,
    ExclusionConstraint,
    ForeignKeyConstraint,
    Index,
    IndexPart,
    PrimaryKeyConstraint,
    UniqueConstraint,
)
from pysqlsync_engine.options import GeneratorOptions


def referred_classes(spec: ClassSpec, options: GeneratorOptions) -> Iterator[type]:
    """
    :returns: Classes of the tables that the class declares to refer to.
    :raises DefinitionError: if there is no class of a name.
    """
    for constraint in (spec.declaration or TableDeclaration()).constraints:
        if isinstance(constraint, References) and not isinstance(constraint.table, TableName):
            yield _resolve(constraint.table, spec, options)


@dataclass(frozen=True, slots=True)
class Declared:
    """
    Forms what a class declares.

    :param table: Name of the table.
    :param apart: Fields that are no columns of the table.
    """

    spec: ClassSpec
    table: QualifiedId
    context: Context
    apart: frozenset[str]

    @property
    def declaration(self) -> TableDeclaration:
        return self.spec.declaration or TableDeclaration()

    def primary_key(self) -> PrimaryKeyConstraint | None:
        """:returns: The key as marked or declared; `None` for a table without a key."""
        if not self.spec.key:
            return None
        key = self.declaration.primary_key or KeyOf(tuple(field.name for field in self.spec.key))
        place = self._place(key)
        if key.lengths and len(key.lengths) != len(key.fields):
            raise DefinitionError(f"{place}: expected a length, or None, for each of its fields; got {key.lengths}")
        return PrimaryKeyConstraint(
            self._name("pk", key.name, ()),
            self._columns(key.fields, place),
            self._columns(key.include, place),
            deferrable=key.deferrable,
            lengths=key.lengths,
        )

    def constraints(self) -> Iterator[Constraint]:
        """:returns: All but the primary key, in order of declaration."""
        for constraint in self.declaration.constraints:
            yield self._constraint(constraint)

    def indexes(self) -> tuple[Index, ...]:
        """:returns: The indexes, sorted by name."""
        return tuple(sorted(map(self._index, self.declaration.indexes), key=lambda index: index.name))

    def _constraint(self, constraint: ConstraintDeclaration) -> Constraint:
        place = self._place(constraint)
        _check_texts(constraint, place)
        match constraint:
            case UniqueOf():
                columns = self._columns(constraint.fields, place)
                return UniqueConstraint(
                    self._name("uq", constraint.name, columns),
                    columns,
                    self._columns(constraint.include, place),
                    nulls_not_distinct=constraint.nulls_not_distinct,
                    deferrable=constraint.deferrable,
                )
            case References():
                return self._foreign_key(constraint, place)
            case Check():
                return form_check(
                    constraint, self._name("ck", constraint.name, (condition_part(constraint.condition),))
                )
            case Exclusion():
                name = LocalId(constraint.name)
                return ExclusionConstraint(name, constraint.definition, deferrable=constraint.deferrable)
            case _:
                assert_never(constraint)

    def _foreign_key(self, reference: References, place: str) -> ForeignKeyConstraint:
        columns = self._columns(reference.fields, place)
        if isinstance(reference.table, TableName):
            return self._outward_key(reference, reference.table, columns, place)
        other = self.context.specs[_resolve(reference.table, self.spec, self.context.options)]
        if not reference.keys and not other.key:
            raise DefinitionError(f"{place}: {other.name} has no primary key; give the fields it refers to as keys")
        keys = reference.keys or tuple(field.name for field in other.key)
        if len(keys) != len(columns):
            raise DefinitionError(
                f"{place}: expected as many fields as {other.name} has in its key ({', '.join(keys)}); got {len(columns)}"
            )
        referenced = tuple(LocalId(other.field(name, place).column_name) for name in keys)
        return self._key(reference, columns, table_name(other.type, options=self.context.options), referenced)

    def _outward_key(
        self, reference: References, table: TableName, columns: tuple[LocalId, ...], place: str
    ) -> ForeignKeyConstraint:
        """:returns: A reference to a table that no class describes."""
        if len(reference.keys) != len(columns):
            raise DefinitionError(
                f"{place}: expected the columns of {table.name} that its fields refer to, one for each; got {len(reference.keys)}"
            )
        referenced = tuple(map(LocalId, reference.keys))
        return self._key(reference, columns, QualifiedId(table.namespace, table.name), referenced)

    def _key(
        self, reference: References, columns: tuple[LocalId, ...], table: QualifiedId, referenced: tuple[LocalId, ...]
    ) -> ForeignKeyConstraint:
        return ForeignKeyConstraint(
            self._name("fk", reference.name, columns),
            columns,
            table,
            referenced,
            reference.on_delete,
            reference.on_update,
            deferrable=reference.deferrable,
            match_full=reference.match_full,
            validated=reference.validated,
            enforced=reference.enforced,
        )

    def _index(self, index: IndexOf) -> Index:
        place = self._place(index)
        _check_texts(index, place)
        if not index.keys:
            raise DefinitionError(f"{place}: no keys; give one or more fields or expressions")
        parts = tuple(self._index_part(key, place) for key in index.keys)
        names = tuple(part.column or condition_part(part.expression or "") for part in parts)
        return Index(
            self._name("ix", index.name, names),
            parts,
            index.unique,
            index.method,
            self._columns(index.include, place),
            index.where,
            nulls_not_distinct=index.nulls_not_distinct,
            options=index.options,
            description=index.description,
            visible=index.visible,
        )

    def _index_part(self, key: str | IndexKey, place: str) -> IndexPart:
        if isinstance(key, str):
            key = IndexKey(key)
        _check_texts(key, place)
        if (key.name is None) == (key.expression is None):
            raise DefinitionError(f"{place}: expected either a field or an expression; got {key}")
        (column,) = (None,) if key.name is None else self._columns((key.name,), place)
        return IndexPart(
            column,
            key.expression,
            key.descending,
            key.nulls_first,
            key.length,
            key.operator_class,
            key.collation,
        )

    def _place(self, declared: KeyOf | ConstraintDeclaration | IndexOf) -> str:
        subject = type(declared).__name__ if declared.name is None else f"{type(declared).__name__} {declared.name}"
        return f"class {self.spec.name}: {subject}"

    def _name(self, prefix: str, declared: str | None, parts: tuple[LocalId, ...]) -> LocalId:
        if declared is not None:
            return LocalId(declared)
        return object_name(prefix, self.table, parts, capabilities=self.context.capabilities)

    def _columns(self, fields: tuple[str, ...], place: str) -> tuple[LocalId, ...]:
        for field in fields:
            if field in self.apart:
                raise DefinitionError(
                    f"{place}: {self.spec.name}.{field} is a list with a table of its own, not a column; leave it out"
                )
        if len(set(fields)) < len(fields):
            raise DefinitionError(f"{place}: {', '.join(fields)} has a field twice; name each once")
        return tuple(LocalId(self.spec.field(field, place).column_name) for field in fields)


def form_check(check: Check, name: LocalId) -> CheckConstraint:
    """:returns: The constraint that a check becomes."""
    return CheckConstraint(
        name,
        check.condition,
        validated=check.validated,
        inherited=check.inherited,
        enforced=check.enforced,
    )


def _check_texts(declared: ConstraintDeclaration | IndexOf | IndexKey, place: str) -> None:
    """:raises DefinitionError: if an SQL text is empty, or has what no server can read."""
    for field in dataclasses.fields(declared):
        text = getattr(declared, field.name)
        if isinstance(text, str) and not check_text(text, f"{place}: {field.name}").strip():
            raise DefinitionError(f"{place}: {field.name} is empty; give one, or leave it out")
    if isinstance(declared, UniqueOf | References) and not declared.fields:
        raise DefinitionError(f"{place}: no fields; give one or more")


def _resolve(table: type | str, spec: ClassSpec, options: GeneratorOptions) -> type:
    """
    :param table: Class, or name of one as seen by the module of another class.
    :param spec: The other class.
    :raises DefinitionError: if there is no data-class of the name.
    """
    found: object = table
    if isinstance(table, str):
        found = _look_up(table, _module(spec, options))
    if isinstance(found, type) and dataclasses.is_dataclass(found):
        return found
    shown = repr(table) if isinstance(table, str) else getattr(table, "__name__", repr(table))
    raise DefinitionError(
        f"class {spec.name}: References to {shown}, which is no data-class in module {spec.module!r}; define or import it there,"
        " or give the class itself"
    )


def _module(spec: ClassSpec, options: GeneratorOptions) -> ModuleType | None:
    known = {module.__name__: module for module in options.namespaces}
    return known.get(spec.module) or sys.modules.get(spec.module)


def _look_up(name: str, module: ModuleType | None) -> object:
    """:returns: What a dotted name stands for in a module, or for itself if it starts with a module; `None` for nothing."""
    found: object = module
    for part in name.split("."):
        found = getattr(found, part, None)
    if found is None and "." in name:
        home, _, attribute = name.rpartition(".")
        return getattr(sys.modules.get(home), attribute, None)
    return found
