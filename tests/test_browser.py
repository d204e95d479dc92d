"""What somebody sees in the browser: flights after the demo, and a small shop where not all is as it should be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NoReturn

import pytest

pytest.importorskip("playwright", reason="playwright is not installed")

from playwright.sync_api import Page, sync_playwright

from tests.pages import (
    browser_page,
    chromium,
    open_check,
    open_lineage,
    open_partition,
    open_plan,
    open_refused,
    open_rejected,
    open_table,
    served_pages,
    shown_number,
    shown_text,
    shown_with,
)

pytestmark = pytest.mark.browser

FLIGHT_COLUMNS = 19


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
def address(executable: str) -> Iterator[str]:
    """Address of Dagster's pages on two days of flights, and on the shop."""
    assert executable
    with served_pages(days=2) as address:
        yield address


@pytest.fixture(scope="module")
def page(executable: str, address: str) -> Iterator[Page]:
    """One page for all tests; each goes to another address first."""
    assert address
    with browser_page(executable) as page:
        yield page


def test_the_lineage_shows_the_schema_and_the_five_tables(page: Page, address: str) -> None:
    open_lineage(page, address)
    text = shown_text(page)
    assert {"schema", "Airline", "Airport", "Plane", "Weather", "Flight"} <= set(text.split())
    assert "1 / 1 Passed" in text
    assert "365 partitions" in text


def test_the_page_of_a_table_shows_columns_keys_and_references(page: Page, address: str) -> None:
    open_table(page, address, "flights/Flight")
    rows = page.locator("table").filter(has_text="Column name").first.get_by_role("row")
    assert rows.count() == 1 + FLIGHT_COLUMNS
    (carrier,) = [row for row in rows.all_inner_texts() if row.split()[0] == "carrier"]
    for chip in ("character varying(2)", "non-nullable", "primary key, 4 of 6", "references Airline.carrier"):
        assert chip in carrier
    text = shown_text(page)
    assert "Scheduled time of departure." in text
    assert "Flight in editor" in text  # where its class is
    assert "rows that cannot be stored are set aside; rows that tailnum refers to are added" in text


def test_the_page_of_a_table_shows_what_is_not_enforced_where_rows_come_from_and_what_is_personal(
    page: Page, address: str
) -> None:
    open_table(page, address, "shop/Order")
    assert "relation to Customer.id" in shown_text(page)
    assert "one of: open, shipped" in shown_text(page)
    open_table(page, address, "shop/Customer")
    text = shown_text(page)
    for chip in ("PII: e-mail", "from contacts.email", "unique (email)", "primary key (id)"):
        assert chip in text


def test_the_page_of_the_schema_shows_the_plan_that_was_applied(page: Page, address: str) -> None:
    open_plan(page, address)
    text = shown_with(page, 'CREATE TABLE "flights"."Flight"')
    assert "applied" in text


def test_a_refused_plan_says_what_it_would_destroy_and_how_it_is_approved(page: Page, address: str) -> None:
    open_refused(page, address)
    text = shown_text(page)
    assert "drop column archive.Customer.fax: deletes data" in text
    assert "This is a blocking asset check." in text
    assert "archive__schema:" in text
    page.get_by_text("[Show Markdown]").first.click()
    page.get_by_text("DROP COLUMN").first.wait_for()


def test_a_run_with_a_refused_plan_shows_the_tables_that_were_not_loaded(page: Page, address: str) -> None:
    page.goto(f"{address}/runs?q[0]=status%3AFAILURE")
    page.get_by_text("archive_all").first.wait_for()
    page.locator("a[href^='/runs/']").first.click()
    page.get_by_text("Dependencies for step archive__Customer failed: ['archive__schema']. Not executing.").wait_for()
    page.get_by_text("RUN_FAILURE").first.wait_for()
    assert "approve: '" in shown_text(page)


def test_partitions_that_one_run_has_loaded_have_numbers_of_their_own(page: Page, address: str) -> None:
    runs: set[str] = set()
    for day in (7, 13, 30):
        open_partition(page, address, "shop/Order", f"2024-01-{day:02}")
        assert shown_number(page, "dagster/partition_row_count") == day
        runs.add(page.locator("a[href*='/runs/']").first.get_attribute("href") or "")
    assert "Materialized (30)" in shown_text(page)
    assert "Missing (1)" in shown_text(page)
    assert len({run.partition("?")[0] for run in runs}) == 1


def test_rejected_rows_are_shown_with_the_value_at_fault(page: Page, address: str) -> None:
    open_partition(page, address, "shop/Order", "2024-01-13")
    assert shown_number(page, "rejected") == 1
    text = shown_text(page)
    assert "shop.Order__rejected" in text
    assert "refers to nothing (fk_Order_customer)" in text
    assert '"customer": "99"' in text


def test_rejected_rows_of_persons_are_shown_without_what_they_hold(page: Page, address: str) -> None:
    open_rejected(page, address, "shop/Customer")
    text = shown_text(page)
    assert "expected at most 320 characters; got 333" in text
    assert "(hidden)" in text
    assert "cccc" not in text


def test_the_check_of_rejected_rows_says_where_they_are(page: Page, address: str) -> None:
    open_check(page, address, "shop/Order", "rejected_rows")
    told = "1 of 466 rows of the last run were rejected; they are in the table shop.Order__rejected, with reasons"
    page.get_by_text(told).wait_for()
    assert "2024-01-13: 1" in shown_text(page)
