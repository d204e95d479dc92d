"""
Pictures of the demo in Dagster's web pages: `python -m examples.flights.screenshot docs/images`.

Run the demo first. Needs Chromium, and the package `playwright` to steer it.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from examples.flights.home import PROJECT, prepare_home
from examples.flights.ui import HOST, free_port

FIRST_PORT = 3800
START_TIMEOUT_S = 120.0
PAGE_TIMEOUT_S = 60.0
WIDTH, HEIGHT = 1600, 900

ASSETS = ("schema", "Airline", "Airport", "Plane", "Weather", "Flight")
"""Names of the nodes of the lineage page."""

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
def web_pages(environment: Mapping[str, str]) -> Generator[str, None, None]:
    """
    Serve Dagster's pages, without the daemon.

    :param environment: Says where the instance is.
    :returns: Address of the pages.
    :raises TimeoutError: if they do not answer in time.
    """
    port = free_port(FIRST_PORT)
    command = [sys.executable, "-m", "dagster_webserver", "-w", "workspace.yaml", "-h", HOST, "-p", str(port)]
    server = subprocess.Popen(  # noqa: S603 (our own interpreter, no shell)
        command, cwd=PROJECT, env=dict(environment), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        address = f"http://{HOST}:{port}"
        wait_for(address, server)
        yield address
    finally:
        server.terminate()
        server.wait()


def wait_for(address: str, server: subprocess.Popen[bytes]) -> None:
    """Wait until the pages are there."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/server_info", timeout=5) as answer:  # noqa: S310 (our own server)
                json.load(answer)
                return
        except OSError:
            time.sleep(0.2)
    raise TimeoutError(f"{address}: the web server did not answer; try `dagster-webserver -w workspace.yaml`")


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
    """Open the lineage page, and wait until all its nodes are there and at rest."""
    page.goto(f"{address}/asset-groups")
    for name in ASSETS:
        page.get_by_text(name, exact=True).first.wait_for()
    page.get_by_text("Materialized").first.wait_for()
    page.get_by_text("Loading").first.wait_for(state="hidden")
    page.wait_for_timeout(2_000)  # the nodes move to their places


def open_plan(page: Page, address: str) -> bool:
    """
    Open the page of the schema asset and, in it, the plan of its latest run.

    :returns: False if that run had nothing to change, so that there is no plan to open.
    """
    page.goto(f"{address}/assets/flights/schema?view=events")
    page.get_by_text("hazards", exact=True).first.wait_for()
    if page.get_by_text("[Show Markdown]").count() == 0:
        return False
    page.get_by_text("[Show Markdown]").first.click()
    page.get_by_text("CREATE TABLE").first.wait_for()
    page.wait_for_timeout(1_000)
    return True


def main() -> int:
    """:returns: Exit status of the command line."""
    parser = argparse.ArgumentParser(prog="python -m examples.flights.screenshot", description="Take pictures.")
    parser.add_argument("directory", type=Path, help="where the pictures go")
    directory: Path = parser.parse_args().directory
    executable = chromium()
    if executable is None:
        print("chromium: not installed; apt-get install chromium", file=sys.stderr)
        return 1
    prepare_home()
    directory.mkdir(parents=True, exist_ok=True)
    with web_pages(os.environ) as address, browser_page(executable) as page:
        open_lineage(page, address)
        page.screenshot(path=directory / "lineage.png")
        if open_plan(page, address):
            page.screenshot(path=directory / "plan.png")
        else:
            print("plan.png: left as it is, as the latest run had nothing to change; needs an empty database")
    print(f"pictures: {directory}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
