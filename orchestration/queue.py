"""The queue of runs: Dagster's own, with every pool known before the first run."""

from __future__ import annotations

from dagster import DagsterInstance
from dagster._core.run_coordinator import QueuedRunCoordinator

from ingestion.registry import SOURCES
from orchestration.translators import WAREHOUSE_POOL

POOLS = frozenset({WAREHOUSE_POOL, *SOURCES})


class Queue(QueuedRunCoordinator):
    """Dagster's queue reads the limits of pools before it makes those it lacks, so the first runs that ask for a pool
    start together, whatever its limit (dagster 1.13, seen 2026-11-26 as two refreshes taking turns on the marts).
    """

    def register_instance(self, instance: DagsterInstance) -> None:
        super().register_instance(instance)
        log = instance.event_log_storage
        for pool in sorted(POOLS - {limit.name for limit in log.get_pool_limits()}):
            log.initialize_concurrency_limit_to_default(pool)
