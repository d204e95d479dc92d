"""
Measure how fast rows get into servers, side by side: `python -m benchmarks.rows --help`.

Contestants take turns in each round, so that all meet the same machine. Goals are shown beside what was reached; none fails the run.
"""

from __future__ import annotations

import argparse
import asyncio
import compileall
import itertools
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.rows import tables
from benchmarks.rows.cases_mysql import encoder_case, mysql_cases
from benchmarks.rows.cases_postgresql import memory_cases, postgresql_cases
from benchmarks.rows.chart import draw
from benchmarks.rows.contest import PROJECT, Arena, Case, compete
from benchmarks.rows.inputs import Inputs
from benchmarks.rows.results import DURABLE_SUFFIX, CaseResult, Report, read_report
from benchmarks.rows.servers import BenchServer, ServerError, bench_server
from benchmarks.rows.show import show
from pysqlsync_engine.base import EnumMode, GeneratorOptions
from pysqlsync_engine.factory import get_dialect

PRODUCTS = ("postgresql", "mysql", "mariadb")
PEERS = PROJECT / ".venv-peers" / "bin"
OWN_PACKAGES = ("asyncpg", "aiomysql", "PyMySQL", "tsv2py", "pyarrow")


def main() -> int:
    options = _options().parse_args()
    console = Console(width=max(Console().width, 130) if not sys.stdout.isatty() else None)
    directory: Path = options.directory
    inputs = Inputs(directory / f"rows-{options.rows}", options.rows, PEERS / "tpchgen-cli")
    for package in ("pysqlsync_engine", "benchmarks"):
        # as pip does with what it installs, so with the other tools
        compileall.compile_dir(PROJECT / package, quiet=1)
    results: list[CaseResult] = []
    servers: dict[str, dict[str, str]] = {}
    if not options.memory and _chosen([encoder_case()], None, options.only):
        results.append(compete(encoder_case(), Arena(None, inputs, PEERS / "python"), options.rounds, console.log))
    for product, durable in itertools.product(options.servers, (False, True)):
        cases = [case for case in _chosen(_cases(product, options), product, options.only) if case.durable is durable]
        if not cases:
            continue
        with ExitStack() as stack:
            name = product + (DURABLE_SUFFIX if durable else "")
            try:
                server = stack.enter_context(bench_server(product, durable=durable))
            except ServerError as error:
                console.log(f"{name} is left out: {error}")
                continue
            servers[name] = server.describe()
            for case in cases:
                _create(server, case)
                results.append(compete(case, Arena(server, inputs, PEERS / "python"), options.rounds, console.log))
    commit = _git("rev-parse", "--short", "HEAD")
    about = {**_about(options.rows, options.rounds, servers), "note": options.note}
    report = Report(about, tuple(replace(result, commit=commit) for result in results))
    if options.merge and options.output.exists():
        report = read_report(options.output).merged(report)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    report.write(options.output)
    chart = options.output.with_suffix(".svg")
    chart.write_text(draw(report))
    show(report, console)
    console.print(f"written: {options.output}, {chart}", highlight=False)
    return 0


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rows", description="Measure how fast rows are stored.")
    parser.add_argument("--rows", type=int, default=200_000, help="rows of a stream, roughly")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each contestant")
    parser.add_argument("--only", type=_words, default=(), help="cases: insert,upsert or postgresql:insert,encoder")
    parser.add_argument("--servers", type=_words, default=PRODUCTS, help="of postgresql,mysql,mariadb")
    parser.add_argument(
        "--memory", action="store_true", help="measure the memory of the engine's ways, and nothing else"
    )
    parser.add_argument("--merge", action="store_true", help="keep the cases of the output that are not measured now")
    parser.add_argument("--note", default="", help="what else readers of the figures should know, for the page")
    place = PROJECT / ".var" / "benchmarks"
    parser.add_argument("--output", type=Path, default=place / "rows.json", help="JSON; a chart is written beside it")
    parser.add_argument("--directory", type=Path, default=place, help="where files of rows are kept")
    return parser


def _words(text: str) -> tuple[str, ...]:
    return tuple(filter(None, text.split(",")))


def _cases(product: str, options: argparse.Namespace) -> list[Case]:
    if options.memory:
        return memory_cases(options.rows) if product == "postgresql" else []
    return postgresql_cases() if product == "postgresql" else mysql_cases()


def _chosen(cases: Sequence[Case], product: str | None, only: Sequence[str]) -> list[Case]:
    return [case for case in cases if not only or {case.name, f"{product}:{case.name}"} & set(only)]


def _create(server: BenchServer, case: Case) -> None:
    """Create the tables anew, in the mode of the case."""
    if server.dialect == "postgresql":
        server.execute(f"DROP SCHEMA IF EXISTS {tables.NAMESPACE} CASCADE")
    else:
        names = server.execute("SHOW TABLES").split()
        quoted = ", ".join(f"`{name}`" for name in names)
        if quoted:
            server.execute("SET foreign_key_checks = 0", f"DROP TABLE {quoted}")
    asyncio.run(_create_objects(server, case.enum_mode))


async def _create_objects(server: BenchServer, enum_mode: str | None) -> None:
    options = GeneratorOptions(
        namespaces={tables: tables.NAMESPACE}, enum_mode=EnumMode[enum_mode] if enum_mode else None
    )
    parameters = server.parameters
    if server.socket is not None:
        parameters = replace(parameters, host=server.socket)
    async with get_dialect(server.dialect).create_connection(parameters, options) as conn:
        await conn.create_objects(list(tables.TABLES.values()))


def _about(rows: int, rounds: int, servers: dict[str, dict[str, str]]) -> dict[str, Any]:
    peers = subprocess.run(
        [str(PEERS / "python"), "-m", "pip", "list", "--format", "freeze"], capture_output=True, text=True, check=True
    )
    names = {"pysqlsync", "psycopg", "adbc-driver-postgresql", "dlt", "SQLAlchemy", "tpchgen-cli"}
    found = dict(line.split("==") for line in peers.stdout.split() if "==" in line)
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "rows": rows,
        "rounds": rounds,
        "machine": f"{os.cpu_count()} cores, {_memory_gb()} GB, {platform.system()} {platform.machine()}",
        "load": round(os.getloadavg()[2], 1),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in OWN_PACKAGES},
        "peers": {name: found[name] for name in sorted(names & set(found))},
        "servers": servers,
    }


def _git(*words: str) -> str:
    told = subprocess.run(["git", "-C", str(PROJECT), *words], capture_output=True, text=True)
    return told.stdout.strip()


def _memory_gb() -> int:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)


if __name__ == "__main__":
    sys.exit(main())
