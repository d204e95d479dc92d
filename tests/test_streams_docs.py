"""What the documentation says of watermarks, retries and several streams."""

from __future__ import annotations

from typing import Any

from pysqlsync_engine.factory import get_dialect
from tests.servers import Server
from tests.test_source_docs import Tick, run


async def test_streams_go_on_and_are_sent_by_way_of_pools(postgresql: Server) -> None:
    engine = get_dialect(postgresql.dialect)
    async with engine.create_connection(postgresql.parameters) as conn:
        await conn.create_objects([Tick])
        names: dict[str, Any] = {"conn": conn, "Tick": Tick, "engine": engine, "parameters": postgresql.parameters}
        await run("source", names)
        report = await run("watermark", names)
        assert (report.watermark, report.counts.unchanged) == ("3", 3)
        report = await run("watermark", names)
        assert (report.watermark, report.rows) == ("3", 3)
        report = await run("pool", names)
        assert (report.rows, report.attempts) == (3, 1)
        await run("several", names)
        assert {name: each.rows for name, each in names["reports"].items()} == {f"part {n}": 3 for n in range(3)}
