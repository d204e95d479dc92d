"""
Where steps wait for a worker: what those that send steps and those that execute them must have in common.

Both take it from here. `dagster-celery worker start -y celery.yaml` does, too, but writes the address of the broker, with its password, to
a file below DAGSTER_HOME, and takes no notice of a file that is not nested as it expects.
"""

from __future__ import annotations

import dagster as dg
from dagster_celery import celery_executor

BROKER_VARIABLE = "CELERY_BROKER_URL"
"""Name of the variable of the environment that has the address of the broker, such as `redis://:password@host:6379/0`."""


def executor() -> dg.ExecutorDefinition:
    """:returns: Sends each step of a run to the broker; what is stored with a run is the name of the variable, not its value."""
    settings = {"broker": {"env": BROKER_VARIABLE}, "backend": {"env": BROKER_VARIABLE}}
    return celery_executor.configured(settings, name="celery")
