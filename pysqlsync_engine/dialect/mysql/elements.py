"""Elements of lists as MySQL and MariaDB have them in JSON documents and in rows: expressions that lead from one to another."""

from __future__ import annotations

from dataclasses import dataclass

from pysqlsync_engine.dialect.label_writer import LOOKUP_KEY, LOOKUP_VALUE
from pysqlsync_engine.dialect.mysql.writer import MySQLWriter
from pysqlsync_engine.migration.operations import MoveList
from pysqlsync_engine.model.data_types import (
    SqlBinary,
    SqlBoolean,
    SqlCharacter,
    SqlDate,
    SqlDecimal,
    SqlFloat,
    SqlInteger,
    SqlJson,
    SqlLabel,
    SqlNetworkAddress,
    SqlTime,
    SqlTimestamp,
    SqlUuid,
    SqlYear,
)

_NO_LABEL = "no label of the enumeration: "
_MISFIT = "does not fit: "
_DIGITS = 65
_DECIMALS = 30
"""Most digits of a number, and most of them after the point; https://dev.mysql.com/doc/refman/8.4/en/fixed-point-types.html"""


def refusal(writer: MySQLWriter, reason: str, text: str) -> str:
    """
    :param text: Expression for what is refused.
    :returns: Expression that makes a statement fail which changes rows, and names what is refused.
    """
    return f"CAST(CONCAT({writer.literal(reason)}, {text}) AS SIGNED)"


@dataclass(frozen=True, slots=True)
class MySQLElements:
    """
    Expressions for the elements of lists that move.

    Nothing is rounded or cut: a value that does not fit makes the statement fail.
    """

    writer: MySQLWriter
    move: MoveList

    def text(self, element: str) -> str:
        """
        :param element: Expression for a JSON value.
        :returns: Expression for the text that a string of JSON is, for the label that stands for it, or for the value as it is
            written; NULL for null.
        """
        kind, text = f"JSON_TYPE({element})", f"JSON_UNQUOTE({element})"
        cases = "".join(
            f" WHEN {self.writer.literal(value)} THEN {self.writer.literal(label)}"
            for label, value in self.move.items.documents
        )
        number = f" WHEN {kind} <> 'STRING' THEN CASE {text}{cases} ELSE {text} END" if cases else ""
        return f"CASE WHEN {kind} = 'NULL' THEN NULL{number} ELSE {text} END"

    def read(self, element: str, text: str, key: str | None) -> str:
        """
        :param element: Column with a JSON value.
        :param text: Column with its text.
        :param key: Column with the key of the label that it is, where rows hold keys.
        :returns: Expression for the element in a row.
        """
        if key is not None:
            return self._known(text, key)
        target = self.move.value.data_type
        if isinstance(target, SqlLabel):
            labels = ", ".join(map(self.writer.literal, target.labels))
            refused = refusal(self.writer, _NO_LABEL, text)
            return f"CASE WHEN {text} IS NULL OR CAST({text} AS BINARY) IN ({labels}) THEN {text} ELSE {refused} END"
        match self.move.items.element:
            case SqlJson():
                return f"CASE WHEN JSON_TYPE({element}) = 'NULL' THEN NULL ELSE {element} END"
            case SqlBoolean():
                return f"CASE {text} WHEN 'true' THEN 1 WHEN 'false' THEN 0 ELSE CAST({text} AS SIGNED) END"
            case SqlInteger() | SqlYear():
                unsigned = isinstance(target, SqlInteger) and not target.signed
                return f"CAST({text} AS {'UNSIGNED' if unsigned else 'SIGNED'})"
            case SqlDecimal() if isinstance(target, SqlDecimal):
                return self._decimal(text, target)
            case SqlTimestamp() | SqlTime():
                return self._time(text)
            case _:
                return self._bytes(text)

    def _known(self, text: str, found: str) -> str:
        """:returns: What was found for a text; what a text is for which there is nothing makes the statement fail."""
        return f"CASE WHEN {text} IS NULL THEN NULL ELSE COALESCE({found}, {refusal(self.writer, _MISFIT, text)}) END"

    def _decimal(self, text: str, target: SqlDecimal) -> str:
        precision, scale = target.precision or _DIGITS, target.scale or 0
        value = f"CAST({text} AS DECIMAL({precision}, {scale}))"
        wide = f"CAST({text} AS DECIMAL({_DIGITS}, {min(_DECIMALS, _DIGITS - precision + scale)}))"
        more = f"{text} REGEXP '[.][0-9]{{{scale}}}[0-9]*[1-9]'"
        return f"CASE WHEN {more} OR {wide} <> {value} THEN {refusal(self.writer, _MISFIT, text)} ELSE {value} END"

    def _time(self, text: str) -> str:
        value, target = text, self.move.value.data_type
        if isinstance(target, SqlTimestamp) and target.with_time_zone:
            with_offset = f"CASE WHEN {text} LIKE '%Z' THEN CONCAT(LEFT({text}, CHAR_LENGTH({text}) - 1), '+00:00') ELSE {text} END"
            local = f"CAST(LEFT({with_offset}, CHAR_LENGTH({with_offset}) - 6) AS DATETIME(6))"
            value = self._known(text, f"CONVERT_TZ({local}, RIGHT({with_offset}, 6), '+00:00')")
        precision = target.precision if isinstance(target, SqlTimestamp | SqlTime) else None
        if precision is None:
            return value
        kind = "TIME" if isinstance(target, SqlTime) else "DATETIME"
        rounded = f"CAST({value} AS {kind}(6)) <> CAST({value} AS {kind}({precision}))"
        return f"CASE WHEN {rounded} THEN {refusal(self.writer, _MISFIT, text)} ELSE {value} END"

    def _bytes(self, text: str) -> str:
        native = self.writer.features.mariadb
        match self.move.items.element:
            case SqlBinary():
                return self._known(text, f"FROM_BASE64({text})")
            case SqlUuid() if not native:
                return f"UUID_TO_BIN({text})"
            case SqlNetworkAddress(version=int()) if not native:
                return self._known(text, f"INET6_ATON({text})")
            case _:
                return text

    def is_same(self, value: str, item: str) -> str:
        """
        :param value: Column with an element that is there already.
        :param item: Expression that `read` returned.
        :returns: Condition that they are the same.
        """
        match self.move.items.element:
            case _ if self.move.lookup is not None:
                return f"{value} <=> {item}"
            case SqlJson() if self.writer.features.native_json:
                return f"{value} <=> {item}"
            case SqlCharacter() | SqlJson():
                return f"CAST({value} AS BINARY) <=> CAST({item} AS BINARY)"
            case SqlFloat():
                return f"{value} <=> {item} + 0E0"
            case SqlDate():
                return f"{value} <=> CAST({item} AS DATE)"
            case SqlTimestamp():
                return f"{value} <=> CAST({item} AS DATETIME(6))"
            case SqlTime():
                return f"{value} <=> CAST({item} AS TIME(6))"
            case _:
                return f"{value} <=> {item}"

    def written(self, value: str, label: str | None) -> str:
        """
        :param value: Column with an element.
        :param label: Column with the label that it is the key of, where rows hold keys.
        :returns: Expression for the text of the element in a JSON document; NULL only if something went wrong.
        """
        return f"CASE WHEN {value} IS NULL THEN 'null' ELSE {self._json(value, label)} END"

    def _json(self, value: str, label: str | None) -> str:
        printed = f"CAST({value} AS CHAR)"
        if self.move.items.is_label:
            return self._json_label(label or printed)
        match self.move.items.element:
            case SqlJson() | SqlInteger() | SqlYear():
                return printed
            case SqlBoolean():
                return f"CASE WHEN {value} THEN 'true' ELSE 'false' END"
            case SqlFloat():
                return f"CAST({value} + 0E0 AS CHAR)"
            case _:
                return f"JSON_QUOTE({self._json_text(value, printed)})"

    def _json_text(self, value: str, printed: str) -> str:
        match self.move.items.element:
            case SqlDecimal(precision=None) if self._has_fraction():
                return f"TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM {printed}))"
            case SqlTimestamp(with_time_zone=aware):
                moment = f"REPLACE({printed}, ' ', 'T')"
                return f"CONCAT({moment}, 'Z')" if aware else moment
            case SqlBinary():
                return f"REPLACE(TO_BASE64({value}), {self.writer.literal(chr(10))}, '')"
            case SqlUuid() if not self.writer.features.mariadb:
                return f"BIN_TO_UUID({value})"
            case SqlNetworkAddress(version=int()) if not self.writer.features.mariadb:
                return f"INET6_NTOA({value})"
            case _:
                return printed

    def _has_fraction(self) -> bool:
        stored = self.move.value.data_type
        return isinstance(stored, SqlDecimal) and bool(stored.scale)

    def _json_label(self, label: str) -> str:
        cases = "".join(
            f" WHEN {self.writer.literal(text)} THEN {self.writer.literal(value)}"
            for text, value in self.move.items.documents
        )
        return f"CASE CAST({label} AS BINARY){cases} ELSE JSON_QUOTE({label}) END" if cases else f"JSON_QUOTE({label})"


def lookup_columns(writer: MySQLWriter, alias: str) -> tuple[str, str]:
    """:returns: Columns of a lookup table with the key, and with the label."""
    return f"{alias}.{writer.quote(LOOKUP_KEY)}", f"{alias}.{writer.quote(LOOKUP_VALUE)}"
