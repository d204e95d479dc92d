"""Options that several commands have, and what they mean to the engine."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import click

from pysqlsync_engine.cli.dsn import DSN_VARIABLE, Target, environment, read_target
from pysqlsync_engine.cli.failures import switch
from pysqlsync_engine.cli.modules import load_module, load_namespaces, split_assignments
from pysqlsync_engine.options import ArrayMode, EnumMode, GeneratorOptions, Hazard, StructMode, SyncPolicy

Command = TypeVar("Command", bound=Callable[..., Any])
Member = TypeVar("Member", bound=enum.Enum)

PERMITTED = (*(hazard for hazard in Hazard if hazard.is_destructive), Hazard.BLOCKS_WRITES)
"""Hazards that a policy may have to permit; that of blocking others only for `--online`."""

online_option = click.option("--online", is_flag=True, help="Let others read and write meanwhile, as far as possible.")


def _choice(members: Sequence[enum.Enum]) -> click.Choice[str]:
    return click.Choice([switch(member.name) for member in members])


def member(kind: type[Member], name: str | None) -> Member | None:
    """:returns: The member of an enumeration that an option names; `None` if it is not given."""
    return None if name is None else kind[name.upper().replace("-", "_")]


def database_options(command: Command) -> Command:
    """Let a command be told a database."""
    for option in reversed(
        [
            click.option("--dsn", metavar="DSN", help="Where the database is; do not put a password here."),
            click.option("--dsn-env", metavar="NAME", help=f"Variable that has the DSN, in place of {DSN_VARIABLE}."),
            click.option("--dsn-file", type=click.Path(path_type=Path), help="File that has the DSN."),
            click.option("-W", "--ask-password", is_flag=True, help="Ask for the password."),
        ]
    ):
        command = option(command)
    return command


def class_options(command: Command) -> Command:
    """Let a command be told how classes become tables."""
    for option in reversed(
        [
            click.option(
                "--namespace",
                "namespaces",
                multiple=True,
                metavar="MODULE=NAME",
                help="Namespace for the tables of a module; without a name, the default one of the database.",
            ),
            click.option("--enum-mode", type=_choice(tuple(EnumMode)), help="How enumerations are stored."),
            click.option(
                "--struct-mode", type=_choice(tuple(StructMode)), help="How classes without a key are stored."
            ),
            click.option("--array-mode", type=_choice(tuple(ArrayMode)), help="How lists are stored."),
        ]
    ):
        command = option(command)
    return command


def policy_options(command: Command) -> Command:
    """Let a command be told what may be destroyed."""
    for option in reversed(
        [
            click.option(
                "--keep",
                multiple=True,
                metavar="PATTERN",
                help="Leave undeclared tables and types alone: public.legacy_*.",
            ),
            click.option("--allow", multiple=True, type=_choice(PERMITTED), help="Permit what destroys something."),
            click.option(
                "--allow-drop",
                multiple=True,
                metavar="KIND=PATTERN",
                help="Permit to drop tables, columns, ... of a name: table=public.old_*.",
            ),
            online_option,
            click.option(
                "--verify-on-clone", is_flag=True, help="Try the plan on a scratch database first; it has no rows."
            ),
            click.option(
                "--lock-timeout", type=float, default=5.0, show_default=True, help="Seconds to wait for a lock."
            ),
        ]
    ):
        command = option(command)
    return command


def read_database(arguments: Mapping[str, Any]) -> Target:
    """:returns: The database that the options of a command name."""
    return read_target(
        dsn=arguments["dsn"],
        dsn_env=arguments["dsn_env"],
        dsn_file=arguments["dsn_file"],
        ask_password=arguments["ask_password"],
        environment=environment(),
    )


def read_classes(
    names: Sequence[str], arguments: Mapping[str, Any], *, redact_values: bool = False
) -> tuple[list[ModuleType], GeneratorOptions]:
    """:returns: The modules that a command names, and how their classes become tables."""
    modules = {name: load_module(name) for name in names}
    by_name = modules | {module.__name__: module for module in modules.values()}
    options = GeneratorOptions(
        enum_mode=member(EnumMode, arguments["enum_mode"]),
        struct_mode=member(StructMode, arguments["struct_mode"]),
        array_mode=member(ArrayMode, arguments["array_mode"]),
        namespaces=load_namespaces(arguments["namespaces"], by_name),
        redact_values=redact_values,
    )
    return list(modules.values()), options


def read_policy(arguments: Mapping[str, Any]) -> SyncPolicy:
    """:returns: What the options of a command permit."""
    allowed: dict[str, list[str]] = {}
    for each in arguments["allow_drop"]:
        ((kind, pattern),) = split_assignments([each], "--allow-drop").items()
        allowed.setdefault(kind, []).append(pattern)
    hazards = [member(Hazard, name) for name in arguments["allow"]]
    return SyncPolicy(
        allow=frozenset(hazard for hazard in hazards if hazard is not None),
        keep=tuple(arguments["keep"]),
        lock_timeout_s=arguments["lock_timeout"],
        allow_drop=allowed,
        online=arguments["online"],
        verify_on_clone=arguments["verify_on_clone"],
    )
