"""Any catalog becomes Python that forms it again."""

from __future__ import annotations

import sys
from dataclasses import replace

from hypothesis import HealthCheck, given, settings

from pysqlsync_engine.described import lowered_catalog, select_classes
from pysqlsync_engine.discovery.python_module import live_modules
from pysqlsync_engine.factory import get_dialect
from pysqlsync_engine.migration.diff import diff
from pysqlsync_engine.model.object_types import Catalog
from pysqlsync_engine.options import GeneratorOptions
from tests.migration_strategies import catalogs

POSTGRESQL = get_dialect("postgresql").dialect


def formed_again(catalog: Catalog) -> Catalog:
    names = {namespace.name.name: f"random_{number}" for number, namespace in enumerate(catalog.namespaces)}
    modules = live_modules(catalog, names)
    try:
        options = GeneratorOptions(namespaces={module: namespace for namespace, module in modules.items()})
        classes = select_classes(None, None, list(modules.values()))
        return lowered_catalog(classes, options=options, dialect=POSTGRESQL, capabilities=POSTGRESQL.offline)
    finally:
        for module in modules.values():
            sys.modules.pop(module.__name__, None)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(catalogs())
def test_classes_of_any_catalog_form_the_same_catalog(catalog: Catalog) -> None:
    lowered = POSTGRESQL.lower(catalog, POSTGRESQL.offline)
    # no class tells of a namespace that has nothing in it
    filled = tuple(each for each in lowered.namespaces if each.enums or each.structs or each.tables or each.domains)
    described = replace(lowered, namespaces=filled)
    formed = formed_again(described)
    assert diff(described, formed) == ()
    assert diff(formed, described) == ()
