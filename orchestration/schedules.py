"""The tick of each cadence, in the reporting time zone, and what it asks for."""

from collections.abc import Mapping
from datetime import datetime

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from orchestration.partitions import Cadence

RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"


def refresh_schedules(
    cadences: Mapping[str, Cadence], jobs: Mapping[str, UnresolvedAssetJobDefinition]
) -> list[dg.ScheduleDefinition]:
    """One schedule per cadence, running from the first start of the daemon."""
    return [_schedule(cadence, jobs[cadence.job_name]) for cadence in cadences.values()]


def _schedule(cadence: Cadence, job: UnresolvedAssetJobDefinition) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=cadence.job_name,
        job=job,
        cron_schedule=cadence.cron,
        execution_timezone=str(cadence.partitions.timezone),
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Asks for the {cadence.period} that just ended.",
    )
    def tick(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        key = newest(cadence, context.scheduled_execution_time)
        if key is None:
            return dg.SkipReason(f"no {cadence.period} since KPILOTE_START_DATE is over yet")
        # The key makes a tick that is evaluated twice (daemon restarted) one run.
        return dg.RunRequest(run_key=f"{cadence.name}:{key}", partition_key=key)

    return tick


def upkeep_schedule(job: dg.JobDefinition, timezone: str) -> dg.ScheduleDefinition:
    """The lake's upkeep, once a week in the small hours, when nothing else is due."""
    return dg.ScheduleDefinition(
        name=job.name,
        job=job,
        cron_schedule="0 3 * * 0",
        execution_timezone=timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Exchanges many small files of the lake for few large ones.",
    )


def newest(cadence: Cadence, now: datetime | None = None) -> str | None:
    """Key of the newest complete period at a moment (default: now)."""
    with dg.partition_loading_context(effective_dt=now):
        return cadence.partitions.get_last_partition_key()
