"""ADBC: ingest of a Parquet file; straight into the table where the types are those of the file, else by way of a staging table."""

# pyright: basic, reportMissingImports=false

from __future__ import annotations

import adbc_driver_postgresql.dbapi as adbc
import pyarrow.parquet as parquet
from common import COLUMNS, Clock, answer, libpq

CASTS = {
    "id": "id::uuid",
    "kind": 'kind::bench."Kind"',
    "method": 'method::bench."Method"',
    "remote_ip": "remote_ip::inet",
}


def reader(file):
    """:returns: Batches of the file, with strings as the driver takes them."""
    import pyarrow

    opened = parquet.ParquetFile(file)
    fields = [
        field.with_type(pyarrow.string()) if field.type == pyarrow.string_view() else field
        for field in opened.schema_arrow
    ]
    schema = pyarrow.schema(fields)
    batches = (batch.cast(schema) for batch in opened.iter_batches())
    return pyarrow.RecordBatchReader.from_batches(schema, batches)


def straight(request):
    with adbc.connect(libpq(request["server"])) as connection, connection.cursor() as cursor, Clock() as clock:
        cursor.adbc_ingest(request["table"], reader(request["files"][0]), mode="append", db_schema_name="bench")
        connection.commit()
    return clock


def staged(request):
    columns = ", ".join(COLUMNS)
    cells = ", ".join(CASTS.get(name, name) for name in COLUMNS)
    with adbc.connect(libpq(request["server"])) as connection, connection.cursor() as cursor, Clock() as clock:
        cursor.adbc_ingest("staging", reader(request["files"][0]), mode="create", temporary=True)
        cursor.execute(f'INSERT INTO bench."{request["table"]}" ({columns}) SELECT {cells} FROM staging')
        connection.commit()
    return clock


if __name__ == "__main__":
    answer({"straight": straight, "staged": staged})
