"""What the values of a row are: shared by those who read classes and those who read rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Fields:
    """
    What the values of a row are.

    :param names: Names of columns, in the order of the values of a row; not every column of the table need be named.
    :param types: Python type (annotation) of each value; NULL (`None`) is possible in each.
    """

    names: tuple[str, ...]
    types: tuple[Any, ...]

    def __post_init__(self) -> None:
        if len(self.names) != len(self.types):
            raise ValueError(f"fields: expected as many types as names ({len(self.names)}); got {len(self.types)}")
