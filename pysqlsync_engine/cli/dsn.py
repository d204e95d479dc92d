"""Where the database is and how to log in, told in one line: `postgresql://user:password@host:port/database?sslmode=require`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

import click

from pysqlsync_engine.parameters import ConnectionParameters, SSLMode

DSN_VARIABLE = "PYSQLSYNC_DSN"
PASSWORD_VARIABLE = "PYSQLSYNC_PASSWORD"  # noqa: S105 - the name of a variable

SCHEMES: Mapping[str, str] = {
    "postgresql": "postgresql",
    "postgres": "postgresql",
    "mysql": "mysql",
    "mariadb": "mysql",
}
"""Dialect by the scheme of a DSN."""


@dataclass(frozen=True, slots=True)
class Target:
    """A database, with the dialect that it speaks."""

    dialect: str
    parameters: ConnectionParameters


def parse_dsn(text: str, place: str) -> Target:
    """
    :param place: Where the text is from, for messages, which never show any of it but names of parameters.
    :raises click.UsageError: if it is no DSN.
    """
    try:
        parts = urlsplit(text.strip())
        port = parts.port
    except ValueError:
        raise _wrong(
            place, "the port is no number; in names and passwords, write / : @ # ? as %2F %3A %40 %23 %3F"
        ) from None
    dialect = SCHEMES.get(parts.scheme)
    if dialect is None:
        known = ", ".join(f"{scheme}://" for scheme in SCHEMES)
        raise _wrong(place, f"expected a DSN that begins with one of {known}")
    if parts.fragment:
        raise _wrong(place, "there is a # in it; write it as %23")
    return Target(dialect, _parameters(parts, port, place))


def read_target(
    *, dsn: str | None, dsn_env: str | None, dsn_file: Path | None, ask_password: bool, environment: Mapping[str, str]
) -> Target:
    """
    :param dsn: Given on the command line.
    :param dsn_env: Name of a variable that has it.
    :param dsn_file: File that has it.
    :param ask_password: True to ask for the password on the terminal.
    :raises click.UsageError: if it is not given, or given twice.
    """
    if sum(each is not None for each in (dsn, dsn_env, dsn_file)) > 1:
        raise click.UsageError("give only one of --dsn, --dsn-env and --dsn-file")
    if dsn is not None:
        target = parse_dsn(dsn, "--dsn")
        if target.parameters.password is not None:
            click.echo(
                "pysqlsync: warning: others on this machine can see a password on the command line; put it into"
                f" {PASSWORD_VARIABLE} or {DSN_VARIABLE}, or use --dsn-file",
                err=True,
            )
    elif dsn_file is not None:
        target = parse_dsn(dsn_file.read_text(), str(dsn_file))
    else:
        variable = dsn_env or DSN_VARIABLE
        if variable not in environment:
            raise click.UsageError(f"no database: {variable} is not set; set it, or use --dsn, --dsn-env or --dsn-file")
        target = parse_dsn(environment[variable], variable)
    return _with_password(target, ask=ask_password, environment=environment)


def read_named_target(name: str, environment: Mapping[str, str]) -> Target:
    """
    :param name: `env:VARIABLE`, `file:PATH`, or a DSN.
    :returns: The database that an argument names, where a command needs more than one.
    """
    kind, _, rest = name.partition(":")
    if kind == "env":
        target = read_target(dsn=None, dsn_env=rest, dsn_file=None, ask_password=False, environment=environment)
    elif kind == "file":
        target = read_target(dsn=None, dsn_env=None, dsn_file=Path(rest), ask_password=False, environment=environment)
    else:
        target = read_target(dsn=name, dsn_env=None, dsn_file=None, ask_password=False, environment=environment)
    return target


def _with_password(target: Target, *, ask: bool, environment: Mapping[str, str]) -> Target:
    parameters = target.parameters
    if ask:
        parameters = replace(parameters, password=click.prompt("Password", hide_input=True, err=True))
    elif parameters.password is None and PASSWORD_VARIABLE in environment:
        parameters = replace(parameters, password=environment[PASSWORD_VARIABLE])
    return Target(target.dialect, parameters)


def _parameters(parts: SplitResult, port: int | None, place: str) -> ConnectionParameters:
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    host = options.pop("host", None) or unquote(parts.hostname or "localhost")
    mode = options.pop("sslmode", None)
    timeout, command_timeout = options.pop("connect_timeout", None), options.pop("command_timeout", None)
    if options:
        raise _wrong(
            place,
            f"unknown parameter {', '.join(sorted(options))}; known: command_timeout, connect_timeout, host, sslmode",
        )
    parameters = ConnectionParameters(
        host=host,
        port=port,
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password is not None else None,
        database=unquote(parts.path.removeprefix("/")) or None,
        ssl=None if mode is None else _ssl_mode(mode, place),
    )
    if timeout is not None:
        parameters = replace(parameters, connect_timeout_s=_seconds(timeout, place))
    if command_timeout is not None:
        parameters = replace(parameters, command_timeout_s=_seconds(command_timeout, place))
    return parameters


def _ssl_mode(text: str, place: str) -> SSLMode:
    try:
        return SSLMode(text)
    except ValueError:
        raise _wrong(place, f"sslmode must be one of {', '.join(mode.value for mode in SSLMode)}") from None


def _seconds(text: str, place: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise _wrong(place, "a time-out must be a number of seconds above 0")
    return seconds


def _wrong(place: str, reason: str) -> click.UsageError:
    return click.UsageError(f"{place}: {reason}")


def environment() -> Mapping[str, str]:
    """:returns: The environment of the process."""
    return os.environ
