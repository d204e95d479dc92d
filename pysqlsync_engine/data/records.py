"""Rows as text for people: what is shown of those that are set aside."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, TypeGuard


def describe_row(names: Sequence[str], row: Any) -> str:
    """
    :param names: Fields of a row; further values are called by their position.
    :param row: A row, or what was given in its place.
    :returns: A JSON object with the values as text; one that is no sequence is shown whole.
    """
    if not _is_sequence(row):
        return json.dumps({"row": _text(row)})
    labels = [*names, *(f"value {position}" for position in range(len(names) + 1, len(row) + 1))]
    return json.dumps({label: _text(value) for label, value in zip(labels, row, strict=False)})


def _is_sequence(row: Any) -> TypeGuard[Sequence[Any]]:
    return isinstance(row, Sequence) and not isinstance(row, str | bytes)


def _text(value: Any) -> str | None:
    try:
        return None if value is None else str(value)
    except Exception as error:  # noqa: BLE001 - a value may be of any class, and very long integers have no text
        return f"<{type(value).__name__}: {type(error).__name__}>"
