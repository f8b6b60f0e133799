"""The scheduler daemon over the real code location, its clock moved: a tick of each cadence queues the right run."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from dagster._core.instance import DagsterInstance
from dagster._core.test_utils import create_test_daemon_workspace_context, freeze_time, instance_for_test
from dagster._core.workspace.load_target import ModuleTarget
from dagster._daemon.daemon import get_default_daemon_logger
from dagster._scheduler.scheduler import launch_scheduled_runs

from orchestration.environment import variables
from orchestration.runs import LOCATION, MODULE, ROOT
from tests.conftest import home_environment

PARIS = ZoneInfo("Europe/Paris")
# Thursday 1 January 2026 is the first of a month and of a quarter; Monday 5 January begins a week.
TICKS = [
    (dt.datetime(2026, 1, 1, 6, tzinfo=PARIS), "refresh_daily", "2025-12-31"),
    (dt.datetime(2026, 1, 1, 8, tzinfo=PARIS), "refresh_monthly", "2025-12-01"),
    (dt.datetime(2026, 1, 1, 9, tzinfo=PARIS), "refresh_quarterly", "2025-10-01"),
    (dt.datetime(2026, 1, 5, 7, tzinfo=PARIS), "refresh_weekly", "2025-12-29"),
]
MINUTE = dt.timedelta(minutes=1)


@pytest.mark.slow
def test_the_daemon_queues_the_partition_that_just_ended(tmp_path: Path) -> None:
    target = ModuleTarget(module_name=MODULE, attribute=None, working_directory=str(ROOT), location_name=LOCATION)
    settings = {"run_coordinator": {"module": "dagster._core.run_coordinator", "class": "QueuedRunCoordinator"}}
    with (
        variables(home_environment(tmp_path / "home")),
        instance_for_test(temp_dir=str(tmp_path), overrides=settings) as instance,
        create_test_daemon_workspace_context(target, instance) as workspace,
    ):
        for moment, job, partition in TICKS:
            known = {run.run_id for run in instance.get_runs()}
            for clock in (moment - MINUTE, moment + MINUTE):  # the daemon looks once before the tick is due, once after
                with freeze_time(clock):
                    list(launch_scheduled_runs(workspace, get_default_daemon_logger("scheduler"), clock, {}))
            assert queued(instance, known, job) == [partition]


def queued(instance: DagsterInstance, known: set[str], job: str) -> list[str]:
    """Partitions of the job's runs that were not there before."""
    runs = [run for run in instance.get_runs() if run.run_id not in known and run.job_name == job]
    return [run.tags["dagster/partition"] for run in runs]
