"""Partitions of a run, each recorded as materialized as soon as it is stored, so that a process that dies leaves them recorded."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

NO_MORE_EVENTS = "__source_asset_observation__"
"""
Metadata of an output for which Dagster records no event, as the step has recorded all of them itself.

Without it, Dagster would record all partitions of the run a second time when the step ends. It has no public name for this; a version
that did not know the key would record them twice, which `test_dagster_resume.py` would tell.
"""

CODE_VERSION_TAG = "dagster/code_version"
DATA_VERSION_TAG = "dagster/data_version"
INPUT_VERSION_TAG = "dagster/input_data_version"
INPUT_EVENT_TAG = "dagster/input_event_pointer"
DIMENSION_TAG = "dagster/partition"

UNKNOWN_VERSION = "INITIAL"
NO_EVENT = "NULL"
"""What Dagster writes for an input of which nothing is recorded."""

RESUME_TAGS = ("dagster/is_resume_retry", "dagster/is_asset_resume_retry")
"""One of them is on a run that goes on where another one failed."""


def provenance_tags(instance: dg.DagsterInstance, spec: dg.AssetSpec) -> dict[str, str]:
    """:returns: Tags from which Dagster tells whether an asset is behind its code or its inputs, as it writes them itself."""
    code = spec.code_version or ""
    found = {dep.asset_key: (UNKNOWN_VERSION, NO_EVENT) for dep in spec.deps}
    for record in instance.get_asset_records(list(found)):
        entry = record.asset_entry
        last = entry.last_materialization_record or entry.last_observation_record
        if last is None:
            continue
        event = last.asset_event
        version = ((event.tags if event is not None else None) or {}).get(DATA_VERSION_TAG, UNKNOWN_VERSION)
        found[entry.asset_key] = (version, str(last.storage_id))
    inputs = sorted((key.to_user_string(), version, event) for key, (version, event) in found.items())
    text = "".join([code, *(version for _, version, _ in inputs)])
    tags = {CODE_VERSION_TAG: code, DATA_VERSION_TAG: hashlib.sha256(text.encode()).hexdigest()}
    for name, version, event in inputs:
        tags[f"{INPUT_VERSION_TAG}/{name}"] = version
        tags[f"{INPUT_EVENT_TAG}/{name}"] = event
    return tags


def attempts(context: dg.AssetExecutionContext) -> Iterator[str]:
    """:returns: Runs whose partitions need not be loaded again: this one if its step is tried again, and those that it goes on from."""
    if context.op_execution_context.retry_number:
        yield context.run.run_id
    run = context.run
    while run.parent_run_id is not None and any(run.tags.get(tag) == "true" for tag in RESUME_TAGS):
        parent = context.instance.get_run_by_id(run.parent_run_id)
        if parent is None:
            return
        yield parent.run_id
        run = parent


def stored_before(context: dg.AssetExecutionContext, key: dg.AssetKey) -> frozenset[str]:
    """:returns: Keys of the partitions of an asset that earlier attempts of this run have stored."""
    return frozenset(
        str(entry.dagster_event.partition)
        for run_id in attempts(context)
        for entry in context.instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
        if entry.dagster_event is not None and entry.dagster_event.asset_key == key
    )


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """
    Records the partitions of one asset, in one step.

    :param tags: See `provenance_tags`.
    """

    spec: dg.AssetSpec
    tags: Mapping[str, str] = field(default_factory=dict[str, str])

    def event(self, partition: str, metadata: Mapping[str, Any]) -> dg.AssetMaterialization:
        """:returns: What to yield to Dagster when a partition is stored."""
        definition = self.spec.partitions_def
        tags = self.tags
        if isinstance(definition, dg.MultiPartitionsDefinition):
            key = definition.get_partition_key_from_str(partition)
            # by these, Dagster knows the dimensions again when it reads the event
            dimensions = {f"{DIMENSION_TAG}/{name}": value for name, value in key.keys_by_dimension.items()}
            partition, tags = key, {**tags, **dimensions}
        return dg.AssetMaterialization(self.spec.key, partition=partition, metadata=metadata, tags=tags)

    def end(self) -> dg.MaterializeResult[Any]:
        """:returns: What to yield to Dagster when all partitions are recorded, so that the steps below can begin."""
        return dg.MaterializeResult(asset_key=self.spec.key, metadata={NO_MORE_EVENTS: True})
