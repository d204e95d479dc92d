"""
Takes the pictures of the documentation: `python -m tests.screenshots docs/images`.

They are always of the same: a month of flights, loaded anew, and a table that somebody has changed by hand. Needs Chromium, and the
package `playwright` to steer it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page

from tests.pages import (
    HEIGHT,
    REST_MS,
    WIDTH,
    browser_page,
    chromium,
    open_lineage,
    open_partition,
    open_plan,
    open_refused,
    open_table,
    served_pages,
)

MAX_BYTES = 250_000


def open_rejected_flights(page: Page, address: str) -> None:
    """Open a day of flights at the rows that were set aside."""
    open_partition(page, address, "flights/Flight", "2013-01-01")
    page.get_by_text("rejected", exact=True).first.evaluate("cell => cell.scrollIntoView({block: 'start'})")


PICTURES: dict[str, tuple[int, Callable[[Page, str], None]]] = {
    "lineage": (1_100, open_lineage),
    "table": (1_100, lambda page, address: open_table(page, address, "flights/Flight")),
    "plan": (HEIGHT, open_plan),
    "refused": (HEIGHT, open_refused),
    "partitions": (HEIGHT, lambda page, address: open_partition(page, address, "flights/Flight", "2013-01-12")),
    "rejected": (HEIGHT, open_rejected_flights),
}
"""By name of the file: height of the window, and what opens the page."""


def take(page: Page, address: str, directory: Path, name: str) -> Path:
    """:returns: The picture."""
    height, show = PICTURES[name]
    page.set_viewport_size({"width": WIDTH, "height": height})
    show(page, address)
    page.wait_for_timeout(REST_MS)
    path = directory / f"{name}.png"
    page.screenshot(path=path)
    if path.stat().st_size > MAX_BYTES:
        raise RuntimeError(
            f"{path}: {path.stat().st_size:,} bytes are more than {MAX_BYTES:,}; make its window smaller"
        )
    return path


def main() -> int:
    """:returns: Exit status of the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.screenshots", description="Take pictures.")
    parser.add_argument("directory", type=Path, help="where the pictures go")
    directory: Path = parser.parse_args().directory
    executable = chromium()
    if executable is None:
        print("chromium: not installed; apt-get install chromium", file=sys.stderr)  # noqa: T201
        return 1
    directory.mkdir(parents=True, exist_ok=True)
    with served_pages(days=31) as address, browser_page(executable) as page:
        for name in PICTURES:
            print(take(page, address, directory, name))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
