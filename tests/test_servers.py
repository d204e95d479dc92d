"""The servers that other tests run on."""

from __future__ import annotations

import subprocess

from tests.servers import Server, differs


def test_a_test_has_a_database_of_its_own(postgresql: Server) -> None:
    assert postgresql.parameters.database is not None
    assert postgresql.parameters.database.startswith("test_")
    assert postgresql.version.major >= 13


@differs("postgresql", raises=ZeroDivisionError, reason="shows what the mark does")
def test_a_difference_is_expected(postgresql: Server) -> None:
    assert 1 // 0
