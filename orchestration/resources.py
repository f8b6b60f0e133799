"""What the assets share: the warehouse, of which there is one and which one run at a time may write."""

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

import dagster as dg

from ingestion.erasure import refuse_while_unfinished
from ingestion.errors import KpiloteError
from ingestion.settings import Settings, settings
from orchestration import liveness
from serving import files

LOCK_FILE = "warehouse.lock"
# Tag of a run: since when it has had the warehouse, and its id, because Dagster hands tags on to a re-execution.
SINCE = "kpilote/warehouse_since"
WAIT_SECONDS = 3600.0


def held(
    now: Settings, *, wait_seconds: float = WAIT_SECONDS, waiting: Callable[[], None] = lambda: None
) -> AbstractContextManager[None]:
    """The warehouse and the lake to oneself: no refresh, erasure or exchange of files runs meanwhile.

    Raises files.LockTimeoutError when another process does not let go.
    """
    return files.locked(now.home / LOCK_FILE, wait_seconds=wait_seconds, waiting=waiting)


def since(run: dg.DagsterRun) -> float | None:
    """When the run got the warehouse, Unix seconds; None while it waits, or when it never got it."""
    moment, _, run_id = run.tags.get(SINCE, "").partition(" ")
    return dt.datetime.fromisoformat(moment).timestamp() if run_id == run.run_id else None


class Warehouse(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The right to write the warehouse for the length of a run.

    The pool `warehouse` orders the runs that Dagster's daemon starts. A run in the foreground (`kpilote refresh`)
    does not pass through the daemon's queue, so every run also holds this lock; the kernel drops it with the process.
    """

    wait_seconds: float = WAIT_SECONDS

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator["Warehouse"]:
        def say() -> None:
            if context.log:
                context.log.info("another run writes the warehouse: waiting for it to end")

        with liveness.alive(str(context.run_id)), ExitStack() as lock:
            try:
                lock.enter_context(held(settings(), wait_seconds=self.wait_seconds, waiting=say))
                refuse_while_unfinished(settings())
            except files.LockTimeoutError:
                raise dg.Failure(
                    description=f"another run has held the warehouse for {self.wait_seconds:.0f} s: end it in "
                    "the Dagster UI, then run this one again"
                ) from None
            except KpiloteError as error:
                raise dg.Failure(description=str(error), allow_retries=False) from None
            if context.instance:
                now = dt.datetime.now(dt.UTC).isoformat()
                context.instance.add_run_tags(str(context.run_id), {SINCE: f"{now} {context.run_id}"})
            yield self
