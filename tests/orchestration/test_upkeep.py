"""The lake's weekly upkeep runs as a job of its own and leaves a lake alone that has nothing to exchange."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import dagster as dg
import pytest

from ingestion import compaction, lake
from orchestration.definitions import build_defs
from orchestration.jobs import COMPACT_JOB
from tests.conftest import Home, serving


def test_the_job_exchanges_files_of_old_loads(home_copy: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compaction.compact, "__kwdefaults__", {"kept_loads": 1, "least_files": 2})
    with serving(home_copy) as served, served.active() as now:
        for days in (1, 2):
            lake.pull("ga4", now.start_date, now.start_date + dt.timedelta(days=days), settings=now)
        definitions = build_defs()
        job = definitions.resolve_job_def(COMPACT_JOB)
        assert any(each.name == COMPACT_JOB for each in definitions.schedules or ())
        events = Path(lake.source_url(now, "ga4"), "events")
        before = len(list(events.glob("[0-9]*.parquet")))
        assert job.execute_in_process(instance=dg.DagsterInstance.ephemeral()).success
        assert len(list(events.glob("[0-9]*.parquet"))) < before
        assert list(events.glob("*.compacted-1.parquet"))
