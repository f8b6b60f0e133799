"""Two refreshes never share the marts, not even the first two that a new installation is asked for at once."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon

from ingestion.settings import reload
from orchestration import runs
from orchestration.definitions import build_defs
from orchestration.environment import variables
from orchestration.partitions import cadences
from tests.conftest import home_environment


def test_the_queue_of_a_new_installation_starts_one_refresh_at_a_time(tmp_path: Path) -> None:
    with variables(home_environment(tmp_path / "home")):
        settings, definitions = reload(), build_defs()
        with runs.instance() as dagster:
            for name in ("weekly", "daily", "monthly"):
                job = definitions.resolve_job_def(cadences(settings)[name].job_name)
                dagster.create_run_for_job(
                    job_def=job, status=dg.DagsterRunStatus.QUEUED, remote_job_origin=runs.origin(job.name)
                )
            queue = QueuedRunCoordinatorDaemon(interval_seconds=5)
            started = queue._get_runs_to_dequeue(dagster, dagster.get_concurrency_config(), None)
    assert [run.job_name for run in started] == ["refresh_weekly"]
