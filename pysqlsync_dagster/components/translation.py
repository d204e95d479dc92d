"""How a component lets YAML, or a class that derives from it, say what the assets of tables look like."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Protocol, TypeAlias

import dagster as dg
from dagster.components.utils.translation import TranslationFn, TranslationFnResolver

from pysqlsync_dagster.translator import DescribedTable, TableTranslator


def template_variables(described: DescribedTable) -> Mapping[str, Any]:
    """:returns: What templates know besides the asset itself, which is `spec`."""
    return {"data": described, "table": described.name.name, "namespace": described.name.namespace}


Translation: TypeAlias = Annotated[
    TranslationFn[DescribedTable] | None, TranslationFnResolver[DescribedTable](template_variables)
]
"""Attributes of assets that differ from the usual ones; templates know `spec`, `table`, `namespace` and `data`."""


class Translating(Protocol):
    """A component that says what the assets of tables look like."""

    def get_asset_spec(self, described: DescribedTable) -> dg.AssetSpec:
        """:returns: The asset of a table."""
        ...


class ComponentTranslator(TableTranslator):
    """Asks the component, whose method may be overridden."""

    def __init__(self, component: Translating) -> None:
        self._component = component

    def get_asset_spec(self, described: DescribedTable) -> dg.AssetSpec:
        """:returns: The asset of a table."""
        return self._component.get_asset_spec(described)


def translated(described: DescribedTable, translation: TranslationFn[DescribedTable] | None) -> dg.AssetSpec:
    """:returns: The usual asset of a table, with what the translation changes of it."""
    spec = TableTranslator().get_asset_spec(described)
    return spec if translation is None else translation(spec, described)
