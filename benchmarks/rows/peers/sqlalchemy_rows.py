"""SQLAlchemy 2 Core: one `insert()` with many rows, in batches; psycopg 3 for PostgreSQL, PyMySQL for MySQL."""

# pyright: basic, reportMissingImports=false

from __future__ import annotations

import sqlalchemy
from common import COLUMNS, Clock, answer, blocks, libpq, parsed

BATCH_ROWS = 10_000


def engine(server):
    if server["dialect"] == "postgresql":
        return sqlalchemy.create_engine(libpq(server, "postgresql+psycopg"))
    query = {"charset": "utf8mb4"}
    if server["socket"]:
        query["unix_socket"] = server["socket"]
    address = sqlalchemy.URL.create(
        "mysql+pymysql",
        username=server["user"],
        password=server["password"],
        host="localhost" if server["socket"] else server["host"],
        port=None if server["socket"] else server["port"],
        database=server["database"],
        query=query,
    )
    return sqlalchemy.create_engine(address)


def insert(request):
    opened = engine(request["server"])
    is_postgresql = request["server"]["dialect"] == "postgresql"
    name, schema = (request["table"], "bench") if is_postgresql else (f"bench__{request['table']}", None)
    table = sqlalchemy.Table(name, sqlalchemy.MetaData(), schema=schema, autoload_with=opened)
    statement = table.insert()
    with Clock() as clock, opened.begin() as connection:
        for block in blocks(parsed(request["files"][0]), BATCH_ROWS):
            rows = [dict(zip(COLUMNS, row, strict=True)) for row in block]
            if not is_postgresql:
                for row in rows:
                    row["id"], row["remote_ip"] = row["id"].bytes, row["remote_ip"].packed
            connection.execute(statement, rows)
    return clock


if __name__ == "__main__":
    answer({"insert": insert})
