r"""
Events as files: the same rows for the same number of rows, whatever the machine.

Tab-separated values are as servers write them (`\N` is NULL). A second file spells moments as `tsv2py` insists on (`T`, `Z`).
"""

from __future__ import annotations

import importlib
import random
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, cast
from uuid import UUID

COLUMNS = (
    "id",
    "occurred_at",
    "received_at",
    "user_id",
    "account_id",
    "session",
    "kind",
    "method",
    "url",
    "referrer",
    "user_agent",
    "remote_ip",
    "status",
    "note",
)
SEED = 14
KINDS = ("view", "click", "search", "download", "upload", "login", "logout", "error")
METHODS = ("GET", "GET", "GET", "GET", "POST", "POST", "PUT", "DELETE")
STATUSES = (200, 200, 200, 200, 200, 304, 302, 404, 403, 500)
WORDS = (
    "courses",
    "files",
    "users",
    "über-uns",
    "reports",
    "search",
    "api",
    "v1",
    "modules",
    "pages",
    "quizzes",
    "groups",
)
AGENTS = tuple(
    f"Mozilla/5.0 ({system}) AppleWebKit/537.36 (KHTML, like Gecko) {browser}/{version}.0.0.0 Safari/537.36"
    for system in ("X11; Linux x86_64", "Windows NT 10.0; Win64; x64", "Macintosh; Intel Mac OS X 10_15_7")
    for browser in ("Chrome", "Edg")
    for version in range(110, 126)
)
FIRST_MOMENT_US = 1_704_067_200_000_000
"""2024-01-01, in microseconds since 1970."""

CHANGED_STATUS = 599
"""Status of rows that differ from what the table has; no other row has it."""

Cells = list[str | None]
"""A row as text; `None` is NULL."""


def generate(rows: int, *, seed: int = SEED) -> Iterator[Cells]:
    """:returns: Rows with random keys, in order of time."""
    rng = random.Random(seed)  # noqa: S311 - the same rows each time are wanted
    moment = FIRST_MOMENT_US
    for _ in range(rows):
        bits = rng.getrandbits(63)
        moment += bits % 2_000_000
        received = moment // 1_000_000 + (bits & 3)
        url = _url(bits)
        yield [
            str(UUID(int=rng.getrandbits(128), version=4)),
            _moment(moment),
            _moment(received * 1_000_000),
            str(10_000_000_000 + (bits >> 20) % 500_000),
            str((bits >> 7) % 2_000) if bits % 5 else None,
            f"{bits:016x}{bits ^ 0x5555555555555555:016x}",
            KINDS[bits % len(KINDS)],
            METHODS[(bits >> 3) % len(METHODS)],
            url,
            f"https://example.edu{_url(bits >> 5)}" if bits & 64 else None,
            AGENTS[(bits >> 8) % len(AGENTS)],
            f"10.{bits >> 24 & 255}.{bits >> 32 & 255}.{bits >> 40 & 255}",
            str(STATUSES[(bits >> 11) % len(STATUSES)]),
            _note(bits),
        ]


def _url(bits: int) -> str:
    first, second = WORDS[(bits >> 13) % len(WORDS)], WORDS[(bits >> 17) % len(WORDS)]
    return f"/{first}/{(bits >> 21) % 100_000}/{second}?page={(bits >> 37) % 50}&per_page=100"


def _note(bits: int) -> str | None:
    if bits % 3:
        return None
    # one in a hundred has characters that are escaped in files
    return f"line {bits % 97}\n\t\\ next" if not (bits >> 9) % 100 else f"seen by proxy {bits % 1_000}"


_DAY_US = 86_400_000_000


def _moment(microseconds: int) -> str:
    day, rest = divmod(microseconds, _DAY_US)
    seconds, fraction = divmod(rest, 1_000_000)
    text = f"{_date(day)} {seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{text}.{fraction:06}" if fraction else text


_dates: dict[int, str] = {}


def _date(day: int) -> str:
    if day not in _dates:
        _dates[day] = (date(1970, 1, 1) + timedelta(days=day)).isoformat()
    return _dates[day]


def changed(row: Sequence[str | None]) -> Cells:
    """:returns: The row with the same key, and two values that are others."""
    return [*row[:12], str(CHANGED_STATUS), "changed"]


_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n"})


def to_tsv(row: Sequence[str | None]) -> str:
    """:returns: A line, with its line feed."""
    cells = ["\\N" if cell is None else cell for cell in row]
    if row[-1] is not None:
        cells[-1] = row[-1].translate(_ESCAPES)
    return "\t".join(cells) + "\n"


def to_zulu(line: str) -> str:
    """:returns: The line with moments as `2024-01-01T00:00:00Z`."""
    key, occurred, received, rest = line.split("\t", 3)
    return f"{key}\t{occurred.replace(' ', 'T')}Z\t{received.replace(' ', 'T')}Z\t{rest}"


def to_csv(row: Sequence[str | None]) -> str:
    """:returns: A record; only the browser and the note have characters that call for quotes."""
    cells = ["" if cell is None else cell for cell in row]
    cells[10] = f'"{cells[10]}"'
    if row[-1] is not None and "\n" in row[-1]:
        cells[-1] = f'"{row[-1]}"'
    return ",".join(cells) + "\n"


def write_text(path: Path, lines: Iterable[str]) -> None:
    """Write a file; it is there as a whole, or not at all."""
    partial = path.with_suffix(path.suffix + ".partial")
    with partial.open("w", encoding="utf-8", newline="", buffering=1 << 20) as file:
        file.writelines(lines)
    partial.rename(path)


def write_parquet(path: Path, rows: Iterable[Sequence[str | None]]) -> None:
    """Write moments as timestamps, numbers as integers, all else as strings."""
    # the library has no types
    arrow, compute, parquet = (
        cast("Any", importlib.import_module(name)) for name in ("pyarrow", "pyarrow.compute", "pyarrow.parquet")
    )
    kinds = {"occurred_at": arrow.timestamp("us"), "received_at": arrow.timestamp("us"), "user_id": arrow.int64()}
    kinds |= {"account_id": arrow.int32(), "status": arrow.int16()}
    schema = arrow.schema([(name, kinds.get(name, arrow.string())) for name in COLUMNS])
    iterator = iter(rows)
    partial = path.with_suffix(".partial")
    with parquet.ParquetWriter(partial, schema) as writer:
        while block := list(islice(iterator, 50_000)):
            columns: list[Any] = [
                compute.cast(arrow.array(cells, arrow.string()), field.type)
                for cells, field in zip(zip(*block, strict=True), schema, strict=True)
            ]
            writer.write_table(arrow.Table.from_arrays(columns, schema=schema))
    partial.rename(path)
