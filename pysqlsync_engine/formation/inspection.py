"""Data-classes as plain values: what their annotations and docstrings say of tables."""

from __future__ import annotations

import dataclasses
import enum
import inspect
import re
import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeGuard

from strong_typing import core

from pysqlsync_engine.errors import DefinitionError
from pysqlsync_engine.model.annotations import (
    column_name,
    domain_base,
    extended_enum,
    is_homeless,
    literal_labels,
    peel,
    resolve_annotation,
)
from pysqlsync_engine.model.declarations import (
    TableDeclaration,
    domain_declaration,
    table_declaration,
    type_declaration,
)
from pysqlsync_engine.model.fields import Fields
from pysqlsync_engine.model.key_types import PrimaryKeyTag
from pysqlsync_engine.model.type_markers import Description, NamedType, NativeType

_JSON_PARTS: frozenset[Any] = frozenset({bool, int, float, str, dict, list})
"""What the union `strong_typing.core.JsonType` is made of, besides `None`."""

_PARAMETER = re.compile(r"^:param\s+(?:[^:]*\s)?\*{0,2}(\w+)\s*:\s*(.*)$")
_DIRECTIVE = re.compile(r"^:\w+[^:]*:")


@dataclass(frozen=True, slots=True)
class TypeSpec:
    """
    An annotation, taken apart.

    :param type: What is left without `Annotated` and `None`: a class, `list` or `set` for one of any element type, `dict` for
        every JSON type, `str` for a `Literal` of strings; else the annotation as it was, which no column can have.
    :param optional: True if the value may be `None`.
    :param tags: Metadata found in `Annotated`, at any depth but that of the elements, and outside of the domain.
    :param element: Type of the elements of a list or a set; `None` for other types.
    :param labels: The strings of a `Literal`; empty for other types.
    :param extensible: True for an enumeration that may get more labels: `State | str`.
    :param domain: The type with a name of its own that the value is of; `None` if it is of none.
    """

    type: Any
    optional: bool = False
    tags: tuple[object, ...] = ()
    element: TypeSpec | None = None
    labels: tuple[str, ...] = ()
    extensible: bool = False
    domain: DomainSpec | None = None

    @property
    def leaf(self) -> TypeSpec:
        """The type itself, or that of the elements if it is a list, of lists for that matter."""
        return self if self.element is None else self.element.leaf

    @property
    def native(self) -> str | None:
        """The data type as the server spells it, or its name, if the class says so; then no more is known of the type."""
        for tag in self.tags:
            if isinstance(tag, NativeType | NamedType):
                return tag.definition if isinstance(tag, NativeType) else tag.name
        return None

    @property
    def enum_class(self) -> type[enum.Enum] | None:
        """The type, if it is an enumeration."""
        return self.type if isinstance(self.type, type) and issubclass(self.type, enum.Enum) else None

    @property
    def data_class(self) -> type | None:
        """The type, if it is a data-class."""
        return self.type if isinstance(self.type, type) and is_data_class(self.type) else None


@dataclass(frozen=True, slots=True)
class DomainSpec:
    """
    A `NewType` that is a type of its own in the database.

    :param type: The `NewType`; `domain_declaration` has what it says.
    :param base: Type of the values.
    """

    type: typing.NewType
    base: TypeSpec


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """
    A field of a data-class.

    :param name: Name of the attribute.
    :param column_name: Name of the column.
    :param annotation: Type as written, with all names in it resolved.
    :param type: The same, taken apart.
    :param default: `None` if there is none, or if a function makes it anew for each object.
    :param description: What the docstring says of the field; `None` if it says nothing.
    """

    name: str
    column_name: str
    annotation: Any
    type: TypeSpec
    default: object | None = None
    description: str | None = None

    @property
    def is_marked(self) -> bool:
        """True if the field is marked as (a part of) the primary key."""
        return any(isinstance(tag, PrimaryKeyTag) for tag in self.type.tags)


@dataclass(frozen=True, slots=True)
class ClassSpec:
    """
    A data-class.

    :param module: Name of the module that defines it.
    :param fields: In order; those of base classes first. Class variables and `InitVar` are none, as objects do not keep
        them; a field with `init=False` is one.
    :param description: Docstring without the fields, or what a declaration has instead; `None` if there is none.
    :param key: The fields that identify a row, in key order; empty if none do.
    :param declaration: What the class says of its table as a whole; `None` if it says nothing.
    """

    type: type
    name: str
    module: str
    fields: tuple[FieldSpec, ...]
    description: str | None = None
    key: tuple[FieldSpec, ...] = ()
    declaration: TableDeclaration | None = None

    @property
    def is_entity(self) -> bool:
        """True if the class describes a table: it has a key, or declares a table."""
        return bool(self.key) or self.declaration is not None

    def field(self, name: str, place: str) -> FieldSpec:
        """
        :param place: What names the field, for the message.
        :raises DefinitionError: if there is no such field.
        """
        for field in self.fields:
            if field.name == name:
                return field
        known = ", ".join(field.name for field in self.fields)
        raise DefinitionError(f"{place}: {self.name} has no field {name!r}; use one of {known}")


def inspect_class(cls: type) -> ClassSpec:
    """
    Read the definition of a data-class.

    :raises DefinitionError: if it is not a data-class, or has an annotation that names what does not exist at run time.
    """
    if not isinstance(cls, type):  # pyright: ignore[reportUnnecessaryIsInstance] - users pass objects by mistake
        raise TypeError(f"expected a data-class; got an object: {type(cls).__name__}")
    if "__dataclass_fields__" not in vars(cls):
        # a class that merely inherits from a data-class has fields too, but not those that it adds
        raise DefinitionError(f"class {cls.__name__}: not a data-class; decorate it with @dataclass")
    descriptions = _field_descriptions(cls)
    fields = tuple(_inspect_field(cls, field, descriptions.get(field.name)) for field in dataclasses.fields(cls))
    spec = ClassSpec(cls, cls.__name__, cls.__module__, fields, class_description(cls), (), table_declaration(cls))
    return dataclasses.replace(spec, key=_key(spec))


def _key(spec: ClassSpec) -> tuple[FieldSpec, ...]:
    """
    :returns: The fields that are marked as key, or that the class declares to be it.
    :raises DefinitionError: if it does both, and they are not the same.
    """
    marked = tuple(field for field in spec.fields if field.is_marked)
    declared = None if spec.declaration is None else spec.declaration.primary_key
    if declared is None:
        return marked
    place = f"class {spec.name}: primary key"
    key = tuple(spec.field(name, place) for name in declared.fields)
    if not key or len(set(declared.fields)) < len(key):
        raise DefinitionError(f"{place}: expected one or more fields, each once; got {declared.fields}; correct KeyOf")
    if marked and set(declared.fields) != {field.name for field in marked}:
        both = f"KeyOf({', '.join(declared.fields)}) and PrimaryKey of {', '.join(field.name for field in marked)}"
        raise DefinitionError(f"{place}: {both} contradict each other; keep one of them")
    return key


def class_fields(cls: type) -> Fields:
    """:returns: Names of the columns of a data-class with the types as written, in the order of the fields."""
    fields = inspect_class(cls).fields
    return Fields(tuple(field.column_name for field in fields), tuple(field.annotation for field in fields))


def entities(module: types.ModuleType) -> tuple[type, ...]:
    """
    Find the classes of a module that describe tables: data-classes with a primary key or a `__table__`.

    A class counts if the module defines it, not if it merely imports it. A class without a module of its own (made by
    `make_dataclass` on Python 3.11) counts in each module that holds it. A class whose name starts with an underscore does
    not count: it is a base for others, and becomes a table only where another class refers to it.

    :returns: In order of definition.
    :raises DefinitionError: if an annotation names what does not exist at run time.
    """
    found: dict[type, None] = {}
    for value in vars(module).values():
        if not isinstance(value, type) or value.__name__.startswith("_"):
            continue
        if is_data_class(value) and is_home(value, module) and _is_entity(value):
            found[value] = None
    return tuple(found)


def _is_entity(cls: type) -> bool:
    return table_declaration(cls) is not None or inspect_class(cls).is_entity


def declared_types(module: types.ModuleType) -> tuple[type | typing.NewType, ...]:
    """
    :returns: What a module defines and declares to be a type of the database, whether or not a table has it: enumerations and
        data-classes with a `__type__`, and domains.
    """
    found: dict[type | typing.NewType, None] = {}
    for value in vars(module).values():
        if isinstance(value, typing.NewType):
            if domain_declaration(value) is not None and is_home(value, module):
                found[value] = None
        elif isinstance(value, type) and type_declaration(value) is not None and is_home(value, module):
            found[value] = None
    return tuple(found)


def domain_spec(new_type: typing.NewType) -> DomainSpec:
    """:returns: A `NewType` that is declared as a domain, with the type of its values taken apart."""
    return DomainSpec(new_type, _take_apart(domain_base(new_type)))


def is_data_class(definition: object) -> TypeGuard[type]:
    """:returns: True if it is a data-class."""
    return isinstance(definition, type) and dataclasses.is_dataclass(definition)


def is_home(cls: type | typing.NewType, module: types.ModuleType) -> bool:
    """:returns: True if the module defines the class; for a class without a module of its own, if the module holds it."""
    if is_homeless(cls):
        return any(value is cls for value in vars(module).values())
    return cls.__module__ == module.__name__


def class_description(cls: type) -> str | None:
    """
    :returns: What the class declares as comment; else its docstring up to the description of fields; `None` if it has none
        that somebody wrote.
    """
    for declaration in (table_declaration(cls), type_declaration(cls)):
        if declaration is not None and declaration.description is not None:
            return check_text(declaration.description, f"class {cls.__name__}: description") or None
    lines: list[str] = []
    for line in _docstring_lines(cls):
        if _DIRECTIVE.match(line):
            break
        lines.append(line)
    return check_text("\n".join(lines).strip(), f"class {cls.__name__}: docstring") or None


def check_text(text: str, place: str) -> str:
    """
    :returns: The text, if a server can store it.
    :raises DefinitionError: if it cannot.
    """
    if "\0" in text:
        raise DefinitionError(f"{place} has a NUL character; remove it")
    return text


def _inspect_field(cls: type, field: dataclasses.Field[Any], description: str | None) -> FieldSpec:
    annotation = resolve_annotation(cls, field)
    spec = _take_apart(annotation)
    return FieldSpec(
        name=field.name,
        column_name=column_name(field.name, spec.tags),
        annotation=annotation,
        type=spec,
        default=None if field.default is dataclasses.MISSING else field.default,
        description=next((tag.text for tag in spec.tags if isinstance(tag, Description)), description),
    )


def _take_apart(annotation: Any) -> TypeSpec:
    """:returns: The annotation without its wrappers; total, as what is left is judged where it is used."""
    peeled = peel(annotation)
    return dataclasses.replace(_take_core_apart(peeled.core), optional=peeled.optional, tags=peeled.tags)


def _take_core_apart(core: Any) -> TypeSpec:
    if isinstance(core, typing.NewType):
        domain = domain_spec(core)
        return TypeSpec(domain.base.type, labels=domain.base.labels, element=domain.base.element, domain=domain)
    origin, arguments = typing.get_origin(core), typing.get_args(core)
    if origin in (list, set) and len(arguments) == 1:
        return TypeSpec(origin, element=_take_apart(arguments[0]))
    if _is_json(core, origin, arguments):
        return TypeSpec(dict)
    if labels := literal_labels(core):
        return TypeSpec(str, labels=labels)
    extended = extended_enum(core)
    return TypeSpec(core) if extended is None else TypeSpec(extended, extensible=True)


def _is_json(annotation: Any, origin: Any, arguments: tuple[Any, ...]) -> bool:
    if annotation in (dict, core.JsonObject, core.JsonArray):
        return True
    if origin is dict:
        return arguments[0] is str
    if origin in {typing.Union, types.UnionType}:
        return frozenset(typing.get_origin(member) or member for member in arguments) == _JSON_PARTS
    return False


def _docstring_lines(cls: type) -> Iterator[str]:
    """:returns: Lines of the docstring of the class itself, but for one that Python made up."""
    text = cls.__dict__.get("__doc__") or ""
    made_up = dataclasses.is_dataclass(cls) and re.match(rf"{re.escape(cls.__name__)}\((\w+: .*)?\)$", text, re.DOTALL)
    if made_up or (issubclass(cls, enum.Enum) and text == "An enumeration."):
        return iter(())
    return iter(inspect.cleandoc(text).splitlines())


def _field_descriptions(cls: type) -> dict[str, str]:
    """:returns: Description of each field that a docstring describes; that of a derived class comes before its bases'."""
    descriptions: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        descriptions |= _parameters(base)
    return {name: check_text(text, f"{cls.__name__}.{name}: description") for name, text in descriptions.items()}


def _parameters(cls: type) -> dict[str, str]:
    parts: dict[str, list[str]] = {}
    current: list[str] = []
    for line in filter(str.strip, _docstring_lines(cls)):
        if match := _PARAMETER.match(line):
            current = parts.setdefault(match[1], [])
            current.append(match[2].strip())
        elif _DIRECTIVE.match(line) or not line.startswith((" ", "\t")):
            current = []
        else:
            current.append(line.strip())
    return {name: text for name, lines in parts.items() if (text := " ".join(lines).strip())}
