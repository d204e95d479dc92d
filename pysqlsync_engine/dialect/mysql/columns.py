"""Columns of a desired catalog as MySQL or MariaDB will report them back."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import replace

from pysqlsync_engine.dialect.mysql.capabilities import MAX_IDENTIFIER_CHARACTERS, Features
from pysqlsync_engine.dialect.mysql.column_types import Size, is_basic, lower_type, parse_type
from pysqlsync_engine.dialect.mysql.expressions import (
    canonical_default,
    is_wide,
    normalize_expression,
    size_condition,
    spell_now,
)
from pysqlsync_engine.dialect.mysql.names import quote
from pysqlsync_engine.dialect.mysql.objects import MySQLColumn
from pysqlsync_engine.errors import UnsupportedError
from pysqlsync_engine.formation.names import constraint_name
from pysqlsync_engine.model.data_types import (
    SqlCharacter,
    SqlInteger,
    SqlJson,
    SqlLabel,
    SqlLabelSet,
    SqlNamed,
    SqlOpaque,
    SqlTimestamp,
    SqlType,
)
from pysqlsync_engine.model.id_types import LocalId, QualifiedId
from pysqlsync_engine.model.object_types import (
    Catalog,
    CheckConstraint,
    Column,
    DomainType,
    IdentityMode,
    LabelCheck,
    Table,
)
from pysqlsync_engine.model.vendor_markers import MySQLInvisible, MySQLOnUpdate, MySQLOptions

LOOKUP_VALUE = "value"
"""Column of a lookup table that holds the labels."""

_KEY_CHARACTERS = 255
"""Of a column of labels, so that it can be a key; longer if one of the labels is."""

_MAX_COMMENT = 1024
_VALUE = re.compile(r"'(?:[^']|'')*'|`(?:[^`]|``)*`|\"(?:[^\"]|\"\")*\"|\bVALUE\b", re.IGNORECASE | re.DOTALL)


def check_comment(text: str | None, place: str, limit: int) -> str | None:
    """
    :param limit: Characters that the server permits.
    :returns: The comment; `None` for an empty one, which the server does not tell from none.
    """
    if not text:
        return None
    if len(text) > limit:
        raise UnsupportedError(
            f"{place}: its description has {len(text)} characters, the server permits {limit}; shorten it"
        )
    if not is_basic(text):
        raise UnsupportedError(
            f"{place}: its description has a character that the server would replace by a question mark; remove it"
        )
    return text


class ColumnLowering:
    """
    Lowers columns; not changed by any call.

    :param catalog: Whose enumerations, composite types and domains columns may have.
    """

    def __init__(self, catalog: Catalog, features: Features) -> None:
        self._features = features
        self._enums = {enum.name: enum for namespace in catalog.namespaces for enum in namespace.enums}
        self._structs = {struct.name for namespace in catalog.namespaces for struct in namespace.structs}
        self._domains = {domain.name: domain for namespace in catalog.namespaces for domain in namespace.domains}

    def lower(
        self, column: Column, table: Table, name: QualifiedId, options: MySQLOptions
    ) -> tuple[MySQLColumn, tuple[CheckConstraint, ...]]:
        """
        :param table: The column is one of, not lowered.
        :param name: Of the table in the database.
        :returns: The column, and checks of what its type does not say.
        """
        place = f"{name.display}.{column.name.name}"
        domain = self._domain(column.data_type)
        if domain is not None:
            column = _without_domain(column, domain)
        column = _with_labels(column, table, self._features)
        data_type, size = lower_type(
            self._resolve(column.data_type, place),
            self._features,
            place,
            collation=column.collation or options.collation,
        )
        lowered = self._make(column, data_type, place)
        checks = [*_size_check(table, name, column.name, size), *_domain_checks(table, column.name, domain)]
        self._check_hidden(lowered, place)
        return lowered, tuple(checks)

    def _check_hidden(self, column: MySQLColumn, place: str) -> None:
        if not (column.visible or column.is_optional or self._features.hidden_required):
            raise UnsupportedError(
                f"{place}: a column that is left out where a statement names none must have a default, or permit NULL; give"
                " it a default"
            )

    def _make(self, column: Column, data_type: SqlType, place: str) -> MySQLColumn:
        computed = column.generated is not None
        on_update = next((marker for marker in column.markers if isinstance(marker, MySQLOnUpdate)), None)
        if column.identity is not None and not isinstance(data_type, SqlInteger | SqlOpaque):
            raise UnsupportedError(f"{place}: the server counts in integers only; use int")
        return MySQLColumn(
            column.name,
            data_type,
            nullable=column.nullable or (computed and not self._features.generated_not_null),
            default=None if column.identity is not None or computed else self._default(column, data_type, place),
            identity=None if column.identity is None else IdentityMode.BY_DEFAULT,
            description=check_comment(column.description, place, _MAX_COMMENT),
            generated=None
            if column.generated is None
            else replace(column.generated, expression=self._expression(column.generated.expression, place)),
            collation=column.collation or _label_collation(data_type, self._features),
            renamed_from=column.renamed_from,
            backfill=column.backfill,
            markers=column.markers,
            enumeration=column.enumeration,
            label_map=column.label_map,
            list_items=column.list_items,
            on_update=None if on_update is None else self._now(on_update.expression, data_type),
            visible=not any(isinstance(marker, MySQLInvisible) for marker in column.markers),
        )

    def _default(self, column: Column, data_type: SqlType, place: str) -> str | None:
        if column.default is None:
            return None
        text = canonical_default(
            column.default, data_type, self._features.now, marked=self._features.marked_expressions
        )
        return None if text is None else check_expression(text, place, wide=self._features.marked_expressions)

    def _expression(self, text: str, place: str) -> str:
        return check_expression(normalize_expression(text), place, wide=self._features.wide_expressions)

    def _now(self, text: str, data_type: SqlType) -> str:
        precision = data_type.precision if isinstance(data_type, SqlTimestamp) else 0
        return spell_now(text, self._features.now, 6 if precision is None else precision) or text

    def _domain(self, data_type: SqlType) -> DomainType | None:
        return self._domains.get(data_type.name) if isinstance(data_type, SqlNamed) else None

    def _resolve(self, data_type: SqlType, place: str) -> SqlType:
        """:returns: What stands for a type that the catalog defines."""
        if isinstance(data_type, SqlOpaque):
            if isinstance(exact := parse_type(data_type.definition), SqlLabel | SqlLabelSet):
                return exact
            known = parse_type(data_type.definition.lower())
            return data_type if isinstance(known, SqlOpaque | SqlLabel | SqlLabelSet) else known
        if not isinstance(data_type, SqlNamed):
            return data_type
        if data_type.name in self._structs:
            return SqlJson()
        enum = self._enums.get(data_type.name)
        if enum is None:
            raise UnsupportedError(
                f"{place}: type {data_type.name.display} is not defined in the catalog; define it, or use another type"
            )
        return SqlLabel(enum.labels)


def check_expression(text: str, place: str, *, wide: bool) -> str:
    """
    :param wide: True if the server keeps characters of four bytes.
    :returns: The expression.
    :raises UnsupportedError: if the server would store another one.
    """
    if not wide and is_wide(text):
        raise UnsupportedError(
            f"{place}: its expression has a character that the server would replace by a question mark; remove it"
        )
    return text


def _without_domain(column: Column, domain: DomainType) -> Column:
    return replace(
        column,
        data_type=domain.data_type,
        nullable=column.nullable and domain.nullable,
        default=column.default if column.default is not None else domain.default,
        collation=column.collation or domain.collation,
    )


def _domain_checks(table: Table, column: LocalId, domain: DomainType | None) -> Iterable[CheckConstraint]:
    for check in () if domain is None else domain.constraints:
        expression = _VALUE.sub(
            lambda found: quote(column) if found[0].upper() == "VALUE" else found[0], check.expression
        )
        yield CheckConstraint(
            _added_name(table, table.name.name, column.name, check.name.name), expression, columns=(column,)
        )


def _size_check(table: Table, name: QualifiedId, column: LocalId, size: Size | None) -> Iterable[CheckConstraint]:
    if size is not None:
        condition = size_condition(column, size.limit, exact=size.exact, binary=size.binary)
        yield CheckConstraint(_added_name(table, name.name, column.name, "size"), condition, columns=(column,))


def _added_name(table: Table, *parts: str) -> LocalId:
    name = constraint_name("ck", *parts, max_bytes=MAX_IDENTIFIER_CHARACTERS)
    if any(constraint.name.name == name for constraint in table.constraints):
        raise UnsupportedError(
            f"{table.name.display}: a check of a column would be called {name!r}, as is another constraint; rename the column"
        )
    return LocalId(name)


def _with_labels(column: Column, table: Table, features: Features) -> Column:
    """:returns: A column that holds labels as text: so short that it can be a key, and told apart as Python does."""
    labels = _labels_of(column, table)
    if labels is None or column.data_type != SqlCharacter() or column.collation is not None:
        return column
    longest = max((len(label) for label in labels), default=0)
    return replace(column, data_type=SqlCharacter(max(longest, _KEY_CHARACTERS)), collation=features.exact_collation)


def _labels_of(column: Column, table: Table) -> tuple[str, ...] | None:
    if table.labels is not None and column.name.name == LOOKUP_VALUE:
        return table.labels
    checks = (check for check in table.constraints if isinstance(check, LabelCheck) and check.column == column.name)
    return next((check.labels for check in checks), None)


def _label_collation(data_type: SqlType, features: Features) -> str | None:
    """:returns: A collation that tells labels apart which the usual ones take for the same; `None` where all do."""
    if not isinstance(data_type, SqlLabel | SqlLabelSet):
        return None
    folded = {_fold(label) for label in data_type.labels}
    return None if len(folded) == len(data_type.labels) else features.exact_collation


def _fold(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in decomposed if not unicodedata.combining(character))
