"""Elements of lists as PostgreSQL has them in arrays, in JSON documents and in rows: expressions that lead from one to another."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pysqlsync_engine.dialect.label_writer import LOOKUP_KEY, LOOKUP_VALUE
from pysqlsync_engine.dialect.postgresql.spelling import PostgreSQLSpelling
from pysqlsync_engine.migration.conversion import convert
from pysqlsync_engine.migration.operations import MoveList
from pysqlsync_engine.model.data_types import (
    SqlArray,
    SqlBinary,
    SqlCharacter,
    SqlDate,
    SqlDecimal,
    SqlFloat,
    SqlJson,
    SqlNamed,
    SqlTime,
    SqlTimestamp,
    SqlType,
)

_NO_LABEL = "no label of the enumeration: "
"""Before a label that a lookup table does not have, for which a cast then fails."""

_MISFIT = "does not fit: "
"""Before a value that would be rounded, for which a cast then fails."""


@dataclass(frozen=True, slots=True)
class PostgreSQLElements:
    """
    Expressions for the elements of lists that move.

    Nothing is rounded or cut: a value that does not fit makes the statement fail.
    """

    writer: PostgreSQLSpelling
    move: MoveList

    @property
    def stored(self) -> SqlType:
        """Type of an element in the column of the owner; `SqlJson` if that is a JSON document."""
        column = self.move.column.data_type
        return column.element if isinstance(column, SqlArray) else column

    def moved(self, element: str) -> str:
        """
        :param element: Expression for an element where it is.
        :returns: Expression for the same element where it is to be.
        """
        source, target = self.stored, self.move.value.data_type
        if not self.move.to_table:
            source, target = target, source
        if self.move.items.is_label:
            return self._of_label(self.label(element), target)
        if isinstance(self.move.items.element, SqlJson) or isinstance(self.move.column.data_type, SqlArray):
            return self._converted(element, source, target)
        if self.move.to_table:
            return self._read(f"({element} #>> '{{}}')", target)
        return self._written(element)

    def label(self, element: str) -> str:
        """:returns: Expression for the label that an element is, as text; for a set or a list of labels."""
        if self.move.to_table and isinstance(self.stored, SqlJson):
            cases = "".join(
                f" WHEN {self.writer.literal(value)}::jsonb THEN {self.writer.literal(label)}"
                for label, value in self.move.items.documents
            )
            text = f"({element} #>> '{{}}')"
            return f"(CASE {element}::jsonb{cases} ELSE {text} END)" if cases else text
        lookup = self.move.lookup
        if self.move.to_table or lookup is None:
            return f"{element}::text"
        key, value = self.writer.quote(LOOKUP_KEY), self.writer.quote(LOOKUP_VALUE)
        return f"(SELECT {value} FROM {self.writer.qualified(lookup.referenced_table)} WHERE {key} = {element})"

    def _of_label(self, label: str, target: SqlType) -> str:
        lookup = self.move.lookup if self.move.to_table else None
        if lookup is not None:
            key, value = self.writer.quote(LOOKUP_KEY), self.writer.quote(LOOKUP_VALUE)
            found = f"(SELECT {key} FROM {self.writer.qualified(lookup.referenced_table)} WHERE {value} = {label})"
            refused = f"({self.writer.literal(_NO_LABEL)} || {label})::integer"
            return f"CASE WHEN {label} IS NULL THEN NULL ELSE COALESCE({found}, {refused}) END"
        if isinstance(target, SqlJson):
            cases = "".join(
                f" WHEN {self.writer.literal(text)} THEN {self.writer.literal(value)}::jsonb"
                for text, value in self.move.items.documents
            )
            text = f"pg_catalog.to_jsonb({label})"
            return f"CASE {label}{cases} ELSE {text} END" if cases else text
        return label if isinstance(target, SqlCharacter) else f"{label}::{self.writer.data_type(target)}"

    def _converted(self, element: str, source: SqlType, target: SqlType) -> str:
        if isinstance(source, SqlJson):
            value = f"{element}::{self.writer.data_type(target)}"
            if isinstance(target, SqlNamed):
                value = f"pg_catalog.jsonb_populate_record(NULL::{self.writer.data_type(target)}, {element}::jsonb)"
            return f"CASE WHEN {element}::text = 'null' THEN NULL ELSE {value} END"
        conversion = convert(source, target)
        if conversion.document:
            return f"pg_catalog.to_jsonb({element})::{self.writer.data_type(target)}"
        if not conversion.explicit:
            return element
        printed = "::text" if conversion.through_text else ""
        return f"{element}{printed}::{self.writer.data_type(target)}"

    def _read(self, text: str, target: SqlType) -> str:
        """:param text: Expression for a string, a number or a truth value of a JSON document, as text."""
        if isinstance(self.move.items.element, SqlBinary):
            return f"pg_catalog.decode({text}, 'base64')"
        if isinstance(self.move.items.element, SqlCharacter):
            # cut by a cast, refused without
            return text
        value = f"{text}::{self.writer.data_type(target)}"
        wide = _without_limits(target)
        if wide is None:
            return value
        refused = f"({self.writer.literal(_MISFIT)} || {text})::{self.writer.data_type(target)}"
        return f"CASE WHEN {text}::{self.writer.data_type(wide)} = {value} THEN {value} ELSE {refused} END"

    def _written(self, value: str) -> str:
        match self.move.items.element:
            case SqlBinary():
                return f"pg_catalog.to_jsonb(pg_catalog.translate(pg_catalog.encode({value}, 'base64'), E'\\n', ''))"
            case SqlDecimal():
                return f"pg_catalog.to_jsonb({value}::text)"
            case SqlFloat():
                # what is not finite is no JSON
                return f"{value}::text::jsonb"
            case _:
                return f"pg_catalog.to_jsonb({value})"


def _without_limits(data_type: SqlType) -> SqlType | None:
    """:returns: A type that holds all digits of what a type would round, or cut off; `None` if it does not."""
    match data_type:
        case SqlDecimal(precision=int()):
            return SqlDecimal()
        case SqlTimestamp(precision=int()) | SqlTime(precision=int()):
            return replace(data_type, precision=None)
        case SqlDate():
            return SqlTimestamp()
        case _:
            return None
