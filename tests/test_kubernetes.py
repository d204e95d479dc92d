"""The values for Kubernetes, held against the schemas of `dagster-k8s` and Dagster; there is no cluster."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

pytest.importorskip("dagster_k8s", reason="dagster-k8s is not installed")

from dagster_k8s import construct_dagster_k8s_job
from dagster_k8s.container_context import K8sContainerContext
from dagster_k8s.job import DagsterK8sJobConfig

from examples.kubernetes.definitions import MAX_CONCURRENT, STEP_POD, defs
from examples.meters.defs import POOL_SIZE, database
from tests.dagster_services import PROJECT

VALUES_FILE = PROJECT / "examples/kubernetes/values.yaml"
VALUES: dict[str, Any] = yaml.safe_load(VALUES_FILE.read_text())
(CODE,) = VALUES["dagster-user-deployments"]["deployments"]
LAUNCHER: dict[str, Any] = VALUES["runLauncher"]["config"]["k8sRunLauncher"]
VARIABLES = set(re.findall(r'EnvVar(?:\.int)?\("(\w+)"\)', inspect.getsource(database)))
"""What the definitions expect in the environment."""


def snake(value: Any) -> Any:
    """:returns: Settings as Dagster names them; the chart's names are in camel case."""
    if not isinstance(value, dict):
        return value
    entries: dict[str, Any] = value  # pyright: ignore[reportUnknownVariableType] - what a file says
    return {re.sub(r"(?<=[a-z])(?=[A-Z])", "_", key).lower(): snake(each) for key, each in entries.items()}


def pod_of(settings: dict[str, Any]) -> dict[str, Any]:
    """:returns: The pod that Dagster would create for a run, or a step, with these settings."""
    secrets = [secret["name"] for secret in CODE["envSecrets"]]
    context = K8sContainerContext.create_from_config(  # pyright: ignore[reportUnknownMemberType] - has no types
        {"k8s": {"env": CODE["env"], "env_secrets": secrets, "run_k8s_config": settings}}
    )
    config = DagsterK8sJobConfig(
        dagster_home="/opt/dagster",
        instance_config_map="dagster-instance",
        job_image=f"{CODE['image']['repository']}:{CODE['image']['tag']}",
    )
    job = construct_dagster_k8s_job(config, [], "meters", user_defined_k8s_config=context.run_k8s_config)
    return job.to_dict()["spec"]  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - of kubernetes


def test_the_executor_takes_its_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.setenv(name, "5432")
    dg.Definitions.validate_loadable(defs)
    job = defs.resolve_job_def("meters_daily")
    assert job.executor_def.name == "k8s"
    # raises if a setting is unknown, or of the wrong type
    assert dg.validate_run_config(job, {})


@pytest.mark.parametrize("settings", [STEP_POD, snake(LAUNCHER["runK8sConfig"])], ids=["step", "run"])
def test_pods_are_as_the_settings_say(settings: dict[str, Any]) -> None:
    spec = pod_of(settings)
    pod = spec["template"]["spec"]
    (container,) = pod["containers"]
    assert container["image"] == "registry.example.org/meters:1"
    assert container["resources"] == {**container["resources"], **settings["container_config"]["resources"]}
    assert pod["termination_grace_period_seconds"] == 60
    assert spec["backoff_limit"] == 0
    assert spec["ttl_seconds_after_finished"] == 86400


def test_the_password_comes_from_a_secret_and_all_else_is_said() -> None:
    (container,) = pod_of(STEP_POD)["template"]["spec"]["containers"]
    assert [each["secret_ref"]["name"] for each in container["env_from"]] == ["meters-database"]
    given = {each["name"] for each in container["env"]}
    assert VARIABLES - given == {"METERS_PASSWORD"}
    assert not re.search(r"password:\s*\S", VALUES_FILE.read_text(), re.IGNORECASE)


def test_the_instance_takes_what_the_daemon_is_told(tmp_path: Path) -> None:
    daemon = snake({name: VALUES["dagsterDaemon"][name] for name in ("runMonitoring", "runRetries")})
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump({**daemon, "telemetry": {"enabled": False}}))
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert instance.get_settings("run_monitoring")["max_runtime_seconds"] == 7200
        assert instance.get_settings("run_retries")["max_retries"] == 2


def test_the_most_connections_are_those_that_the_values_tell() -> None:
    runs = VALUES["dagsterDaemon"]["runCoordinator"]["config"]["queuedRunCoordinator"]["maxConcurrentRuns"]
    told = re.search(r"(\d+) x (\d+) x (\d+) = (\d+) connections", VALUES_FILE.read_text())
    assert told is not None
    assert [int(number) for number in told.groups()] == [
        runs,
        MAX_CONCURRENT,
        POOL_SIZE,
        runs * MAX_CONCURRENT * POOL_SIZE,
    ]
