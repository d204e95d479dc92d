"""How the YAML of components is read: text that stays text, and settings that are looked up when a run begins."""

from __future__ import annotations

import re
from typing import Annotated, Any, TypeAlias

import dagster as dg

VARIABLE = re.compile(r"""\{\{\s*env(?:\.(\w+)|\(\s*(["'])(\w+)\2\s*\))\s*\}\}""")
"""A template that is nothing but a variable of the environment."""


def resolve_text(context: dg.ResolutionContext, value: Any) -> Any:
    """:returns: Text with its templates filled in; without any it is left as it is, where a template would make `007` a number."""
    if not isinstance(value, str) or "{" * 2 not in value:
        return value
    return context.resolve_value(value, as_type=object)  # pyright: ignore[reportUnknownMemberType] - of Dagster


def resolve_setting(context: dg.ResolutionContext, value: Any) -> Any:
    """:returns: For `{{ env.NAME }}` the name of the variable, whose value is asked for when a run begins; else the text."""
    match = VARIABLE.fullmatch(value.strip()) if isinstance(value, str) else None
    return resolve_text(context, value) if match is None else dg.EnvVar(match[1] or match[3])


def resolve_number(context: dg.ResolutionContext, value: Any) -> Any:
    """:returns: As `resolve_setting`, for a number."""
    found = resolve_setting(context, value)
    return dg.EnvVar.int(found.env_var_name) if isinstance(found, dg.EnvVar) else found


Text: TypeAlias = Annotated[str, dg.Resolver(resolve_text, model_field_type=str, inject_before_resolve=False)]
"""Text that may have templates."""

Setting: TypeAlias = Annotated[
    Any, dg.Resolver(resolve_setting, model_field_type=str | None, inject_before_resolve=False)
]
"""Text, or a variable of the environment, which is a `dagster.EnvVar` then."""

Secret: TypeAlias = Annotated[
    Any, dg.Resolver(resolve_setting, model_field_type=str | int | float | None, inject_before_resolve=False)
]
"""As `Setting`; what is no text is taken as well, since an error about it would show the line with the secret."""

Number: TypeAlias = Annotated[
    Any, dg.Resolver(resolve_number, model_field_type=int | None, inject_before_resolve=False)
]
"""The same for a number."""
