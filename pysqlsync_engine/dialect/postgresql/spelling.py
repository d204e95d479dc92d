"""Names, literals, expressions and data types as PostgreSQL reads them."""

from __future__ import annotations

import re
from decimal import Decimal

from pysqlsync_engine.dialect.ansi import AnsiWriter
from pysqlsync_engine.errors import DefinitionError
from pysqlsync_engine.model.data_types import (
    SqlArray,
    SqlBinary,
    SqlCharacter,
    SqlDate,
    SqlInterval,
    SqlJson,
    SqlLabel,
    SqlLabelSet,
    SqlNetworkAddress,
    SqlTime,
    SqlTimestamp,
    SqlType,
)
from pysqlsync_engine.model.id_types import LocalId
from pysqlsync_engine.model.literals import quote_literal

_TOKEN = re.compile(
    r"""
    (?P<other> "(?:[^"]|"")*" | [A-Za-z_][\w$]* (?:&?'(?:[^'\\]|''|\\.)*')? )
    | '(?P<text> (?:[^']|'')*)'
    """,
    re.VERBOSE | re.DOTALL,
)
"""A quoted name, a word (with the string it is the prefix of), or a plain string."""

_CAST_LIST = re.compile(
    r"\(ARRAY\[(?P<labels>'(?:[^']|'')*'::(?P<type>[a-z]+(?: [a-z]+)*)(?:, '(?:[^']|'')*'::(?P=type))*)\]\)::",
    re.DOTALL,
)
"""A list of constants of one type that is cast as a whole, as the server prints `status IN ('a', 'b')`."""


class PostgreSQLSpelling(AnsiWriter):
    """Writes names, literals, expressions and data types for PostgreSQL."""

    def quote(self, name: LocalId | str) -> str:
        """
        :returns: The name as a delimited identifier.
        :raises DefinitionError: if the name is longer than the server permits, which would cut it without a word.
        """
        text = name.name if isinstance(name, LocalId) else name
        limit = self.capabilities.max_identifier_bytes
        if len(text.encode("utf-8", "surrogatepass")) > limit:
            raise DefinitionError(f"name {text!r}: longer than {limit} bytes; shorten it")
        return super().quote(name)

    def literal(self, value: str | bool | int | float | Decimal | None) -> str:  # noqa: FBT001 - the value is the subject
        """:returns: The value as a literal that means the same whether or not `standard_conforming_strings` is on."""
        if isinstance(value, str) and "\\" in value:
            return "E" + quote_literal(value).replace("\\", "\\\\")
        return super().literal(value)

    def expression(self, text: str) -> str:
        """
        :returns: The expression with its strings as `literal` writes them.

        The server prints strings in the standard form, in which a backslash is nothing special. A list that it has cast as
        a whole it would cast one by one if it read just what it has printed.
        """
        return _TOKEN.sub(self._literal_token, _CAST_LIST.sub(r"(ARRAY[\g<labels>]::\g<type>[])::", text))

    def _literal_token(self, token: re.Match[str]) -> str:
        text = token["text"]
        return token[0] if text is None else self.literal(text.replace("''", "'"))

    def string_type(self, data_type: SqlCharacter | SqlBinary) -> str:
        """:returns: The type of text or of a byte string; byte strings have no limits."""
        if isinstance(data_type, SqlBinary):
            return "bytea"
        return "text" if data_type.limit is None else super().string_type(data_type)

    def temporal_type(self, data_type: SqlTimestamp | SqlDate | SqlTime | SqlInterval) -> str:
        """:returns: The type of a date, a time or a length of time."""
        if isinstance(data_type, SqlInterval):
            return "interval" if data_type.precision is None else f"interval({data_type.precision})"
        return super().temporal_type(data_type)

    def array_type(self, data_type: SqlArray) -> str:
        """:returns: The type of a list; lists of lists have the same."""
        return f"{self.data_type(data_type.element)}[]"

    def other_type(self, data_type: SqlType) -> str:
        """:returns: The type as the server spells it."""
        if isinstance(data_type, SqlJson):
            return "jsonb" if data_type.binary else "json"
        if isinstance(data_type, SqlNetworkAddress):
            return "inet"
        if isinstance(data_type, SqlLabel | SqlLabelSet):
            return "text" if isinstance(data_type, SqlLabel) else "text[]"
        return super().other_type(data_type)
