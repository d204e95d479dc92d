"""
The code in the documents works as it stands there.

Every block of Python code has a comment before it that no reader sees:

- `<!-- module: shop -->`: a file of this name, which later blocks import;
- `<!-- file: data/1.csv -->`: a file of this name, of any kind, which later blocks read by this path;
- `<!-- test: title -->`: executed, in order; blocks of a document share their variables;
- `<!-- excerpt: examples/demo.py -->`: stands so in this file of the project, which has tests of its own;
- `<!-- program: title -->`: executed by a test of its own, which looks at what it has done;
- `<!-- not a test: reason -->`: left alone.

A block of any kind with `<!-- output -->` before it is what the block of code above it prints; `...` stands for any text.
The address in calls of `ConnectionParameters` and of Dagster's resources is replaced by that of the test's own database.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import doctest
import inspect
import io
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests import orders_job
from tests.servers import Server

PROJECT = Path(__file__).parent.parent
DOCUMENTS = [PROJECT / "README.md", *sorted((PROJECT / "docs").rglob("*.md"))]


def title_of(document: Path) -> str:
    """:returns: What a test calls a document."""
    return document.relative_to(PROJECT).as_posix()


BLOCK = re.compile(
    r"(?:^<!-- (?P<mark>[^\n]*?) -->\n)?^```(?P<language>\w*)(?: [^\n]*)?\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
PARAMETERS = "_parameters_of_this_test"
RESOURCE = "_resource_of_this_test"
ADDRESSES = {
    "ConnectionParameters": PARAMETERS,
    "PostgreSQLResource": RESOURCE,
    "EmbeddedPostgreSQLResource": RESOURCE,
}
KINDS = {"", "module", "file", "test", "program", "excerpt", "not a test", "output"}


@dataclass(frozen=True, slots=True)
class Block:
    """
    A block of code in a document.

    :param kind: Word before the colon of its comment, one of `KINDS`; empty if it has none.
    :param title: What comes after the colon.
    :param line: Where its text begins, from 1.
    """

    kind: str
    title: str
    language: str
    text: str
    line: int


class Address(ast.NodeTransformer):
    """Puts the address of the test's database in the place of the documented one."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id in ADDRESSES:
            return ast.copy_location(ast.Name(ADDRESSES[node.func.id], ast.Load()), node)
        return node


def blocks(document: Path) -> list[Block]:
    text = document.read_text()
    found: list[Block] = []
    for match in BLOCK.finditer(text):
        kind, _, title = (match["mark"] or "").partition(":")
        line = text.count("\n", 0, match.start("text")) + 1
        found.append(Block(kind, title.strip(), match["language"], match["text"], line))
    return found


def run(block: Block, document: Path, variables: dict[str, Any]) -> str:
    """:returns: What the block has printed."""
    tree = Address().visit(ast.parse("\n" * (block.line - 1) + block.text))
    code = compile(tree, str(document), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        result = eval(code, variables)  # noqa: S307 (our own documents)
        if inspect.isawaitable(result):
            asyncio.run(finish(result))
    return printed.getvalue()


async def finish(result: Any) -> None:
    await result


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgresql: Server) -> Iterator[Path]:
    """The present directory, to import modules from, which are forgotten afterwards, and to read files of."""
    before = set(sys.modules)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(orders_job.PASSWORD_VARIABLE, postgresql.parameters.password or "")
    yield tmp_path
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) == str(tmp_path / f"{name}.py"):
            del sys.modules[name]


@pytest.mark.parametrize("document", DOCUMENTS, ids=title_of)
def test_every_python_block_is_tested_or_says_why_not(document: Path) -> None:
    unmarked = [block.line for block in blocks(document) if block.language == "python" and not block.kind]
    unknown = [block.kind for block in blocks(document) if block.kind not in KINDS]
    assert unmarked == []
    assert unknown == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=title_of)
def test_excerpts_are_what_the_file_says(document: Path) -> None:
    excerpts = [block for block in blocks(document) if block.kind == "excerpt"]
    assert [block.line for block in excerpts if block.text not in (PROJECT / block.title).read_text()] == []


@pytest.mark.parametrize(
    "document",
    [document for document in DOCUMENTS if any(block.kind in {"module", "test"} for block in blocks(document))],
    ids=title_of,
)
def test_documented_code_works(document: Path, postgresql: Server, modules: Path) -> None:
    run_document(document, postgresql, modules)


def run_document(document: Path, server: Server, directory: Path) -> dict[str, Any]:
    """
    Do what a document says, block by block, in a directory of its own.

    :returns: The variables that its blocks have left.
    """
    variables: dict[str, Any] = {
        PARAMETERS: server.parameters,
        RESOURCE: orders_job.resource(server.parameters),
        "__name__": "__main__",
    }
    printed = ""
    for block in blocks(document):
        if block.kind in {"module", "file"}:
            write_file(directory / (f"{block.title}.py" if block.kind == "module" else block.title), block.text)
        elif block.kind == "test":
            printed = run(block, document, variables)
        elif block.kind == "output":
            checker = doctest.OutputChecker()
            assert checker.check_output(block.text, printed, doctest.ELLIPSIS), (
                f"{document.name}:{block.line}: expected:\n{block.text}\ngot:\n{printed}"
            )
    return variables


def write_file(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
