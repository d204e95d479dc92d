"""
Run several clients of a server at the same time: reads a request with `commands` (lists of words) from standard input,
prints how long the slowest one took, by its own account, as a line of JSON.
"""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys

_PSQL_TIME = re.compile(r"^Time: ([0-9.]+) ms", re.MULTILINE)
_MYSQL_TIME = re.compile(r"\((?:(\d+) min )?([0-9.]+) sec\)")


def seconds_told(output: str) -> float:
    """:returns: What a client says that its statements took, all together."""
    if found := _PSQL_TIME.findall(output):
        return sum(map(float, found)) / 1000
    return sum(60 * int(m or 0) + float(s) for m, s in _MYSQL_TIME.findall(output))


def main() -> int:
    request = json.load(sys.stdin)
    clients = [
        subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        for words in request["commands"]
    ]
    outputs = [client.communicate()[0] for client in clients]
    if status := max(client.returncode for client in clients):
        return status
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(json.dumps({"seconds": max(map(seconds_told, outputs)), "cpu_s": used.ru_utime + used.ru_stime}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
