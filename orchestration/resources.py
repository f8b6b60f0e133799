"""What the assets share: the warehouse, of which there is one and which one run at a time may write."""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from ingestion.erasure import refuse_while_unfinished
from ingestion.errors import KpiloteError
from ingestion.settings import settings
from orchestration import liveness

LOCK_FILE = "warehouse.lock"


class Warehouse(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The right to write the warehouse for the length of a run.

    The pool `warehouse` orders the runs that Dagster's daemon starts. A run in the foreground (`kpilote refresh`)
    does not pass through the daemon's queue, so every run also holds this lock; the kernel drops it with the process.
    """

    wait_seconds: float = 3600.0

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator["Warehouse"]:
        home = settings().home
        home.mkdir(parents=True, exist_ok=True)
        with liveness.alive(str(context.run_id)), (home / LOCK_FILE).open("w") as handle:
            deadline = time.monotonic() + self.wait_seconds
            said = False
            while True:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise dg.Failure(
                            description=f"another run has held the warehouse for {self.wait_seconds:.0f} s: end it in "
                            "the Dagster UI, then run this one again"
                        ) from None
                    if not said and context.log:
                        context.log.info("another run writes the warehouse: waiting for it to end")
                        said = True
                    time.sleep(0.5)
            try:
                refuse_while_unfinished(settings())
            except KpiloteError as error:
                raise dg.Failure(description=str(error), allow_retries=False) from None
            yield self
