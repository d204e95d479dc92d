"""Dagster's web pages and daemon on the data of the demo: `python -m examples.flights.ui`."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from examples.flights.definitions import database
from examples.flights.home import PROJECT, only_one, prepare_home
from pysqlsync_engine.errors import EngineError

HOST = "127.0.0.1"
FIRST_PORT = 3000
PORTS_TO_TRY = 100


def free_port(first: int) -> int:
    """
    :returns: The first port from this one on that nobody listens on.
    :raises OSError: if a hundred ports in a row are taken.
    """
    for port in range(first, first + PORTS_TO_TRY):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port
    raise OSError(f"ports {first} to {first + PORTS_TO_TRY - 1} are all taken; choose another with --port")


def command(port: int) -> list[str]:
    """:returns: What serves the pages and runs the daemon, until it is interrupted."""
    return [sys.executable, "-m", "dagster", "dev", "-w", "workspace.yaml", "-h", HOST, "-p", str(port)]


def serve(home: Path, port: int) -> int:
    """
    Serve the pages until interrupted; the database server stays up as long.

    :returns: Exit status.
    """
    resource = database()
    resource.server.start(resource.database)
    print(f"lineage:  http://{HOST}:{port}/asset-groups", flush=True)
    print(f"instance: {home}; stop with Ctrl-C", flush=True)
    environment = {**os.environ, "PYTHONWARNINGS": "ignore:Function `dev_command` is superseded"}
    # a shell has its background jobs ignore interrupts, and Dagster would then ignore being terminated, too
    signal.signal(signal.SIGINT, signal.default_int_handler)
    pages = subprocess.Popen(command(port), cwd=PROJECT, env=environment)  # noqa: S603 (our own interpreter, no shell)
    # Ctrl-C reaches the whole group of processes; to be ended alone, we pass it on
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, frame: pages.send_signal(number))  # noqa: ARG005
    return pages.wait()


def main() -> int:
    """:returns: Exit status of the command line."""
    parser = argparse.ArgumentParser(prog="python -m examples.flights.ui", description="Serve Dagster's web pages.")
    parser.add_argument("--port", type=int, default=FIRST_PORT, help="port to try first (default: %(default)s)")
    arguments = parser.parse_args()
    try:
        home = prepare_home()
        with only_one(home, "ui"):
            return serve(home, free_port(arguments.port))
    except BlockingIOError:
        print("the pages of this instance are served already; stop that program first", file=sys.stderr)
    except (EngineError, OSError) as error:
        print(error, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
