"""What it takes to connect to PostgreSQL, and why that fails; without the driver."""

from __future__ import annotations

import hashlib
import ssl

from pysqlsync_engine.parameters import ConnectionParameters, SSLMode

SERVER_SETTINGS = {
    "application_name": "pysqlsync",
    "timezone": "UTC",
    # so that dates that the server writes as text can be read by anyone
    "datestyle": "ISO",
    "standard_conforming_strings": "on",
    # every statement is run once and most are short: compiling them costs more than it saves
    "jit": "off",
}
"""
Sent when a connection is opened, so that they also outlive a reset.

PgBouncer has to be told `ignore_startup_parameters = jit`.
"""


def protection(parameters: ConnectionParameters) -> ssl.SSLContext | str | bool:
    """:returns: What the driver takes for a level of protection; only `PREFER` may go without."""
    mode = parameters.ssl
    if mode is None:
        mode = SSLMode.PREFER if parameters.is_local else SSLMode.VERIFY_FULL
    if mode is SSLMode.DISABLE or (mode is SSLMode.PREFER and parameters.host.startswith("/")):
        return False
    if mode is SSLMode.PREFER:
        return "prefer"
    context = ssl.create_default_context()
    context.check_hostname = mode is SSLMode.VERIFY_FULL
    if mode is SSLMode.REQUIRE:
        context.verify_mode = ssl.CERT_NONE
    return context


def without_frames(error: BaseException) -> BaseException:
    """:returns: The same error without its traceback and those of the errors that led to it."""
    link: BaseException | None = error
    while link is not None:
        link.__traceback__ = None
        link = link.__cause__ or link.__context__
    return error


def diagnose(error: BaseException, parameters: ConnectionParameters) -> tuple[str, str]:
    """:returns: Why a connection was not made, and what to do."""
    reason = str(getattr(error, "message", None) or error) or type(error).__name__
    sqlstate = getattr(error, "sqlstate", None) or ""
    if isinstance(error, TimeoutError):
        return f"no answer within {parameters.connect_timeout_s:g} s", "check the address, or raise connect_timeout_s"
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"its certificate was not accepted: {error.verify_message}",
            "make its certificate authority known to this system (SSL_CERT_FILE), or choose another SSLMode",
        )
    if isinstance(error, ConnectionError) and "SSL upgrade" in reason:
        return "the server does not offer TLS", "turn it on there, or permit plain text with SSLMode.DISABLE"
    advice = {
        "28": "check user name and password, and pg_hba.conf of the server",
        "3D": "create the database, or name one that exists",
        "53": "wait until connections are free, or raise max_connections of the server",
        "57": "wait until the server has started",
    }.get(sqlstate[:2], "check host name and port, and that the server is running")
    return reason, advice


def lock_key(name: str) -> int:
    """:returns: The 64-bit number that stands for a lock's name; the same on every machine."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), signed=True)


def lost(text: str) -> str:
    """:returns: Message for a connection that is gone."""
    return f"the connection to the server was lost ({text}); connect again and repeat"
