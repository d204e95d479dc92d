"""Options of `pysqlsync load` that say what becomes of rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from pysqlsync_engine.data.load_options import History, LoadMode, LoadOptions, OnDuplicate, OnError, Watermark

Command = TypeVar("Command", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--mode",
        type=click.Choice([mode.value for mode in LoadMode]),
        default=LoadMode.INSERT.value,
        show_default=True,
        help="What becomes of the rows.",
    ),
    click.option("--only-changed", is_flag=True, help="Leave rows alone that have the values of the file already."),
    click.option(
        "--on-duplicate",
        type=click.Choice([choice.value for choice in OnDuplicate]),
        default=OnDuplicate.LAST.value,
        show_default=True,
        help="Which row of a key is stored if there are several.",
    ),
    click.option("--version-column", metavar="NAME", help="Column that tells which row is newer; for highest."),
    click.option(
        "--on-error",
        type=click.Choice([choice.value for choice in OnError]),
        default=OnError.FAIL.value,
        show_default=True,
        help="Store nothing if a row cannot be stored, or set it aside in the table <table>__rejected.",
    ),
    click.option("--max-rejects", type=click.IntRange(min=0), metavar="N", help="Store nothing if more are set aside."),
    click.option(
        "--partition-per-file", is_flag=True, help="Forget what an earlier load of the same file has set aside."
    ),
    click.option(
        "--stub",
        "stubs",
        multiple=True,
        metavar="COLUMN",
        help="Add missing rows that this column refers to; can be repeated.",
    ),
    click.option("--stream", metavar="NAME", help="Name under which the database records what has been loaded."),
    click.option("--batch", metavar="NAME", help="Name of these rows in the stream; they are loaded once only."),
    click.option("--batch-per-file", is_flag=True, help="Record each file as a batch of the stream, by its name."),
    click.option("--watermark", metavar="NAME", help="Column whose highest value is recorded with the stream."),
    click.option("--deleted-at", metavar="NAME", help="Column that marks rows as deleted; for mirror."),
    click.option("--valid-from", metavar="NAME", default="valid_from", show_default=True, help="Column of history."),
    click.option("--valid-to", metavar="NAME", default="valid_to", show_default=True, help="Column of history."),
    click.option("--current", metavar="NAME", help="Column that marks the version in force; for history."),
    click.option("--allow-empty", is_flag=True, help="Let an empty file empty the table, for replace and mirror."),
)


def storing_options(command: Command) -> Command:
    """Let a command be told what becomes of rows."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def read_load_options(arguments: Mapping[str, Any], *, file_name: str, redact_values: bool) -> LoadOptions:
    """
    :param file_name: Name of the file, for its batch.
    :returns: What the options of a command say of the rows of a file.
    :raises click.UsageError: if two do not go together.
    """
    mode, stream, watermark = LoadMode(arguments["mode"]), arguments["stream"], arguments["watermark"]
    for name in ("watermark", "batch", "batch_per_file"):
        if arguments[name] and stream is None:
            raise click.UsageError(f"--{name.replace('_', '-')} needs --stream NAME")
    if (arguments["on_duplicate"] == OnDuplicate.HIGHEST.value) != (arguments["version_column"] is not None):
        raise click.UsageError(f"--on-duplicate {OnDuplicate.HIGHEST.value} and --version-column go together")
    is_batch = arguments["batch"] is not None or arguments["batch_per_file"]
    if arguments["partition_per_file"] and (arguments["on_error"] != OnError.QUARANTINE.value or is_batch):
        raise click.UsageError(
            f"--partition-per-file goes with --on-error {OnError.QUARANTINE.value}, and without batches"
        )
    history = History(arguments["valid_from"], arguments["valid_to"], arguments["current"])
    return LoadOptions(
        mode,
        only_changed=arguments["only_changed"],
        on_duplicate=OnDuplicate(arguments["on_duplicate"]),
        version=arguments["version_column"],
        on_error=OnError(arguments["on_error"]),
        max_rejects=arguments["max_rejects"],
        deleted_at=arguments["deleted_at"],
        history=history if mode is LoadMode.HISTORY else None,
        watermark=None if watermark is None else Watermark(stream, watermark),
        stream=stream,
        batch=file_name if arguments["batch_per_file"] else arguments["batch"],
        partition=file_name if arguments["partition_per_file"] else None,
        stubs=arguments["stubs"],
        allow_empty=arguments["allow_empty"],
        redact_values=redact_values,
    )
