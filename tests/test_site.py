"""The pages of the documentation: complete, built without a warning, and read without a network."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import yaml

import pysqlsync_dagster
from pysqlsync_engine import base, errors
from pysqlsync_engine.data import load_errors

PROJECT = Path(__file__).parent.parent
DOCS = PROJECT / "docs"
LOADED_BY = {"script": "src", "link": "href", "img": "src", "iframe": "src", "source": "src", "video": "src"}
"""Elements that make a browser load something, and where they say what."""

NO_LOAD = {"prev", "next", "canonical"}


class Loaded(HTMLParser):
    """Collects the addresses that a browser loads to show a page."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        address = given.get(LOADED_BY.get(tag, ""))
        if address and not (tag == "link" and given.get("rel") in NO_LOAD):
            self.addresses.append(address)


def documented() -> set[str]:
    """:returns: All names of which the reference shows the documentation."""
    pages = sorted((DOCS / "reference").glob("*.md"))
    return {name for page in pages for name in re.findall(r"^::: (\S+)$", page.read_text(), re.MULTILINE)}


def listed(navigation: Any) -> Iterator[str]:
    """:returns: The pages of a navigation, at any depth."""
    if isinstance(navigation, str):
        yield navigation
        return
    for item in navigation.values() if isinstance(navigation, dict) else navigation:  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - of YAML
        yield from listed(item)


def test_the_reference_has_every_public_name() -> None:
    shown = documented()
    assert {f"pysqlsync_dagster.{name}" for name in pysqlsync_dagster.__all__} - shown == set()
    wanted = {f"pysqlsync_engine.base.{name}" for name in base.__all__}
    in_errors = {f"pysqlsync_engine.base.{name}" for name in base.__all__ if hasattr(load_errors, name)}
    assert wanted - in_errors - shown == set()
    assert {errors.__name__, load_errors.__name__} <= shown


def test_every_page_is_in_the_navigation() -> None:
    configuration = yaml.safe_load((PROJECT / "mkdocs.yml").read_text())
    pages = [page.relative_to(DOCS).as_posix() for page in sorted(DOCS.rglob("*.md"))]
    assert sorted(listed(configuration["nav"])) == pages


def test_links_outside_of_the_pages_lead_somewhere() -> None:
    documents = [PROJECT / "README.md", *(PROJECT / "examples").rglob("*.md"), *(PROJECT / "benchmarks").rglob("*.md")]
    links = {(page, link) for page in documents for link in re.findall(r"\]\(([^)#:]+)[^):]*\)", page.read_text())}
    assert len(links) > 10
    assert sorted(link for page, link in links if not (page.parent / link).exists()) == []


def test_pages_are_built_without_a_warning_and_load_nothing_from_elsewhere(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", tmp_path],
        cwd=PROJECT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert result.returncode == 0, result.stderr
    pages = sorted(tmp_path.rglob("*.html"))
    assert len(pages) > len(list(DOCS.glob("*.md")))
    addresses = {address for page in pages for address in loaded_by(page)}
    assert any(address.endswith(".css") for address in addresses)
    assert [address for address in sorted(addresses) if re.match(r"(\w+:)?//", address)] == []
    styles = [style.read_text() for style in tmp_path.rglob("*.css")]
    assert [
        found for style in styles for found in re.findall(r"(?:@import|url\()\s*[\"']?(?:\w+:)?//[^)]*", style)
    ] == []


def loaded_by(page: Path) -> list[str]:
    parser = Loaded()
    parser.feed(page.read_text())
    return parser.addresses
