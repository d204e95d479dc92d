"""The servers that other tests run on."""

from __future__ import annotations

from tests.servers import Server, differs, needs


def test_a_test_has_a_database_of_its_own(postgresql: Server) -> None:
    assert postgresql.parameters.database is not None
    assert postgresql.parameters.database.startswith("test_")
    assert postgresql.version.major >= 13


@needs("transactional_ddl")
def test_a_test_runs_where_its_needs_are_met(postgresql: Server) -> None:
    assert postgresql.capabilities.transactional_ddl


@differs("postgresql", raises=ZeroDivisionError, reason="shows what the mark does")
def test_a_difference_is_expected(postgresql: Server) -> None:
    assert postgresql.version.major // 0
