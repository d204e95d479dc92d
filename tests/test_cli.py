"""The program `pysqlsync`: most of it in this process, with arguments and streams as a person would give them."""

from __future__ import annotations

import gzip
import importlib
import io
import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch
from urllib.parse import quote

import pytest

from pysqlsync_engine.cli.program import run as run_program
from tests.servers import Server

PROJECT = Path(__file__).parent.parent
SHOP = '''
import enum
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Annotated

from strong_typing.auxiliary import MaxLength, Precision

from pysqlsync_engine.model.key_types import PrimaryKey


class Kind(enum.Enum):
    PERSON = "person"
    COMPANY = "company"


@dataclass
class Customer:
    """Who buys."""

    id: PrimaryKey[int]
    name: Annotated[str, MaxLength(40)]
    kind: Kind | None
    since: date | None
    owes: Annotated[Decimal, Precision(9, 2)] = Decimal("0.00")
'''


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a person sees of the program."""

    returncode: int
    stdout: str
    stderr: str


@contextmanager
def own_modules(directory: Path) -> Generator[None]:
    """Import modules of a directory, as they are now, and forget them on leaving."""
    loaded, path, bytecode = set(sys.modules), list(sys.path), sys.dont_write_bytecode
    # two versions of a file that are written within a second may look the same to the cache of bytecode
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(directory))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path[:] = path
        sys.dont_write_bytecode = bytecode
        for name in set(sys.modules) - loaded:
            file = getattr(sys.modules[name], "__file__", None)
            if file is not None and Path(file).parent == directory:
                del sys.modules[name]


@dataclass(frozen=True, slots=True)
class Shell:
    """A directory with a module `shop`, and the variables of a shell."""

    directory: Path
    variables: dict[str, str]

    def run(self, *arguments: str, stdin: str | None = None, **variables: str) -> Outcome:
        """:returns: What the program does in this process."""
        given = io.TextIOWrapper(io.BytesIO((stdin or "").encode()), encoding="utf-8")
        told, complained = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="") for _ in range(2))
        with (
            own_modules(self.directory),
            patch.dict(os.environ, {"PATH": os.defpath, **self.variables, **variables}, clear=True),
            patch.multiple(sys, stdin=given, stdout=told, stderr=complained),
            chdir(self.directory),
        ):
            code = run_program(arguments)
        return Outcome(code, *(contents(stream) for stream in (told, complained)))

    def start(self, *arguments: str, **variables: str) -> Outcome:
        """:returns: What the program does in a process of its own."""
        result = subprocess.run(
            [sys.executable, "-m", "pysqlsync_engine.cli", *arguments],
            cwd=self.directory,
            env={"PATH": os.defpath, "PYTHONPATH": str(PROJECT), **self.variables, **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )
        return Outcome(result.returncode, result.stdout, result.stderr)

    def must(self, *arguments: str, code: int = 0, stdin: str | None = None) -> str:
        """:returns: What the program prints; fails if it returns another code."""
        result = self.run(*arguments, stdin=stdin)
        assert result.returncode == code, result.stderr + result.stdout
        return result.stdout

    def fails(self, *arguments: str, **variables: str) -> str:
        """:returns: What the program complains of."""
        result = self.run(*arguments, **variables)
        assert result.returncode == 1, result.stderr + result.stdout
        assert "Traceback" not in result.stderr
        return result.stderr

    def write(self, name: str, text: str) -> None:
        (self.directory / name).write_text(text)


def contents(stream: io.TextIOWrapper) -> str:
    """:returns: All that has been written to a stream."""
    stream.flush()
    stream.seek(0)
    return stream.read()


def dsn_of(server: Server) -> str:
    parameters = server.parameters
    password = f":{quote(parameters.password, safe='')}" if parameters.password else ""
    ssl = f"&sslmode={parameters.ssl.value}" if parameters.ssl else ""
    address = f"{quote(parameters.username or '', safe='')}{password}@localhost:{parameters.port or ''}"
    return f"{server.dialect}://{address}/{parameters.database}?host={quote(parameters.host)}{ssl}"


@pytest.fixture
def offline(tmp_path: Path) -> Shell:
    (tmp_path / "shop.py").write_text(SHOP)
    return Shell(tmp_path, {})


@pytest.fixture
def shell(postgresql: Server, offline: Shell) -> Shell:
    return Shell(offline.directory, {"PYSQLSYNC_DSN": dsn_of(postgresql)})


def test_create_writes_a_script_without_a_server(offline: Shell) -> None:
    script = offline.must(
        "create", "shop", "--dialect", "postgresql", "--namespace", "shop=sales", "--enum-mode", "check"
    )
    assert 'CREATE TABLE "sales"."Customer"' in script
    assert "CHECK" in script
    assert "\x1b" not in script
    offline.must("create", "./shop.py", "--dialect", "postgresql", "-o", "shop.sql")
    assert 'CREATE TABLE "public"."Customer"' in (offline.directory / "shop.sql").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["create", "nix", "--dialect", "postgresql"], "no module 'nix'"),
        (["create", "nix.py", "--dialect", "postgresql"], "no Python file"),
        (["create", "shop", "--dialect", "oracle"], "--dialect"),
        (["create", "shop", "--dialect", "postgresql", "--namespace", "sales"], "expected NAME=VALUE"),
        (["create", "broken", "--dialect", "postgresql"], "imports nowhere, which is not installed"),
        (["create", "failing", "--dialect", "postgresql"], "ZeroDivisionError: division by zero"),
        (["plan", "shop"], "PYSQLSYNC_DSN is not set"),
        (["plan", "shop", "--dsn-env", "X"], "X is not set"),
        (["plan", "shop", "--dsn-env", "X", "--dsn", "y"], "give only one of"),
        (["plan", "shop", "--dsn-file", "nix"], "nix: No such file"),
        (["apply"], "give either modules or --plan"),
        (["diff", "--from", "module:shop", "--to", "module:shop"], "must be a database"),
        (["load", "shop", "x.csv"], "expected a module and a class"),
        (["load", "shop:Nix", "x.csv"], "has no class Nix"),
    ],
)
def test_a_mistake_is_told_in_a_line(offline: Shell, arguments: list[str], message: str) -> None:
    offline.write("broken.py", "import nowhere\n")
    offline.write("failing.py", "1 / 0\n")
    assert message in offline.fails(*arguments)


@pytest.mark.parametrize(
    ("dsn", "message"),
    [
        ("postgresql://u:se@h/d#cret", "write it as %23"),
        ("postgresql://u:pa/secret@h/d", "the port is no number"),
        ("oracle://u:secret@h/d", "expected a DSN that begins with one of postgresql://"),
        ("postgresql://u:secret@h/d?colour=red", "unknown parameter colour"),
        ("postgresql://u:secret@h/d?sslmode=maybe", "sslmode must be one of disable, prefer"),
        ("postgresql://u:secret@localhost:1/d?sslmode=disable", "localhost"),
        ("mariadb://u:secret@localhost:1/d?sslmode=disable&connect_timeout=2", "localhost"),
    ],
)
def test_a_password_is_never_shown(offline: Shell, dsn: str, message: str) -> None:
    told = offline.fails("plan", "shop", PYSQLSYNC_DSN=dsn)
    assert message in told
    assert "secret" not in told
    assert "secret" not in offline.run("--verbose", "plan", "shop", PYSQLSYNC_DSN=dsn).stderr


def test_verbose_shows_where_an_error_came_from(offline: Shell) -> None:
    result = offline.run("--verbose", "plan", "shop", PYSQLSYNC_DSN="postgresql://u@localhost:1/d?sslmode=disable")
    assert result.returncode == 1
    assert "Traceback" in result.stderr


def test_plan_tells_by_its_exit_code_whether_there_is_something_to_do(shell: Shell) -> None:
    assert 'CREATE TABLE "public"."Customer"' in shell.must("plan", "shop", code=2)
    shell.must("plan", "shop", "--format", "json", "-o", "plan.json", code=2)
    shell.must("apply", "--plan", "plan.json", "--yes")
    assert "nothing to do" in shell.must("plan", "shop")
    assert "has changed since" in shell.fails("apply", "--plan", "plan.json", "--yes")
    shell.write("plan.json", (shell.directory / "plan.json").read_text().replace("Customer", "Costumer"))
    assert "was changed after it was written" in shell.fails("apply", "--plan", "plan.json", "--yes")


def test_apply_wants_a_confirmation_and_permission_to_destroy(shell: Shell) -> None:
    assert "use --yes" in shell.fails("apply", "shop")
    shell.must("apply", "shop", "--yes")
    shell.write("shop.py", SHOP.replace("    since: date | None\n", ""))
    told = shell.fails("apply", "shop", "--yes")
    assert "--allow deletes-data" in told
    assert "SyncPolicy" not in told
    shell.must("apply", "shop", "--yes", "--allow-drop", "column=public.Customer.si*")
    assert "nothing to do" in shell.must("apply", "shop", "--yes")


def test_apply_tries_a_plan_first_and_lets_others_work(shell: Shell) -> None:
    shell.must("apply", "shop", "--yes", "--verify-on-clone")
    shell.write("shop.py", SHOP.replace("    since: date | None\n", "    since: date | None\n    until: date | None\n"))
    assert "ADD COLUMN" in shell.must("plan", "shop", "--online", code=2)
    shell.must("apply", "shop", "--yes", "--online", "--verify-on-clone")
    assert "nothing to do" in shell.must("plan", "shop")


def test_diff_works_in_both_directions(shell: Shell, postgresql: Server) -> None:
    shell.must("apply", "shop", "--yes")
    database, module = "env:PYSQLSYNC_DSN", "module:shop"
    assert "nothing to do" in shell.must("diff", "--from", database, "--to", module)
    assert "nothing to do" in shell.must("diff", "--from", module, "--to", database)
    assert "nothing to do" in shell.must("diff", "--from", database, "--to", database)
    shell.write("shop.py", SHOP.replace("    since: date | None\n", "    until: date | None\n"))
    assert 'ADD COLUMN "until"' in shell.must("diff", "--from", database, "--to", module, code=2)
    assert 'ADD COLUMN "since"' in shell.must("diff", "--from", module, "--to", database, code=2)
    other = dsn_of(postgresql).replace(f"/{postgresql.parameters.database}?", "/template1?")
    shell.write("other.dsn", other + "\n")
    created = shell.must("diff", "--from", "file:other.dsn", "--to", database, "--only", "public", code=2)
    assert 'CREATE TABLE "public"."Customer"' in created
    dropped = shell.must("diff", "--from", database, "--to", "file:other.dsn", "--only", "public", code=2)
    assert 'DROP TABLE "public"."Customer"' in dropped


def test_discover_writes_a_module_that_describes_the_database(shell: Shell) -> None:
    shell.must("apply", "shop", "--yes")
    shell.must("discover", "-o", "found.py")
    assert "nothing to do" in shell.must("plan", "found", "--namespace", "found=public")


CSV = "id,name,kind,since,owes\n1,Ada,person,2026-01-02,1.50\n2,Bob,,,0\n"


def test_load_reads_files_of_each_format(shell: Shell) -> None:
    shell.must("apply", "shop", "--yes")
    shell.write("customers.csv", CSV)
    assert "public.Customer: 2 rows read, 2 inserted in" in shell.must("load", "shop:Customer", "customers.csv")
    told = shell.fails("load", "shop:Customer", "customers.csv")
    assert "row 1" in told
    (shell.directory / "customers.tsv.gz").write_bytes(gzip.compress(b"name\tid\nB\\tb\t2\n"))
    assert "1 row read, 0 inserted, 1 updated" in shell.must(
        "load", "shop:Customer", "customers.tsv.gz", "--mode", "upsert"
    )
    lines = '{"id": 3, "name": "C", "owes": 2.25}\n{"id": 4, "name": "D"}\n'
    assert "2 inserted" in shell.must("load", "shop:Customer", "-", "--format", "jsonl", stdin=lines)
    assert "3 deleted" in shell.must(
        "load", "shop:Customer", "-", "--format", "csv", "--mode", "delete", stdin=CSV + "3,,,,\n9,,,,\n"
    )


def test_load_reads_parquet(shell: Shell) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    shell.must("apply", "shop", "--yes")
    parquet.write_table(
        arrow.table({"id": [1, 2], "name": ["a", "b"], "kind": ["person", None]}), shell.directory / "c.parquet"
    )
    assert "2 inserted" in shell.must("load", "shop:Customer", "c.parquet")


UNLOADABLE: list[tuple[str, list[str], str]] = [
    ("id,nix\n1,x\n", [], "has no column 'nix'; use --columns, or --ignore-unknown"),
    ("id,name\n1,a\nx,b\n", [], "c.csv: line 3, column 'id': cannot read as int: 'x'"),
    ("id,name\n1,a\nx,b\n", ["--redact-values"], "c.csv: line 3, column 'id': cannot read as int\n"),
    ("id,name\n1," + "x" * 41 + "\n", [], "public.Customer.name: row 1"),
    ("id\n1\n", [], "name"),
    ("id,name\n1,a\n", ["--columns", "id,nix"], "--columns: public.Customer has no column nix"),
    ("", [], "no column of public.Customer in it"),
]


def test_what_cannot_be_loaded_is_named_and_nothing_of_it_stays(shell: Shell) -> None:
    shell.must("apply", "shop", "--yes")
    for text, arguments, message in UNLOADABLE:
        shell.write("c.csv", text)
        assert message in shell.fails("load", "shop:Customer", "c.csv", *arguments)
    deleting = ("load", "shop:Customer", "-", "--format", "csv", "--mode", "delete")
    assert "1 row read, 0 deleted" in shell.must(*deleting, stdin="id\n1\n")


def test_a_password_on_the_command_line_works_with_a_warning(postgresql: Server, offline: Shell) -> None:
    dsn = dsn_of(postgresql)
    result = offline.run("plan", "shop", "--dsn", dsn)
    assert result.returncode == 2
    assert "others on this machine can see a password" in result.stderr
    assert (postgresql.parameters.password or "?") not in result.stderr + result.stdout
    quoted = quote(postgresql.parameters.password or "", safe="")
    bare = dsn.replace(f":{quoted}@", "@")
    result = offline.run("plan", "shop", "--dsn", bare, PYSQLSYNC_PASSWORD=postgresql.parameters.password or "")
    assert (result.returncode, result.stderr) == (2, "")


def test_the_program_says_what_it_lacks(offline: Shell) -> None:
    offline.write("click.py", "raise ModuleNotFoundError(\"No module named 'click'\", name='click')\n")
    result = offline.start("create", "shop", "--dialect", "postgresql")
    assert result.returncode == 1
    assert "needs the package click; install it: pip install 'pysqlsync-dagster[cli]'" in result.stderr
    assert "Traceback" not in result.stderr


def test_the_program_runs_in_a_process_of_its_own(offline: Shell) -> None:
    result = offline.start("create", "shop", "--dialect", "postgresql")
    assert (result.returncode, result.stderr) == (0, "")
    assert 'CREATE TABLE "public"."Customer"' in result.stdout
    result = offline.start("plan", "shop")
    assert (result.returncode, result.stdout) == (1, "")
    assert "PYSQLSYNC_DSN is not set" in result.stderr


def test_mysql_goes_all_the_way(mysql: Server, offline: Shell) -> None:
    shell = Shell(offline.directory, {"PYSQLSYNC_DSN": dsn_of(mysql)})
    assert "CREATE TABLE `Customer`" in shell.must("plan", "shop", code=2)
    shell.must("plan", "shop", "--format", "json", "-o", "plan.json", code=2)
    shell.must("apply", "--plan", "plan.json", "--yes")
    assert "nothing to do" in shell.must("plan", "shop")
    shell.write("customers.csv", CSV)
    assert "Customer: 2 rows read, 2 inserted in" in shell.must("load", "shop:Customer", "customers.csv")
    assert "row 1" in shell.fails("load", "shop:Customer", "customers.csv")
    shell.write("shop.py", SHOP.replace("    since: date | None\n", "    until: date | None\n"))
    database, module = "env:PYSQLSYNC_DSN", "module:shop"
    assert "ADD COLUMN `until`" in shell.must("diff", "--from", database, "--to", module, code=2)
    assert "ADD COLUMN `since`" in shell.must("diff", "--from", module, "--to", database, code=2)
    assert "--allow deletes-data" in shell.fails("apply", "shop", "--yes")
    shell.must("apply", "shop", "--yes", "--allow", "deletes-data")
    shell.must("discover", "-o", "found.py")
    assert "nothing to do" in shell.must("plan", "found")
