"""Command line: `python -m pysqlsync_engine.embedded start|stop|status [--directory PATH]`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pysqlsync_engine.embedded.server import EmbeddedPostgreSQL, ServerStatus
from pysqlsync_engine.errors import EmbeddedServerError

NOTE = "An embedded server is for development, tests and demonstrations; not for production."


def main(arguments: Sequence[str] | None = None) -> int:
    """:returns: 0 if it was done (for `status`: if the server runs), else 1."""
    options = _parser().parse_args(arguments)
    try:
        server = EmbeddedPostgreSQL(options.directory)
        if options.command == "start":
            server.start(options.database, keep=True)
            server.release()
            print(NOTE)
        elif options.command == "stop" and not server.stop(force=options.force):
            print(f"{server.directory}: was not running")
            return 0
        status = server.status()
    except EmbeddedServerError as error:
        print(error, file=sys.stderr)
        return 1
    print(_describe(status))
    return 1 if options.command == "status" and not status.is_running else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m pysqlsync_engine.embedded", description=NOTE)
    commands = parser.add_subparsers(dest="command", required=True)
    start = commands.add_parser("start", help="start the server, and leave it running")
    start.add_argument("--database", default="postgres", help="database to create if it is missing")
    stop = commands.add_parser("stop", help="stop the server")
    stop.add_argument("--force", action="store_true", help="also if programs use it")
    status = commands.add_parser("status", help="tell whether it runs, and where")
    for command in (start, stop, status):
        command.add_argument("--directory", type=Path, help="where its files are, if not in the usual place")
    return parser


def _describe(status: ServerStatus) -> str:
    if not status.is_running:
        return f"{status.directory}: not running"
    use = "in use" if status.in_use else "not in use"
    return (
        f"{status.directory}: PostgreSQL {status.major} runs as process {status.pid} at 127.0.0.1:{status.port}, {use}\n"
        f"User: postgres. Password: in {status.directory / 'password'}"
    )


if __name__ == "__main__":
    sys.exit(main())
