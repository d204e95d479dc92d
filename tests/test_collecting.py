"""How often Python looks for garbage while rows are streamed."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from pysqlsync_engine.data.batches import BatchSource
from pysqlsync_engine.data.collecting import OBJECTS, rare_collections
from pysqlsync_engine.data.encoding import TupleEncoder
from pysqlsync_engine.data.load_options import LoadMode, LoadOptions
from pysqlsync_engine.data.sources import Fields
from pysqlsync_engine.data.target import choose_target
from pysqlsync_engine.data.ways import TupleWay
from pysqlsync_engine.model.data_types import SqlInteger
from tests.row_tables import column, table

USUAL = (700, 10, 10)


@pytest.fixture(autouse=True)
def usual() -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(*USUAL)
    yield
    gc.set_threshold(*before)


def test_the_setting_is_raised_until_the_last_stream_has_ended() -> None:
    with rare_collections():
        assert gc.get_threshold() == (OBJECTS, 10, 10)
        with rare_collections():
            pass
        assert gc.get_threshold() == (OBJECTS, 10, 10)
    assert gc.get_threshold() == USUAL


@pytest.mark.parametrize("own", [(0, 0, 0), (50_000, 5, 5)])
def test_a_setting_of_the_application_stays(own: tuple[int, int, int]) -> None:
    gc.set_threshold(*own)
    with rare_collections():
        assert gc.get_threshold() == own
    assert gc.get_threshold() == own


def test_what_is_set_meanwhile_stays() -> None:
    with rare_collections():
        gc.set_threshold(1000, 5, 5)
    assert gc.get_threshold() == (1000, 5, 5)


async def test_tuples_are_streamed_so_however_the_stream_ends() -> None:
    target = choose_target(
        table("t", column("id", SqlInteger(4))), Fields(("id",), (int,)), LoadOptions(LoadMode.INSERT)
    )

    def way(fails: bool = False) -> TupleWay:
        def batches() -> Iterator[list[tuple[int]]]:
            yield [(1,)]
            if fails:
                raise OSError("gone")
            yield [(2,)]

        return TupleWay(
            BatchSource(Fields(("id",), (int,)), batches()), None, TupleEncoder(target, [None], numbered=False)
        )

    seen = [gc.get_threshold()[0] async for _ in way().parts()]
    assert seen == [OBJECTS]
    assert gc.get_threshold() == USUAL
    with pytest.raises(OSError, match="gone"):
        _ = [part async for part in way(fails=True).parts()]
    assert gc.get_threshold() == USUAL
    left = way().parts()
    await anext(left)
    await left.aclose()
    assert gc.get_threshold() == USUAL
