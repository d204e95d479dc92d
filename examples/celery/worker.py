"""What a worker executes: `celery -A examples.celery.worker worker --concurrency 2 -n w1@%h`."""

import os

from dagster_celery.executor import CeleryExecutor
from dagster_celery.make_app import make_app  # pyright: ignore[reportUnknownVariableType] - has no types
from dagster_celery.tasks import create_task  # pyright: ignore[reportUnknownVariableType] - has no types

from examples.celery.broker import BROKER_VARIABLE

broker = os.environ[BROKER_VARIABLE]
app = make_app(CeleryExecutor.for_cli(broker=broker, backend=broker).app_args())  # pyright: ignore[reportUnknownMemberType]
create_task(app)
