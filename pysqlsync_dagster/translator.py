"""From data-classes to asset specs: everything the UI shows of a table before it has been loaded for the first time."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import dagster as dg

from pysqlsync_dagster.metadata import code_reference, column_schema, model_version
from pysqlsync_engine.base import GeneratorOptions, entities
from pysqlsync_engine.factory import get_dialect
from pysqlsync_engine.model.id_types import QualifiedId
from pysqlsync_engine.model.object_types import Catalog, Table


@dataclass(frozen=True, slots=True)
class DescribedTable:
    """
    A table that a data-class describes, and what the definitions say about it.

    :param table: As the server will report it, with its namespace.
    :param catalog: All tables and types that the classes of the module need.
    :param name: As the classes call it: with a namespace also where the server has none and a prefix stands for it.
    :param dialect: Name of the kind of database.
    :param owners: Owners of all tables of the module, as Dagster takes them.
    :param partitions: `None` for a table that is always loaded whole.
    """

    cls: type
    table: Table
    catalog: Catalog
    name: QualifiedId
    dialect: str
    owners: tuple[str, ...] = ()
    partitions: dg.TimeWindowPartitionsDefinition | None = None


@dataclass(frozen=True, slots=True)
class TableModule:
    """
    A module of data-classes, as one schema in a database. Immutable; the database is not asked.

    :param dialect: Name of the kind of database, as `get_dialect` takes it.
    :param options: How data-classes become tables.
    :param owners: Owners of all tables: e-mail addresses, or `team:name`.
    :param partitions: Time partitions, for the classes whose rows are loaded by time.
    """

    module: ModuleType
    dialect: str = "postgresql"
    options: GeneratorOptions = field(default_factory=GeneratorOptions)
    owners: tuple[str, ...] = ()
    partitions: Mapping[type, dg.TimeWindowPartitionsDefinition] = field(
        default_factory=dict[type, dg.TimeWindowPartitionsDefinition]
    )

    @property
    def classes(self) -> tuple[type, ...]:
        """Data-classes that become tables, in order of definition."""
        return entities(self.module)

    @property
    def title(self) -> str:
        """Name of the module, for people."""
        return self.module.__name__

    def script(self) -> str:
        """:returns: SQL that creates all tables in an empty database."""
        return get_dialect(self.dialect).create_generator(self.options).create(tables=self.classes)

    def tables(self) -> tuple[DescribedTable, ...]:
        """
        :returns: The table of each class, in order of definition.
        :raises ValueError: if partitions are given for a class that is no table of the module.
        """
        classes = self.classes
        strangers = [cls.__name__ for cls in self.partitions if cls not in classes]
        if strangers:
            known = ", ".join(cls.__name__ for cls in classes)
            raise ValueError(f"module {self.title!r}: no table for {', '.join(strangers)}; tables: {known}")
        engine = get_dialect(self.dialect)
        catalog = engine.form_catalog(module=self.module, options=self.options)
        return tuple(
            DescribedTable(
                cls=cls,
                table=table,
                catalog=catalog,
                name=described_name(table.name, catalog),
                dialect=self.dialect,
                owners=self.owners,
                partitions=self.partitions.get(cls),
            )
            for cls, table in ((cls, engine.get_table(cls, self.options)) for cls in classes)
        )


def described_name(name: QualifiedId, catalog: Catalog) -> QualifiedId:
    """:returns: The name of a table with the namespace that its class is in, where the server knows a prefix only."""
    if name.namespace is not None:
        return name
    for namespace in catalog.namespaces:
        prefix = f"{namespace.name.name}__"
        if namespace.name.name and any(table.name == name for table in namespace.tables):
            return QualifiedId(namespace.name.name, name.name.removeprefix(prefix))
    return name


def table_key(name: QualifiedId) -> dg.AssetKey:
    """:returns: Asset key of a table: its namespace and its name."""
    return dg.AssetKey([name.name] if name.namespace is None else [name.namespace, name.name])


def group_name(namespace: str | None) -> str:
    """:returns: Name of the group of assets for a namespace, with the characters that Dagster permits."""
    return re.sub(r"\W", "_", namespace or "default")


class TableTranslator:
    """Says how tables become assets. Override `get_asset_spec` to change anything of it."""

    def get_asset_spec(self, described: DescribedTable) -> dg.AssetSpec:
        """
        Describe the asset of a table.

        Dependencies are added afterwards, with the keys that this method returns: on the schema, and on the tables
        that enforced foreign keys refer to. A relation that is not enforced is shown, but is no dependency: rows
        can be loaded without it.
        """
        table = described.table
        metadata: dict[str, Any] = {
            "dagster/column_schema": column_schema(table, described.catalog),
            "dagster/table_name": table.name.display,
            "dagster/storage_kind": described.dialect,
        }
        reference = code_reference(described.cls)
        if reference is not None:
            metadata["dagster/code_references"] = reference
        return dg.AssetSpec(
            key=table_key(described.name),
            description=table.description,
            metadata=metadata,
            group_name=group_name(described.name.namespace),
            code_version=model_version(table, described.catalog),
            owners=described.owners,
            kinds={described.dialect, "table"},
            partitions_def=described.partitions,
        )


def acyclic_references(tables: Sequence[Table]) -> dict[QualifiedId, tuple[QualifiedId, ...]]:
    """
    :returns: For each table those that it refers to by enforced foreign keys, without lookup tables and itself;
        where tables refer to each other in a circle, the reference that would close the circle is left out.
    """
    lookups = {table.name for table in tables if table.labels is not None}
    kept: dict[QualifiedId, tuple[QualifiedId, ...]] = {}

    def reaches(start: QualifiedId, goal: QualifiedId) -> bool:
        pending, seen = [start], {start}
        while pending:
            name = pending.pop()
            if name == goal:
                return True
            pending.extend(other for other in kept.get(name, ()) if other not in seen)
            seen.update(pending)
        return False

    for table in tables:
        for name in sorted({key.referenced_table for key in table.foreign_keys} - lookups):
            if not reaches(name, table.name):
                kept[table.name] = (*kept.get(table.name, ()), name)
    return kept


def build_table_specs(
    tables: TableModule, *, translator: TableTranslator | None = None, upstream: Sequence[dg.AssetKey] = ()
) -> dict[type, dg.AssetSpec]:
    """
    Form the asset spec of each data-class of a module.

    :param upstream: Assets that every table depends on: the schema.
    :returns: Specs by class, in order of definition.
    """
    translator = translator or TableTranslator()
    described = tables.tables()
    specs = {each.cls: translator.get_asset_spec(each) for each in described}
    keys = {each.table.name: specs[each.cls].key for each in described}
    catalog = described[0].catalog if described else Catalog()
    references = acyclic_references(tuple(catalog.tables()))
    complete: dict[type, dg.AssetSpec] = {}
    for each in described:
        spec = specs[each.cls]
        referenced = references.get(each.table.name, ())
        found = [keys.get(name) or table_key(described_name(name, catalog)) for name in referenced]
        complete[each.cls] = spec.replace_attributes(  # pyright: ignore[reportUnknownMemberType] - of Dagster
            deps=[*spec.deps, *upstream, *found]
        )
    return complete
