"""What people see: colours and progress on a terminal, plain text everywhere else."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import click

STANDARD_STREAM = "-"


def write_text(text: str, *, language: str, output: Path | None) -> None:
    """
    Write a text to a file, or to the standard output stream.

    :param language: What colours follow from: `sql`, `json`, `python`.
    :param output: File to write, as a whole or not at all; `None` for the standard output stream.
    """
    if output is not None and str(output) != STANDARD_STREAM:
        temporary = output.with_name(f".{output.name}.new")
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(output)
    elif sys.stdout.isatty():
        # here, as most output goes elsewhere, and the library takes its time to be imported
        from rich.console import Console
        from rich.syntax import Syntax

        Console().print(Syntax(text.rstrip("\n"), language, background_color="default", word_wrap=True))
    else:
        click.echo(text, nl=not text.endswith("\n"))


def confirm(question: str) -> bool:
    """
    :returns: True if somebody says so on the terminal.
    :raises click.UsageError: if there is nobody to ask.
    """
    if not sys.stdin.isatty():
        raise click.UsageError("there is no terminal to confirm this on; use --yes")
    return click.confirm(question, err=True)


@contextmanager
def progress_bar(name: str, size: int | None) -> Generator[Callable[[int], None]]:
    """
    Show how far the reading of a file is, if the standard error stream is a terminal.

    :param size: Bytes of the file; `None` if it has no end that is known.
    :returns: Function to be told the bytes that have been read so far.
    """
    if not sys.stderr.isatty():
        yield lambda _position: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(name, total=size)

        def advance(position: int) -> None:
            progress.update(task, completed=position)

        yield advance
