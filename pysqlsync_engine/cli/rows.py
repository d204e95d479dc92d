"""`pysqlsync load`: the rows of a file go into the table of a class."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pysqlsync_engine.cli.connection import engine_of, load_rows, wait, watched
from pysqlsync_engine.cli.formats import FORMATS, Input, format_of, open_source
from pysqlsync_engine.cli.modules import load_class
from pysqlsync_engine.cli.options import class_options, database_options, read_classes, read_database
from pysqlsync_engine.cli.terminal import STANDARD_STREAM, progress_bar
from pysqlsync_engine.data.load_options import LoadMode
from pysqlsync_engine.data.load_report import LoadReport

_DONE = {LoadMode.INSERT: "inserted", LoadMode.UPSERT: "inserted or updated", LoadMode.DELETE: "deleted"}


@click.command("load")
@click.argument("class_name", metavar="MODULE:CLASS")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--mode",
    type=click.Choice([mode.value for mode in LoadMode]),
    default=LoadMode.INSERT.value,
    show_default=True,
    help="What becomes of the rows.",
)
@click.option("--format", "form", type=click.Choice(FORMATS), help="Of the file, where its name does not tell.")
@click.option("--columns", metavar="NAME,...", help="Columns to load; those of the file if not given.")
@click.option("--ignore-unknown", is_flag=True, help="Leave out what is in the file but not in the class.")
@click.option("--null", "nulls", multiple=True, default=("",), help="Spelling of NULL in CSV; empty if not given.")
@click.option("--delimiter", default=",", show_default=True, help="Of CSV.")
@click.option("--redact-values", is_flag=True, help="Show no values of rows in messages.")
@class_options
@database_options
def load_command(
    class_name: str, file: Path, *, mode: str, form: str | None, redact_values: bool, **arguments: Any
) -> int:
    """
    Load the rows of FILE into the table of a class, such as shop:Customer; `-` is the standard input stream.

    The formats are csv, tsv, jsonl and parquet, the first three also packed (.gz). The table must exist. The rows are stored as a
    whole, or not at all.
    """
    cls = load_class(class_name)
    _, options = read_classes([class_name.rpartition(":")[0]], arguments, redact_values=redact_values)
    target = read_database(arguments)
    if str(file) == STANDARD_STREAM and form is None:
        raise click.UsageError("--format must tell what the standard input stream holds")
    given = Input(
        file=file,
        form=form or format_of(file),
        nulls=arguments["nulls"],
        delimiter=arguments["delimiter"],
        ignore_unknown=arguments["ignore_unknown"],
        redact_values=redact_values,
    )
    load_mode = LoadMode(mode)
    table = engine_of(target).get_table(cls, options)
    source = open_source(given, cls, table, load_mode, arguments["columns"])
    with progress_bar(file.name, given.size()) as advance:
        task = load_rows(target, options, cls, source, load_mode)
        report = wait(watched(task, lambda: advance(given.position())))
    click.echo(_summary(report))
    return 0


def _summary(report: LoadReport) -> str:
    rows = f"{report.rows:,} row{'' if report.rows == 1 else 's'} read"
    return (
        f"{report.table}: {rows}, {report.affected:,} {_DONE[report.mode]} in {report.seconds:.2f} s"
        f" ({report.rows_per_second:,.0f} rows per second)"
    )
