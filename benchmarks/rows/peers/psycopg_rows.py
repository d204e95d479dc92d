"""psycopg 3: COPY of raw blocks, and of parsed rows."""

# pyright: basic, reportMissingImports=false

from __future__ import annotations

import psycopg
from common import Clock, answer, libpq, parsed

BLOCK_BYTES = 1 << 18


def raw(request):
    with psycopg.connect(libpq(request["server"])) as connection, connection.cursor() as cursor, Clock() as clock:
        with (
            open(request["files"][0], "rb") as file,
            cursor.copy(f'COPY bench."{request["table"]}" FROM STDIN') as copy,
        ):
            while block := file.read(BLOCK_BYTES):
                copy.write(block)
        connection.commit()
    return clock


def records(request):
    with psycopg.connect(libpq(request["server"])) as connection, connection.cursor() as cursor, Clock() as clock:
        with cursor.copy(f'COPY bench."{request["table"]}" FROM STDIN') as copy:
            for row in parsed(request["files"][0]):
                copy.write_row(row)
        connection.commit()
    return clock


if __name__ == "__main__":
    answer({"raw": raw, "records": records})
