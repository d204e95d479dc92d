"""`pysqlsync create`: the script that creates the tables of classes, without a server."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import click

from pysqlsync_engine.cli.options import class_options, read_classes
from pysqlsync_engine.cli.terminal import write_text
from pysqlsync_engine.described import select_classes
from pysqlsync_engine.factory import get_dialect, known_dialects


@click.command("create")
@click.argument("modules", nargs=-1, required=True, metavar="MODULE...")
@click.option("--dialect", required=True, type=click.Choice(known_dialects()), help="What kind of server it is for.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="File to write.")
@class_options
def create_command(modules: tuple[str, ...], *, dialect: str, output: Path | None, **arguments: Any) -> int:
    """Write the script that creates the tables of modules in an empty database; no server is asked."""
    loaded, options = read_classes(modules, arguments)
    generator = get_dialect(dialect).create_generator(options)
    # domains are no classes, but are formed like them
    script = generator.create(tables=cast("Sequence[type]", select_classes(None, None, loaded)))
    write_text(script, language="sql", output=output)
    return 0
