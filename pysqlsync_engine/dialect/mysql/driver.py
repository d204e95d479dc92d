"""
The driver, aiomysql: a connection that takes one statement at a time, insists on TLS where it is told to, and sends rows from
memory to `LOAD DATA LOCAL`; and what its errors mean. The only file that knows it.
"""

from __future__ import annotations

import asyncio
import getpass
import secrets
import ssl
from collections.abc import Awaitable, Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pysqlsync_engine.dialect.mysql.wire import place_of
from pysqlsync_engine.dialect.sockets import widen
from pysqlsync_engine.errors import ConnectError, DialectError, LockTimeoutError, StatementError
from pysqlsync_engine.parameters import ConnectionParameters, SSLMode

try:
    import aiomysql  # pyright: ignore[reportMissingTypeStubs]
    from pymysql import protocol
    from pymysql.constants import CLIENT, COMMAND
    from pymysql.err import Error
except ImportError as error:
    raise DialectError(
        "dialect 'mysql': its driver is not installed; pip install 'pysqlsync-dagster[mysql]'"
    ) from error

# the driver has no type information of its own
_aiomysql: Any = aiomysql
_protocol: Any = protocol

DEFAULT_PORT = 3306

SOCKET_NAMES = ("mysqld.sock", "mysql.sock", "mariadb.sock")
"""Names that a Unix-domain socket has in its directory."""

CLOSE_TIMEOUT_S = 10.0
"""How long a server may take to say good-bye before the connection is cut."""

DUPLICATE_KEY = 1062
"""Number of the error for a row whose key another one has."""

LOCK_TIMEOUTS = frozenset({1205, 3572})
"""Numbers of errors: a lock was not granted in time; https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html"""

LOST = frozenset({0, 2006, 2013, 2014, 2055})
"""Numbers of the driver's own errors, for a connection that is gone."""

ENDED = frozenset({1053, 1152, 1158, 1159, 1160, 1161, 1927, 3169, 4031})
"""Numbers of the server's errors that end the connection: it was killed, waited too long, or the server shuts down."""

TRANSIENT = frozenset({1020, 1205, 1213, 3101})
"""
Numbers of errors that repeating the transaction may cure: deadlocks, locks that were not granted in time, and what others have
changed meanwhile. After 1205 the transaction is still open; who repeats it has to roll it back before.
"""

REFUSED_FOR_NOW = frozenset({1040, 1053, 1203})
"""Numbers of errors of a server that may accept a connection later: it has no more connections, or is not ready."""

COM_RESET_CONNECTION = 0x1F
"""https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_reset_connection.html"""


class TransportError(Exception):
    """The server does not offer TLS, or asks for what it must not have."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    What a server says when a statement is done.

    :param warnings: Number of warnings, which `SHOW WARNINGS` lists.
    :param message: For `LOAD DATA`: numbers of records, of rows deleted, of rows skipped, and of warnings, between words.
    """

    affected: int
    warnings: int
    message: str


class MySQLConnection:
    """
    A connection of the driver, without the features of it that are dangerous.

    :param options: As for the driver's own connection; not kept, as they hold the password.
    :param must_encrypt: True if nothing is sent to a server without TLS.
    """

    def __init__(self, options: dict[str, Any], *, must_encrypt: bool) -> None:
        driver: Any = _aiomysql.Connection(**options)
        # a value that is mistaken for SQL must not become a second statement; the driver always permits several
        driver.client_flag &= ~CLIENT.MULTI_STATEMENTS
        # count rows that match, as other servers do, even if they hold the new values already
        driver.client_flag |= CLIENT.FOUND_ROWS
        # the driver's own handler sends any file that a server asks for; as `local_infile` stays off, it refuses
        driver.client_flag |= CLIENT.LOCAL_FILES
        self._driver = driver
        self._must_encrypt = must_encrypt

    @property
    def closed(self) -> bool:
        """True if nothing can be sent any more."""
        return self._driver.closed

    @property
    def number(self) -> int:
        """The server's number of the connection, for `KILL`."""
        return self._driver.thread_id()

    async def open(self) -> None:
        """Connect and log in."""
        greet: Callable[[], Awaitable[None]] = self._driver._get_server_information

        async def greet_and_check() -> None:
            await greet()
            if self._must_encrypt and not self._driver.server_capabilities & CLIENT.SSL:
                raise TransportError("the server does not offer TLS")

        # the last moment before something is sent: the driver itself would go on in plain text
        self._driver._get_server_information = greet_and_check
        await self._driver._connect()
        widen(self._driver._writer)

    async def run(self, statement: str) -> tuple[Outcome, list[tuple[Any, ...]]]:
        """:returns: What the server says, and the rows that the statement yields."""
        driver = self._driver
        try:
            await driver.query(statement)
        except RuntimeError as error:
            # the driver says so of a server that asks for a file, and leaves it waiting
            self.close()
            raise TransportError("the server asked for a file that was not offered; the connection was cut") from error
        result = driver._result
        rows: list[tuple[Any, ...]] = list(result.rows or ())
        changed = 0 if result.rows is not None else result.affected_rows
        return Outcome(changed, result.warning_count, _text(result.message)), rows

    async def reset(self) -> None:
        """Bring the connection back to the state it had after logging in: no transaction, temporary table, lock, variable."""
        await self._driver._execute_command(COM_RESET_CONNECTION, b"")
        await self._driver._read_ok_packet()

    async def load(self, make_statement: Callable[[str], str], packets: Iterable[bytes]) -> Outcome:
        """
        Send data to a `LOAD DATA LOCAL INFILE`.

        :param make_statement: The statement for a name of a file, which is random and stands for the data.
        :param packets: The data, in packets that are sent one by one, as the server takes them; what iterating raises is
            raised, and the server has then taken what was sent so far.
        :raises TransportError: if the server asks for another file than the one of the statement.
        """
        driver = self._driver
        token = f"pysqlsync-{secrets.token_hex(16)}"
        await driver._execute_command(COMMAND.COM_QUERY, make_statement(token))
        packet = await driver._read_packet()
        if not packet.is_load_local_packet():
            raise TransportError("the server did not ask for the data of a LOAD DATA LOCAL")
        if _protocol.LoadLocalPacketWrapper(packet).filename != token.encode():
            self.close()
            raise TransportError("the server asked for a file that was not offered; the connection was cut")
        try:
            for part in packets:
                driver.write_packet(part)
                await driver._writer.drain()
                # with TLS, nobody is told that the connection was lost unless the loop has its turn
                await asyncio.sleep(0)
        except BaseException:
            await self._end_data()
            raise
        outcome = _protocol.OKPacketWrapper(await self._end_data())
        driver.server_status = outcome.server_status
        return Outcome(outcome.affected_rows, outcome.warning_count, _text(outcome.message))

    async def _end_data(self) -> Any:
        """:returns: The server's answer to the data as a whole."""
        # an empty packet is the end of it
        self._driver.write_packet(b"")
        return await self._driver._read_packet()

    async def say_goodbye(self) -> None:
        """Close the connection; cut it if the server does not answer."""
        writer: Any = self._driver._writer
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._driver.ensure_closed()
                if writer is not None:
                    await writer.wait_closed()
        except (Error, OSError, TimeoutError):
            # it is gone already
            return
        finally:
            self.close()

    def close(self) -> None:
        """Cut the connection."""
        self._driver.close()


def _text(message: bytes | str | None) -> str:
    return message.decode("utf-8", "replace") if isinstance(message, bytes) else message or ""


async def open_connection(parameters: ConnectionParameters) -> MySQLConnection:
    """
    Connect and log in.

    :raises ConnectError: if the server does not accept the connection; its traceback does not show the password.
    """
    with _explained(parameters):
        connection = MySQLConnection(_connect_options(parameters), must_encrypt=_must_encrypt(parameters))
        try:
            async with asyncio.timeout(parameters.connect_timeout_s):
                await connection.open()
        except BaseException:
            connection.close()
            # the loop closes sockets at its next turn
            await asyncio.sleep(0)
            raise
        return connection


def _connect_options(parameters: ConnectionParameters) -> dict[str, Any]:
    """:returns: What the driver is told; never to be kept in a variable, since it holds the password."""
    return {
        "host": parameters.host,
        "port": parameters.port or DEFAULT_PORT,
        "unix_socket": _socket_path(parameters.host) if parameters.host.startswith("/") else None,
        "user": parameters.username or getpass.getuser(),
        "password": parameters.password or "",
        "db": parameters.database,
        "charset": "utf8mb4",
        "autocommit": None,
        "program_name": "pysqlsync",
        "ssl": _protection(parameters),
    }


def _must_encrypt(parameters: ConnectionParameters) -> bool:
    if parameters.ssl is None:
        return not parameters.is_local
    return parameters.ssl not in {SSLMode.DISABLE, SSLMode.PREFER}


def _socket_path(host: str) -> str:
    directory = Path(host)
    if not directory.is_dir():
        return host
    return str(
        next((path for name in SOCKET_NAMES if (path := directory / name).exists()), directory / SOCKET_NAMES[0])
    )


def _protection(parameters: ConnectionParameters) -> ssl.SSLContext | None:
    """:returns: How TLS is set up; only with `PREFER` a server may go without."""
    mode = parameters.ssl
    if mode is None:
        mode = SSLMode.PREFER if parameters.is_local else SSLMode.VERIFY_FULL
    if mode is SSLMode.DISABLE or (mode is SSLMode.PREFER and parameters.host.startswith("/")):
        return None
    context = ssl.create_default_context()
    context.check_hostname = mode is SSLMode.VERIFY_FULL
    if mode in {SSLMode.REQUIRE, SSLMode.PREFER}:
        context.verify_mode = ssl.CERT_NONE
    return context


@contextmanager
def _explained(parameters: ConnectionParameters) -> Generator[None]:
    """Turn what went wrong while connecting into a `ConnectError`, without the driver's frames: they hold the password."""
    try:
        yield
    except (Error, TransportError, OSError, TimeoutError, RuntimeError) as error:
        reason, advice = _diagnosis(error, parameters)
        passes = _may_accept_later(error)
        cause = _without_frames(error)
    else:
        return
    address = (
        parameters.host if parameters.host.startswith("/") else f"{parameters.host}:{parameters.port or DEFAULT_PORT}"
    )
    user = "the default user" if parameters.username is None else f"user {parameters.username!r}"
    database = "no database" if parameters.database is None else f"database {parameters.database!r}"
    raise ConnectError(f"MySQL at {address}, {user}, {database}: {reason}; {advice}", is_transient=passes) from cause


def _may_accept_later(error: BaseException) -> bool:
    """:returns: True if a server that did not accept a connection may do so later: it is starting, or has none left."""
    inner = error.__cause__ if isinstance(error.__cause__, OSError) else error
    # the file is the socket of a server that is not there
    is_away = isinstance(inner, ConnectionError | TimeoutError | FileNotFoundError | asyncio.IncompleteReadError)
    return is_away or error_number(inner) in REFUSED_FOR_NOW | LOST - {0}


def _without_frames(error: BaseException) -> BaseException:
    """:returns: The same error without its traceback and those of the errors that led to it."""
    link: BaseException | None = error
    while link is not None:
        link.__traceback__ = None
        link = link.__cause__ or link.__context__
    return error


def _diagnosis(error: BaseException, parameters: ConnectionParameters) -> tuple[str, str]:
    """:returns: Why a connection was not made, and what to do."""
    # the driver hides what went wrong with the network behind an error of its own
    inner = error.__cause__ if isinstance(error.__cause__, OSError) else error
    if isinstance(inner, TimeoutError):
        return f"no answer within {parameters.connect_timeout_s:g} s", "check the address, or raise connect_timeout_s"
    if isinstance(inner, ssl.SSLCertVerificationError):
        return (
            f"its certificate was not accepted: {inner.verify_message}",
            "make its certificate authority known to this system (SSL_CERT_FILE), or choose another SSLMode",
        )
    if isinstance(inner, TransportError):
        return str(inner), "turn it on there, or permit plain text with SSLMode.DISABLE"
    reason = (_message(inner) if isinstance(inner, Error) else str(inner)) or type(inner).__name__
    advice = {
        1045: "check user name and password",
        1698: "check user name and password",
        1044: "grant the user the database",
        1049: "create the database, or name one that exists",
        1040: "wait until connections are free, or raise max_connections of the server",
        1053: "wait until the server has started",
    }.get(error_number(inner), "check host name and port, and that the server is running")
    return reason, advice


def error_number(error: BaseException | None) -> int:
    """:returns: Number of the server's error, or a driver's from 2000; 0 if it has none."""
    number: Any = error.args[0] if isinstance(error, Error) and error.args else 0
    return number if isinstance(number, int) else 0


def _message(error: Error) -> str:
    return str(error.args[-1]) if error.args else type(error).__name__


@contextmanager
def translated(statement: str) -> Generator[None]:
    """Turn what the driver raises for a statement into a `StatementError`."""
    try:
        yield
    except Error as error:
        number, message = error_number(error), _message(error)
        if number in LOST:
            raise StatementError(_lost(message), statement=statement, is_lost=True) from error
        row, column, constraint = place_of(message)
        kind = LockTimeoutError if number in LOCK_TIMEOUTS else StatementError
        sqlstate: str | None = getattr(error, "sqlstate", None) or "HY000"
        raise kind(
            message,
            statement=statement,
            sqlstate=sqlstate,
            row=row,
            column=column,
            constraint=constraint,
            is_lost=number in ENDED,
            is_transient=number in TRANSIENT,
        ) from error
    except TimeoutError as error:
        raise StatementError(
            "no answer within command_timeout_s; the statement was cancelled", statement=statement
        ) from error
    except (TransportError, OSError) as error:
        raise StatementError(_lost(str(error) or type(error).__name__), statement=statement, is_lost=True) from error


def _lost(text: str) -> str:
    return f"the connection to the server was lost ({text}); connect again and repeat"
