"""The tables of a live database as assets, from YAML; and copies of them in a second database."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import dagster as dg
from dagster.components.utils.defs_state import DefsStateConfig, DefsStateConfigArgs, ResolvedDefsStateConfig
from pydantic import ConfigDict, Field

from pysqlsync_dagster.components.database import Database, require_database
from pysqlsync_dagster.components.place import Place
from pysqlsync_dagster.components.policy import (
    CheckSettings,
    ExecutionSettings,
    PolicySettings,
    ScheduleSettings,
    asset_options,
)
from pysqlsync_dagster.components.reflection import Reflection, reflect
from pysqlsync_dagster.components.scaffolding import ReflectionScaffolder
from pysqlsync_dagster.components.settings import Settings
from pysqlsync_dagster.components.sources import OtherDatabaseSettings
from pysqlsync_dagster.components.tables import LoadSettings
from pysqlsync_dagster.components.translation import ComponentTranslator, Translation, translated
from pysqlsync_dagster.components.values import Text
from pysqlsync_dagster.feeds import TableFeed
from pysqlsync_dagster.observation import build_observable_tables
from pysqlsync_dagster.resources import DatabaseResource
from pysqlsync_dagster.sync_defs import build_sync_defs
from pysqlsync_dagster.translator import DescribedTable, TableModule, build_table_specs
from pysqlsync_engine.base import GeneratorOptions, Watermark

LOGGER = logging.getLogger(__name__)


class ReplicaSettings(Settings):
    """Copies of all tables in a second database."""

    target: Database = Field(description="The second database.")
    prefix: list[Text] = Field(
        default_factory=lambda: ["replica"],
        description="What the keys of the copies start with; not that of the tables.",
    )
    load: LoadSettings = Field(default_factory=LoadSettings, description="What becomes of the rows.")
    watermarks: dict[str, Text] = Field(
        default_factory=dict[str, str],
        description="By name of a table, with its namespace, a column whose values get higher: only newer rows are copied.",
    )
    overlap: float | None = Field(
        default=None, description="How far behind a watermark rows may still appear: seconds, or a number."
    )
    policy: PolicySettings = Field(
        default_factory=PolicySettings, description="What the schema asset may do without asking."
    )
    execution: ExecutionSettings = Field(default_factory=ExecutionSettings, description="How the assets execute.")
    schedule: ScheduleSettings | None = Field(default=None, description="When tables are copied.")
    checks: CheckSettings = Field(default_factory=CheckSettings, description="Which checks are made.")

    def definitions(
        self, database: DatabaseResource, tables: TableModule, specs: Mapping[type, dg.AssetSpec]
    ) -> dg.Definitions:
        """
        Build the copies of the tables of a namespace.

        :param database: That has the tables.
        :param specs: Assets of the tables there, by class.
        :raises ValueError: if the settings do not go together.
        """
        copies = replace(tables, dialect=self.target.dialect, prefix=tuple(self.prefix))
        named = {described.cls: described for described in tables.tables()}
        feeds = {cls: self._feed(database, named[cls], tables.options, spec.key) for cls, spec in specs.items()}
        schedule = None if self.schedule is None else self.schedule.schedule()
        resource = re.sub(r"\W", "_", "_".join([*self.prefix, "database"]))
        return build_sync_defs(
            copies,
            target=self.target,
            sources=feeds,
            policy=self.policy.policy(),
            options=asset_options(self.execution, resource),
            schedule=schedule,
            checks=self.checks.options(),
        )

    def _feed(
        self, database: DatabaseResource, described: DescribedTable, options: GeneratorOptions, key: dg.AssetKey
    ) -> TableFeed:
        watermark = self.watermarks.get(described.name.display)
        stored = [column.name.name for column in described.table.columns if column.generated is None]
        source = OtherDatabaseSettings(
            connection=database, only=stored, watermark=watermark, overlap=None if watermark is None else self.overlap
        )
        mark = None if watermark is None else Watermark(described.name.display, watermark)
        return TableFeed(source.source(described.cls, options), self.load.options(mark), upstream=key)


@dg.scaffold_with(ReflectionScaffolder)
class ReflectedDatabaseComponent(dg.StateBackedComponent, Settings):
    """
    The tables of a live PostgreSQL, MySQL or MariaDB database as assets, with columns, keys, references and comments.

    What the database has is kept as state, which `dg utils refresh-defs-state` brings up to date, as does `dg dev`. The tables are
    shown, or also looked at; with `replica` they are copied into a second database.
    """

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

    database: Database = Field(description="The database whose tables are shown.")
    namespaces: list[Text] | None = Field(
        default=None, description="Those to look at; all but the server's own if not given."
    )
    tables: list[Text] = Field(
        default_factory=lambda: ["*"],
        description="Patterns of names of tables, with their namespaces: public.order_*. What they refer to comes along.",
    )
    prefix: list[Text] = Field(default_factory=list[str], description="What the keys of all tables start with.")
    owners: list[Text] = Field(default_factory=list[str], description="E-mail addresses, or team:name.")
    group: Text | None = Field(default=None, description="Group of all tables; named after the namespace if not given.")
    observe: bool = Field(
        default=False,
        description="True to be able to observe the tables, which counts their rows and compares their columns.",
    )
    replica: ReplicaSettings | None = Field(default=None, description="Copies of all tables in a second database.")
    translation: Translation = Field(
        default=None, description="What assets have that differs; templates know spec, table, namespace and data."
    )
    defs_state: ResolvedDefsStateConfig = Field(
        default_factory=DefsStateConfigArgs.local_filesystem, description="Where the state is kept."
    )

    @property
    def defs_state_config(self) -> DefsStateConfig:
        """Where the state is kept, and under which name."""
        parts = (getattr(self.database, name, None) for name in ("host", "database"))
        address = "/".join([self.database.dialect, *(shown(part) for part in parts if part is not None)])
        return DefsStateConfig.from_args(self.defs_state, default_key=f"{type(self).__name__}[{address}]")

    @property
    def _slug(self) -> str:
        return re.sub(r"\W+", "_", self.defs_state_config.key).strip("_").lower()

    async def write_state_to_path(self, state_path: Path) -> None:
        """
        Ask the database for its tables.

        :raises EngineError: if it cannot be reached, or has something that no data-class can describe.
        """
        require_database(self.database)
        reflection = await reflect(self.database, self.namespaces, self.tables, name=self._slug)
        reflection.write(state_path)

    def get_asset_spec(self, described: DescribedTable) -> dg.AssetSpec:
        """Describe the asset of a table; override it to change more than `translation` can say."""
        return translated(described, self.translation)

    def build_defs_from_state(self, context: dg.ComponentLoadContext, state_path: Path | None) -> dg.Definitions:
        """
        Build the assets of the tables that the database had when it was last looked at; nothing is asked of it.

        :raises ValueError: that names the file and the key, if the settings do not go together.
        """
        place = Place.of(context)
        self._check(place)
        if state_path is None:
            LOGGER.warning("%s: nothing is known of the database yet; run `dg utils refresh-defs-state`", place.file)
            return dg.Definitions()
        built: list[dg.Definitions] = []
        for tables in self._described(Reflection.read(state_path)):
            specs = build_table_specs(tables, translator=ComponentTranslator(self))
            built.append(self._shown(tables, specs))
            if self.replica is not None:
                with place.at("replica"):
                    built.append(self.replica.definitions(self.database, tables, specs))
        return dg.Definitions.merge(*built)

    def _check(self, place: Place) -> None:
        """:raises ValueError: if the settings do not go together."""
        with place.at("database"):
            require_database(self.database)
        if self.replica is not None:
            with place.at("replica", "target"):
                require_database(self.replica.target)
            with place.at("replica", "prefix"):
                if self.replica.prefix == self.prefix:
                    raise ValueError(f"expected another prefix than that of the tables; got {self.prefix} for both")

    def _described(self, reflection: Reflection) -> list[TableModule]:
        """:returns: The tables of each namespace that has any."""
        modules = reflection.modules()
        options = GeneratorOptions(namespaces={module: name or None for name, module in modules.items()})
        described = [
            TableModule(
                module,
                reflection.dialect,
                options,
                tuple(self.owners),
                prefix=tuple(self.prefix),
                group=self.group,
            )
            for module in modules.values()
        ]
        return [tables for tables in described if tables.classes]

    def _shown(self, tables: TableModule, specs: Mapping[type, dg.AssetSpec]) -> dg.Definitions:
        """:returns: The tables as they are in their database."""
        if not self.observe:
            return dg.Definitions(assets=list(specs.values()))
        key = f"{self._slug}_database"
        observable = build_observable_tables(tables, specs, resource=key, name=f"observe_{tables.title}")
        return dg.Definitions(assets=[observable], resources={key: self.database})


def shown(setting: object) -> str:
    """:returns: A setting, or the name of the variable that it is taken from."""
    return setting.env_var_name if isinstance(setting, dg.EnvVar) else str(setting)
