"""Who is woken up by an error finds it in the runbook."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import pysqlsync_engine
from pysqlsync_dagster.drift import SCHEMA_DRIFT
from pysqlsync_dagster.schema_asset import IN_SYNC
from pysqlsync_engine.errors import EngineError

PROJECT = Path(__file__).parent.parent
PAGE = PROJECT / "docs" / "runbook.md"
CHECKS = (
    IN_SYNC,
    SCHEMA_DRIFT,
    "rejected_rows",
    "orphans_",
    "not_null_",
    "unique_",
    "labels_",
    "fresh",
    "source_rows",
    "row_bounds",
)


def public_errors() -> set[str]:
    """:returns: Names of all errors of the engine that may reach a user."""
    for module in pkgutil.walk_packages(pysqlsync_engine.__path__, "pysqlsync_engine."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found, pending = {EngineError}, [EngineError]
    while pending:
        below = set(pending.pop().__subclasses__()) - found
        found |= below
        pending.extend(below)
    return {
        cls.__name__
        for cls in found
        if cls.__module__.startswith("pysqlsync_engine.") and not cls.__name__.startswith("_")
    }


def test_every_error_has_a_heading() -> None:
    headings = set(re.findall(r"^### (\w+)$", PAGE.read_text(), re.MULTILINE))
    assert public_errors() - headings == set()
    assert {heading for heading in headings if heading.endswith("Error")} <= public_errors()


@pytest.mark.parametrize("check", CHECKS)
def test_every_check_is_explained(check: str) -> None:
    (table,) = re.findall(r"^### A check has failed\n(.*?)^### ", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert f"`{check}" in table


def said() -> set[str]:
    """:returns: All texts in the code, those between placeholders too."""
    files = [*(PROJECT / "pysqlsync_engine").rglob("*.py"), *(PROJECT / "pysqlsync_dagster").rglob("*.py")]
    nodes = (node for file in files for node in ast.walk(ast.parse(file.read_text())))
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def test_messages_are_quoted_as_they_are() -> None:
    texts = said()
    tables = re.findall(r"^\| it says \|.*?\n\n", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    quoted = [row for table in tables for row in re.findall(r"^\| `([^`]+)`", table, re.MULTILINE)]
    assert len(quoted) > 12
    parts = [part.strip() for row in quoted for part in row.split("...") if len(part.strip()) > 3]
    assert [part for part in parts if not any(part in text for text in texts)] == []
