"""The program `pysqlsync`."""

from __future__ import annotations

import gc
import sys
from importlib.util import find_spec


def main() -> int:
    """
    :returns: Exit code: 0 if all went well, 1 on errors; `plan` and `diff` return 2 if there are differences.
    """
    # to look for garbage among what is imported, all of which stays, takes a while; a subcommand begins to do so when it is there
    gc.disable()
    try:
        from pysqlsync_engine.cli.program import run

        if find_spec("rich") is None:
            raise ModuleNotFoundError(name="rich")
    except ModuleNotFoundError as error:
        if error.name not in {"click", "rich"}:
            raise
        sys.stderr.write(
            f"pysqlsync: the command line needs the package {error.name}; install it: pip install 'pysqlsync-dagster[cli]'\n"
        )
        return 1
    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
