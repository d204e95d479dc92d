"""The meters, each step on whichever worker of Celery is free."""

from examples.celery.broker import executor
from examples.meters.defs import meter_defs

defs = meter_defs(executor())
