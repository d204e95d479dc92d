"""Python expressions as text, laid out as the usual formatters lay them out."""

from __future__ import annotations

import dataclasses
import enum
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

LINE_LENGTH = 120
INDENT = 4

_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_KEPT_CATEGORIES = frozenset({"Lu", "Ll", "Lt", "Lm", "Lo", "Nd", "Nl", "No", "Sm", "Sc", "Sk"})
"""Of characters that stand as they are, besides punctuation; others join, move or hide their neighbours."""

_MAX_UNION = 46
"""Columns of a type that fits, with ` | None`, beside every name of a field."""

_POSITIONAL_MODULE = "strong_typing.auxiliary"
"""Tags of this module are known by position: `Precision(10, 2)`."""


@dataclass(frozen=True, slots=True)
class Import:
    """
    A name that an expression needs.

    :param name: `None` for the module itself.
    """

    module: str
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Atom:
    """
    Text that is never broken.

    :param imports: What it needs.
    """

    text: str
    imports: frozenset[Import] = frozenset()


@dataclass(frozen=True, slots=True)
class Group:
    """
    Expressions in brackets, with something before the opening one: a call, a subscript, or a tuple.

    :param opening: Up to and with the bracket.
    :param is_subscript: True if a single expression has no comma after it.
    """

    opening: str
    items: tuple[Node, ...]
    closing: str
    imports: frozenset[Import] = frozenset()
    is_subscript: bool = field(default=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Named:
    """An argument with its name."""

    name: str
    value: Node


Node: TypeAlias = Atom | Group | Named


class Code(str):
    """Text that is Python already: the name of a class, in place of a value."""

    __slots__ = ()


def name_of(module: str, name: str) -> Atom:
    """:returns: A name imported from a module."""
    return Atom(name, frozenset({Import(module, name)}))


def subscript(base: Atom, *items: Node) -> Group:
    """:returns: `base[item, ...]`."""
    return Group(f"{base.text}[", items, "]", base.imports, is_subscript=True)


def or_none(item: Node) -> Node:
    """:returns: A type or `None`: `X | None`; `Optional[X]` where that is so long that it may have to be broken."""
    text = flat(item)
    if width(text) > _MAX_UNION:
        return subscript(name_of("typing", "Optional"), item)
    return Atom(f"{text} | None", frozenset(imports_of((item,))))


def call(function: Atom, *arguments: Node) -> Group:
    """:returns: `function(argument, ...)`."""
    return Group(f"{function.text}(", arguments, ")", function.imports)


def value_node(value: object) -> Node:
    """
    :param value: `None`, a truth value, a number, a string, a member of an enumeration, a tuple of such values, or a data-class
        instance of such values.
    :returns: An expression that makes an equal value. Fields that have their default are left out.
    """
    match value:
        case Code():
            return Atom(str(value))
        case enum.Enum():
            cls = type(value)
            return Atom(f"{cls.__name__}.{value.name}", frozenset({Import(cls.__module__, cls.__name__)}))
        case None | bool() | int():
            return Atom(repr(value))
        case str():
            return Atom(string_literal(value))
        case tuple():
            return Group("(", tuple(map(value_node, value)), ")")  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return instance_node(value)
        case _:
            raise TypeError(f"{type(value).__name__}: has no Python source; expected a value of the model")


def instance_node(instance: object, *more: Node) -> Group:
    """
    :param instance: A data-class instance.
    :param more: Arguments after those that follow from its fields.
    :returns: An expression that makes an equal instance.
    """
    cls = type(instance)
    return call(name_of(cls.__module__, cls.__name__), *_arguments(instance), *more)


def _arguments(instance: object) -> Iterator[Node]:
    by_position = True
    for each in dataclasses.fields(instance):  # type: ignore[arg-type]
        value = getattr(instance, each.name)
        is_required = each.default is dataclasses.MISSING
        if not is_required and value == each.default:
            by_position = False
        elif by_position and not each.kw_only and (is_required or type(instance).__module__ == _POSITIONAL_MODULE):
            yield value_node(value)
        else:
            yield Named(each.name, value_node(value))


def string_literal(text: str) -> str:
    """
    :returns: Literal of the string on one line. Characters that are invisible, or that change how their neighbours look, are
        written by their number.
    """
    quote = "'" if text.count('"') > text.count("'") else '"'
    return quote + "".join(_written(character, quote) for character in text) + quote


def _written(character: str, quote: str) -> str:
    if character == quote:
        return "\\" + quote
    if character in _ESCAPES:
        return _ESCAPES[character]
    if " " <= character <= "~" or is_plain(character):
        return character
    number = ord(character)
    if number <= 0xFF:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"


def is_plain(character: str) -> bool:
    """:returns: True if a character beyond ASCII can stand in source as it is."""
    category = unicodedata.category(character)
    return character > "~" and (category in _KEPT_CATEGORIES or category.startswith("P"))


def imports_of(nodes: Iterable[Node]) -> Iterator[Import]:
    """:returns: What the expressions need."""
    for node in nodes:
        match node:
            case Atom():
                yield from node.imports
            case Group():
                yield from node.imports
                yield from imports_of(node.items)
            case Named():
                yield from imports_of((node.value,))


def render(node: Node, *, indent: int = 0, taken: int = 0) -> str:
    """
    :param indent: Columns before the line that the expression begins on.
    :param taken: Columns of that line that are for what stands before and after the expression.
    :returns: The expression on one line if it fits; else each part of it on a line of its own.
    """
    line = flat(node)
    if indent + taken + width(line) <= LINE_LENGTH:
        return line
    match node:
        case Atom():
            return line
        case Named():
            return f"{node.name}={render(node.value, indent=indent, taken=taken + len(node.name) + 1)}"
        case Group():
            return _broken(node, indent)


def _broken(group: Group, indent: int) -> str:
    if not group.items:
        return group.opening + group.closing
    comma = "" if group.is_subscript and len(group.items) == 1 else ","
    inner = indent + INDENT
    margin = " " * inner
    lines = (f"{margin}{render(item, indent=inner, taken=len(comma))}{comma}\n" for item in group.items)
    return f"{group.opening}\n{''.join(lines)}{' ' * indent}{group.closing}"


def flat(node: Node) -> str:
    """:returns: The expression on one line."""
    match node:
        case Atom():
            return node.text
        case Named():
            return f"{node.name}={flat(node.value)}"
        case Group():
            comma = "," if node.opening == "(" and len(node.items) == 1 else ""
            return f"{node.opening}{', '.join(map(flat, node.items))}{comma}{node.closing}"


def width(text: str) -> int:
    """:returns: Columns that a terminal needs for the text."""
    if text.isascii():
        return len(text)
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
