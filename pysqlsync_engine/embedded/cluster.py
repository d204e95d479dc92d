"""Makes the cluster of an embedded server, and databases in it, with the programs that come with the server."""

from __future__ import annotations

import shutil

from pysqlsync_engine.embedded.binaries import Binaries, Origin, copy_binaries, find_binaries
from pysqlsync_engine.embedded.directory import ServerDirectory
from pysqlsync_engine.errors import EmbeddedServerError
from pysqlsync_engine.parameters import ConnectionParameters

USERNAME = "postgres"
MAINTENANCE_DATABASE = "postgres"
TAIL_LINES = 12
FIELD_SEPARATOR = "\x1f"


def choose_binaries(directory: ServerDirectory, *, prefer: Origin) -> Binaries:
    """
    Choose programs that fit the cluster if there is one, and that the account of the server can run.

    :raises EmbeddedServerError: if none fit.
    """
    binaries = find_binaries(prefer=prefer, major=directory.major())
    if directory.account.switch and not directory.account.can("-x", binaries.directory / "postgres"):
        binaries = copy_binaries(binaries, directory.binaries)
    return binaries


def make_cluster(directory: ServerDirectory, binaries: Binaries) -> None:
    """
    Make the data directory, unless it is there. A directory that was left half-made is made anew.

    :raises EmbeddedServerError: with what `initdb` said, if it failed.
    """
    directory.remove_incomplete_data()
    if directory.major() is not None:
        return
    password = directory.password()
    incomplete = directory.make_incomplete_data()
    result = directory.account.run(
        [
            binaries.program("initdb"),
            f"--pgdata={incomplete}",
            f"--username={USERNAME}",
            "--auth=scram-sha-256",
            "--pwfile=/dev/stdin",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-instructions",
        ],
        text=password,
    )
    if result.returncode != 0:
        shutil.rmtree(incomplete, ignore_errors=True)
        raise EmbeddedServerError(
            f"{directory.path}: initdb failed; mend what it names and try again:\n{tail(result.stderr)}"
        )
    incomplete.rename(directory.data)


def make_database(directory: ServerDirectory, binaries: Binaries, parameters: ConnectionParameters) -> None:
    """
    Create the database of the parameters, unless it is there.

    :raises EmbeddedServerError: with what the server said, if it refused.
    """
    name = parameters.database or MAINTENANCE_DATABASE
    if name in list_databases(directory, binaries, parameters):
        return
    command = [binaries.program("createdb"), "--template=template0", "--encoding=UTF8", "--", name]
    result = directory.account.run(command, environment=_environment(parameters))
    if result.returncode != 0:
        raise EmbeddedServerError(f"{directory.path}: database {name!r}: cannot be created:\n{tail(result.stderr)}")


def list_databases(directory: ServerDirectory, binaries: Binaries, parameters: ConnectionParameters) -> list[str]:
    """
    Ask the server, which shows at the same time that it answers to our password.

    :raises EmbeddedServerError: if it does not answer.
    """
    command = [binaries.program("psql"), "--no-psqlrc", "--list", "--no-align", "--tuples-only"]
    command += [f"--field-separator={FIELD_SEPARATOR}", "--record-separator-zero"]
    result = directory.account.run(command, environment=_environment(parameters))
    if result.returncode != 0:
        raise EmbeddedServerError(
            f"{directory.path}: the server does not answer; see {directory.log}:\n{tail(result.stderr)}"
        )
    return [record.partition(FIELD_SEPARATOR)[0] for record in result.stdout.split("\0")]


def tail(text: str) -> str:
    """:returns: The last lines of what a program said."""
    return "\n".join(text.strip().splitlines()[-TAIL_LINES:])


def _environment(parameters: ConnectionParameters) -> dict[str, str]:
    return {
        "PGHOST": parameters.host,
        "PGPORT": str(parameters.port),
        "PGUSER": parameters.username or USERNAME,
        "PGPASSWORD": parameters.password or "",
        "PGDATABASE": MAINTENANCE_DATABASE,
        "PGCONNECT_TIMEOUT": "30",
        "PGSSLMODE": "disable",
        "PGGSSENCMODE": "disable",
    }
