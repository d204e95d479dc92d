"""The command `pysqlsync`: its subcommands, and what becomes of errors."""

from __future__ import annotations

import gc
import traceback
from collections.abc import Mapping, Sequence
from importlib import import_module

import click

from pysqlsync_engine.cli.failures import describe

DISTRIBUTION = "pysqlsync-dagster"
FAILED = 1
INTERRUPTED = 130

COMMANDS: Mapping[str, str] = {
    "apply": "migration",
    "create": "script",
    "diff": "difference",
    "discover": "discovery",
    "load": "rows",
    "plan": "migration",
}
"""Modules of the subcommands; each has a function that is called `load_command` for `load`."""


class Commands(click.Group):
    """Subcommands that are imported when they are asked for, as a program that is short is one that starts at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """:returns: Names of all subcommands, for the help."""
        del ctx
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """:returns: The subcommand; `None` if there is none of this name."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(
            import_module(f"pysqlsync_engine.cli.{COMMANDS[cmd_name]}"), f"{cmd_name}_command"
        )
        if not gc.isenabled():
            gc.freeze()
            gc.enable()
        return command


def print_version(context: click.Context, _parameter: click.Parameter, is_asked: bool) -> None:  # noqa: FBT001 - as click calls it
    """Print the version of the distribution; `unknown` in a checkout that is not installed."""
    if not is_asked or context.resilient_parsing:
        return
    from importlib.metadata import PackageNotFoundError, version

    try:
        click.echo(version(DISTRIBUTION))
    except PackageNotFoundError:
        click.echo("unknown")
    context.exit()


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--verbose", is_flag=True, help="Show where in the program an error came from.")
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=print_version,
    help="Show the version and exit.",
)
@click.pass_context
def pysqlsync(context: click.Context, *, verbose: bool) -> None:
    """
    Keep databases in step with data-classes.

    The database is told by the environment variable PYSQLSYNC_DSN, as postgresql://user:password@host:port/database?sslmode=require,
    mysql://... or mariadb://..., or by one of the options --dsn, --dsn-env and --dsn-file. The password may be in PYSQLSYNC_PASSWORD
    instead.

    The exit code is 1 on errors; `plan` and `diff` return 2 if there are differences.
    """
    context.obj = verbose


def run(arguments: Sequence[str]) -> int:
    """:returns: Exit code; what went wrong is told in a line on the standard error stream."""
    verbose = "--verbose" in arguments
    try:
        result: object = pysqlsync.main(list(arguments), prog_name="pysqlsync", standalone_mode=False)
    except click.ClickException as error:
        # by itself, click would return 2 for a wrong option, which means something else here
        error.show()
        return FAILED
    except (click.Abort, KeyboardInterrupt):
        click.echo("pysqlsync: interrupted", err=True)
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - whatever it is, a person gets to read a line, and the exit code is right
        if verbose:
            traceback.print_exception(error)
        click.echo(f"pysqlsync: {describe(error)}", err=True)
        return FAILED
    return result if isinstance(result, int) else 0
