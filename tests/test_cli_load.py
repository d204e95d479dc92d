"""`pysqlsync load`: modes, rows that are set aside, and several files."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.row_tables import open_session, quoted
from tests.servers import Server
from tests.test_cli import SHOP, Shell, dsn_of

HEADER = "id,name,kind,since,owes\n"


@pytest.fixture
def shell(database: Server, tmp_path: Path) -> Shell:
    (tmp_path / "shop.py").write_text(SHOP)
    shell = Shell(tmp_path, {"PYSQLSYNC_DSN": dsn_of(database)})
    shell.must("apply", "shop", "--yes")
    return shell


def test_modes_tell_what_they_did(shell: Shell) -> None:
    shell.write("a.csv", HEADER + "1,Ada,person,2026-01-02,1.50\n2,Bob,,,0\n")
    assert "2 rows read, 2 inserted in" in shell.must("load", "shop:Customer", "a.csv")
    shell.write("a.csv", HEADER + "1,Ada,person,2026-01-02,1.50\n2,Bert,,,0\n3,Cy,,,0\n")
    told = shell.must("load", "shop:Customer", "a.csv", "--mode", "upsert", "--only-changed")
    assert "3 rows read, 1 inserted, 1 updated, 1 unchanged in" in told
    assert "rows per second, text as it is)" in told
    shell.write("a.csv", HEADER + "3,Cy,,,0\n")
    assert "1 row read, 0 inserted, 1 updated, 2 deleted" in shell.must(
        "load", "shop:Customer", "a.csv", "--mode", "mirror"
    )
    shell.write("a.csv", HEADER)
    assert "would delete all" in shell.fails("load", "shop:Customer", "a.csv", "--mode", "replace")
    assert "0 rows read" in shell.must("load", "shop:Customer", "a.csv", "--mode", "replace", "--allow-empty")


def test_bad_rows_are_set_aside(shell: Shell) -> None:
    shell.write("a.csv", HEADER + "1,Ada,person,,0\nx,Bob,,,0\n2," + "y" * 41 + ",,,0\n3,Cy,alien,,0\n4,Di,,,0\n")
    load = ("load", "shop:Customer", "a.csv", "--on-error", "quarantine")
    assert "3 rows cannot be stored, more than max_rejects=2" in shell.fails(*load, "--max-rejects", "2")
    assert "5 rows read, 2 inserted, 3 rejected in" in shell.must(*load, "--max-rejects", "3")


async def test_rows_that_were_set_aside_are_forgotten_when_their_file_is_loaded_again(
    shell: Shell, database: Server
) -> None:
    load = ("load", "shop:Customer", "--mode", "upsert", "--on-error", "quarantine", "--partition-per-file")
    shell.write("a.csv", HEADER + "1,Ada,alien,,0\n2,Bob,alien,,0\n")
    shell.write("b.csv", HEADER + "3,Cy,alien,,0\n")
    assert await asyncio.to_thread(shell.must, *load, "a.csv", "b.csv")
    shell.write("a.csv", HEADER + "1,Ada,person,,0\n2,Bob,alien,,0\n")
    told = await asyncio.to_thread(shell.must, *load, "a.csv", "b.csv")
    assert "2 rows read, 1 inserted, 0 updated, 1 rejected in" in told
    async with open_session(database) as session:
        place = quoted(session, "Customer__rejected")
        assert await session.fetch(f"SELECT batch FROM {place} ORDER BY batch") == [("a.csv",), ("b.csv",)]


def test_several_files_are_loaded_each_as_a_whole(shell: Shell) -> None:
    (shell.directory / "parts").mkdir()
    for number in range(4):
        shell.write(f"parts/{number}.csv", HEADER + "".join(f"{number}{n},N{n},,,0\n" for n in range(5)))
    load = ("load", "shop:Customer", "parts", "--mode", "upsert", "--stream", "s", "--batch-per-file")
    told = shell.must(*load)
    assert told.count("5 rows read, 5 inserted, 0 updated") == 4
    assert "parts/2.csv: 5 rows read" in told
    shell.write("parts/5.csv", HEADER + "x,Bad,,,0\n")
    complaint = shell.fails("load", "shop:Customer", "parts", "--mode", "upsert")
    assert "parts/5.csv: " in complaint
    assert "cannot read as int" in complaint
    shell.write("parts/5.csv", HEADER + "99,Good,,,0\n")
    told = shell.must(*load)
    assert told.count("loaded before; nothing to do") == 4
    assert "1 row read, 1 inserted" in told


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.csv", "b.csv", "--mode", "mirror"], "--mode mirror takes one file"),
        (["a.csv", "b.csv", "--batch", "x", "--stream", "s"], "use --batch-per-file"),
        (["a.csv", "a.csv"], "a.csv: named twice"),
        (["a.csv", "--watermark", "id"], "--watermark needs --stream NAME"),
        (["a.csv", "--on-duplicate", "highest"], "--version-column go together"),
        (["empty"], "there are no files in it"),
        (["a.csv", "--mode", "history"], "valid_from"),
    ],
)
@pytest.mark.parametrize("database", ["postgresql-system"], indirect=True)
def test_what_does_not_go_together_is_refused(shell: Shell, arguments: list[str], message: str) -> None:
    (shell.directory / "empty").mkdir()
    for name in ("a.csv", "b.csv"):
        shell.write(name, HEADER + "1,Ada,,,0\n")
    assert message in shell.fails("load", "shop:Customer", *arguments)
