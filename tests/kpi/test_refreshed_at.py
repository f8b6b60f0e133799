"""A run that changes nothing changes no row; a changed fact refreshes its own cells and no others."""

import shutil
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from tests.kpi.built import PROJECT, Built, dbt

pytestmark = pytest.mark.slow


def _cells(warehouse: Path) -> pd.DataFrame:
    key = "kpi, period_start, dimension, dimension_value"
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        return connection.execute(f"select * from marts.kpi_values_month order by {key}").df()


def test_refreshed_at_is_when_a_cell_first_said_so(built: Built, tmp_path: Path) -> None:
    warehouse = tmp_path / "warehouse.duckdb"
    shutil.copy(built.settings.warehouse_path, warehouse)
    settings = built.settings.model_copy(update={"home": tmp_path})
    before = _cells(warehouse)

    def run() -> pd.DataFrame:
        target = built.settings.dbt_target_dir  # parsed already
        assert dbt(settings, PROJECT, "run", "--select", "kpi_values_month", target=target).success
        return _cells(warehouse)

    pd.testing.assert_frame_equal(run(), before)

    with duckdb.connect(str(warehouse)) as connection:
        connection.execute(
            "update marts.fct_spend set amount_reporting = amount_reporting + 1 "
            "where spend_id = (select min(spend_id) from marts.fct_spend where date_day = date '2026-02-01')"
        )
    after = run()
    newer = after["refreshed_at"] > before["refreshed_at"]
    changed = after[newer]
    # February's cost, and March's comparison with it.
    assert set(changed["kpi"]) <= {"cac", "cpl", "romi"} and not changed.empty
    assert set(changed["period_start"].dt.strftime("%Y-%m")) == {"2026-02", "2026-03"}
    same = [column for column in after.columns if column != "refreshed_at"]
    pd.testing.assert_frame_equal(after.loc[~newer, same], before.loc[~newer, same])
