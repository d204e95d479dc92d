"""The programs in the documentation of rows do what it says."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pysqlsync_engine.factory import get_dialect
from pysqlsync_engine.model.key_types import PrimaryKey
from tests.servers import Server

PAGE = Path(__file__).parent.parent / "docs" / "rows.md"


@dataclass
class Tick:
    id: PrimaryKey[int]
    text: str


def program(name: str) -> str:
    """:returns: The program of the page that follows a comment with this name."""
    found = re.search(rf"<!-- program: {name} -->\n```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert found is not None
    return found[1]


async def run(name: str, names: dict[str, Any]) -> Any:
    """:returns: The report that a program has made."""
    code = compile(program(name), f"<{name}>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    result = eval(code, names)  # noqa: S307 - a program of our own
    if result is not None:
        await result
    return names["report"]


async def test_a_source_of_ten_lines_is_loaded(postgresql: Server) -> None:
    engine = get_dialect(postgresql.dialect)
    async with engine.create_connection(postgresql.parameters) as conn:
        await conn.create_objects([Tick])
        names: dict[str, Any] = {"conn": conn, "Tick": Tick}
        report = await run("source", names)
        assert (report.rows, report.counts.inserted) == (3, 3)
        assert len(program("source").split("class", 1)[1].splitlines()) <= 12
        report = await run("modes", names)
        assert (report.rows, report.counts.unchanged) == (3, 3)
        names |= {"engine": engine, "parameters": postgresql.parameters}
        report = await run("database", names)
        assert (report.rows, report.counts.updated) == (2, 2)
