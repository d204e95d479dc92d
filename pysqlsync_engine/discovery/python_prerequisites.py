"""Functions and collations that tables use, as constants of a module."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pysqlsync_engine.discovery.python_text import (
    Atom,
    Group,
    Import,
    Named,
    imports_of,
    instance_node,
    render,
    value_node,
)
from pysqlsync_engine.model.declarations import EXTENSIONS_ATTRIBUTE, Extension
from pysqlsync_engine.model.id_types import QualifiedId
from pysqlsync_engine.model.object_types import DomainType, Prerequisite, Table


@dataclass(frozen=True, slots=True)
class Requirements:
    """
    What the tables and domains of one module need.

    :param names: Name of the constant of each function and collation.
    :param needs: What each table or domain needs, by its name; nothing for one that is missing.
    """

    names: Mapping[Prerequisite, str]
    needs: Mapping[QualifiedId, Sequence[Prerequisite]]

    def node(self, subject: Table | DomainType) -> Iterator[Named]:
        """:returns: The argument of a declaration that names what the object requires; none if that is nothing."""
        needed = self.needs.get(subject.name, ())
        if needed:
            yield Named("requires", Group("(", tuple(Atom(self.names[each]) for each in needed), ")"))

    @property
    def used(self) -> list[Prerequisite]:
        """What any of the objects requires, in order."""
        wanted = {each for needed in self.needs.values() for each in needed}
        return [each for each in self.names if each in wanted]

    def constant(self, prerequisite: Prerequisite) -> tuple[str, frozenset[Import]]:
        """:returns: The statement that defines the constant, and what it needs."""
        name, node = self.names[prerequisite], instance_node(prerequisite)
        return f"{name} = {render(node, taken=len(name) + 3)}", frozenset(imports_of([node]))


def name_prerequisites(
    prerequisites: Iterable[Prerequisite], subjects: Iterable[Table | DomainType], taken: Iterable[str]
) -> Requirements:
    """
    :param subjects: The tables and domains of the module.
    :param taken: Names that the module has for other things.
    :returns: A name for each, in capital letters; those that would be the same are numbered.
    """
    used = set(taken)
    names: dict[Prerequisite, str] = {}
    for each in sorted(prerequisites):
        words = re.sub(r"[^A-Za-z0-9]+", "_", each.name).strip("_").upper()
        stem = words if words and not words[0].isdigit() else f"{each.kind.upper()}_{words}".rstrip("_")
        name, number = stem, 2
        while name in used:
            name, number = f"{stem}_{number}", number + 1
        used.add(name)
        names[each] = name
    needs = {subject.name: _needed(subject, tuple(names)) for subject in subjects} if names else {}
    return Requirements(names, needs)


def extensions_constant(extensions: Iterable[QualifiedId]) -> tuple[str, frozenset[Import]]:
    """:returns: The statement by which a module says which extensions it needs, and what the statement needs."""
    node = value_node(tuple(Extension(each.name, each.namespace) for each in extensions))
    return f"{EXTENSIONS_ATTRIBUTE} = {render(node, taken=len(EXTENSIONS_ATTRIBUTE) + 3)}", frozenset(
        imports_of([node])
    )


def _needed(subject: Table | DomainType, prerequisites: Sequence[Prerequisite]) -> list[Prerequisite]:
    """:returns: What the expressions of an object mention, and what the definitions of that mention in turn."""
    # in expressions the server prints names with their namespaces
    printed = repr(subject).replace("\\'", "'").replace("\\\\", "\\")
    needed = {each for each in prerequisites if each.is_mentioned(printed, qualified=True)}
    pending = list(needed)
    while pending:
        body = pending.pop().definition
        found = {each for each in prerequisites if each not in needed and each.is_mentioned(body, qualified=False)}
        needed |= found
        pending.extend(found)
    return [each for each in prerequisites if each in needed]
