"""Counts the rows that go to PostgreSQL, by the form that they have on the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from pysqlsync_engine.dialect.postgresql.session import PostgreSQLSession


@dataclass
class Way:
    """Which ways rows have taken."""

    binary: int = 0
    text: int = 0
    rows: int = 0


def watch_copies(monkeypatch: pytest.MonkeyPatch) -> Way:
    """:returns: What is counted from now on."""
    found = Way()

    def count(name: str, attribute: str) -> None:
        method: Callable[..., Any] = getattr(PostgreSQLSession, name)

        async def counted(self: PostgreSQLSession, *args: Any, **options: Any) -> int:
            number = await method(self, *args, **options)
            setattr(found, attribute, getattr(found, attribute) + number)
            return number

        monkeypatch.setattr(PostgreSQLSession, name, counted)

    for name, attribute in (("copy_binary", "binary"), ("copy_text", "text"), ("copy", "rows")):
        count(name, attribute)
    return found
