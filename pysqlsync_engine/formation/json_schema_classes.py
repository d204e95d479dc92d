"""Makes the data-classes and enumerations of the objects of a JSON Schema document."""

from __future__ import annotations

import copy
import dataclasses
import enum
import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Optional

from strong_typing.auxiliary import Alias

from pysqlsync_engine.errors import DefinitionError
from pysqlsync_engine.formation.json_schema_document import Document, Node, Schema, child, is_mapping
from pysqlsync_engine.formation.json_schema_names import Names, class_name, identifier, member_name
from pysqlsync_engine.formation.json_schema_objects import ObjectPlan, Objects, is_class
from pysqlsync_engine.formation.json_schema_types import (
    DOCUMENT,
    FREE_OBJECT,
    Formats,
    labels_of,
    scalar_annotation,
)
from pysqlsync_engine.model.annotations import column_name
from pysqlsync_engine.model.declarations import KeyOf, TableDeclaration, TypeDeclaration
from pysqlsync_engine.model.json_values import from_json
from pysqlsync_engine.model.key_types import PrimaryKeyTag
from pysqlsync_engine.model.type_markers import Description

_RESERVED = frozenset({"Alias", "Annotated", "Description", "Optional", "PrimaryKeyTag"})
"""Names that annotations of references use, so that no class may have them."""

_DIRECTIVE = re.compile(r"^\s*:\w+[^:]*:", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class _Site:
    """
    Where a value is.

    :param user: Home of the object that has the property.
    :param is_field: True for the field of a table; false for a part of a composite value, or an element of a list.
    """

    user: str
    is_field: bool


class ClassMaker:
    """Makes each class once; what is made is kept by the place in the document that describes it."""

    def __init__(self, objects: Objects, module_name: str, root_name: str, formats: Formats) -> None:
        self._objects = objects
        self._document: Document = objects.document
        self._module_name = module_name
        self._root_name = root_name
        self._formats = formats
        self._names = Names()
        self._class_names: dict[str, str] = {}
        self._made: dict[str, type] = {}

    def make(self) -> dict[str, type]:
        """:returns: The classes by name, each after those that it needs when it is made."""
        tables = [plan for plan in self._objects.plans.values() if plan.key]
        for plan in tables:
            # references between tables are by name, as they may be circular
            self._name(plan.home)
        for plan in tables:
            self._class(plan)
        return {cls.__name__: cls for cls in self._made.values()}

    def _name(self, home: str) -> str:
        if home not in self._class_names:
            self._class_names[home] = self._names.choose(_class_identifier(class_name(home, self._root_name)))
        return self._class_names[home]

    def _class(self, plan: ObjectPlan) -> type:
        if plan.home in self._made:
            return self._made[plan.home]
        names = Names()
        fields: list[tuple[str, Any, Any]] = []
        descriptions: dict[str, str] = {}
        for prop, node in plan.properties.items():
            field_name = names.choose(identifier(prop))
            text = self._description_of(plan, prop)
            annotation = self._field_annotation(plan, prop, node)
            if field_name != prop or column_name(field_name, ()) != prop:
                annotation = _tagged(annotation, Alias(prop))
            if text and not _is_plain(text):
                annotation = _tagged(annotation, Description(text))
            elif text:
                descriptions[field_name] = text
            fields.append((field_name, annotation, self._default(plan, prop, node)))
        name = self._name(plan.home)
        namespace = self._declaration(plan, name, [field_name for field_name, _, _ in fields])
        cls = dataclasses.make_dataclass(name, fields, namespace=namespace, kw_only=True)
        cls.__doc__ = _docstring(_class_text(plan.node.schema, name), descriptions)
        self._made[plan.home] = cls
        return cls

    def _declaration(self, plan: ObjectPlan, name: str, field_names: list[str]) -> dict[str, Any]:
        """:returns: Class variables that say what the names and the docstring of the class cannot."""
        other_name = self._other_name(plan.home, name)
        text = _class_text(plan.node.schema, name)
        description = text if text and not _is_docstring(text) else None
        namespace: dict[str, Any] = {"__module__": self._module_name}
        if not plan.key:
            if other_name or description:
                namespace["__type__"] = TypeDeclaration(name=other_name, description=description)
            return namespace
        order = [prop for prop in plan.properties if prop in plan.key]
        key = None
        if tuple(order) != plan.key:
            by_property = dict(zip(plan.properties, field_names, strict=True))
            key = KeyOf(tuple(by_property[prop] for prop in plan.key))
        if other_name or description or key:
            namespace["__table__"] = TableDeclaration(name=other_name, description=description, primary_key=key)
        return namespace

    def _other_name(self, home: str, name: str) -> str | None:
        """:returns: The name of a definition, if the class cannot have it."""
        wanted = class_name(home, self._root_name)
        return wanted if wanted != name == _class_identifier(wanted) else None

    def _field_annotation(self, plan: ObjectPlan, prop: str, node: Node) -> Any:
        is_key = prop in plan.key
        annotation = self._annotation(node, _Site(plan.home, is_field=bool(plan.key)))
        if is_key:
            if annotation in (DOCUMENT, FREE_OBJECT):
                raise DefinitionError(
                    f"{node.pointer}: is the key, but holds more than one value; take another property"
                )
            return _tagged(annotation, PrimaryKeyTag())
        has_value = prop in plan.required or node.schema.get("default") is not None
        return _optional(annotation) if node.nullable or not has_value else annotation

    def _annotation(self, node: Node, site: _Site) -> Any:
        labels = labels_of(node.schema)
        if labels is not None:
            return self._label_annotation(node, labels, site)
        if "oneOf" in node.schema and "properties" not in node.schema:
            return self._alternatives(node, node.schema["oneOf"], site)
        kinds = node.kinds
        if not kinds:
            kinds = next(
                ((kind,) for word, kind in (("properties", "object"), ("items", "array")) if word in node.schema), ()
            )
        if set(kinds) == {"integer", "number"}:
            kinds = ("number",)
        if len(kinds) != 1:
            return DOCUMENT
        match kinds[0]:
            case "object":
                return self._object(node, site)
            case "array":
                return self._list(node, site)
            case "string" | "integer" | "number" | "boolean" as kind:
                return scalar_annotation(node, kind, self._formats)
            case kind:
                raise DefinitionError(f"{node.pointer}/type: unknown type {kind!r}; use one of JSON Schema's")

    def _object(self, node: Node, site: _Site) -> Any:
        if self._objects.is_table(node.home):
            # in a list, or a part of a value, no reference can be enforced: what is there is kept as it is
            return self._name(node.home) if site.is_field else DOCUMENT
        if not is_class(node) or self._objects.is_cycle(site.user, node.home):
            return FREE_OBJECT
        return self._class(self._objects.plans[node.home])

    def _list(self, node: Node, site: _Site) -> Any:
        items = node.schema.get("items")
        if not is_mapping(items):
            return DOCUMENT
        element = self._document.resolve(items, f"{node.home}/items")
        annotation = self._annotation(element, _Site(site.user, is_field=False))
        if annotation in (DOCUMENT, FREE_OBJECT) or "items" in element.schema:
            # lists of lists need not be rectangular, as arrays of a server must
            return DOCUMENT
        return list[_optional(annotation)] if element.nullable else list[annotation]

    def _alternatives(self, node: Node, parts: Any, site: _Site) -> Any:
        place = f"{node.home}/oneOf"
        nodes = [self._document.resolve(part, f"{place}/{index}") for index, part in enumerate(parts)]
        labels = [label for each in nodes for label in labels_of(each.schema) or ()]
        if all(labels_of(each.schema) is not None for each in nodes):
            return self._label_annotation(node, tuple(dict.fromkeys(labels)), site)
        if any(each.kinds != nodes[0].kinds or is_class(each) for each in nodes):
            return DOCUMENT
        if nodes[0].kinds == ("string",) and labels:
            return str
        annotations = [self._annotation(each, site) for each in nodes]
        return annotations[0] if all(each == annotations[0] for each in annotations) else DOCUMENT

    def _label_annotation(self, node: Node, labels: tuple[Any, ...], site: _Site) -> Any:
        if not labels:
            raise DefinitionError(f"{node.pointer}: an enumeration without values; add one")
        if all(isinstance(label, bool) for label in labels):
            return bool
        if all(isinstance(label, int) for label in labels):
            numbers = Node({"type": "integer", "minimum": min(labels), "maximum": max(labels)}, node.pointer, node.home)
            return scalar_annotation(numbers, "integer", {})
        if not all(isinstance(label, str) for label in labels):
            return DOCUMENT
        if "const" in node.schema:
            return Literal[labels] if site.is_field else str
        return self._enumeration(node, labels)

    def _enumeration(self, node: Node, labels: tuple[str, ...]) -> type:
        if node.home not in self._made:
            name, names = self._name(node.home), Names()
            members = [(names.choose(member_name(label)), label) for label in labels]
            cls: Any = enum.Enum(name, members, module=self._module_name, qualname=name)
            schema = self._document.resolve(self._document.find(node.home, node.pointer), node.home).schema
            text = None if "/properties/" in node.home else _class_text(schema, name)
            other_name = self._other_name(node.home, name)
            cls.__doc__ = text if text and _is_docstring(text) else None
            if other_name or (text and not _is_docstring(text)):
                cls.__type__ = TypeDeclaration(name=other_name, description=text if cls.__doc__ is None else None)
            self._made[node.home] = cls
        return self._made[node.home]

    def _default(self, plan: ObjectPlan, prop: str, node: Node) -> Any:
        """:returns: The default as `make_dataclass` wants it; a value that can be changed is made anew for each object."""
        default = node.schema.get("default")
        if default is None:
            is_optional = prop not in plan.key and prop not in plan.required
            return dataclasses.field(default=None) if is_optional else dataclasses.field()
        annotation = self._annotation(node, _Site(plan.home, is_field=bool(plan.key)))
        try:
            value = default if isinstance(annotation, str) else from_json(annotation)(default)
        except (ValueError, ArithmeticError) as error:
            raise DefinitionError(f"{node.pointer}/default: {error}; correct the default") from error
        if type(value).__hash__ is None:
            return dataclasses.field(default_factory=lambda: copy.deepcopy(value))
        return dataclasses.field(default=value)

    def _description_of(self, plan: ObjectPlan, prop: str) -> str | None:
        """:returns: What the document says of a property, rather than of the definition that it refers to."""
        place = child(f"{plan.home}/properties", prop)
        schema = plan.node.schema["properties"][prop]
        while is_mapping(schema):
            if "description" in schema:
                return str(schema["description"]).strip() or None
            reference = str(schema.get("$ref", ""))
            if len(schema) != 1 or "/properties/" not in reference:
                return None
            place, schema = reference, self._document.find(reference, place)
        return None


def _class_identifier(name: str) -> str:
    """:returns: Name for a class."""
    return f"{name}_" if name in _RESERVED else identifier(name)


def _tagged(annotation: Any, tag: object) -> Any:
    """:returns: The annotation with a tag; text if it is the name of a class, so that it is looked up when it is needed."""
    return f"Annotated[{annotation}, {tag!r}]" if isinstance(annotation, str) else Annotated[annotation, tag]


def _optional(annotation: Any) -> Any:
    return f"Optional[{annotation}]" if isinstance(annotation, str) else Optional[annotation]  # noqa: UP045 - made at run time


def _class_text(schema: Schema, name: str) -> str | None:
    """:returns: Title and description of an object; `None` if it has neither."""
    title, description = schema.get("title"), schema.get("description")
    parts = [str(part).strip() for part in (title, description) if part and part != name]
    return "\n\n".join(part for part in parts if part) or None


def _is_docstring(text: str) -> bool:
    """:returns: True if a docstring can say the text so that it is read as it was."""
    return inspect.cleandoc(text) == text and _DIRECTIVE.search(text) is None


def _is_plain(text: str) -> bool:
    return text == " ".join(text.split())


def _docstring(text: str | None, descriptions: Mapping[str, str]) -> str | None:
    lines = [text, ""] if text and _is_docstring(text) else []
    lines += [f":param {name}: {description}" for name, description in descriptions.items()]
    return "\n".join(lines).strip() or None
