"""Names in SQL expressions: which columns an expression mentions, and the expression once they have other names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from pysqlsync_engine.model.id_types import LocalId, QualifiedId, quote_ansi
from pysqlsync_engine.model.literals import quote_literal
from pysqlsync_engine.model.object_types import (
    CheckConstraint,
    Column,
    Constraint,
    ExclusionConstraint,
    ForeignKeyConstraint,
    Index,
    PrimaryKeyConstraint,
    UniqueConstraint,
)

_TOKEN = re.compile(
    r"""
    (?P<text> '(?:[^'\\]|''|\\.)*')
    | "(?P<ansi> (?:[^"]|"")*)"
    | `(?P<ticks> (?:[^`]|``)*)`
    | (?P<cast> ::\s*)? (?P<word> [^\W\d][\w$]*) (?P<call> \s*\()?
    """,
    re.VERBOSE | re.DOTALL,
)
"""A string, a name in quotes or backticks, or a bare word."""


def names_in(expression: str) -> frozenset[LocalId]:
    """:returns: All that may be a name of a column in the expression: too many rather than too few."""
    return frozenset(LocalId(name) for name in _names(expression))


def _names(expression: str) -> Iterator[str]:
    for token in _TOKEN.finditer(expression):
        if token["ansi"] is not None:
            yield token["ansi"].replace('""', '"')
        elif token["ticks"] is not None:
            yield token["ticks"].replace("``", "`")
        elif token["word"] is not None:
            yield token["word"]
            yield token["word"].lower()


def rename_in(expression: str, names: Mapping[LocalId, LocalId]) -> str:
    """:returns: The expression with columns by their new names, quoted only where the former ones were, or they have to be."""

    def renamed(token: re.Match[str]) -> str:
        if token["ansi"] is not None:
            name = names.get(LocalId(token["ansi"].replace('""', '"')))
            return token[0] if name is None else _bare_or(name.name, quote_ansi(name.name))
        if token["ticks"] is not None:
            name = names.get(LocalId(token["ticks"].replace("``", "`")))
            return token[0] if name is None else f"`{name.name.replace('`', '``')}`"
        if token["word"] is None or token["call"] is not None or token["cast"] is not None:
            return token[0]
        name = names.get(LocalId(token["word"]))
        return token[0] if name is None else _bare_or(name.name, quote_ansi(name.name))

    return _TOKEN.sub(renamed, expression) if names else expression


def _bare_or(name: str, quoted: str) -> str:
    return name if re.fullmatch(r"[a-z_][a-z0-9_]*", name) else quoted


def rename_labels_in(expression: str, name: QualifiedId, labels: Mapping[str, str]) -> str:
    """:returns: The expression with labels of an enumeration type by their new names, where they are cast to the type."""
    for former, label in labels.items():
        spelled = "|".join(re.escape(each) for each in spellings(name))
        literal, renamed = quote_literal(former), quote_literal(label)
        expression = re.sub(
            rf'{re.escape(literal)}(?=::(?:{spelled})(?![\w."]))', lambda _, text=renamed: text, expression
        )
    return expression


def spellings(name: QualifiedId) -> Iterator[str]:
    """:returns: How a server may print the name of a type, the longest first."""
    quoted = (name.name, quote_ansi(name.name))
    if name.namespace is not None:
        yield from (f"{space}.{each}" for space in (quote_ansi(name.namespace), name.namespace) for each in quoted)
    yield from quoted


def constraint_columns(constraint: Constraint) -> frozenset[LocalId]:
    """:returns: Columns of its own table that a constraint uses; what an expression may mention included."""
    match constraint:
        case PrimaryKeyConstraint() | UniqueConstraint():
            return frozenset((*constraint.columns, *constraint.include))
        case ForeignKeyConstraint():
            return frozenset(constraint.columns)
        case _:
            return frozenset(name for text in constraint_expressions(constraint) for name in names_in(text))


def constraint_expressions(constraint: Constraint) -> tuple[str, ...]:
    """:returns: Expressions of a constraint."""
    match constraint:
        case CheckConstraint(expression=expression):
            return (expression,)
        case ExclusionConstraint(definition=definition):
            return (definition,)
        case _:
            return ()


def index_expressions(index: Index) -> tuple[str, ...]:
    """:returns: Expressions among the keys of an index, and its predicate."""
    keys = (part.expression for part in index.parts)
    return tuple(text for text in (*keys, index.predicate) if text is not None)


def index_columns(index: Index) -> frozenset[LocalId]:
    """:returns: Columns that an index uses; what an expression may mention included."""
    mentioned = (name for text in index_expressions(index) for name in names_in(text))
    return frozenset((*index.columns, *index.include, *mentioned))


def with_dependents(columns: Iterable[Column], names: Iterable[LocalId]) -> frozenset[LocalId]:
    """:returns: The names, and those of the columns that are computed from columns of these names."""
    computed = [(c.name, names_in(c.generated.expression)) for c in columns if c.generated is not None]
    found = set(names)
    while True:
        more = {name for name, used in computed if name not in found and not used.isdisjoint(found)}
        if not more:
            return frozenset(found)
        found |= more


def key_columns(table_keys: Iterable[Constraint | Index]) -> Iterator[frozenset[LocalId]]:
    """:returns: For each key or unique index on whole columns, the columns that a foreign key may refer to."""
    for key in table_keys:
        match key:
            case PrimaryKeyConstraint() | UniqueConstraint():
                yield frozenset(key.columns)
            case Index(unique=True, predicate=None) if len(key.columns) == len(key.parts):
                yield frozenset(key.columns)
            case _:
                continue


def referenced_names(table: QualifiedId, key: ForeignKeyConstraint) -> frozenset[tuple[QualifiedId, LocalId]]:
    """:returns: The columns on both sides of a foreign key, with their tables."""
    referring = ((table, column) for column in key.columns)
    referenced = ((key.referenced_table, column) for column in key.referenced_columns)
    return frozenset((*referring, *referenced))
