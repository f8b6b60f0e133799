"""Days refreshed as one range or day by day: the marts are the same. Days refreshed twice are in
`test_backfill_ui.py` and in `tests/chaos`.
"""

from __future__ import annotations

import datetime as dt
import shutil
from dataclasses import replace
from pathlib import Path

import dagster as dg
import duckdb
import pytest

from ingestion.registry import SOURCES
from orchestration import dbt, runs
from tests.conftest import Home, home_environment, refresh, serving
from tests.orchestration.command import kpilote
from tests.orchestration.marts import contents

NEW_DAYS = 2


@pytest.mark.slow
def test_a_range_by_the_command_equals_the_days_one_by_one(home_copy: Home, tmp_path: Path) -> None:
    other = replace(home_copy, path=tmp_path / "daily", environment=home_environment(tmp_path / "daily"))
    shutil.copytree(home_copy.path, other.path, symlinks=True)
    for day in range(1, NEW_DAYS + 1):
        with serving(other.older(day)) as served:
            refresh(served, "daily", first=served.last_day, last=served.last_day)
    with serving(home_copy.older(NEW_DAYS)) as served:
        first, last = home_copy.until.isoformat(), served.last_day.isoformat()
        done = kpilote(served.environment, "refresh", "--cadence", "daily", "--from", first, "--to", last)
    assert done.exit_code == 0, done.output
    assert f"daily {first} to {last}" in done.output
    assert "gate: raw data" in done.output
    assert contents(home_copy.path) == contents(other.path)
    with home_copy.active(), runs.instance() as dagster:
        newest = dagster.get_runs(limit=1)[0]
    assert newest.job_name == "refresh_daily"
    assert newest.is_success
    assert newest.tags["dagster/asset_partition_range_start"] == first
    assert newest.tags["dagster/asset_partition_range_end"] == last


@pytest.mark.slow
def test_a_week_computed_from_what_a_failed_daily_run_left_is_computed_again(home_copy: Home) -> None:
    """A daily run wrote facts and died before it said so, the weekly run came; then the facts were put right."""
    before = contents(home_copy.path)
    with serving(home_copy) as served:
        for tenfold in (True, False):
            if tenfold:
                with duckdb.connect(str(home_copy.path / "warehouse.duckdb")) as warehouse:
                    warehouse.execute("update marts.fct_spend set amount_reporting = amount_reporting * 10")
            else:
                with served.active() as now:
                    assert dbt.build(now, ["--select", "fct_spend"]).errors == []
            refresh(served, "weekly", first=dt.date(2025, 3, 3), last=dt.date(2025, 3, 24))
            assert (contents(home_copy.path)["kpi_values_week"] != before["kpi_values_week"]) == tenfold


def test_a_run_in_the_foreground_looks_like_any_other(built_home: Home) -> None:
    """Its partitions are materialised, its metadata counts rows, and the UI knows the code location it came from."""
    with built_home.active(), runs.instance() as dagster:
        daily = next(run for run in dagster.get_runs() if run.job_name == "refresh_daily")
        days = (built_home.until - built_home.start).days
        for key in (dg.AssetKey(["ga4", "events"]), dg.AssetKey(["mailchimp", "sends"])):
            assert len(dagster.get_materialized_partitions(key)) == days
        model = dagster.get_latest_materialization_event(dg.AssetKey(["marts", "fct_deals"]))
        table = dagster.get_latest_materialization_event(dg.AssetKey(["hubspot", "deals"]))
    assert daily.remote_job_origin is not None
    assert daily.remote_job_origin.location_name == runs.LOCATION
    assert model is not None
    assert model.asset_materialization is not None
    metadata = model.asset_materialization.metadata
    assert isinstance(metadata["dagster/row_count"].value, int)
    assert metadata["dagster/row_count"].value > 0
    lineage = metadata["dagster/column_lineage"].value
    assert isinstance(lineage, dg.TableColumnLineage)
    assert lineage.deps_by_column["deal_id"]
    assert table is not None
    assert table.asset_materialization is not None
    assert {"rows_loaded", "rows_quarantined", "load_ids", "window"} <= set(table.asset_materialization.metadata)


def test_record_tables_have_no_partitions_and_window_tables_have_days(built_home: Home) -> None:
    with built_home.active(), runs.instance() as dagster:
        for table in SOURCES["mailchimp"].tables.values():
            event = dagster.get_latest_materialization_event(dg.AssetKey(["mailchimp", table.name]))
            assert event is not None
            assert event.dagster_event is not None
            assert (event.dagster_event.partition is not None) == (table.kind == "window")
