"""Dagster's web pages on the flights and on the small shop, in Chromium: for tests, and for the pictures of the documentation."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager

from playwright.sync_api import Page, sync_playwright

from examples.flights.ui import HOST, free_port
from tests.flights_home import PROJECT, FlightsHome, flights_home

FIRST_PORT = 3800
START_TIMEOUT_S = 120.0
PAGE_TIMEOUT_S = 60.0
REST_MS = 1_500
"""How long things move on a page until it looks as it will stay."""

WIDTH, HEIGHT = 1600, 900

WORKSPACE = """\
load_from:
  - python_module: {{module_name: definitions, working_directory: "{project}", location_name: flights}}
  - python_module: {{module_name: tests.shop_pages, attribute: defs, working_directory: "{project}", location_name: shop}}
"""

BROWSER_OPTIONS = [
    "--no-sandbox",  # refused to root otherwise; the only pages that are opened are our own
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def chromium() -> str | None:
    """:returns: Path of the browser; `None` if it is not installed."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@contextmanager
def served_pages(*, days: int) -> Generator[str, None, None]:
    """
    Load flights, and the small shop, and serve Dagster's pages on both, without the daemon.

    :param days: Of flights.
    :returns: Address of the pages.
    :raises TimeoutError: if they do not answer in time.
    """
    with flights_home() as home:
        told = home.demo("--days", str(days))
        if told.returncode != 0:
            raise RuntimeError(told.stdout + told.stderr)
        with web_server(home) as (address, server):
            # while the server starts
            subprocess.run([sys.executable, "-m", "tests.shop_pages"], cwd=PROJECT, env=home.environment, check=True)
            wait_for(address, server)
            yield address


@contextmanager
def web_server(home: FlightsHome) -> Generator[tuple[str, subprocess.Popen[bytes]], None, None]:
    """Start the web server; it is ended on leaving. It does not answer yet."""
    port = free_port(FIRST_PORT)
    workspace = home.path / "workspace.yaml"
    workspace.write_text(WORKSPACE.format(project=PROJECT))
    command = [sys.executable, "-m", "dagster_webserver", "-w", str(workspace), "-h", HOST, "-p", str(port)]
    server = subprocess.Popen(
        command, cwd=PROJECT, env=home.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield f"http://{HOST}:{port}", server
    finally:
        server.terminate()
        server.wait()


def wait_for(address: str, server: subprocess.Popen[bytes]) -> None:
    """Wait until the pages are there."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/server_info", timeout=5) as answer:  # noqa: S310 - our own server
                json.load(answer)
                return
        except OSError:
            time.sleep(0.2)
    raise TimeoutError(f"{address}: the web server did not answer")


@contextmanager
def browser_page(executable: str) -> Generator[Page, None, None]:
    """Open an empty page in a browser without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=BROWSER_OPTIONS)
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        page.set_default_timeout(PAGE_TIMEOUT_S * 1000)
        yield page
        browser.close()


def open_lineage(page: Page, address: str) -> None:
    """Open the lineage of the flights, and wait until all its nodes are there; they still move to their places."""
    page.goto(f"{address}/locations/flights/asset-groups/flights/lineage")
    for name in ("schema", "Airline", "Airport", "Plane", "Weather", "Flight"):
        page.get_by_text(name, exact=True).first.wait_for()
    page.get_by_text("Materialized").first.wait_for()
    page.get_by_text("Loading").first.wait_for(state="hidden")


def open_table(page: Page, address: str, asset: str) -> None:
    """Open the page of a table, and wait for its columns and for what its last run told."""
    page.goto(f"{address}/assets/{asset}")
    page.get_by_text("Column name").first.wait_for()
    page.get_by_text("rows_per_second").first.wait_for()


def open_plan(page: Page, address: str) -> None:
    """Open the page of the schema of the flights and, in it, the plan of its latest run."""
    page.goto(f"{address}/assets/flights/schema?view=events")
    page.get_by_text("[Show Markdown]").first.click()
    page.get_by_text("CREATE TABLE").first.wait_for()


def open_check(page: Page, address: str, asset: str, name: str) -> None:
    """Open a check of an asset, and wait for what its latest execution told."""
    page.goto(f"{address}/assets/{asset}?view=checks")
    page.get_by_text(name, exact=True).first.click()
    page.get_by_text("Latest execution").first.wait_for()


def open_refused(page: Page, address: str) -> None:
    """Open the check that stops the tables of the archive, which somebody has changed by hand."""
    open_check(page, address, "archive/schema", "in_sync")
    page.get_by_text("approve:").first.wait_for()


def open_partition(page: Page, address: str, asset: str, key: str) -> None:
    """Open a partition of a table."""
    page.goto(f"{address}/assets/{asset}?view=partitions&partition={key}")
    page.get_by_text("rows_per_second").first.wait_for()


def open_rejected(page: Page, address: str, asset: str) -> None:
    """Open what the last load of a table that is loaded whole told."""
    page.goto(f"{address}/assets/{asset}?view=events")
    page.get_by_text("rejected_rows").first.wait_for()


def shown_text(page: Page) -> str:
    """:returns: All that is to be read on a page, as one line."""
    return " ".join(page.inner_text("body").split())


def shown_with(page: Page, text: str) -> str:
    """:returns: All that is to be read on a page once it has a text: what is there may be drawn anew, and be away for a moment."""
    page.wait_for_function("text => document.body.innerText.includes(text)", arg=text)
    return shown_text(page)


def shown_number(page: Page, name: str) -> int:
    """:returns: The number that a page lists under that name."""
    row = page.get_by_role("row").filter(has=page.get_by_text(name, exact=True)).first
    return int(row.inner_text().split()[-1])
