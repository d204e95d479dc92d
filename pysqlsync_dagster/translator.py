"""From data-classes to asset specs: everything the UI shows of a table before it has been loaded for the first time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, TypedDict

import dagster as dg

from pysqlsync_dagster.feeds import TableFeed, feed_metadata
from pysqlsync_dagster.metadata import code_reference, column_schema, model_version
from pysqlsync_engine.base import GeneratorOptions, entities
from pysqlsync_engine.factory import get_dialect
from pysqlsync_engine.model.id_types import QualifiedId
from pysqlsync_engine.model.object_types import Catalog, Table


class Scope(TypedDict, total=False):
    """Arguments by which an explorer, or an engine, is told which classes take part."""

    module: ModuleType
    classes: Sequence[type]


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
    :param prefix: What the keys of all assets of the module start with.
    :param feed: Where the rows come from; `None` for a table that somebody else loads.
    :param group: Group of the assets of the module; `None` for one that is named after the namespace.
    """

    cls: type
    table: Table
    catalog: Catalog
    name: QualifiedId
    dialect: str
    owners: tuple[str, ...] = ()
    partitions: dg.PartitionsDefinition | None = None
    prefix: tuple[str, ...] = ()
    feed: TableFeed | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True)
class TableModule:
    """
    A module of data-classes, or some data-classes, as one schema in a database. Immutable; the database is not asked.

    :param module: The module, all of whose tables take part; or the classes that do.
    :param dialect: Name of the kind of database, as `get_dialect` takes it.
    :param options: How data-classes become tables.
    :param owners: Owners of all tables: e-mail addresses, or `team:name`.
    :param partitions: For the classes whose rows are loaded in parts.
    :param prefix: What the keys of all assets start with, to tell two databases with the same tables apart.
    :param group: Group of all assets; `None` for one that is named after the namespace.
    """

    module: ModuleType | tuple[type, ...]
    dialect: str = "postgresql"
    options: GeneratorOptions = field(default_factory=GeneratorOptions)
    owners: tuple[str, ...] = ()
    partitions: Mapping[type, dg.PartitionsDefinition] = field(default_factory=dict[type, dg.PartitionsDefinition])
    prefix: tuple[str, ...] = ()
    group: str | None = None

    @property
    def classes(self) -> tuple[type, ...]:
        """Data-classes that become tables, in order of definition."""
        return entities(self.module) if isinstance(self.module, ModuleType) else self.module

    @property
    def scope(self) -> Scope:
        """What `explorer.plan` is to compare: arguments of it."""
        return {"module": self.module} if isinstance(self.module, ModuleType) else {"classes": self.module}

    @property
    def title(self) -> str:
        """Name of the module, or of the classes, for people."""
        if isinstance(self.module, ModuleType):
            return self.module.__name__
        return ", ".join(cls.__name__ for cls in self.module)

    def script(self) -> str:
        """:returns: SQL that creates all tables in an empty database."""
        return get_dialect(self.dialect).create_generator(self.options).create(tables=self.classes)

    def catalog(self) -> Catalog:
        """:returns: All tables and types that the classes need, as the server will report them."""
        return get_dialect(self.dialect).form_catalog(**self.scope, options=self.options)

    def tables(self, feeds: Mapping[type, TableFeed] | None = None) -> tuple[DescribedTable, ...]:
        """
        :param feeds: Where rows come from, for tables that are loaded.
        :returns: The table of each class, in order of definition.
        :raises ValueError: if partitions or feeds are given for a class that is no table of the module, or do not go together.
        """
        feeds = feeds or {}
        self._check_known(self.partitions, "partitions")
        self._check_known(feeds, "sources")
        engine = get_dialect(self.dialect)
        catalog = self.catalog()
        described: list[DescribedTable] = []
        for cls in self.classes:
            table, feed, partitions = engine.get_table(cls, self.options), feeds.get(cls), self.partitions.get(cls)
            name = described_name(table.name, catalog)
            if feed is not None:
                feed.check(partitions, name.display)
            described.append(
                DescribedTable(
                    cls, table, catalog, name, self.dialect, self.owners, partitions, self.prefix, feed, self.group
                )
            )
        return tuple(described)

    def _check_known(self, given: Iterable[type], what: str) -> None:
        strangers = [cls.__name__ for cls in given if cls not in self.classes]
        if strangers:
            known = ", ".join(cls.__name__ for cls in self.classes)
            raise ValueError(f"{what}: {', '.join(strangers)} is no table of module {self.title!r}; tables: {known}")


def described_name(name: QualifiedId, catalog: Catalog) -> QualifiedId:
    """:returns: The name of a table with the namespace that its class is in, where the server knows a prefix only."""
    if name.namespace is not None:
        return name
    for namespace in catalog.namespaces:
        prefix = f"{namespace.name.name}__"
        if namespace.name.name and any(table.name == name for table in namespace.tables):
            return QualifiedId(namespace.name.name, name.name.removeprefix(prefix))
    return name


def table_key(name: QualifiedId, prefix: Sequence[str] = ()) -> dg.AssetKey:
    """:returns: Asset key of a table: the prefix, its namespace, and its name."""
    return dg.AssetKey([*prefix, *([] if name.namespace is None else [name.namespace]), name.name])


def group_name(namespace: str | None) -> str:
    """:returns: Name of the group of assets for a namespace, with the characters that Dagster permits."""
    return re.sub(r"\W", "_", namespace or "default")


class TableTranslator:
    """Says how tables become assets. Override `get_asset_spec` to change anything of it."""

    def get_asset_spec(self, described: DescribedTable) -> dg.AssetSpec:
        """
        Describe the asset of a table.

        Dependencies and column lineage are added afterwards, with the keys that this method returns: on the schema, on the asset
        that the rows come from, and on the tables that enforced foreign keys refer to. A relation that is not enforced is shown, but is no dependency: rows
        can be loaded without it.
        """
        table = described.table
        feed = described.feed
        upstream = None if feed is None or feed.upstream_key is None else (feed.upstream_key, feed.columns)
        metadata: dict[str, Any] = {
            "dagster/column_schema": column_schema(table, described.catalog, upstream),
            "dagster/table_name": table.name.display,
            "dagster/storage_kind": described.dialect,
            **({} if feed is None else feed_metadata(feed)),
        }
        reference = code_reference(described.cls)
        if reference is not None:
            metadata["dagster/code_references"] = reference
        return dg.AssetSpec(
            key=table_key(described.name, described.prefix),
            description=table.description,
            metadata=metadata,
            group_name=described.group or group_name(described.name.namespace),
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


def column_lineage(described: DescribedTable, keys: Mapping[QualifiedId, dg.AssetKey]) -> dg.TableColumnLineage | None:
    """
    :param keys: Assets of tables, by the name that the server has for them.
    :returns: For each column the columns that its values come from, or refer to; `None` if nothing is known of any.
    """
    table, feed = described.table, described.feed
    found: dict[str, list[dg.TableColumnDep]] = {}
    upstream = None if feed is None else feed.upstream_key
    if feed is not None and upstream is not None:
        for column in table.columns:
            if column.generated is None:
                name = column.name.name
                found[name] = [dg.TableColumnDep(upstream, feed.columns.get(name, name))]
    for reference in (*table.foreign_keys, *table.relations):
        key = keys.get(reference.referenced_table)
        for own, other in zip(reference.columns, reference.referenced_columns, strict=True):
            if key is not None:
                found.setdefault(own.name, []).append(dg.TableColumnDep(key, other.name))
    return dg.TableColumnLineage(found) if found else None


def build_table_specs(
    tables: TableModule,
    *,
    translator: TableTranslator | None = None,
    upstream: Sequence[dg.AssetKey] = (),
    feeds: Mapping[type, TableFeed] | None = None,
) -> dict[type, dg.AssetSpec]:
    """
    Form the asset spec of each data-class of a module.

    :param upstream: Assets that every table depends on: the schema.
    :param feeds: Where rows come from, for tables that are loaded.
    :returns: Specs by class, in order of definition.
    """
    translator = translator or TableTranslator()
    described = tables.tables(feeds)
    specs = {each.cls: translator.get_asset_spec(each) for each in described}
    keys = {each.table.name: specs[each.cls].key for each in described}
    catalog = described[0].catalog if described else Catalog()
    references = acyclic_references(tuple(catalog.tables()))
    complete: dict[type, dg.AssetSpec] = {}
    for each in described:
        spec = specs[each.cls]
        referenced = references.get(each.table.name, ())
        found = [keys.get(name) or table_key(described_name(name, catalog), tables.prefix) for name in referenced]
        source = [] if each.feed is None or each.feed.upstream_key is None else [each.feed.upstream_key]
        lineage = column_lineage(each, keys)
        complete[each.cls] = spec.replace_attributes(  # pyright: ignore[reportUnknownMemberType] - of Dagster
            deps=[*spec.deps, *upstream, *source, *found],
            metadata={**({} if lineage is None else {"dagster/column_lineage": lineage}), **spec.metadata},
        )
    return complete
