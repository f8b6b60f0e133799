"""A run that changes nothing changes no row; a changed fact refreshes its own cells, those compared with them, those
whose trailing window it is in, and no others."""

import shutil
from dataclasses import replace
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from tests.kpi.built import Built, run

pytestmark = pytest.mark.slow


MODELS = ("int_kpi__fact_days", "int_kpi__periods", "kpi_values_month")


@pytest.fixture
def copied(built: Built, tmp_path: Path) -> Built:
    """The built warehouse in a home of its own, to be changed."""
    shutil.copy(built.settings.warehouse_path, tmp_path / "warehouse.duckdb")
    return replace(built, settings=built.settings.model_copy(update={"home": tmp_path}))


def _run(copied: Built, *arguments: str) -> pd.DataFrame:
    """The months as a run leaves them."""
    run(copied.settings, "run", *arguments, "--select", *MODELS)
    return _cells(copied.settings.warehouse_path)


def _change(copied: Built, statement: str) -> None:
    with duckdb.connect(str(copied.settings.warehouse_path)) as connection:
        connection.execute(statement)


def _cells(warehouse: Path) -> pd.DataFrame:
    key = "kpi, period_start, dimension, dimension_value"
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        return connection.execute(f"select * from marts.kpi_values_month order by {key}").df()


def _computed(after: pd.DataFrame, before: pd.DataFrame) -> set[str]:
    """Months that were computed again."""
    now, then = (cells.groupby("period_start")["period_fingerprint"].first() for cells in (after, before))
    return set(now.index[now != then].strftime("%Y-%m"))


def test_refreshed_at_is_when_a_cell_first_said_so(copied: Built) -> None:
    before = _cells(copied.settings.warehouse_path)
    pd.testing.assert_frame_equal(_run(copied), before)

    _change(
        copied,
        "update marts.fct_spend set amount_reporting = amount_reporting + 1 "
        "where spend_id = (select min(spend_id) from marts.fct_spend where date_day = date '2026-02-01')",
    )
    after = _run(copied)
    newer = after["refreshed_at"] > before["refreshed_at"]
    changed = after[newer]
    # February's cost, and March's comparison with it.
    assert set(changed["kpi"]) <= {"cac", "cpl", "romi"} and not changed.empty
    assert set(changed["period_start"].dt.strftime("%Y-%m")) == {"2026-02", "2026-03"}
    assert _computed(after, before) == {"2026-02", "2026-03"}
    same = [column for column in after.columns if column not in {"refreshed_at", "period_fingerprint"}]
    pd.testing.assert_frame_equal(after.loc[~newer, same], before.loc[~newer, same])


def test_a_deal_is_in_the_trailing_window_of_later_months(copied: Built) -> None:
    before = _cells(copied.settings.warehouse_path)
    _change(
        copied,
        "update marts.fct_deals set closed_date = null, is_won = false "
        "where deal_id = (select min(deal_id) from marts.fct_deals where is_won and closed_date = "
        "(select min(closed_date) from marts.fct_deals where is_won and closed_date >= date '2026-02-01'))",
    )
    after = _run(copied)
    computed = _computed(after, before)
    # Without the window: February, and March for its comparison. The others are where the deal was created.
    assert {"2026-02", "2026-03", "2026-04", "2026-05"} <= computed
    assert "2025-11" not in computed
    pd.testing.assert_frame_equal(
        after.drop(columns="refreshed_at"), _run(copied, "--full-refresh").drop(columns="refreshed_at")
    )


def test_periods_come_and_go_with_the_data_and_are_compared_with_the_year_before(copied: Built) -> None:
    covered = "update intermediate.int_lake__coverage set data_from = date '{}'"
    _change(copied, covered.format("2025-01-01"))
    run(copied.settings, "run", "--select", "dim_dates")
    before = _run(copied)
    assert set(before["period_start"].dt.strftime("%Y-%m")) >= {"2025-01", "2025-10", "2026-04"}

    _change(copied, "update marts.fct_spend set date_day = date '2025-03-10' where date_day = date '2025-12-10'")
    after = _run(copied)
    # Where the spend went, where it was, and each month that is compared with one of these.
    assert _computed(after, before) == {"2025-03", "2025-04", "2026-03", "2025-12", "2026-01"}

    _change(copied, covered.format("2026-02-01"))
    run(copied.settings, "run", "--select", "dim_dates")
    fewer = _run(copied)
    assert set(fewer["period_start"].dt.strftime("%Y-%m")) == {"2026-02", "2026-03", "2026-04", "2026-05"}
    pd.testing.assert_frame_equal(
        fewer.drop(columns="refreshed_at"), _run(copied, "--full-refresh").drop(columns="refreshed_at")
    )
