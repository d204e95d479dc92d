"""dlt: a CSV file into a table, by the ways that its manual has; reads a request as the others do, and is timed from start to end."""

# pyright: basic, reportMissingImports=false

from __future__ import annotations

import csv
import json
import os
import sys

# it asks home for nothing, and keeps its state where the process runs
os.environ |= {"RUNTIME__DLTHUB_TELEMETRY": "false", "DLT_DATA_DIR": os.path.join(os.getcwd(), "dlt")}

import dlt
from common import libpq

KEY = ["time_hour", "flight", "carrier"]


def arrow_tables(file):
    import pyarrow.csv

    with pyarrow.csv.open_csv(
        file, convert_options=pyarrow.csv.ConvertOptions(null_values=["NA", ""], strings_can_be_null=True)
    ) as reader:
        for batch in reader:
            import pyarrow

            yield pyarrow.Table.from_batches([batch])


def dictionaries(file):
    with open(file, newline="") as lines:
        rows = []
        for row in csv.DictReader(lines):
            rows.append({name: None if cell in ("", "NA") else cell for name, cell in row.items()})
            if len(rows) == 10_000:
                yield rows
                rows = []
        if rows:
            yield rows


def main():
    request = json.load(sys.stdin)
    file = request["files"][0]
    rows = arrow_tables if request["action"].startswith("arrow") else dictionaries
    merge = request["action"].endswith("merge")
    disposition = {"disposition": "merge", "strategy": request.get("strategy", "delete-insert")} if merge else "append"
    pipeline = dlt.pipeline(
        pipeline_name="flights",
        # it takes no address without a password
        destination=dlt.destinations.postgres(
            libpq({**request["server"], "password": request["server"]["password"] or "-"})
        ),
        dataset_name=f"dlt_{request['dataset']}",
        pipelines_dir=os.path.join(os.getcwd(), "pipelines"),
    )
    options = {"loader_file_format": request["file_format"]} if "file_format" in request else {}
    pipeline.run(
        rows(file), table_name="flights", write_disposition=disposition, primary_key=KEY if merge else None, **options
    ).raise_on_failed_jobs()
    print(json.dumps({"seconds": 0}))


if __name__ == "__main__":
    main()
