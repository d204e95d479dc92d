"""Modules of data-classes, by dotted name or by path."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType

import click


def load_module(name: str) -> ModuleType:
    """
    :param name: `shop.tables`, looked for in the current directory first; or the path of a file: `models/shop.py`.
    :raises click.UsageError: if there is no such module.
    """
    if str(Path.cwd()) not in sys.path and "" not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    if name.endswith(".py") or os.sep in name:
        return _load_file(Path(name))
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not (name == error.name or name.startswith(f"{error.name}.")):
            raise click.UsageError(f"module {name}: imports {error.name}, which is not installed") from error
        raise click.UsageError(f"no module {name!r}; give its dotted name, or the path of its file") from error


def load_class(name: str) -> type:
    """
    :param name: Module and class: `shop.tables:Customer`.
    :raises click.UsageError: if there is no such class.
    """
    module_name, _, class_name = name.rpartition(":")
    if not module_name:
        raise click.UsageError(f"{name}: expected a module and a class, such as shop:Customer")
    module = load_module(module_name)
    found = getattr(module, class_name, None)
    if not isinstance(found, type):
        raise click.UsageError(f"module {module_name} has no class {class_name}")
    return found


def split_assignments(given: Sequence[str], option: str) -> dict[str, str]:
    """
    :param given: Values of an option that is given as `NAME=VALUE`, maybe several times.
    :raises click.UsageError: if one is not, or names the same twice.
    """
    found: dict[str, str] = {}
    for each in given:
        name, sign, value = each.partition("=")
        if not sign or not name:
            raise click.UsageError(f"{option} {each}: expected NAME=VALUE")
        if name in found:
            raise click.UsageError(f"{option} {each}: {name} has been given already")
        found[name] = value
    return found


def load_namespaces(given: Sequence[str], modules: Mapping[str, ModuleType]) -> dict[ModuleType, str | None]:
    """
    :param given: `MODULE=NAMESPACE`; without a namespace, the default one of the connection.
    :param modules: Those that are loaded already, by the name that they were given.
    """
    return {
        modules[name] if name in modules else load_module(name): namespace or None
        for name, namespace in split_assignments(given, "--namespace").items()
    }


def _load_file(path: Path) -> ModuleType:
    path = path.resolve()
    name = path.stem
    loaded = sys.modules.get(name)
    if loaded is not None:
        if getattr(loaded, "__file__", None) == str(path):
            return loaded
        raise click.UsageError(f"{path}: another module {name!r} is loaded already; rename the file")
    specification = importlib.util.spec_from_file_location(name, path)
    if not path.is_file() or specification is None or specification.loader is None:
        raise click.UsageError(f"{path}: no Python file")
    # so that it can import its neighbours, as if it were run
    sys.path.insert(0, str(path.parent))
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module
    specification.loader.exec_module(module)
    return module
