"""Shows how far a load is, from the record sources that it reads: a live display on a terminal, else a line now and then."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from examples.flights.source import FlightSource
from pysqlsync_engine.data.sources import Fields, RecordSource, Window
from pysqlsync_engine.session import Batch

SECONDS_BETWEEN_LINES = 2.0


class Display:
    """
    What the user sees of each table.

    :param days: Windows that each table is loaded in, by name of the table.
    """

    def __init__(self, console: Console, days: Mapping[str, int]) -> None:
        self._console = console
        self._days = days
        self._rows = dict.fromkeys(days, 0)
        self._windows = dict.fromkeys(days, 0)
        self._said = time.monotonic()
        self._progress = Progress(
            SpinnerColumn(finished_text="[green]✓[/]"),
            TextColumn("{task.description:<16}"),
            BarColumn(bar_width=32),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rows]:>9,} rows"),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}

    @contextmanager
    def shown(self) -> Generator[None, None, None]:
        """Show it as long as the context is open."""
        with self._progress:
            yield

    def add(self, table: str, rows: int) -> None:
        """Some rows of a table were read."""
        self._rows[table] += rows
        self._update(table)

    def start(self, table: str) -> None:
        """A window of a table is about to be read."""
        if table not in self._tasks:
            self._tasks[table] = self._progress.add_task(table, total=self._days[table], rows=0)

    def finish(self, table: str) -> None:
        """A window of a table was read to its end."""
        self._windows[table] += 1
        self._update(table)
        is_due = time.monotonic() - self._said > SECONDS_BETWEEN_LINES
        if not self._console.is_terminal and (is_due or self._windows[table] == self._days[table]):
            self._say(table)

    def _update(self, table: str) -> None:
        self._progress.update(self._tasks[table], completed=self._windows[table], rows=self._rows[table])

    def _say(self, table: str) -> None:
        self._said = time.monotonic()
        part = "" if self._days[table] == 1 else f", {self._windows[table]} of {self._days[table]} days"
        self._console.print(f"  {table:<16}{self._rows[table]:>9,} rows{part}")


class WatchedSource:
    """Record source that tells a display how far it has been read."""

    def __init__(self, source: RecordSource, table: str, display: Display) -> None:
        self._source = source
        self._table = table
        self._display = display

    @property
    def fields(self) -> Fields:
        """As those of the source."""
        return self._source.fields

    def batches(self, window: Window | None) -> Iterator[Batch]:
        """
        As those of the source.

        :raises TypeError: if the source yields batches asynchronously.
        """
        batches = self._source.batches(window)
        if not isinstance(batches, Iterable):
            raise TypeError(f"{self._table}: expected a source that yields batches synchronously")
        self._display.start(self._table)
        for batch in batches:
            self._display.add(self._table, len(batch))
            yield batch
        self._display.finish(self._table)


def watch(sources: Mapping[type, FlightSource], display: Display) -> dict[type, FlightSource]:
    """:returns: The same sources by the same names, each of which tells the display how far it is."""
    watched: dict[type, FlightSource] = {}
    for cls, source in sources.items():
        if isinstance(source, Mapping):
            watched[cls] = {name: WatchedSource(each, cls.__name__, display) for name, each in source.items()}
        else:
            watched[cls] = WatchedSource(source, cls.__name__, display)
    return watched
