"""Everything Dagster sees of Kpilote: assets, checks, jobs, schedules, the alert sensor and the resources they share.

`dagster dev` and the daemon load `defs`; tests and commands call `build_defs`. Loading needs no credentials: settings
are read, secrets are not.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import dagster as dg

from ingestion.settings import settings
from orchestration import dbt
from orchestration.assets.dbt import model_assets
from orchestration.assets.gates import gate_checks
from orchestration.assets.ingestion import source_assets
from orchestration.assets.serving import serving_assets
from orchestration.environment import end_quietly
from orchestration.jobs import compact_lake, refresh_jobs
from orchestration.partitions import cadences
from orchestration.resources import Warehouse
from orchestration.schedules import refresh_schedules, upkeep_schedule
from orchestration.sensors import alert_sensor

# Backfill policies and pools are what this rests on; the pin of the version answers for their being young.
warnings.filterwarnings("ignore", category=dg.BetaWarning)
warnings.filterwarnings("ignore", category=dg.PreviewWarning)


def build_defs(*, resource_overrides: Mapping[str, Any] | None = None) -> dg.Definitions:
    """The definitions for the settings of this process; tests replace resources by name."""
    now = settings()
    manifest = dbt.manifest(now)
    rhythm = cadences(now)
    pipeline = [*source_assets(now), *model_assets(now, manifest)]
    checks = gate_checks(now, pipeline)
    marts = {key for definition in pipeline for key in definition.keys if key.path[0] == "marts"}
    assets = [*pipeline, *serving_assets(marts, checks, rhythm["daily"])]
    jobs = refresh_jobs(rhythm, assets)
    return dg.Definitions(
        assets=assets,
        asset_checks=checks,
        jobs=[*jobs, compact_lake],
        schedules=[
            *refresh_schedules(rhythm, {job.name: job for job in jobs}),
            upkeep_schedule(compact_lake, now.timezone),
        ],
        sensors=[alert_sensor()],
        # Steps share one process: a process of its own costs a step ten CPU seconds of imports, most steps take less.
        executor=dg.in_process_executor,
        resources={"warehouse": Warehouse(), **(resource_overrides or {})},
    )


end_quietly()
defs = build_defs()
