"""What somebody sees in the browser after the demo has run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NoReturn

import pytest

from tests.flights_home import FlightsHome, flights_home

pytest.importorskip("playwright", reason="playwright is not installed")

from playwright.sync_api import sync_playwright

from examples.flights.screenshot import ASSETS, browser_page, chromium, open_lineage, open_plan, web_pages

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def executable(request: pytest.FixtureRequest) -> str:
    """Path of the browser."""
    found = chromium()
    if found is None:
        missing(request, "chromium is not installed")
    try:
        with sync_playwright():
            return found
    except Exception as error:  # noqa: BLE001 - what it raises when its own program cannot be executed has no class
        missing(request, f"playwright does not start: {error}; on Debian, install libatomic1")


def missing(request: pytest.FixtureRequest, reason: str) -> NoReturn:
    if request.config.getoption("--require-servers"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="module")
def pages() -> Iterator[tuple[FlightsHome, str]]:
    """Dagster's pages on a demo of two days: where it is, and their address."""
    with flights_home() as home:
        result = home.demo("--days", "2")
        assert result.returncode == 0, result.stdout + result.stderr
        with web_pages(home.environment) as address:
            yield home, address


def test_the_lineage_page_shows_the_schema_and_the_five_tables(executable: str, pages: tuple[FlightsHome, str]) -> None:
    with browser_page(executable) as page:
        open_lineage(page, pages[1])
        text = page.inner_text("body")
    assert set(ASSETS) <= set(text.split())
    assert "1 / 1 Passed" in text
    assert "365 partitions" in text


def test_the_page_of_the_schema_shows_the_plan_that_was_applied(
    executable: str, pages: tuple[FlightsHome, str]
) -> None:
    with browser_page(executable) as page:
        assert open_plan(page, pages[1])
        text = page.inner_text("body")
    assert 'CREATE TABLE "flights"."Flight"' in text
    assert "applied" in text


def test_the_page_of_a_table_shows_columns_keys_and_relations(executable: str, pages: tuple[FlightsHome, str]) -> None:
    with browser_page(executable) as page:
        page.goto(f"{pages[1]}/assets/flights/Flight")
        page.get_by_text("references Plane.tailnum").first.wait_for()
        page.get_by_text("Scheduled time of departure.").first.wait_for()
        text = page.inner_text("body")
    assert "references Airline.carrier" in text
    assert "references Airport.faa" in text
    assert "Scheduled time of departure." in text
    assert "primary key, 1 of 6" in text
