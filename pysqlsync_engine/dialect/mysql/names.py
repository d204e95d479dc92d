"""How names and values are written in SQL of MySQL and MariaDB."""

from __future__ import annotations

from collections.abc import Iterable

from pysqlsync_engine.model.id_types import LocalId, QualifiedId

_ESCAPES = str.maketrans({"\\": "\\\\", "'": "''", "\0": "\\0", "\n": "\\n", "\r": "\\r", "\x1a": "\\Z"})
"""https://dev.mysql.com/doc/refman/8.4/en/string-literals.html; sessions never have `NO_BACKSLASH_ESCAPES`."""


def quote(name: str | LocalId) -> str:
    """:returns: The name between backticks, backticks in it doubled."""
    text = name if isinstance(name, str) else name.name
    return "`" + text.replace("`", "``") + "`"


def quote_table(name: QualifiedId) -> str:
    """:returns: The name of a table, between backticks; a namespace is the name of a database."""
    return quote(name.name) if name.namespace is None else f"{quote(name.namespace)}.{quote(name.name)}"


def quote_list(names: Iterable[str | LocalId], prefix: str = "") -> str:
    """:param prefix: Alias of a table, with its dot."""
    return ", ".join(prefix + quote(name) for name in names)


def quote_text(value: str) -> str:
    """:returns: A string literal; only for a session of ours, whose `sql_mode` is known."""
    return "'" + value.translate(_ESCAPES) + "'"
