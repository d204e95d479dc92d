"""Counts the rows that go to MySQL and MariaDB in files, by the form that they have on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import pytest

from pysqlsync_engine.dialect.mysql.session import MySQLSession


@dataclass
class Way:
    """
    Which ways rows have taken.

    :param lines: Those without a character set.
    :param text: Others.
    :param statements: How many brought them.
    """

    lines: int = 0
    text: int = 0
    statements: int = 0


def watch_files(monkeypatch: pytest.MonkeyPatch) -> Way:
    """:returns: What is counted from now on."""
    found, method = Way(), MySQLSession.load

    async def counted(
        self: MySQLSession, make_statement: Callable[[str], str], packets: Iterable[bytes], rows: int
    ) -> None:
        await method(self, make_statement, packets, rows)
        found.statements += rows > 0
        if "CHARACTER SET binary" in make_statement(""):
            found.lines += rows
        else:
            found.text += rows

    monkeypatch.setattr(MySQLSession, "load", counted)
    return found
