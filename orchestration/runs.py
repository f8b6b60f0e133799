"""A refresh in the foreground: the very job the UI and the schedules start, as one run over a range of partitions.

The run is recorded in Dagster's own storage with the code location it belongs to, so the UI shows it like any other,
with its partitions, and can run it again. It executes in this process, because a process of its own would cost its
imports again.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.definitions.repository_definition import SINGLETON_REPOSITORY_NAME
from dagster._core.execution.api import execute_run_iterator
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.utils import make_new_run_id

from orchestration import liveness
from orchestration.partitions import Cadence
from orchestration.schedules import RANGE_END, RANGE_START, newest
from orchestration.sensors import first_failure

ROOT = Path(__file__).resolve().parents[1]
LOCATION = "kpilote"  # code_location_name of [tool.dagster] in pyproject.toml
MODULE = "orchestration.definitions"
# Called with every event of a run.
Watcher = Callable[[dg.DagsterEvent], None]
UNFINISHED = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.NOT_STARTED]


@dataclass(frozen=True)
class Outcome:
    """How a run ended. `failure` is (step, reason) of the first thing that went wrong."""

    run_id: str
    success: bool
    failure: tuple[str, str] | None = field(default=None)


def instance() -> dg.DagsterInstance:
    """Dagster's instance of this installation: dagster.yaml at the root, everything it stores under KPILOTE_HOME."""
    os.environ["DAGSTER_HOME"] = str(ROOT)
    return dg.DagsterInstance.get()


def due(dagster: dg.DagsterInstance, definitions: dg.Definitions, cadence: Cadence) -> tuple[str, str] | None:
    """The partitions a refresh without dates asks for: from the first one still missing to the newest complete one.

    When none is missing, the newest one again: it is what a schedule's tick would ask for.
    """
    last = newest(cadence)
    if last is None:
        return None
    job = definitions.resolve_job_def(cadence.job_name)
    graph = job.asset_layer.asset_graph
    partitioned = [key for key in job.asset_layer.executable_asset_keys if graph.get(key).partitions_def]
    done = [dagster.get_materialized_partitions(key) for key in partitioned]
    missing = [key for key in cadence.partitions.get_partition_keys() if any(key not in each for each in done)]
    return (missing[0] if missing else last), last


def execute(
    dagster: dg.DagsterInstance, definitions: dg.Definitions, cadence: Cadence, first: str, last: str, watcher: Watcher
) -> Outcome:
    """Run the job of a cadence over the partitions [first, last] and tell the watcher what happens."""
    job = definitions.resolve_job_def(cadence.job_name)
    run_id = make_new_run_id()
    with liveness.alive(run_id):
        run = dagster.create_run_for_job(
            job_def=job,
            run_id=run_id,
            tags={**job.tags, RANGE_START: first, RANGE_END: last},
            remote_job_origin=origin(cadence.job_name),
        )
        for event in execute_run_iterator(InMemoryJob(job), run, dagster):
            watcher(event)
    ended = dagster.get_run_by_id(run.run_id)
    if ended is not None and ended.is_success:
        return Outcome(run.run_id, success=True)
    return Outcome(run.run_id, success=False, failure=first_failure(ended or run, dagster))


def end_orphans(dagster: dg.DagsterInstance) -> None:
    """Fail the runs whose process is gone (killed, power cut), or they would look alive and hold their slots."""
    for run in dagster.get_runs(dg.RunsFilter(statuses=UNFINISHED)):
        if liveness.is_dead(run.run_id):
            dagster.report_run_failed(run, liveness.EPITAPH)


def origin(job_name: str) -> RemoteJobOrigin:
    """The job as the code location of this installation has it: what lets the UI show a run and the queue start it."""
    location = ManagedGrpcPythonEnvCodeLocationOrigin(LoadableTargetOrigin(module_name=MODULE), LOCATION)
    return RemoteJobOrigin(RemoteRepositoryOrigin(location, SINGLETON_REPOSITORY_NAME), job_name)
