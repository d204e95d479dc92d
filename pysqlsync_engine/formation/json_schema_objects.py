"""Which objects of a JSON Schema document become classes, what identifies them, and which of them contain themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from pysqlsync_engine.errors import DefinitionError
from pysqlsync_engine.formation.json_schema_document import Document, Node, Schema, child, is_list, is_mapping

KeyRule: TypeAlias = (
    str | Mapping[str, str | Sequence[str]] | Callable[[str, Schema], str | Sequence[str] | None] | None
)
"""See `classes_from_schema`."""

KEY_WORD = "x-primary-key"


@dataclass(frozen=True, slots=True)
class ObjectPlan:
    """
    An object with known properties.

    :param home: Where it is defined.
    :param properties: In order, without references.
    :param required: Properties that an object must have.
    :param key: Properties that identify an object; empty if it is but a part of others.
    """

    home: str
    node: Node
    properties: Mapping[str, Node]
    required: frozenset[str]
    key: tuple[str, ...]


@dataclass(slots=True)
class Objects:
    """
    The objects that take part: those with a key, and what they are made of.

    :param document: All of them are from.
    :param plans: By home.
    :param parts: For each home, the homes of objects without a key that are in its properties.
    """

    document: Document
    plans: dict[str, ObjectPlan] = field(default_factory=dict[str, ObjectPlan])
    parts: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    groups: dict[str, str] = field(default_factory=dict[str, str])

    def is_table(self, home: str) -> bool:
        """:returns: True if the object has a key."""
        return home in self.plans and bool(self.plans[home].key)

    def is_cycle(self, user: str, home: str) -> bool:
        """:returns: True if an object without a key, that is a property of another, contains the other in turn."""
        return not self.is_table(user) and self.groups.get(user) == self.groups.get(home) is not None


def is_class(node: Node) -> bool:
    """:returns: True if the properties of an object are known, and it has no others."""
    return "object" in _kinds(node) and bool(node.schema.get("properties")) and not _is_open(node.schema)


def find_objects(document: Document, key: KeyRule, root_name: str) -> Objects:
    """
    :param root_name: What the key rule calls the document as a whole.
    :raises DefinitionError: if no object has a key, or a key has what the object lacks.
    """
    objects = Objects(document)
    named = [(root_name, "#"), *document.definitions()]
    for name, pointer in named:
        node = document.resolve(document.find(pointer, pointer), pointer)
        if "object" in _kinds(node) and node.schema.get("properties") and node.home == pointer:
            _add(objects, node, _key_of(name, node, key))
    _check_rule(key, [name for name, _ in named])
    tables = [home for home, plan in objects.plans.items() if plan.key]
    if not tables:
        raise DefinitionError(
            f"#: no object has a key, so there is no table; mark a property with {KEY_WORD!r}: true, or pass key="
        )
    _gather(objects, tables)
    objects.groups = _groups(objects.parts)
    return objects


def nested_objects(document: Document, node: Node) -> Iterator[Node]:
    """:returns: The object that values of a schema are, or that the elements of a list are; none if it is anything else."""
    if is_class(node):
        yield node
    elif node.kinds == ("array",) or (not node.kinds and "items" in node.schema):
        items = node.schema.get("items")
        if is_mapping(items):
            element = document.resolve(items, f"{node.home}/items")
            if is_class(element):
                yield element


def _kinds(node: Node) -> tuple[str, ...]:
    return node.kinds or (("object",) if "properties" in node.schema else ())


def _is_open(schema: Schema) -> bool:
    """:returns: True if the schema says that an object may have more properties than it lists."""
    return schema.get("additionalProperties", False) is not False or "patternProperties" in schema or "oneOf" in schema


def _add(objects: Objects, node: Node, key: tuple[str, ...]) -> None:
    document = objects.document
    found = node.schema["properties"]
    if not is_mapping(found):
        raise DefinitionError(f"{node.home}/properties: expected an object; got {found!r}")
    properties = {
        name: document.resolve(schema, child(f"{node.home}/properties", name))
        for name, schema in found.items()
        if schema is not False
    }
    marked = tuple(name for name, item in properties.items() if item.schema.get(KEY_WORD) is True)
    if marked and key and set(marked) != set(key):
        raise DefinitionError(
            f"{node.home}: the key is {', '.join(key)}, but {', '.join(marked)} marked with {KEY_WORD!r}; say it once"
        )
    required = node.schema.get("required", ())
    plan = ObjectPlan(
        node.home, node, properties, frozenset(required if is_list(required) else ()), _check_key(key or marked, node)
    )
    objects.plans[node.home] = plan


def _check_key(key: tuple[str, ...], node: Node) -> tuple[str, ...]:
    for name in key:
        if name not in node.schema["properties"]:
            listed = ", ".join(node.schema["properties"])
            raise DefinitionError(f"{node.home}: no property {name!r}, which is to be the key; properties: {listed}")
    return key


def _key_of(name: str, node: Node, rule: KeyRule) -> tuple[str, ...]:
    """:returns: The properties that the rule of the user, else the object itself, calls its key."""
    given: Any = rule
    if isinstance(given, str):
        chosen = given if given in node.schema["properties"] else None
    elif is_mapping(given):
        chosen = given.get(name)
    else:
        chosen = None if given is None else given(name, node.schema)
    chosen = chosen or node.schema.get(KEY_WORD) or ()
    return (chosen,) if isinstance(chosen, str) else tuple(chosen) if is_list(chosen) else ()


def _check_rule(rule: KeyRule, names: Sequence[str]) -> None:
    if is_mapping(rule):
        unknown = [name for name in rule if name not in names]
        if unknown:
            raise DefinitionError(f"#: key= names {', '.join(unknown)}, which the document does not define")


def _gather(objects: Objects, tables: Sequence[str]) -> None:
    """Find what tables are made of, and what that is made of."""
    document = objects.document
    pending, seen = list(tables), set(tables)
    while pending:
        plan = objects.plans[pending.pop()]
        parts = objects.parts.setdefault(plan.home, set())
        for item in plan.properties.values():
            for nested in nested_objects(document, item):
                if nested.home not in objects.plans:
                    whole = document.resolve(document.find(nested.home, item.pointer), nested.home)
                    _add(objects, whole, ())
                if not objects.is_table(nested.home):
                    parts.add(nested.home)
                if nested.home not in seen:
                    seen.add(nested.home)
                    pending.append(nested.home)


def _groups(parts: Mapping[str, set[str]]) -> dict[str, str]:
    """:returns: For each object that contains itself, by however many steps, one that stands for all that it goes through."""
    reach: dict[str, set[str]] = {}
    for home in parts:
        found: set[str] = set()
        pending = list(parts[home])
        while pending:
            part = pending.pop()
            if part not in found:
                found.add(part)
                pending.extend(parts.get(part, ()))
        reach[home] = found
    return {
        home: min(other for other in found if home in reach.get(other, ()))
        for home, found in reach.items()
        if home in found
    }
