"""Classes as text: an enumeration, a data-class, or a domain for each object of a catalog."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from strong_typing.auxiliary import Alias

from pysqlsync_engine.discovery.python_declarations import Declaring, Described, declare_check
from pysqlsync_engine.discovery.python_layout import MARGIN, docstring, is_documentable, is_parameter
from pysqlsync_engine.discovery.python_names import choose_member_names, keeps_name
from pysqlsync_engine.discovery.python_prerequisites import Requirements
from pysqlsync_engine.discovery.python_text import (
    INDENT,
    Atom,
    Import,
    Named,
    Node,
    call,
    flat,
    imports_of,
    instance_node,
    name_of,
    render,
    string_literal,
    subscript,
    value_node,
)
from pysqlsync_engine.discovery.python_types import TypeText, annotation, type_text
from pysqlsync_engine.model.data_types import (
    SqlArray,
    SqlBoolean,
    SqlFloat,
    SqlInteger,
    SqlJson,
    SqlNamed,
    SqlTime,
    SqlTimestamp,
    SqlType,
)
from pysqlsync_engine.model.declarations import DomainDeclaration, TableDeclaration, TypeDeclaration
from pysqlsync_engine.model.definition import named_types
from pysqlsync_engine.model.id_types import QualifiedId
from pysqlsync_engine.model.key_types import IdentityTag
from pysqlsync_engine.model.object_types import Column, DomainType, EnumType, IdentityMode, StructType
from pysqlsync_engine.model.type_markers import Collation, Description, GeneratedAs, ServerDefault

_KEY_TYPES = "pysqlsync_engine.model.key_types"
_DECLARATIONS = "pysqlsync_engine.model.declarations"
_ENUM = Import("enum", "Enum")
_DATACLASS = Import("dataclasses", "dataclass")
_PLAIN_NAME = re.compile(r"[^.\"]+")


@dataclass(frozen=True, slots=True)
class Block:
    """
    A statement, or some that belong together.

    :param imports: What it needs.
    """

    text: str
    imports: frozenset[Import]


def write_enum(enum: EnumType, class_name: str, name: str) -> Block:
    """
    :param name: Of the type, within its namespace.
    :returns: An enumeration whose values are the labels.
    """
    described = enum.description is None or is_documentable(enum.description)
    lines = [f"class {class_name}(Enum):"]
    lines += docstring(enum.description if described else None, {}, class_name=class_name)
    lines += [
        f"{MARGIN}{member} = {string_literal(label)}" for label, member in choose_member_names(enum.labels).items()
    ]
    own = _type_declaration(name, class_name, None if described else enum.description)
    lines += ["", _assignment("__type__", own)] if enum.labels else [_assignment("__type__", own)]
    return Block("\n".join(lines), frozenset({_ENUM, *imports_of([own])}))


def write_struct(
    struct: StructType, class_name: str, name: str, fields: Mapping[str, str], classes: Mapping[QualifiedId, Atom]
) -> Block:
    """
    :param fields: Name of the field of each member.
    :param classes: Names of the classes of types.
    :returns: A data-class whose fields are the members.
    """
    described = struct.description is None or is_documentable(struct.description)
    documented = {
        field: member.description
        for member in struct.members
        if member.description is not None and is_parameter(field := fields[member.name.name], member.description)
    }
    annotations: list[tuple[str, Node]] = []
    for member in struct.members:
        field = fields[member.name.name]
        tags = [*_alias(field, member.name.name), *_description(member.description, field in documented)]
        text = type_text(member.data_type, classes, f"{struct.name.display}.{member.name.name}")
        annotations.append((field, annotation(text, tags=tuple(tags), nullable=True)))
    own = _type_declaration(name, class_name, None if described else struct.description)
    text = struct.description if described else None
    return _data_class(class_name, docstring(text, documented, class_name=class_name), annotations, ("__type__", own))


def write_table(
    declaring: Declaring, name: str, classes: Mapping[QualifiedId, Atom], requirements: Requirements
) -> Block:
    """
    :param name: Of the table, within its namespace.
    :param classes: Names of the classes of types.
    :param requirements: Functions and collations that the table may use.
    :returns: A data-class whose fields are the columns.
    """
    own, table = declaring.own, declaring.own.table
    described = table.description is None or is_documentable(table.description)
    documented = {
        field: column.description
        for column in table.columns
        if column.description is not None and is_parameter(field := own.fields[column.name.name], column.description)
    }
    declaration = TableDeclaration(
        name=None if name == own.class_name else name,
        primary_key=declaring.key(),
        constraints=tuple(declaring.constraints()),
        indexes=tuple(declaring.indexes()),
        description=None if described else table.description,
        options=_all_markers(table.vendor_markers, table.markers),
    )
    required = tuple(requirements.node(table))
    is_plain = table.primary_key is not None and declaration == TableDeclaration() and not required
    text = table.description if described else None
    return _data_class(
        own.class_name,
        docstring(text, documented, class_name=own.class_name),
        _table_fields(own, classes, documented),
        None if is_plain else ("__table__", instance_node(declaration, *required)),
    )


def _table_fields(
    own: Described, classes: Mapping[QualifiedId, Atom], documented: Mapping[str, str]
) -> Iterator[tuple[str, Node]]:
    """
    :param documented: Fields that the docstring describes.
    :returns: Each field of the class of a table, with its annotation.
    """
    table = own.table
    key = frozenset(() if table.primary_key is None else table.primary_key.columns)
    for column in table.columns:
        field = own.fields[column.name.name]
        node = annotation(
            type_text(column.data_type, classes, f"{table.name.display}.{column.name.name}"),
            tags=(*_alias(field, column.name.name), *_column_tags(column, is_documented=field in documented)),
            nullable=column.nullable,
        )
        if column.identity is IdentityMode.BY_DEFAULT:
            node = subscript(name_of(_KEY_TYPES, "Identity"), node)
        if column.name in key:
            node = subscript(name_of(_KEY_TYPES, "PrimaryKey"), node)
        yield field, node


def write_domain(
    domain: DomainType,
    class_name: str,
    name: str,
    classes: Mapping[QualifiedId, Atom],
    *,
    outside: frozenset[QualifiedId],
    requirements: Requirements,
) -> Block:
    """
    :param classes: Names of the classes of types; those outside with all of the name of their module.
    :param requirements: Functions and collations that the domain may use.
    :param outside: Types of other modules, which may not be there when the module is read.
    :returns: A `NewType`, and what makes a domain of it.
    """
    text = type_text(domain.data_type, classes, domain.name.display)
    is_late = bool(named_types(domain.data_type) & outside)
    base, supertype = annotation(text), _supertype(domain.data_type, text, is_late=is_late)
    declaration = DomainDeclaration(
        name=None if name == class_name else name,
        checks=tuple(map(declare_check, domain.constraints)),
        default=domain.default,
        nullable=domain.nullable,
        description=domain.description,
        collation=domain.collation,
    )
    said = Atom(string_literal(flat(base))) if is_late else base
    required = requirements.node(domain)
    declared = instance_node(declaration, *(() if base == supertype else (Named("base", said),)), *required)
    made = call(name_of("typing", "NewType"), value_node(class_name), supertype)
    declare = call(name_of(_DECLARATIONS, "declare_domain"), Atom(class_name), declared)
    return Block(
        f"{class_name} = {render(made, taken=len(class_name) + 3)}\n{render(declare)}",
        frozenset(imports_of([made, declare])),
    )


def _supertype(data_type: SqlType, text: TypeText, *, is_late: bool) -> Node:
    """:returns: A class that type checkers let a `NewType` derive from; that of the values, if possible."""
    match data_type:
        case SqlInteger() | SqlBoolean():
            return Atom("int")
        case SqlFloat():
            return Atom("float")
        case SqlTimestamp() | SqlTime():
            return type_text(replace(data_type, with_time_zone=False), {}, "").core
        case SqlArray() if not is_late:
            return text.core
        case SqlArray():
            return Atom("list[object]")
        case SqlNamed() | SqlJson():
            return Atom("object")
        case _:
            return text.core


def _data_class(
    class_name: str,
    documentation: Iterable[str],
    annotations: Iterable[tuple[str, Node]],
    declaration: tuple[str, Node] | None,
) -> Block:
    fields = list(annotations)
    nodes = [node for _, node in fields]
    lines = ["@dataclass", f"class {class_name}:", *documentation]
    lines += [f"{MARGIN}{name}: {render(node, indent=INDENT, taken=len(name) + 2)}" for name, node in fields]
    if declaration is not None:
        name, node = declaration
        lines += ["", _assignment(name, node)] if fields else [_assignment(name, node)]
        nodes.append(node)
    return Block("\n".join(lines), frozenset({_DATACLASS, *imports_of(nodes)}))


def _assignment(name: str, node: Node) -> str:
    return f"{MARGIN}{name} = {render(node, indent=INDENT, taken=len(name) + 3)}"


def _type_declaration(name: str, class_name: str, description: str | None) -> Node:
    return value_node(TypeDeclaration(None if name == class_name else name, description=description))


def _alias(field: str, name: str) -> Iterator[object]:
    if not keeps_name(field, name):
        yield Alias(name)


def _description(text: str | None, is_documented: bool) -> Iterator[object]:  # noqa: FBT001 - private
    if text is not None and not is_documented:
        yield Description(text)


def _column_tags(column: Column, *, is_documented: bool) -> Iterator[object]:
    """:returns: What there is to say of a column besides its name and its type."""
    if column.identity not in (None, IdentityMode.BY_DEFAULT):
        yield IdentityTag(column.identity, None if column.sequence is None else _sequence(column.sequence))
    if column.collation is not None:
        yield Collation(column.collation)
    if column.default is not None:
        yield ServerDefault(column.default)
    if column.generated is not None:
        yield GeneratedAs(column.generated.expression, column.generated.stored)
    yield from _all_markers(column.vendor_markers, column.markers)
    yield from _description(column.description, is_documented)


def _all_markers(vendor: tuple[object, ...], kept: tuple[object, ...]) -> tuple[object, ...]:
    """:returns: What attributes of the vendor stand for, and what was said for other products."""
    kinds = {type(marker) for marker in vendor}
    return (*vendor, *(marker for marker in kept if type(marker) not in kinds))


def _sequence(name: QualifiedId) -> str:
    """:returns: The name as `IdentityTag` reads it: quoted where it could be taken for another."""
    parts = [part for part in (name.namespace, name.name) if part is not None]
    if all(_PLAIN_NAME.fullmatch(part) for part in parts):
        return ".".join(parts)
    return str(name)
