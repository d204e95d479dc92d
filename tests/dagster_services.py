"""Dagster as it runs in production: a code server, the daemon and the webserver, each a process, and questions in GraphQL."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]
HOST = "127.0.0.1"
LOCATION = "shop"
TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 20.0
FINISHED = {"SUCCESS", "FAILURE", "CANCELED"}


def any_port() -> int:
    """:returns: A port that nobody listens on; tests that run side by side get different ones, as the system counts on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


@contextmanager
def service(command: list[str], environment: Mapping[str, str], log: Path) -> Generator[subprocess.Popen[bytes]]:
    """Run a program until the context is left; what it says goes to a file."""
    with log.open("wb") as said:
        process = subprocess.Popen(command, cwd=PROJECT, env=dict(environment), stdout=said, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until(found: Callable[[], Any], what: str, *, timeout_s: float = TIMEOUT_S) -> Any:
    """
    :returns: The first value that is true.
    :raises AssertionError: if there is none in time.
    """
    deadline = time.monotonic() + timeout_s
    while not (value := found()):
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.1)
    return value


@dataclass(frozen=True, slots=True)
class Services:
    """
    The processes of an instance of Dagster that has one code location.

    :param home: Where the instance is, and the logs of the processes.
    :param environment: What the processes find in theirs.
    """

    home: Path
    address: str
    environment: Mapping[str, str] = field(repr=False)

    def ask(self, question: str, **variables: Any) -> Any:
        """:returns: What the webserver answers to a question in GraphQL that has but one field."""
        body = json.dumps({"query": question, "variables": variables}).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.address}/graphql", body, headers)  # noqa: S310 - our own server
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - our own server
            told = json.load(answer)
        assert not told.get("errors"), told["errors"]
        (value,) = told["data"].values()
        return value

    def launch(
        self, job: str, *, config: Mapping[str, Any] | None = None, tags: Mapping[str, str] | None = None
    ) -> str:
        """Start a run of a job. :returns: Its identifier."""
        parameters = {
            "selector": {
                "repositoryLocationName": LOCATION,
                "repositoryName": "__repository__",
                "pipelineName": job,
            },
            "runConfigData": config or {},
            "mode": "default",
            "executionMetadata": {"tags": [{"key": key, "value": value} for key, value in (tags or {}).items()]},
        }
        told = self.ask(
            """mutation Launch($parameters: ExecutionParams!) { launchPipelineExecution(executionParams: $parameters) {
                __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
                ... on RunConfigValidationInvalid { errors { message } } } }""",
            parameters=parameters,
        )
        assert told["__typename"] == "LaunchRunSuccess", told
        return told["run"]["runId"]

    def finish(self, run: str) -> str:
        """:returns: The status of a run when it has ended."""
        question = "query Status($run: ID!) { runOrError(runId: $run) { ... on Run { status } } }"

        def status() -> str | None:
            found = self.ask(question, run=run)["status"]
            return found if found in FINISHED else None

        return wait_until(status, f"the end of run {run}")

    def succeed(self, run: str) -> None:
        """Wait for the end of a run, which must be a good one."""
        status = self.finish(run)
        assert status == "SUCCESS", self.failures(run)

    def failures(self, run: str) -> list[str]:
        """:returns: What went wrong in a run."""
        question = """query Events($run: ID!) { logsForRun(runId: $run) { ... on EventConnection { events { __typename
            ... on ExecutionStepFailureEvent { error { message } } ... on RunFailureEvent { error { message } }
            ... on EngineEvent { error { message } } } } } }"""
        events = self.ask(question, run=run)["events"]
        return [event["error"]["message"] for event in events if event.get("error")]

    def terminate(self, run: str) -> None:
        """End a run as the button on its page does."""
        told = self.ask("mutation End($run: String!) { terminateRun(runId: $run) { __typename } }", run=run)
        assert told["__typename"] == "TerminateRunSuccess", told

    def backfill(self, assets: list[list[str]], partitions: list[str]) -> str:
        """Start a backfill of some partitions. :returns: Its identifier."""
        told = self.ask(
            """mutation Backfill($parameters: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $parameters) {
                __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }""",
            parameters={"partitionNames": partitions, "assetSelection": [{"path": path} for path in assets]},
        )
        assert told["__typename"] == "LaunchBackfillSuccess", told
        return told["backfillId"]

    def finish_backfill(self, backfill: str) -> str:
        """:returns: The status of a backfill when it has ended."""
        question = """query Status($backfill: String!) { partitionBackfillOrError(backfillId: $backfill) {
            ... on PartitionBackfill { status } ... on PythonError { message } } }"""

        def status() -> str | None:
            found = self.ask(question, backfill=backfill)["status"]
            return None if found in {"REQUESTED", "CANCELING", "FAILING"} else found

        return wait_until(status, f"the end of backfill {backfill}")

    def materializations(self, path: list[str], keys: list[str] | None = None) -> list[tuple[str, int]]:
        """:returns: Partition and its number of rows of each materialization of an asset, the oldest first; `None` for all keys."""
        question = """query Events($key: AssetKeyInput!, $keys: [String!]) { assetOrError(assetKey: $key) { ... on Asset {
            assetMaterializations(partitions: $keys) { partition metadataEntries { label
            ... on IntMetadataEntry { intValue } } } } } }"""
        events = self.ask(question, key={"path": path}, keys=keys)["assetMaterializations"]
        numbers = [
            (event["partition"], {entry["label"]: entry.get("intValue") for entry in event["metadataEntries"]})
            for event in reversed(events)
        ]
        return [(partition, each["dagster/partition_row_count"]) for partition, each in numbers]

    def runs(self, **tags: str) -> list[dict[str, Any]]:
        """:returns: Identifier, status and tags of the runs that have all these tags, the newest first."""
        wanted = [{"key": key.replace("__", "/"), "value": value} for key, value in tags.items()]
        question = """query Runs($tags: [ExecutionTag!]) { runsOrError(filter: {tags: $tags}) { ... on Runs { results {
            runId status parentRunId tags { key value } } } } }"""
        return self.ask(question, tags=wanted)["results"]


DAEMON = """
from dagster._daemon import controller
from dagster._daemon.cli import main
controller.DEFAULT_DAEMON_INTERVAL_SECONDS = 2
main()
"""
"""The daemon, but for how often it looks at backfills: as a rule that is every half a minute."""

INSTANCE = """
telemetry: {enabled: false}
run_coordinator: {module: dagster.core.run_coordinator, class: DefaultRunCoordinator}
run_monitoring: {enabled: true, poll_interval_seconds: 2, max_runtime_seconds: 600}
run_retries: {enabled: true, max_retries: 1, retry_on_asset_or_op_failure: false}
"""


@contextmanager
def dagster_services(
    home: Path, code: list[str], *, variables: Mapping[str, str], instance: str = INSTANCE
) -> Generator[Services]:
    """
    Start code server, daemon and webserver.

    :param code: Options of `dagster api grpc` that say where the definitions are.
    :param variables: What the processes find in their environment besides that of the test.
    :param instance: Text of the file `dagster.yaml`.
    """
    home.mkdir()
    (home / "dagster.yaml").write_text(instance)
    code_socket = home / "code.sock"
    (home / "workspace.yaml").write_text(
        f"load_from: [{{grpc_server: {{socket: {code_socket}, location_name: {LOCATION}}}}}]\n"
    )
    port = any_port()
    environment = {**os.environ, **variables, "DAGSTER_HOME": str(home), "PYTHONWARNINGS": "ignore"}
    workspace = ["-w", str(home / "workspace.yaml")]
    commands = {
        "code": ["-m", "dagster", "api", "grpc", "-s", str(code_socket), "--location-name", LOCATION, *code],
        "daemon": ["-c", DAEMON, "run", *workspace],
        "web": ["-m", "dagster_webserver", *workspace, "-h", HOST, "-p", str(port)],
    }
    with ExitStack() as stack:

        def start(name: str) -> subprocess.Popen[bytes]:
            command = [sys.executable, *commands[name]]
            return stack.enter_context(service(command, environment, home / f"{name}.log"))

        code_server = start("code")
        wait_until(lambda: code_socket.exists() or code_server.poll() is not None, "the code server")
        assert code_server.poll() is None, (home / "code.log").read_text()
        start("daemon")
        start("web")
        services = Services(home, f"http://{HOST}:{port}", environment)
        wait_until(lambda: answers(services), "the webserver")
        yield services


def answers(services: Services) -> bool:
    """:returns: True if the webserver is there."""
    try:
        return bool(services.ask("{ version }"))
    except OSError:
        return False
