"""JSON Schema as data-classes: definitions with a key become tables, what they are made of becomes types or documents."""

from __future__ import annotations

import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from pysqlsync_engine.errors import DefinitionError
from pysqlsync_engine.formation.json_schema_classes import ClassMaker
from pysqlsync_engine.formation.json_schema_document import Document, Schema
from pysqlsync_engine.formation.json_schema_objects import KeyRule, find_objects


def classes_from_schema(
    schema: Schema,
    *,
    module: str | ModuleType,
    key: KeyRule = None,
    name: str | None = None,
    formats: Mapping[str, Any] | None = None,
) -> dict[str, type]:
    """
    Make data-classes of a JSON Schema document.

    :param schema: As `json.load` returns it: with `definitions`, `$defs` or (OpenAPI 3) `components/schemas`.
    :param module: Where the classes go, so that they can be imported, pickled and given a namespace; one that does not exist
        yet is made.
    :param key: What identifies an object, so that it becomes a table: the name of a property, for all definitions that
        have it; or a mapping from names of definitions to a property or several; or a function that is called with the name
        and the schema of each. Properties marked with `"x-primary-key": true` are keys anyway.
    :param name: Of the class that the document as a whole describes; `None` takes its title.
    :param formats: Python type (annotation) for values of a `format`, in place of the usual one: `{"time": time}`.
    :returns: The classes by name: tables, and the objects and enumerations that they are made of.
    :raises DefinitionError: that names the place, if it describes no tables, refers to what it lacks, or contradicts itself.
    """
    document = Document(schema)
    root_name = name or _title(schema)
    objects = find_objects(document, key, root_name)
    home = _module(module)
    with _registered(home):
        classes = ClassMaker(objects, home.__name__, root_name, formats or {}).make()
        taken = [each for each in classes if each in vars(home)]
        if taken:
            raise DefinitionError(f"module {home.__name__}: has {', '.join(taken)} already; take another module")
    vars(home).update(classes)
    return classes


@contextmanager
def _registered(module: ModuleType) -> Generator[None]:
    """Let the module be imported, from now on unless the making of its classes fails."""
    is_new = module.__name__ not in sys.modules
    sys.modules[module.__name__] = module
    try:
        yield
    except BaseException:
        if is_new:
            del sys.modules[module.__name__]
        raise


def _title(schema: Schema) -> str:
    title = schema.get("title")
    return title if isinstance(title, str) and title.isidentifier() else "Document"


def _module(module: str | ModuleType) -> ModuleType:
    """:returns: The module that is to hold the classes; raises `ValueError` if another one has its name."""
    if isinstance(module, str):
        return sys.modules.get(module) or ModuleType(module)
    if sys.modules.get(module.__name__, module) is not module:
        raise ValueError(f"module {module.__name__}: another module of this name is loaded; give it another name")
    return module
