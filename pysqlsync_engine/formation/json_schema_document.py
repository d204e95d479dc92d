"""A JSON Schema document: follows references, joins what `allOf` lists, and tells `null` from the other alternatives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard
from urllib.parse import unquote

from pysqlsync_engine.errors import DefinitionError

Schema = Mapping[str, Any]

DEFINITION_PATHS = ("definitions", "$defs", "components/schemas")
"""Where a document keeps the schemas that others refer to: JSON Schema up to draft 7, from 2019 on, and OpenAPI 3."""

_ANNOTATIONS = frozenset(
    {"title", "description", "default", "example", "examples", "deprecated", "readOnly", "writeOnly", "$comment"}
    | {"externalDocs", "xml", "discriminator", "$id", "id", "$schema", "$anchor", "nullable", "definitions", "$defs"}
)
"""Keywords that say nothing of which values are valid; those of extensions (`x-...`) do not either."""

_NULL: Schema = {"type": "null"}
_LOWER = frozenset({"maximum", "maxLength", "maxItems", "maxProperties"})
_HIGHER = frozenset({"minimum", "minLength", "minItems", "minProperties"})


@dataclass(frozen=True, slots=True)
class Node:
    """
    A schema without references, `allOf` and `null`.

    :param schema: Its keywords; `oneOf` holds the alternatives if there are several, whatever the document calls them.
    :param pointer: Where it is, for messages.
    :param home: Where what it says of values is: the same for all who refer to one definition.
    :param nullable: True if null is valid as well.
    """

    schema: Schema
    pointer: str
    home: str
    nullable: bool = False

    @property
    def kinds(self) -> tuple[str, ...]:
        """Types other than null; empty if the schema names none."""
        found = self.schema.get("type")
        return tuple(found) if is_list(found) else () if found is None else (str(found),)


class Document:
    """A document, held as it was parsed; immutable."""

    def __init__(self, root: Schema) -> None:
        self._root = root
        self._id = str(root.get("$id") or root.get("id") or "").partition("#")[0]

    @property
    def root(self) -> Schema:
        """The document as a whole."""
        return self._root

    def definitions(self) -> Iterator[tuple[str, str]]:
        """:returns: Name and pointer of each schema that is there to be referred to, in order."""
        for path in DEFINITION_PATHS:
            found: Any = self._root
            for part in path.split("/"):
                found = found.get(part) if is_mapping(found) else None
            if is_mapping(found):
                yield from ((name, child(f"#/{path}", name)) for name in found)

    def find(self, pointer: str, user: str) -> Any:
        """
        :param user: Where the pointer is used, for messages.
        :returns: What a pointer such as `#/definitions/Order` points to.
        :raises DefinitionError: if there is nothing.
        """
        found: Any = self._root
        for part in pointer.removeprefix("#").split("/")[1:]:
            key = unquote(part).replace("~1", "/").replace("~0", "~")
            if is_mapping(found) and key in found:
                found = found[key]
            elif is_list(found) and key.isdecimal() and int(key) < len(found):
                found = found[int(key)]
            else:
                raise DefinitionError(f"{user}: refers to {pointer!r}, which the document lacks; add it")
        return found

    def resolve(self, schema: Any, pointer: str, seen: tuple[str, ...] = ()) -> Node:
        """
        :param schema: What is at the pointer.
        :param seen: References that led here.
        :raises DefinitionError: if it is no schema, or a reference leads nowhere or back to itself.
        """
        if schema is True:
            return Node({}, pointer, pointer)
        if not is_mapping(schema):
            raise DefinitionError(f"{pointer}: expected a schema; got {schema!r}")
        if "$ref" in schema:
            return self._follow(schema, pointer, seen)
        if "allOf" in schema:
            return self._join(schema, pointer, seen)
        return self._without_null(schema, pointer, seen)

    def _follow(self, schema: Schema, pointer: str, seen: tuple[str, ...]) -> Node:
        target = self._target(schema["$ref"], pointer)
        if target in seen:
            raise DefinitionError(f"{pointer}: refers to itself by way of {target!r}; define what it is")
        node = self.resolve(self.find(target, pointer), target, (*seen, target))
        siblings = {key: value for key, value in schema.items() if key != "$ref"}
        return self._beside(node, siblings, pointer, seen)

    def _target(self, reference: Any, pointer: str) -> str:
        """:returns: The pointer that a reference to this document is."""
        base, _, fragment = str(reference).partition("#")
        if base not in {"", self._id}:
            raise DefinitionError(
                f"{pointer}: refers to another document: {reference!r}; put what it defines into this one, under '$defs'"
            )
        if fragment and not fragment.startswith("/"):
            for _, place in self.definitions():
                found = self.find(place, pointer)
                if is_mapping(found) and found.get("$anchor") == fragment:
                    return place
            raise DefinitionError(f"{pointer}: refers to {reference!r}, which no definition has as its $anchor; add it")
        return f"#{fragment}"

    def _join(self, schema: Schema, pointer: str, seen: tuple[str, ...]) -> Node:
        parts = schema["allOf"]
        if not is_list(parts) or not parts:
            raise DefinitionError(f"{pointer}/allOf: expected a list of schemas")
        nodes = [self.resolve(part, f"{pointer}/allOf/{index}", seen) for index, part in enumerate(parts)]
        siblings = {key: value for key, value in schema.items() if key != "allOf"}
        if len(nodes) == 1:
            return self._beside(nodes[0], siblings, pointer, seen)
        joined: Schema = {}
        for node in nodes:
            joined = merge(joined, _by_reference(node), pointer)
        whole = Node(joined, pointer, pointer, all(node.nullable for node in nodes))
        return self._beside(whole, siblings, pointer, seen)

    def _beside(self, node: Node, siblings: Schema, pointer: str, seen: tuple[str, ...]) -> Node:
        """:returns: A node together with what stands beside the reference to it."""
        nullable = node.nullable or siblings.get("nullable") is True
        notes = {key: value for key, value in siblings.items() if key in _ANNOTATIONS or key.startswith("x-")}
        if len(notes) == len(siblings):
            return Node({**node.schema, **notes}, pointer, node.home, nullable)
        other = self.resolve(siblings, pointer, seen)
        joined = merge(_by_reference(node), _by_reference(other), pointer)
        return Node({**joined, **notes}, pointer, pointer, nullable)

    def _without_null(self, schema: Schema, pointer: str, seen: tuple[str, ...]) -> Node:
        rest = dict(schema)
        nullable = rest.pop("nullable", False) is True
        kinds, labels = rest.get("type"), rest.get("enum")
        if is_list(kinds) and "null" in kinds:
            nullable, rest["type"] = True, [kind for kind in kinds if kind != "null"]
        if is_list(labels) and None in labels:
            nullable, rest["enum"] = True, [label for label in labels if label is not None]
        word = next((word for word in ("oneOf", "anyOf") if word in rest), None)
        if word is None:
            return Node(rest, pointer, pointer, nullable)
        return self._alternatives(rest, word, Node(rest, pointer, pointer, nullable), seen)

    def _alternatives(self, schema: dict[str, Any], word: str, node: Node, seen: tuple[str, ...]) -> Node:
        parts = schema.pop(word)
        if not is_list(parts) or not parts:
            raise DefinitionError(f"{node.pointer}/{word}: expected a list of schemas")
        present = [(index, part) for index, part in enumerate(parts) if part != _NULL]
        nullable = node.nullable or len(present) < len(parts)
        if len(present) == 1:
            index, part = present[0]
            only = self.resolve(part, f"{node.pointer}/{word}/{index}", seen)
            joined = self._beside(only, schema, node.pointer, seen)
            return Node(joined.schema, node.pointer, joined.home, nullable or joined.nullable)
        if not present:
            return Node(schema, node.pointer, node.pointer, nullable=True)
        if _only_restrict(schema, parts):
            # `"anyOf": [{"required": ["a"]}, {"required": ["b"]}]` beside properties adds no other shape
            return Node(schema, node.pointer, node.home, nullable)
        places = [{"$ref": f"{node.pointer}/{word}/{index}"} for index, _ in present]
        return Node({**schema, "oneOf": places}, node.pointer, node.home, nullable)


def merge(first: Schema, second: Schema, pointer: str) -> Schema:
    """
    :returns: A schema for values that are valid for both.
    :raises DefinitionError: if the two contradict each other, or what they say cannot be joined.
    """
    merged = dict(first)
    for key, value in second.items():
        if key not in merged or merged[key] == value or key in _ANNOTATIONS or key.startswith("x-"):
            merged[key] = value
        elif key == "properties":
            merged[key] = {**merged[key], **value}
            for name in set(first[key]) & set(value):
                merged[key][name] = {"allOf": [first[key][name], value[name]]}
        elif key == "required":
            merged[key] = [*merged[key], *(name for name in value if name not in merged[key])]
        elif key in _LOWER | _HIGHER:
            merged[key] = (min if key in _LOWER else max)(merged[key], value)
        elif key == "additionalProperties":
            merged[key] = False if False in (merged[key], value) else value
        elif key == "type" and (merged[key], value) in (("integer", "number"), ("number", "integer")):
            merged[key] = "integer"
        else:
            raise DefinitionError(f"{pointer}: {key!r} is both {merged[key]!r} and {value!r}; say it once")
    return merged


def _by_reference(node: Node) -> Schema:
    """:returns: The schema with its properties as references, so that they can be told apart from others of their name."""
    schema = dict(node.schema)
    if is_mapping(found := schema.get("properties")):
        place = f"{node.home}/properties"
        schema["properties"] = {name: _reference(value, child(place, name)) for name, value in found.items()}
    if "items" in schema:
        schema["items"] = _reference(schema["items"], f"{node.home}/items")
    return schema


def _reference(value: Any, pointer: str) -> Any:
    """:returns: A reference to what is at the pointer; the value itself if it is one, or joins some."""
    if is_mapping(value) and {"$ref", "allOf"}.isdisjoint(value):
        return {"$ref": pointer}
    return value


def child(pointer: str, name: str) -> str:
    """:returns: Pointer to what has the name inside of what the pointer points to."""
    return f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"


def is_mapping(value: object) -> TypeGuard[Mapping[str, Any]]:
    """:returns: True for a JSON object."""
    return isinstance(value, Mapping)


def is_list(value: object) -> TypeGuard[Sequence[Any]]:
    """:returns: True for a JSON list."""
    return isinstance(value, list | tuple)


def _only_restrict(schema: Schema, parts: Sequence[Any]) -> bool:
    """:returns: True if alternatives of an object differ only in which of its properties they require."""
    if "properties" not in schema:
        return False
    return all(is_mapping(part) and set(part) <= {"required", "not"} for part in parts)
