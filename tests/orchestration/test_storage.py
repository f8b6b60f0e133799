"""Where Dagster keeps its own: under KPILOTE_HOME or in PostgreSQL, and what a batch of events leaves in SQLite."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest
from dagster_postgres import PostgresEventLogStorage

from ingestion import settings as settings_module
from orchestration import runs
from orchestration.partitions import cadences
from orchestration.schedules import RANGE_END, RANGE_START
from orchestration.storage import POSTGRES_VARIABLE, BatchingEventLog

FIRST, LAST, DAYS = "2025-01-01", "2025-03-31", 90


def test_dagster_yaml_keeps_everything_under_the_home(home: Path) -> None:
    with runs.instance() as dagster:
        assert isinstance(dagster.event_log_storage, BatchingEventLog)
        assert dagster.storage_directory().startswith(str(home))
        assert not dagster.telemetry_enabled
    assert (home / "dagster" / "history").is_dir()
    assert not (runs.ROOT / "history").exists()
    assert not (runs.ROOT / ".telemetry").exists()


@pytest.fixture(params=["sqlite", "postgres"])
def kept(request: pytest.FixtureRequest, home: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Dagster keeps its own in this storage."""
    if request.param == "postgres":
        monkeypatch.setenv(POSTGRES_VARIABLE, request.getfixturevalue("postgres"))
    return str(request.param)


def test_one_variable_chooses_postgresql(kept: str, home: Path) -> None:
    with runs.instance() as dagster:
        assert isinstance(dagster.event_log_storage, BatchingEventLog if kept == "sqlite" else PostgresEventLogStorage)
    assert list(home.rglob("runs.db")) == ([] if kept == "postgres" else [home / "dagster" / "history" / "runs.db"])


def test_a_range_of_days_is_stored_day_by_day(kept: str) -> None:
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
