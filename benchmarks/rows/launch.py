"""
Run a program and tell what it used: `python -I -S launch.py USAGE_FILE COMMAND...`.

A process of its own, and a small one: the kernel counts what the parent of a program held when it was started as memory of the
program itself. Writes a JSON object: `wall_s`, `user_s`, `system_s`, `rss_kb`, `status`.
"""

from __future__ import annotations

import json
import os
import sys
import time


def main() -> int:
    usage_file, *command = sys.argv[1:]
    started = time.perf_counter()
    child = os.posix_spawnp(command[0], command, os.environ)
    _, status, usage = os.wait4(child, 0)
    found = {
        "wall_s": time.perf_counter() - started,
        "user_s": usage.ru_utime,
        "system_s": usage.ru_stime,
        "rss_kb": usage.ru_maxrss,
        "status": os.waitstatus_to_exitcode(status),
    }
    with open(usage_file, "w") as file:
        json.dump(found, file)
    return 0


if __name__ == "__main__":
    sys.exit(main())
