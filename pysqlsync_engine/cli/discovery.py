"""`pysqlsync discover`: a database as modules of data-classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import click

from pysqlsync_engine.cli.connection import wait
from pysqlsync_engine.cli.options import database_options, read_database
from pysqlsync_engine.cli.schemas import discover
from pysqlsync_engine.cli.terminal import write_text
from pysqlsync_engine.discovery.python_source import write_modules
from pysqlsync_engine.model.object_types import Catalog, Namespace

DEFAULT_MODULE = "tables"
"""Name of the module where neither a file nor a namespace gives one."""


@click.command("discover")
@click.option("--only", multiple=True, metavar="NAMESPACE", help="Namespace to discover; all if none is given.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="File to write, for a single namespace.")
@click.option("-d", "--directory", type=click.Path(path_type=Path), help="Where to write a file for each namespace.")
@click.option(
    "--class-names",
    type=click.Choice(["camel", "verbatim"]),
    default="camel",
    show_default=True,
    help="How classes are called: OrderItems, or as their tables are.",
)
@database_options
def discover_command(
    *,
    only: tuple[str, ...],
    output: Path | None,
    directory: Path | None,
    class_names: Literal["camel", "verbatim"],
    **arguments: Any,
) -> int:
    """Write the data-classes that describe a database; what they cannot say is told, and left alone by other commands."""
    if output is not None and directory is not None:
        raise click.UsageError("give only one of --output and --directory")
    catalog = wait(discover(read_database(arguments), only or None))
    modules = _modules(catalog, output, directory)
    sources = write_modules(catalog, modules=modules, class_names=class_names)
    for source, name in ((source, f"{module}.py") for module, source in sources.items()):
        if directory is not None:
            directory.mkdir(parents=True, exist_ok=True)
        write_text(source, language="python", output=output if directory is None else directory / name)
    _tell(catalog, modules, is_file=output is not None or directory is not None)
    return 0


def _modules(catalog: Catalog, output: Path | None, directory: Path | None) -> dict[str, str]:
    """:returns: Name of the module for each namespace that has something in it."""
    filled = [namespace.name.name for namespace in catalog.namespaces if _is_filled(namespace)]
    if directory is not None:
        return {name: _module_name(name) for name in filled}
    if len(filled) > 1:
        raise click.UsageError(
            f"namespaces {', '.join(filled)} have something in them; use --directory, or choose one with --only"
        )
    name = "".join(filled)
    return {name: _module_name(name) if output is None else output.stem}


def _module_name(namespace: str) -> str:
    return namespace if namespace.isidentifier() else DEFAULT_MODULE if not namespace else _identifier(namespace)


def _identifier(text: str) -> str:
    name = "".join(letter if f"_{letter}".isidentifier() else "_" for letter in text)
    return name if name.isidentifier() else f"_{name}"


def _is_filled(namespace: Namespace) -> bool:
    return bool(namespace.tables or namespace.enums or namespace.structs or namespace.domains)


def _tell(catalog: Catalog, modules: dict[str, str], *, is_file: bool) -> None:
    """Tell what the modules lack, and how other commands take them."""
    for each in catalog.unmanaged:
        click.echo(f"pysqlsync: not described: {each}", err=True)
    if is_file:
        switches = " ".join(f"--namespace {module}={name}" for name, module in modules.items())
        click.echo(f"pysqlsync: use the modules with {switches}", err=True)
