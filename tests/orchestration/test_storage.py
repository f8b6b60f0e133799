"""Where Dagster keeps its own: under KPILOTE_HOME or in PostgreSQL, and what a batch of events leaves in SQLite."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import dagster_postgres
import pytest

from ingestion import settings as settings_module
from orchestration import runs
from orchestration.partitions import cadences
from orchestration.schedules import RANGE_END, RANGE_START
from orchestration.storage import POSTGRES_VARIABLE, BatchingEventLog, Storage

FIRST, LAST, DAYS = "2025-01-01", "2025-03-31", 90


def test_dagster_yaml_keeps_everything_under_the_home(home: Path) -> None:
    with runs.instance() as dagster:
        assert isinstance(dagster.event_log_storage, BatchingEventLog)
        assert dagster.storage_directory().startswith(str(home))
        assert not dagster.telemetry_enabled
    assert (home / "dagster" / "history").is_dir()
    assert not (runs.ROOT / "history").exists()
    assert not (runs.ROOT / ".telemetry").exists()


def test_postgresql_is_chosen_by_one_variable(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(dagster_postgres, "DagsterPostgresStorage", lambda url, inst_data: asked.append(url))
    monkeypatch.setenv(POSTGRES_VARIABLE, "postgresql://dagster@localhost/dagster")
    Storage.from_config_value(None, {})
    assert asked == ["postgresql://dagster@localhost/dagster"]


def test_a_range_of_days_is_stored_day_by_day(home: Path) -> None:
    daily = cadences(settings_module.settings())["daily"].partitions

    @dg.asset(partitions_def=daily, backfill_policy=dg.BackfillPolicy.single_run())
    def days() -> None:
        """Only its events matter."""

    job = dg.Definitions(assets=[days]).resolve_implicit_global_asset_job_def()
    with runs.instance() as dagster:
        done = job.execute_in_process(instance=dagster, tags={RANGE_START: FIRST, RANGE_END: LAST})
        key = dg.AssetKey("days")
        assert done.success
        assert len(dagster.get_materialized_partitions(key)) == DAYS
        newest = dagster.get_latest_materialization_event(key)
        assert newest is not None
        assert newest.dagster_event is not None
        assert newest.dagster_event.partition == LAST
        of_run = dagster.get_records_for_run(done.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION).records
        assert len(of_run) == DAYS
        dagster.delete_run(done.run_id)
        assert dagster.get_runs() == []
