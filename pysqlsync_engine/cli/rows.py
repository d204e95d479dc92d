"""`pysqlsync load`: the rows of files go into the table of a class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from pysqlsync_engine.cli.connection import engine_of, load_rows, wait, watched
from pysqlsync_engine.cli.formats import FORMATS, Input, format_of, open_source
from pysqlsync_engine.cli.load_options import read_load_options, storing_options
from pysqlsync_engine.cli.modules import load_class
from pysqlsync_engine.cli.options import class_options, database_options, read_classes, read_database
from pysqlsync_engine.cli.terminal import STANDARD_STREAM, progress_bar
from pysqlsync_engine.data.load_options import LoadMode
from pysqlsync_engine.data.load_report import LoadReport, Speed
from pysqlsync_engine.streams import StreamJob

_COUNTED: Mapping[LoadMode, tuple[str, ...]] = {
    LoadMode.INSERT: ("inserted",),
    LoadMode.UPSERT: ("inserted", "updated"),
    LoadMode.DELETE: ("deleted",),
    LoadMode.REPLACE: ("inserted", "deleted"),
    LoadMode.MIRROR: ("inserted", "updated", "deleted"),
    LoadMode.HISTORY: ("inserted", "updated"),
}
"""What is told even if there is none."""

_SPEEDS = {
    Speed.BYTES: "text as it is",
    Speed.ARROW: "columns as text",
    Speed.TUPLES: "values",
}


@click.command("load")
@click.argument("class_name", metavar="MODULE:CLASS")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@storing_options
@click.option("--format", "form", type=click.Choice(FORMATS), help="Of the files, where their names do not tell.")
@click.option("--columns", metavar="NAME,...", help="Columns to load; those of the file if not given.")
@click.option("--ignore-unknown", is_flag=True, help="Leave out what is in the file but not in the class.")
@click.option("--null", "nulls", multiple=True, default=("",), help="Spelling of NULL in CSV; empty if not given.")
@click.option("--delimiter", default=",", show_default=True, help="Of CSV.")
@click.option(
    "--connections", type=click.IntRange(min=1), default=2, show_default=True, help="How many files to load at a time."
)
@click.option("--redact-values", is_flag=True, help="Show no values of rows in messages.")
@class_options
@database_options
def load_command(class_name: str, files: Sequence[Path], *, redact_values: bool, **arguments: Any) -> int:
    """
    Load the rows of each FILE into the table of a class, such as shop:Customer; `-` is the standard input stream, and a directory
    stands for the files in it.

    The formats are csv, tsv, jsonl and parquet, the first three also packed (.gz, .zst). The table must exist. The rows of a file
    are stored as a whole, or not at all.
    """
    cls = load_class(class_name)
    _, options = read_classes([class_name.rpartition(":")[0]], arguments, redact_values=redact_values)
    target = read_database(arguments)
    inputs = [_input(file, arguments, redact_values=redact_values) for file in _expand(files)]
    if len(inputs) > 1:
        _check_several(inputs, arguments)
    table = engine_of(target).get_table(cls, options)
    jobs = [
        StreamJob(
            given.name,
            table,
            open_source(given, cls, table, LoadMode(arguments["mode"]), arguments["columns"]),
            read_load_options(arguments, file_name=given.file.name, redact_values=redact_values),
        )
        for given in inputs
    ]
    title = inputs[0].file.name if len(inputs) == 1 else f"{len(inputs)} files"
    with progress_bar(title, _total(inputs)) as advance:
        task = load_rows(target, options, cls, jobs, arguments["connections"])
        reports = wait(watched(task, lambda: advance(sum(given.position() for given in inputs))))
    for job, report in zip(jobs, reports, strict=True):
        click.echo(_summary(report, None if len(jobs) == 1 else job.name))
    return 0


def _expand(files: Sequence[Path]) -> list[Path]:
    """:returns: The files, with those of directories in place of these."""
    found: list[Path] = []
    for file in files:
        if not file.is_dir():
            found.append(file)
            continue
        inside = sorted(path for path in file.iterdir() if path.is_file() and not path.name.startswith("."))
        if not inside:
            raise click.UsageError(f"{file}: there are no files in it")
        found += inside
    return found


def _input(file: Path, arguments: Mapping[str, Any], *, redact_values: bool) -> Input:
    if str(file) == STANDARD_STREAM and arguments["form"] is None:
        raise click.UsageError("--format must tell what the standard input stream holds")
    return Input(
        file=file,
        form=arguments["form"] or format_of(file),
        nulls=arguments["nulls"],
        delimiter=arguments["delimiter"],
        ignore_unknown=arguments["ignore_unknown"],
        redact_values=redact_values,
    )


def _check_several(inputs: Sequence[Input], arguments: Mapping[str, Any]) -> None:
    """:raises click.UsageError: if the files cannot be loaded each for itself."""
    if LoadMode(arguments["mode"]).replaces_all:
        raise click.UsageError(f"--mode {arguments['mode']} takes one file: each would delete the rows of the others")
    if arguments["batch"] is not None:
        raise click.UsageError("--batch takes one file; use --batch-per-file")
    names = [given.name for given in inputs]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise click.UsageError(f"{repeated[0]}: named twice")


def _total(inputs: Sequence[Input]) -> int | None:
    """:returns: Bytes of all files; `None` if one of them has no end that is known."""
    sizes = [size for given in inputs if (size := given.size()) is not None]
    return sum(sizes) if len(sizes) == len(inputs) else None


def _summary(report: LoadReport, file: str | None) -> str:
    place = report.table if file is None else f"{report.table}, {file}"
    if report.repeated:
        return f"{place}: loaded before; nothing to do"
    rows = f"{report.rows:,} row{'' if report.rows == 1 else 's'} read"
    names = ("inserted", "updated", "unchanged", "deleted", "superseded", "rejected", "stubbed")
    counts = [(name, getattr(report.counts, name)) for name in names]
    told = [f"{count:,} {name}" for name, count in counts if count or name in _COUNTED[report.mode]]
    rate = f"({report.rows_per_second:,.0f} rows per second, {_SPEEDS[report.speed]})"
    line = f"{place}: {rows}, {', '.join(told)} in {report.seconds:.2f} s {rate}"
    return "\n".join([line, *(f"note: {note}" for note in report.notes)])
