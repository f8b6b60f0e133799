"""A run whose process is gone is told apart from a long one, and loses its slots."""

from __future__ import annotations

import logging
import os
import signal
from pathlib import Path

import dagster as dg
from dagster._core.test_utils import create_test_daemon_workspace_context
from dagster._core.workspace.load_target import EmptyWorkspaceTarget
from dagster._daemon.monitoring.run_monitoring import execute_run_monitoring_iteration

from orchestration import liveness, runs


@dg.job
def refresh() -> None:
    """Only its runs' statuses matter."""


def worker(run_id: str) -> int:
    """A process that works on a run: its id."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        with liveness.alive(run_id):
            os.write(writing, b"!")
            signal.pause()
        os._exit(0)
    assert os.read(reading, 1) == b"!"
    return child


def kill(process: int) -> None:
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)


def test_only_a_process_that_vanished_leaves_a_dead_run(home: Path) -> None:
    assert not liveness.is_dead("never-started")
    process = worker("killed")
    assert not liveness.is_dead("killed")
    kill(process)
    assert liveness.is_dead("killed")
    with liveness.alive("ended"):
        with liveness.alive("ended"):  # the command, and the run inside it
            assert not liveness.is_dead("ended")
        assert not liveness.is_dead("ended")
    assert not liveness.is_dead("ended")
    assert [path.name for path in (home / "dagster" / "alive").iterdir()] == ["killed"]


def test_a_command_ends_the_runs_of_processes_that_are_gone_and_no_others(home: Path) -> None:
    started = dg.DagsterRunStatus.STARTED
    with runs.instance() as dagster:
        gone, other, mine = (dagster.create_run_for_job(refresh, status=started) for _ in range(3))
        kill(worker(gone.run_id))
        living = worker(other.run_id)
        with liveness.alive(mine.run_id):
            runs.end_orphans(dagster)
        kill(living)
        found = {run.run_id: run.status for run in dagster.get_runs()}
    assert found == {gone.run_id: dg.DagsterRunStatus.FAILURE, other.run_id: started, mine.run_id: started}


def test_the_daemons_monitoring_frees_the_slots_of_a_dead_run_at_its_next_look(home: Path) -> None:
    """With the launcher of dagster.yaml; Dagster's own would wait for `max_runtime_seconds`."""
    with (
        runs.instance() as dagster,
        create_test_daemon_workspace_context(EmptyWorkspaceTarget(), dagster) as workspace,
    ):
        gone, living = (dagster.create_run_for_job(refresh, status=dg.DagsterRunStatus.STARTED) for _ in range(2))
        kill(worker(gone.run_id))
        process = worker(living.run_id)
        assert list(execute_run_monitoring_iteration(workspace, logging.getLogger(__name__))) == [None, None]
        kill(process)
        found = {run.run_id: run.status for run in dagster.get_runs()}
    assert found == {gone.run_id: dg.DagsterRunStatus.FAILURE, living.run_id: dg.DagsterRunStatus.STARTED}
