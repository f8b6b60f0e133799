"""Whether a run's process still lives, told by a lock that the kernel drops with the process.

Flow: run → shared lock on `$KPILOTE_HOME/dagster/alive/{run_id}` → Dagster's run monitoring asks (`Launcher`), and so
does every command before it starts a run. A process id would not do: a container starts each of its runs under the
same one. What happens to a dead run's data is nobody's business here: the next run finds it in the lake.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dagster import DagsterRun
from dagster._core.launcher import CheckRunHealthResult, DefaultRunLauncher, WorkerStatus

from ingestion.settings import settings

EPITAPH = "The process of this run ended without saying why. Run the range again."


@contextmanager
def alive(run_id: str) -> Iterator[None]:
    """Say that this process works on the run. Shared: the command and the run inside it both say so."""
    path = _path(run_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_SH)
        try:
            yield
        finally:
            with suppress(BlockingIOError):  # the other one still says so
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink(missing_ok=True)


def is_dead(run_id: str) -> bool:
    """Whether a process said that it works on the run, and is gone. Nothing said is no proof: it may be starting."""
    path = _path(run_id)
    try:
        with path.open("rb") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return path.exists()  # removed meanwhile: it ended as it should
    except (FileNotFoundError, BlockingIOError):
        return False


def _path(run_id: str) -> Path:
    return settings().dagster_dir / "alive" / run_id


class Launcher(DefaultRunLauncher):
    """Dagster's own launcher, which cannot tell a dead run from a long one, with the eyes above.

    Without them the slots of a run that died with its code server stay taken until `max_runtime_seconds`.
    """

    @property
    def supports_check_run_worker_health(self) -> bool:
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        if is_dead(run.run_id):
            return CheckRunHealthResult(WorkerStatus.FAILED, EPITAPH)
        return CheckRunHealthResult(WorkerStatus.RUNNING)
