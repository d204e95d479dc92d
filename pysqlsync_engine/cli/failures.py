"""What the command line says of errors: as the engine does, but with its own switches in place of Python."""

from __future__ import annotations

import re

from pysqlsync_engine.errors import EngineError
from pysqlsync_engine.streams import StreamsError

_ALLOW = re.compile(r"SyncPolicy\(allow=\{([^}]*)\}\)")
_KEEP = re.compile(r"SyncPolicy\(keep=\((.*?),?\)\)")
_ALLOW_DROP = re.compile(r"""SyncPolicy\(allow_drop=\{(['"])(\w+)\1: \((.*?),?\)\}\)""")
_PLAIN = (OSError, ValueError, TypeError)


def describe(error: BaseException) -> str:
    """:returns: A line for people, without a password."""
    if isinstance(error, StreamsError):
        return "\n".join(f"{name}: {describe(failure)}" for name, failure in error.failed.items())
    if isinstance(error, EngineError):
        return _switches(str(error))
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    text = str(error)
    return text if isinstance(error, _PLAIN) and text else f"{type(error).__name__}: {text}".removesuffix(": ")


def switch(name: str) -> str:
    """:returns: What a member of an enumeration is called on the command line: `DELETES_DATA` is `deletes-data`."""
    return name.lower().replace("_", "-")


def _switches(text: str) -> str:
    text = _ALLOW.sub(lambda match: _hazards(match[1]), text)
    text = _ALLOW_DROP.sub(lambda match: f"--allow-drop {match[2]}={_unquoted(match[3])}", text)
    return _KEEP.sub(lambda match: f"--keep {match[1]}", text)


def _hazards(text: str) -> str:
    return " ".join(f"--allow {switch(name)}" for name in re.findall(r"Hazard\.(\w+)", text))


def _unquoted(text: str) -> str:
    return text.strip().strip("'\"")
