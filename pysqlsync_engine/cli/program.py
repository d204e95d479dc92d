"""The command `pysqlsync`: its subcommands, and what becomes of errors."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

import click

from pysqlsync_engine.cli.difference import diff_command
from pysqlsync_engine.cli.discovery import discover_command
from pysqlsync_engine.cli.failures import describe
from pysqlsync_engine.cli.migration import apply_command, plan_command
from pysqlsync_engine.cli.rows import load_command
from pysqlsync_engine.cli.script import create_command

DISTRIBUTION = "pysqlsync-dagster"
FAILED = 1
INTERRUPTED = 130


def installed_version() -> str:
    """:returns: Version of the distribution; `unknown` in a checkout that is not installed."""
    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:
        return "unknown"


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--verbose", is_flag=True, help="Show where in the program an error came from.")
@click.version_option(installed_version(), message="%(version)s")
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


for command in (create_command, discover_command, plan_command, apply_command, diff_command, load_command):
    pysqlsync.add_command(command)


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
