"""What programs of other tools share: reads a request from standard input, prints a line of JSON; knows nothing of the engine."""

# pyright: basic, reportMissingImports=false

from __future__ import annotations

import asyncio
import json
import sys
import time
from datetime import datetime
from ipaddress import IPv4Address
from itertools import islice
from uuid import UUID

COLUMNS = [
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
]
KINDS = (UUID, datetime, datetime, int, int, str, str, str, str, str, str, IPv4Address, int, str)
PARSED_ROWS = 1_000
"""Rows that are parsed at once."""


def parsed(file, kinds=KINDS):
    """:returns: Rows of a file of tab-separated values, one by one and lazily."""
    from tsv.helper import Parser

    parser = Parser(fields=kinds)
    with open(file, "rb") as lines:
        while block := list(islice(lines, PARSED_ROWS)):
            yield from [parser.parse_line(line[:-1]) for line in block]


def blocks(rows, size):
    """:returns: Lists of so many rows."""
    iterator = iter(rows)
    while block := list(islice(iterator, size)):
        yield block


class Clock:
    """Seconds spent inside of it, and those of the processor."""

    def __enter__(self):
        self._started, self._used = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_):
        self.seconds, self.cpu_s = time.perf_counter() - self._started, time.process_time() - self._used


def answer(actions):
    """Do what the request asks for: each action takes the request, and returns the clock that ran meanwhile."""
    request = json.load(sys.stdin)
    done = actions[request["action"]](request)
    clock = asyncio.run(done) if asyncio.iscoroutine(done) else done
    print(json.dumps({"seconds": clock.seconds, "cpu_s": clock.cpu_s}))


def libpq(server, scheme="postgresql"):
    """:returns: Address for tools that take one, also of a socket."""
    from urllib.parse import quote

    login = quote(server["user"] or "", safe="")
    if server["password"]:
        login += ":" + quote(server["password"], safe="")
    host, port = server["host"], server["port"]
    if host.startswith("/"):
        # dlt insists on a host before the slash; the one behind it counts
        return f"{scheme}://{login}@localhost:{port}/{server['database']}?host={quote(host, safe='')}"
    return f"{scheme}://{login}@{host}:{port}/{server['database']}"
