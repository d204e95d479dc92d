"""The meters, a pod for each step; variables of the environment come with the pod, see `values.yaml`."""

from dagster_k8s import k8s_job_executor

from examples.meters.defs import meter_defs

MAX_CONCURRENT = 4
"""Pods of one run at the same time."""

STEP_POD = {
    "container_config": {
        "resources": {"requests": {"cpu": "500m", "memory": "512Mi"}, "limits": {"memory": "1Gi"}},
    },
    # long enough to roll back what is under way
    "pod_spec_config": {"termination_grace_period_seconds": 60},
    # Dagster tries a step again; Kubernetes must not, as it would do so without telling
    "job_spec_config": {"backoff_limit": 0, "ttl_seconds_after_finished": 86400},
}

defs = meter_defs(
    k8s_job_executor.configured(
        {"max_concurrent": MAX_CONCURRENT, "step_k8s_config": STEP_POD, "enable_owner_references": True}, name="k8s"
    )
)
