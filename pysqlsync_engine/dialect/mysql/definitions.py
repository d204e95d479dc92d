"""What `SHOW CREATE TABLE` says of a table: expressions as the server prints them."""

from __future__ import annotations

import re
from dataclasses import replace

from pysqlsync_engine.dialect.mysql.capabilities import Features
from pysqlsync_engine.dialect.mysql.expressions import (
    constant_value,
    enclose,
    literal_default,
    parse_expression,
    spell_now,
    standardize,
)
from pysqlsync_engine.dialect.mysql.names import quote
from pysqlsync_engine.dialect.mysql.objects import MySQLColumn
from pysqlsync_engine.model.data_types import SqlType

_COMPUTED = re.compile(r" GENERATED ALWAYS AS \((?P<expression>.*)\) (?:VIRTUAL|STORED|PERSISTENT)", re.DOTALL)
_ON_UPDATE = re.compile(r" ON UPDATE (?P<now>[^\s,]+)$")
_DEFAULT = re.compile(r" DEFAULT (?P<text>.+)$", re.DOTALL)
_CHECK = re.compile(r"^  CONSTRAINT `(?P<name>[^`]+)` CHECK \((?P<expression>.*)\)$", re.DOTALL)
_INDEX = re.compile(r"^  KEY `(?P<name>[^`]+)` \(\((?P<expression>.*)\)\)$", re.DOTALL)


class Definition:
    """
    Columns, checks and indexes of a table that has no comments and no line ends in names.

    :param text: As `SHOW CREATE TABLE` has it.
    """

    def __init__(self, text: str, features: Features) -> None:
        self._lines = [line.removesuffix(",") for line in text.split("\n")]
        self._features = features

    def column(self, column: MySQLColumn) -> MySQLColumn:
        """:returns: The column with its expressions as the server prints them."""
        prefix = f"  {quote(column.name)} "
        line = next((line for line in self._lines if line.startswith(prefix)), None)
        if line is None:
            return column
        line = line.removesuffix(f" CHECK (json_valid({quote(column.name)}))")
        computed = _COMPUTED.search(line)
        if computed is not None and column.generated is not None:
            expression = parse_expression(computed["expression"])
            return replace(column, generated=replace(column.generated, expression=expression))
        on_update = _ON_UPDATE.search(line)
        if on_update is not None:
            line = line[: on_update.start()]
            column = replace(column, on_update=spell_now(on_update["now"], self._features.now) or column.on_update)
        default = _DEFAULT.search(line[len(prefix) - 1 :])
        return column if default is None else replace(column, default=self._default(default["text"], column.data_type))

    def _default(self, printed: str, data_type: SqlType) -> str | None:
        if printed == "NULL":
            return None
        current = spell_now(printed, self._features.now)
        if current is not None:
            return current
        text = standardize(printed)
        if self._features.marked_expressions and text.startswith("("):
            return enclose(text[1:-1])
        value = constant_value(text)
        return enclose(text) if value is None else literal_default(value, data_type)

    def checks(self) -> dict[str, str]:
        """:returns: Conditions by the names of the checks."""
        return self._expressions(_CHECK)

    def index_keys(self) -> dict[str, str]:
        """:returns: For each index on one expression, that expression by the name of the index."""
        return self._expressions(_INDEX)

    def _expressions(self, pattern: re.Pattern[str]) -> dict[str, str]:
        matches = (pattern.match(line) for line in self._lines)
        return {match["name"]: parse_expression(match["expression"]) for match in matches if match is not None}
