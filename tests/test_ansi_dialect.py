"""Scripts without a server, for each dialect."""

from __future__ import annotations

import enum
from dataclasses import dataclass

import pytest

from pysqlsync_engine.base import ConnectionParameters
from pysqlsync_engine.errors import UnsupportedError
from pysqlsync_engine.factory import get_dialect
from pysqlsync_engine.model.key_types import PrimaryKey


class Kind(enum.Enum):
    SMALL = "small"


@dataclass
class Shop:
    id: PrimaryKey[int]
    name: str | None


@dataclass
class Ware:
    id: PrimaryKey[int]
    shop: Shop
    kind: Kind


@pytest.mark.parametrize(("name", "quote"), [("ansi", '"'), ("mysql", "`"), ("postgresql", '"')])
def test_a_script_is_written_without_a_server(name: str, quote: str) -> None:
    script = get_dialect(name).create_generator().create(tables=[Ware])
    assert f"{quote}Ware{quote} (" in script
    assert "REFERENCES" in script


async def test_there_is_no_server_of_the_ansi_dialect() -> None:
    with pytest.raises(UnsupportedError, match="ansi: there is no server"):
        async with get_dialect("ansi").create_connection(ConnectionParameters()):
            pass
