"""Tables that are kept in step with their sources, from YAML: a face of `build_sync_defs`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from datetime import timedelta
from types import ModuleType
from typing import Annotated, Any, ClassVar

import dagster as dg
from pydantic import ConfigDict, Field

from pysqlsync_dagster.assets import AssetOptions
from pysqlsync_dagster.components.database import Database, require_database
from pysqlsync_dagster.components.place import Place
from pysqlsync_dagster.components.policy import (
    Automation,
    CheckSettings,
    ExecutionSettings,
    Freshness,
    PolicySettings,
    ScheduleSettings,
    asset_options,
)
from pysqlsync_dagster.components.scaffolding import SyncScaffolder
from pysqlsync_dagster.components.settings import Settings
from pysqlsync_dagster.components.tables import LoadSettings, TableSettings
from pysqlsync_dagster.components.translation import ComponentTranslator, Translation, translated
from pysqlsync_dagster.components.values import Text, resolve_text
from pysqlsync_dagster.feeds import Contract
from pysqlsync_dagster.sync_defs import CheckOptions, build_sync_defs, table_module
from pysqlsync_dagster.translator import DescribedTable, TableModule


def resolve_names(context: dg.ResolutionContext, value: Any) -> Any:
    """:returns: A name, or several."""
    if isinstance(value, str):
        return resolve_text(context, value)
    names: Sequence[Any] = value
    return [resolve_text(context, each) for each in names]


Names = Annotated[Any, dg.Resolver(resolve_names, model_field_type=str | list[str], inject_before_resolve=False)]


def load_tables(given: Any, place: Place) -> ModuleType | tuple[type, ...]:
    """
    :param given: A module or its name; or classes, or their names.
    :raises ValueError: if there are no such tables.
    """
    if isinstance(given, str):
        return place.module(given)
    if isinstance(given, ModuleType):
        return given
    classes = tuple(place.member(each) if isinstance(each, str) else each for each in given)
    strangers = [name for name, cls in zip(given, classes, strict=True) if not isinstance(cls, type)]
    if strangers or not classes:
        raise ValueError(
            f"expected a module, or one or more data-classes; got {', '.join(map(str, strangers)) or 'none'}"
        )
    return classes


@dg.scaffold_with(SyncScaffolder)
class SqlSyncComponent(dg.Component, Settings):
    """
    Tables of a PostgreSQL, MySQL or MariaDB database, described by data-classes and kept in step with their sources.

    A schema asset plans, shows and applies what the data-classes describe; below it is an asset for each table, with checks, jobs and
    schedules. Rows come from files, from another database, or from a function of yours.
    """

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)
    texts: ClassVar[Set[str]] = frozenset({"module"})

    target: Database = Field(description="The database that has the tables.")
    module: Names = Field(
        description="Module of data-classes, or a list of classes: shop.model, or .model for model.py in this folder.",
        examples=[".model", ["shop.model.Customer", "shop.model.Order"]],
    )
    tables: dict[str, TableSettings] = Field(
        default_factory=dict[str, TableSettings],
        description="By name of the class where its rows come from. A table that is not named is shown, but loaded by somebody else.",
    )
    namespace: Text | None = Field(
        default=None, description="Of the tables; the default one of the database if not given."
    )
    prefix: list[Text] = Field(default_factory=list[str], description="What the keys of all assets start with.")
    owners: list[Text] = Field(default_factory=list[str], description="E-mail addresses, or team:name.")
    group: Text | None = Field(default=None, description="Group of all assets; named after the namespace if not given.")
    resource: Text | None = Field(
        default=None, description="Key of the database resource; told from those of other components if not given."
    )
    load_defaults: LoadSettings = Field(
        default_factory=LoadSettings, description="What becomes of the rows of tables that say nothing else."
    )
    contract: Contract = Field(
        default=Contract.EVOLVE, description="What may become of tables when their classes or sources change."
    )
    policy: PolicySettings = Field(
        default_factory=PolicySettings, description="What the schema asset may do without asking."
    )
    execution: ExecutionSettings = Field(default_factory=ExecutionSettings, description="How the assets execute.")
    schedule: ScheduleSettings | None = Field(
        default=None, description="When tables are loaded; no schedules if not given."
    )
    checks: CheckSettings = Field(default_factory=CheckSettings, description="Which checks are made.")
    freshness: Freshness = Field(default=None, description="How long ago tables may have been loaded.")
    automation: Automation = Field(default=None, description="When tables are loaded by automation, as a template.")
    translation: Translation = Field(
        default=None, description="What assets have that differs; templates know spec, table, namespace and data."
    )

    def get_asset_spec(self, described: DescribedTable) -> dg.AssetSpec:
        """Describe the asset of a table; override it to change more than `translation` can say."""
        return translated(described, self.translation)

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """
        Build what the settings describe; no database is asked.

        :raises ValueError: that names the file and the key, if the settings do not go together.
        """
        place = Place.of(context)
        with place.at("target"):
            require_database(self.target)
        tables = self._table_module(place)
        classes = {cls.__name__: cls for cls in tables.classes}
        for name in self.tables:
            with place.at("tables", name):
                if name not in classes:
                    raise ValueError(f"{tables.title} has no such table; expected one of {', '.join(classes)}")
        feeds = {
            classes[name]: each.feed(
                classes[name], place, tables.options, usual=self.load_defaults, contract=self.contract
            )
            for name, each in self.tables.items()
        }
        with place.at("policy"):
            policy = self.policy.policy()
        partitions = {
            classes[name]: each.partitions for name, each in self.tables.items() if each.partitions is not None
        }
        with place.at():
            return build_sync_defs(
                replace(tables, partitions=partitions),
                target=self.target,
                sources={cls: feed for cls, feed in feeds.items() if feed is not None},
                translator=ComponentTranslator(self),
                policy=policy,
                options=self._options(),
                schedule=None if self.schedule is None else self.schedule.schedule(),
                checks=self._checks(classes),
            )

    def _table_module(self, place: Place) -> TableModule:
        with place.at("module"):
            given = load_tables(self.module, place)
            described = table_module(
                given,
                dialect=self.target.dialect,
                namespace=self.namespace,
                owners=self.owners,
                prefix=self.prefix,
                group=self.group,
            )
            if not described.classes:
                raise ValueError(f"{described.title} has no data-class with a primary key; a table needs one")
        return described

    def _options(self) -> AssetOptions:
        named = [*self.prefix, *([] if self.namespace is None else [self.namespace]), "database"]
        resource = self.resource or re.sub(r"\W", "_", "_".join(named))
        return asset_options(self.execution, resource, freshness=self.freshness, automation=self.automation)

    def _checks(self, classes: Mapping[str, type]) -> CheckOptions:
        ages = {
            classes[name]: (each.max_age.column, timedelta(hours=each.max_age.hours))
            for name, each in self.tables.items()
            if each.max_age is not None
        }
        counted = [classes[name] for name, each in self.tables.items() if each.source_rows]
        return self.checks.options(max_age=ages, source_rows=counted)
