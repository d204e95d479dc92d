"""`pysqlsync plan` and `pysqlsync apply`: a database becomes what the classes of modules describe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pysqlsync_engine.cli.connection import engine_of, wait
from pysqlsync_engine.cli.dsn import Target
from pysqlsync_engine.cli.options import (
    class_options,
    database_options,
    online_option,
    policy_options,
    read_classes,
    read_database,
    read_policy,
)
from pysqlsync_engine.cli.schemas import apply_plan, plan_modules
from pysqlsync_engine.cli.terminal import confirm, write_text
from pysqlsync_engine.migration.plan import Plan
from pysqlsync_engine.options import GeneratorOptions, SyncPolicy

DIFFERENT = 2
"""Exit code of a command that was to tell whether there are differences, if there are some."""

plan_formats = click.option(
    "--format",
    "form",
    type=click.Choice(["sql", "json"]),
    default="sql",
    show_default=True,
    help="SQL to read, or JSON that `apply --plan` takes.",
)
output_option = click.option("-o", "--output", type=click.Path(path_type=Path), help="File to write.")


def write_plan(plan: Plan, form: str, output: Path | None) -> int:
    """:returns: Exit code: 2 if there is something to do."""
    text = plan.to_json() if form == "json" else str(plan)
    write_text(text, language=form, output=output)
    return 0 if plan.is_empty else DIFFERENT


@click.command("plan")
@click.argument("modules", nargs=-1, required=True, metavar="MODULE...")
@plan_formats
@output_option
@click.option(
    "--keep", multiple=True, metavar="PATTERN", help="Leave undeclared tables and types alone: public.legacy_*."
)
@online_option
@class_options
@database_options
def plan_command(
    modules: tuple[str, ...], *, form: str, output: Path | None, keep: tuple[str, ...], online: bool, **arguments: Any
) -> int:
    """
    Show how the database becomes what the classes of modules describe; nothing is changed.

    The exit code is 2 if there is something to do, and 0 if there is not.
    """
    loaded, options = read_classes(modules, arguments)
    plan = wait(plan_modules(read_database(arguments), options, loaded, SyncPolicy(keep=keep, online=online)))
    return write_plan(plan, form, output)


@click.command("apply")
@click.argument("modules", nargs=-1, metavar="MODULE...")
@click.option(
    "--plan", "plan_file", type=click.Path(path_type=Path), help="Plan to apply: what `plan --format json` wrote."
)
@click.option("-y", "--yes", is_flag=True, help="Do not ask for confirmation.")
@policy_options
@class_options
@database_options
def apply_command(modules: tuple[str, ...], *, plan_file: Path | None, yes: bool, **arguments: Any) -> int:
    """
    Bring the database to the state that the classes of modules describe, or carry out a plan that was made before.

    What is to be done is shown, and has to be confirmed. What destroys something is refused unless it is permitted. A plan is
    refused if the database has changed since it was made.
    """
    if bool(modules) == (plan_file is not None):
        raise click.UsageError("give either modules or --plan")
    target, policy = read_database(arguments), read_policy(arguments)
    loaded, options = read_classes(modules, arguments)
    if plan_file is None:
        plan = wait(plan_modules(target, options, loaded, policy))
    else:
        engine_of(target)
        plan = Plan.from_json(plan_file.read_text(encoding="utf-8"))
        if plan.dialect != target.dialect:
            raise click.UsageError(f"{plan_file}: the plan is for {plan.dialect}, the database is {target.dialect}")
    write_text(str(plan), language="sql", output=None)
    if plan.is_empty:
        return 0
    plan.require(policy)
    if not yes and not confirm(f"Apply {_steps(plan)} to {_place(target)}?"):
        raise click.Abort
    return _apply(target, options, plan, policy)


def _apply(target: Target, options: GeneratorOptions, plan: Plan, policy: SyncPolicy) -> int:
    report = wait(apply_plan(target, options, plan, policy))
    click.echo(f"applied {_steps(plan)} in {report.seconds:.2f} s", err=True)
    return 0


def _steps(plan: Plan) -> str:
    return f"{len(plan.steps)} step{'' if len(plan.steps) == 1 else 's'}"


def _place(target: Target) -> str:
    parameters = target.parameters
    return f"{target.dialect} database {parameters.database or 'of the user'} at {parameters.host}"
