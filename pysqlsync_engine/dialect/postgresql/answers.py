"""What the answers of a PostgreSQL server mean: rows that were changed, rows that were refused, and which failures may pass."""

from __future__ import annotations

import re

COUNTED = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE", "COPY"})
"""Command tags whose number counts rows of a table that were changed; https://www.postgresql.org/docs/current/protocol-message-formats.html"""

LOCK_NOT_AVAILABLE = "55P03"

_TRANSIENT = frozenset({"40001", "40P01"})
"""serialization_failure, deadlock_detected; https://www.postgresql.org/docs/current/errcodes-appendix.html"""

_SHUT_DOWN = frozenset({"57P01", "57P02", "57P03", "57P05"})
"""admin_shutdown, crash_shutdown, cannot_connect_now, idle_session_timeout."""

_CONNECTION = "08"
"""Class of what goes wrong with a connection."""

_REFUSED_FOR_NOW = frozenset({"53300", "57P03"})
"""too_many_connections, cannot_connect_now."""


def affected(tag: str) -> int:
    """:returns: Rows that a command changed, by its tag: 5 for `INSERT 0 5`, 0 for `CREATE TABLE`."""
    words = tag.split()
    return int(words[-1]) if words and words[0] in COUNTED and words[-1].isdigit() else 0


def copy_place(context: str | None, table: str) -> tuple[int | None, str | None]:
    """
    :param context: Where the server was when it refused a row: `COPY flights, line 3, column carrier: "..."`. Only the words
        `line` and `column` depend on the server's language.
    :returns: Line, from 1, and column; `None` where the server does not tell.
    """
    place = re.compile(rf"\w+ {re.escape(table)}, \D*(\d+)(?:, \S+ ([^:]*))?")
    # what was inside the value comes before, for JSON
    match = next(filter(None, map(place.match, (context or "").splitlines())), None)
    return (None, None) if match is None else (int(match[1]), match[2])


def is_transient(sqlstate: str | None) -> bool:
    """:returns: True if repeating the transaction may cure the failure."""
    return sqlstate in _TRANSIENT


def ends_connection(sqlstate: str | None) -> bool:
    """:returns: True if the connection is gone after the failure."""
    return sqlstate in _SHUT_DOWN or (sqlstate or "").startswith(_CONNECTION)


def may_accept_later(error: BaseException, sqlstate: str | None) -> bool:
    """:returns: True if a server that did not accept a connection may do so later: it is starting, or has none left."""
    # the file is the socket of a server that is not there
    is_away = isinstance(error, ConnectionError | TimeoutError | FileNotFoundError)
    return is_away or sqlstate in _REFUSED_FOR_NOW or ends_connection(sqlstate)
