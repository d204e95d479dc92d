"""Base of all that components read from YAML: its schema says exactly what is wrong where something is."""

from __future__ import annotations

from collections.abc import Mapping, Set
from functools import cache
from typing import Any, ClassVar

import dagster as dg
from pydantic import BaseModel, GetJsonSchemaHandler
from pydantic_core import CoreSchema

TEMPLATE = {"type": "string", "pattern": r"\{\{"}
"""What may stand in place of any value."""


def exact(schema: dict[str, Any]) -> dict[str, Any]:
    """
    :param schema: JSON schema of a value, in place of which there may be any text.
    :returns: The same, for a value in place of which there may be a template: of a value that is neither, a validator tells what is
        wrong with it, where it could otherwise only say that none of several schemas fits.
    """
    choices: list[dict[str, Any]] = schema.get("anyOf", [])
    values = [choice for choice in choices if choice.get("type") not in {"string", "null"} or "enum" in choice]
    if len(values) != 1 or {"type": "string"} not in choices:
        return schema
    free = [choice for choice in choices if choice.get("type") == "null"]
    rest = {name: value for name, value in schema.items() if name != "anyOf"}
    return {**rest, "if": {"anyOf": [TEMPLATE, *free]}, "then": {}, "else": values[0]}


class ExactSchema:
    """Mixed into what Dagster derives from settings."""

    descriptions: ClassVar[Mapping[str, str | None]] = {}
    """What each setting is, which Dagster leaves out of those that have a default."""

    texts: ClassVar[Set[str]] = frozenset()
    """See `Settings`."""

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """:returns: The schema that `dg check yaml` and editors use."""
        schema = handler(core_schema)
        properties = handler.resolve_ref_schema(schema).get("properties", {})
        for name, value in properties.items():
            found = value if name in cls.texts else exact(value)
            properties[name] = {"description": cls.descriptions.get(name), **found}
        return schema


@cache
def exact_model(settings: type[Settings], derived: type[BaseModel]) -> type[BaseModel]:
    """:returns: What Dagster has derived from settings, with an exact schema."""
    made: Any = type(derived.__name__, (ExactSchema, derived), {"__module__": derived.__module__})
    made.descriptions = {name: each.description for name, each in settings.model_fields.items()}
    made.texts = settings.texts
    return made


class Settings(dg.Model, dg.Resolvable):
    """
    A part of the definition of a component.

    :cvar texts: Settings that may be any text, besides what else they may be.
    """

    texts: ClassVar[Set[str]] = frozenset()

    @classmethod
    def model(cls) -> type[BaseModel]:
        """:returns: What YAML is read as."""
        return exact_model(cls, super().model())
