"""`pysqlsync diff`: what makes one database like another, or like the classes of a module."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pysqlsync_engine.cli.connection import wait
from pysqlsync_engine.cli.dsn import environment, read_named_target
from pysqlsync_engine.cli.migration import output_option, plan_formats, write_plan
from pysqlsync_engine.cli.options import class_options, read_classes
from pysqlsync_engine.cli.schemas import plan_classes_to_database, plan_databases, plan_modules
from pysqlsync_engine.migration.plan import Plan
from pysqlsync_engine.options import SyncPolicy

MODULE_PREFIX = "module:"


@click.command("diff")
@click.option("--from", "source", required=True, metavar="STATE", help="What there is.")
@click.option("--to", "target", required=True, metavar="STATE", help="What it is to become.")
@click.option("--only", multiple=True, metavar="NAMESPACE", help="Between databases, compare these namespaces only.")
@click.option("--keep", multiple=True, metavar="PATTERN", help="Leave tables and types alone that only --from has.")
@plan_formats
@output_option
@class_options
def diff_command(
    *,
    source: str,
    target: str,
    only: tuple[str, ...],
    keep: tuple[str, ...],
    form: str,
    output: Path | None,
    **arguments: Any,
) -> int:
    """
    Show what makes one state of a schema another; nothing is changed.

    A STATE is a database, as env:VARIABLE, file:PATH (either has the DSN), or a DSN; or the classes of a module, as module:NAME. The
    exit code is 2 if the two differ, and 0 if they do not.
    """
    return write_plan(_plan(source, target, only, keep, arguments), form, output)


def _plan(source: str, target: str, only: tuple[str, ...], keep: tuple[str, ...], arguments: dict[str, Any]) -> Plan:
    names = [each.removeprefix(MODULE_PREFIX) for each in (source, target) if each.startswith(MODULE_PREFIX)]
    loaded, options = read_classes(names, arguments)
    if len(names) == 2:
        raise click.UsageError("one of --from and --to must be a database")
    if not names:
        first, second = (read_named_target(each, environment()) for each in (source, target))
        if first.dialect != second.dialect:
            raise click.UsageError(f"cannot compare {first.dialect} with {second.dialect}")
        return wait(plan_databases(first, second, only or None, keep))
    if only:
        raise click.UsageError("--only is for two databases; of a module, its own namespaces are compared")
    if target.startswith(MODULE_PREFIX):
        return wait(plan_modules(read_named_target(source, environment()), options, loaded, SyncPolicy(keep=keep)))
    return wait(plan_classes_to_database(options, loaded, read_named_target(target, environment()), keep))
