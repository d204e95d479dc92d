"""Variants of a module: what it would be if somebody had edited its source."""

from __future__ import annotations

import inspect
import itertools
import linecache
import sys
from types import ModuleType

_numbers = itertools.count(1)


def changed(module: ModuleType, *replacements: tuple[str, str]) -> ModuleType:
    """
    :param replacements: Texts to look for in the source, each of which must be there, and what to put in their place.
    :returns: The module made from the edited source.
    """
    source = inspect.getsource(module)
    for old, new in replacements:
        assert old in source, f"{module.__name__}: no {old!r} in its source"
        source = source.replace(old, new)
    name = f"{module.__name__}_changed_{next(_numbers)}"
    path = f"<{name}>"
    variant = ModuleType(name)
    variant.__file__ = path
    # found again by name when annotations are resolved, and line by line when tracebacks are shown
    sys.modules[name] = variant
    linecache.cache[path] = (len(source), None, source.splitlines(keepends=True), path)
    exec(compile(source, path, "exec"), vars(variant))  # noqa: S102 (our own source)
    return variant
