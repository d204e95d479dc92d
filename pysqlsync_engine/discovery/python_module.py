"""Source of data-classes as live modules."""

from __future__ import annotations

import linecache
import sys
from collections.abc import Mapping
from types import ModuleType

from pysqlsync_engine.discovery.python_names import ClassNames
from pysqlsync_engine.discovery.python_source import write_modules
from pysqlsync_engine.errors import DiscoveryError
from pysqlsync_engine.model.object_types import Catalog

_SOURCE_ATTRIBUTE = "__pysqlsync_source__"
"""Tells a module that was made here from one that somebody has written."""


def live_modules(
    catalog: Catalog, modules: Mapping[str, ModuleType | str], *, class_names: ClassNames = "camel"
) -> dict[str, ModuleType]:
    """
    Make a catalog as it was discovered, or lowered, into data-classes.

    :param catalog: As for `write_modules`.
    :param modules: For each namespace of the catalog (empty for the default one) a module to put the classes in, or the name
        of one to make, in place of an earlier one that was made here. Modules are registered in `sys.modules`, as types are
        looked up there.
    :param class_names: How classes are called.
    :returns: Module for each namespace. Tracebacks and `inspect.getsource` show the source.
    :raises DiscoveryError: if a module of the name is loaded already, or the catalog has no Python.
    """
    names = {namespace: module if isinstance(module, str) else module.__name__ for namespace, module in modules.items()}
    sources = write_modules(catalog, modules=names, class_names=class_names)
    made = {namespace: _module(module) for namespace, module in modules.items()}
    _register({module.__name__: module for module in made.values()}, sources)
    return made


def modules_from_source(sources: Mapping[str, str]) -> dict[str, ModuleType]:
    """
    Run source that `write_modules` has written, and nothing else: it is executed.

    :param sources: Source by the name of its module, as for `live_modules`.
    :returns: The modules by name, in the same order.
    :raises DiscoveryError: if a module of the name is loaded already.
    """
    made = {name: _module(name) for name in sources}
    _register(made, sources)
    return made


def _register(made: Mapping[str, ModuleType], sources: Mapping[str, str]) -> None:
    """Fill modules; if that fails, those that they were to take the place of are back."""
    displaced = {name: sys.modules.get(name) for name in made}
    try:
        # all are registered before the first is filled, as they import each other
        sys.modules.update(made)
        for name, module in made.items():
            _fill(module, sources[name])
    except BaseException:
        for name, module in displaced.items():
            _restore(name, module)
        raise


def _module(module: ModuleType | str) -> ModuleType:
    """:returns: The module to fill."""
    name = module if isinstance(module, str) else module.__name__
    loaded = sys.modules.get(name)
    if loaded is not None and loaded is not module and not hasattr(loaded, _SOURCE_ATTRIBUTE):
        raise DiscoveryError(f"module {name}: another module of this name is loaded; choose another name")
    return ModuleType(name) if isinstance(module, str) else module


def _restore(name: str, module: ModuleType | None) -> None:
    if module is None:
        sys.modules.pop(name, None)
    else:
        sys.modules[name] = module


def _fill(module: ModuleType, source: str) -> None:
    """Define what the source says in the module."""
    filename = f"<classes of {module.__name__}>"
    # without a time of change, the cache takes the lines for good
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    namespace = vars(module)
    namespace[_SOURCE_ATTRIBUTE] = source
    namespace.setdefault("__file__", filename)
    exec(compile(source, filename, "exec", dont_inherit=True), namespace)  # noqa: S102 - our own source
